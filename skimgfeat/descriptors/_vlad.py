"""Vectors of locally aggregated descriptors."""

import numpy as np
from scipy.sparse import csr_array
from sklearn.preprocessing import normalize

from skimgfeat._validation import check_flag
from skimgfeat.descriptors._encoder import BLOCK_ROWS, check_power, iter_blocks, signed_power
from skimgfeat.descriptors._visual_words import VisualWordEncoder, Words

# What k-means' centers are off, relative to the largest.
_WORD_ROUNDING = 4 * np.finfo(np.float32).eps


class VLAD(VisualWordEncoder):
    """Vectors of locally aggregated descriptors (VLAD).

    Each descriptor goes to its nearest visual word, and for each word the differences between its descriptors and the
    word are summed: ``n_words`` x n_columns numbers an image, whatever the number of its descriptors. They are then
    raised to a power, normalized for each word, and normalized together.

    Parameters
    ----------
    n_words : int, default=64
        Number of visual words.
    intra_normalize : bool, default=True
        Whether the numbers of each word are divided by their Euclidean norm, so that no word with many or with unusual
        descriptors outweighs the others [2]_.
    power : float, default=0.5
        What the absolute values of the sums are raised to, above 0 and at most 1, which leaves them; signs are kept.
    norm : {"l1", "l2"} or None, default="l2"
        How the row is normalized in the end, for each cell of the pyramid by itself.
    pyramid_levels : sequence of int, default=(1,)
        Cells along each side of the image, one number a level: (1, 2) stands for the whole image and its 2 x 2
        quarters, each encoded as if it were an image, side by side. Other levels than 1 need descriptors with geometry
        (``SIFT(geometry=True)``); cells include their upper and left edges.
    max_samples : int, default=100_000
        How many descriptors ``fit`` and each ``partial_fit`` learn from, at most: a random sample, as even over the
        images as their numbers of descriptors allow.
    batch_size : int, default=1024
        Number of descriptors in a step of k-means.
    random_state : int, RandomState instance or None, default=None
        For the sample and for k-means; an int makes ``fit`` repeatable.
    n_jobs : int or None, default=None
        Number of threads over images in ``transform``; None is 1 unless :class:`joblib.parallel_config` says otherwise.
        BLAS has one thread each meanwhile. The numbers do not depend on it.

    Attributes
    ----------
    kmeans_ : MiniBatchKMeans
        The fitted clustering; its ``cluster_centers_`` are the words.
    n_features_in_ : int
        Number of columns of the descriptors.

    See Also
    --------
    FisherVector : Soft assignment, and variances beside means.
    BagOfVisualWords : How often each word occurs.

    Notes
    -----
    Reference [1]_ assigns and sums; [2]_ normalizes each word after, in place of the power. Here the power comes first,
    then the words, then the row. Distances are compared in float32 relative to the mean of the words, so that of two
    words equally far to seven digits either may be chosen; differences are summed in float64.

    Of an image without descriptors, of a cell and of a word without any, all numbers are 0.

    References
    ----------
    .. [1] H. Jégou, M. Douze, C. Schmid, P. Pérez, "Aggregating local descriptors into a compact image
       representation", CVPR 2010. :doi:`10.1109/CVPR.2010.5540039`
    .. [2] R. Arandjelović, A. Zisserman, "All about VLAD", CVPR 2013. :doi:`10.1109/CVPR.2013.207`

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import VLAD
    >>> random = np.random.default_rng(0)
    >>> descriptors = [random.integers(0, 256, (n, 128), dtype=np.uint8) for n in (40, 0, 25)]
    >>> vlad = VLAD(n_words=4, random_state=0).fit(descriptors)
    >>> rows = vlad.transform(descriptors)
    >>> rows.shape, rows.dtype
    ((3, 512), dtype('float32'))
    >>> rows[1].any()
    np.False_
    >>> vlad.get_feature_names_out()[[0, 511]]
    array(['vlad_w0_d0', 'vlad_w3_d127'], dtype=object)
    """

    def __init__(
        self,
        n_words=64,
        intra_normalize=True,
        power=0.5,
        norm="l2",
        pyramid_levels=(1,),
        max_samples=100_000,
        batch_size=1024,
        random_state=None,
        n_jobs=None,
    ):
        self.n_words = n_words
        self.intra_normalize = intra_normalize
        self.power = power
        self.norm = norm
        self.pyramid_levels = pyramid_levels
        self.max_samples = max_samples
        self.batch_size = batch_size
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_own_parameters(self):
        super()._check_own_parameters()
        check_flag(type(self).__name__, "intra_normalize", self.intra_normalize)
        check_power(type(self).__name__, self.power)

    def _column_names(self):
        n_words, n_columns = self.kmeans_.cluster_centers_.shape
        return [f"vlad_w{word}_d{column}" for word in range(n_words) for column in range(n_columns)]

    def _sum(self, rows, bounds):
        words = Words(self.kmeans_)
        n_words, n_columns = words.centers.shape
        n_segments = len(bounds) - 1
        nearest_centers = np.empty((BLOCK_ROWS, n_columns))
        sums = np.zeros((n_segments, n_words, n_columns))
        counts = np.zeros((n_segments, n_words))
        segment_of = np.repeat(np.arange(n_segments), np.diff(bounds))
        for start, stop, block in iter_blocks(rows, words.shift):
            count = stop - start
            nearest = words.scores(block).argmax(axis=1)
            # "clip" writes straight into out, where "raise" would copy; nothing is out of range.
            block -= words.centers.take(nearest, axis=0, out=nearest_centers, mode="clip")
            nearest = nearest[:count]
            first, last = segment_of[start], segment_of[stop - 1] + 1
            groups = (segment_of[start:stop] - first) * n_words + nearest
            # One column a descriptor with a 1 in the row of its word: the product sums by segment and word.
            members = csr_array((np.ones(count), groups, np.arange(count + 1)), shape=(count, (last - first) * n_words))
            counts[first:last] += np.bincount(groups, minlength=(last - first) * n_words).reshape(-1, n_words)
            sums[first:last] += (members.T @ block[:count]).reshape(-1, n_words, n_columns)
        # Words are k-means' float32: what is left where descriptors sit at them is its rounding, which normalization
        # would blow up to any size.
        rounding = _WORD_ROUNDING * np.abs(self.kmeans_.cluster_centers_).max()
        sums[np.abs(sums).max(axis=2) <= counts * rounding] = 0
        return sums

    def _finish(self, sums):
        values = signed_power(sums, self.power)
        if self.intra_normalize:
            values = normalize(values.reshape(-1, values.shape[-1]), copy=False)
        return values.reshape(len(sums), -1)
