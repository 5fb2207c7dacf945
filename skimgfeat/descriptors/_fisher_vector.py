"""Fisher vectors of a Gaussian mixture."""

import numpy as np
from sklearn import config_context
from sklearn.mixture import GaussianMixture

from skimgfeat._validation import check_integer, check_number
from skimgfeat.descriptors._encoder import (
    BLOCK_ROWS,
    DescriptorEncoder,
    check_power,
    check_sample_size,
    iter_blocks,
    signed_power,
)


class FisherVector(DescriptorEncoder):
    """Fisher vectors: how an image's descriptors would move the means and variances of a Gaussian mixture.

    A Gaussian mixture with diagonal covariances is fitted to a sample of descriptors. For an image, the gradients of
    the mean log-likelihood of its descriptors by the means and by the standard deviations are taken, scaled by the
    inverse square root of the Fisher information, raised to a power and normalized: 2 x ``n_components`` x n_columns
    numbers.

    Parameters
    ----------
    n_components : int, default=32
        Number of components of the mixture.
    reg_covar : float, default=1e-6
        Added to the variances while the mixture is fitted, in squared units of the descriptors; not negative.
    max_iter : int, default=100
        Number of EM steps of the mixture, at most.
    power : float, default=0.5
        What absolute values are raised to, above 0 and at most 1, which leaves them; signs are kept.
    norm : {"l1", "l2"} or None, default="l2"
        How the row is normalized in the end, for each cell of the pyramid by itself. ``power=0.5`` and ``norm="l2"``
        make the "improved" Fisher vector [1]_; 1 and None the plain one.
    pyramid_levels : sequence of int, default=(1,)
        Cells along each side of the image, one number a level: (1, 2) stands for the whole image and its 2 x 2
        quarters, each encoded as if it were an image, side by side. Other levels than 1 need descriptors with geometry
        (``SIFT(geometry=True)``); cells include their upper and left edges.
    max_samples : int, default=100_000
        How many descriptors ``fit`` learns from, at most: a random sample, as even over the images as their numbers of
        descriptors allow.
    random_state : int, RandomState instance or None, default=None
        For the sample and for the mixture; an int makes ``fit`` repeatable.
    n_jobs : int or None, default=None
        Number of threads over images in ``transform``; None is 1 unless :class:`joblib.parallel_config` says otherwise.
        BLAS has one thread each meanwhile. The numbers do not depend on it.

    Attributes
    ----------
    mixture_ : GaussianMixture
        The fitted mixture.
    n_iter_ : int
        Number of EM steps it took.
    n_features_in_ : int
        Number of columns of the descriptors.

    See Also
    --------
    VLAD : Hard assignment, and means alone: quicker to fit.
    skimage.feature.fisher_vector : The same for one image at a time.

    Notes
    -----
    The columns are those of :func:`skimage.feature.fisher_vector` with three differences: its first ``n_components``
    columns, the gradients by the weights of the mixture, are left out, as [1]_ does, since they add little; its
    gradients by the standard deviations have the opposite sign; and it normalizes with those columns included.

    There is no ``partial_fit``: EM needs all descriptors in every step, and :class:`sklearn.mixture.GaussianMixture`
    has none. Images that come in parts are encoded in parts after a ``fit`` on a sample of them.

    All arithmetic is float64, since the square root makes much of what rounding leaves of gradients near 0. Rows do not
    depend on the images beside them but for the last digits of float32.

    Of an image or a cell without descriptors, all numbers are 0.

    References
    ----------
    .. [1] F. Perronnin, J. Sánchez, T. Mensink, "Improving the Fisher Kernel for Large-Scale Image Classification",
       ECCV 2010. :doi:`10.1007/978-3-642-15561-1_11`

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import FisherVector
    >>> random = np.random.default_rng(0)
    >>> descriptors = [random.normal(size=(n, 16)) for n in (40, 0, 25)]
    >>> fisher = FisherVector(n_components=2, random_state=0).fit(descriptors)
    >>> rows = fisher.transform(descriptors)
    >>> rows.shape, rows.dtype
    ((3, 64), dtype('float32'))
    >>> rows[1].any()
    np.False_
    >>> fisher.get_feature_names_out()[[0, 63]]
    array(['fisher_mean_w0_d0', 'fisher_var_w1_d15'], dtype=object)
    """

    def __init__(
        self,
        n_components=32,
        reg_covar=1e-6,
        max_iter=100,
        power=0.5,
        norm="l2",
        pyramid_levels=(1,),
        max_samples=100_000,
        random_state=None,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.power = power
        self.norm = norm
        self.pyramid_levels = pyramid_levels
        self.max_samples = max_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_own_parameters(self):
        owner = type(self).__name__
        check_integer(owner, "n_components", self.n_components, minimum=1)
        check_integer(owner, "max_iter", self.max_iter, minimum=1)
        check_power(owner, self.power)
        if check_number(owner, "reg_covar", self.reg_covar) < 0:
            raise ValueError(f"{owner}: reg_covar must not be negative, got {self.reg_covar!r}.")

    def _learn(self, images, sample):
        check_sample_size(type(self).__name__, sample, "n_components", self.n_components)
        mixture = GaussianMixture(
            self.n_components,
            covariance_type="diag",
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            random_state=self.random_state,
        )
        # With dispatch, the mixture refuses to begin with k-means.
        with config_context(array_api_dispatch=False):
            self.mixture_ = mixture.fit(sample.astype(float))
        self.n_iter_ = mixture.n_iter_

    def _column_names(self):
        n_components, n_columns = self.mixture_.means_.shape
        return [
            f"fisher_{of}_w{component}_d{column}"
            for of in ("mean", "var")
            for component in range(n_components)
            for column in range(n_columns)
        ]

    def _shift(self):
        """Return the mean of the mixture: squares of what is left lose the least."""
        return self.mixture_.weights_ @ self.mixture_.means_

    def _sum(self, rows, bounds):
        """Sum x, x * x and 1 of the descriptors x, less the shift, weighted by the posterior of each component."""
        mixture, shift = self.mixture_, self._shift()
        means, variances = mixture.means_ - shift, mixture.covariances_
        constants = np.log(mixture.weights_) - (means**2 / variances + np.log(variances)).sum(axis=1) / 2
        coefficients = np.hstack([means / variances, -0.5 / variances, constants[:, None]])
        n_segments, (n_components, n_columns) = len(bounds) - 1, means.shape
        sums = np.zeros((n_segments, n_components, 2 * n_columns + 1))
        terms = np.ones((BLOCK_ROWS, 2 * n_columns + 1))
        posteriors = np.empty((n_components, BLOCK_ROWS))
        for start, stop, block in iter_blocks(rows, shift, block=terms[:, :n_columns]):
            np.square(block, out=terms[:, n_columns:-1])
            np.matmul(coefficients, terms.T, out=posteriors)
            posteriors -= posteriors.max(axis=0)
            np.exp(posteriors, out=posteriors)
            posteriors /= posteriors.sum(axis=0)
            inside = bounds[(bounds > start) & (bounds < stop)]
            cuts = np.unique([start, *inside, stop])
            segments = np.searchsorted(bounds, cuts[:-1], side="right") - 1
            for segment, low, high in zip(segments, cuts[:-1] - start, cuts[1:] - start, strict=True):
                sums[segment] += posteriors[:, low:high] @ terms[low:high]
        return sums

    def _finish(self, sums):
        mixture = self.mixture_
        means, variances = mixture.means_ - self._shift(), mixture.covariances_
        n_columns = means.shape[1]
        first, second, zeroth = sums[..., :n_columns], sums[..., n_columns:-1], sums[..., -1:]
        counts = np.maximum(zeroth.sum(axis=1, keepdims=True), 1)
        weights = np.sqrt(mixture.weights_)[:, None]
        by_mean = (first - zeroth * means) / (weights * np.sqrt(variances))
        by_deviation = second - 2 * means * first + zeroth * (means**2 - variances)
        by_deviation /= np.sqrt(2) * weights * variances
        values = np.concatenate([by_mean, by_deviation], axis=1) / counts
        return signed_power(values, self.power).reshape(len(sums), -1)
