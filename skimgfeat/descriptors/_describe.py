"""One image to its SIFT descriptors: pure functions around cv2.SIFT."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from skimgfeat.descriptors._ragged import GEOMETRY, geometry_dtype

N_COLUMNS = 128
_X, _Y, _SIZE, _ANGLE, _RESPONSE = range(5)
# SIFT descriptors have a Euclidean norm of about 512, and so have RootSIFT's.
_NORM = 512
# cv2 samples 4 x 4 bins of 1.5 keypoint sizes each.
_BINS = 4
_BIN_PER_SIZE = 1.5
# As cv2 packs it: octave -1 in the first byte, layer 1 in the second.
_OCTAVE_MINUS_ONE = 0x1FF
_STRUCTURED = geometry_dtype(np.uint8, N_COLUMNS)


class SIFTParameters(NamedTuple):
    """The checked parameters of :class:`SIFT` that decide what an image's descriptors are."""

    n_features: int
    rank_by: str
    n_octave_layers: int
    contrast_threshold: float
    edge_threshold: float
    sigma: float
    root: bool
    geometry: bool
    max_pixels: int | None
    dense_step: int | None
    dense_size: int


def describe(image, parameters):
    """Return the descriptors of one image, best first.

    Parameters
    ----------
    image : ndarray of shape (rows, cols), (rows, cols, 1) or (rows, cols, 3)
        uint8, uint16, bool, or other numbers in [0, 1].
    parameters : SIFTParameters
        Checked parameters.

    Returns
    -------
    descriptors : ndarray of shape (k, 128), uint8; with geometry a structured array of shape (k,)
        (0, 128) where there are no keypoints.
    """
    gray, (scale_x, scale_y) = _shrink(_gray_bytes(image), parameters.max_pixels)
    find = _sparse if parameters.dense_step is None else _dense
    table, descriptors = find(gray, parameters)
    if parameters.root:
        descriptors = _root(descriptors)
    if not parameters.geometry:
        return descriptors
    out = np.empty(len(table), dtype=_STRUCTURED)
    out["descriptor"] = descriptors
    for column, name in enumerate(GEOMETRY):
        out[name] = table[:, column]
    # Of the image as it came: pixel centers lie at whole numbers, so that borders lie half a pixel outside.
    rows, cols = image.shape[:2]
    out["x"] = ((table[:, _X] + 0.5) * scale_x - 0.5) / cols
    out["y"] = ((table[:, _Y] + 0.5) * scale_y - 0.5) / rows
    out["size"] *= math.sqrt(scale_x * scale_y)
    return out


def no_descriptors(parameters):
    """Return the descriptors of an image that cannot be had."""
    return np.empty(0, dtype=_STRUCTURED) if parameters.geometry else _rows(None)


def shrunk_shape(shape, max_pixels):
    """Return the (rows, cols) to which an image of this shape is reduced; its own where it is small enough."""
    rows, cols = shape
    if max_pixels is None or rows * cols <= max_pixels:
        return rows, cols
    factor = math.sqrt(max_pixels / (rows * cols))
    # A long thin image keeps one pixel across; then its length alone must give way.
    small_rows = max(1, int(rows * factor))
    small_cols = max(1, min(int(cols * factor), max_pixels // small_rows))
    return min(small_rows, max_pixels // small_cols), small_cols


def _gray_bytes(image):
    """Return the image as gray uint8, its type's full scale at 255."""
    import cv2

    if image.dtype != np.uint8:
        is_16_bit = image.dtype.newbyteorder("=") == np.uint16
        values = image.astype(np.uint16 if is_16_bit else np.float64, order="C").reshape(len(image), -1)
        image = cv2.convertScaleAbs(values, alpha=1 / 257 if is_16_bit else 255).reshape(image.shape)
    if image.ndim == 3 and image.shape[2] == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))
    return np.ascontiguousarray(image.reshape(image.shape[:2]))


def _shrink(gray, max_pixels):
    """Return the image with at most ``max_pixels`` pixels, and by what its (x, y) must be multiplied to go back."""
    import cv2

    rows, cols = gray.shape
    small_rows, small_cols = shrunk_shape(gray.shape, max_pixels)
    if (small_rows, small_cols) == (rows, cols):
        return gray, (1.0, 1.0)
    small = cv2.resize(gray, (small_cols, small_rows), interpolation=cv2.INTER_AREA)
    return small, (cols / small_cols, rows / small_rows)


def _create(parameters, n_features=0):
    import cv2

    # By position: the overload that takes the type of the descriptors is chosen by its seven arguments.
    return cv2.SIFT.create(
        n_features,
        parameters.n_octave_layers,
        parameters.contrast_threshold,
        parameters.edge_threshold,
        parameters.sigma,
        cv2.CV_8U,
        False,
    )


def _table(keypoints):
    """Return the columns of GEOMETRY of keypoints, in pixels."""
    rows = [(*keypoint.pt, keypoint.size, keypoint.angle, keypoint.response) for keypoint in keypoints]
    return np.array(rows, dtype=np.float32).reshape(-1, len(GEOMETRY))


def _best_first(table, rank_by):
    """Return the order of keypoints, best first; equal ones by x, y, falling size, and angle."""
    rank = {
        "response": table[:, _RESPONSE],
        "size": table[:, _SIZE],
        "response_size": table[:, _RESPONSE] * table[:, _SIZE],
    }[rank_by]
    return np.lexsort((table[:, _ANGLE], -table[:, _SIZE], table[:, _Y], table[:, _X], -rank))


def _sparse(gray, parameters):
    """Return the table of keypoints and their descriptors, best first."""
    n_features = parameters.n_features
    if n_features and parameters.rank_by != "response":
        return _sparse_head(gray, parameters)
    keypoints, descriptors = _create(parameters, n_features).detectAndCompute(gray, None)
    table = _table(keypoints)
    # Of equal responses at its cut, cv2 keeps all.
    order = _best_first(table, parameters.rank_by)[: n_features or None]
    return table[order], _rows(descriptors)[order]


def _sparse_head(gray, parameters):
    """Find keypoints, rank them, and describe the best ones only."""
    import cv2

    sift = _create(parameters)
    keypoints = sift.detect(gray, None)
    table = _table(keypoints)
    order = _best_first(table, parameters.rank_by)[: parameters.n_features]
    if not keypoints:
        return table, _rows(None)
    # cv2 starts its pyramid at the finest octave among the keypoints it is given, and at -1 when it finds them itself:
    # one of octave -1 comes along, so that each keypoint gets the descriptor it has among all.
    anchor = cv2.KeyPoint(0, 0, 1, 0, 0, _OCTAVE_MINUS_ONE)
    _, descriptors = sift.compute(gray, [*(keypoints[index] for index in order), anchor])
    return table[order], descriptors[:-1]


def _dense(gray, parameters):
    """Describe the points of a grid, upright; their response is the root mean square of the gradient around them."""
    import cv2

    size = parameters.dense_size
    window = _BINS * size
    ys, xs = (_grid(side, window, parameters.dense_step) for side in gray.shape)
    points = [(x, y) for y in ys for x in xs]
    table = np.zeros((len(points), len(GEOMETRY)), dtype=np.float32)
    if not points:
        return table, _rows(None)
    table[:, [_X, _Y]] = points
    table[:, _SIZE] = size / _BIN_PER_SIZE
    table[:, _RESPONSE] = _contrast(gray, window)[np.ix_(ys, xs)].ravel()
    order = _best_first(table, parameters.rank_by)[: parameters.n_features or None]
    table = table[order]
    keypoints = [cv2.KeyPoint(x, y, diameter, 0, response) for x, y, diameter, _, response in table.tolist()]
    _, descriptors = _create(parameters).compute(gray, keypoints)
    return table, _rows(descriptors)


def _grid(side, window, step):
    """Return the centers of windows that lie inside ``side`` pixels, ``step`` apart and in the middle."""
    if side < window:
        return np.arange(0)
    last = (side - window) // step * step
    return (side - last) // 2 + np.arange(0, last + 1, step)


def _contrast(gray, window):
    """Return the root mean square of the gradient in the window around each pixel, in full scales a pixel."""
    import cv2

    values = gray.astype(np.float32) / 255
    squares = sum(cv2.Sobel(values, cv2.CV_32F, *axes, ksize=1, scale=0.5) ** 2 for axes in ((1, 0), (0, 1)))
    # Running sums of floats can end a little below 0.
    return np.sqrt(np.maximum(cv2.blur(squares, (window, window)), 0))


def _rows(descriptors):
    """Return descriptors as cv2 gives them, (0, 128) for None."""
    return np.empty((0, N_COLUMNS), dtype=np.uint8) if descriptors is None else descriptors


def _root(descriptors):
    """Return RootSIFT: the square root of L1-normalized descriptors, times 512, as uint8."""
    sums = descriptors.sum(axis=1, dtype=np.float32, keepdims=True)
    root = _NORM * np.sqrt(descriptors / np.maximum(sums, 1))
    return np.minimum(np.rint(root), 255).astype(np.uint8)
