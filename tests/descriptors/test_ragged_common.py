"""What scikit-learn asks of every estimator, asked of those that take or give ragged descriptors.

scikit-learn's checks show an estimator rows of numbers. Here each row becomes an image, or the descriptors of an image,
and what comes out becomes rows again, so that all checks run; those that cannot hold stand in EXPECTED_FAILED_CHECKS.
"""

import pickle
from unittest import SkipTest

import joblib
import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skimgfeat.descriptors import SIFT, VLAD, BagOfVisualWords, DescriptorCodec, FisherVector

_DTYPES = [np.float64, np.float32, np.uint8]


class OfRows:
    """Let an estimator of descriptors take rows: each is an image with one descriptor."""

    def _from_row(self, row):
        return row[np.newaxis]

    def _as_rows(self, transformed):
        return np.stack([image.ravel() for image in transformed]) if isinstance(transformed, list) else transformed

    def fit(self, X, y=None):
        rows = validate_data(self, X, dtype=_DTYPES)
        super().fit([self._from_row(row) for row in rows])
        validate_data(self, X, dtype=_DTYPES)
        return self

    def transform(self, X):
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=_DTYPES, reset=False)
        return self._as_rows(super().transform([self._from_row(row) for row in rows]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class SIFTOfRows(OfRows, SIFT):
    """Each row is an image, its values, brought to [-1, 1], a stripe each."""

    def _from_row(self, row):
        return np.kron(row / (1 + np.abs(row)), np.ones((16, 16)))


class DescriptorCodecOfRows(OfRows, DescriptorCodec):
    @available_if(lambda codec: hasattr(DescriptorCodec(**codec.get_params()), "partial_fit"))
    def partial_fit(self, X, y=None):
        if not hasattr(self, "pca_"):
            return self.fit(X)
        rows = validate_data(self, X, dtype=_DTYPES, reset=False)
        return super().partial_fit([self._from_row(row) for row in rows])

    def inverse_transform(self, X):
        return self._as_rows(super().inverse_transform([self._from_row(row) for row in np.asarray(X)]))


class WordsOfRows(OfRows):
    def partial_fit(self, X, y=None):
        rows = validate_data(self, X, dtype=_DTYPES, reset=not hasattr(self, "kmeans_"))
        return super().partial_fit([self._from_row(row) for row in rows])


class BagOfVisualWordsOfRows(WordsOfRows, BagOfVisualWords):
    pass


class VLADOfRows(WordsOfRows, VLAD):
    pass


class FisherVectorOfRows(OfRows, FisherVector):
    pass


OF_ROWS = [
    BagOfVisualWordsOfRows(2, random_state=0),
    BagOfVisualWordsOfRows(3, n_neighbors=2, n_jobs=2, random_state=0),
    VLADOfRows(2, random_state=0),
    FisherVectorOfRows(1, random_state=0),
    SIFTOfRows(dense_step=16),
    SIFTOfRows(dense_step=16, root=True, n_jobs=2),
    DescriptorCodecOfRows(None, random_state=0),
    DescriptorCodecOfRows(1, select_by="norm", solver="incremental", random_state=0),
    DescriptorCodecOfRows(None, n_bits=4, n_jobs=2, random_state=0),
]

# By class, then by the name of the check: why it cannot hold.
EXPECTED_FAILED_CHECKS: dict[str, dict[str, str]] = {}


def name_of(check):
    return getattr(check, "func", check).__name__


CASES = [case for estimator in OF_ROWS for case in estimator_checks_generator(estimator)]


@pytest.mark.parametrize(
    ("estimator", "check"), CASES, ids=lambda part: str(part) if isinstance(part, BaseEstimator) else name_of(part)
)
def test_scikit_learn(estimator, check):
    expected = EXPECTED_FAILED_CHECKS.get(type(estimator).__name__, {})
    if name_of(check) not in expected:
        try:
            check(estimator)
        except SkipTest as reason:
            pytest.fail(f"skipped: {reason}")
        return
    try:
        check(estimator)
    except Exception:
        return
    pytest.fail(f"{name_of(check)} passes: take it out of EXPECTED_FAILED_CHECKS")


def test_scikit_learn_leaves_no_check_out():
    assert len(CASES) >= 45 * len(OF_ROWS)
    names = {name_of(check) for _, check in CASES}
    for expected in EXPECTED_FAILED_CHECKS.values():
        assert names.issuperset(expected)
        assert all(expected.values())


# --- On what they are made for


def pictures(count=8):
    """Pictures of different sizes, with spots (odd ones) or rings (even ones), and a blank one at the end."""
    rng = np.random.default_rng(0)
    images = []
    for index in range(count):
        rows, cols = np.mgrid[: 60 + index, : 70 - index]
        image = np.zeros(rows.shape)
        for _ in range(6):
            radius = np.hypot(rows - rng.uniform(10, 50), cols - rng.uniform(10, 50))
            image += np.exp(-((radius - 6 * (index % 2)) ** 2) / 8)
        images.append((255 * np.clip(image, 0, 1)).astype(np.uint8))
    return [*images, np.zeros((40, 30), np.uint8)]


@pytest.fixture(scope="module")
def images():
    return pictures()


@pytest.fixture(scope="module")
def descriptors(images):
    found = SIFT(geometry=True).fit_transform(images)
    assert [len(each) > 3 for each in found] == [True] * 8 + [False]
    return found


RAGGED = [
    SIFT(n_features=12, geometry=True),
    SIFT(dense_step=9, root=True),
    DescriptorCodec(5, random_state=0),
    DescriptorCodec(5, max_descriptors=7, select_by="norm", n_bits=4, random_state=0),
]


ENCODERS = [
    BagOfVisualWords(5, random_state=0),
    VLAD(4, pyramid_levels=(1, 2), random_state=0),
    FisherVector(3, pyramid_levels=(1, 2), random_state=0),
]


@pytest.fixture(params=RAGGED + ENCODERS, ids=str)
def estimator(request):
    return clone(request.param)


@pytest.fixture
def data(estimator, images, descriptors):
    return images if isinstance(estimator, SIFT) else descriptors


def assert_same(actual, expected):
    assert type(actual) is type(expected)
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@pytest.mark.parametrize("estimator", RAGGED, indirect=True, ids=str)
def test_an_array_an_image(estimator, data):
    out = estimator.fit_transform(data)
    assert isinstance(out, list)
    assert len(out) == len(data)
    assert len(out[-1]) == 0 or isinstance(estimator, SIFT)
    assert_same(out, estimator.transform(data))
    for one, image in zip(out, data, strict=True):
        assert_same([one], estimator.transform([image]))
    assert_same(out[::-1], estimator.transform(data[::-1]))


def test_containers(estimator, data):
    expected = estimator.fit_transform(data)
    for container in (tuple, objects):
        assert_same(clone(estimator).fit(container(data)).transform(container(data)), expected)


def test_input_and_parameters_are_left_alone(estimator, data):
    before, parameters = [image.copy() for image in data], estimator.get_params()
    estimator.fit(data).transform(data)
    assert_same(list(data), before)
    assert estimator.get_params() == parameters
    frozen = [image.copy() for image in data]
    for image in frozen:
        image.setflags(write=False)
    assert_same(clone(estimator).fit(frozen).transform(frozen), estimator.transform(data))


def test_transform_sets_no_attributes(estimator, data):
    before = dict(vars(estimator.fit(data)))
    estimator.transform(data)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())


def test_fit_again_is_fit(estimator, data):
    expected = clone(estimator).fit(data[:5]).transform(data)
    assert_same(estimator.fit(data).fit(data[:5]).transform(data), expected)


def test_n_jobs(estimator, data):
    expected = estimator.fit(data).transform(data)
    assert_same(clone(estimator).set_params(n_jobs=2).fit(data).transform(data), expected)


def test_pickle_and_joblib(estimator, data, tmp_path):
    expected = estimator.fit(data).transform(data)
    assert_same(pickle.loads(pickle.dumps(estimator)).transform(data), expected)
    joblib.dump(estimator, tmp_path / "model.joblib")
    assert_same(joblib.load(tmp_path / "model.joblib").transform(data), expected)


@pytest.mark.parametrize("estimator", RAGGED, indirect=True, ids=str)
def test_set_output_changes_nothing(estimator, data):
    expected = estimator.fit(data).transform(data)
    assert_same(estimator.set_output(transform="pandas").transform(data), expected)
    assert not hasattr(estimator, "get_feature_names_out")


def test_repr_and_html(estimator, data):
    names = {type(each).__name__: type(each) for each in RAGGED + ENCODERS}
    assert eval(repr(estimator), names).get_params() == estimator.get_params()
    assert type(estimator).__name__ in estimator_html_repr(estimator.fit(data))


def test_fitted_attributes_are_documented(estimator, data):
    docscrape = pytest.importorskip("numpydoc.docscrape")
    documented = {entry.name for entry in docscrape.ClassDoc(type(estimator))["Attributes"]}
    estimator.fit(data)
    assert {name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")} <= documented


class Mean(TransformerMixin, BaseEstimator):
    """The mean descriptor of each image, and how many there are."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        plain = [image["descriptor"] if image.dtype.names else image for image in X]
        return np.array([[*(image.mean(0) if len(image) else 0 * image.sum(0)), len(image)] for image in plain])

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize(("as_container", "n_jobs"), [(list, 2), (objects, None)])
def test_in_pipelines_and_grid_searches(as_container, n_jobs):
    images = pictures(16)[:-1]
    X, y = as_container(images), np.arange(16) % 2
    pipeline = make_pipeline(SIFT(dense_step=6), DescriptorCodec(4), Mean(), KNeighborsClassifier(3))
    assert cross_val_score(pipeline, X, y, cv=4).mean() > 0.8
    grid = {"sift__root": [False, True], "descriptorcodec__n_components": [3, 5]}
    # Threads, since other processes could not import Mean from here.
    with parallel_config("threading"):
        search = GridSearchCV(pipeline, grid, cv=4, n_jobs=n_jobs).fit(X, y)
    assert search.best_score_ > 0.8
    assert search.best_estimator_[1].pca_.n_components_ == search.best_params_["descriptorcodec__n_components"]
    assert isinstance(pipeline[:2].set_output(transform="pandas").fit_transform(X), list)
