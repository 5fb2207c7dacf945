"""Distributions of projected rows: of all rows in bounded memory, and of a sample of them."""

from functools import lru_cache

import numpy as np

from skimgfeat.descriptors._moments import BLOCK_ROWS, cast_and_subtract, row_blocks

# A value t, in units of its component's spread, is counted in the bin of 1 + |t| among the floating-point numbers of
# 11 fraction bits: bins as wide as 2**-11 where |t| < 1, twice as wide where |t| < 3, and so on. No row of n lies
# more than sqrt(n) spreads from the mean: 16 octaves are enough for four billion rows.
_FRACTION_BITS = 11
_OCTAVES = 16
_FARTHEST = 2**_OCTAVES - 2
_HALF = _OCTAVES << _FRACTION_BITS
_DROPPED_BITS = 23 - _FRACTION_BITS
_ONE = 127 << _FRACTION_BITS


@lru_cache(maxsize=1)
def _bin_centers():
    """Return the middle of each of the 2 * _HALF bins, in units of the spread."""
    edges = ((np.arange(_HALF + 1, dtype=np.int32) + _ONE) << _DROPPED_BITS).view(np.float32).astype(float) - 1
    centers = (edges[:-1] + edges[1:]) / 2
    return np.concatenate([-centers[::-1], centers])


def _bin_indices(values):
    """Return the bin of each value, which is in units of the spread."""
    magnitudes = np.abs(values).astype(np.float32, copy=False)
    np.minimum(magnitudes, _FARTHEST, out=magnitudes)
    magnitudes += 1
    bins = magnitudes.view(np.int32)
    bins >>= _DROPPED_BITS
    bins -= _ONE
    # ~bin is -1 - bin: the mirror image.
    bins ^= -(values < 0).view(np.int8)
    bins += _HALF
    return bins


def _suits_float32(spread):
    """Tell whether float32 projects rows to well within a bin, whose size is that of the smallest spread."""
    rounding = np.finfo(np.float32).eps * np.linalg.norm(spread)
    return bool(rounding < spread[spread > 0].min(initial=np.inf) * 2.0 ** -(_FRACTION_BITS + 6))


def _extremes(values):
    """Return the smallest and the largest value of each column, of rows whose number is a multiple of 16."""
    # NumPy reduces short rows slowly.
    long = values.reshape(-1, 16 * values.shape[1])
    return tuple(
        reduce(reduce(long, axis=0).reshape(16, -1), axis=0) for reduce in (np.minimum.reduce, np.maximum.reduce)
    )


def _unit_weights(components, spread):
    """Return (n_features, n_components) weights that project to units of the spread; 0 where there is none."""
    return np.divide(components.T, spread, out=np.zeros(components.T.shape), where=spread > 0)


def nearest_levels(values, lower, upper, n_steps):
    """Return values clipped to lower ... upper and rounded to the nearest of n_steps + 1 levels between them."""
    step = (upper - lower) / n_steps
    codes = np.divide(values - lower, step, out=np.zeros_like(values), where=step > 0)
    return lower + np.clip(np.rint(codes), 0, n_steps) * step


class ProjectionHistogram:
    """Counts of projected rows in bins that are finer near the mean: a quarter of a megabyte a component.

    Rows are projected in blocks of one size, whatever the batches they come in: how they come changes no bit.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        What is taken from a row before it is projected.
    components : ndarray of shape (n_components, n_features)
        The axes.
    spread : ndarray of shape (n_components,)
        Standard deviation along them, which sets the unit of the bins. A component with 0 is constant.
    exact_ends : bool, default=True
        Whether the smallest and the largest value must be exact. Otherwise, rows are projected in float32 where its
        rounding is small beside a bin, for twice the speed.
    """

    def __init__(self, mean, components, spread, *, exact_ends=True):
        self._spread = spread
        weights = _unit_weights(components, spread)
        dtype = np.float64 if exact_ends or not _suits_float32(spread) else np.float32
        # float32 holds the center exactly, so that both precisions subtract the same numbers.
        self._center = np.float32(mean).astype(dtype)
        self._offset = ((self._center - mean) @ weights).astype(dtype)
        self._weights = weights.astype(dtype)
        # Four bytes, for the same four billion rows: of fewer counts, more stay near a core.
        self._counts = np.zeros((len(spread), 2 * _HALF), dtype=np.uint32)
        self._smallest = np.full(len(spread), np.inf)
        self._largest = np.full(len(spread), -np.inf)
        self._block = np.empty((BLOCK_ROWS, len(mean)), dtype=dtype)
        self._n_waiting = self._n_counted = 0

    @property
    def n_rows(self):
        """Number of rows seen."""
        return self._n_counted + self._n_waiting

    def update(self, rows):
        """Count rows, an array of shape (n, n_features)."""
        while len(rows):
            waiting = self._block[self._n_waiting :]
            self._n_waiting += len(cast_and_subtract(rows[: len(waiting)], self._center, waiting))
            rows = rows[len(waiting) :]
            if self._n_waiting == BLOCK_ROWS:
                self._count_waiting()

    def _count_waiting(self):
        """Count the rows of the block."""
        if self._n_waiting == 0:
            return
        n_rows, self._n_waiting = self._n_waiting, 0
        self._n_counted += n_rows
        # Any row of the block will do beyond them: a product of another shape might round otherwise.
        self._block[n_rows:] = self._block[0]
        values = self._block @ self._weights
        values += self._offset
        smallest, largest = _extremes(values)
        np.minimum(self._smallest, smallest, out=self._smallest)
        np.maximum(self._largest, largest, out=self._largest)
        first_bins = np.arange(len(self._counts)) * self._counts.shape[1]
        np.add.at(self._counts.reshape(-1), (_bin_indices(values[:n_rows]) + first_bins).ravel(), np.uint32(1))

    def _bins(self, index):
        """Return the bins of one component: the values that stand for them, in units of the spread, and counts."""
        smallest, largest = self._smallest[index], self._largest[index]
        first, last = _bin_indices(np.array([smallest, largest]))
        values = np.clip(_bin_centers()[first : last + 1], smallest, largest)
        return values, self._counts[index, first : last + 1].astype(np.int64)

    def percentiles(self, percentages):
        """Return the percentiles of each component as ``numpy.percentile`` defines them, (n, n_components).

        Off by up to 2**-12 * (spread + abs(percentile)), half a bin, and the rounding of the projection.
        """
        self._count_waiting()
        ranks = np.asarray(percentages, dtype=float) / 100 * (self.n_rows - 1)
        below = np.floor(ranks).astype(int)
        above = np.ceil(ranks).astype(int)
        found = np.empty((len(ranks), len(self._counts)))
        for index in range(len(self._counts)):
            values, counts = self._bins(index)
            cumulative = np.cumsum(counts)
            ends = [
                self._at_rank(rank, index, values[np.searchsorted(cumulative, rank, side="right")])
                for rank in (below, above)
            ]
            found[:, index] = ends[0] + (ends[1] - ends[0]) * (ranks - below)
        return found * self._spread

    def _at_rank(self, rank, index, values):
        values = np.where(rank == 0, self._smallest[index], values)
        return np.where(rank == self.n_rows - 1, self._largest[index], values)

    def loss(self, lower, upper, n_steps):
        """Return the mean squared error of rounding to levels, summed over components, and the fraction clipped.

        Each value counts as the middle of its bin.
        """
        self._count_waiting()
        error, n_clipped = 0.0, 0
        for index, spread in enumerate(self._spread):
            values, counts = self._bins(index)
            values *= spread
            rounded = nearest_levels(values, lower[index], upper[index], n_steps)
            error += counts @ (values - rounded) ** 2
            n_clipped += int(counts[(values < lower[index]) | (values > upper[index])].sum())
        return error / self.n_rows, n_clipped / (self.n_rows * len(self._counts))


class ProjectionSample:
    """Projected rows of a sample: what :class:`ProjectionHistogram` tells, exactly.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        The sample.
    mean, components, spread : ndarrays
        As for :class:`ProjectionHistogram`.
    """

    def __init__(self, rows, mean, components, spread):
        weights = np.where(spread > 0, components.T, 0)
        self._values = np.empty((len(rows), len(spread)))
        for block in row_blocks(len(rows)):
            self._values[block] = np.subtract(rows[block], mean, dtype=float) @ weights

    def percentiles(self, percentages):
        """Return the percentiles of each component, (n, n_components)."""
        return np.percentile(self._values, percentages, axis=0)

    def loss(self, lower, upper, n_steps):
        """Return the mean squared error of rounding to levels, summed over components, and the fraction clipped."""
        error, n_clipped = 0.0, 0
        for block in row_blocks(len(self._values)):
            values = self._values[block]
            error += ((values - nearest_levels(values, lower, upper, n_steps)) ** 2).sum()
            n_clipped += int(np.count_nonzero((values < lower) | (values > upper)))
        return error / len(self._values), n_clipped / self._values.size


class Reservoir:
    """A uniform sample of the rows seen so far (Vitter's algorithm R), independent of how they came in batches.

    Parameters
    ----------
    size : int
        Largest number of rows kept.
    n_features : int
        Number of columns.
    random : numpy.random.RandomState
        Where the draws come from.
    """

    def __init__(self, size, n_features, random):
        self.n_rows = 0
        self._size = size
        self._random = random
        # The type of the rows seen, which is at least that of bytes.
        self._kept = np.empty((0, n_features), dtype=np.uint8)

    def __getstate__(self):
        # The room that is left holds whatever was in memory.
        return self.__dict__ | {"_kept": self.rows}

    @property
    def rows(self):
        """The sample, of shape (min(n_rows, size), n_features)."""
        return self._kept[: self.n_rows]

    def update(self, rows):
        """Offer rows, an array of shape (n, n_features)."""
        n_taken = min(len(rows), max(0, self._size - self.n_rows))
        self._make_room(min(self.n_rows + n_taken, self._size), rows.dtype)
        self._kept[self.n_rows : self.n_rows + n_taken] = rows[:n_taken]
        self.n_rows += n_taken
        rows = rows[n_taken:]
        # Row i replaces one of the rows kept with probability size / (i + 1); later rows replace earlier ones.
        numbers = self.n_rows + np.arange(1, len(rows) + 1)
        places = (self._random.random_sample(len(rows)) * numbers).astype(np.int64)
        drawn = np.flatnonzero(places < self._size)
        self._kept[places[drawn]] = rows[drawn]
        self.n_rows += len(rows)

    def _make_room(self, n_rows, dtype):
        """Let the buffer hold n_rows rows and values of dtype; it doubles, up to the size."""
        kept = self._kept
        dtype = np.result_type(kept.dtype, dtype)
        if n_rows > len(kept) or dtype != kept.dtype:
            capacity = len(kept) if n_rows <= len(kept) else min(self._size, max(n_rows, 2 * len(kept)))
            self._kept = np.empty((capacity, kept.shape[1]), dtype=dtype)
            self._kept[: len(kept)] = kept
