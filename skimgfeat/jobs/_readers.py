"""What a job folder holds: features, account, integrity."""

import os

import numpy as np

from skimgfeat._validation import check_choice
from skimgfeat.io import atomic_write
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.jobs._account import add_up
from skimgfeat.jobs._folder import ITEM_COLUMNS, ITEMS, JOB, MANIFEST, JobFolder, chunk_name
from skimgfeat.jobs._table_files import as_wide_table, write_csv_rows

_OWNER = "load_features"
_KINDS = ("numpy", "memmap", "pandas", "polars")
_MEMMAP = "features.npy"


def load_account(output):
    """Read what became of every item of a run, finished or not.

    Parameters
    ----------
    output : path-like
        The job folder.

    Returns
    -------
    account : Account
        From the chunks that are written; its ``seconds`` are 0.

    Raises
    ------
    FileNotFoundError
        Where there is no job folder.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat import Flatten, extract
    >>> from skimgfeat.jobs import load_account
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "pixels")
    ...     _ = extract(Flatten(), np.zeros((9, 2, 2)), output)
    ...     load_account(output).ok
    9
    """
    folder, job = _open(output)
    return add_up(folder.path, job["n_items"], map(folder.read_summary, folder.chunk_numbers()))


def load_features(output, *, to="numpy", return_items=False):
    """Read the features of a finished run.

    Parameters
    ----------
    output : path-like
        The job folder.
    to : {"numpy", "memmap", "pandas", "polars"}, default="numpy"
        "numpy" is an array in memory. "memmap" is one on disk, opened read-only, which ``features.npy`` in the job
        folder is written for once. "pandas" and "polars" are frames with the columns of the items and one a feature.
    return_items : bool, default=False
        Whether to return the columns of the items besides; a frame has them in any case.

    Returns
    -------
    features : ndarray or memmap of shape (n_rows, n_features), float32, or data frame
        A row an item, in order; NaN for items that failed. With ``on_error="skip"``, those have no row.
    items : dict of str to ndarray
        ``index``, ``status``, ``code``, ``message`` and, where there are, ``image_path``, ``image_name``, ``item_id``
        and ``label``. Only with ``return_items=True`` and an array.

    Raises
    ------
    FileNotFoundError
        Where there is no job folder.
    ValueError
        For a run that is not finished, or a chunk that is damaged.
    ImportError
        Without pyarrow, or the library of the frame.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat import Flatten, extract, load_features
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "pixels")
    ...     _ = extract(Flatten(), np.arange(12.0).reshape(3, 2, 2), output)
    ...     features, items = load_features(output, return_items=True)
    >>> features[-1], items["status"][-1]
    (array([ 8.,  9., 10., 11.], dtype=float32), 'ok')
    """
    check_choice(_OWNER, "to", to, _KINDS)
    folder, job = open_finished(_OWNER, output)
    if to in ("pandas", "polars"):
        return _load_frame(folder, job, to)
    features = _map_features(folder, job) if to == "memmap" else _stack_features(folder, job)
    return (features, _load_items(folder)) if return_items else features


def verify(output):
    """Recompute the hashes of a run and read every page of its files with its checksum.

    Parameters
    ----------
    output : path-like
        The job folder.

    Returns
    -------
    problems : list of str
        A sentence each; empty where everything is right.

    Raises
    ------
    FileNotFoundError
        Where there is no job folder.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat import Flatten, extract
    >>> from skimgfeat.jobs import verify
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "pixels")
    ...     _ = extract(Flatten(), np.zeros((9, 2, 2)), output)
    ...     print(verify(output))
    ...     os.truncate(os.path.join(output, "chunks", "c-000000.parquet"), 100)
    ...     print(len(verify(output)))
    []
    1
    """
    folder = _find(output)
    if not folder.exists(MANIFEST):
        return [f"the run is not finished: {MANIFEST} is missing"]
    try:
        manifest = folder.read_json(MANIFEST)
        hashes = {file["file"]: file["sha256"] for file in manifest["files"]}
        told = {name: manifest["account"][name] for name in _COUNTS}
    except (ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST} cannot be read: {type(error).__name__} {error}"]
    numbers = folder.chunk_numbers()
    present = {JOB, *(name for name in (ITEMS,) if folder.exists(name)), *map(chunk_name, numbers)}
    problems = [f"{name} is missing" for name in sorted(hashes.keys() - present)]
    problems += [f"{name} is not in the manifest" for name in sorted(present - hashes.keys())]
    for name in sorted(hashes.keys() & present):
        if folder.sha256(name) != hashes[name]:
            problems.append(f"{name} has changed since it was written")
        elif name != JOB:
            problems += _read_problems(folder, name)
    if not problems:
        n_items = folder.read_json(JOB)["n_items"]
        counted = add_up(folder.path, n_items, map(folder.read_summary, numbers)).to_dict()
        problems += [
            f"{MANIFEST} tells of {told[name]} {name}, the chunks of {counted[name]}"
            for name in _COUNTS
            if told[name] != counted[name]
        ]
    return problems


def write_csv(output, path):
    """Write the items and features of a finished run as one CSV file.

    Parameters
    ----------
    output : path-like
        The job folder.
    path : path-like
        The file; it appears when it is complete.

    Raises
    ------
    FileNotFoundError
        Where there is no job folder.
    ValueError
        For a run that is not finished.

    Notes
    -----
    Numbers have the nine digits that give float32 back. Texts that a spreadsheet would take for a formula begin with an
    apostrophe.

    Examples
    --------
    >>> import os, pathlib, tempfile
    >>> import numpy as np
    >>> from skimgfeat import Flatten, extract
    >>> from skimgfeat.jobs import write_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output, path = os.path.join(folder, "pixels"), os.path.join(folder, "pixels.csv")
    ...     _ = extract(Flatten(), np.full((1, 1, 2), 0.5), output)
    ...     write_csv(output, path)
    ...     print(pathlib.Path(path).read_text().splitlines())
    ['index,status,code,message,pixel_r0_c0,pixel_r0_c1', '0,ok,,,0.5,0.5']
    """
    folder, job = open_finished("write_csv", output)
    chunks = (folder.read_table(chunk_name(number)) for number in folder.chunk_numbers())
    with atomic_write(path) as file:
        write_csv_rows(file, ((_items_of(table), _rows(table, job)) for table in chunks), job["features"]["names"])


_COUNTS = ("listed", "ok", "partial", "error", "skipped")


def _find(output):
    folder = JobFolder(output)
    if not folder.exists(JOB):
        raise FileNotFoundError(2, f"there is no job folder: {JOB} is missing", folder.path)
    return folder


def _open(output):
    folder = _find(output)
    return folder, folder.read_json(JOB)


def open_finished(owner, output):
    folder, job = _open(output)
    if not folder.exists(MANIFEST):
        raise ValueError(
            f"{owner}: the run in {folder.path!r} is not finished ({load_account(output)}); resume it first."
        )
    if job["features"]["kind"] != "rows":
        raise ValueError(f"{owner}: {folder.path!r} holds descriptors, not rows; open it with DescriptorStore.")
    return folder, job


def _items_of(table):
    return table.select([name for name in ITEM_COLUMNS if name in table.column_names])


def _rows(table, job):
    if not job["features"]["wide"]:
        values = table["features"].combine_chunks().values
        return values.to_numpy().reshape(-1, len(job["features"]["names"]))
    return np.column_stack([table[name].to_numpy() for name in job["features"]["names"]])


def _iter_rows(folder, job):
    for number in folder.chunk_numbers():
        yield _rows(folder.read_table(chunk_name(number)), job)


def _stack_features(folder, job):
    return np.concatenate(list(_iter_rows(folder, job)))


def _map_features(folder, job):
    """Return features.npy as a memory map, written first where it is not there."""
    if folder.is_remote:
        raise ValueError(
            f"{_OWNER}: only a file on a disk can be mapped into memory, and {folder.path!r} is an address."
        )
    path = folder.place(_MEMMAP)
    if not os.path.exists(path):
        account = load_account(folder.path)
        n_rows = account.listed - (account.error if job["settings"]["on_error"] == "skip" else 0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, len(job["features"]["names"]))}
        with atomic_write(path) as file:
            np.lib.format.write_array_header_2_0(file, header)
            for rows in _iter_rows(folder, job):
                file.write(np.ascontiguousarray(rows, dtype="<f4").data)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _load_items(folder):
    pa = import_pyarrow(_OWNER)
    items = pa.concat_tables([_items_of(folder.read_table(chunk_name(number))) for number in folder.chunk_numbers()])
    return {name: items[name].to_numpy() for name in items.column_names}


def _load_frame(folder, job, kind):
    pa = import_pyarrow(_OWNER)
    parts = []
    for number in folder.chunk_numbers():
        table = folder.read_table(chunk_name(number))
        parts.append(as_wide_table(_items_of(table), _rows(table, job), job["features"]["names"]))
    table = pa.concat_tables(parts)
    if kind == "pandas":
        return table.to_pandas()
    import polars

    return polars.from_arrow(table)


def _read_problems(folder, name):
    """Return what is wrong with a Parquet file; nothing where every page can be read."""
    pa = import_pyarrow("verify")
    try:
        folder.read_table(name)
    except (pa.ArrowException, OSError) as error:
        return [f"{name} cannot be read: {error}"]
    return []
