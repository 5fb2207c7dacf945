"""The readable definitions against the loop over scikit-image."""

import numpy as np
import pytest
import skimage.filters

from skimgfeat import kernels
from skimgfeat.kernels import reference

HOG = {
    "orientations": 9,
    "pixels_per_cell": (4, 4),
    "cells_per_block": (2, 2),
    "block_norm": "L2-Hys",
    "transform_sqrt": True,
    "signed": False,
    "interpolate": False,
}
SHAPES = ((1, 1), (1, 6), (3, 3), (12, 17), (28, 28), (33, 70))


def some_images(rows, cols, dtype):
    """Noise of different densities, blank and full; in [0, 1] or over the full scale of the type."""
    rng = np.random.default_rng(rows * cols)
    values = rng.random((6, rows, cols)) * (rng.random((6, rows, cols)) < np.linspace(0, 1, 6)[:, None, None])
    values[0] = 0.7
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (values * scale).astype(dtype), scale


def family_alone(family, images, *, width, **parameters):
    """One family written to a wider row, between columns that must stay as they are."""
    out = np.full((len(images), width + 3), np.nan, dtype=np.float32)
    reference.handcrafted(images, out, columns={family: 2}, hog=HOG, **parameters)
    assert np.isnan(out[:, [0, 1, -1]]).all()
    return out[:, 2:-1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize(("threshold", "dark"), [(0, False), (0.5, True), (None, False), (None, True)])
def test_handcrafted_equals_the_loop(shape, dtype, threshold, dark, scikit_image_loop):
    images, scale = some_images(*shape, dtype)
    of_loop = {"threshold": "otsu" if threshold is None else threshold, "polarity": "dark" if dark else "bright"}
    for family in scikit_image_loop.FAMILIES:
        if family == "hog" and min(shape) < 8:
            continue
        expected = scikit_image_loop.extract(images, [family], **of_loop)
        parameters = {"scale": scale, "threshold": threshold, "dark": dark}
        actual = family_alone(family, images, width=expected.shape[1], **parameters)
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7, err_msg=family)


def test_families_go_where_they_are_told(scikit_image_loop):
    images, scale = some_images(12, 17, "uint8")
    out = np.full((len(images), 20), -1, dtype=np.float32)
    columns = {"density": 1, "hu": 10, "connectivity": 5}
    reference.handcrafted(images, out, scale=scale, columns=columns, threshold=0, dark=False, hog=None)
    for family, first in columns.items():
        expected = scikit_image_loop.extract(images, [family])
        np.testing.assert_allclose(out[:, first : first + expected.shape[1]], expected, rtol=1e-6)
    assert (out[:, [0, 3, 4, 7, 8, 9, 17, 18, 19]] == -1).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_hog_is_scikit_images_of_float32(channels, dtype, scikit_image_loop):
    images, scale = some_images(20, 25 * channels, dtype)
    images = images.reshape(6, 20, 25, channels)
    expected = [scikit_image_loop.hog(image[..., 0] if channels == 1 else image, None, scale) for image in images]
    out = np.empty(np.shape(expected), dtype=np.float32)
    reference.hog(images, out, scale=scale, **HOG)
    np.testing.assert_array_equal(out, expected)


def test_a_gradient_takes_the_first_channel_of_largest_magnitude():
    image = np.zeros((3, 3, 3), dtype=np.float32)
    # At the middle, 1 downwards in the first channel and 1 to the right in the second.
    image[2, 1, 0] = image[1, 2, 1] = 1
    magnitude, angle = reference.gradient(image, signed=True)
    assert (magnitude[1, 1], angle[1, 1]) == (1, 90)
    image[0, 1, 2] = 2
    magnitude, angle = reference.gradient(image, signed=True)
    assert (magnitude[1, 1], angle[1, 1]) == (2, 270)
    assert reference.gradient(image, signed=False)[1][1, 1] == 90


def test_gradients_across_the_border_are_zero():
    image = np.arange(12.0, dtype=np.float32).reshape(3, 4, 1) ** 2
    magnitude, angle = reference.gradient(image, signed=False)
    assert set(angle[[0, -1], 1:-1].ravel()) == {0}
    assert set(angle[1, [0, -1]]) == {90}
    assert not magnitude[np.ix_([0, -1], [0, -1])].any()


def test_the_mask_is_compared_in_float64():
    # As float32, the pixel and the threshold would be the same number.
    gray = np.array([[0.1]], dtype=np.float32)
    assert reference.foreground(gray, 1.0, 0.1, dark=False)
    assert not reference.foreground(gray, 1.0, float(gray[0, 0]), dark=False)


@pytest.mark.parametrize("kernel", [kernels.handcrafted, reference.handcrafted], ids=["installed", "reference"])
def test_otsu_of_values_whose_range_overflows_is_empty(kernel):
    images = np.full((1, 8, 8), -1e308)
    images[:, :, 4:] = 1e308
    out = np.full((1, 2), -1, dtype=np.float32)
    with np.errstate(over="ignore"):
        kernel(images, out, scale=1.0, columns={"density": 0}, threshold=None, dark=False, hog=None)
    np.testing.assert_array_equal(out, 0)


def test_otsu_counts_beyond_float32():
    """More pixels of one value than float32 can count one by one."""
    image = np.full((1, 4700, 4700), 200, dtype=np.uint8)
    image[0, :600] = np.linspace(0, 199, 4700).astype(np.uint8)
    threshold = skimage.filters.threshold_otsu(image[0])
    out = np.empty((1, 2), dtype=np.float32)
    kernels.handcrafted(image, out, scale=255.0, columns={"density": 0}, threshold=None, dark=False, hog=None)
    mask = image[0] > threshold
    np.testing.assert_allclose(
        out[0], [mask[:, :2350].sum() / mask.sum(), mask[:, 2350:].sum() / mask.sum()], rtol=1e-6
    )
