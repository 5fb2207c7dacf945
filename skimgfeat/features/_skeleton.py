"""Numbers about the skeleton of the foreground."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("skeleton_length", "skeleton_endpoints", "skeleton_branches", "skeleton_area_ratio")


class SkeletonFeatures(FamilyFeatures):
    """Length, ends and branches of the foreground thinned to lines of one pixel.

    Columns: ``skeleton_length``, its number of pixels; ``skeleton_endpoints``, pixels with one neighbor among eight;
    ``skeleton_branches``, pixels with three or more; ``skeleton_area_ratio``, the length over the number of
    foreground pixels plus 1e-7.

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
    The skeleton is that of :func:`skimage.morphology.skeletonize`, which follows Zhang and Suen [1]_ by a table of the
    256 neighborhoods. In 25 of them the table differs from the conditions in the paper, so that the skeletons are
    not those of a textbook implementation. All four numbers are 0 for an empty mask. A color image becomes gray
    first (Pillow's mode L).

    References
    ----------
    .. [1] T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", Communications of the
       ACM 27(3), 1984, https://doi.org/10.1145/357994.358023

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import SkeletonFeatures
    >>> image = np.zeros((1, 9, 9), dtype=np.uint8)
    >>> image[0, 4, 1:8] = 255
    >>> SkeletonFeatures().fit_transform(image).tolist()
    [[7.0, 2.0, 0.0, 1.0]]
    """

    _family = "skeleton"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
