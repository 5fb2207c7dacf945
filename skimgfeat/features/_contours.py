"""The shape of the largest component."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = (
    "contour_area",
    "contour_eccentricity",
    "contour_extent",
    "contour_solidity",
    "contour_aspect_ratio",
    "contour_perimeter",
)


class ContourFeatures(FamilyFeatures):
    """Size and shape of the largest 8-connected component of the foreground.

    Columns: ``contour_area`` and ``contour_perimeter`` in pixels; ``contour_eccentricity`` of the ellipse with the
    same second moments; ``contour_extent``, the area over that of the bounding box; ``contour_solidity``, the area
    over that of the convex hull; ``contour_aspect_ratio``, width over height (plus 1e-7) of the bounding box.

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
    GeometryFeatures : Where the same component lies.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    The numbers are those of :func:`skimage.measure.regionprops` [2]_; the perimeter is estimated from how border pixels
    lie together, as in [1]_. Among components of equal size, the one whose first pixel comes first in raster order
    counts. All six numbers are 0 for an empty mask. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] K. Benkrid and D. Crookes, "Design and FPGA Implementation of a Perimeter Estimator", The Queen's University
       of Belfast; as cited by scikit-image
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import ContourFeatures
    >>> image = np.zeros((1, 8, 8), dtype=np.uint8)
    >>> image[0, 2:5, 1:7] = 255
    >>> print(ContourFeatures().fit_transform(image).round(3))
    [[18.     0.878  1.     1.     2.    14.   ]]
    """

    _family = "contours"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
