import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skimgfeat import HOG, HandcraftedFeatures
from skimgfeat.datasets import load_textures
from skimgfeat.recipes import DemoCase, cross_validate_case, draw_hog_examples, load_demo_cases, measure_rates

CHANCE = {"digits": 1 / 10, "faces": 1 / 2, "textures": 1 / 3}


@pytest.fixture(scope="module")
def cases():
    return load_demo_cases(60)


def test_every_image_unless_limited():
    assert [len(case.images) for case in load_demo_cases()] == [1797, 1797, 200, 200, 192, 192]


def test_limited_cases_hold_each_class_alike(cases):
    for case in cases:
        assert len(case.images) == len(case.target) == 60
        counts = np.bincount(case.target)
        assert len(counts) == len(case.target_names)
        assert counts.max() - counts.min() <= 1
    textures = load_textures()
    images, groups = cases[-1].images, cases[-1].groups
    places = [np.flatnonzero((textures.images == image).all(axis=(1, 2))) for image in images]
    assert_array_equal(textures.groups[np.concatenate(places)], groups)


@pytest.mark.parametrize(("n_images", "error"), [(29, ValueError), (0, ValueError), (60.0, TypeError)])
def test_n_images_that_cannot_be_used(n_images, error):
    with pytest.raises(error, match="n_images must be"):
        load_demo_cases(n_images)


@pytest.mark.parametrize("index", range(6))
def test_accuracies_are_above_chance(cases, index):
    case = cases[index]
    accuracies = cross_validate_case(case, n_jobs=1)
    assert list(accuracies) == ["kNN", "RandomForest", "LinearSVC"]
    for accuracy in accuracies.values():
        assert CHANCE[case.data_set] + 0.15 < accuracy <= 1


def test_shuffled_labels_are_at_chance(cases):
    """A leak between training and test would lift this."""
    case = cases[2]
    target = np.random.default_rng(0).permutation(case.target)
    shuffled = DemoCase(**{**vars(case), "target": target})
    assert max(cross_validate_case(shuffled).values()) < 0.7


def test_no_group_is_trained_and_tested_on(cases, monkeypatch):
    case = cases[-1]
    group_of = {image.tobytes(): group for image, group in zip(case.images, case.groups, strict=True)}
    trained, overlaps = [], []
    fit, transform = HandcraftedFeatures.fit, HandcraftedFeatures.transform

    def groups(X):
        return {group_of[image.tobytes()] for image in X}

    def record_fit(self, X, y=None):
        trained.append(groups(X))
        return fit(self, X, y)

    def record_transform(self, X):
        seen = groups(X)
        if seen != trained[-1]:
            overlaps.append(seen & trained[-1])
        return transform(self, X)

    monkeypatch.setattr(HandcraftedFeatures, "fit", record_fit)
    monkeypatch.setattr(HandcraftedFeatures, "transform", record_transform)
    cross_validate_case(case)
    assert overlaps == [set()] * 12


@pytest.mark.parametrize("index", range(6))
def test_rates(cases, index):
    rates = measure_rates(cases[index])
    assert rates.images_per_second > 0
    assert rates.loop_images_per_second > 0
    assert rates.n_columns > 500
    assert rates.share_equal > 0.999


@pytest.mark.parametrize("direction", ["vertical", "horizontal", "falling", "rising"])
def test_glyphs_lie_along_edges(direction):
    row, col = np.indices((64, 64)) - 31.5
    side = {"vertical": col, "horizontal": row, "falling": row - col, "rising": row + col}[direction]
    images = np.repeat((side > 0)[None].astype(np.float32), 10, axis=0)
    figure = draw_hog_examples([_case(images)])
    glyphs = figure.axes[10].collections[0]
    strongest = np.array(glyphs.get_segments()[int(np.argmax(glyphs.get_alpha()))])
    x, y = strongest[1] - strongest[0]
    angle = np.degrees(np.arctan2(y, x)) % 180  # y grows downwards
    expected = {"vertical": 90, "horizontal": 0, "falling": 45, "rising": 135}[direction]
    # Half a bin of 20 degrees.
    assert min(abs(angle - expected), 180 - abs(angle - expected)) <= 10.01
    nearness = {"vertical": strongest[:, 0], "horizontal": strongest[:, 1]}.get(direction)
    if nearness is not None:
        assert np.abs(nearness - 32).max() <= 8


def _case(images):
    target = np.zeros(len(images), dtype=np.int64)
    extractor = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    return DemoCase("edges", "HOG", images, target, np.array(["edge"]), None, None, extractor)


def test_figure_of_constant_images():
    figure = draw_hog_examples([_case(np.zeros((10, 64, 64)))])
    figure.canvas.draw()
    assert not any(axis.collections[0].get_alpha().any() for axis in figure.axes[10:])


def test_figure_of_few_images():
    figure = draw_hog_examples([_case(np.zeros((8, 64, 64)))])
    figure.canvas.draw()
    assert [axis.axison for axis in figure.axes] == [index % 10 < 8 for index in range(20)]


def test_figure_of_no_hog():
    with pytest.raises(ValueError, match="draw_hog_examples: cases must hold one or more whose extractor is HOG"):
        draw_hog_examples([])


def test_figure_labels(cases):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = draw_hog_examples(cases)
    assert pyplot.get_fignums() == []
    titles = [axis.get_title() for axis in figure.axes]
    assert [title for title in titles if title] == [
        *"0123456789",
        *["non-face"] * 5,
        *["face"] * 5,
        *["brick"] * 4,
        *["grass"] * 3,
        *["gravel"] * 3,
    ]


def test_figure_without_matplotlib(cases, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"skimgfeat\[plot\]"):
        draw_hog_examples(cases)
