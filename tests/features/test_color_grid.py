"""ColorGrid beside skimage.color, scipy.stats.circmean and NumPy, and beside colors known by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import circmean
from skimage import color, data

from skimgfeat import ColorGrid
from skimgfeat.kernels import reference

CONVERT = {"rgb": lambda image: image, "hsv": color.rgb2hsv, "lab": color.rgb2lab}
ATOL = {"rgb": 1e-6, "hsv": 1e-6, "lab": 1e-4}


@pytest.fixture(scope="module")
def photos():
    return np.stack([data.astronaut()[40:168, 200:300], data.coffee()[100:228, 200:300]])


def circular_distance(one, other):
    return np.abs((one - other + 0.5) % 1 - 0.5)


def definition(photo, color_space, n_rows, n_cols):
    """Mean and deviation of each channel in each cell: (n_rows, n_cols, 3, 2)."""
    full = np.iinfo(photo.dtype).max if photo.dtype.kind == "u" else 1
    colors = CONVERT[color_space](photo.astype(float) / full)
    height, width = photo.shape[:2]
    result = np.empty((n_rows, n_cols, 3, 2))
    for i in range(n_rows):
        for j in range(n_cols):
            rows = slice(i * height // n_rows, (i + 1) * height // n_rows)
            cols = slice(j * width // n_cols, (j + 1) * width // n_cols)
            pixels = colors[rows, cols].reshape(-1, 3)
            result[i, j] = np.transpose([pixels.mean(axis=0), pixels.std(axis=0)])
            if color_space == "hsv":
                turns = np.exp(2j * np.pi * pixels[:, 0])
                result[i, j, 0] = circmean(pixels[:, 0], high=1), np.sqrt(1 - abs(turns.mean()) ** 2) / (2 * np.pi)
    return result


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("grid", [(4, 4), (1, 1), (3, 7), (13, 20)])
@pytest.mark.parametrize("color_space", CONVERT)
def test_is_what_scikit_image_and_numpy_say(photos, color_space, grid, dtype):
    images = {"uint8": photos, "uint16": photos.astype(np.uint16) * np.uint16(251) + np.uint16(17)}.get(
        np.dtype(dtype).name, (photos / 255).astype(dtype)
    )
    rows = ColorGrid(color_space, grid).fit_transform(images)
    for image, row in zip(images, rows, strict=True):
        expected, row = definition(image, color_space, *grid), row.reshape(*grid, 3, 2)
        if color_space == "hsv":
            assert circular_distance(row[..., 0, 0], expected[..., 0, 0]).max() < 1e-5
            row, expected = row.copy(), expected.copy()
            row[..., 0, 0] = expected[..., 0, 0] = 0
            assert_allclose(row[..., 0, 1], expected[..., 0, 1], rtol=0, atol=1e-4)  # 1 - R squared cancels in R
            row[..., 0, 1] = expected[..., 0, 1] = 0
        assert_allclose(row, expected, rtol=1e-6, atol=ATOL[color_space])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("color_space", CONVERT)
def test_the_kernel_is_the_reference(color_space, dtype, channels):
    random = np.random.default_rng(0)
    images = random.random((3, 41, 33, channels)) * 1.4 - 0.2  # out of range, too
    images[0] = images[0, 0, 0]
    if np.dtype(dtype).kind == "u":
        images = np.clip(images, 0, 1) * np.iinfo(dtype).max
    images = images.astype(dtype)
    grid = ColorGrid(color_space, grid=(5, 3)).fit(images)
    expected = np.empty((3, 90), dtype=np.float32)
    scale = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    reference.color_grid(images, expected, scale=float(scale), color_space=color_space, grid=(5, 3))
    assert_allclose(grid.transform(images), expected, rtol=1e-6, atol=ATOL[color_space])


# (red, green, blue), and its hue, saturation and value.
COLORS = [
    ((1, 0, 0), (0, 1, 1)),
    ((1, 1, 0), (1 / 6, 1, 1)),
    ((0, 1, 0), (1 / 3, 1, 1)),
    ((0, 1, 1), (1 / 2, 1, 1)),
    ((0, 0, 1), (2 / 3, 1, 1)),
    ((1, 0, 1), (5 / 6, 1, 1)),
    ((1, 0.5, 0.5), (0, 0.5, 1)),
    ((0, 0, 0), (0, 0, 0)),
    ((1, 1, 1), (0, 0, 1)),
    ((0.2, 0.2, 0.2), (0, 0, 0.2)),
]


@pytest.mark.parametrize(("pixel", "expected"), COLORS)
def test_single_colors_known_by_hand(pixel, expected):
    image = np.full((1, 3, 5, 3), pixel, dtype=np.float64)
    row = ColorGrid("hsv", (1, 1)).fit_transform(image)[0]
    assert circular_distance(row[0], expected[0]) < 1e-6
    assert_allclose(row[2::2], expected[1:], atol=1e-5)  # of 65,536 levels
    assert_array_equal(row[1::2], 0)


def test_hues_are_averaged_around_the_circle():
    image = np.zeros((1, 1, 2, 3))
    image[0, 0, 0], image[0, 0, 1] = color.hsv2rgb([0.98, 1, 1]), color.hsv2rgb([0.04, 1, 1])
    mean, deviation = ColorGrid("hsv", (1, 1)).fit_transform(image)[0, :2]
    assert mean == pytest.approx(0.01, abs=1e-5)
    assert deviation == pytest.approx(np.sin(2 * np.pi * 0.03) / (2 * np.pi), abs=1e-5)


def test_hues_that_cancel_have_mean_0():
    image = np.zeros((1, 1, 2, 3), dtype=np.uint8)
    image[0, 0, 0, 1:] = image[0, 0, 1, 0] = 255  # cyan and red
    mean, deviation = ColorGrid("hsv", (1, 1)).fit_transform(image)[0, :2]
    assert mean == 0
    assert deviation == pytest.approx(1 / (2 * np.pi))


@pytest.mark.parametrize("color_space", CONVERT)
def test_one_color_has_no_deviation(color_space):
    """To the bit, in cells as large as a photo."""
    image = np.full((1, 700, 500, 3), (13, 77, 191), dtype=np.uint8)
    row = ColorGrid(color_space).fit_transform(image)[0].reshape(16, 3, 2)
    assert not row[..., 1].any()
    assert (row == row[0]).all()


@pytest.mark.parametrize("color_space", CONVERT)
def test_one_image_has_one_row_in_every_type(color_space):
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    expected = ColorGrid(color_space).fit_transform(images)
    for same in (images.astype(np.uint16) * np.uint16(257), (images / 255).astype(np.float32), images / 255):
        assert_array_equal(ColorGrid(color_space).fit_transform(same), expected)
    mask = images > 127
    expected = ColorGrid(color_space).fit_transform(mask * np.uint8(255))
    for same in (mask, mask.astype(np.float16)):
        assert_array_equal(ColorGrid(color_space).fit_transform(same), expected)


@pytest.mark.parametrize("color_space", CONVERT)
def test_gray_is_rgb_of_equal_channels(color_space):
    gray = data.camera()[None, 100:150, 100:160]
    expected = ColorGrid(color_space).fit_transform(np.repeat(gray[..., None], 3, axis=3))
    assert_array_equal(ColorGrid(color_space).fit_transform(gray), expected)
    assert_array_equal(ColorGrid(color_space).fit_transform(gray[..., None]), expected)


def test_values_out_of_range_count_as_the_nearest():
    image = np.array([[[-3.0, 0.5, 7.0]]])
    grid = ColorGrid(grid=(1, 1))
    assert_array_equal(grid.fit_transform(image), grid.fit_transform(np.clip(image, 0, 1)))


def test_names_follow_the_columns():
    image = np.zeros((1, 2, 3, 3))
    image[0, 1, 2] = (0, 0, 1)
    grid = ColorGrid("rgb", (2, 3)).fit(image)
    (place,) = np.flatnonzero(grid.transform(image)[0])
    assert grid.get_feature_names_out()[place] == "grid_r1_c2_b_mean"
    assert list(ColorGrid(grid=(1, 1)).fit(image).get_feature_names_out()) == [
        f"grid_r0_c0_{channel}_{statistic}" for channel in "lab" for statistic in ("mean", "std")
    ]


@pytest.mark.parametrize("shape", [(3, 9), (9, 3), (2, 2, 3)])
def test_images_smaller_than_the_grid_are_refused(shape):
    with pytest.raises(ValueError, match=r"ColorGrid: images of .* smaller than a grid of 4 x 4 cells"):
        ColorGrid().fit(np.zeros((2, *shape)))


@pytest.mark.parametrize("n_channels", [2, 4])
def test_other_channels_are_refused(n_channels):
    with pytest.raises(ValueError, match="ColorGrid: X must hold gray images or RGB"):
        ColorGrid(grid=(1, 1)).fit(np.zeros((2, 3, 4, n_channels)))
