"""Images in rows and columns: which pixels are drawn where, and what stands in place of those that cannot be had."""

import io
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from skimgfeat import ImageCollection, ImageGridDisplay, Resize
from skimgfeat.io import ImageError

mpl.use("Agg")


def colors_at(display, points):
    """Return the colors of the rendered figure at points of the axes' data."""
    canvas = display.figure_.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    places = display.ax_.transData.transform(points).round().astype(int)
    return pixels[len(pixels) - places[:, 1], places[:, 0]]


def center_of(display, index):
    left, right, bottom, top = display.images_[index].get_extent()
    return (left + right) / 2, (bottom + top) / 2


def plain(color, shape=(8, 8)):
    return np.full((*shape, 3), color, dtype=np.uint8)


def test_images_stand_in_rows():
    colors = np.random.default_rng(0).integers(0, 256, (7, 3))
    display = ImageGridDisplay.from_images([plain(color) for color in colors], n_cols=3)
    points = [(index % 3 + 0.5, index // 3 + 0.5) for index in range(7)]
    assert_allclose([center_of(display, index) for index in range(7)], points)
    assert_array_equal(colors_at(display, points), colors)
    assert_array_equal(colors_at(display, [(1.5, 2.5), (2.5, 2.5)]), [[255] * 3] * 2)


def test_up_is_up_and_left_is_left():
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0, 0], image[0, 1], image[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    display = ImageGridDisplay.from_images([image])
    corners = colors_at(display, [(0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7)])
    assert_array_equal(corners, image.reshape(4, 3))


@pytest.mark.parametrize("shape", [(10, 10), (40, 10), (10, 40), (1, 1), (300, 200)])
def test_proportions_are_kept(shape):
    display = ImageGridDisplay.from_images([plain(9, shape), plain(9)])
    left, right, bottom, top = display.images_[0].get_extent()
    assert_allclose((right - left) / (bottom - top), shape[1] / shape[0])
    assert 0 < left < right < 1
    assert 0 < top < bottom < 1
    assert max(right - left, bottom - top) > 0.9
    assert display.ax_.get_aspect() == 1


@pytest.mark.parametrize(
    ("dtype", "value", "level"),
    [("uint8", 51, 51), ("uint16", 65535 // 5, 51), ("float32", 0.2, 51), ("float64", 1.0, 255), ("bool", True, 255)],
)
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_values_are_scaled_by_their_type(dtype, value, level, channels):
    """Not by the largest of the image, as matplotlib does."""
    display = ImageGridDisplay.from_images([np.full((6, 6, *channels), value, dtype=dtype)])
    assert_allclose(colors_at(display, [(0.5, 0.5)])[0], [level] * 3, atol=1)


def test_transparent_images_show_white():
    clear = np.zeros((4, 4, 4), dtype=np.uint8)
    assert_array_equal(colors_at(ImageGridDisplay.from_images([clear]), [(0.5, 0.5)]), [[255] * 3])


def test_colormap():
    display = ImageGridDisplay.from_images(np.ones((1, 4, 4)), cmap="viridis")
    expected = np.multiply(mpl.colormaps["viridis"](1.0)[:3], 255)
    assert_allclose(colors_at(display, [(0.5, 0.5)])[0], expected, atol=1)


def test_titles():
    display = ImageGridDisplay.from_images([plain(0)] * 3, titles=np.array([4, 5, 6]), colors=["red", "0.5", (0, 0, 1)])
    assert [text.get_text() for text in display.titles_] == ["4", "5", "6"]
    assert [text.get_color() for text in display.titles_] == ["red", "0.5", (0, 0, 1)]
    renderer = display.figure_.canvas.get_renderer()
    for text, image in zip(display.titles_, display.images_, strict=True):
        below, above = text.get_window_extent(renderer), image.get_window_extent(renderer)
        assert below.y0 >= above.y1 - 1
        assert_allclose((below.x0 + below.x1) / 2, (above.x0 + above.x1) / 2, atol=2)
    (first, *_) = ImageGridDisplay.from_images([plain(0)], titles=["a"], colors="C3").titles_
    assert first.get_color() == "C3"
    assert ImageGridDisplay.from_images([plain(0)]).titles_ == []


def encode(color):
    buffer = io.BytesIO()
    Image.fromarray(plain(color)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_cannot_be_had_is_crossed_out():
    images = [plain(200), None, np.full((3, 3), np.nan), ImageError("truncated", "x"), np.zeros((3, 3))]
    display = ImageGridDisplay.from_images(images, n_cols=5)
    assert [image is None for image in display.images_] == [False, True, True, True, False]
    lines = display.crosses_.get_segments()
    assert len(lines) == 3 * 3
    assert {int(line[:, 0].mean()) for line in lines} == {1, 2, 3}
    assert [text.get_text() for text in display.ax_.texts] == ["truncated"]
    assert_array_equal(colors_at(display, [(1.3, 0.5), (2.3, 0.5)]), [[255] * 3] * 2)


def test_collections():
    collection = ImageCollection([encode(10), b"no image", encode(30)], on_error="nan")
    for images in (collection, Resize((6, 6)).fit_transform(collection)):
        display = ImageGridDisplay.from_images(images, titles=images.names, n_cols=3)
        assert [image is None for image in display.images_] == [False, True, False]
        assert_array_equal(colors_at(display, [(0.5, 0.7), (2.5, 0.7)]), [[10] * 3, [30] * 3])
        assert display.ax_.texts[0].get_text() == "unidentified"
    with pytest.raises(ImageError, match="image 1"):
        ImageGridDisplay.from_images(ImageCollection([encode(10), b"no image"]))


@pytest.mark.parametrize(("n", "n_cols", "expected"), [(9, None, 3), (10, None, 4), (2, 5, 2), (0, None, 1), (0, 3, 1)])
def test_columns(n, n_cols, expected):
    display = ImageGridDisplay.from_images([plain(0)] * n, n_cols=n_cols)
    assert display.ax_.get_xlim() == (0, expected)
    assert len(display.images_) == n


def test_figures_of_its_own_and_axes_that_are_given():
    import matplotlib.pyplot as plt

    assert max(ImageGridDisplay.from_images([plain(0)] * 400).figure_.get_size_inches()) == 12
    figure, axes = plt.subplots(1, 2, figsize=(5, 3))
    display = ImageGridDisplay([plain(0)], ["a"]).plot(ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert_allclose(figure.get_size_inches(), (5, 3))


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        ([np.zeros(4)], {}, ValueError, r"image 0 must be of shape .* got an array of shape \(4,\)"),
        ([plain(0), np.zeros((2, 2, 5))], {}, ValueError, "image 1 must be of shape"),
        ([np.zeros((0, 3))], {}, ValueError, "image 0 must be of shape"),
        ([np.zeros((2, 2), complex)], {}, ValueError, "dtype complex128"),
        ([plain(0)], {"titles": ["a", "b"]}, ValueError, "titles must hold one for each of the 1 images, got 2"),
        ([plain(0)], {"titles": "a"}, ValueError, "titles must hold one for each of the 1 images, got 'a'"),
        ([plain(0)], {"titles": ["a"], "colors": "no color"}, ValueError, "colors must hold one .* got 'no color'"),
        ([plain(0)], {"titles": ["a"], "colors": ["red"] * 2}, ValueError, "colors must hold one .* got 2 of them"),
        ([plain(0)], {"n_cols": 0}, ValueError, "n_cols must be at least 1"),
        ([plain(0)], {"n_cols": 1.5}, TypeError, "n_cols must be an integer"),
    ],
)
def test_what_cannot_be_drawn(images, options, error, message):
    with pytest.raises(error, match=f"^ImageGridDisplay: .*{message}"):
        ImageGridDisplay.from_images(images, **options)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^ImageGridDisplay needs matplotlib: pip install 'skimgfeat\[plot\]'"):
        ImageGridDisplay.from_images([plain(0)])


def test_titles_are_no_formulas():
    display = ImageGridDisplay.from_images([plain(0)] * 2, titles=["a_$x_{$.jpg", "cost $5 or $6"])
    display.figure_.canvas.draw()
    assert [title.get_text() for title in display.titles_] == ["a_$x_{$.jpg", "cost $5 or $6"]


def test_a_series_of_images_is_read_by_place():
    images = pd.Series([plain(color) for color in (10, 20, 30)], index=[2, 1, 0])
    display = ImageGridDisplay.from_images(images)
    assert [round(255 * drawn.get_array()[0, 0, 0]) for drawn in display.images_] == [10, 20, 30]
