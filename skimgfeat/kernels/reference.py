"""The readable definition of every kernel, image by image, in NumPy, SciPy and scikit-image.

What the compiled kernels compute is what is written here: this module is their specification, an oracle of their
tests, and what runs where they could not be built.
"""

from itertools import pairwise

import numpy as np
import skimage.color
import skimage.feature
import skimage.filters
import skimage.measure
import skimage.morphology
from scipy import ndimage

# Keeps a ratio finite where there is nothing to count.
_EPSILON = 1e-7

# scikit-image's constants of block normalization.
_BLOCK_EPSILON = 1e-5
_HYSTERESIS_CLIP = 0.2

# What floats are rounded to, so that a color is the same in every type: 255 divides it.
_LEVELS = 65535
# Below it, hues cancel and their mean has no direction.
_LEAST_RESULTANT = 1e-6


def hog(
    images,
    out,
    *,
    scale,
    orientations,
    pixels_per_cell,
    cells_per_block,
    block_norm,
    transform_sqrt,
    signed,
    interpolate,
):
    """Fill each row of ``out`` with the histogram of oriented gradients of an image.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols, channels), uint8, uint16, float32 or float64
        The images. A pixel counts as ``float32(value) / float32(scale)``.
    out : ndarray of shape (n, k), float32
        The result, laid out (block row, block col, cell row, cell col, orientation).
    scale : float
        The value that counts as 1.
    orientations : int
        Number of bins over 180 degrees, or over 360 where signed.
    pixels_per_cell, cells_per_block : (int, int)
        Rows and columns.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}
        As in scikit-image.
    transform_sqrt : bool
        Whether gradients are taken of the square root of the pixels.
    signed : bool
        Whether a gradient and its opposite are told apart.
    interpolate : bool
        Whether a pixel's vote is shared between the nearest cells and orientations.
    """
    for image, row in zip(images, out, strict=True):
        image = image.astype(np.float32) / np.float32(scale)
        if signed or interpolate:
            pixels = np.sqrt(image) if transform_sqrt else image
            magnitude, angle = gradient(pixels, signed)
            cells = cell_histograms(magnitude, angle, orientations, pixels_per_cell, signed, interpolate)
            row[:] = normalized_blocks(cells, cells_per_block, block_norm).ravel()
        else:
            single = image.shape[-1] == 1
            row[:] = skimage.feature.hog(
                image[..., 0] if single else image,
                orientations=orientations,
                pixels_per_cell=pixels_per_cell,
                cells_per_block=cells_per_block,
                block_norm=block_norm,
                transform_sqrt=transform_sqrt,
                channel_axis=None if single else -1,
            )


def handcrafted(images, out, *, scale, columns, threshold, dark, hog):
    """Fill columns of each row of ``out`` with the chosen families of an image.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols) or (n, rows, cols, 3), uint8, uint16, float32 or float64
        The images; color becomes gray first.
    out : ndarray of shape (n, k), float32
        The result; columns of no chosen family are left as they are.
    scale : float
        The value that counts as 1.
    columns : dict of str to int
        The first column of each chosen family.
    threshold : float or None
        Pixels above ``threshold * scale`` are the foreground; None is Otsu's threshold of each image.
    dark : bool
        Whether the foreground is what is not above the threshold.
    hog : dict or None
        The keyword parameters of :func:`hog` without ``scale``; used where "hog" is chosen.
    """
    for image, row in zip(images, out, strict=True):
        gray = luma(image) if image.ndim == 3 else image
        mask = foreground(gray, scale, threshold, dark)
        for family, start in columns.items():
            if family == "hog":
                _hog_into(gray, row[start:], scale, hog)
            else:
                values = lbp(gray) if family == "lbp" else _OF_MASK[family](mask)
                row[start : start + len(values)] = values


def color_grid(images, out, *, scale, color_space, grid):
    """Fill each row of ``out`` with mean and standard deviation of the colors in each cell of a grid.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols, 1) or (n, rows, cols, 3), uint8, uint16, float32 or float64
        The images; gray counts as RGB of three equal channels. Floats are clipped to [0, 1] and rounded to 65,536
        levels.
    out : ndarray of shape (n, 6 * grid rows * grid cols), float32
        The result, laid out (cell row, cell col, channel, mean or deviation).
    scale : float
        The value that counts as 1: the full scale of an integer type.
    color_space : {"rgb", "hsv", "lab"}
        Of the result, as in scikit-image. The mean of hues is that of their directions, in turns, and 0 where these
        cancel; their deviation is that of points on a circle with a circumference of 1.
    grid : (int, int)
        Number of cells along rows and columns. Cell i of n begins at row ``(i * rows) // n``, likewise for columns.
    """
    for image, row in zip(images, out, strict=True):
        colors = _to_color_space(_rgb(image, scale), color_space)
        row[:] = np.ravel([_color_statistics(cell, color_space) for cell in _cells(colors, grid)])


def patch_features(images, out, *, scale, weights, offsets, norms, threshold, contrast, patch_size, step, pooling):
    """Fill each row of ``out`` with how much the patches of an image resemble each atom, a mean for each cell.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols, channels), uint8, uint16, float32 or float64
        The images. A pixel counts as ``float32(value) / float32(scale)``.
    out : ndarray of shape (n, k), float32
        The result, laid out (cell row, cell col, above or below, atom), or (cell row, cell col, atom) with norms.
    scale : float
        The value that counts as 1.
    weights : ndarray of shape (d, n_scores), float32
        A patch x, raveled and normalized, has the scores ``x @ weights - offsets``.
    offsets : ndarray of shape (n_scores,), float32
        See weights.
    norms : ndarray of shape (n_atoms,), float32, or None
        None: every score s is an atom's, and becomes ``max(s - threshold, 0)`` and ``max(-s - threshold, 0)``.
        Otherwise squared norms of atoms, whose scores are inner products with the whitened patch; the other d scores
        are the whitened patch itself. An atom at distance z becomes ``max(mean of all z - z, 0)``.
    threshold : float
        Unused with norms.
    contrast : float or None
        What is added to the variance of a patch before it is centered and divided by its standard deviation; None
        leaves patches as they are.
    patch_size : (int, int)
        Rows and columns.
    step : int
        Between the beginnings of neighboring patches.
    pooling : (int, int)
        Number of cells along rows and columns of patches, bounded as in :func:`color_grid`.
    """
    for image, row in zip(images, out, strict=True):
        patches = sliding_patches(image.astype(np.float32) / np.float32(scale), patch_size, step)
        if contrast is not None:
            patches = normalized_patches(patches, contrast)
        scores = patches @ weights.astype(float) - offsets
        encoded = soft_thresholds(scores, threshold) if norms is None else triangles(scores, norms)
        row[:] = np.ravel([cell.mean(axis=(0, 1)) for cell in _cells(encoded, pooling)])


def luma(image):
    """Return the gray image of an RGB image: the luma of ITU-R 601, as Pillow's mode L.

    (19595 R + 38470 G + 7471 B) / 65536, rounded to the nearest integer in an image of integers, float64 otherwise.
    """
    if image.dtype.kind == "f":
        red, green, blue = np.moveaxis(image.astype(np.float64), -1, 0)
        return (19595 * red + 38470 * green + 7471 * blue) / 65536
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(image.dtype)


def foreground(gray, scale, threshold, dark):
    """Return the mask of the pixels above ``threshold * scale``, compared as float64; the others where ``dark``.

    ``threshold=None`` is scikit-image's ``threshold_otsu`` of the integers as they are, or of the float64 values.
    The mask is empty then where the image is constant, as nothing stands out. Floats closer together than 1e-12 of
    their size (or 1e-300), or so far apart that their range overflows, count as constant: they cannot be told apart in
    256 bins.
    """
    values = gray.astype(np.float64)
    if threshold is None:
        spread = values.max() - values.min()
        if not max(1e-12 * np.abs(values).max(), 1e-300) < spread < np.inf:
            return np.zeros(gray.shape, dtype=bool)
        cut = skimage.filters.threshold_otsu(values if gray.dtype.kind == "f" else gray)
    else:
        cut = threshold * scale
    return (values > cut) != dark


def zoning(mask):
    """Return the density of each of 4 x 4 zones, then the share of the foreground in each row and each column.

    Zone i of 4 begins at row ``(i * rows) // 4``, likewise for columns; a zone without pixels has density 0.
    """
    rows, cols = mask.shape
    row_bounds = [(i * rows) // 4 for i in range(5)]
    col_bounds = [(i * cols) // 4 for i in range(5)]
    zones = [
        mask[top:bottom, left:right] for top, bottom in pairwise(row_bounds) for left, right in pairwise(col_bounds)
    ]
    densities = [zone.mean() if zone.size else 0.0 for zone in zones]
    shares = np.concatenate([mask.sum(axis=1), mask.sum(axis=0)]) / (mask.sum() + _EPSILON)
    return np.concatenate([densities, shares])


def hu(mask):
    """Return Hu's seven moments of the mask, each as ``-sign(m) * log10(abs(m) + 1e-10)``; zeros for an empty mask."""
    if not mask.any():
        return np.zeros(7)
    normalized = skimage.measure.moments_normalized(skimage.measure.moments_central(mask))
    moments = skimage.measure.moments_hu(normalized)
    return -np.sign(moments) * np.log10(np.abs(moments) + 1e-10)


def lbp(gray):
    """Return the share of each of the 10 uniform local binary patterns of 8 neighbors at radius 1.

    The gray values themselves are compared: integers as integers, floats in float64. Outside the image is 0.
    """
    # As objects, floats do not set off scikit-image's warning; it computes in float64 whatever it is given.
    values = gray.astype(object) if gray.dtype.kind == "f" else gray
    codes = skimage.feature.local_binary_pattern(values, P=8, R=1, method="uniform")
    return np.bincount(codes.astype(int).ravel(), minlength=10) / (gray.size + _EPSILON)


def skeleton(mask):
    """Return the skeleton's length, its ends, its branches, and its length over the area of the foreground.

    An end is a skeleton pixel with one neighbor among eight, a branch one with three or more.
    """
    thin = skimage.morphology.skeletonize(mask)
    neighbors = ndimage.convolve(thin.astype(int), np.ones((3, 3), dtype=int), mode="constant")[thin] - 1
    length = thin.sum()
    return np.array([length, (neighbors == 1).sum(), (neighbors >= 3).sum(), length / (mask.sum() + _EPSILON)])


def contours(mask):
    """Return area, eccentricity, extent, solidity, width over height, and perimeter of the largest component.

    Components are 8-connected, the first in raster order is taken among equals; zeros for an empty mask.
    """
    if not mask.any():
        return np.zeros(6)
    main = _largest_component(mask)
    top, left, bottom, right = main.bbox
    aspect = (right - left) / (bottom - top + _EPSILON)
    return np.array([main.area, main.eccentricity, main.extent, main.solidity, aspect, main.perimeter])


def run_lengths(mask):
    """Return mean, standard deviation and maximum of the runs along rows, then of those along columns.

    A row or column without foreground counts as one run of length 0.
    """
    statistics = []
    for lines in (mask, mask.T):
        runs = np.concatenate([_runs(line) for line in lines])
        statistics += [runs.mean(), runs.std(), runs.max()]
    return np.array(statistics)


def connectivity(mask):
    """Return the number of 8-connected components and the Euler number: components less holes."""
    return np.array([skimage.measure.label(mask).max(), skimage.measure.euler_number(mask)])


def geometry(mask):
    """Return where the largest component lies, and how far the foreground spreads around it.

    Seven numbers: bounding box (first row, first column, last row + 1, last column + 1) and centroid (row, column) of
    the component of :func:`contours`, then the mean squared distance of all foreground pixels from that centroid;
    zeros for an empty mask.
    """
    if not mask.any():
        return np.zeros(7)
    main = _largest_component(mask)
    offsets = np.argwhere(mask) - np.array(main.centroid)
    return np.array([*main.bbox, *main.centroid, (offsets**2).sum() / (len(offsets) + _EPSILON)])


def projections(mask):
    """Return histograms of the row sums and of the column sums, and the foreground along the diagonals.

    Ten bins over 0 to the number of columns for the row sums, over 0 to the number of rows for the column sums, as
    shares. Then the rows + cols - 1 diagonals, from the lower left corner to the upper right, in four groups of
    ``(rows + cols - 1) // 4``, the last with the remainder: the share of the foreground in each.
    """
    rows, cols = mask.shape
    of_rows, _ = np.histogram(mask.sum(axis=1), bins=10, range=(0, cols))
    of_cols, _ = np.histogram(mask.sum(axis=0), bins=10, range=(0, rows))
    at_row, at_col = np.nonzero(mask)
    group_size = (rows + cols - 1) // 4
    # Diagonals are counted from 0 at the lower left corner.
    diagonal = at_col - at_row + rows - 1
    group = np.minimum(diagonal // group_size, 3) if group_size else np.full(len(diagonal), 3)
    along_diagonals = np.bincount(group, minlength=4) / (len(diagonal) + _EPSILON)
    return np.concatenate([of_rows / (rows + _EPSILON), of_cols / (cols + _EPSILON), along_diagonals])


def density(mask):
    """Return the share of the foreground in the left half, columns below ``cols // 2``, and in the right half."""
    middle = mask.shape[1] // 2
    return np.array([mask[:, :middle].sum(), mask[:, middle:].sum()]) / (mask.sum() + _EPSILON)


_OF_MASK = {
    "zoning": zoning,
    "hu": hu,
    "skeleton": skeleton,
    "contours": contours,
    "run_lengths": run_lengths,
    "connectivity": connectivity,
    "geometry": geometry,
    "projections": projections,
    "density": density,
}


def _hog_into(gray, row, scale, settings):
    """Write the HOG of one gray image to the head of ``row``."""
    block_rows, block_cols = settings["cells_per_block"]
    cell_rows, cell_cols = (side // size for side, size in zip(gray.shape, settings["pixels_per_cell"], strict=True))
    n_blocks = (cell_rows - block_rows + 1) * (cell_cols - block_cols + 1)
    length = n_blocks * block_rows * block_cols * settings["orientations"]
    hog(gray[None, ..., None], row[None, :length], scale=scale, **settings)


def _largest_component(mask):
    """Return the properties of the largest 8-connected component, the first in raster order among equals."""
    return max(skimage.measure.regionprops(skimage.measure.label(mask)), key=lambda region: region.area)


def _runs(line):
    """Return the lengths of the runs of True in a line, [0] if there are none."""
    steps = np.flatnonzero(np.diff(line, prepend=False, append=False))
    lengths = steps[1::2] - steps[::2]
    return lengths if len(lengths) else np.zeros(1, dtype=int)


def differences(image):
    """Return differences along rows and along columns at each pixel of an image (rows, cols, channels), and whose.

    Of the two neighbors, undivided, in float64; 0 along rows in the first and last row and along columns in the first
    and last column. The first channel of largest magnitude (in float32) counts: whose they are is its number.
    """
    down, right = np.zeros_like(image), np.zeros_like(image)
    down[1:-1] = image[2:] - image[:-2]
    right[:, 1:-1] = image[:, 2:] - image[:, :-2]
    strongest = np.hypot(down, right).argmax(axis=-1)[..., None]
    down, right = (np.take_along_axis(side, strongest, axis=-1)[..., 0].astype(np.float64) for side in (down, right))
    return down, right, strongest[..., 0]


def gradient(image, signed):
    """Return magnitude and angle in degrees of the gradient at each pixel of an image (rows, cols, channels).

    From :func:`differences`. The angle is in [0, 180], or in [0, 360] where signed, from the direction of growing
    columns towards that of growing rows.
    """
    down, right, _ = differences(image)
    angle = np.rad2deg(np.arctan2(down, right)) % (360 if signed else 180)
    return np.hypot(down, right), angle


def cell_histograms(magnitude, angle, orientations, pixels_per_cell, signed, interpolate):
    """Return the mean magnitude in each cell and orientation, of shape (cell rows, cell cols, orientations)."""
    histograms = interpolated_histograms if interpolate else hard_histograms
    return histograms(magnitude, angle, orientations, (360 if signed else 180) / orientations, pixels_per_cell)


def hard_histograms(magnitude, angle, orientations, width, pixels_per_cell):
    """Return the mean magnitude in each cell and orientation, of shape (cell rows, cell cols, orientations).

    The edges between orientations are those of scikit-image, multiples of the width rounded to float32. Pixels beyond
    the last whole cell do not count.
    """
    rows, cols = magnitude.shape
    cell_height, cell_width = pixels_per_cell
    cells = np.zeros((rows // cell_height, cols // cell_width, orientations))
    whole = np.s_[: len(cells) * cell_height, : cells.shape[1] * cell_width]
    edges = np.float32(width * np.arange(1, orientations))
    at_row, at_col = np.indices((rows, cols))
    bins = np.searchsorted(edges, angle[whole], side="right")
    np.add.at(cells, (at_row[whole] // cell_height, at_col[whole] // cell_width, bins), magnitude[whole])
    return cells / (cell_height * cell_width)


def interpolated_histograms(magnitude, angle, orientations, width, pixels_per_cell):
    """Return :func:`hard_histograms` with each pixel's vote shared linearly along rows, columns and orientations.

    A pixel votes for the two nearest cells along each axis and the two nearest orientations, more for the nearer
    centers: pixels have theirs at + 0.5, cells in their middle, orientations at (k + 0.5) * width, on a circle. Votes
    for cells outside the grid are lost.
    """
    rows, cols = magnitude.shape
    cell_height, cell_width = pixels_per_cell
    n_rows, n_cols = rows // cell_height, cols // cell_width
    # One more cell on each side takes the votes that are lost.
    cells = np.zeros((n_rows + 2, n_cols + 2, orientations))
    whole = np.s_[: n_rows * cell_height, : n_cols * cell_width]
    at_row, at_col = np.indices((rows, cols))[(slice(None), *whole)]
    along_rows = _two_nearest((at_row + 0.5) / cell_height)
    along_cols = _two_nearest((at_col + 0.5) / cell_width)
    along_angles = _two_nearest(angle[whole] / width)
    for row, row_share in along_rows:
        for col, col_share in along_cols:
            for orientation, share in along_angles:
                votes = magnitude[whole] * row_share * col_share * share
                np.add.at(cells, (row + 1, col + 1, orientation % orientations), votes)
    return cells[1:-1, 1:-1] / (cell_height * cell_width)


def _two_nearest(position):
    """Return the indices of the two nearest of the centers 0.5, 1.5, ..., and the share of each."""
    lower = np.floor(position - 0.5).astype(int)
    upper_share = position - 0.5 - lower
    return (lower, 1 - upper_share), (lower + 1, upper_share)


def normalized_blocks(cells, cells_per_block, block_norm):
    """Return every block of cells, normalized as in scikit-image.

    Of shape (block rows, block cols, rows of cells, cols of cells, orientations).
    """
    blocks = np.lib.stride_tricks.sliding_window_view(cells, cells_per_block, axis=(0, 1))
    blocks = np.moveaxis(blocks, 2, -1)
    within = (2, 3, 4)
    if block_norm in ("L1", "L1-sqrt"):
        blocks = blocks / (blocks.sum(axis=within, keepdims=True) + _BLOCK_EPSILON)
        return np.sqrt(blocks) if block_norm == "L1-sqrt" else blocks
    blocks = blocks / np.sqrt((blocks**2).sum(axis=within, keepdims=True) + _BLOCK_EPSILON**2)
    if block_norm == "L2-Hys":
        blocks = np.minimum(blocks, _HYSTERESIS_CLIP)
        blocks = blocks / np.sqrt((blocks**2).sum(axis=within, keepdims=True) + _BLOCK_EPSILON**2)
    return blocks


def sliding_patches(image, patch_size, step):
    """Return every patch of an image in float64, raveled (row, col, channel): (patch rows, patch cols, values)."""
    patches = np.lib.stride_tricks.sliding_window_view(image, patch_size, axis=(0, 1))[::step, ::step]
    return np.moveaxis(patches, 2, -1).reshape(*patches.shape[:2], -1).astype(float)


def normalized_patches(patches, contrast):
    """Return patches less their mean, divided by the root of their variance plus ``contrast``."""
    centered = patches - patches.mean(axis=-1, keepdims=True)
    return centered / np.sqrt(np.square(centered).mean(axis=-1, keepdims=True) + contrast)


def soft_thresholds(scores, threshold):
    """Return by how much scores exceed the threshold, then by how much they fall below its negative."""
    return np.concatenate([np.maximum(scores - threshold, 0), np.maximum(-scores - threshold, 0)], axis=-1)


def triangles(scores, norms):
    """Return by how much each atom is nearer to a patch than atoms are on average."""
    products, whitened = scores[..., : len(norms)], scores[..., len(norms) :]
    squares = np.square(whitened).sum(axis=-1, keepdims=True) - 2 * products + norms
    distances = np.sqrt(np.maximum(squares, 0))
    return np.maximum(distances.mean(axis=-1, keepdims=True) - distances, 0)


def _rgb(image, scale):
    """Return the colors of an image in [0, 1], float64, of shape (rows, cols, 3)."""
    if image.dtype.kind == "f":
        levels = np.clip(image, 0, 1) * image.dtype.type(_LEVELS) + image.dtype.type(0.5)
        image, scale = np.floor(levels), _LEVELS
    return np.broadcast_to(image / float(scale), (*image.shape[:2], 3))


def _to_color_space(rgb, color_space):
    """Return colors in another space; in HSV, a hue is its cosine and its sine."""
    if color_space == "lab":
        return skimage.color.rgb2lab(rgb)
    if color_space == "rgb":
        return rgb
    hue, saturation, value = np.moveaxis(skimage.color.rgb2hsv(rgb), -1, 0)
    angle = 2 * np.pi * hue
    return np.stack([np.cos(angle), np.sin(angle), saturation, value], axis=-1)


def _color_statistics(cell, color_space):
    """Return mean and standard deviation of each channel."""
    mean, deviation = cell.mean(axis=(0, 1)), cell.std(axis=(0, 1))
    if color_space == "hsv":
        cosine, sine, *means = mean
        hue = np.arctan2(sine, cosine) / (2 * np.pi) % 1 if np.hypot(cosine, sine) >= _LEAST_RESULTANT else 0.0
        # What float32 rounds up to a whole turn is red again.
        mean = [np.float32(hue) % 1, *means]
        deviation = [np.hypot(deviation[0], deviation[1]) / (2 * np.pi), *deviation[2:]]
    return np.column_stack([mean, deviation])


def _cells(values, grid):
    """Yield the cells of a grid over the first two axes, row by row."""
    row_bounds, col_bounds = (
        [(i * length) // count for i in range(count + 1)] for length, count in zip(values.shape, grid, strict=False)
    )
    for top, bottom in pairwise(row_bounds):
        for left, right in pairwise(col_bounds):
            yield values[top:bottom, left:right]
