"""Mean and standard deviation of colors on a grid."""

from itertools import product

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_choice, check_pair
from skimgfeat.features._family import check_gray_or_rgb
from skimgfeat.kernels import color_grid

_COLOR_SPACES = ("rgb", "hsv", "lab")


class ColorGrid(ImageFeatures):
    """Mean and standard deviation of the colors in each cell of a grid.

    Which colors lie where: beside HOG, which sees edges and no colors, a few columns that say much.

    Columns: ``grid_r0_c2_a_mean`` and ``grid_r0_c2_a_std`` are of a* in the first row and third column of cells. In
    other color spaces the letters are r, g, b and h, s, v.

    Parameters
    ----------
    color_space : {"rgb", "hsv", "lab"}, default="lab"
        Where the colors are measured. In CIE L*a*b*, distances are about those that people see.
    grid : tuple (rows, cols) of int, default=(4, 4)
        Number of cells along rows and columns.
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
        At ``fit``, for a parameter of another kind or value, for images with other than one or three channels, and for
        images smaller than the grid.

    See Also
    --------
    ColorHistogram : Which colors there are, wherever they lie.
    HOG : Histograms of gradients, which know shapes and not colors.

    Notes
    -----
    The columns are laid out (row of cells, column of cells, channel, mean or standard deviation). Cell i of n begins at
    row ``i * rows // n`` of the image, rounded down, and likewise for columns: every pixel belongs to one cell. The
    standard deviation is that of all pixels of a cell, ``numpy.std``, and 0 where they have one color.

    The units are those of ``skimage.color.rgb2lab`` and ``skimage.color.rgb2hsv`` [2]_: 0 to 100 for L*, about -87 to
    99 for a* and -108 to 95 for b* (D65, 2 degree observer); 0 to 1 for red, green, blue, hue, saturation and value.
    So scale the columns, for instance with :class:`sklearn.preprocessing.StandardScaler`, where they stand beside
    others.

    Hue is cyclic: its mean is the direction in which the mean of the hues points, as ``scipy.stats.circmean`` has
    it, from 0 to below 1, and 0 where they cancel. Its deviation is the root of the summed variances of its cosine and
    its sine, divided by 2 pi: about ``numpy.std`` for hues that lie near each other, and 1 / (2 pi) where they cancel.
    Gray pixels have hue 0.

    uint8, uint16 and bool pixels are divided by the full scale of their type. Other types are clipped to [0, 1] and
    rounded to the nearest of 65,536 levels, so that an image has the same row in every type. Gray images count as RGB
    of three equal channels. Colors are computed in float32, within 1e-4 of scikit-image's for L*a*b*, sums in float64.

    Reference [1]_ takes the first three moments, the skewness included, of the whole image in HSV.

    References
    ----------
    .. [1] M. Stricker and M. Orengo, "Similarity of color images", SPIE Storage and Retrieval for Image and Video
       Databases III, 1995, https://doi.org/10.1117/12.205308
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import ColorGrid
    >>> images = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    >>> images[:, 1:, :, 0] = 255
    >>> grid = ColorGrid("rgb", grid=(2, 1))
    >>> row = grid.fit_transform(images)[0]
    >>> dict(zip(grid.get_feature_names_out()[:2], row[:2].tolist()))
    {'grid_r0_c0_r_mean': 0.5, 'grid_r0_c0_r_std': 0.5}
    """

    def __init__(self, color_space="lab", grid=(4, 4), image_shape=None, n_jobs=None):
        self.color_space = color_space
        self.grid = grid
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        self._kernel_parameters()

    def _kernel_parameters(self):
        owner = type(self).__name__
        return {
            "color_space": check_choice(owner, "color_space", self.color_space, _COLOR_SPACES),
            "grid": check_pair(owner, "grid", self.grid),
        }

    def _feature_names(self, image_shape):
        owner = type(self).__name__
        rows, cols = check_gray_or_rgb(owner, image_shape)
        n_rows, n_cols = check_pair(owner, "grid", self.grid)
        if n_rows > rows or n_cols > cols:
            raise ValueError(
                f"{owner}: images of {rows} rows and {cols} columns are smaller than a grid of {n_rows} x {n_cols} "
                "cells. Enlarge the images, for instance with Resize, or take a smaller grid."
            )
        cells = product(range(n_rows), range(n_cols), self.color_space, ("mean", "std"))
        return [f"grid_r{row}_c{col}_{channel}_{statistic}" for row, col, channel, statistic in cells]

    def _extract(self, images, out):
        batch, scale = scaled_batch(images if images.ndim == 4 else images[..., None])
        color_grid(batch, out, scale=scale, **self._kernel_parameters())
