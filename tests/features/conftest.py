import gzip

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom
from sklearn.datasets import load_digits

# Name: kind, (rows, cols), dtype.
_CASES = {
    "mnist": ("mnist", (28, 28), "uint8"),
    "digits": ("digits", (28, 28), "uint8"),
    **{
        f"{kind}-{rows}x{cols}": (kind, (rows, cols), "uint8")
        for kind in ("shapes", "noise", "blobs")
        for rows, cols in ((1, 1), (1, 9), (7, 1), (5, 9), (28, 28), (31, 33), (64, 64), (70, 130))
    },
    **{f"blobs-{dtype}": ("blobs", (31, 33), dtype) for dtype in ("uint16", "float32", "float64", "bool")},
    **{f"shapes-{dtype}": ("shapes", (12, 17), dtype) for dtype in ("uint16", "float32", "float64", "bool")},
}


def _shapes(rows, cols):
    """Blank, full, one pixel, one row, one column, frame, checkerboard, diagonal, two equal pieces."""
    masks = np.zeros((9, rows, cols), dtype=bool)
    masks[1] = True
    masks[2, rows // 2, cols // 3] = True
    masks[3, rows // 3] = True
    masks[4, :, cols // 2] = True
    masks[5, [0, -1]] = masks[5, :, [0, -1]] = True
    masks[6] = np.indices((rows, cols)).sum(axis=0) % 2
    masks[7] = np.eye(rows, cols)
    masks[8, rows // 2 :, : cols // 2 - 1] = masks[8, : (rows + 1) // 2 - 1, cols // 2 + 1 :] = True
    return masks.astype(float)


def _noise(rows, cols):
    rng = np.random.default_rng(0)
    density = np.array([0.03, 0.3, 0.5, 0.7, 0.97, 1.0])[:, None, None]
    return rng.random((6, rows, cols)) * (rng.random((6, rows, cols)) < density)


def _blobs(rows, cols):
    smooth = gaussian_filter(np.random.default_rng(1).standard_normal((6, rows, cols)), (0, 1.5, 1.5))
    return np.where(smooth > 0, smooth / np.abs(smooth).max(), 0)


def _digits(rows, cols):
    return zoom(load_digits().images[:20], (1, rows / 8, cols / 8), order=1) / 16


def _as_type(values, dtype):
    """Values in [0, 1] as images of this type."""
    scale = {"uint8": 255, "uint16": 65535}.get(dtype)
    if scale is None:
        return values.astype(dtype)
    return np.ceil(values * scale).astype(dtype)


@pytest.fixture(scope="session", params=list(_CASES))
def case(request):
    """Images of one kind, size and type, and a name."""
    kind, size, dtype = _CASES[request.param]
    if kind == "mnist":
        with gzip.open(request.getfixturevalue("data_dir") / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(16 + 200 * 784), dtype=np.uint8, offset=16).reshape(200, 28, 28)
    else:
        make = {"shapes": _shapes, "noise": _noise, "blobs": _blobs, "digits": _digits}[kind]
        images = _as_type(make(*size), dtype)
    return request.param, images


@pytest.fixture(scope="session")
def images(case):
    return case[1]


@pytest.fixture(scope="session")
def expected(images, scikit_image_loop):
    """Each family of the images by the loop over scikit-image; HOG where the images are large enough."""
    large_enough = min(images.shape[1:]) >= 8
    return {
        name: scikit_image_loop.extract(images, [name])
        for name in scikit_image_loop.FAMILIES
        if name != "hog" or large_enough
    }


@pytest.fixture(scope="session")
def blobs():
    """Six smooth images of shape (31, 33) on a black ground, float64 in [0, 1]."""
    return _blobs(31, 33)


@pytest.fixture(scope="session")
def digits():
    """Twenty digits of shape (28, 28), uint8."""
    return _as_type(_digits(28, 28), "uint8")
