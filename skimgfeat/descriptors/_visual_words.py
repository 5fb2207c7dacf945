"""Visual words: what the encoders share that quantize descriptors by k-means."""

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_random_state

from skimgfeat._validation import check_integer
from skimgfeat.descriptors._encoder import BLOCK_ROWS, DescriptorEncoder, check_sample_size


class Words:
    """The centers of k-means, laid out for one matrix product a block, with memory for it: one a thread."""

    def __init__(self, kmeans):
        centers = kmeans.cluster_centers_.astype(float)
        # Distances are compared in float32: the nearer the origin is to the words, the less is lost.
        self.shift = centers.mean(axis=0)
        self.centers = centers - self.shift
        self._columns = self.centers.T.astype(np.float32)
        self._half_norms = (np.square(self.centers).sum(axis=1) / 2).astype(np.float32)
        self._block = np.empty((BLOCK_ROWS, centers.shape[1]), dtype=np.float32)
        self._scores = np.empty((BLOCK_ROWS, len(centers)), dtype=np.float32)

    def scores(self, block):
        """Return x c - c c / 2 for rows x of a block and words c: half of what x x is above the squared distance.

        The next call overwrites them.
        """
        self._block[:] = block
        np.matmul(self._block, self._columns, out=self._scores)
        self._scores -= self._half_norms
        return self._scores


class VisualWordEncoder(DescriptorEncoder):
    """Base of the encoders whose vocabulary is that of :class:`sklearn.cluster.MiniBatchKMeans`.

    A subclass has the parameters ``n_words`` and ``batch_size`` as well.
    """

    def _check_own_parameters(self):
        owner = type(self).__name__
        check_integer(owner, "n_words", self.n_words, minimum=1)
        check_integer(owner, "batch_size", self.batch_size, minimum=1)

    def _start(self, sample):
        """Forget what was learned before, if anything was."""
        check_sample_size(type(self).__name__, sample, "n_words", self.n_words)
        self.kmeans_ = MiniBatchKMeans(
            self.n_words, batch_size=self.batch_size, compute_labels=False, random_state=self.random_state
        )

    def _count(self, images, sample):
        """Learn what depends on the words, from the same images."""

    def _learn(self, images, sample):
        self._start(sample)
        self.kmeans_.fit(sample)
        self._count(images, sample)

    def partial_fit(self, X, y=None):
        """Go on learning from more images.

        A sample of at most ``max_samples`` descriptors goes through the ``partial_fit`` of
        :class:`sklearn.cluster.MiniBatchKMeans` in random order, ``batch_size`` at a time.

        Parameters
        ----------
        X : list of arrays of shape (n_descriptors_i, n_columns)
            Descriptors of each image, or structured arrays with geometry. The first call needs at least ``n_words``
            descriptors.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        self._check_parameters()
        is_first = not hasattr(self, "kmeans_")
        images = self._check_images(X, n_columns=None if is_first else self.kmeans_.n_features_in_)
        sample = self._sample(images)
        if is_first:
            self._start(sample)
        else:
            # scikit-learn goes on only with the type that it began with.
            sample = sample.astype(self.kmeans_.cluster_centers_.dtype, copy=False)
        order = check_random_state(self.random_state).permutation(len(sample))
        # The first step chooses the words to begin with, which takes as many descriptors.
        size = max(self.batch_size, self.n_words)
        for start in range(0, len(sample), size):
            self.kmeans_.partial_fit(sample[order[start : start + size]])
        self._count(images, sample)
        self._set_features(sample)
        return self
