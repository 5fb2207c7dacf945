"""transform_into: the same values as transform, a batch at a time, in an array that exists already."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skimgfeat import Flatten, ProjectionHistograms, Resize, transform_into


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (50, 6, 5), dtype=np.uint8)


class Recorder(TransformerMixin, BaseEstimator):
    """Return what ``function`` makes of each batch; remember the sizes of the batches."""

    def __init__(self, function=np.asarray):
        self.function = function

    def fit(self, X, y=None):
        self.sizes_ = []
        return self

    def transform(self, X):
        self.sizes_.append(len(X))
        return self.function(X)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 50, 1000])
def test_same_values_as_transform(images, batch_size):
    pipeline = make_pipeline(Resize((4, 4)), Flatten(), StandardScaler(), PCA(5)).fit(images)
    out = np.full((50, 5), np.nan)
    assert transform_into(pipeline, images, out, batch_size=batch_size) is out
    assert_allclose(out, pipeline.transform(images), rtol=0, atol=1e-12)


class Doubled(ProjectionHistograms):
    def transform(self, X):
        return 2 * super().transform(X)


@pytest.mark.parametrize("extractor", [ProjectionHistograms(), ProjectionHistograms(n_jobs=2), Doubled()])
def test_rows_of_extractors_go_where_they_belong(images, extractor):
    expected = extractor.fit(images).transform(images)
    wide = np.zeros((50, 3 * expected.shape[1]), dtype=np.float32)
    outs = [np.zeros(expected.shape, dtype) for dtype in (np.float32, np.float64)]
    for out in [*outs, np.zeros(expected.shape, np.float32, order="F"), wide[:, 1::3]]:
        transform_into(extractor, images, out, batch_size=7)
        assert_array_equal(out, expected)
    assert not wide[:, 0::3].any()
    assert not wide[:, 2::3].any()


def test_batches(images):
    for batch_size, sizes in [(20, [20, 20, 10]), (50, [50]), (np.int64(49), [49, 1])]:
        recorder = Recorder().fit(images)
        transform_into(recorder, images, np.zeros((50, 6, 5)), batch_size=batch_size)
        assert recorder.sizes_ == sizes


def test_default_batches_go_by_bytes():
    X = np.zeros((100, 1000, 1000), dtype=np.uint8)
    recorder = Recorder(lambda X: X[:, 0, :2]).fit(X)
    transform_into(recorder, X, np.zeros((100, 2), dtype=np.uint8))
    assert max(recorder.sizes_) * 1e6 <= 2**25 < 2 * max(recorder.sizes_) * 1e6
    recorder = Recorder(lambda X: np.zeros((len(X), 10**6))).fit(X)
    transform_into(recorder, X[:7], np.broadcast_to(np.zeros(1), (7, 10**6)).copy())
    assert recorder.sizes_ == [3, 3, 1]


def test_memory_maps_at_both_ends_stay_on_disk(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (300, 64, 64), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    X = np.load(tmp_path / "images.npy", mmap_mode="r")
    step = make_pipeline(Flatten(), FunctionTransformer(lambda rows: rows.astype(np.float32))).fit(X)
    out = np.lib.format.open_memmap(tmp_path / "rows.npy", mode="w+", dtype=np.float32, shape=(300, 4096))
    tracemalloc.start()
    transform_into(step, X, out, batch_size=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A batch takes 0.3 million bytes as floats, everything 4.9 million.
    assert peak < 1e6
    out.flush()
    assert_array_equal(np.load(tmp_path / "rows.npy"), images.reshape(300, 4096))


@pytest.mark.parametrize("form", [list, tuple, np.asfortranarray])
def test_forms_of_images(images, form):
    flatten = Flatten().fit(images)
    out = transform_into(flatten, form(images), np.zeros((50, 30), dtype=np.uint8), batch_size=8)
    assert_array_equal(out, images.reshape(50, 30))


def test_images_of_different_sizes_into_images(images):
    ragged = [image[: 2 + i % 5] for i, image in enumerate(images)]
    resize = Resize((3, 4)).fit(ragged)
    out = transform_into(resize, ragged, np.zeros((50, 3, 4), dtype=np.uint8), batch_size=8)
    assert_array_equal(out, resize.transform(ragged))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames_in(images, frame):
    X = frame(
        images.reshape(50, 30).astype(float), **({} if frame is pd.DataFrame else {"schema": list(map(str, range(30)))})
    )
    if frame is pd.DataFrame:
        X = X.rename(columns=str).set_index(np.arange(50)[::-1])
    scaler = StandardScaler().fit(X)
    out = transform_into(scaler, X, np.zeros((50, 30)), batch_size=8)
    assert_array_equal(out, scaler.transform(X))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_data_frames_out(images, container):
    flatten = Flatten().fit(images).set_output(transform=container)
    out = transform_into(flatten, images, np.zeros((50, 30), dtype=np.float32), batch_size=8)
    assert_array_equal(out, images.reshape(50, 30))


def test_sparse_in_and_out():
    X = sparse.random_array((50, 30), density=0.2, format="csr", rng=0)
    svd = TruncatedSVD(3, random_state=0).fit(X)
    assert_allclose(transform_into(svd, X, np.zeros((50, 3)), batch_size=8), svd.transform(X), rtol=0, atol=1e-12)
    letters = np.array(list("abcba"))[:, None]
    encoder = OneHotEncoder().fit(letters)
    out = transform_into(encoder, letters, np.zeros((5, 3)), batch_size=2)
    assert_array_equal(out, encoder.transform(letters).toarray())


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("float64", "float32"),
        ("float32", "float64"),
        ("float32", "float16"),
        ("int64", "float32"),
        ("uint8", "float16"),
        ("uint8", "uint8"),
        ("uint8", "int16"),
        ("bool", "uint8"),
        ("float32", ">f4"),
    ],
)
def test_types_that_hold_the_values(images, given, held):
    recorder = Recorder(lambda X: X[:, 0].astype(given)).fit(images)
    out = transform_into(recorder, images, np.zeros((50, 5), dtype=held), batch_size=20)
    assert out.dtype == np.dtype(held)
    assert_array_equal(out, images[:, 0].astype(given))


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("float32", "uint8"),
        ("float64", "int64"),
        ("int64", "int32"),
        ("uint8", "int8"),
        ("int8", "uint8"),
        ("uint8", "bool"),
        ("complex64", "float64"),
        ("object", "float64"),
        ("U1", "float64"),
    ],
)
def test_types_that_cannot_hold_the_values(images, given, held):
    recorder = Recorder(lambda X: X[:, 0].astype(given)).fit(images)
    out = np.zeros((50, 5), dtype=held)
    with pytest.raises(TypeError, match=r"transform_into: Recorder gives .* values, which out of dtype .* cannot hold"):
        transform_into(recorder, images, out)
    assert not out.any()


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda X: X[:, 0, :4], ValueError, r"Recorder gives \(4,\) values an item; out must have shape \(50, 4\)"),
        (lambda X: X, ValueError, r"gives \(6, 5\) values an item; out must have shape \(50, 6, 5\), got \(50, 5\)"),
        (lambda X: X[:, 0, 0], ValueError, r"gives \(\) values an item"),
        (lambda X: X[1:, 0], ValueError, r"must give one row an item, got shape \(19, 5\) for 20 items"),
        (lambda X: list(X[:, 0]), TypeError, "must give an array of rows or images, got a list"),
    ],
    ids=["other width", "images", "one number", "lost row", "list"],
)
def test_output_that_does_not_fit_is_not_written(images, function, error, message):
    recorder = Recorder(function).fit(images)
    out = np.zeros((50, 5))
    with pytest.raises(error, match=f"transform_into: .*{message}"):
        transform_into(recorder, images + 1, out, batch_size=20)
    assert not out.any()


@pytest.mark.parametrize("shape", [(49, 30), (51, 30), (30,), (), (50,)])
def test_out_of_the_wrong_shape_is_found_before_any_work(images, shape):
    recorder = Recorder().fit(images)
    with pytest.raises(ValueError, match="out must have a row for each of the 50 items of X"):
        transform_into(recorder, images, np.zeros(shape))
    assert recorder.sizes_ == []


@pytest.mark.parametrize(
    "out", [None, [[0.0] * 30] * 50, pd.DataFrame(np.zeros((50, 30)))], ids=["None", "list", "frame"]
)
def test_out_that_is_no_array(images, out):
    with pytest.raises(TypeError, match="out must be a NumPy array or memory map, got"):
        transform_into(Flatten().fit(images), images, out)


def test_out_that_is_read_only(images, tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((50, 30)))
    with pytest.raises(ValueError, match="out is read-only"):
        transform_into(Flatten().fit(images), images, np.load(tmp_path / "rows.npy", mmap_mode="r"))


def test_estimator_that_is_not_fitted(images):
    for estimator in (Flatten(), make_pipeline(Resize((2, 2)), Flatten()), Recorder()):
        with pytest.raises(NotFittedError):
            transform_into(estimator, images, np.zeros((50, 30)))


def test_estimator_that_does_not_transform(images):
    classifier = LogisticRegression().fit(images.reshape(50, 30) / 255, np.arange(50) % 2)
    with pytest.raises(TypeError, match="estimator must have a transform method, got LogisticRegression"):
        transform_into(classifier, images, np.zeros((50, 30)))


@pytest.mark.parametrize(
    ("batch_size", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), ("2", TypeError)]
)
def test_batch_size_that_cannot_be_used(images, batch_size, error):
    with pytest.raises(error, match="transform_into: batch_size must be"):
        transform_into(Flatten().fit(images), images, np.zeros((50, 30)), batch_size=batch_size)


def test_failure_of_the_transformer_passes_through(images):
    X = images.astype(np.float64)
    X[33, 2, 2] = np.nan
    out = np.full((50, 30), -1.0)
    with pytest.raises(ValueError, match="contains NaN"):
        transform_into(Flatten().fit(images), X, out, batch_size=10)
    assert_array_equal(out[:30], images[:30].reshape(30, 30))
    assert (out[30:] == -1).all()
