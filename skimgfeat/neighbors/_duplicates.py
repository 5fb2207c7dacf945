"""Rows nearer to each other than they should be."""

from dataclasses import dataclass
from threading import Lock

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_array, gen_batches

from skimgfeat._parallel import count_threads, run_batches
from skimgfeat._threads import one_blas_thread
from skimgfeat._validation import check_choice, check_integer, check_n_jobs, check_number
from skimgfeat.neighbors._rows import DTYPES, METRICS, check_rows, find_projection, prepare, to_distances
from skimgfeat.neighbors._search import QUERIES_AT_ONCE, within

# Halves of squares are rounded; what decides is the distance.
_ROUNDING = 1 + 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class DuplicatePairs:
    """What :func:`find_duplicates` found; ``print`` shows the account.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2), int64
        Places of rows: in X and in Y; or in X both, the smaller first. The nearest pair first.
    distances : ndarray of shape (n_pairs,), float64
        The distance of each pair.
    metric : str
        What distance it is.
    threshold : float
        The largest that counts.
    n_samples_X : int
        Number of rows of X.
    n_samples_Y : int or None
        Number of rows of Y, None where there was none.

    Examples
    --------
    >>> from skimgfeat import find_duplicates
    >>> duplicates = find_duplicates([[0.0], [5.0], [0.5], [9.0]], threshold=1)
    >>> duplicates.pairs.tolist(), duplicates.distances.tolist()
    ([[0, 2]], [0.5])
    >>> duplicates.group_labels().tolist()
    [0, 1, 0, 2]
    """

    pairs: np.ndarray
    distances: np.ndarray
    metric: str
    threshold: float
    n_samples_X: int  # noqa: N815
    n_samples_Y: int | None  # noqa: N815

    def group_labels(self):
        """Number the groups of rows that pairs connect; a row without a duplicate is a group of its own.

        ``GroupKFold`` takes them as ``groups``, so that no duplicate stands on both sides of a split;
        ``numpy.unique(labels, return_index=True)[1]`` are the places of one row of each group.

        Returns
        -------
        labels : ndarray of shape (n_samples_X,) or (n_samples_X + n_samples_Y,), int64
            The group of each row, those of Y after those of X; numbered by first appearance.
        """
        n_samples = self.n_samples_X + (self.n_samples_Y or 0)
        first, second = self.pairs.T
        second = second + (0 if self.n_samples_Y is None else self.n_samples_X)
        graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n_samples, n_samples))
        return connected_components(graph, directed=False)[1].astype(np.int64)

    def __str__(self):
        lines = [f"Pairs with a {self.metric} distance of at most {self.threshold:g}: {len(self.pairs):,}"]
        if len(self.pairs):
            low, middle, high = np.quantile(self.distances, [0, 0.5, 1])
            n_equal = np.count_nonzero(self.distances == 0)
            lines.append(f"Distances: {low:.4g} to {high:.4g}, median {middle:.4g}; 0 for {n_equal:,} pairs")
        if self.n_samples_Y is None:
            sizes = np.bincount(self.group_labels())
            lines.append(f"Rows with a duplicate: {_share(self.pairs, self.n_samples_X)}")
            lines.append(f"Groups of duplicates: {np.count_nonzero(sizes > 1):,}, the largest of {sizes.max():,} rows")
        else:
            lines.append(f"Rows of X with a duplicate in Y: {_share(self.pairs[:, 0], self.n_samples_X)}")
            lines.append(f"Rows of Y with a duplicate in X: {_share(self.pairs[:, 1], self.n_samples_Y)}")
        return "\n".join(lines)


def _share(places, n_samples):
    count = len(np.unique(places))
    return f"{count:,} of {n_samples:,} ({count / n_samples:.2%})"


def find_duplicates(X, Y=None, *, metric="euclidean", threshold, max_pairs=10_000_000, n_jobs=None):
    """Find the pairs of rows within X, or of a row of X and one of Y, that are no farther apart than a threshold.

    Copies within a data set weigh more than they should; copies of training images among the test images make a
    classifier look better than it is. What counts as a copy is a matter of features and threshold: pixels find exact
    copies, small and smooth versions of the images those that were compressed again or shifted (see the user guide).

    Parameters
    ----------
    X : array-like of shape (n_samples_X, n_features)
        Finite numbers: pixels in rows, or any features.
    Y : array-like of shape (n_samples_Y, n_features) or None, default=None
        Rows to compare those of X with. None compares each with the later ones of X.
    metric : {"euclidean", "cosine"}, default="euclidean"
        As in :class:`SimilarityIndex`: by cosine, two rows of zeros are no copies of each other.
    threshold : float
        The largest distance of a pair that is found; 0 finds equal rows.
    max_pairs : int, default=10_000_000
        Where there are more pairs, the search stops with an error rather than fill the memory.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is every processor. What is
        found does not depend on it.

    Returns
    -------
    duplicates : DuplicatePairs
        Pairs and distances, the nearest first; groups; and an account to print.

    Raises
    ------
    TypeError, ValueError
        For a parameter or input that cannot be used, and for more than ``max_pairs`` pairs.

    See Also
    --------
    SimilarityIndex : The nearest rows, however far.

    Notes
    -----
    Every pair is found, by the bounds of :class:`SimilarityIndex`; beside X, Y and the pairs, it takes some tens of
    megabytes a thread, and stand-ins.

    Examples
    --------
    Of the digits of scikit-learn, which pairs are nearly the same picture?

    >>> from sklearn.datasets import load_digits
    >>> from skimgfeat import find_duplicates
    >>> X, _ = load_digits(return_X_y=True)
    >>> print(find_duplicates(X, threshold=9))
    Pairs with a euclidean distance of at most 9: 7
    Distances: 5.292 to 8.944, median 8.062; 0 for 0 pairs
    Rows with a duplicate: 13 of 1,797 (0.72%)
    Groups of duplicates: 6, the largest of 3 rows
    """
    owner = "find_duplicates"
    check_choice(owner, "metric", metric, METRICS)
    threshold = check_number(owner, "threshold", threshold)
    if threshold < 0:
        raise ValueError(f"{owner}: threshold must be at least 0, got {threshold!r}.")
    check_integer(owner, "max_pairs", max_pairs, minimum=1)
    n_threads = count_threads(check_n_jobs(owner, n_jobs))
    X = _check_input(owner, "X", X)
    if Y is not None:
        Y = _check_input(owner, "Y", Y)
        if Y.shape[1] != X.shape[1]:
            raise ValueError(f"{owner}: Y must have {X.shape[1]} columns, as X has, got {Y.shape[1]}.")
    projection = find_projection(X, metric)
    rows = prepare(X, metric, projection, n_threads)
    half = (threshold if metric == "cosine" else threshold * threshold / 2) * _ROUNDING

    def search(batch):
        queries = rows.take(batch) if Y is None else prepare(Y[batch], metric, projection, 1)
        for j, i, halves in within(queries, rows, half, own=batch.start if Y is None else None):
            distances = to_distances(halves, metric)
            close = distances <= threshold
            # Within X the query is the earlier row.
            places = (j + batch.start, i) if Y is None else (i, j + batch.start)
            yield np.column_stack(places)[close], distances[close]

    pairs, distances = _collect(owner, search, len(X if Y is None else Y), max_pairs, n_threads)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances))
    return DuplicatePairs(pairs[order], distances[order], metric, threshold, len(X), None if Y is None else len(Y))


def _check_input(owner, name, X):
    return check_rows(owner, check_array(X, dtype=DTYPES, estimator=owner, input_name=name), name)


def _collect(owner, search, n_queries, max_pairs, n_threads):
    """Return pairs and distances that ``search(batch)`` yields for all batches of queries."""
    batches = list(gen_batches(n_queries, min(QUERIES_AT_ONCE, -(-n_queries // n_threads))))
    found = [(np.empty((0, 2), dtype=np.int64), np.empty(0))]
    n_pairs, counting = 0, Lock()

    def fill(part):
        nonlocal n_pairs
        for batch in batches[part]:
            for pairs, distances in search(batch):
                found.append((pairs, distances))
                with counting:
                    n_pairs += len(pairs)
                if n_pairs > max_pairs:
                    raise ValueError(
                        f"{owner}: there are more than max_pairs={max_pairs:,} pairs; lower the threshold, take "
                        "features that tell more apart, or raise max_pairs."
                    )

    with one_blas_thread():
        run_batches(fill, len(batches), bytes_per_item=1 << 30, n_jobs=n_threads)
    pairs, distances = zip(*found, strict=True)
    return np.concatenate(pairs), np.concatenate(distances)
