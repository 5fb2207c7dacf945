"""Write what a transformer gives into an array that exists already, on disk for instance."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted

from skimgfeat._base import ImageFeatures
from skimgfeat._validation import check_integer

_OWNER = "transform_into"
# A batch's input and output together: enough work for every processor, little beside a machine's memory.
_BATCH_BYTES = 32 << 20


def _check_out(out, n_samples):
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{_OWNER}: out must be a NumPy array or memory map, got {type(out).__name__}.")
    if not out.flags.writeable:
        raise ValueError(f"{_OWNER}: out is read-only; open a memory map with mode='r+' or 'w+'.")
    if out.ndim < 2 or len(out) != n_samples:
        raise ValueError(
            f"{_OWNER}: out must have a row for each of the {n_samples} items of X, got shape {out.shape}."
        )


def _check_rows(owner, rows, n_items, out):
    """Return what ``transform`` gave for n_items as an array that fits into out."""
    if isinstance(rows, (list, tuple)):
        raise TypeError(f"{_OWNER}: {owner} must give an array of rows or images, got a {type(rows).__name__}.")
    rows = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    if rows.shape[:1] != (n_items,):
        raise ValueError(f"{_OWNER}: {owner} must give one row an item, got shape {rows.shape} for {n_items} items.")
    if rows.shape[1:] != out.shape[1:]:
        raise ValueError(
            f"{_OWNER}: {owner} gives {rows.shape[1:]} values an item; "
            f"out must have shape {(len(out), *rows.shape[1:])}, got {out.shape}."
        )
    rounds = out.dtype.kind == "f" and rows.dtype.kind in "buif"
    if not rounds and not np.can_cast(rows.dtype, out.dtype, "safe"):
        raise TypeError(f"{_OWNER}: {owner} gives {rows.dtype} values, which out of dtype {out.dtype} cannot hold.")
    return rows


def _fills_rows_of(estimator, out):
    """Return whether an extractor can work on the rows of out where they are, which saves a copy."""
    return (
        type(estimator).transform is ImageFeatures.transform
        and out.dtype == np.float32
        and out.flags.c_contiguous
        and out.shape[1:] == (estimator._n_features_out,)
    )


def transform_into(estimator, X, out, *, batch_size=None):
    """Write ``estimator.transform(X)`` into ``out``, batch by batch.

    Only one batch is held in memory at a time, so that X and ``out`` may both be memory maps larger than it.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Fitted; its rows must not depend on each other. Dense, sparse and data frame outputs are taken.
    X : array-like of n_samples items
        Whatever ``estimator.transform`` takes and can be sliced: an array, a memory map, a list, a data frame, a
        sparse matrix in CSR format.
    out : ndarray of shape (n_samples, n_columns), or (n_samples, rows, cols[, channels]) for steps that return images
        Writeable, a ``numpy.memmap`` for instance. Its type must be floating or hold every value of the transformer's
        own; floats may be narrower than the transformer's, which rounds.
    batch_size : int or None, default=None
        Number of items transformed at a time. None is as many as take 32 MB, input and output together, judged by
        the first item of X; give it where the items of X differ much in size, or the transformer needs much more.

    Returns
    -------
    out : ndarray
        The array given. A memory map is not flushed.

    Raises
    ------
    TypeError
        For an estimator without ``transform``, an ``out`` that is no array or whose type cannot hold the values, or a
        transformer that returns something other than rows or images.
    ValueError
        For an ``out`` that is read-only or of the wrong shape, or an estimator that changes the number of rows.
        All this is checked before the first batch is written. What ``estimator.transform`` raises passes through,
        and leaves the batches before it written.
    sklearn.exceptions.NotFittedError
        For an estimator that is not fitted.

    See Also
    --------
    Resize, HOG, HandcraftedFeatures : Transformers whose output can be larger than memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skimgfeat import Flatten, transform_into
    >>> images = np.random.default_rng(0).random((1000, 8, 8), dtype=np.float32)
    >>> flatten = Flatten().fit(images[:1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = np.lib.format.open_memmap(
    ...         Path(folder) / "pixels.npy", mode="w+", dtype=np.float32, shape=(len(images), 64)
    ...     )
    ...     transform_into(flatten, images, out).shape
    (1000, 64)
    """
    if not callable(getattr(estimator, "transform", None)):
        raise TypeError(f"{_OWNER}: estimator must have a transform method, got {estimator!r}.")
    check_is_fitted(estimator)
    n_samples = _num_samples(X)
    _check_out(out, n_samples)
    if batch_size is None:
        item_bytes = np.asarray(_safe_indexing(X, slice(0, 1))).nbytes
        batch_size = max(1, _BATCH_BYTES // max(1, item_bytes + out[:1].nbytes))
    batch_size = check_integer(_OWNER, "batch_size", batch_size, minimum=1)
    for batch in gen_batches(n_samples, batch_size):
        items = _safe_indexing(X, batch)
        if _fills_rows_of(estimator, out):
            estimator._transform(items, out[batch])
            continue
        rows = estimator.transform(items)
        out[batch] = _check_rows(type(estimator).__name__, rows, batch.stop - batch.start, out)
    return out
