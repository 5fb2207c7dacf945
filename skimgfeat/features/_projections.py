"""Histograms of projections."""

from skimgfeat.features._family import FamilyFeatures


class ProjectionHistograms(FamilyFeatures):
    """Histograms of the sums of rows and of columns, and the foreground along the diagonals.

    Columns: ``row_sum_histogram_0`` to ``row_sum_histogram_9``, the share of rows whose number of foreground pixels
    falls in each tenth of 0 to the number of columns; ``column_sum_histogram_0`` to ``column_sum_histogram_9``
    likewise; ``diagonal_0`` to ``diagonal_3``, the share of the foreground in four bands of diagonals, from the
    lower left corner to the upper right.

    Parameters
    ----------
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
    threshold : float or "otsu", default=0
        Pixels above it are the foreground. In scaled units: [0, 1] for uint8, uint16 and bool, the values themselves
        for floats. "otsu" is Otsu's threshold of each image; the mask is empty then where the image is constant.
    polarity : {"bright", "dark"}, default="bright"
        Whether the foreground is what is above the threshold, or what is not.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is every processor. The
        numbers do not depend on it.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image seen at ``fit``: (rows, cols) or (rows, cols, channels).
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, and for images with other than one or three channels.

    See Also
    --------
    Zoning : The sums of rows and columns themselves.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    Bins are those of :func:`numpy.histogram`: closed on the left, the last one on both sides. Of the
    ``rows + cols - 1`` diagonals, each band takes ``(rows + cols - 1) // 4`` and the last also the remainder. Shares
    are of the count plus 1e-7. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] O. D. Trier, A. K. Jain and T. Taxt, "Feature extraction methods for character recognition: a survey",
       Pattern Recognition 29(4), 1996, https://doi.org/10.1016/0031-3203(95)00118-2

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import ProjectionHistograms
    >>> images = np.eye(8, dtype=np.uint8)[None] * 255
    >>> features = ProjectionHistograms().fit_transform(images)
    >>> print(features[0, :2], features[0, -4:])
    [0. 1.] [0. 0. 1. 0.]
    """

    _family = "projections"

    @staticmethod
    def _column_names(rows, cols):
        bins = range(10)
        histograms = [f"row_sum_histogram_{i}" for i in bins] + [f"column_sum_histogram_{i}" for i in bins]
        return histograms + [f"diagonal_{i}" for i in range(4)]
