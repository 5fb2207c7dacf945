"""ColorHistogram beside skimage.color and np.histogramdd, and beside colors whose bins are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage import color, data

from skimgfeat import ColorHistogram

RANGES = {"rgb": ((0, 1),) * 3, "hsv": ((0, 1),) * 3, "lab": ((0, 100), (-87, 99), (-108, 95))}
CONVERT = {"rgb": lambda image: image, "hsv": color.rgb2hsv, "lab": color.rgb2lab}


@pytest.fixture(scope="module")
def photos():
    return np.stack([data.astronaut()[40:168, 200:300], data.coffee()[100:228, 200:300]])


def definition(photo, color_space, bins):
    """The counts, and how many pixels lie so near to an edge that rounding decides."""
    full = np.iinfo(photo.dtype).max
    pixels = CONVERT[color_space](photo / full).reshape(-1, 3)
    counts, _ = np.histogramdd(pixels, bins=bins, range=RANGES[color_space])
    low, high = np.transpose(RANGES[color_space])
    places = (pixels - low) / (high - low) * bins
    return counts, int((np.abs(places - np.rint(places)) < 1e-9).any(axis=1).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bins", [(8, 8, 8), (3, 5, 17), (1, 2, 30)])
@pytest.mark.parametrize("color_space", RANGES)
def test_is_the_histogram_of_scikit_images_colors(photos, color_space, bins, dtype):
    images = photos if dtype == np.uint8 else photos.astype(np.uint16) * 200 + 17
    joint = ColorHistogram(color_space, bins, normalize=False).fit_transform(images)
    alone = ColorHistogram(color_space, bins, joint=False, normalize=False).fit_transform(images)
    for image, joint_row, row in zip(images, joint, alone, strict=True):
        expected, n_on_edges = definition(image, color_space, bins)
        assert np.abs(joint_row.reshape(bins) - expected).sum() / 2 <= n_on_edges < 0.5 * image[..., 0].size
        sums = [joint_row.reshape(bins).sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
        assert_array_equal(row, np.concatenate(sums))


@pytest.mark.parametrize("color_space", ["rgb", "lab"])
def test_no_pixel_differs_where_none_is_on_an_edge(photos, color_space):
    rows = ColorHistogram(color_space, 8, normalize=False).fit_transform(photos)
    for photo, row in zip(photos, rows, strict=True):
        assert_array_equal(row, definition(photo, color_space, (8, 8, 8))[0].ravel())


# (red, green, blue) of 255, and its bins of 6 hues, 4 saturations and 4 values.
COLORS = [
    ((255, 0, 0), (0, 3, 3)),
    ((255, 255, 0), (1, 3, 3)),
    ((0, 255, 0), (2, 3, 3)),
    ((0, 255, 255), (3, 3, 3)),
    ((0, 0, 255), (4, 3, 3)),
    ((255, 0, 255), (5, 3, 3)),
    ((255, 0, 1), (5, 3, 3)),
    ((0, 0, 0), (0, 0, 0)),
    ((255, 255, 255), (0, 0, 3)),
    ((100, 100, 100), (0, 0, 1)),
    ((128, 64, 64), (0, 2, 2)),  # saturation exactly 1/2
    ((128, 65, 65), (0, 1, 2)),
    ((51, 34, 17), (0, 2, 0)),  # hue 30 degrees, saturation 2/3
]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize(("pixel", "bins"), COLORS)
def test_hues_known_by_hand(pixel, bins, dtype):
    full = {"uint8": 1, "uint16": 257}.get(np.dtype(dtype).name, dtype(1) / dtype(255))
    image = (np.full((1, 2, 3, 3), pixel).astype(dtype) * dtype(full)).astype(dtype)
    histogram = ColorHistogram("hsv", bins=(6, 4, 4))
    row = histogram.fit_transform(image)[0]
    assert row.sum() == row.max() == 1
    assert histogram.get_feature_names_out()[row.argmax()] == "color_h{}_s{}_v{}".format(*bins)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bins", [8, 15, 51])
@pytest.mark.parametrize("color_space", RANGES)
def test_one_image_has_one_histogram_in_every_type(color_space, bins, dtype):
    image = np.random.default_rng(0).integers(0, 2, (1, 20, 30, 3), dtype=np.uint8) * np.uint8(255)
    if dtype != np.float16:  # which does not hold 255 levels
        image[:, :10] = np.random.default_rng(0).integers(0, 256, (1, 10, 30, 3))
    scaled = image.astype(dtype) * {"uint8": 1, "uint16": 257}.get(np.dtype(dtype).name, 1)
    if np.dtype(dtype).kind == "f":
        scaled = (image / np.float32(255)).astype(dtype)
    histogram = ColorHistogram(color_space, bins, joint=False)
    assert_array_equal(histogram.fit_transform(scaled.astype(dtype)), histogram.fit_transform(image))


@pytest.mark.parametrize("color_space", RANGES)
def test_truth_values_are_black_and_white(color_space):
    mask = np.random.default_rng(0).random((2, 8, 9)) < 0.3
    histogram = ColorHistogram(color_space, 3)
    assert_array_equal(histogram.fit_transform(mask), histogram.fit_transform(mask * np.uint8(255)))


@pytest.mark.parametrize("color_space", RANGES)
def test_gray_is_rgb_of_equal_channels(color_space):
    gray = data.camera()[None, 100:150, 100:160]
    histogram = ColorHistogram(color_space)
    expected = histogram.fit_transform(np.repeat(gray[..., None], 3, axis=3))
    assert_array_equal(histogram.fit_transform(gray), expected)
    assert_array_equal(histogram.fit_transform(gray[..., None]), expected)


@pytest.mark.parametrize("bins", [2, 8, 9, 16])
def test_all_grays_have_one_bin_of_a_and_b(bins):
    grays = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    row = ColorHistogram("lab", bins, joint=False).fit_transform(grays)[0]
    assert row[bins : 2 * bins].max() == row[2 * bins :].max() == 1


def test_values_out_of_range_count_as_the_nearest():
    image = np.array([[[-3.0, 0.5, 7.0]]])
    inside = np.array([[[0.0, 0.5, 1.0]]])
    histogram = ColorHistogram("rgb", 4)
    assert_array_equal(histogram.fit_transform(image), histogram.fit_transform(inside))


def test_shares_and_counts(photos):
    shares = ColorHistogram("lab", 4).fit_transform(photos)
    counts = ColorHistogram("lab", 4, normalize=False).fit_transform(photos)
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(shares, counts / np.float32(128 * 100))


def test_parameters_that_are_changed_after_fit():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    for changed in ({"bins": 2}, {"joint": not ColorHistogram().joint}):
        with pytest.raises(ValueError, match=r"ColorHistogram: parameters were changed after fit: .* call fit again"):
            ColorHistogram(bins=4).fit(images).set_params(**changed).transform(images)


def test_names():
    joint = ColorHistogram("hsv", (1, 2, 2)).fit(np.zeros((1, 2, 2, 3)))
    assert list(joint.get_feature_names_out()) == [
        "color_h0_s0_v0",
        "color_h0_s0_v1",
        "color_h0_s1_v0",
        "color_h0_s1_v1",
    ]
    alone = ColorHistogram("lab", (1, 2, 1), joint=False).fit(np.zeros((1, 2, 2, 3)))
    assert list(alone.get_feature_names_out()) == ["color_l0", "color_a0", "color_a1", "color_b0"]


@pytest.mark.parametrize("n_channels", [2, 4])
def test_other_channels_are_refused(n_channels):
    with pytest.raises(ValueError, match="ColorHistogram: X must hold gray images or RGB"):
        ColorHistogram().fit(np.zeros((2, 3, 4, n_channels)))
