"""Components and holes."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("n_components", "euler_number")


class Connectivity(FamilyFeatures):
    """How many pieces the foreground has, and how many holes.

    Columns: ``n_components``, the number of 8-connected components, and ``euler_number``, the components less the
    holes in them.

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
    ContourFeatures : Shape of the largest component.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    Equal to :func:`skimage.measure.label` and :func:`skimage.measure.euler_number` with 8-connected foreground; holes
    are 4-connected. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] S. B. Gray, "Local properties of binary images in two dimensions", IEEE Transactions on Computers C-20(5),
       1971, https://doi.org/10.1109/T-C.1971.223289

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import Connectivity
    >>> image = np.zeros((1, 5, 7), dtype=np.uint8)
    >>> image[0, :, :5] = 255
    >>> image[0, 2, 2] = 0
    >>> image[0, 0, 6] = 255
    >>> Connectivity().fit_transform(image).tolist()
    [[2.0, 1.0]]
    """

    _family = "connectivity"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
