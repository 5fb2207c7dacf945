"""Histograms of oriented gradients."""

from itertools import product

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_choice, check_flag, check_integer, check_pair
from skimgfeat.kernels import hog

_BLOCK_NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")


def check_hog_parameters(owner, estimator):
    """Return the kernel's keyword parameters for HOG; what the estimator does not have is False."""
    return {
        "orientations": check_integer(owner, "orientations", estimator.orientations, minimum=1),
        "pixels_per_cell": check_pair(owner, "pixels_per_cell", estimator.pixels_per_cell),
        "cells_per_block": check_pair(owner, "cells_per_block", estimator.cells_per_block),
        "block_norm": check_choice(owner, "block_norm", estimator.block_norm, _BLOCK_NORMS),
        "transform_sqrt": check_flag(owner, "transform_sqrt", estimator.transform_sqrt),
        "signed": check_flag(owner, "signed", getattr(estimator, "signed", False)),
        "interpolate": check_flag(owner, "interpolate", getattr(estimator, "interpolate", False)),
    }


def hog_grid(owner, rows, cols, parameters):
    """Return the number of blocks along rows and columns, or raise ValueError for images smaller than one block."""
    (cell_height, cell_width), (block_rows, block_cols) = parameters["pixels_per_cell"], parameters["cells_per_block"]
    n_rows = rows // cell_height - block_rows + 1
    n_cols = cols // cell_width - block_cols + 1
    if n_rows < 1 or n_cols < 1:
        raise ValueError(
            f"{owner}: images of {rows} rows and {cols} columns are smaller than one block of "
            f"{block_rows} x {block_cols} cells of {cell_height} x {cell_width} pixels; the smallest size is "
            f"{block_rows * cell_height} rows and {block_cols * cell_width} columns. "
            "Enlarge the images, for instance with Resize, or take smaller pixels_per_cell or cells_per_block. "
            "(Channels come last, and a single color image goes in as X[None].)"
        )
    return n_rows, n_cols


def hog_names(owner, rows, cols, parameters):
    """Return the names of the columns."""
    block_rows, block_cols = parameters["cells_per_block"]
    # Two digits need a mark between them.
    separator = "_" if max(block_rows, block_cols) > 10 else ""
    cells = [f"b{row}{separator}{col}" for row, col in product(range(block_rows), range(block_cols))]
    blocks = product(*map(range, hog_grid(owner, rows, cols, parameters)))
    return [
        f"hog_r{row}_c{col}_{cell}_o{orientation}"
        for (row, col), cell, orientation in product(blocks, cells, range(parameters["orientations"]))
    ]


class HOG(ImageFeatures):
    """Histograms of oriented gradients.

    Each pixel votes with the magnitude of its gradient for the orientation of the gradient. Votes are summed over
    cells, and blocks of neighboring cells are normalized together; blocks overlap, one begins at every cell.

    With ``signed=False, interpolate=False``, the result is that of :func:`skimage.feature.hog` for the same float32
    image (see Notes). ``signed=True`` and ``interpolate=True`` usually score higher.

    Parameters
    ----------
    orientations : int, default=9
        Number of orientation bins over 180 degrees, or over 360 degrees where ``signed``.
    pixels_per_cell : tuple (rows, cols) of int, default=(8, 8)
        Size of a cell in pixels. Pixels beyond the last whole cell do not vote.
    cells_per_block : tuple (rows, cols) of int, default=(3, 3)
        Size of a block in cells.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        How a block is normalized: by the sum of its values (L1), that followed by the square root (L1-sqrt), by the
        root of the sum of squares (L2), or that with values clipped at 0.2 and normalized once more (L2-Hys).
    transform_sqrt : bool, default=False
        Whether to take gradients of the square root of the pixels, which lessens shadows and uneven light. Pixels
        must not be negative then.
    signed : bool, default=False
        Whether a gradient and its opposite (dark to bright, bright to dark) are told apart.
    interpolate : bool, default=False
        Whether a vote is shared linearly between the two nearest orientations and bilinearly between the nearest
        cells, as Dalal and Triggs do, rather than given to one.
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
        At ``fit``, for a parameter of another kind or value, for images smaller than one block, and for negative
        pixels where ``transform_sqrt``.

    See Also
    --------
    HandcraftedFeatures : HOG with ten families of numbers about the foreground.

    Notes
    -----
    The columns are laid out (block row, block column, cell row in the block, cell column in the block, orientation);
    ``hog_r2_c3_b01_o5`` is block row 2, block column 3, cell row 0 and column 1 in the block, orientation 5, all from
    0. Row and column are written apart, ``b0_1``, where a block has more than ten cells along a side. Orientation k
    covers angles of the gradient from ``k`` to ``k + 1`` times the width of a bin, 0 degrees towards growing columns
    and 90 towards growing rows.

    uint8, uint16 and bool pixels are divided by the full scale of their type; floats are taken as they are. The
    result is, within 1e-6, ``skimage.feature.hog(image.astype(np.float32) / np.float32(255))`` for uint8 images
    [2]_, with ``channel_axis=-1`` for images with channels: each pixel takes the channel of largest magnitude.
    ``skimage.feature.hog(image)`` of the uint8 image itself is different: it computes in float64 on values up to
    255, where the constant that keeps empty blocks finite weighs less and, with ``transform_sqrt``, angles that lie
    on the edge between two orientations may fall to the other side.

    Differences from the paper [1]_: there is no Gaussian window over a block; ``signed`` and ``interpolate`` are off
    by default, as in scikit-image, which has neither. Interpolated votes that fall outside the grid of cells are
    lost.

    References
    ----------
    .. [1] N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
       https://doi.org/10.1109/CVPR.2005.177
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import HOG
    >>> images = np.zeros((2, 32, 32), dtype=np.uint8)
    >>> images[:, :, 16:] = 255
    >>> hog = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    >>> features = hog.fit_transform(images)
    >>> features.shape
    (2, 324)
    >>> strongest = features[0].argmax()
    >>> print(hog.get_feature_names_out()[strongest])
    hog_r0_c0_b01_o0
    """

    def __init__(
        self,
        orientations=9,
        pixels_per_cell=(8, 8),
        cells_per_block=(3, 3),
        block_norm="L2-Hys",
        transform_sqrt=False,
        signed=False,
        interpolate=False,
        image_shape=None,
        n_jobs=None,
    ):
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.signed = signed
        self.interpolate = interpolate
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        check_hog_parameters(type(self).__name__, self)

    def _needs_non_negative(self):
        return bool(self.transform_sqrt)

    def _feature_names(self, image_shape):
        owner = type(self).__name__
        rows, cols = image_shape[:2]
        return hog_names(owner, rows, cols, check_hog_parameters(owner, self))

    def _extract(self, images, out):
        batch, parameters = self._kernel_arguments(images)
        hog(batch, out, **parameters)

    def _kernel_arguments(self, images):
        """Return the batch for the kernel and its keyword parameters."""
        batch, scale = scaled_batch(images if images.ndim == 4 else images[..., None])
        return batch, {"scale": scale, **check_hog_parameters(type(self).__name__, self)}
