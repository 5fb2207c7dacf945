"""check_image_estimator: what is right passes, and for each check there is an estimator that only it catches."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skimgfeat import HOG, Flatten, Resize, check_image_estimator, testing
from skimgfeat._base import ImageFeatures, ImageMap
from skimgfeat._images import check_images, scaled_batch

FUNCTIONS = dict(inspect.getmembers(testing, inspect.isfunction))
CHECKS = {name.removeprefix("_check_") for name in FUNCTIONS if name.startswith("_check_")}


class RowMaxima(ImageFeatures):
    """The largest value of each row of pixels."""

    def __init__(self, image_shape=None, n_jobs=None):
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        pass

    def _feature_names(self, image_shape):
        return [f"row_{row}" for row in range(image_shape[0])]

    def _extract(self, images, out):
        batch, scale = scaled_batch(images)
        out[...] = batch.reshape(*batch.shape[:2], -1).max(axis=2).astype(np.float32) / np.float32(scale)


class BrightPixels(ImageMap):
    """A ragged step: the places of the pixels brighter than half of the full scale."""

    def __init__(self, image_shape=None):
        self.image_shape = image_shape

    def fit(self, X, y=None):
        check_images(self, X, reset=True)
        return self

    def transform(self, X):
        check_is_fitted(self)
        batch, scale = scaled_batch(check_images(self, X, reset=False))
        return [np.argwhere(image > scale / 2) for image in batch]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class NearestMeanImage(ClassifierMixin, BaseEstimator):
    """A classifier of images."""

    def __init__(self, image_shape=None):
        self.image_shape = image_shape

    def _pixels(self, X, reset):
        batch, scale = scaled_batch(check_images(self, X, reset=reset))
        return batch.reshape(len(batch), -1) / scale

    def fit(self, X, y):
        pixels = self._pixels(X, reset=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.means_ = np.array([pixels[codes == code].mean(axis=0) for code in range(len(self.classes_))])
        return self

    def predict(self, X):
        check_is_fitted(self)
        distances = np.linalg.norm(self._pixels(X, reset=False)[:, None] - self.means_, axis=2)
        return self.classes_[distances.argmin(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


NOT_FOR_LISTS = {"any_shape", "negative", "n_jobs"}
NOT_FOR_LABELS = NOT_FOR_LISTS | {"output", "names", "set_output"}


@pytest.mark.parametrize(
    ("estimator", "options", "left_out"),
    [
        (RowMaxima(), {}, {"any_shape", "negative"}),
        (RowMaxima(image_shape=(3, -1)), {"image_shape": (4, 5, 3)}, {"any_shape", "negative"}),
        (RowMaxima().set_output(transform="pandas"), {}, {"any_shape", "negative"}),
        (HOG(transform_sqrt=True), {"image_shape": (24, 27)}, {"any_shape"}),
        (Resize((9, 7)), {"any_shape": True}, {"fixed_shape", "negative"}),
        (Flatten(), {"scales_dtypes": False}, {"any_shape", "negative", "n_jobs", "dtypes"}),
        (BrightPixels(), {"atol": 1e-9}, NOT_FOR_LISTS),
        (NearestMeanImage(), {}, NOT_FOR_LABELS),
    ],
    ids=str,
)
def test_what_is_right_passes(estimator, options, left_out):
    parameters = estimator.get_params()
    ran = check_image_estimator(estimator, **options)
    assert len(ran) == len(set(ran))
    assert set(ran) == CHECKS - left_out
    assert estimator.get_params() == parameters
    assert not hasattr(estimator, "image_shape_")


# --- Estimators with one fault each. The name of the class says which check must find it.


class OutputInFloat64(RowMaxima):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


class OutputOfNan(RowMaxima):
    def _extract(self, images, out):
        super()._extract(images, out)
        out[:, 0] = np.nan


class OutputTooLong(RowMaxima):
    def transform(self, X):
        return np.repeat(super().transform(X), 2, axis=0)


class OutputNotThatOfFitTransform(RowMaxima):
    def fit_transform(self, X, y=None):
        return 1 - self.fit(X).transform(X)


class NamesTwice(RowMaxima):
    def _feature_names(self, image_shape):
        return ["row"] * image_shape[0]


class NamesTooMany(RowMaxima):
    def get_feature_names_out(self, input_features=None):
        return np.append(super().get_feature_names_out(), "one more")


class NamesOfNumbers(RowMaxima):
    def get_feature_names_out(self, input_features=None):
        return np.arange(self.image_shape_[0])


class SetOutputReturnsNothing(BrightPixels):
    def set_output(self, *, transform=None):
        pass


class SetOutputWithoutNames(Flatten):
    def set_output(self, *, transform=None):
        return self


class LayoutsOfMemory(RowMaxima):
    def transform(self, X):
        return super().transform(np.ravel(X, order="K").reshape(np.shape(X)))


class ListsBackwards(RowMaxima):
    def transform(self, X):
        return super().transform(X[::-1] if isinstance(X, tuple) else X)


class DimensionsOfOneImage(RowMaxima):
    def fit(self, X, y=None):
        return super().fit(np.asarray(X)[None] if np.ndim(X) == 2 and self.image_shape is None else X)


class EmptyTaken(RowMaxima):
    def transform(self, X):
        return super().transform(X) if len(X) else np.empty((0, self._n_features_out), np.float32)


class BatchesCentered(RowMaxima):
    def _extract(self, images, out):
        super()._extract(images, out)
        out -= out.mean(axis=0)


class InputKeptNot(RowMaxima):
    def transform(self, X):
        rows = super().transform(X)
        if isinstance(X, np.ndarray) and X.flags.writeable:
            X[(0,) * X.ndim] += 1
        return rows


class AttributesKeptNot(RowMaxima):
    def transform(self, X):
        self.n_transformed_ = len(X) + getattr(self, "n_transformed_", 0)
        return super().transform(X)


class AttributesKeptNotInFit(RowMaxima):
    def fit(self, X, y=None):
        super().fit(X)
        self.n_jobs = self.n_jobs or 1
        return self


class RefitRemembers(RowMaxima):
    def fit(self, X, y=None):
        self.n_fits_ = 1 + getattr(self, "n_fits_", 0)
        return super().fit(X)

    def transform(self, X):
        return super().transform(X) * np.float32(self.n_fits_)


class CopiesWithoutAll(RowMaxima):
    scale = 1

    def fit(self, X, y=None):
        self.scale = 2
        return super().fit(X)

    def transform(self, X):
        return super().transform(X) * np.float32(self.scale)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "scale"}


class FixedShapeNot(RowMaxima):
    def transform(self, X):
        if np.ndim(X) == 3 and len(X) and np.shape(X[0]) != self.image_shape_:
            return np.zeros((len(X), self.image_shape_[0]), np.float32)
        return super().transform(X)


class AnyShapeInAnyOrder(Resize):
    def transform(self, X):
        is_mixed = isinstance(X, list) and len({np.shape(image) for image in X}) > 1
        return super().transform(X[::-1] if is_mixed else X)


class UnfittedTaken(RowMaxima):
    def transform(self, X):
        return self.fit_transform(X) if not hasattr(self, "image_shape_") else super().transform(X)

    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X)


class DtypesAsTheyAre(RowMaxima):
    def _extract(self, images, out):
        out[...] = images.reshape(*images.shape[:2], -1).max(axis=2)


class NonFiniteTaken(RowMaxima):
    def transform(self, X):
        return super().transform(np.nan_to_num(X) if isinstance(X, np.ndarray) else X)


class NegativeTaken(RowMaxima):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


class RowsByColumns(RowMaxima):
    def transform(self, X):
        if np.ndim(X) == 2:
            X = np.asarray(X).reshape(len(X), *self.image_shape_[::-1]).swapaxes(1, 2)
        return super().transform(X)


class NJobsInTheNumbers(RowMaxima):
    def transform(self, X):
        return super().transform(X) + np.float32(self.n_jobs or 1)


FAULTS = [
    (OutputInFloat64(), "output", "uint8 images give float64, not float32 rows"),
    (OutputOfNan(), "output", "the rows hold NaN"),
    (OutputTooLong(), "output", "14 answers for 7 images"),
    (OutputNotThatOfFitTransform(), "output", "fit_transform: the answer for image 0"),
    (NamesTwice(), "names", "column names appear twice"),
    (NamesTooMany(), "names", "17 column names for 16 columns"),
    (NamesOfNumbers(), "names", "column names must be str"),
    (SetOutputReturnsNothing(), "set_output", "set_output must return self"),
    (SetOutputWithoutNames(), "set_output", "no pandas frame"),
    (LayoutsOfMemory(), "layouts", "Fortran-ordered images"),
    (ListsBackwards(), "lists", "images in a tuple"),
    (DimensionsOfOneImage(), "dimensions", r"fit must raise ValueError for X of shape \(16, 20\)"),
    (EmptyTaken(), "empty", "transform must raise ValueError for an empty ndarray"),
    (BatchesCentered(), "batches", "two halves of X"),
    (InputKeptNot(), "input_kept", "X of dtype uint8 was changed"),
    (AttributesKeptNot(), "attributes_kept", "changed the attributes n_transformed_"),
    (AttributesKeptNotInFit(), "attributes_kept", "fit replaced the parameter n_jobs"),
    (RefitRemembers(), "refit", "fitted again"),
    (CopiesWithoutAll(), "copies", "a deep copy"),
    (FixedShapeNot(), "fixed_shape", r"images of shape \(20, 16\) after those of shape \(16, 20\)"),
    (AnyShapeInAnyOrder((8, 9)), "any_shape", "images of different shapes"),
    (UnfittedTaken(), "unfitted", "before fit must raise NotFittedError"),
    (DtypesAsTheyAre(), "dtypes", "uint8 images do not give"),
    (NonFiniteTaken(), "non_finite", "transform must raise ValueError for nan in X of order C"),
    (NegativeTaken(), "negative", "fit must raise ValueError for a negative value"),
    (RowsByColumns(), "rows", r"rows with image_shape=\(16, 20\)"),
    (NJobsInTheNumbers(), "n_jobs", "n_jobs=2"),
]


@pytest.mark.parametrize(("estimator", "check", "message"), FAULTS, ids=[type(fault[0]).__name__ for fault in FAULTS])
def test_what_is_wrong_is_found(estimator, check, message):
    with pytest.raises(AssertionError, match=f"^{type(estimator).__name__}: .*{message}") as failure:
        check_image_estimator(estimator, any_shape=isinstance(estimator, Resize))
    found_by = [entry.name for entry in failure.traceback if entry.name.removeprefix("_check_") in CHECKS]
    assert found_by == [f"_check_{check}"]


def test_every_check_finds_something():
    assert {check for _, check, _ in FAULTS} == CHECKS


class RoundedByBatch(RowMaxima):
    def transform(self, X):
        return super().transform(X) + np.float32(1e-4 * (len(X) % 2))


def test_atol_lets_rounding_pass():
    with pytest.raises(AssertionError, match="two halves"):
        check_image_estimator(RoundedByBatch(), atol=1e-5)
    assert check_image_estimator(RoundedByBatch(), atol=1e-3)


def test_exceptions_pass_through():
    class Typed(RowMaxima):
        def transform(self, X):
            if not X.flags.writeable:
                raise BufferError("read-only")
            return super().transform(X)

    with pytest.raises(BufferError, match="read-only"):
        check_image_estimator(Typed())


class Neither(BaseEstimator):
    pass


class Untagged(TransformerMixin, BaseEstimator):
    def transform(self, X):
        return X


@pytest.mark.parametrize(
    ("estimator", "options", "error", "message"),
    [
        (HOG, {}, TypeError, "must be an estimator object"),
        ("HOG", {}, TypeError, "must be an estimator object"),
        (Neither(), {}, TypeError, "Neither has neither transform nor predict"),
        (Untagged(), {}, ValueError, "Untagged takes no images"),
        (StandardScaler(), {}, ValueError, "StandardScaler takes no images"),
        (RowMaxima(), {"image_shape": (16, 16)}, ValueError, "image_shape must hold rows and columns that differ"),
        (RowMaxima(), {"image_shape": (16, -1)}, ValueError, "image_shape must hold rows and columns that differ"),
        (RowMaxima(), {"image_shape": None}, ValueError, "image_shape must hold rows and columns that differ"),
        (RowMaxima(), {"image_shape": 16}, TypeError, "image_shape must be"),
        (RowMaxima(), {"scales_dtypes": 1}, TypeError, "scales_dtypes must be True or False"),
        (RowMaxima(), {"any_shape": None}, TypeError, "any_shape must be True or False"),
        (RowMaxima(), {"atol": "0"}, TypeError, "atol must be a number"),
        (RowMaxima(), {"atol": np.nan}, ValueError, "atol must be finite"),
    ],
)
def test_arguments(estimator, options, error, message):
    with pytest.raises(error, match=f"^check_image_estimator: .*{message}"):
        check_image_estimator(estimator, **options)
