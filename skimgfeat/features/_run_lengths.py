"""Lengths of the runs of foreground pixels."""

from skimgfeat.features._family import FamilyFeatures

_COLUMNS = ("row_run_mean", "row_run_std", "row_run_max", "column_run_mean", "column_run_std", "column_run_max")


class RunLengths(FamilyFeatures):
    """Mean, spread and maximum of the lengths of unbroken runs of the foreground.

    Columns: ``row_run_mean``, ``row_run_std``, ``row_run_max`` of the runs along rows, in pixels, then
    ``column_run_mean``, ``column_run_std``, ``column_run_max`` of those along columns. The standard deviation is that
    of the population.

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
    A row or column without foreground counts as one run of length 0, so that the numbers tell a small mark on an empty
    page from one that fills it. A color image becomes gray first (Pillow's mode L).

    References
    ----------
    .. [1] M. M. Galloway, "Texture analysis using gray level run lengths", Computer Graphics and Image Processing 4(2),
       1975, https://doi.org/10.1016/S0146-664X(75)80008-6

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import RunLengths
    >>> image = np.zeros((1, 2, 4), dtype=np.uint8)
    >>> image[0, 0] = [255, 255, 0, 255]
    >>> print(RunLengths().fit_transform(image).round(3))
    [[1.    0.816 2.    0.75  0.433 1.   ]]
    """

    _family = "run_lengths"

    @staticmethod
    def _column_names(rows, cols):
        return list(_COLUMNS)
