"""What a report says of the rows of features: moments of the columns, a sample, neighbors, a map."""

import re
from collections import Counter

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler, normalize

from skimgfeat._parallel import iter_batches
from skimgfeat.neighbors import SimilarityIndex

_BEHIND_FAMILY = re.compile(r"[\W\d_].*", re.DOTALL)
_N_BINS = 40


class ColumnStatistics:
    """Moments and counts of each column, added up batch by batch in float64; what is not finite is only counted.

    Attributes
    ----------
    n_rows : int
        How many rows were added.
    n_finite, n_zeros : int64 ndarray of shape (n_columns,)
        How many values of each column are numbers, and how many of these are zero.
    mean, min, max : float64 ndarray of shape (n_columns,)
        Of the numbers; NaN, infinity and minus infinity where there are none.
    """

    def __init__(self, n_columns):
        self.n_rows = 0
        self.n_finite, self.n_zeros = np.zeros((2, n_columns), dtype=np.int64)
        self.mean, self._squares = np.zeros((2, n_columns))
        self.min, self.max = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)

    @property
    def std(self):
        """The standard deviation of each column, of all its numbers (divided by their count)."""
        return np.sqrt(self._squares / np.maximum(self.n_finite, 1))

    @property
    def is_constant(self):
        """Which columns have one value in all rows that have any."""
        return self.min == self.max

    def add(self, rows):
        """Take in some rows."""
        for batch in iter_batches(len(rows), bytes_per_item=8 * rows.shape[1]):
            # Moments that are too large are not finite, and a page says nothing of them.
            with np.errstate(over="ignore", invalid="ignore"):
                self._add(np.asarray(rows[batch], dtype=np.float64))

    def _add(self, rows):
        # Chan, Golub and LeVeque's update, which merges the moments of two sets.
        finite = np.isfinite(rows)
        count = finite.sum(axis=0)
        total = np.maximum(self.n_finite + count, 1)
        mean = np.where(finite, rows, 0).sum(axis=0) / np.maximum(count, 1)
        squares = (np.where(finite, rows - mean, 0) ** 2).sum(axis=0)
        delta = np.where(count > 0, mean - self.mean, 0)
        self._squares += squares + delta**2 * self.n_finite * count / total
        self.mean += delta * count / total
        self.n_rows += len(rows)
        self.n_finite += count
        self.n_zeros += (rows == 0).sum(axis=0)
        self.min = np.minimum(self.min, np.where(finite, rows, np.inf).min(axis=0))
        self.max = np.maximum(self.max, np.where(finite, rows, -np.inf).max(axis=0))


def family_of(name):
    """Return what a column's name begins with: its letters up to the first digit or underscore."""
    return _BEHIND_FAMILY.sub("", name) or "no letter"


class Sample:
    """Rows drawn at random, each as likely as the others, from batches that come one by one.

    Which they are depends on the seed and on the number of rows, not on the batches.
    """

    def __init__(self, size, n_rows, random_state):
        self._size = size
        self._ranks = random_state.permutation(n_rows)
        self._start = 0
        self._kept = []  # (rank, place, columns of the row, row)
        self.n_offered = 0

    def add(self, columns, rows, usable):
        """Offer a batch; only rows that are usable can be drawn."""
        ranks = self._ranks[self._start : self._start + len(rows)]
        self.n_offered += int(np.count_nonzero(usable))
        # Nothing beyond the last one kept can be drawn any more.
        bound = self._kept[-1][0] if len(self._kept) == self._size else len(self._ranks)
        places = np.flatnonzero(usable & (ranks < bound))
        for place in places[np.argsort(ranks[places])[: self._size]]:
            values = {name: column[place] for name, column in columns.items()}
            self._kept.append((int(ranks[place]), self._start + int(place), values, np.array(rows[place])))
        self._kept = sorted(self._kept, key=lambda kept: kept[0])[: self._size]
        self._start += len(rows)

    def take(self):
        """Return the columns, a dict of lists, and the rows, in their order."""
        kept = sorted(self._kept, key=lambda kept: kept[1])
        names = kept[0][2] if kept else ()
        return {name: [values[name] for _, _, values, _ in kept] for name in names}, [row for *_, row in kept]


def prepare_rows(rows, standardize):
    """Return rows as they are compared: bytes, or float64."""
    rows = np.stack(rows)
    if rows.dtype == np.uint8 and not standardize:
        return rows
    rows = rows.astype(np.float64)
    if not standardize:
        return rows
    # Of columns brought to at most 1, no square is too large.
    largest = np.abs(rows).max(axis=0)
    return StandardScaler().fit_transform(rows / np.where(largest > 0, largest, 1))


def find_neighbors(rows, metric, n_neighbors, n_farthest, n_jobs):
    """Return a dict of the nearest and the farthest rows of each: (distances, indices), fewer where there are few."""
    n_others = len(rows) - 1
    if n_others < 1:
        nothing = np.empty((len(rows), 0)), np.empty((len(rows), 0), dtype=np.int64)
        return {"nearest": nothing, "farthest": nothing}
    index = SimilarityIndex(metric=metric, n_jobs=n_jobs).fit(rows)
    return {
        "nearest": index.kneighbors(n_neighbors=min(n_neighbors, n_others)),
        "farthest": index.farthest(n_neighbors=min(n_farthest, n_others)),
    }


def map_rows(rows, metric):
    """Return places of the rows in a plane, their first two principal components, and the shares of the variance.

    None where the rows do not spread in a plane. For "cosine", of the rows at unit length, which it compares.
    """
    if len(rows) < 3 or rows.shape[1] < 2:
        return None
    # Bytes are exact in float32.
    rows = np.asarray(rows, dtype=np.float32 if rows.dtype == np.uint8 else np.float64)
    # The largest number becomes 1, so that no sum or square is too large or too small.
    size = float(np.abs(rows).max()) or 1.0
    rows = rows / size
    if metric == "cosine":
        rows, size = normalize(rows, copy=False), 1.0
    # Less the first row, constant columns are exactly 0. Only what is left may lose digits to float32.
    rows -= rows[0].copy()
    rows -= rows.mean(axis=0, dtype=np.float64)
    spread = float(np.abs(rows).max())
    if spread == 0:
        return None
    rows /= spread
    pca = PCA(n_components=2, random_state=0)
    places = pca.fit_transform(rows.astype(np.float32, copy=False))
    return places.astype(np.float64) * (size * spread), pca.explained_variance_ratio_


def count_distances(distances):
    """Return a histogram, counts and edges, of the distances to the nearest rows; None without any."""
    if distances.shape[1] == 0:
        return None
    return np.histogram(distances[:, 0], bins=_N_BINS, range=(0, distances[:, 0].max() or 1))


def agreement(labels, indices):
    """Return the share of rows whose nearest row has their label, and the share of pairs of rows that have one.

    Labels may be None: only rows that have one and whose nearest has one count, and pairs of such rows. None where
    there are none.
    """
    if not labels or indices.shape[1] == 0:
        return None
    nearest = [(label, labels[place]) for label, place in zip(labels, indices[:, 0], strict=True)]
    known = [label == other for label, other in nearest if None not in (label, other)]
    if not known:
        return None
    counts = Counter(label for label in labels if label is not None)
    n = counts.total()
    chance = sum(count * (count - 1) for count in counts.values()) / (n * (n - 1))
    return float(np.mean(known)), chance
