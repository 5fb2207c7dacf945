"""Pictures of what is similar: which images stand where, and what is written above them."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skimgfeat import ImageCollection, SimilarityIndex
from skimgfeat.display import SimilarityDisplay

mpl.use("Agg")


@pytest.fixture
def images():
    """Constant images, the darker the earlier, so that the distance is that of the places."""
    return np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 4, 6, 3)).copy()


@pytest.fixture
def rows():
    return np.arange(20.0)[:, np.newaxis]


def test_similar_above_dissimilar_below(images, rows):
    index = SimilarityIndex().fit(rows)
    display = SimilarityDisplay.from_estimator(index, rows, images, 3, n_images=4, labels=[f"n{i}" for i in range(20)])
    shown = [round(255 * image.get_array()[0, 0, 0]) for image in display.images_]
    assert shown == [3, 2, 4, 1, 5, 19, 18, 17, 16]
    texts = [text.get_text().replace("\n", " ") for text in display.texts_]
    assert texts[:3] == ["Query", "Similar 2 n2: 1.00", "Similar 4 n4: 1.00"]
    assert texts[5] == "Dissimilar 19 n19: 16.00"
    extents = np.array([image.get_extent() for image in display.images_])
    left, right, bottom, top = extents.T
    np.testing.assert_allclose((right - left) / (bottom - top), 6 / 4)
    assert (np.diff(left[:5]) > 1).all()
    assert_array_equal(left[1:5], left[5:])
    assert (top[5:] > bottom[:4]).all()
    (x_min, x_max), (y_max, y_min) = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert x_min < left.min() < right.max() < x_max
    assert y_min < top.min() < bottom.max() < y_max


@pytest.mark.parametrize("n_images", [1, 6, 9])
def test_text_lies_over_no_image(n_images, images, rows):
    square = images[:, :4, :4]
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, square, 3, n_images=n_images)
    display.figure_.canvas.draw()
    renderer = display.figure_.canvas.get_renderer()
    boxes = [image.get_window_extent(renderer) for image in display.images_]
    assert not any(text.get_window_extent(renderer).count_overlaps(boxes) for text in display.texts_)


def test_a_query_among_its_copies_is_left_out(images, rows):
    rows[:8] = 0
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, images, 7, n_images=3)
    assert_array_equal(display.similar[1], [0, 1, 2])
    assert display.texts_[1].get_text() == "Similar\n0: 0.00"


def test_known_neighbors_without_a_query(images):
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    gray = images[..., 0] / 255
    display = SimilarityDisplay.from_neighbors(gray, ([0.5], [4]), ([7.25, 7], [9, 2]), ax=ax)
    assert display.ax_ is ax
    assert [text.get_text() for text in display.texts_] == [
        "Similar\n4: 0.50",
        "Dissimilar\n9: 7.25",
        "Dissimilar\n2: 7.00",
    ]
    assert {image.get_clim() for image in display.images_} == {(0, 1)}


def test_labels_go_by_place(images, rows):
    """Also those of a Series whose index is in another order, as after a split."""
    labels = pd.Series([f"n{place}" for place in range(20)], index=np.arange(20)[::-1])
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, images, 3, labels=labels)
    assert display.texts_[1].get_text() == "Similar\n2 n2: 1.00"


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1), (bool, 1)])
def test_every_type_has_its_full_scale(dtype, full, channels):
    halves = np.zeros((2, 4, 6, *channels), dtype)
    halves[:, 2:] = full
    display = SimilarityDisplay.from_neighbors(halves, ([0.5], [0]), ([1.5], [1]))
    black, white = display.images_[0].to_rgba(display.images_[0].get_array())[[0, -1], 0, :3]
    assert_array_equal(black, 0)
    assert_array_equal(white, 1)


def test_only_what_is_shown_of_a_collection_is_decoded(images, rows, tmp_path):
    from PIL import Image

    paths = [tmp_path / f"{place:02}.png" for place in range(20)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    collection = ImageCollection(paths)
    for path in paths[8:14]:
        path.unlink()
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, collection, 3, n_images=4)
    assert len(display.images_) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": 20}, "query must be less than 20, the number of rows, got 20"),
        ({"query": -1}, "query must be at least 0"),
        ({"images": np.zeros((19, 4, 4))}, "images must hold one for each of the 20 rows of the index, got 19"),
        ({"X": np.zeros((21, 1))}, "X must hold .* 20 .* got 21"),
        ({"labels": range(19)}, "labels must hold .* 20 .* got 19"),
        ({"n_images": 0}, "n_images must be at least 1, got 0"),
    ],
)
def test_what_is_refused(changes, message, images, rows):
    arguments = {"X": rows, "images": images, "query": 0} | changes
    with pytest.raises(ValueError, match=f"^SimilarityDisplay: {message}"):
        SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), **arguments)


def test_without_matplotlib(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^SimilarityDisplay needs matplotlib: pip install 'skimgfeat\[plot\]'"):
        SimilarityDisplay(images, ([1], [1]), ([1], [1])).plot()


def test_the_query_is_not_among_the_farthest_either(images):
    rows = np.zeros((20, 1))
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, images, 1, n_images=19)
    for _, indices in (display.similar, display.dissimilar):
        assert sorted(indices) == [0, *range(2, 20)]
    with pytest.raises(ValueError, match="SimilarityDisplay: n_images must be less than 20"):
        SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, images, 1, n_images=20)


def test_a_series_of_images_is_read_by_place(images, rows):
    series = pd.Series(list(images), index=range(19, -1, -1))
    display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(rows), rows, series, 3, n_images=2)
    assert [round(255 * image.get_array()[0, 0, 0]) for image in display.images_] == [3, 2, 4, 19, 18]


def test_labels_are_no_formulas(images):
    display = SimilarityDisplay.from_neighbors(images, ([0.5], [0]), ([2.0], [1]), labels=["$\\x$", "$_{"] * 10)
    display.figure_.canvas.draw()
    assert "$\\x$" in display.texts_[0].get_text()
