"""Rows made ready for distances, and short stand-ins for long ones."""

from typing import NamedTuple

import numpy as np

from skimgfeat._parallel import iter_batches, run_batches
from skimgfeat._threads import one_blas_thread

METRICS = ("euclidean", "cosine")
DTYPES = [np.float64, np.float32, np.uint8]
# A projection is sought where there are at least so many rows and columns, from so many of the rows.
_LEAST_ROWS = 4096
_LEAST_COLUMNS = 128
# It keeps a part of the columns, at most so many, and leaves out this part of the variance.
_LARGEST_PART = 6
_MOST_COMPONENTS = 512
_LEFT_OUT = 0.04
# Rows are moved where their center is so many times as far from zero as they are from it: the rounding of products goes
# by distances from zero.
_FAR = 4
# Beyond, squares leave float32.
_LARGEST = 1e15
# Longer rows than this, NumPy's buffer, einsum sums in one order among others and in another alone.
_SUMMED_AT_ONCE = 8192
# Of shorter rows, squares leave float64.
_SHORT = 1e-140


def check_rows(owner, values, name="X"):
    """Return rows that scikit-learn has checked, contiguous and in the machine's byte order, if not too large."""
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    for block in _blocks(values) if values.dtype.kind == "f" else ():
        largest = max(float(values[block].max()), -float(values[block].min()))
        if largest > _LARGEST:
            raise ValueError(
                f"{owner}: {name} holds values too large to compute with, up to {largest:g}; divide them first."
            )
    return values


class Projection(NamedTuple):
    """A point, and orthonormal axes through it as columns, both float64; without axes, rows are moved only."""

    center: np.ndarray
    axes: np.ndarray | None


class Rows(NamedTuple):
    """Rows, and for each what distances to it need.

    With u and v the rows times their ``scale``, and e the ``missing`` of both together, half the squared distance is
    ``((u - v) ** 2).sum() / 2 + e``. For "euclidean", the scale is 1 and nothing is missing. For "cosine", it brings a
    row to unit length, so that half the squared distance is 1 minus the cosine; a row of zeros, or so short that
    float64 holds no such scale, becomes zeros, and misses the half that makes it 1 to everything.

    ``stand_ins``, float32 or None, are short rows, by :func:`_project`, in place of u: half their squared distance,
    plus e, is never larger. ``bias`` is half the squared length of the stand-in, or else of u, plus ``missing``.
    """

    values: np.ndarray
    scale: np.ndarray
    missing: np.ndarray
    bias: np.ndarray
    stand_ins: np.ndarray | None

    def take(self, chosen):
        """Return some of the rows."""
        return Rows._make(None if part is None else part[chosen] for part in self)

    def extend(self, others):
        """Return these rows, then others."""
        pairs = zip(self, others, strict=True)
        return Rows._make(None if first is None else np.concatenate([first, second]) for first, second in pairs)


def prepare(values, metric, projection=None, n_jobs=None):
    """Return the Rows of an array of uint8, float32 or float64, with stand-ins where there is a projection."""
    scale, missing, bias = np.ones(len(values)), np.zeros(len(values)), np.full(len(values), 0.5)
    for block in _blocks(values):
        exact = values[block].astype(np.float64)
        if metric == "cosine":
            scale[block] = _scales_to_unit_length(exact)
        else:
            bias[block] = sum_squares(exact) / 2
    missing[scale == 0] = 0.5
    if projection is None:
        return Rows(values, scale, missing, bias, None)
    stand_ins = _project(values, scale, projection, n_jobs)
    bias = np.einsum("ij,ij->i", stand_ins, stand_ins, dtype=np.float64) / 2 + missing
    return Rows(values, scale, missing, bias, stand_ins)


def sum_squares(rows):
    """Return the sum of the squares of each row, the same bits whatever rows stand beside it.

    A matrix product would not, whose order of summation hangs on its shape.
    """
    sums = np.zeros(len(rows), rows.dtype)
    for start in range(0, rows.shape[1], _SUMMED_AT_ONCE):
        part = rows[:, start : start + _SUMMED_AT_ONCE]
        sums += np.einsum("ij,ij->i", part, part)
    return sums


def _scales_to_unit_length(rows):
    """Return what brings each row of float64 to unit length; 0 where there is no such number."""
    lengths = np.sqrt(sum_squares(rows))
    short = np.flatnonzero(lengths < _SHORT)
    tiny = np.finfo(np.float64).tiny
    largest = np.abs(rows[short]).max(axis=1).clip(tiny)
    lengths[short] = largest * np.sqrt(sum_squares(rows[short] / largest[:, np.newaxis]))
    return np.divide(1, lengths, out=np.zeros(len(rows)), where=lengths >= tiny)


def to_distances(halves, metric):
    """Return distances from halves of their squares."""
    return halves if metric == "cosine" else np.sqrt(2 * halves)


def find_projection(values, metric):
    """Return the Projection that makes products quick, or bounds close, or None where none does.

    Which one it is changes no distance, only how many have to be settled one by one.
    """
    sample = prepare(np.ascontiguousarray(values[:: max(1, len(values) // _LEAST_ROWS)]), metric)
    rows = (sample.values * sample.scale[:, np.newaxis]).astype(np.float32)
    center = rows.mean(axis=0, dtype=np.float64)
    rows -= center.astype(np.float32)
    variance = np.einsum("ij,ij->", rows, rows, dtype=np.float64)
    axes = None
    if len(values) >= _LEAST_ROWS and values.shape[1] >= _LEAST_COLUMNS:
        axes = _axes_that_keep_enough(rows)
    is_far = center @ center * len(rows) > _FAR**2 * variance
    return Projection(center, axes) if axes is not None or (is_far and values.dtype != np.float64) else None


def _axes_that_keep_enough(rows):
    """Return principal axes of centered rows that leave next to nothing of their variance out; None if too many do."""
    # To a scale that sums of squares bear in float32; it turns no axis.
    rows = rows / max(np.abs(rows).max(), np.finfo(np.float32).tiny)
    variance = np.einsum("ij,ij->", rows, rows, dtype=np.float64)
    with one_blas_thread():
        axes = _principal_axes(rows, min(_MOST_COMPONENTS, rows.shape[1] // _LARGEST_PART))
        kept = np.cumsum(((rows @ axes) ** 2).sum(axis=0, dtype=np.float64))
    n_axes = int(np.searchsorted(kept, (1 - _LEFT_OUT) * variance)) + 1
    if n_axes > len(kept):
        return None
    # Orthonormal to float64's precision, which the bounds count on.
    return np.linalg.qr(axes[:, :n_axes].astype(np.float64))[0]


def _principal_axes(rows, n_axes):
    """Return about the first principal axes of centered rows, the largest first: two rounds of subspace iteration."""
    axes = np.random.default_rng(0).standard_normal((rows.shape[1], n_axes)).astype(np.float32)
    for _ in range(2):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    projected = rows @ axes
    return axes @ np.linalg.eigh(projected.T @ projected)[1][:, ::-1]


def _project(values, scale, projection, n_jobs):
    """Return the stand-ins of rows: their coordinates along the axes, then their distance from the axes' plane.

    The distances of two rows from the plane differ by no more than what the axes leave out of the rows' difference, so
    that stand-ins are never farther from each other than the rows. Without axes, coordinates are those of the columns,
    and the plane is everywhere.
    """
    n_axes = values.shape[1] if projection.axes is None else projection.axes.shape[1]
    out = np.empty((len(values), n_axes + 1), dtype=np.float32)
    blocks = list(_blocks(values))

    def fill(part):
        for block in blocks[part]:
            rows = values[block] * scale[block, np.newaxis]
            rows -= projection.center
            if projection.axes is None:
                out[block, :-1], out[block, -1] = rows, 0
                continue
            along = rows @ projection.axes
            out[block, :-1] = along
            out[block, -1] = np.sqrt(np.maximum(sum_squares(rows) - sum_squares(along), 0))

    with one_blas_thread():
        run_batches(fill, len(blocks), bytes_per_item=1 << 30, n_jobs=n_jobs)
    return out


def _blocks(values):
    """Return slices of as many rows as are converted to float64 at a time."""
    return iter_batches(len(values), bytes_per_item=8 * values.shape[1])
