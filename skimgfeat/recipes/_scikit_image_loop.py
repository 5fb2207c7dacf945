"""The usual way: one image at a time over scikit-image and NumPy, written from the definitions of the features.

The demo times it beside the package. Every family takes a gray image and its mask.
"""

import warnings

import numpy as np
from scipy.ndimage import convolve
from skimage import feature, filters, measure, morphology

# Keeps a share of nothing finite.
_EPSILON = 1e-7


def hog_loop(images, **parameters):
    """Return HOG of gray uint8 or float images, (n, columns), by :func:`skimage.feature.hog` with these parameters."""
    scale = _full_scale(images)
    return np.array([_hog(image, scale, parameters) for image in images], dtype=np.float32)


def handcrafted_loop(images, *, threshold, **hog_parameters):
    """Return the eleven families of gray images, (n, columns).

    Parameters
    ----------
    images : uint8 or float ndarray of shape (n, rows, cols)
        Floats are in [0, 1].
    threshold : float or "otsu"
        What is brighter is the foreground; a number is in [0, 1].
    **hog_parameters : dict
        Parameters of :func:`skimage.feature.hog`.

    Returns
    -------
    features : float32 ndarray of shape (n, columns)
        In the order of ``HandcraftedFeatures``.
    """
    scale = _full_scale(images)
    rows = []
    for image in images:
        mask = image > _cut(image, threshold, scale)
        hog = _hog(image, scale, hog_parameters)
        families = [family(image, mask) for family in _OTHER_FAMILIES]
        rows.append(np.concatenate([_zoning(image, mask), hog, *families]))
    return np.array(rows, dtype=np.float32)


def _full_scale(images):
    return 255 if images.dtype == np.uint8 else 1


def _hog(image, scale, parameters):
    return feature.hog(image.astype(np.float32) / np.float32(scale), **parameters)


def _cut(image, threshold, scale):
    if threshold != "otsu":
        return threshold * scale
    # A constant image has no foreground.
    return image.max() if image.min() == image.max() else filters.threshold_otsu(image)


def _zoning(image, mask):
    rows, cols = mask.shape
    zones = [
        mask[i * rows // 4 : (i + 1) * rows // 4, j * cols // 4 : (j + 1) * cols // 4].mean()
        for i in range(4)
        for j in range(4)
    ]
    total = mask.sum() + _EPSILON
    return np.concatenate([zones, mask.sum(axis=1) / total, mask.sum(axis=0) / total])


def _hu(image, mask):
    if not mask.any():
        return np.zeros(7)
    moments = measure.moments_hu(measure.moments_normalized(measure.moments_central(mask.astype(float))))
    return -np.sign(moments) * np.log10(np.abs(moments) + 1e-10)


def _lbp(image, mask):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Applying `local_binary_pattern` to floating-point")
        codes = feature.local_binary_pattern(image, 8, 1, method="uniform")
    counts, _ = np.histogram(codes, bins=10, range=(0, 10))
    return counts / (counts.sum() + _EPSILON)


def _skeleton(image, mask):
    lines = morphology.skeletonize(mask)
    neighbors = convolve(lines.astype(np.uint8), np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]), mode="constant")
    length = lines.sum()
    ends, branches = (lines & (neighbors == 1)).sum(), (lines & (neighbors >= 3)).sum()
    return np.array([length, ends, branches, length / (mask.sum() + _EPSILON)])


def _largest_component(mask):
    return max(measure.regionprops(measure.label(mask)), key=lambda region: region.area, default=None)


def _contours(image, mask):
    main = _largest_component(mask)
    if main is None:
        return np.zeros(6)
    top, left, bottom, right = main.bbox
    aspect = (right - left) / (bottom - top + _EPSILON)
    return np.array([main.area, main.eccentricity, main.extent, main.solidity, aspect, main.perimeter])


def _run_lengths(image, mask):
    numbers = []
    for lines in (mask, mask.T):
        lengths: list[int] = []
        for line in lines:
            edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
            # A line without a run counts as one run of length 0.
            lengths.extend(edges[1::2] - edges[::2] if len(edges) else [0])
        numbers += [np.mean(lengths), np.std(lengths), np.max(lengths)]
    return np.array(numbers)


def _connectivity(image, mask):
    return np.array([measure.label(mask).max(), measure.euler_number(mask)])


def _geometry(image, mask):
    main = _largest_component(mask)
    if main is None:
        return np.zeros(7)
    row, col = main.centroid
    rows, cols = np.nonzero(mask)
    spread = np.sum((rows - row) ** 2 + (cols - col) ** 2) / (len(rows) + _EPSILON)
    return np.array([*main.bbox, row, col, spread])


def _projections(image, mask):
    rows, cols = mask.shape
    diagonals = np.array([np.diag(mask, offset).sum() for offset in range(1 - rows, cols)])
    quarter = len(diagonals) // 4
    histograms = [
        np.histogram(mask.sum(axis=1), bins=10, range=(0, cols))[0],
        np.histogram(mask.sum(axis=0), bins=10, range=(0, rows))[0],
        np.add.reduceat(diagonals, [0, quarter, 2 * quarter, 3 * quarter]),
    ]
    return np.concatenate([counts / (counts.sum() + _EPSILON) for counts in histograms])


def _density(image, mask):
    middle = mask.shape[1] // 2
    return np.array([mask[:, :middle].sum(), mask[:, middle:].sum()]) / (mask.sum() + _EPSILON)


# After zoning and HOG, in the order of the columns.
_OTHER_FAMILIES = (
    _hu,
    _lbp,
    _skeleton,
    _contours,
    _run_lengths,
    _connectivity,
    _geometry,
    _projections,
    _density,
)
