"""Features to a file, batch by batch."""

import os
import zipfile
from pathlib import Path

import numpy as np

from skimgfeat._validation import check_integer
from skimgfeat.io._files import atomic_write
from skimgfeat.io._parquet import import_pyarrow, rows_as_table, side_by_side

_OWNER = "write_features"
_LABEL_COLUMN = "label"


def write_features(path, batches, *, feature_names, n_samples, y=None):
    """Write rows of features to an ``.npy``, ``.npz`` or Parquet file, never holding more than a batch.

    The file appears under its name when it is complete (see :func:`atomic_write`): where ``batches`` raises, or the
    rows are not as many or as wide as said, nothing is left behind and an older file stays as it was.

    Parameters
    ----------
    path : path-like
        The end of the name chooses the format:

        - ``.npy``: the rows as one float32 array. It has no place for names or labels.
        - ``.npz``: the arrays ``X``, ``feature_names`` and, with labels, ``y``; not compressed.
        - ``.parquet``: a float32 column a feature and, with labels, a last column ``label``; a row group a batch, so
          batches of some thousand rows read back fastest; a checksum a page. Needs pyarrow.
    batches : iterable of array-like of shape (n_rows, n_features)
        The rows, in order; stored as float32.
    feature_names : sequence of str of length n_features
        The columns' names, each once.
    n_samples : int
        How many rows the batches hold together.
    y : array-like of shape (n_samples,) or None, default=None
        Labels: numbers or strings.

    Raises
    ------
    TypeError
        For names that are not strings, or ``n_samples`` that is no integer.
    ValueError
        For another suffix, labels with ``.npy``, labels or rows that do not fit ``n_samples`` and ``feature_names``,
        a name given twice.
    ImportError
        For Parquet without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat.io import write_features
    >>> rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "features.npz")
    ...     write_features(path, [rows[:2], rows[2:]], feature_names=["a", "b"], n_samples=3, y=[1, 0, 1])
    ...     with np.load(path) as stored:
    ...         print(stored["X"].shape, stored["y"], stored["feature_names"])
    (3, 2) [1 0 1] ['a' 'b']
    """
    path = Path(os.fsdecode(path))
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(f"{_OWNER}: the file must end in {', '.join(_WRITERS)}, got {str(path)!r}.")
    n_samples = check_integer(_OWNER, "n_samples", n_samples, minimum=0)
    names = _check_names(feature_names)
    if y is not None:
        y = _check_labels(y, n_samples)
    with atomic_write(path) as file:
        writer(file, _check_batches(batches, n_samples, len(names)), names, n_samples, y)


def _check_names(feature_names):
    names = list(feature_names)
    wrong = [name for name in names if not isinstance(name, str)]
    if isinstance(feature_names, str) or wrong:
        raise TypeError(
            f"{_OWNER}: feature_names must be a sequence of strings, got {(wrong or [feature_names])[0]!r}."
        )
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"{_OWNER}: feature_names must name each column once, got {len(names)} names, "
            f"{len(set(names))} of them different."
        )
    return names


def _check_labels(y, n_samples):
    y = np.asarray(y)
    if y.dtype == object and all(isinstance(label, str) for label in y.flat):
        y = y.astype(str)
    if y.shape != (n_samples,) or y.dtype.kind not in "biufU":
        raise ValueError(
            f"{_OWNER}: y must hold a number or string for each of the {n_samples} rows, "
            f"got an array of shape {y.shape} and dtype {y.dtype}."
        )
    return y.astype(y.dtype.newbyteorder("="), copy=False)


def _check_batches(batches, n_samples, n_features):
    """Yield each batch as contiguous float32 rows; raise ValueError where they are not as many or as wide as said."""
    n_rows = 0
    for batch in batches:
        rows = np.ascontiguousarray(batch, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != n_features:
            raise ValueError(
                f"{_OWNER}: a batch must be of shape (n_rows, {n_features}), a column a feature name, got {rows.shape}."
            )
        n_rows += len(rows)
        if n_rows > n_samples:
            raise ValueError(
                f"{_OWNER}: the batches hold more than the n_samples={n_samples} rows that were announced."
            )
        yield rows
    if n_rows < n_samples:
        raise ValueError(f"{_OWNER}: the batches ended after {n_rows} of n_samples={n_samples} rows.")


def _write_npy(file, batches, names, n_samples, y):
    if y is not None:
        raise ValueError(f"{_OWNER}: an .npy file has no place for labels; write .npz or .parquet, or leave y out.")
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_samples, len(names))}
    np.lib.format.write_array_header_1_0(file, header)
    for rows in batches:
        file.write(rows.astype("<f4", copy=False).data)


def _write_npz(file, batches, names, n_samples, y):
    arrays = {"feature_names": np.array(names)} | ({} if y is None else {"y": y})
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("X.npy", "w", force_zip64=True) as member:
            _write_npy(member, batches, names, n_samples, None)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_parquet(file, batches, names, n_samples, y):
    pa = import_pyarrow(_OWNER)
    if y is not None and _LABEL_COLUMN in names:
        raise ValueError(f"{_OWNER}: no feature may be named {_LABEL_COLUMN!r}, the column of the labels.")
    labels = pa.table({} if y is None else {_LABEL_COLUMN: pa.array(y)})
    no_rows = rows_as_table(np.empty((0, len(names)), np.float32), names)
    schema = side_by_side(no_rows, labels.slice(0, 0)).schema
    start = 0
    with pa.parquet.ParquetWriter(file, schema, use_dictionary=False, write_page_checksum=True) as writer:
        for rows in batches:
            table = side_by_side(rows_as_table(rows, names), labels.slice(start, len(rows)))
            start += len(rows)
            writer.write_table(table, row_group_size=max(1, len(rows)))


_WRITERS = {".npy": _write_npy, ".npz": _write_npz, ".parquet": _write_parquet}
