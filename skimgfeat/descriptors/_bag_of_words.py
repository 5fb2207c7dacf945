"""Histograms of visual words."""

import math

import numpy as np

from skimgfeat._validation import check_flag, check_integer, check_number
from skimgfeat.descriptors._encoder import Pyramid, iter_blocks
from skimgfeat.descriptors._visual_words import VisualWordEncoder, Words


class BagOfVisualWords(VisualWordEncoder):
    """Histograms of visual words.

    Descriptors are quantized by k-means; an image becomes the number of its descriptors at each visual word, weighted
    by how rare the word is and normalized, as a text becomes its counts of words.

    Parameters
    ----------
    n_words : int, default=256
        Number of visual words.
    use_idf : bool, default=True
        Whether counts are multiplied by the inverse document frequency of the word, smoothed as in
        :class:`sklearn.feature_extraction.text.TfidfTransformer`: ``log((1 + n) / (1 + df)) + 1`` for n images, df of
        which hold the word.
    norm : {"l1", "l2"} or None, default="l2"
        How the row is normalized in the end, for each cell of the pyramid by itself. With ``use_idf=False``, "l1" gives
        frequencies and None counts.
    n_neighbors : int, default=1
        Among how many of the nearest words, at most ``n_words``, each descriptor is shared out; 1 gives all of it to
        the nearest. The shares of words at distances d are proportional to ``exp(-d ** 2 / (2 * bandwidth ** 2))`` and
        add up to 1 [2]_.
    bandwidth : float or None, default=None
        The scale of those distances. None takes the standard deviation, for each column, of the descriptors about
        their nearest word, so that the shares are posteriors of the mixture that k-means stands for. Unused with
        ``n_neighbors=1``.
    pyramid_levels : sequence of int, default=(1,)
        Cells along each side of the image, one number a level: (1, 2) stands for the whole image and its 2 x 2
        quarters, each encoded as if it were an image, side by side. Other levels than 1 need descriptors with geometry
        (``SIFT(geometry=True)``); cells include their upper and left edges.
    max_samples : int, default=100_000
        How many descriptors the words are learned from by ``fit`` and each ``partial_fit``, at most: a random sample,
        as even over the images as their numbers of descriptors allow.
    batch_size : int, default=1024
        Number of descriptors in a step of k-means.
    random_state : int, RandomState instance or None, default=None
        For the sample and for k-means; an int makes ``fit`` repeatable.
    n_jobs : int or None, default=None
        Number of threads over images; None is 1 unless :class:`joblib.parallel_config` says otherwise. BLAS has one
        thread each meanwhile. The numbers do not depend on it.

    Attributes
    ----------
    kmeans_ : MiniBatchKMeans
        The fitted clustering; its ``cluster_centers_`` are the words.
    idf_ : ndarray of shape (n_words,), float64
        Inverse document frequencies; only with ``use_idf``.
    document_frequencies_ : ndarray of shape (n_words,), int64
        Number of images seen that hold each word; only with ``use_idf``.
    n_samples_seen_ : int
        Number of images seen, those without descriptors included; only with ``use_idf``.
    bandwidth_ : float
        The bandwidth in use; only with ``n_neighbors`` above 1.
    n_features_in_ : int
        Number of columns of the descriptors.

    See Also
    --------
    VLAD : How descriptors differ from their words, which says more with fewer words.

    Notes
    -----
    ``fit`` looks for the words of all images to count document frequencies, a frequency being that of the whole image
    in each cell of the pyramid. ``partial_fit`` counts each batch against the words as they are then, and the mean
    squared distance for ``bandwidth_`` likewise.

    The pyramid has none of the weights of reference [3]_ for its levels: with a linear kernel, each cell counts alike.

    Distances are compared in float32 relative to the mean of the words, so that of two words equally far to seven
    digits either may be chosen.

    Of an image or a cell without descriptors, all numbers are 0.

    References
    ----------
    .. [1] J. Sivic, A. Zisserman, "Video Google: a text retrieval approach to object matching in videos", ICCV 2003.
       :doi:`10.1109/ICCV.2003.1238663`
    .. [2] J. Philbin, O. Chum, M. Isard, J. Sivic, A. Zisserman, "Lost in quantization: Improving particular object
       retrieval in large scale image databases", CVPR 2008. :doi:`10.1109/CVPR.2008.4587635`
    .. [3] S. Lazebnik, C. Schmid, J. Ponce, "Beyond bags of features: Spatial pyramid matching for recognizing natural
       scene categories", CVPR 2006. :doi:`10.1109/CVPR.2006.68`

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import BagOfVisualWords
    >>> random = np.random.default_rng(0)
    >>> descriptors = [random.integers(0, 256, (n, 128), dtype=np.uint8) for n in (40, 0, 25)]
    >>> bag = BagOfVisualWords(n_words=5, use_idf=False, norm=None, random_state=0).fit(descriptors)
    >>> bag.transform(descriptors).sum(axis=1)
    array([40.,  0., 25.], dtype=float32)
    >>> bag.get_feature_names_out()
    array(['bovw_0', 'bovw_1', 'bovw_2', 'bovw_3', 'bovw_4'], dtype=object)
    """

    def __init__(
        self,
        n_words=256,
        use_idf=True,
        norm="l2",
        n_neighbors=1,
        bandwidth=None,
        pyramid_levels=(1,),
        max_samples=100_000,
        batch_size=1024,
        random_state=None,
        n_jobs=None,
    ):
        self.n_words = n_words
        self.use_idf = use_idf
        self.norm = norm
        self.n_neighbors = n_neighbors
        self.bandwidth = bandwidth
        self.pyramid_levels = pyramid_levels
        self.max_samples = max_samples
        self.batch_size = batch_size
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_own_parameters(self):
        super()._check_own_parameters()
        owner = type(self).__name__
        check_flag(owner, "use_idf", self.use_idf)
        if check_integer(owner, "n_neighbors", self.n_neighbors, minimum=1) > self.n_words:
            raise ValueError(f"{owner}: n_neighbors must be at most n_words={self.n_words}, got {self.n_neighbors!r}.")
        if self.bandwidth is not None and check_number(owner, "bandwidth", self.bandwidth) <= 0:
            raise ValueError(f"{owner}: bandwidth must be None or above 0, got {self.bandwidth!r}.")

    def _start(self, sample):
        super()._start(sample)
        if self.use_idf:
            self.n_samples_seen_ = 0
            self.document_frequencies_ = np.zeros(self.n_words, dtype=np.int64)
        self._squares, self._n_squares = 0.0, 0

    def _count(self, images, sample):
        if self.n_neighbors > 1:
            self.bandwidth_ = self._learn_bandwidth(sample) if self.bandwidth is None else float(self.bandwidth)
        if self.use_idf:
            found = []

            def count(rows, batch, sums):
                found.append((sums > 0).sum(axis=0))

            self._run(images, Pyramid((1,)), self.n_words, count)
            self.document_frequencies_ = self.document_frequencies_ + sum(found)
            self.n_samples_seen_ += len(images)
            self.idf_ = np.log((1 + self.n_samples_seen_) / (1 + self.document_frequencies_)) + 1

    def _learn_bandwidth(self, sample):
        """Return the root of the mean squared difference from the nearest word, over all samples so far."""
        words, rounding = Words(self.kmeans_), np.finfo(np.float32)
        for start, stop, block in iter_blocks(sample, words.shift):
            lengths = np.square(block).sum(axis=1)
            squares = np.maximum(lengths - 2 * words.scores(block).max(axis=1), rounding.eps * lengths)
            self._squares += float(squares[: stop - start].sum())
        self._n_squares += sample.size
        return math.sqrt(max(self._squares / max(self._n_squares, 1), float(rounding.tiny)))

    def _column_names(self):
        return [f"bovw_{word}" for word in range(self.n_words)]

    def _sum(self, rows, bounds):
        words = Words(self.kmeans_)
        nearest = np.empty((len(rows), self.n_neighbors), dtype=np.intp)
        shares = np.ones(nearest.shape)
        for start, stop, block in iter_blocks(rows, words.shift):
            scores = words.scores(block)[: stop - start]
            if self.n_neighbors == 1:
                nearest[start:stop, 0] = scores.argmax(axis=1)
            else:
                nearest[start:stop], shares[start:stop] = self._share_out(scores)
        n_segments = len(bounds) - 1
        nearest += np.repeat(np.arange(n_segments) * self.n_words, np.diff(bounds))[:, None]
        counts = np.bincount(nearest.ravel(), weights=shares.ravel(), minlength=n_segments * self.n_words)
        return counts.reshape(n_segments, self.n_words)

    def _share_out(self, scores):
        """Return the nearest words of each descriptor, and its share in each."""
        nearest = scores.argpartition(-self.n_neighbors, axis=1)[:, -self.n_neighbors :]
        # Half of the squared length of the descriptor, which scores lack, cancels in the quotient.
        exponents = np.take_along_axis(scores, nearest, axis=1).astype(float)
        exponents -= exponents.max(axis=1, keepdims=True)
        shares = np.exp(exponents / self.bandwidth_**2)
        return nearest, shares / shares.sum(axis=1, keepdims=True)

    def _finish(self, sums):
        return sums * self.idf_ if self.use_idf else sums
