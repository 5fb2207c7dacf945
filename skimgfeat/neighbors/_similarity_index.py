"""The rows nearest to a row, and the farthest."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from skimgfeat._parallel import count_threads, run_batches
from skimgfeat._threads import one_blas_thread
from skimgfeat._validation import check_choice, check_flag, check_integer, check_n_jobs
from skimgfeat.neighbors._hnsw import add_to_graph, make_graph, search_graph
from skimgfeat.neighbors._index_file import read_index, write_index
from skimgfeat.neighbors._rows import DTYPES, METRICS, Rows, check_rows, find_projection, prepare, to_distances
from skimgfeat.neighbors._search import QUERIES_AT_ONCE, nearest, rank

_ALGORITHMS = ("exact", "hnsw")


class SimilarityIndex(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Index of rows that finds those nearest to a row, and those farthest from it.

    The search is exact: a matrix product bounds all distances from below, and the few rows that the bounds leave are
    compared in float64. Where most of the variance lies along a few axes, as in pixels, bounds come from those
    axes alone, at a fraction of the cost. Or it is approximate, on a graph, and faster still.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of rows found by default.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance: the root of the summed squared differences, for uint8 in exact arithmetic up to the root; or 1 minus
        the cosine of the angle, 1 between a row of zeros, or shorter than 2.3e-308, and anything.
    algorithm : {"exact", "hnsw"}, default="exact"
        How neighbors are found:

        - "exact": by matrix products and bounds. Distances are those of float64, whatever the type of X, and depend
          neither on ``n_jobs`` nor on the other queries.
        - "hnsw": on a hierarchical navigable small world graph [1]_, by faiss (the extra ``faiss``). Some neighbors may
          be missed; the distances of those found are exact. The graph takes a copy of the rows in float32, and
          ``4 * n_links`` bytes or more for each; it is worth its time from some hundred thousand rows on.
    n_links : int, default=32
        For "hnsw", links of a row in the graph ("M"): more find more neighbors, and take more memory and time.
    ef_construction : int, default=200
        For "hnsw", rows looked at to link a new one.
    ef_search : int, default=128
        For "hnsw", rows looked at for a query, at least as many as neighbors asked for: more find more neighbors.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is every processor. What is
        found does not depend on it; with "hnsw", the graph does, since threads put rows into it as they come.

    Attributes
    ----------
    n_samples_fit_ : int
        Number of rows in the index.
    n_features_in_ : int
        Number of columns seen at ``fit``.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, and for values beyond 1e15.
    ImportError
        At ``fit``, with ``algorithm="hnsw"`` and without faiss.

    See Also
    --------
    find_duplicates : Pairs nearer than a threshold, in one set or between two.
    sklearn.neighbors.KNeighborsTransformer : A graph of neighbors by trees or by every distance.

    Notes
    -----
    Of rows just as far, the one fitted first comes first. scikit-learn leaves the order open.

    The rows are kept as they are given, uint8, float32 or float64 (other types become float64), without a copy where X
    is a contiguous array: do not change it. A memory map is read block by block. Beside X and the results, "exact"
    takes some tens of megabytes a thread; and where coordinates along few axes pay, at most 2 KB for each row, about
    a sixth of X in float32. Rows that lie far from zero, for the distances between them, are copied once, as float32
    around their mean: products of the others would round too much.

    The bounds: with P the projection on orthonormal axes through the mean and r the distance from their plane, two rows
    are no nearer than the root of ``|Px - Py|**2 + (r(x) - r(y))**2``, and no farther than with a plus. The axes, the
    first principal ones of some thousand rows, keep 96 % of the variance. Rounding is bounded too, so that no neighbor
    is lost to it. Where bounds tell little apart, as for many equal rows, more is settled one by one, slowly.

    Differences from the notebook that this index comes from: it computed all distances between all images at once,
    400 MB for 10,000, and found each image as the most similar to itself. Here ``kneighbors()`` leaves the row itself
    out.

    References
    ----------
    .. [1] Y. A. Malkov and D. A. Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical
       Navigable Small World Graphs", IEEE Transactions on Pattern Analysis and Machine Intelligence 42(4), 2020,
       :doi:`10.1109/TPAMI.2018.2889473`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skimgfeat import SimilarityIndex
    >>> X, y = load_digits(return_X_y=True)
    >>> index = SimilarityIndex(n_neighbors=3).fit(X)
    >>> distances, indices = index.kneighbors()
    >>> print(y[0], y[indices[0]], distances[0].round(1))
    0 [0 0 0] [11.  12.8 13.1]
    >>> _, indices = index.farthest(X[:1])
    >>> print(y[indices[0]])
    [1 1 1]

    As a step before a classifier:

    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> classifier = KNeighborsClassifier(n_neighbors=3, metric="precomputed")
    >>> round(make_pipeline(index, classifier).fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]), 3)
    0.965
    """

    _rows: Rows

    def __init__(
        self,
        n_neighbors=5,
        metric="euclidean",
        algorithm="exact",
        n_links=32,
        ef_construction=200,
        ef_search=128,
        n_jobs=None,
    ):
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.algorithm = algorithm
        self.n_links = n_links
        self.ef_construction = ef_construction
        self.ef_search = ef_search
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Make the index of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : SimilarityIndex
            The index.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        ImportError
            With ``algorithm="hnsw"`` and without faiss.
        """
        self._check_parameters()
        values = check_rows(type(self).__name__, validate_data(self, X, dtype=DTYPES))
        graph = None
        if self.algorithm == "hnsw":
            graph = make_graph(type(self).__name__, values.shape[1], self.n_links, self.ef_construction)
        return self._set_rows(values, graph, self.metric)

    def partial_fit(self, X, y=None):
        """Add rows behind those that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers. Of a wider type than the rows that are there, it widens them.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : SimilarityIndex
            The index.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        ImportError
            With ``algorithm="hnsw"`` and without faiss.

        Notes
        -----
        What is found is what ``fit`` on all rows would find, except by "hnsw". Each call copies the rows that are
        there: prefer few large batches. Metric and algorithm stay those of the first call, or of ``fit``, whatever
        ``set_params`` said since.
        """
        if not hasattr(self, "_rows"):
            return self.fit(X)
        self._check_parameters()
        values = check_rows(type(self).__name__, validate_data(self, X, dtype=DTYPES, reset=False))
        # Axes found among a small part of the rows may not suit the others.
        if self._graph is None and len(self._rows.values) + len(values) >= 2 * self._n_samples_projected:
            return self._set_rows(np.concatenate([self._rows.values, values]), None, self._metric)
        added = prepare(values, self._metric, self._projection, self.n_jobs)
        rows = self._rows.extend(added)
        if self._graph is not None:
            add_to_graph(type(self).__name__, self._graph, added, self.n_jobs)
        self._rows = rows
        self.n_samples_fit_ = self._n_features_out = len(self._rows.values)
        return self

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Find the nearest rows.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or None, default=None
            Finite numbers. None asks for the neighbors of every row of the index, without the row itself.
        n_neighbors : int or None, default=None
            How many. None is ``n_neighbors`` of the index.
        return_distance : bool, default=True
            Whether to return distances too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors), float64
            Distances, the smallest first; only with ``return_distance=True``.
        indices : ndarray of shape (n_queries, n_neighbors), int64
            Places of the rows in the index.

        Raises
        ------
        TypeError, ValueError
            For X of another number of columns than at ``fit`` or with NaN or infinities, and for more neighbors than
            there are rows.
        """
        search = self._search_graph if getattr(self, "_graph", None) is not None else nearest
        return self._ask(search, X, n_neighbors, return_distance)

    def farthest(self, X=None, n_neighbors=None, return_distance=True):
        """Find the farthest rows, always exactly.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or None, default=None
            Finite numbers. None asks for every row of the index.
        n_neighbors : int or None, default=None
            How many. None is ``n_neighbors`` of the index.
        return_distance : bool, default=True
            Whether to return distances too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors), float64
            Distances, the largest first; only with ``return_distance=True``.
        indices : ndarray of shape (n_queries, n_neighbors), int64
            Places of the rows in the index.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`kneighbors`.
        """

        def search(queries, rows, k, own):
            return nearest(queries, rows, k, sign=-1, own=own)

        return self._ask(search, X, n_neighbors, return_distance)

    def transform(self, X):
        """Make a graph of neighbors, as :class:`~sklearn.neighbors.KNeighborsTransformer` does with distances.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Finite numbers.

        Returns
        -------
        graph : csr_matrix of shape (n_queries, n_samples_fit), float64
            The distances of the ``n_neighbors + 1`` nearest rows of each query, the smallest first; zeros are stored.
            One more, since a row of the index is a neighbor of itself here. Estimators with ``metric="precomputed"``
            take it.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`kneighbors`.
        """
        check_is_fitted(self, "_rows")
        n_neighbors = check_integer(type(self).__name__, "n_neighbors", self.n_neighbors, minimum=1) + 1
        distances, indices = self.kneighbors(X, n_neighbors)
        starts = np.arange(0, indices.size + 1, n_neighbors)
        return csr_matrix((distances.ravel(), indices.ravel(), starts), shape=(len(indices), self.n_samples_fit_))

    def save(self, path):
        """Write the index to a file: an .npz archive of the rows, parameters in JSON, and the graph; no pickle.

        The file appears when it is complete. Stand-ins are not saved but made again. The metric is that
        of the fit.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.

        Raises
        ------
        NotFittedError
            For an index that is not fitted.
        OSError
            Where the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> from skimgfeat import SimilarityIndex
        >>> index = SimilarityIndex(metric="cosine").fit(np.eye(9))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "index.npz")
        ...     index.save(path)
        ...     SimilarityIndex.load(path).kneighbors([np.arange(9)], 2, return_distance=False)
        array([[8, 7]])
        """
        check_is_fitted(self, "_rows")
        write_index(path, self, self._metric, self._rows.values, self._graph)

    @classmethod
    def load(cls, path):
        """Read an index from a file that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        index : SimilarityIndex
            The index, fitted.

        Raises
        ------
        OSError
            Where the file cannot be read.
        ValueError
            For a file that holds no index, is damaged, or was written by a newer version.
        ImportError
            For an index with a graph, without faiss.
        """
        parameters, names, values, graph = read_index(path, cls.__name__)
        index = cls(**parameters)
        index._check_parameters()
        index.n_features_in_ = values.shape[1]
        if names is not None:
            index.feature_names_in_ = np.asarray(names, dtype=object)
        return index._set_rows(values, graph, index.metric)

    def _check_parameters(self):
        owner = type(self).__name__
        check_choice(owner, "metric", self.metric, METRICS)
        check_choice(owner, "algorithm", self.algorithm, _ALGORITHMS)
        for name, minimum in {"n_neighbors": 1, "n_links": 2, "ef_construction": 1, "ef_search": 1}.items():
            check_integer(owner, name, getattr(self, name), minimum=minimum)
        check_n_jobs(owner, self.n_jobs)

    def _set_rows(self, values, graph, metric):
        """Make checked rows those of the index; a graph that is empty is filled."""
        self._metric, self._graph = metric, graph
        self._projection = find_projection(values, metric) if graph is None else None
        self._rows = prepare(values, metric, self._projection, self.n_jobs)
        if graph is not None and graph.ntotal == 0:
            add_to_graph(type(self).__name__, graph, self._rows, self.n_jobs)
        self.n_samples_fit_ = self._n_features_out = len(values)
        self._n_samples_projected: int = len(values)
        return self

    def _ask(self, search, X, n_neighbors, return_distance):
        """Search for X, or for the rows themselves, a batch of queries at a time."""
        check_is_fitted(self, "_rows")
        owner = type(self).__name__
        k = check_integer(owner, "n_neighbors", self.n_neighbors if n_neighbors is None else n_neighbors, minimum=1)
        check_flag(owner, "return_distance", return_distance)
        most = self.n_samples_fit_ - (X is None)
        if k > most:
            raise ValueError(
                f"{owner}: n_neighbors must be at most {most}, the number of rows fitted"
                f"{' without the row itself' if X is None else ''}, got {k}."
            )
        if X is not None:
            X = check_rows(owner, validate_data(self, X, dtype=DTYPES, reset=False))
        n_queries = self.n_samples_fit_ if X is None else len(X)
        halves, indices = np.empty((n_queries, k)), np.empty((n_queries, k), dtype=np.int64)
        n_threads = count_threads(check_n_jobs(owner, self.n_jobs))
        batches = list(gen_batches(n_queries, min(QUERIES_AT_ONCE, -(-n_queries // n_threads))))

        def fill(part):
            for batch in batches[part]:
                if X is None:
                    queries, own = self._rows.take(batch), batch.start
                else:
                    queries, own = prepare(X[batch], self._metric, self._projection, 1), None
                halves[batch], indices[batch] = search(queries, self._rows, k, own=own)

        with one_blas_thread():
            run_batches(fill, len(batches), bytes_per_item=1 << 30, n_jobs=n_threads)
        return (to_distances(halves, self._metric), indices) if return_distance else indices

    def _search_graph(self, queries, rows, k, own):
        """Search on the graph, then exactly where it found too few."""
        found = search_graph(type(self).__name__, self._graph, queries, k + (own is not None), self.ef_search, n_jobs=1)
        if own is not None:
            found[found == own + np.arange(len(found))[:, np.newaxis]] = -1
        halves, indices = rank(queries, rows, found, k)
        short = np.flatnonzero(np.isinf(halves[:, -1]))
        for place in short:
            one = queries.take(slice(place, place + 1))
            halves[place], indices[place] = nearest(one, rows, k, own=None if own is None else own + place)
        return halves, indices

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
