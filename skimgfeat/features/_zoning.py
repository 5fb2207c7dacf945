"""Densities of zones, and projections onto both axes."""

from skimgfeat.features._family import FamilyFeatures


class Zoning(FamilyFeatures):
    """How the foreground spreads over 4 x 4 zones, over the rows and over the columns.

    Columns: ``zone_0_0`` to ``zone_3_3``, the share of foreground pixels in each zone; ``row_sum_0``, ... and
    ``column_sum_0``, ..., the share of the foreground that lies in each row and in each column. That is
    ``16 + rows + cols`` numbers, 72 for images of 28 x 28.

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
    ProjectionHistograms : Histograms of the sums of rows and columns.
    HandcraftedFeatures : All families in one pass.

    Notes
    -----
    Zone i of the four begins at row ``i * rows // 4``, likewise for columns, so that every pixel lies in one zone. A
    zone without pixels, in images of fewer than four rows or columns, has density 0. Shares are of the foreground
    plus 1e-7, which makes them 0 in an empty mask. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] O. D. Trier, A. K. Jain and T. Taxt, "Feature extraction methods for character recognition: a survey",
       Pattern Recognition 29(4), 1996, https://doi.org/10.1016/0031-3203(95)00118-2

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import Zoning
    >>> image = np.zeros((8, 8), dtype=np.uint8)
    >>> image[:2, :4] = 255
    >>> zoning = Zoning().fit(image[None])
    >>> print(*zoning.get_feature_names_out()[:3], *zoning.transform(image[None])[0, :3])
    zone_0_0 zone_0_1 zone_0_2 1.0 1.0 0.0
    """

    _family = "zoning"

    @staticmethod
    def _column_names(rows, cols):
        zones = [f"zone_{i}_{j}" for i in range(4) for j in range(4)]
        return zones + [f"row_sum_{row}" for row in range(rows)] + [f"column_sum_{col}" for col in range(cols)]
