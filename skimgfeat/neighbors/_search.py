"""Exact nearest rows, from matrix products in memory that does not grow with the number of rows.

A product in the precision at hand bounds every distance from below, rounding included. The few pairs whose bound is
small enough are settled one by one in float64. Distances therefore depend neither on the library that multiplies nor on
what else is asked for, and of rows just as far, the first one comes first.
"""

import numpy as np
from sklearn.utils import gen_batches

from skimgfeat._parallel import iter_batches
from skimgfeat.neighbors._rows import sum_squares

# Queries that share a block of rows, and rows of a block: enough for a matrix product to be at its best.
QUERIES_AT_ONCE = 512
_ROWS_AT_ONCE = 4096
# Fewer where they are long and have to be converted first: 16 MB as float32.
_CONVERTED_AT_ONCE = 1 << 22
_LARGEST_SCALE = 1e30


def settle(queries, rows, i, j):
    """Return half the squared distance between ``queries[i]`` and ``rows[j]``, pair by pair, in float64."""
    halves = np.empty(len(i))
    for part in iter_batches(len(i), bytes_per_item=8 * rows.values.shape[1]):
        first, second = i[part], j[part]
        differences = queries.values[first] * queries.scale[first, np.newaxis]
        differences -= rows.values[second] * rows.scale[second, np.newaxis]
        halves[part] = sum_squares(differences) / 2
        halves[part] += queries.missing[first] + rows.missing[second]
    return halves


class _Screen:
    """Lower bounds of ``sign`` times half the squared distance between a batch of queries and blocks of rows.

    In floating point, a product of two rows of d numbers is off by less than (d + 1) u times the product of their
    lengths, which is at most the sum of their biases; u is the precision. What is added and converted costs a few u
    more, and numbers that underflow less than the smallest normal number each. Stand-ins are off by u and, where
    float64 cancels, by the root of what it rounds, times their lengths.
    """

    def __init__(self, queries, rows, sign):
        has_stand_ins = rows.stand_ins is not None
        self._rows = rows.stand_ins if has_stand_ins else rows.values
        self._scale = None if has_stand_ins or np.all(rows.scale == 1) else rows.scale
        n_columns = self._rows.shape[1]
        # Scales of rows next to nothing leave float32.
        least = np.float32 if self._scale is None or self._scale.max() < _LARGEST_SCALE else np.float64
        self._dtype = np.promote_types(self._rows.dtype, least)
        precision = np.finfo(self._dtype)
        slack = (n_columns + 20) * precision.eps / 2
        if has_stand_ins:
            slack += 4 * (precision.eps + np.sqrt(4 * rows.values.shape[1] * np.finfo(np.float64).eps))
            asked = -sign * queries.stand_ins
            # Turned to the other side of the plane, a query is nowhere nearer than it is.
            asked[:, -1] *= sign
        else:
            asked = -sign * queries.scale[:, np.newaxis] * queries.values
        self._queries = asked.astype(self._dtype, copy=False)
        self._query_bias = (sign - slack) * queries.bias
        # What underflows in a product is scaled with it.
        underflow = (n_columns + 20) * float(precision.tiny) * (1 + (1 if self._scale is None else rows.scale))
        self._row_bias = (sign - slack) * rows.bias - underflow
        self.block_size = _ROWS_AT_ONCE
        if self._rows.dtype != self._dtype:
            self.block_size = max(1, min(_ROWS_AT_ONCE, _CONVERTED_AT_ONCE // n_columns))

    def scores(self, block):
        """Return the bounds for a block of rows, less what :meth:`limit` takes into account."""
        scores = self._queries @ self._rows[block].astype(self._dtype, copy=False).T
        if self._scale is not None:
            scores *= self._scale[block].astype(self._dtype)
        scores += self._row_bias[block].astype(self._dtype)
        return scores

    def limit(self, halves):
        """Return what the score of a row is below wherever ``sign`` times half its squared distance is."""
        with np.errstate(over="ignore"):
            return (halves - self._query_bias).astype(self._dtype)


def nearest(queries, rows, k, *, sign=1, own=None):
    """Return the k nearest rows of each query, or with ``sign=-1`` the k farthest.

    Parameters
    ----------
    queries, rows : Rows
        Prepared with the same metric and projection.
    k : int
        At most the number of rows, without the own one.
    sign : {1, -1}, default=1
        1 for the nearest, -1 for the farthest.
    own : int or None, default=None
        Where the queries are rows themselves, the place of the first of them: none finds itself.

    Returns
    -------
    halves : ndarray of shape (n_queries, k), float64
        Half the squared distances, the best first.
    indices : ndarray of shape (n_queries, k), int64
        Places of the rows; of equal distances, the first place first.
    """
    screen = _Screen(queries, rows, sign)
    best, indices = _nothing(len(queries.values), k)
    for block in gen_batches(len(rows.values), screen.block_size):
        scores = screen.scores(block)
        if own is not None:
            inside = np.arange(max(own, block.start), min(own + len(best), block.stop))
            scores[inside - own, inside - block.start] = np.inf
        if block.start == 0 and k < block.stop // 2:
            # A first limit from the k smallest bounds, or the whole block would be settled.
            j = np.argpartition(scores, k - 1, axis=1)[:, :k].ravel()
            i = np.repeat(np.arange(len(best)), k)
            scores[i, j] = np.inf
            _merge(best, indices, i, j, sign * settle(queries, rows, i, j))
        # Strictly below: bounds lie below what they bound, and a later row as far as the last one kept is not kept.
        found = np.flatnonzero(scores < screen.limit(best[:, -1])[:, np.newaxis])
        i, j = np.divmod(found, scores.shape[1])
        j += block.start
        _merge(best, indices, i, j, sign * settle(queries, rows, i, j))
    return sign * best, indices


def rank(queries, rows, found, k):
    """Return the k nearest of the rows found for each query, as :func:`nearest` does; inf where there are fewer.

    ``found`` holds places of rows, of shape (n_queries, n), and -1 for none.
    """
    best, indices = _nothing(len(found), k)
    i, column = np.nonzero(found >= 0)
    j = found[i, column]
    _merge(best, indices, i, j, settle(queries, rows, i, j))
    return best, indices


def _nothing(n_queries, k):
    return np.full((n_queries, k), np.inf), np.zeros((n_queries, k), dtype=np.int64)


def _merge(best, indices, i, j, halves):
    """Put pairs (i, j) among what is kept for the queries i, in the order of halves, then of j."""
    touched, places = np.unique(i, return_inverse=True)
    k = best.shape[1]
    owner = np.concatenate([np.repeat(np.arange(len(touched)), k), places])
    halves = np.concatenate([best[touched].ravel(), halves])
    j = np.concatenate([indices[touched].ravel(), j])
    order = np.lexsort((j, halves, owner))
    first = np.searchsorted(owner[order], np.arange(len(touched)))
    kept = order[first[:, np.newaxis] + np.arange(k)]
    best[touched], indices[touched] = halves[kept], j[kept]


def within(queries, rows, half, *, own=None):
    """Yield arrays i, j, halves of the pairs with at most this half of their squared distance, block by block.

    With ``own``, where the queries are rows themselves and begin at that place, only pairs of a row and a later one.
    """
    screen = _Screen(queries, rows, 1)
    limit = screen.limit(np.full(len(queries.values), half))[:, np.newaxis]
    for block in gen_batches(len(rows.values), screen.block_size):
        if own is not None and block.stop <= own + 1:
            continue
        scores = screen.scores(block)
        i, j = np.divmod(np.flatnonzero(scores <= limit), scores.shape[1])
        j += block.start
        if own is not None:
            later = j > own + i
            i, j = i[later], j[later]
        halves = settle(queries, rows, i, j)
        close = halves <= half
        yield i[close], j[close], halves[close]
