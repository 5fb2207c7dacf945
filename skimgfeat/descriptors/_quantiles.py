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
    magnitudes = np.abs(values).astype(np.float32)
    np.minimum(magnitudes, _FARTHEST, out=magnitudes)
    magnitudes += 1
    bins = magnitudes.view(np.int32)
    bins >>= _DROPPED_BITS
    bins -= _ONE
    # ~bin is -1 - bin: the mirror image.
    bins ^= -(values < 0).view(np.int8)
    bins += _HALF
    return bins


def _unit_weights(components, spread):
    """Return (n_features, n_components) weights that project to units of the spread; 0 where there is none."""
    return np.divide(components.T, spread, out=np.zeros(components.T.shape), where=spread > 0)


def nearest_levels(values, lower, upper, n_steps):
    """Return values clipped to lower ... upper and rounded to the nearest of n_steps + 1 levels between them."""
    step = (upper - lower) / n_steps
    codes = np.divide(values - lower, step, out=np.zeros_like(values), where=step > 0)
    return lower + np.clip(np.rint(codes), 0, n_steps) * step


class ProjectionHistogram:
    """Counts of projected rows in bins that are finer near the mean: half a megabyte a component.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        What is taken from a row before it is projected.
    components : ndarray of shape (n_components, n_features)
        The axes.
    spread : ndarray of shape (n_components,)
        Standard deviation along them, which sets the unit of the bins. A component with 0 is constant.
    """

    def __init__(self, mean, components, spread):
        self.n_rows = 0
        self._mean = mean
        self._spread = spread
        self._weights = _unit_weights(components, spread)
        self._counts = np.zeros((len(spread), 2 * _HALF), dtype=np.int64)
        self._smallest = np.full(len(spread), np.inf)
        self._largest = np.full(len(spread), -np.inf)

    def update(self, rows):
        """Count rows, an array of shape (n, n_features)."""
        first_bins = np.arange(len(self._counts)) * self._counts.shape[1]
        buffer = np.empty((min(len(rows), BLOCK_ROWS), rows.shape[1]))
        for block in row_blocks(len(rows)):
            values = cast_and_subtract(rows[block], self._mean, buffer) @ self._weights
            np.minimum(self._smallest, values.min(axis=0), out=self._smallest)
            np.maximum(self._largest, values.max(axis=0), out=self._largest)
            np.add.at(self._counts.reshape(-1), (_bin_indices(values) + first_bins).ravel(), 1)
        self.n_rows += len(rows)

    def _values(self, index):
        """Return the value that stands for each bin of one component, in units of the spread."""
        return np.clip(_bin_centers(), self._smallest[index], self._largest[index])

    def percentiles(self, percentages):
        """Return the percentiles of each component as ``numpy.percentile`` defines them, (n, n_components).

        Off by up to 2**-12 * (spread + abs(percentile)), half a bin; the smallest and the largest value are exact.
        """
        ranks = np.asarray(percentages, dtype=float) / 100 * (self.n_rows - 1)
        below = np.floor(ranks).astype(int)
        above = np.ceil(ranks).astype(int)
        found = np.empty((len(ranks), len(self._counts)))
        for index, counts in enumerate(self._counts):
            cumulative, values = np.cumsum(counts), self._values(index)
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
        error, n_clipped = 0.0, 0
        for index, counts in enumerate(self._counts):
            bins = np.flatnonzero(counts)
            values, counts = self._values(index)[bins] * self._spread[index], counts[bins]
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
