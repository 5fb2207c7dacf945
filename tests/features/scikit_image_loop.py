"""What everyone writes today: one image at a time over scikit-image, one function a family.

The oracle of the tests and the other side of the benchmarks, written from the definitions and not from the package.
Every function of ``FAMILIES`` takes the gray image, its mask and the value that counts as 1.
"""

import warnings

import numpy as np
from scipy.ndimage import convolve
from skimage import feature, filters, measure, morphology


def zoning(gray, mask, scale):
    rows, cols = mask.shape
    numbers = []
    for i in range(4):
        for j in range(4):
            zone = mask[i * rows // 4 : (i + 1) * rows // 4, j * cols // 4 : (j + 1) * cols // 4]
            numbers.append(zone.sum() / zone.size if zone.size else 0)
    total = mask.sum() + 1e-7
    numbers.extend(mask.sum(axis=1) / total)
    numbers.extend(mask.sum(axis=0) / total)
    return np.array(numbers)


def hog(
    gray,
    mask,
    scale,
    *,
    orientations=9,
    pixels_per_cell=(4, 4),
    cells_per_block=(2, 2),
    block_norm="L2-Hys",
    transform_sqrt=True,
):
    """Also for images with channels; the mask is not looked at."""
    return feature.hog(
        gray.astype(np.float32) / np.float32(scale),
        orientations=orientations,
        pixels_per_cell=pixels_per_cell,
        cells_per_block=cells_per_block,
        block_norm=block_norm,
        transform_sqrt=transform_sqrt,
        channel_axis=-1 if gray.ndim == 3 else None,
    )


def hu(gray, mask, scale):
    if mask.sum() == 0:
        return np.zeros(7)
    moments = measure.moments_hu(measure.moments_normalized(measure.moments_central(mask.astype(np.float64))))
    return -np.sign(moments) * np.log10(np.abs(moments) + 1e-10)


def lbp(gray, mask, scale):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Applying `local_binary_pattern` to floating-point")
        codes = feature.local_binary_pattern(gray, 8, 1, method="uniform")
    counts, _ = np.histogram(codes, bins=10, range=(0, 10))
    return counts / (counts.sum() + 1e-7)


def skeleton(gray, mask, scale):
    lines = morphology.skeletonize(mask).astype(np.uint8)
    around = convolve(lines, np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.uint8), mode="constant", cval=0)
    length = lines.sum()
    ends = np.sum((lines == 1) & (around == 1))
    branches = np.sum((lines == 1) & (around >= 3))
    return np.array([length, ends, branches, length / (mask.sum() + 1e-7)])


def contours(gray, mask, scale):
    regions = measure.regionprops(measure.label(mask))
    if not regions:
        return np.zeros(6)
    main = max(regions, key=lambda region: region.area)
    height, width = main.bbox[2] - main.bbox[0], main.bbox[3] - main.bbox[1]
    aspect = width / (height + 1e-7)
    return np.array([main.area, main.eccentricity, main.extent, main.solidity, aspect, main.perimeter])


def _runs(line):
    lengths, length = [], 0
    for value in line:
        if value:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    if length:
        lengths.append(length)
    return lengths or [0]


def run_lengths(gray, mask, scale):
    along_rows = np.array([length for row in mask for length in _runs(row)])
    along_cols = np.array([length for col in mask.T for length in _runs(col)])
    return np.array([f(runs) for runs in (along_rows, along_cols) for f in (np.mean, np.std, np.max)])


def connectivity(gray, mask, scale):
    return np.array([measure.label(mask).max(), measure.euler_number(mask)])


def geometry(gray, mask, scale):
    regions = measure.regionprops(measure.label(mask))
    if not regions:
        return np.zeros(7)
    main = max(regions, key=lambda region: region.area)
    at_row, at_col = np.nonzero(mask)
    row, col = main.centroid
    inertia = np.sum((at_row - row) ** 2 + (at_col - col) ** 2) / (len(at_row) + 1e-7)
    return np.array([*main.bbox, row, col, inertia])


def projections(gray, mask, scale):
    rows, cols = mask.shape
    of_rows, _ = np.histogram(mask.sum(axis=1), bins=10, range=(0, cols))
    of_cols, _ = np.histogram(mask.sum(axis=0), bins=10, range=(0, rows))
    diagonals = np.array([np.diag(mask, k).sum() for k in range(-rows + 1, cols)])
    size = len(diagonals) // 4
    groups = np.array([diagonals[i * size : (i + 1) * size if i < 3 else None].sum() for i in range(4)])
    shares = [counts / (counts.sum() + 1e-7) for counts in (of_rows, of_cols, groups)]
    return np.concatenate(shares)


def density(gray, mask, scale):
    half_row, half_col = mask.shape[0] // 2, mask.shape[1] // 2
    left = mask[:half_row, :half_col].sum() + mask[half_row:, :half_col].sum()
    right = mask[:half_row, half_col:].sum() + mask[half_row:, half_col:].sum()
    return np.array([left, right]) / (mask.sum() + 1e-7)


# In the order of the columns.
FAMILIES = {
    "zoning": zoning,
    "hog": hog,
    "hu": hu,
    "lbp": lbp,
    "skeleton": skeleton,
    "contours": contours,
    "run_lengths": run_lengths,
    "connectivity": connectivity,
    "geometry": geometry,
    "projections": projections,
    "density": density,
}


def full_scale(dtype):
    """The value that counts as 1."""
    return {"uint8": 255, "uint16": 65535}.get(np.dtype(dtype).name, 1)


def foreground(gray, threshold=0, polarity="bright"):
    """The mask of one gray image; the threshold is in scaled units or "otsu"."""
    if threshold == "otsu":
        if gray.min() == gray.max():
            return np.zeros(gray.shape, dtype=bool)
        cut = filters.threshold_otsu(gray.astype(np.float64) if gray.dtype.kind == "f" else gray)
    else:
        cut = threshold * full_scale(gray.dtype)
    mask = gray.astype(np.float64) > cut
    return mask if polarity == "bright" else ~mask


def extract(images, families=tuple(FAMILIES), threshold=0, polarity="bright"):
    """The chosen families of gray images, float32 of shape (n, columns)."""
    scale = full_scale(images.dtype)
    features = []
    for gray in images.view(np.uint8) if images.dtype == bool else images:
        mask = foreground(gray, threshold, polarity)
        features.append(np.concatenate([FAMILIES[name](gray, mask, scale) for name in families]))
    return np.array(features, dtype=np.float32)
