"""Pictures of HOG: gradients and glyphs against scikit-image, NumPy and the compiled kernel."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
import skimage.draw
import skimage.feature
from numpy.testing import assert_allclose, assert_array_equal
from skimage.data import astronaut, camera

from skimgfeat import HOG, LBP, HandcraftedFeatures, HOGDisplay

mpl.use("Agg")


@pytest.fixture(scope="module")
def image():
    return camera()[100:164, 200:280]


def lines_of(display):
    """Return the lines by cell and orientation: (rows, cols, orientations, ends, x and y)."""
    return np.array(display.glyphs_.get_segments()).reshape(*display.cells.shape, 2, 2)


def test_gradients_are_differences_of_neighbors(image):
    display = HOGDisplay.from_estimator(HOG(), image)
    scaled = image / 255
    assert_allclose(display.gx[:, 1:-1], scaled[:, 2:] - scaled[:, :-2], atol=1e-6)
    assert_allclose(display.gy[1:-1], scaled[2:] - scaled[:-2], atol=1e-6)
    assert_array_equal(display.gx[:, [0, -1]], 0)
    assert_array_equal(display.gy[[0, -1]], 0)
    assert_allclose(display.magnitude, np.hypot(display.gx, display.gy))
    shown = {name: np.ma.getdata(drawn.get_array()) for name, drawn in display.images_.items()}
    assert list(shown) == ["image", "gx", "gy", "magnitude", "angle"]
    for name, values in shown.items():
        assert_array_equal(values, getattr(display, name))
    low, high = display.images_["gx"].get_clim()
    assert low == -high == -np.quantile(display.magnitude, 0.99)


@pytest.mark.parametrize(("signed", "expected"), [(False, [0, 90, 135, 0, 90]), (True, [0, 90, 315, 180, 270])])
def test_angles(signed, expected):
    """Bright to the right, below, above on the right; to the left, above."""
    rows, cols = np.mgrid[:3, :3] / 8
    images = [cols, rows, (cols - rows + 0.25) / 2, 0.25 - cols, 0.25 - rows]
    angles = [HOGDisplay.from_estimator(HOG(4, (1, 1), (1, 1), signed=signed), image).angle[1, 1] for image in images]
    assert_allclose(angles, expected, atol=1e-4)


@pytest.mark.parametrize("image", [camera()[:70, :90], astronaut()[60:130, 200:290]], ids=["gray", "color"])
@pytest.mark.parametrize("transform_sqrt", [False, True])
def test_glyphs_are_those_of_scikit_image(image, transform_sqrt):
    """Drawn by its rules, our lines make its picture, and are as opaque as its lines are bright."""
    display = HOGDisplay.from_estimator(HOG(transform_sqrt=transform_sqrt), image)
    _, expected = skimage.feature.hog(
        image.astype(np.float32) / np.float32(255),
        channel_axis=-1 if image.ndim == 3 else None,
        transform_sqrt=transform_sqrt,
        visualize=True,
    )
    drawn, radius, lines = np.zeros(image.shape[:2]), 3, lines_of(display)
    for (row, col, orientation), value in np.ndenumerate(display.cells):
        start, end = lines[row, col, orientation][:, ::-1]  # as row, column
        length = np.hypot(*(end - start))
        step_row, step_col = (radius * (end - start) / length).round(9)
        center = 8 * row + 4, 8 * col + 4
        ends = [int(c + sign * step) for sign in (-1, 1) for c, step in zip(center, (step_row, step_col), strict=True)]
        # scikit-image begins at the other end of a line.
        at = skimage.draw.line(*ends) if step_row > 0 else skimage.draw.line(*ends[2:], *ends[:2])
        drawn[at] += value
    assert_allclose(drawn, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
@pytest.mark.parametrize(("signed", "interpolate"), [(False, False), (True, False), (False, True), (True, True)])
def test_cells_are_those_of_the_estimator(signed, interpolate, channels):
    """A block of all cells, divided by its length."""
    image = np.random.default_rng(0).random((30, 41, *channels)).astype(np.float32)
    settings = {"orientations": 7, "pixels_per_cell": (5, 8), "signed": signed, "interpolate": interpolate}
    whole = HOG(**settings, cells_per_block=(6, 5), block_norm="L2", transform_sqrt=True)
    cells = HOGDisplay.from_estimator(HOG(**settings, transform_sqrt=True), image).cells
    (expected,) = whole.fit_transform(image[None])
    assert_allclose(cells.ravel() / np.linalg.norm(cells), expected, atol=1e-5)


def test_values_are_the_opacity_of_lines(image):
    display = HOGDisplay.from_estimator(HOG(pixels_per_cell=(8, 10)), image)
    strong = np.quantile(display.cells.max(axis=-1), 0.9)
    assert_allclose(display.glyphs_.get_alpha(), np.minimum(1, display.cells / strong).ravel())
    lines = lines_of(display)
    lengths = np.linalg.norm(lines[..., 1, :] - lines[..., 0, :], axis=-1)
    assert_allclose(lengths, 8)
    row, col = np.indices(lengths.shape[:2])
    centers = np.stack([col * 10 + 4.5, row * 8 + 3.5], axis=-1)
    assert_allclose(lines.mean(axis=-2), np.broadcast_to(centers[:, :, None], (*lengths.shape, 2)))
    assert display.axes_["cells"].get_xlim() == (-0.5, 79.5)
    assert display.axes_["cells"].get_ylim() == (63.5, -0.5)


def test_signed_rays_point_to_the_brighter_side():
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    display = HOGDisplay.from_estimator(HOG(4, (16, 16), (1, 1), signed=True), ramp)
    lines = lines_of(display)[0, 0]
    assert_allclose(lines[:, 0], np.full((4, 2), 7.5))
    assert display.glyphs_.get_alpha().argmax() == 0
    # The edge between two orientations is straight to the right; the one that begins there points down a little.
    directions = (lines[0, 1] - 7.5) / np.linalg.norm(lines[0, 1] - 7.5)
    assert_allclose(directions, [np.cos(np.pi / 4), np.sin(np.pi / 4)])


def test_the_strongest_channel_counts():
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    image[:, 8:, 1] = 200
    image[8:, :, 2] = 100
    display = HOGDisplay.from_estimator(HOG(), np.tile(image, (2, 2, 1)))
    assert_array_equal(display.images_["channel"].get_array(), display.channel)
    assert_array_equal(display.channel[2:6, 7:9], 1)
    assert_array_equal(display.channel[7:9, 2:6], 2)
    assert_allclose(display.gx[2:6, 7:9], 200 / 255, rtol=1e-6)
    assert list(display.axes_) == [
        "image", "histogram", "channel", "gx", "gy", "magnitude", "angle", "cells",
    ]  # fmt: skip


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 256), (np.uint16, 65536), (np.float32, 1), (bool, 1)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_histogram(dtype, top, channels):
    rng = np.random.default_rng(0)
    image = (rng.random((24, 24, *channels)) * (top - (top > 1))).astype(dtype)
    display = HOGDisplay.from_estimator(HOG(), image, panels=["histogram"])
    assert len(display.histograms_) == (channels or (1,))[0]
    values, edges, _ = display.histograms_[-1].get_data()
    assert_allclose(edges, np.linspace(0, top, 65))
    last = image[..., -1] if channels else image
    expected = np.bincount(np.minimum((last.astype(float) * 64 / top).astype(int), 63).ravel(), minlength=64)
    assert_array_equal(values, expected)


def test_floats_out_of_range_are_counted():
    image = np.random.default_rng(0).normal(0, 3, (24, 24))
    (histogram,) = HOGDisplay.from_estimator(HOG(), image, panels=["histogram"]).histograms_
    assert histogram.get_data().values.sum() == image.size


def test_handcrafted_features_see_gray():
    color = astronaut()[:56, :56]
    from PIL import Image

    gray = np.asarray(Image.fromarray(color).convert("L"))
    display = HOGDisplay.from_estimator(HandcraftedFeatures(["hog"]), color)
    expected = HOGDisplay.from_estimator(HOG(pixels_per_cell=(4, 4), transform_sqrt=True), gray)
    assert_array_equal(display.cells, expected.cells)
    assert display.channel is None
    assert display.images_["image"].get_array().shape == color.shape


def test_rows_are_laid_out(image):
    display = HOGDisplay.from_estimator(HOG(image_shape=(64, -1)), image.ravel())
    assert_array_equal(display.image, image)
    assert display.cells.shape == (8, 10, 9)


def test_blank_images():
    display = HOGDisplay.from_estimator(HOG(), np.zeros((24, 24)))
    assert not display.glyphs_.get_alpha().any()
    assert np.ma.getmaskarray(display.images_["angle"].get_array()).all()
    display.figure_.canvas.draw()


def test_axes(image):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3)
    display = HOGDisplay.from_estimator(HOG(), image, panels=["gx", "cells"], ax=axes[:2])
    assert list(display.axes_.values()) == list(axes[:2])
    assert display.figure_ is figure
    assert HOGDisplay.from_estimator(HOG(), image, panels=["cells"], ax=axes[2]).axes_["cells"] is axes[2]
    # Within the bounds of one.
    display.plot(ax=axes[2])
    figure.canvas.draw()
    for panel in display.axes_.values():
        assert panel.get_position().x0 > axes[2].get_position().x0 - 1e-9
        assert panel.get_position().x1 < axes[2].get_position().x1 + 1e-9
    with pytest.raises(ValueError, match="ax must be one axes, or 2 for gx, cells; got 3"):
        display.plot(panels=["gx", "cells"], ax=axes)


@pytest.mark.parametrize(
    ("estimator", "options", "error", "message"),
    [
        (LBP(), {}, TypeError, r"HOGDisplay: the estimator must be HOG, .* got LBP\(\)"),
        (HandcraftedFeatures(["lbp"]), {}, TypeError, "HOGDisplay: the estimator must be HOG"),
        (HOG(), {"panels": ["gz"]}, ValueError, "HOGDisplay: panels must be one of"),
        (HOG(), {"panels": ["channel"]}, ValueError, "HOGDisplay: panels must be one of"),
        (HOG(orientations=0), {}, ValueError, "HOG: orientations"),
        (HOG(pixels_per_cell=(40, 40)), {}, ValueError, "HOG: images of 64 rows"),
    ],
)
def test_what_is_refused(estimator, options, error, message, image):
    with pytest.raises(error, match=message):
        HOGDisplay.from_estimator(estimator, image, **options)


def test_without_matplotlib(image, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^HOGDisplay needs matplotlib: pip install 'skimgfeat\[plot\]'"):
        HOGDisplay.from_estimator(HOG(), image)


def test_four_panels_with_cells_each_have_a_place(image):
    display = HOGDisplay.from_estimator(HOG(), image, panels=["image", "gx", "gy", "cells"])
    display.figure_.draw_without_rendering()
    boxes = {name: ax.get_subplotspec().get_position(display.figure_) for name, ax in display.axes_.items()}
    assert boxes["image"].width > 1.5 * boxes["gx"].width
    assert boxes["cells"].height > 1.5 * boxes["gx"].height
    assert boxes["gx"].x1 <= boxes["gy"].x0 < boxes["gy"].x1 <= boxes["cells"].x0


def test_axes_take_panels_in_their_order(image):
    import matplotlib.pyplot as plt

    panels = ["image", "gx", "gy", "magnitude", "cells"]
    axes = plt.subplots(1, 5)[1]
    display = HOGDisplay.from_estimator(HOG(), image, panels=panels, ax=axes)
    assert list(display.axes_) == panels
    assert list(display.axes_.values()) == list(axes)


def test_axes_without_a_grid_are_replaced_too(image):
    import matplotlib.pyplot as plt

    figure = plt.figure()
    display = HOGDisplay.from_estimator(HOG(), image, ax=figure.add_axes([0.5, 0, 0.5, 1]))
    figure.draw_without_rendering()
    assert all(ax.get_subplotspec().get_position(figure).x0 >= 0.5 for ax in display.axes_.values())


def test_no_panels(image):
    with pytest.raises(ValueError, match="HOGDisplay: panels must name one or more"):
        HOGDisplay.from_estimator(HOG(), image, panels=[])
