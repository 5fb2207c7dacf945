"""Summed products of rows, from which principal components are exact in one pass."""

import numpy as np
from sklearn.utils.extmath import svd_flip

# Rows of one matrix product. uint8 values less 128 are -128 to 127, so a sum of so many products of two of them is at
# most 2**24: float32 holds it, and every sum on the way to it, exactly.
BLOCK_ROWS = 1024
_MIDDLE = 128.0


def row_blocks(n_rows, size=BLOCK_ROWS):
    """Yield slices that cover ``range(n_rows)``, each of up to ``size`` rows."""
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def cast_and_subtract(rows, shift, buffer):
    """Return ``rows - shift`` in the first rows of ``buffer``, rounded to its type, which is that of ``shift``.

    A buffer for all blocks, since fresh memory costs as much as the arithmetic; and cast first where that loses
    nothing, since NumPy subtracts mixed types half as fast.
    """
    out = buffer[: len(rows)]
    if np.can_cast(rows.dtype, out.dtype):
        out[...] = rows
        rows = out
    return np.subtract(rows, shift, out=out, casting="same_kind")


class Moments:
    """Number, sums and summed products of the rows seen, all less a shift that keeps rounding small.

    Whole numbers of uint8 are summed exactly: their moments are the same bits whatever the order and the batches.
    Floats are summed in float64, less the mean of the first rows.
    """

    def __init__(self, n_features):
        self.n_rows = 0
        self._shift = np.zeros(n_features)
        self._sums = np.zeros(n_features)
        self._products = np.zeros((n_features, n_features))

    def update(self, rows):
        """Add rows, an array of shape (n, n_features) of uint8, float32 or float64."""
        if self.n_rows == 0:
            self._shift[:] = _MIDDLE if rows.dtype == np.uint8 else rows[:BLOCK_ROWS].mean(axis=0, dtype=float)
        is_exact = rows.dtype == np.uint8 and np.all(self._shift == _MIDDLE)
        dtype = np.float32 if is_exact else np.float64
        shift = self._shift.astype(dtype)
        buffer = np.empty((min(len(rows), BLOCK_ROWS), rows.shape[1]), dtype=dtype)
        for block in row_blocks(len(rows)):
            shifted = cast_and_subtract(rows[block], shift, buffer)
            self._sums += np.ones(len(shifted), dtype) @ shifted
            self._products += shifted.T @ shifted
        self.n_rows += len(rows)

    @property
    def mean(self):
        """Mean of the rows."""
        return self._shift + self._sums / self.n_rows

    def covariance(self, *, ddof):
        """Return the summed products about the mean, divided by ``n_rows - ddof``; zeros for one row."""
        products = self._products - np.outer(self._sums, self._sums / self.n_rows)
        return products / max(1, self.n_rows - ddof)

    def rounding(self):
        """Return the variance, divided by ``n_rows``, that rounding may leave where there is none."""
        n_features = len(self._sums)
        return 4 * np.finfo(float).eps * n_features * self._products.diagonal().max() / self.n_rows


def principal_components(moments):
    """Return all principal components of the rows, by falling variance.

    Parameters
    ----------
    moments : Moments
        Of at least one row.

    Returns
    -------
    components : ndarray of shape (n_features, n_features)
        Unit vectors, one a row; the entry of largest magnitude is positive.
    variances : ndarray of shape (n_features,)
        Along them, divided by n - 1.
    """
    variances, vectors = np.linalg.eigh(moments.covariance(ddof=1))
    _, components = svd_flip(None, vectors[:, ::-1].T, u_based_decision=False)
    return components, np.maximum(variances[::-1], 0)
