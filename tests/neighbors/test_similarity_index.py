"""SimilarityIndex against distances by their definition, and against scikit-learn's neighbors."""

import sys
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_distances
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer, NearestNeighbors
from sklearn.pipeline import make_pipeline

from skimgfeat import SimilarityIndex
from skimgfeat.datasets import load_digits
from skimgfeat.neighbors._rows import find_projection, prepare
from skimgfeat.neighbors._search import _Screen, nearest, settle

METRICS = ["euclidean", "cosine"]
DTYPES = [np.uint8, np.float32, np.float64]


def make_rows(n, n_columns=40, rank=5, noise=0.02, dtype=np.float64, seed=0):
    """Rows near a plane of few axes, like pixels; with much noise, in all directions."""
    random = np.random.default_rng(seed)
    axes = np.random.default_rng(99).normal(size=(rank, n_columns))
    values = 0.5 + 0.1 * random.normal(size=(n, rank)) @ axes + noise * random.normal(size=(n, n_columns))
    if dtype == np.uint8:
        return np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)
    return values.astype(dtype)


def all_distances(queries, rows, metric):
    """Every distance by its definition, in float64."""
    queries, rows = np.asarray(queries, dtype=float), np.asarray(rows, dtype=float)
    if metric == "cosine":
        queries, rows = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (queries, rows))
    distances = np.sqrt(((queries[:, np.newaxis] - rows) ** 2).sum(axis=2))
    return distances**2 / 2 if metric == "cosine" else distances


def without_own(distances):
    np.fill_diagonal(distances, np.inf)
    return distances


def assert_finds(found, expected, k, farthest=False):
    """The distances are the k smallest (largest) of each row of a matrix, and the places are where they stand."""
    distances, indices = found
    ordered = np.sort(-expected if farthest else expected, axis=1)[:, :k]
    assert_allclose(distances, -ordered if farthest else ordered, rtol=1e-12, atol=1e-14)
    assert_allclose(distances, np.take_along_axis(expected, indices, axis=1), rtol=1e-12, atol=1e-14)
    assert all(len(set(row)) == k for row in indices.tolist())


@pytest.fixture
def small(monkeypatch):
    """Blocks and batches of a few rows, and projections for few rows, so that all of it takes part."""
    monkeypatch.setattr("skimgfeat.neighbors._search._ROWS_AT_ONCE", 37)
    monkeypatch.setattr("skimgfeat.neighbors._similarity_index.QUERIES_AT_ONCE", 10)
    monkeypatch.setattr("skimgfeat.neighbors._rows._LEAST_ROWS", 100)
    monkeypatch.setattr("skimgfeat.neighbors._rows._LEAST_COLUMNS", 8)


# --- Exact search


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("k", [1, 4, 60, 200])
@pytest.mark.parametrize("noise", [0.02, 1])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_what_all_distances_say(metric, dtype, noise, k):
    rows, queries = make_rows(200, noise=noise, dtype=dtype), make_rows(23, noise=noise, dtype=dtype, seed=1)
    index = SimilarityIndex(metric=metric).fit(rows)
    # Noise in all directions is nothing that few axes keep.
    assert (index._projection is None) == (noise == 1)
    expected = all_distances(queries, rows, metric)
    assert_finds(index.kneighbors(queries, k), expected, k)
    assert_finds(index.farthest(queries, k), expected, k, farthest=True)


@pytest.mark.parametrize("metric", METRICS)
def test_scikit_learn_finds_the_same(metric):
    rows, queries = make_rows(3000, noise=0.3), make_rows(100, noise=0.3, seed=1)
    distances, indices = SimilarityIndex(7, metric).fit(rows).kneighbors(queries)
    expected, places = NearestNeighbors(n_neighbors=7, metric=metric, algorithm="brute").fit(rows).kneighbors(queries)
    assert_array_equal(indices, places)
    assert_allclose(distances, expected, rtol=1e-7)


@pytest.mark.usefixtures("small")
@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(METRICS),
    st.sampled_from(DTYPES[1:]),
    st.integers(-30, 10),
    st.integers(-2, 4),
    st.sampled_from([0, 0.01, 0.5]),
    st.sampled_from([1, -1]),
    st.integers(0, 1000),
)
def test_bounds_lie_below_what_they_bound(metric, dtype, exponent, offset, noise, sign, seed):
    """Whatever the scale, an offset that float32 barely bears, and rows a thousand times as long as others."""
    values = make_rows(150, noise=noise, seed=seed) * np.where(np.arange(150) % 7, 1, 1000)[:, np.newaxis]
    values = ((values + 10.0**offset) * 10.0**exponent).astype(dtype)
    values[:2] = 0
    projection = find_projection(values, metric)
    rows = prepare(values, metric, projection)
    queries = rows.take(slice(0, 20))
    screen = _Screen(queries, rows, sign)
    exact = values.astype(np.longdouble)
    if metric == "cosine":
        lengths = np.sqrt((exact**2).sum(axis=1, keepdims=True))
        exact = np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0)
        halves = 1 - exact[:20] @ exact.T
    else:
        halves = ((exact[:20, np.newaxis] - exact) ** 2).sum(axis=2) / 2
    limits = np.stack([screen.limit(column) for column in (sign * halves.T.astype(float))], axis=1)
    assert (screen.scores(slice(0, 150)) < limits).all()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("noise", [0.02, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_of_equal_distances_the_first_row_comes_first(dtype, noise, farthest):
    values = make_rows(40, noise=noise, dtype=dtype)
    rows = np.vstack([values, values[::-1], values, values])
    index = SimilarityIndex().fit(rows)
    distances, indices = (index.farthest if farthest else index.kneighbors)(values, 10)
    # Rounding is left to the definition here, and not looked at: equal rows have equal distances.
    exact = all_distances(values, values, "euclidean")[:, np.r_[0:40, 39:-1:-1, 0:40, 0:40]]
    expected = np.lexsort((np.broadcast_to(np.arange(160), exact.shape), -exact if farthest else exact))[:, :10]
    assert_array_equal(indices, expected)
    assert (distances[:, 0] == distances[:, 3]).all()


@pytest.mark.parametrize("metric", METRICS)
def test_few_pairs_are_settled_of_rows_far_from_zero(metric, monkeypatch):
    """As where one column, an area, is thousands in every row, and all others are shares."""
    random = np.random.default_rng(0)
    rows = np.hstack([np.full((500, 1), 4000), random.random((500, 300))]).astype(np.float32)
    settled = []

    def count(queries, rows, i, j):
        settled.append(len(i))
        return settle(queries, rows, i, j)

    monkeypatch.setattr("skimgfeat.neighbors._search.settle", count)
    found = SimilarityIndex(5, metric).fit(rows).kneighbors(rows[:50])
    assert_finds(found, all_distances(rows[:50], rows, metric), 5)
    assert sum(settled) < 50 * 500 / 10


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scale", [1e-30, 1, 1e14])
@pytest.mark.parametrize("metric", METRICS)
def test_the_scale_does_not_matter(metric, scale):
    rows = make_rows(300)
    index = SimilarityIndex(3, metric).fit((rows * scale).astype(np.float32))
    assert index._projection is not None
    unit = scale if metric == "euclidean" else 1
    fitted = index._rows.values.astype(float) / scale
    distances, indices = index.kneighbors()
    assert_finds((distances / unit, indices), without_own(all_distances(fitted, fitted, metric)), 3)


def test_directions_of_rows_next_to_nothing():
    """Lengths below the normal numbers of float32, which holds no scale that makes them 1."""
    rows = (np.random.default_rng(0).normal(size=(60, 8)) * 1e-40).astype(np.float32)
    index = SimilarityIndex(50, "cosine").fit(rows)
    expected = SimilarityIndex(50, "cosine").fit(rows.astype(float))
    for found, those in ((index.kneighbors(rows), expected.kneighbors(rows)), (index.farthest(), expected.farthest())):
        assert_array_equal(found[1], those[1])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("noise", [0.02, 1])
@pytest.mark.parametrize("exponent", [-460, -500, -530, -600, -1000])
def test_directions_of_rows_whose_squares_underflow(exponent, noise):
    """A power of 2 takes nothing from a row of float64, and turns it nowhere."""
    rows, queries = make_rows(200, noise=noise), make_rows(23, noise=noise, seed=1)
    expected = all_distances(queries, rows, "cosine")
    exponents = np.where(np.arange(200) % 3, exponent, 0)[:, np.newaxis]
    index = SimilarityIndex(7, "cosine").fit(np.ldexp(rows, exponents))
    assert (index._projection is None) == (noise == 1)
    for asked in (queries, np.ldexp(queries, exponents[:23]), np.ldexp(queries, 40)):
        assert_finds(index.kneighbors(asked), expected, 7)
        assert_finds(index.farthest(asked), expected, 7, farthest=True)


def test_the_shortest_rows_by_cosine():
    one = SimilarityIndex(3, "cosine").fit([[1e-160, 2e-160], [2e-160, 4e-160], [1, 0]])
    distances, indices = one.kneighbors([[1e-160, 2e-160]])
    assert_array_equal(indices, [[0, 1, 2]])
    assert_allclose(distances, [[0, 0, 1 - 1 / np.sqrt(5)]], atol=1e-15)
    assert_allclose(SimilarityIndex(2, "cosine").fit([[1, 1], [1e-170, 1e-170]]).kneighbors([[1, 1]])[0], 0, atol=1e-15)
    # No number of float64 brings the second to unit length: it counts as zeros.
    other = SimilarityIndex(3, "cosine").fit([[3e-308, 0], [1e-308, 0], [0, 0]])
    assert_array_equal(other.kneighbors([[1, 0]])[0], [[0, 1, 1]])


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_are_all_equal(metric):
    index = SimilarityIndex(4, metric).fit(np.full((300, 5), 7, dtype=np.uint8))
    distances, indices = index.kneighbors([[7] * 5])
    assert_array_equal(indices, [[0, 1, 2, 3]])
    assert_array_equal(distances, 0)
    assert_array_equal(index.farthest([[7] * 5], return_distance=False), [[0, 1, 2, 3]])


@pytest.mark.usefixtures("small")
def test_a_row_of_zeros_has_no_direction():
    rows = make_rows(200, noise=0.01)
    rows[[3, 50]] = 0
    index = SimilarityIndex(200, "cosine").fit(rows)
    assert index._projection is not None
    expected = cosine_distances(rows[:60], rows)
    assert expected[3, 0] == 1
    expected[[3, 50], [3, 50]] = 1  # scikit-learn sets the diagonal of a matrix to 0
    distances, indices = index.kneighbors(rows[:60])
    assert_allclose(distances, np.take_along_axis(expected, indices, axis=1), atol=1e-12)
    assert_allclose(index.farthest(rows[:60])[0], distances[:, ::-1], atol=1e-15)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("parameters", [{}, {"metric": "cosine"}, {"algorithm": "hnsw"}], ids=str)
def test_without_queries_the_row_itself_is_left_out(parameters):
    rows = make_rows(200)
    rows[9] = rows[150]
    index = SimilarityIndex(3, **parameters).fit(rows)
    distances, indices = index.kneighbors()
    assert (indices != np.arange(200)[:, np.newaxis]).all()
    assert (indices[9, 0], indices[150, 0]) == (150, 9)
    assert_finds((distances, indices), without_own(all_distances(rows, rows, index.metric)), 3)
    expected = all_distances(rows, rows, index.metric)
    assert_finds(index.farthest(), expected, 3, farthest=True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n_jobs", [None, 2, -1])
@pytest.mark.parametrize("noise", [0.02, 1])
def test_a_row_is_found_the_same_alone_and_in_any_batch(noise, n_jobs):
    rows, queries = make_rows(300, noise=noise, dtype=np.float32), make_rows(41, noise=noise, dtype=np.float32, seed=1)
    index = SimilarityIndex(6).fit(rows)
    together = index.set_params(n_jobs=n_jobs).kneighbors(queries)
    index.set_params(n_jobs=1)
    alone = [np.vstack(part) for part in zip(*(index.kneighbors(query[np.newaxis]) for query in queries), strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("n_columns", [8192, 8193, 20_000])
@pytest.mark.parametrize("metric", METRICS)
def test_long_rows_are_found_the_same_alone_and_in_any_batch(metric, n_columns):
    """Longer than NumPy's buffer, which decides where a sum is cut; and of copies, the first one comes first."""
    values = np.random.default_rng(0).random((13, n_columns), dtype=np.float32)
    rows, queries = np.vstack([values[:8], values[:8]]), values[8:]
    index = SimilarityIndex(16, metric).fit(rows)
    distances, indices = index.kneighbors(queries)
    assert (indices[:, ::2] + 8 == indices[:, 1::2]).all()
    assert_array_equal(distances[:, ::2], distances[:, 1::2])
    assert_array_equal(distances, np.vstack([index.kneighbors(query[np.newaxis])[0] for query in queries]))
    assert_array_equal(distances, np.vstack([index.kneighbors(queries, k)[0][:, -1] for k in range(1, 17)]).T)
    assert_array_equal(distances, SimilarityIndex(16, metric, n_jobs=5).fit(rows).kneighbors(queries)[0])


def test_uint8_is_exact():
    """Float32 holds no sum of 3,072 squares of bytes; the integers here are compared as integers."""
    rows = np.random.default_rng(0).integers(0, 256, (500, 3072), dtype=np.uint8)
    squares = ((rows[:20, np.newaxis].astype(np.int64) - rows) ** 2).sum(axis=2)
    distances, indices = SimilarityIndex(500).fit(rows).kneighbors(rows[:20])
    assert_array_equal(indices, np.lexsort((np.broadcast_to(np.arange(500), squares.shape), squares)))
    assert_array_equal(distances, np.sqrt(np.sort(squares, axis=1)))


@pytest.mark.parametrize("fitted", DTYPES)
@pytest.mark.parametrize("asked", DTYPES)
def test_queries_of_another_type(fitted, asked):
    rows, queries = make_rows(90, dtype=np.uint8).astype(fitted), make_rows(7, dtype=np.uint8, seed=1).astype(asked)
    distances, indices = SimilarityIndex().fit(rows).kneighbors(queries)
    expected = SimilarityIndex().fit(rows.astype(float)).kneighbors(queries.astype(float))
    assert_array_equal(indices, expected[1])
    assert_array_equal(distances, expected[0])


def test_memory_does_not_grow_with_all_distances():
    """10,000 x 10,000 distances take 800 MB."""
    rows = np.random.default_rng(0).random((10_000, 16), dtype=np.float32)
    index = SimilarityIndex(3).fit(rows)
    tracemalloc.start()
    try:
        index.kneighbors()
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


def test_a_memory_map_is_not_copied(tmp_path):
    np.save(tmp_path / "rows.npy", make_rows(300, dtype=np.float32))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    index = SimilarityIndex().fit(rows)
    assert np.shares_memory(index._rows.values, rows)
    assert_array_equal(index.kneighbors(rows[:5])[1][:, 0], np.arange(5))


# --- Beside scikit-learn


@pytest.mark.parametrize("metric", METRICS)
def test_the_graph_is_that_of_k_neighbors_transformer(metric):
    rows, queries = make_rows(300, noise=0.3), make_rows(40, noise=0.3, seed=1)
    index = SimilarityIndex(4, metric).fit(rows)
    other = KNeighborsTransformer(mode="distance", n_neighbors=4, metric=metric, algorithm="brute").fit(rows)
    for X in (queries, rows):
        graph, expected = index.transform(X), other.transform(X)
        assert graph.format == expected.format == "csr"
        assert graph.shape == expected.shape
        assert_array_equal(graph.indptr, expected.indptr)
        assert_allclose(graph.toarray(), expected.toarray(), atol=1e-6)
    assert_array_equal(graph.indices[::5], np.arange(300))
    assert list(index.get_feature_names_out()[:2]) == ["similarityindex0", "similarityindex1"]


@pytest.mark.parametrize("algorithm", ["exact", "hnsw"])
def test_in_a_pipeline(algorithm):
    images, y = load_digits(return_X_y=True)
    X = images.reshape(len(images), -1)
    classifier = KNeighborsClassifier(3, metric="precomputed")
    model = make_pipeline(SimilarityIndex(3, algorithm=algorithm), classifier).fit(X[:1200], y[:1200])
    expected = KNeighborsClassifier(3, algorithm="brute").fit(X[:1200], y[:1200])
    assert np.mean(model.predict(X[1200:]) == expected.predict(X[1200:])) > 0.998


@pytest.mark.parametrize("algorithm", ["exact", "hnsw"])
def test_joblib_keeps_an_index(algorithm, tmp_path):
    rows = make_rows(300)
    index = SimilarityIndex(algorithm=algorithm).fit(rows)
    joblib.dump(index, tmp_path / "index.joblib")
    again = joblib.load(tmp_path / "index.joblib")
    for one, other in zip(again.kneighbors(rows[:9]), index.kneighbors(rows[:9]), strict=True):
        assert_array_equal(one, other)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(index.kneighbors)(rows[part : part + 3]) for part in (0, 3, 6))
    assert_array_equal(np.vstack([indices for _, indices in found]), index.kneighbors(rows[:9])[1])


# --- Adding rows


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("batch_size", [30, 90, 500])
@pytest.mark.parametrize("noise", [0.02, 1])
@pytest.mark.parametrize("metric", METRICS)
def test_adding_rows_is_fitting_all(metric, noise, batch_size):
    rows = make_rows(500, noise=noise, dtype=np.float32)
    index = SimilarityIndex(metric=metric)
    for start in range(0, 500, batch_size):
        index.partial_fit(rows[start : start + batch_size])
        assert index.n_samples_fit_ == index.transform(rows[:2]).shape[1] == min(500, start + batch_size)
    assert (index._projection is None) == (noise == 1)
    expected = SimilarityIndex(metric=metric).fit(rows)
    for one, other in zip(index.kneighbors(), expected.kneighbors(), strict=True):
        assert_array_equal(one, other)


def test_a_wider_type_widens_the_rows():
    rows = make_rows(20, dtype=np.uint8)
    index = SimilarityIndex(1).fit(rows).partial_fit(rows.astype(np.float32) + 0.5)
    assert_array_equal(index.kneighbors(rows + 0.25, 2, return_distance=False), [(i, i + 20) for i in range(20)])


def test_what_cannot_be_added_changes_nothing():
    index = SimilarityIndex(2).fit(make_rows(20))
    before = index.kneighbors()
    for X in (np.full((3, 40), np.nan), np.zeros((3, 41)), np.full((3, 40), 1e16)):
        with pytest.raises(ValueError, match=r"NaN|41 features|too large"):
            index.partial_fit(X)
    for one, other in zip(index.kneighbors(), before, strict=True):
        assert_array_equal(one, other)


# --- The graph


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", METRICS)
def test_hnsw_finds_nearly_all(metric, dtype):
    rows, queries = make_rows(3000, noise=0.3, dtype=dtype), make_rows(100, noise=0.3, dtype=dtype, seed=1)
    index = SimilarityIndex(10, metric, algorithm="hnsw").fit(rows[:2000]).partial_fit(rows[2000:])
    distances, indices = index.kneighbors(queries)
    _, expected = SimilarityIndex(10, metric).fit(rows).kneighbors(queries)
    recall = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(indices, expected, strict=True)])
    assert recall > 0.98
    exact = all_distances(queries, rows, metric)
    assert_allclose(distances, np.take_along_axis(exact, indices, axis=1), rtol=1e-12)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_hnsw_is_the_same_each_time():
    rows = make_rows(1000, noise=1)
    one, other = (SimilarityIndex(5, algorithm="hnsw", ef_search=5, n_links=4).fit(rows) for _ in range(2))
    assert_array_equal(one.kneighbors()[1], other.kneighbors()[1])


def test_what_the_graph_does_not_reach_is_found_exactly(monkeypatch):
    rows = make_rows(50)
    index = SimilarityIndex(4, algorithm="hnsw").fit(rows)

    def search(owner, graph, queries, k, ef_search, n_jobs):
        found = np.full((len(queries.values), k), -1)
        found[:, 0] = 7
        return found

    monkeypatch.setattr("skimgfeat.neighbors._similarity_index.search_graph", search)
    exact = SimilarityIndex(4).fit(rows)
    for X in (None, make_rows(6, seed=1)):
        for one, other in zip(index.kneighbors(X), exact.kneighbors(X), strict=True):
            assert_array_equal(one, other)


def test_without_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"algorithm='hnsw' needs faiss: pip install 'skimgfeat\[faiss\]'"):
        SimilarityIndex(algorithm="hnsw").fit(make_rows(9))
    assert SimilarityIndex(2).fit(make_rows(9)).kneighbors()[1].shape == (9, 2)


# --- Files


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parameters", [{"metric": "cosine", "n_neighbors": np.int64(3)}, {"algorithm": "hnsw"}])
def test_saved_and_loaded(parameters, dtype, tmp_path):
    rows = make_rows(200, dtype=dtype)
    index = SimilarityIndex(**parameters).fit(pd.DataFrame(rows, columns=[f"column{place}" for place in range(40)]))
    index.save(tmp_path / "index.npz")
    again = SimilarityIndex.load(tmp_path / "index.npz")
    assert again.get_params() == clone(index).get_params()
    assert_array_equal(again.feature_names_in_, index.feature_names_in_)
    assert again._rows.values.dtype == dtype
    for one, other in zip(again.kneighbors(), index.kneighbors(), strict=True):
        assert_array_equal(one, other)
    more = make_rows(30, dtype=dtype, seed=1)
    names = {"columns": index.feature_names_in_}
    one, other = (each.partial_fit(pd.DataFrame(more, **names)).kneighbors() for each in (index, again))
    assert_array_equal(one[1], other[1])
    with np.load(tmp_path / "index.npz", allow_pickle=False) as archive:
        assert_array_equal(archive["rows"], rows)


@pytest.mark.parametrize("algorithm", ["exact", "hnsw"])
@pytest.mark.parametrize(("fitted", "other"), [METRICS, METRICS[::-1]])
def test_the_metric_is_that_of_fit(fitted, other, algorithm, tmp_path):
    """Until ``fit`` is called again, also where rows become twice as many, and in a file."""
    rows, queries = make_rows(90), 3 * make_rows(5, seed=1)
    index = SimilarityIndex(4, fitted, algorithm).fit(rows[:20]).set_params(metric=other)
    index.save(tmp_path / "index.npz")
    for each in (index, SimilarityIndex.load(tmp_path / "index.npz")):
        for n_rows in (20, 30, 90):
            if n_rows > each.n_samples_fit_:
                each.partial_fit(rows[each.n_samples_fit_ : n_rows])
            assert_finds(each.kneighbors(queries), all_distances(queries, rows[:n_rows], fitted), 4)
    assert_finds(index.fit(rows).kneighbors(queries), all_distances(queries, rows, other), 4)


def test_damaged_and_other_files(tmp_path):
    path = tmp_path / "index.npz"
    SimilarityIndex().fit(make_rows(50)).save(path)
    data = path.read_bytes()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    np.savez(tmp_path / "other.npz", rows=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    others = [(tmp_path / name).read_bytes() for name in ("other.npz", "array.npy", "objects.npy")]
    for content in (bytes(damaged), data[:-100], b"", b"text", *others):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^SimilarityIndex: .*index\.npz holds no index, or is damaged"):
            SimilarityIndex.load(path)
    with pytest.raises(FileNotFoundError):
        SimilarityIndex.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize(("kind", "version"), [("skimgfeat.SimilarityIndex", 2), ("skimgfeat.Other", 1)])
def test_files_of_another_kind_or_version(kind, version, tmp_path):
    np.savez(tmp_path / "index.npz", index=np.array(f'{{"kind": "{kind}", "version": {version}}}'))
    with pytest.raises(ValueError, match=f"holds a '{kind}' of version {version}; this skimgfeat reads"):
        SimilarityIndex.load(tmp_path / "index.npz")


def test_an_interrupted_save_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "index.npz"
    index = SimilarityIndex().fit(make_rows(50))
    index.save(path)
    before = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["index.npz"]


# --- What is refused


def test_more_neighbors_than_rows():
    rows = make_rows(6)
    index = SimilarityIndex(6).fit(rows)
    assert index.kneighbors(rows)[1].shape == (6, 6)
    for ask in (index.kneighbors, index.farthest):
        with pytest.raises(
            ValueError, match="must be at most 5, the number of rows fitted without the row itself, got 6"
        ):
            ask()
        with pytest.raises(ValueError, match="must be at most 6, the number of rows fitted, got 7"):
            ask(rows, 7)
        with pytest.raises(TypeError, match="return_distance must be True or False"):
            ask(rows, return_distance=1)
    with pytest.raises(ValueError, match="must be at most 6, the number of rows fitted, got 7"):
        index.transform(rows)


@pytest.mark.parametrize("method", ["kneighbors", "farthest"])
def test_it_has_to_be_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(SimilarityIndex(), method)()


def test_numbers_too_large():
    with pytest.raises(ValueError, match="X holds values too large to compute with, up to 1e\\+16"):
        SimilarityIndex().fit(np.array([[0, -1e16]]))


def test_searching_settles_few_pairs(monkeypatch):
    """What makes it quick: bounds leave a few of 5,000 rows to float64."""
    monkeypatch.setattr("skimgfeat.neighbors._rows._LEAST_ROWS", 1000)
    counts = []
    settle = nearest.__globals__["settle"]
    monkeypatch.setitem(nearest.__globals__, "settle", lambda q, r, i, j: counts.append(len(i)) or settle(q, r, i, j))
    rows, queries = make_rows(5000, 200, rank=20), make_rows(50, 200, rank=20, seed=1)
    index = SimilarityIndex(3).fit(rows)
    assert index._projection.axes.shape[1] <= 33
    index.kneighbors(queries)
    assert sum(counts) / 50 < 60
