"""What a job folder holds: features or images, account, integrity."""

import os

import numpy as np

from skimgfeat._validation import check_choice
from skimgfeat.io import atomic_write
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.jobs._account import add_up, sum_accounts
from skimgfeat.jobs._folder import ITEMS, JOB, MANIFEST, MODEL_INFO, JobFolder, chunk_name
from skimgfeat.jobs._layouts import descr_to_dtype
from skimgfeat.jobs._table_files import as_wide_table, write_csv_rows

_OWNER = "load_features"
_KINDS = ("numpy", "memmap", "pandas", "polars")
# What is written once to be mapped into memory.
_MEMMAPS = {"rows": "features.npy", "images": "images.npy"}


def load_account(output):
    """Read what became of every item of a run, finished or not.

    Parameters
    ----------
    output : path-like
        The job folder, or a store of descriptors.

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
    folder = JobFolder(output)
    return sum_accounts(folder.path, [account_of(part) for part in _parts(folder)])


def account_of(folder):
    """Return the account of one run."""
    n_items = folder.read_json(JOB)["n_items"]
    return add_up(folder.path, n_items, map(folder.read_summary, folder.chunk_numbers()))


def load_features(output, *, to="numpy", return_items=False):
    """Read the features, or the images, of a finished run.

    Parameters
    ----------
    output : path-like
        The job folder.
    to : {"numpy", "memmap", "pandas", "polars"}, default="numpy"
        "numpy" is an array in memory. "memmap" is one on disk, opened read-only, which ``features.npy`` or
        ``images.npy`` in the job folder is written for once. "pandas" and "polars" are frames with the columns of the
        items and one a feature; not for images.
    return_items : bool, default=False
        Whether to return the columns of the items besides; a frame has them in any case.

    Returns
    -------
    features : ndarray or memmap of shape (n_rows, n_features), float32, or data frame
        A row an item, in order; NaN for items that failed. With ``on_error="skip"``, those have no row. Of a run with
        ``layout="images"``, the images, an array of shape (n_rows, rows, cols) or (n_rows, rows, cols, channels) with
        their own type; 0 for items that failed.
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
    in_frame = to in ("pandas", "polars")
    folder, job = open_finished(_OWNER, output, takes_images=not in_frame)
    if in_frame:
        return _load_frame(folder, job, to)
    features = _map_features(folder, job) if to == "memmap" else _stack_features(folder, job)
    return (features, _load_items(folder, job)) if return_items else features


def verify(output):
    """Recompute the hashes of a run and read every page of its files with its checksum.

    Parameters
    ----------
    output : path-like
        The job folder, or a store of descriptors.

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
    folder = JobFolder(output)
    return [
        f"{part.path[len(folder.path) + 1 :]}: {problem}" if part.path != folder.path else problem
        for part in _parts(folder)
        for problem in _find_problems(part)
    ]


def _find_problems(folder):
    """Return what is wrong with one run, a sentence each."""
    if not folder.exists(MANIFEST):
        return [f"the run is not finished: {MANIFEST} is missing"]
    try:
        manifest = folder.read_json(MANIFEST)
        hashes = {file["file"]: file["sha256"] for file in manifest["files"]}
        told = {name: manifest["account"][name] for name in _COUNTS}
    except (ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST} cannot be read: {type(error).__name__} {error}"]
    numbers = folder.chunk_numbers()
    present = {JOB, *filter(folder.exists, (ITEMS, MODEL_INFO)), *map(chunk_name, numbers)}
    problems = [f"{name} is missing" for name in sorted(hashes.keys() - present)]
    problems += [f"{name} is not in the manifest" for name in sorted(present - hashes.keys())]
    for name in sorted(hashes.keys() & present):
        if folder.sha256(name) != hashes[name]:
            problems.append(f"{name} has changed since it was written")
        elif name not in (JOB, MODEL_INFO):
            problems += _read_problems(folder, name)
    if not problems:
        counted = account_of(folder).to_dict()
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
        write_csv_rows(file, ((_items_of(table, job), _rows(table, job)) for table in chunks), job["features"]["names"])


def iter_chunks(owner, output):
    """Yield (items, rows) for each chunk of a finished run: a dict of lists, and their features or images."""
    folder, job = open_finished(owner, output, takes_images=True)
    for number in folder.chunk_numbers():
        table = folder.read_table(chunk_name(number))
        yield _items_of(table, job).to_pydict(), _rows(table, job)


_COUNTS = ("listed", "ok", "partial", "error", "skipped")


def _parts(folder):
    """Return the job folders that a folder is, or that a store is made of."""
    parts = folder.parts()
    if not parts:
        raise _missing(folder)
    return parts


def _missing(folder):
    return FileNotFoundError(2, f"there is no job folder: {JOB} is missing", folder.path)


def _open(output):
    folder = JobFolder(output)
    if not folder.exists(JOB):
        raise _missing(folder)
    return folder, folder.read_json(JOB)


def open_finished(owner, output, *, takes_images=False):
    """Return the folder of a finished run and what was asked of it; raise ValueError where it has no rows."""
    folder, job = _open(output)
    if not folder.exists(MANIFEST):
        raise ValueError(
            f"{owner}: the run in {folder.path!r} is not finished ({load_account(output)}); resume it first."
        )
    folder.check_chunks(owner)
    if job["features"]["kind"] == "ragged":
        raise ValueError(f"{owner}: {folder.path!r} holds descriptors, not rows; open it with DescriptorStore.")
    if job["features"]["kind"] == "images" and not takes_images:
        raise ValueError(f"{owner}: {folder.path!r} holds images, not columns; read them with load_features.")
    return folder, job


def _items_of(table, job):
    """Return the columns of the items in a chunk."""
    features = job["features"]["names"] if job["features"].get("wide") else ["features", "image"]
    return table.drop_columns([name for name in features if name in table.column_names])


def _form(job):
    """Return the type of what an item has, and its shape."""
    features = job["features"]
    if features["kind"] == "images":
        return descr_to_dtype(features["descr"]), tuple(features["shape"])
    return np.dtype("<f4"), (len(features["names"]),)


def _rows(table, job):
    """Return the features or images of a chunk."""
    dtype, shape = _form(job)
    if job["features"]["kind"] == "images":
        images = np.zeros((len(table), *shape), dtype)
        for place, value in enumerate(table["image"]):
            if value.is_valid:
                images[place] = np.frombuffer(value.as_buffer(), dtype).reshape(shape)
        return images
    if not job["features"]["wide"]:
        values = table["features"].combine_chunks().values
        return values.to_numpy().reshape(-1, *shape)
    return np.column_stack([table[name].to_numpy() for name in job["features"]["names"]])


def _iter_rows(folder, job):
    for number in folder.chunk_numbers():
        yield _rows(folder.read_table(chunk_name(number)), job)


def _stack_features(folder, job):
    return np.concatenate(list(_iter_rows(folder, job)))


def _map_features(folder, job):
    """Return the features or images as a memory map, its file written first where it is not there."""
    if folder.is_remote:
        raise ValueError(
            f"{_OWNER}: only a file on a disk can be mapped into memory, and {folder.path!r} is an address."
        )
    path = folder.place(_MEMMAPS[job["features"]["kind"]])
    if not os.path.exists(path):
        account = load_account(folder.path)
        n_rows = account.listed - (account.error if job["settings"]["on_error"] == "skip" else 0)
        dtype, shape = _form(job)
        descr = np.lib.format.dtype_to_descr(dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (n_rows, *shape)}
        with atomic_write(path) as file:
            np.lib.format.write_array_header_2_0(file, header)
            for rows in _iter_rows(folder, job):
                file.write(np.ascontiguousarray(rows, dtype=dtype).data)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _load_items(folder, job):
    pa = import_pyarrow(_OWNER)
    chunks = map(folder.read_table, map(chunk_name, folder.chunk_numbers()))
    items = pa.concat_tables([_items_of(chunk, job) for chunk in chunks])
    return {name: items[name].to_numpy() for name in items.column_names}


def _load_frame(folder, job, kind):
    pa = import_pyarrow(_OWNER)
    parts = []
    for number in folder.chunk_numbers():
        table = folder.read_table(chunk_name(number))
        parts.append(as_wide_table(_items_of(table, job), _rows(table, job), job["features"]["names"]))
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
