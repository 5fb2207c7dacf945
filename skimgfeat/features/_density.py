"""The foreground left and right."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("density_left", "density_right")


class QuadrantDensity(FamilyFeatures):
    """How the foreground is shared between the left half of the image and the right half.

    Columns: ``density_left``, the share of the foreground in the columns below ``cols // 2``, the two quadrants on the
    left together, and ``density_right``, that of the others.

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
    Zoning : Densities of 4 x 4 zones.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    Shares are of the foreground plus 1e-7, which makes both 0 in an empty mask. A color image becomes gray first
    (Pillow's mode L).

    References
    ----------
    .. [1] O. D. Trier, A. K. Jain and T. Taxt, "Feature extraction methods for character recognition: a survey",
       Pattern Recognition 29(4), 1996, https://doi.org/10.1016/0031-3203(95)00118-2

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import QuadrantDensity
    >>> images = np.array([[[255, 255, 255, 0], [0, 0, 255, 0]]], dtype=np.uint8)
    >>> QuadrantDensity().fit_transform(images).tolist()
    [[0.5, 0.5]]
    """

    _family = "density"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
