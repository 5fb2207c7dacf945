"""Position and spread of the foreground."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("box_top", "box_left", "box_bottom", "box_right", "centroid_row", "centroid_column", "inertia")


class GeometryFeatures(FamilyFeatures):
    """Bounding box and centroid of the largest component, and the spread of the foreground around it.

    Columns: ``box_top``, ``box_left``, ``box_bottom``, ``box_right``, the bounding box of the largest 8-connected
    component in pixels, bottom and right exclusive; ``centroid_row`` and ``centroid_column`` of its pixels;
    ``inertia``, the mean squared distance of all foreground pixels from that centroid, in square pixels.

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
    ContourFeatures : Shape of the same component.
    HuMoments : Moments that position does not change.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    Among components of equal size, the one whose first pixel comes first in raster order counts, as in
    :class:`ContourFeatures`; box and centroid are those of :func:`skimage.measure.regionprops` [1]_. The mean is
    over the number of pixels plus 1e-7. All seven numbers are 0 for an empty mask. A color image becomes gray first
    (Pillow's mode L).

    References
    ----------
    .. [1] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import GeometryFeatures
    >>> image = np.zeros((1, 8, 8), dtype=np.uint8)
    >>> image[0, 2:5, 1:6] = 255
    >>> print(GeometryFeatures().fit_transform(image).round(3))
    [[2.    1.    5.    6.    3.    3.    2.667]]
    """

    _family = "geometry"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
