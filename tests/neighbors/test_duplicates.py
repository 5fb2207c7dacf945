"""find_duplicates against all distances by their definition, and on images with copies planted among them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.model_selection import GroupKFold

from skimgfeat import DuplicatePairs, SimilarityIndex, find_duplicates

METRICS = ["euclidean", "cosine"]


@pytest.fixture
def small(monkeypatch):
    """Blocks and batches of a few rows, and projections for few rows, so that all of it takes part."""
    monkeypatch.setattr("skimgfeat.neighbors._search._ROWS_AT_ONCE", 37)
    monkeypatch.setattr("skimgfeat.neighbors._duplicates.QUERIES_AT_ONCE", 10)
    monkeypatch.setattr("skimgfeat.neighbors._rows._LEAST_ROWS", 100)
    monkeypatch.setattr("skimgfeat.neighbors._rows._LEAST_COLUMNS", 8)


def make_rows(n, rank, dtype, seed):
    random = np.random.default_rng(seed)
    values = 100 + 20 * random.normal(size=(n, rank)) @ np.random.default_rng(9).normal(size=(rank, 30))
    return np.clip(values, 0, 255).astype(dtype)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("rank", [3, 30])
@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_the_pairs_that_all_distances_say(metric, rank, dtype, n_jobs):
    X, Y = make_rows(150, rank, dtype, 0), make_rows(61, rank, dtype, 1)
    between, inside = cdist(X.astype(float), Y.astype(float), metric), cdist(X.astype(float), X.astype(float), metric)
    threshold = np.quantile(between, 0.03)
    found = find_duplicates(X, Y, metric=metric, threshold=threshold, n_jobs=n_jobs)
    assert_array_equal(np.argwhere(between <= threshold), sorted(found.pairs.tolist()))
    assert_allclose(found.distances, np.sort(between[between <= threshold]), rtol=1e-9)
    found = find_duplicates(X, metric=metric, threshold=threshold, n_jobs=n_jobs)
    expected = np.triu(inside <= threshold, 1)
    assert_array_equal(np.argwhere(expected), sorted(found.pairs.tolist()))
    assert_allclose(found.distances, np.sort(inside[expected]), rtol=1e-9)
    assert found.pairs.dtype == np.int64


@pytest.mark.parametrize("metric", METRICS)
def test_the_threshold_counts_as_near(metric):
    """The distance that the index reports, taken as the threshold, keeps the pair; the number below does not."""
    X = np.random.default_rng(0).random((60, 7))
    distances, indices = SimilarityIndex(1, metric).fit(X).kneighbors()
    nearest = int(distances[:, 0].argmin())
    found = find_duplicates(X, metric=metric, threshold=distances[nearest, 0])
    assert_array_equal(found.pairs, [sorted([nearest, indices[nearest, 0]])])
    assert len(find_duplicates(X, metric=metric, threshold=np.nextafter(distances[nearest, 0], 0)).pairs) == 0


def test_equal_rows():
    X = np.random.default_rng(0).integers(0, 256, (50, 100), dtype=np.uint8)
    X[[7, 20]] = X[3]
    X[9] = X[8]
    X[30] = X[31] + (X[31] < 255)
    found = find_duplicates(X, threshold=0)
    assert_array_equal(found.pairs, [(3, 7), (3, 20), (7, 20), (8, 9)])
    labels = found.group_labels()
    assert len(np.unique(labels)) == 47
    assert labels[3] == labels[7] == labels[20] != labels[8] == labels[9]
    assert_array_equal(np.unique(labels, return_index=True)[1], np.setdiff1d(np.arange(50), [7, 20, 9]))
    for train, test in GroupKFold(5).split(X, groups=labels):
        assert len(find_duplicates(X[train], X[test], threshold=0).pairs) == 0


def test_rows_of_zeros_are_copies_by_euclidean_distance_only():
    X = np.vstack([np.zeros((3, 4)), np.eye(4)])
    assert len(find_duplicates(X, metric="cosine", threshold=0.5).pairs) == 0
    assert find_duplicates(X, threshold=0).pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


def test_groups_between_two_sets():
    found = find_duplicates([[0.0], [5.0], [9.0]], [[5.1], [7.0], [4.9], [0.0]], threshold=0.2)
    assert found.pairs.tolist() == [[0, 3], [1, 0], [1, 2]]
    assert found.group_labels().tolist() == [0, 1, 2, 1, 3, 1, 0]


def test_the_account():
    found = find_duplicates(np.array([[0.0], [5.0], [9.0], [5.0], [5.5]]), threshold=1)
    assert str(found).splitlines() == [
        "Pairs with a euclidean distance of at most 1: 3",
        "Distances: 0 to 0.5, median 0.5; 0 for 1 pairs",
        "Rows with a duplicate: 3 of 5 (60.00%)",
        "Groups of duplicates: 1, the largest of 3 rows",
    ]
    found = find_duplicates(np.eye(4), np.eye(4)[:2], metric="cosine", threshold=0.5)
    assert str(found).splitlines() == [
        "Pairs with a cosine distance of at most 0.5: 2",
        "Distances: 0 to 0, median 0; 0 for 2 pairs",
        "Rows of X with a duplicate in Y: 2 of 4 (50.00%)",
        "Rows of Y with a duplicate in X: 2 of 2 (100.00%)",
    ]
    nothing = find_duplicates(np.eye(4), threshold=0)
    assert isinstance(nothing, DuplicatePairs)
    assert str(nothing).splitlines() == [
        "Pairs with a euclidean distance of at most 0: 0",
        "Rows with a duplicate: 0 of 4 (0.00%)",
        "Groups of duplicates: 0, the largest of 1 rows",
    ]


def test_too_many_pairs():
    with pytest.raises(ValueError, match=r"more than max_pairs=1,000 pairs; lower the threshold"):
        find_duplicates(np.zeros((100, 3)), threshold=0, max_pairs=1000)
    assert len(find_duplicates(np.zeros((40, 3)), threshold=0, max_pairs=780).pairs) == 780


@pytest.mark.parametrize("threshold", [1e30, 1e200])
def test_a_threshold_beyond_every_distance(threshold):
    assert len(find_duplicates(np.eye(5, dtype=np.float32), threshold=threshold).pairs) == 10


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "l2"}, ValueError, "metric must be one of"),
        ({"threshold": -1}, ValueError, "threshold must be at least 0, got -1"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite"),
        ({"threshold": "0"}, TypeError, "threshold must be a number"),
        ({"max_pairs": 0}, ValueError, "max_pairs must be at least 1"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"Y": [[1.0, 2.0]]}, ValueError, "Y must have 1 columns, as X has, got 2"),
        ({"Y": [[1e16]]}, ValueError, "Y holds values too large to compute with"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=f"^find_duplicates: .*{message}"):
        find_duplicates([[1.0], [2.0]], **{"threshold": 0} | options)


@pytest.mark.parametrize("name", ["X", "Y"])
def test_nan_is_refused_by_name(name):
    sets = {"X": [[1.0]], "Y": [[1.0]]} | {name: [[np.nan]]}
    with pytest.raises(ValueError, match=f"Input {name} contains NaN"):
        find_duplicates(**sets, threshold=0)
