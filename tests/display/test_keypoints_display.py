"""Pictures of keypoints and of matches: what is drawn where."""

import sys

import cv2
import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skimgfeat import SIFT, DescriptorCodec
from skimgfeat.display import KeypointsDisplay, MatchesDisplay

mpl.use("Agg")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (80, 120), dtype=np.uint8)


@pytest.fixture(scope="module")
def descriptors(image):
    return SIFT(n_features=20, geometry=True).fit_transform([image])[0]


def test_circles_lie_where_cv2_finds_keypoints(image):
    display = KeypointsDisplay.from_estimator(SIFT(), image)
    paths = display.keypoints_.get_segments()
    found = sorted((*path[0], 2 * np.hypot(*(path[1] - path[0]))) for path in paths)
    expected = sorted((*point.pt, point.size) for point in cv2.SIFT.create().detect(image))
    assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_spokes_point_along_the_angle(image, descriptors):
    descriptors = descriptors.copy()
    descriptors["angle"][:2] = 0, 90
    display = KeypointsDisplay.from_descriptors(image, descriptors)
    right, down = (path[1] - path[0] for path in display.keypoints_.get_segments()[:2])
    assert_allclose(right, [descriptors["size"][0] / 2, 0], atol=1e-4)
    assert_allclose(down, [0, descriptors["size"][1] / 2], atol=1e-4)


def test_it_draws_into_given_axes(image, descriptors):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2)
    display = KeypointsDisplay(image, descriptors).plot(ax=axes[1], color="red")
    assert display.ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert_allclose(display.keypoints_.get_colors()[0], [1, 0, 0, 1])


def test_codes_are_drawn_too(image, descriptors):
    codes = DescriptorCodec(8).fit_transform([descriptors])[0]
    assert len(KeypointsDisplay.from_descriptors(image, codes).keypoints_.get_segments()) == len(descriptors)


def test_an_image_without_keypoints():
    blank = np.zeros((50, 50, 3), dtype=np.uint8)
    display = KeypointsDisplay.from_estimator(SIFT(), blank)
    assert display.keypoints_.get_segments() == []
    nothing = display.descriptors
    assert MatchesDisplay.from_descriptors([blank, blank], [nothing, nothing]).matches.shape == (0, 2)


def test_an_image_matches_itself(image, descriptors):
    shuffled = descriptors[::-1]
    taller = np.pad(image, [(0, 40), (0, 0)])
    moved = shuffled.copy()
    moved["y"] *= 80 / 120
    display = MatchesDisplay.from_descriptors([image, taller], [descriptors, moved])
    # A keypoint of two orientations has two descriptors, each its own.
    assert_array_equal(display.matches, [(index, len(descriptors) - 1 - index) for index in range(len(descriptors))])
    lines = np.array(display.lines_.get_segments())
    assert_allclose(lines[:, 1] - lines[:, 0], [[120, 0]] * len(lines), atol=1e-3)
    assert display.ax_.images[0].get_array().shape == (120, 240)


def test_matches_are_mutual():
    descriptors = [np.zeros(k, [("descriptor", np.uint8, (1,)), ("x", "f4"), ("y", "f4")]) for k in (3, 2)]
    descriptors[0]["descriptor"][:, 0] = 10, 12, 200
    descriptors[1]["descriptor"][:, 0] = 13, 180
    images = [np.zeros((5, 5), np.uint8)] * 2
    assert_array_equal(MatchesDisplay.from_descriptors(images, descriptors).matches, [(1, 0), (2, 1)])


def test_wrong_matches_are_orange_and_last(image, descriptors):
    def correct(first, second):
        assert first.shape == second.shape == (len(descriptors), 2)
        return np.arange(len(first)) != 3

    display = MatchesDisplay.from_descriptors([image, image], [descriptors, descriptors], correct=correct)
    blue, orange = mpl.colors.to_rgb("deepskyblue"), mpl.colors.to_rgb("darkorange")
    assert_array_equal(display.lines_.get_colors()[:, :3], [blue] * (len(descriptors) - 1) + [orange])


@pytest.mark.parametrize("display", [KeypointsDisplay, MatchesDisplay])
def test_descriptors_need_geometry(display, image):
    plain = np.zeros((3, 128), np.uint8)
    arguments = (image, plain) if display is KeypointsDisplay else ([image, image], [plain, plain])
    with pytest.raises(ValueError, match=rf"^{display.__name__}: .*geometry=True.* got dtype uint8"):
        display.from_descriptors(*arguments)


def test_without_matplotlib(image, descriptors, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^KeypointsDisplay needs matplotlib: pip install 'skimgfeat\[plot\]'"):
        KeypointsDisplay(image, descriptors).plot()


def test_matches_need_two_images(image, descriptors):
    with pytest.raises(ValueError, match="got 1 images and descriptors of 1"):
        MatchesDisplay.from_descriptors([image], [descriptors])
    with pytest.raises(ValueError, match="both images must be gray, or both in color"):
        MatchesDisplay.from_descriptors([image, np.stack([image] * 3, axis=2)], [descriptors] * 2)


def test_pixels_are_drawn_by_the_full_scale_of_their_type(descriptors):
    gray = np.full((80, 120), 100, dtype=np.uint8)
    display = KeypointsDisplay.from_descriptors(gray, descriptors)
    (drawn,) = display.ax_.images
    assert_allclose(drawn.get_array(), 100 / 255)
    assert drawn.get_clim() == (0, 1)
    colors = np.full((80, 120, 3), [30000, 10000, 50000], dtype=np.uint16)
    (drawn,) = KeypointsDisplay.from_descriptors(colors, descriptors).ax_.images
    assert_allclose(drawn.get_array()[0, 0], np.array([30000, 10000, 50000]) / 65535)
    (drawn,) = MatchesDisplay.from_descriptors([gray, gray / 255], [descriptors] * 2).ax_.images
    assert_allclose(drawn.get_array(), 100 / 255)


def test_matches_of_images_of_other_channels(descriptors):
    images = [np.zeros((80, 120, channels), dtype=np.uint8) for channels in (3, 4)]
    with pytest.raises(ValueError, match="MatchesDisplay: both images must be gray, or both in color"):
        MatchesDisplay.from_descriptors(images, [descriptors] * 2)
