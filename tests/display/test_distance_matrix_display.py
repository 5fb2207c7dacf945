"""Pictures of distances: by SciPy's distances, in which order, with which names."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from skimgfeat import HOG, DistanceMatrixDisplay

mpl.use("Agg")

LABELS = np.array(["b", "a", "c", "a", "b", "a", "b", "a"])
ORDER = [1, 3, 5, 7, 0, 4, 6, 2]


@pytest.fixture
def rows():
    return np.random.default_rng(0).random((8, 5))


def tick_texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock"])
def test_rows_are_ordered_by_class(metric, rows):
    display = DistanceMatrixDisplay.from_features(rows, labels=LABELS, metric=metric)
    expected = cdist(rows[ORDER], rows[ORDER], metric)
    assert_allclose(display.image_.get_array(), expected, atol=1e-7)
    assert tick_texts(display.ax_.xaxis) == tick_texts(display.ax_.yaxis) == ["a", "b", "c"]
    assert_array_equal(display.ax_.get_xticks(), [1.5, 5, 7])
    assert_array_equal(display.ax_.get_yticks(), [1.5, 5, 7])
    lines = np.array(display.borders_.get_segments())
    assert_allclose(sorted(lines[:2, :, 0].ravel()), [3.5, 3.5, 6.5, 6.5])
    assert_allclose(sorted(lines[2:, :, 1].ravel()), [3.5, 3.5, 6.5, 6.5])
    assert display.colorbar_.ax.get_ylabel() == f"{metric} distance"


def test_the_order_given_can_be_kept(rows):
    display = DistanceMatrixDisplay.from_features(rows, labels=LABELS, ordered=False)
    assert_allclose(display.distances, cdist(rows, rows), atol=1e-7)
    assert tick_texts(display.ax_.yaxis) == LABELS.tolist()
    assert display.borders_.get_segments() == []


def test_rows_without_labels(rows):
    display = DistanceMatrixDisplay.from_features(cdist(rows, rows), metric="precomputed")
    assert_allclose(display.distances, cdist(rows, rows))
    assert display.ticks is None


def test_sparse_rows_and_frames(rows):
    expected = cdist(rows, rows)
    for other in (csr_array(rows), pd.DataFrame(rows, index=range(8, 0, -1))):
        assert_allclose(DistanceMatrixDisplay.from_features(other).distances, expected, atol=1e-7)


def test_from_estimator():
    images = np.random.default_rng(0).random((6, 24, 24))
    hog = HOG().fit(images)
    display = DistanceMatrixDisplay.from_estimator(hog, images, labels=[1, 0] * 3, display_labels=["zero", "one"])
    features = hog.transform(images)[[1, 3, 5, 0, 2, 4]]
    assert_allclose(display.distances, cdist(features, features), atol=1e-3)
    assert tick_texts(display.ax_.xaxis) == ["zero", "one"]


@pytest.mark.parametrize("n_rows", [8, 700])
def test_means_of_classes(n_rows):
    """Of pairs of different rows; also where distances are computed a block at a time."""
    from sklearn import config_context

    rows = np.random.default_rng(0).random((n_rows, 5))
    labels = np.resize(np.delete(LABELS, 2), n_rows)
    labels[2] = "c"
    with config_context(working_memory=1):
        display = DistanceMatrixDisplay.from_features(rows, labels=labels, metric="cityblock", per="class")
    distances = cdist(rows, rows, "cityblock")
    np.fill_diagonal(distances, np.nan)
    for (row, col), value in np.ndenumerate(display.distances):
        pairs = distances[np.ix_(labels == "abc"[row], labels == "abc"[col])]
        shown = display.text_[row, col].get_text()
        if row == col == 2:
            assert np.isnan(value)
            assert shown == ""
        else:
            assert_allclose(value, np.nanmean(pairs))
            assert_allclose(float(shown), value, rtol=5e-3)
    assert display.colorbar_.ax.get_ylabel() == "mean cityblock distance"


def test_values_are_read_on_their_colors():
    display = DistanceMatrixDisplay(np.array([[1.0, 250], [250, 1]])).plot(include_values=True)
    assert [text.get_text() for text in display.text_.ravel()] == ["1", "250", "250", "1"]
    assert [text.get_color() for text in display.text_.ravel()] == ["white", "black", "black", "white"]


def test_colors_begin_at_the_smallest_distance_of_two(rows):
    display = DistanceMatrixDisplay.from_features(rows)
    distances = cdist(rows, rows)
    assert_allclose(display.image_.get_clim(), [distances[distances > 1e-9].min(), distances.max()], rtol=1e-5)
    assert display.colorbar_.extend == "min"
    rows[3] = rows[0]
    assert DistanceMatrixDisplay.from_features(rows).colorbar_.extend == "neither"
    assert DistanceMatrixDisplay.from_features(rows[:1]).distances.shape == (1, 1)


def test_it_draws_into_given_axes(rows):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2)
    display = DistanceMatrixDisplay.from_features(rows, ax=axes[1], colorbar=False, cmap="magma")
    assert display.ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert display.colorbar_ is None
    assert display.image_.get_cmap().name == "magma"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_rows": 7}, ValueError, "X holds 8 rows, more than max_rows=7; .* per='class'"),
        ({"labels": LABELS[:7]}, ValueError, r"labels must be one for each of 8 rows, got shape \(7,\)"),
        ({"labels": LABELS, "display_labels": ["a"]}, ValueError, "display_labels must be one for each of 3"),
        ({"per": "class"}, ValueError, "per='class' needs labels"),
        ({"per": "image"}, ValueError, "per must be one of"),
        ({"labels": LABELS, "ordered": 1}, TypeError, "ordered must be True or False"),
    ],
)
def test_what_is_refused(options, error, message, rows):
    with pytest.raises(error, match=f"^DistanceMatrixDisplay: {message}"):
        DistanceMatrixDisplay.from_features(rows, **options)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^DistanceMatrixDisplay needs matplotlib: pip install"):
        DistanceMatrixDisplay(np.zeros((2, 2))).plot()


def test_names_of_classes_are_no_formulas(rows):
    display = DistanceMatrixDisplay.from_features(rows, labels=["$_{", "$5 or $6"] * 4)
    display.figure_.canvas.draw()
    assert tick_texts(display.ax_.xaxis) == ["$5 or $6", "$_{"]


def test_missing_labels(rows):
    with pytest.raises(TypeError, match="DistanceMatrixDisplay: labels must be of one type, and none missing"):
        DistanceMatrixDisplay.from_features(rows, labels=["a", None] * 4)


def test_a_class_of_one_row_alone_has_no_distance(rows):
    display = DistanceMatrixDisplay.from_features(rows[:1], labels=["a"], per="class")
    display.figure_.canvas.draw()
    assert display.text_[0, 0].get_text() == ""
