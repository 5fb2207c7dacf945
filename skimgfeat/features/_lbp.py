"""Local binary patterns."""

from skimgfeat.features._family import FamilyFeatures


class LBP(FamilyFeatures):
    """Histogram of uniform local binary patterns: 8 neighbors at radius 1.

    Each pixel is compared with eight points on a circle around it; a pattern is uniform if, around the circle, it
    changes between smaller and not smaller at most twice. The histogram tells the texture of an image.

    Columns: ``lbp_0`` to ``lbp_8``, the share of pixels with a uniform pattern of so many points that are not smaller
    than the pixel, and ``lbp_nonuniform``, the share of the others.

    Parameters
    ----------
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
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
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    The patterns are those of ``skimage.feature.local_binary_pattern(image, P=8, R=1, method="uniform")`` [2]_: points
    between pixels are interpolated, outside the image is 0. Gray values themselves are compared, not a mask: integers
    as integers, of 16 bits too, and floats in float64. Where neighbors and pixel lie on a plane, the rounding of the
    interpolation decides, as in scikit-image. Shares are of the number of pixels plus 1e-7. A color image becomes gray
    first (Pillow's mode L).

    References
    ----------
    .. [1] T. Ojala, M. Pietikainen and T. Maenpaa, "Multiresolution gray-scale and rotation invariant texture
       classification with local binary patterns", IEEE Transactions on Pattern Analysis and Machine Intelligence
       24(7), 2002, https://doi.org/10.1109/TPAMI.2002.1017623
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import LBP
    >>> images = np.full((1, 8, 8), 100, dtype=np.uint8)
    >>> print(LBP().fit_transform(images).round(4))
    [[0.     0.     0.     0.0625 0.     0.375  0.     0.     0.5625 0.    ]]
    """

    _family = "lbp"

    def __init__(self, image_shape=None, n_jobs=None):
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    @staticmethod
    def _column_names(rows, cols):
        return [*(f"lbp_{ones}" for ones in range(9)), "lbp_nonuniform"]

    def _mask_parameters(self):
        # The kernel wants them; no mask is made for these patterns.
        return {"threshold": 0.0, "dark": False}
