"""Hu's moment invariants."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("hu_1", "hu_2", "hu_3", "hu_4", "hu_5", "hu_6", "hu_7")


class HuMoments(FamilyFeatures):
    """Hu's seven moments of the foreground, which neither shift, scale nor rotation change, on a log scale.

    Columns: ``hu_1`` to ``hu_7``, each ``-sign(m) * log10(abs(m) + 1e-10)`` of the moment m.

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
    GeometryFeatures : Position and spread of the foreground.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    The moments are :func:`skimage.measure.moments_hu` of the normalized central moments of the mask [2]_, in float64.
    All seven are 0 for an empty mask, as they are for a single pixel. The log scale jumps at m = 0: 0 for a moment
    that is exactly 0, about 10 or -10 for a tiny one, and where symmetry makes a moment vanish its sign is a matter
    of rounding. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] M.-K. Hu, "Visual pattern recognition by moment invariants", IRE Transactions on Information Theory 8(2),
       1962, https://doi.org/10.1109/TIT.1962.1057692
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import HuMoments
    >>> image = np.zeros((1, 8, 8), dtype=np.uint8)
    >>> image[0, 2:4, 2:6] = 255
    >>> print(HuMoments().fit_transform(image)[0, :2].round(3))
    [0.727 1.806]
    """

    _family = "hu"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
