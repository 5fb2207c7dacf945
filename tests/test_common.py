"""What scikit-learn and its users ask of every estimator, asked of every public estimator of the package."""

import inspect
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks, estimator_html_repr, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import skimgfeat
from skimgfeat import (
    HOG,
    LBP,
    SIFT,
    VLAD,
    BagOfVisualWords,
    BBoxCrop,
    CNNEmbedding,
    ColorGrid,
    ColorHistogram,
    Connectivity,
    ContourFeatures,
    ConvNetClassifier,
    DescriptorCodec,
    FisherVector,
    Flatten,
    GeometryFeatures,
    HandcraftedFeatures,
    HuMoments,
    ImageReader,
    PatchFeatures,
    ProjectionHistograms,
    QuadrantDensity,
    QuantizedPCA,
    Resize,
    RunLengths,
    SimilarityIndex,
    SkeletonFeatures,
    Zoning,
    check_image_estimator,
)
from skimgfeat._base import ImageMap
from skimgfeat.datasets import load_digits

ROWS = {"image_shape": (1, -1)}
# A network of one layer and few pixels, without weights to download.
NETWORK = {"model": "shufflenet_v2_x0_5", "weights": None, "layer": "conv1", "backend": "torch"}
TINY = {**NETWORK, "pooling": "flatten", "preprocessing": {"resize_size": (8, 24), "crop_size": (8, 24)}, **ROWS}
PIXELS = {"pixels_per_cell": (1, 1), "cells_per_block": (1, 1), **ROWS}
NET = {"hidden": (16,), "batch_size": 32, "learning_rate": 1e-2, "max_epochs": 25, **ROWS}
PATCHES = {"patch_size": (1, 1), "pooling": (1, 1), "reg_contrast": None, "random_state": 0, **ROWS}

# scikit-learn's checks show an estimator rows of a few values: images of one row here.
SMALL = [
    CNNEmbedding(**TINY),
    CNNEmbedding(**TINY, batch_size=3, n_jobs=2, store_weights=True),
    ColorGrid(grid=(1, 1), **ROWS),
    ColorGrid("hsv", grid=(1, 1), **ROWS),
    ColorGrid("rgb", grid=(1, 1), n_jobs=2, **ROWS),
    ColorHistogram(bins=6, **ROWS),
    ColorHistogram("hsv", bins=3, **ROWS),
    ColorHistogram("lab", bins=4, joint=False, normalize=False, **ROWS),
    Connectivity(**ROWS),
    ContourFeatures(**ROWS),
    ConvNetClassifier(conv_channels=(), **NET),
    ConvNetClassifier(conv_channels=(8,), kernel_size=1, pooling="max", pool_size=1, **NET),
    Flatten(**ROWS),
    GeometryFeatures(**ROWS),
    HandcraftedFeatures(**PIXELS),
    HandcraftedFeatures(**PIXELS, transform_sqrt=False, threshold="otsu", polarity="dark", n_jobs=2),
    HandcraftedFeatures(["density", "lbp"], **ROWS),
    HOG(**PIXELS),
    HOG(**PIXELS, transform_sqrt=True),
    HOG(**PIXELS, signed=True),
    HOG(**PIXELS, interpolate=True, block_norm="L1"),
    HuMoments(**ROWS),
    LBP(**ROWS),
    PatchFeatures(2, **PATCHES),
    PatchFeatures(6, dictionary="random", encoding="triangle", reg_whiten=None, max_patches=50, **PATCHES),
    ProjectionHistograms(**ROWS),
    QuadrantDensity(**ROWS),
    QuantizedPCA(None),
    QuantizedPCA(1, solver="incremental"),
    QuantizedPCA(None, quantile_range=(0, 100), n_bits=4, batch_size=7),
    Resize((1, 2), **ROWS),
    Resize((1, 2), "fast", keep_aspect=True, **ROWS),
    RunLengths(**ROWS),
    SimilarityIndex(),
    SimilarityIndex(2, "cosine", n_jobs=2),
    SimilarityIndex(algorithm="hnsw"),
    SkeletonFeatures(**ROWS),
    Zoning(**ROWS),
]

# Those that take no numbers; see EXPECTED_FAILED_CHECKS.
OF_FILES = [BBoxCrop(), ImageReader()]
# Those that take or give lists of arrays: tests/descriptors/test_ragged_common.py asks them the same.
RAGGED = {BagOfVisualWords, DescriptorCodec, FisherVector, SIFT, VLAD}
# Estimators of plain rows: check_image_estimator is not for them.
OF_ROWS = {QuantizedPCA, SimilarityIndex}
# Those that give sparse matrices, for estimators with metric="precomputed".
GIVE_GRAPHS = (SimilarityIndex,)

# Default settings, and the image shape to check them with where 16 x 20 does not fit; then variants. Rounding a color
# to gray, and Otsu's threshold, which is found among the levels of a type, depend on the type.
BY_TYPE = {"scales_dtypes": False}
COLOR = {"image_shape": (16, 20, 3)}
DEFAULT = [
    (CNNEmbedding(weights=None), BY_TYPE | {"any_shape": True}),
    (ColorGrid(), {}),
    (ColorHistogram(), {}),
    (Connectivity(), {}),
    (ContourFeatures(), {}),
    (ConvNetClassifier(), {}),
    (Flatten(), {}),
    (GeometryFeatures(), {}),
    (HandcraftedFeatures(), {}),
    (HOG(), {"image_shape": (24, 27)}),
    (HuMoments(), {}),
    (LBP(), {}),
    (PatchFeatures(), {}),
    (ProjectionHistograms(), {}),
    (QuadrantDensity(), {}),
    (Resize((8, 9)), {"any_shape": True}),
    (RunLengths(), {}),
    (SkeletonFeatures(), {}),
    (Zoning(), {}),
]
VARIANTS = [
    (CNNEmbedding(**NETWORK, preprocessing={"resize_size": None, "crop_size": 12}), COLOR | {"any_shape": True}),
    (ColorGrid(), COLOR),
    (ColorGrid("hsv", grid=(3, 1)), COLOR),
    (ColorGrid("rgb", grid=(2, 5)), COLOR),
    (ColorHistogram("hsv"), COLOR),
    (ColorHistogram("lab", bins=(4, 15, 17), joint=False), COLOR),
    (ConvNetClassifier((), hidden=(9, 5), validation_fraction=0.3, max_shift=2, horizontal_flip=True), COLOR),
    (Flatten(), COLOR),
    (HandcraftedFeatures(), COLOR | BY_TYPE),
    (HandcraftedFeatures(threshold=0.5, polarity="dark"), {}),
    (HandcraftedFeatures(threshold="otsu"), BY_TYPE),
    (HandcraftedFeatures(["lbp", "hog"], transform_sqrt=False), {"image_shape": (33, 70)}),
    (HOG(transform_sqrt=True), {"image_shape": (24, 27, 3)}),
    (HOG(signed=True, interpolate=True, pixels_per_cell=(4, 5)), COLOR),
    (PatchFeatures(20, (5, 4), step=2, pooling=(1, 3), encoding="triangle"), COLOR),
    (PatchFeatures(33, dictionary="random", max_patches=99, reg_contrast=None), COLOR),
    (Resize((20, 9), keep_aspect=True), COLOR | {"any_shape": True}),
    (Resize((40, 30), "fast"), {"any_shape": True}),
]


def public_estimators():
    objects = (getattr(skimgfeat, name) for name in skimgfeat.__all__)
    return {each for each in objects if inspect.isclass(each) and issubclass(each, BaseEstimator)}


def call(check, *arguments):
    """Run a check of scikit-learn's; one that is skipped has shown nothing."""
    try:
        check(*arguments)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


def test_the_lists_are_complete():
    of_files = {type(estimator) for estimator in OF_FILES}
    of_numbers = {type(estimator) for estimator in SMALL}
    assert len(public_estimators()) == 28
    assert of_numbers | of_files | RAGGED == public_estimators()
    assert len(of_numbers) + len(of_files) + len(RAGGED) == len(public_estimators())
    assert [type(estimator) for estimator, _ in DEFAULT] == sorted(
        of_numbers - OF_ROWS, key=lambda e: e.__name__.lower()
    )
    for estimator, _ in DEFAULT:
        required = {Resize: {"size": (8, 9)}, CNNEmbedding: {"weights": None}}.get(type(estimator), {})
        assert estimator.get_params() == type(estimator)(**required).get_params()


# --- scikit-learn's common checks


EVERY_CHECK = parametrize_with_checks(SMALL).mark


# A list of the cases: scikit-learn 1.6 makes a generator, which pytest deprecates.
@pytest.mark.parametrize(EVERY_CHECK.args[0], list(EVERY_CHECK.args[1]), **EVERY_CHECK.kwargs)
def test_scikit_learn(estimator, check):
    call(check, estimator)


def names_of_checks(estimator):
    return Counter(estimator_checks._check_name(check) for _, check in estimator_checks_generator(estimator))


@pytest.mark.parametrize("estimator", SMALL, ids=str)
def test_scikit_learn_leaves_no_check_out(estimator):
    """The checks are those of a transformer (and classifier) of scikit-learn's, less two that tags do not call for."""
    tags = get_tags(estimator)
    expected = names_of_checks(NMF())
    assert expected.total() >= 45
    if tags.classifier_tags is not None:
        expected |= names_of_checks(NearestCentroid())
        expected["check_class_weight_classifiers"] += 1
    if not tags.input_tags.positive_only:
        del expected["check_fit_non_negative"]
    if not tags.transformer_tags.preserves_dtype:
        del expected["check_transformer_preserve_dtypes"]
    assert names_of_checks(estimator) == expected


# What an estimator that takes no rows of numbers cannot pass, and why. Each check is run all the same: a test fails
# where one passes. tests/preprocessing asks the same of paths and tables.
_SHOWS_NUMBERS = "gives numbers for paths, which are refused with TypeError"
_INDEXES_OUTPUT = "takes the output for an array of two dimensions; it is a collection of images"
_EXPECTS_MESSAGE = "expects the error that refuses other numbers; every number is refused, whatever it is"
_SHOWS_NO_BOXES = "gives rows of numbers and no boxes, which are refused with ValueError"
EXPECTED_FAILED_CHECKS = {
    BBoxCrop: {
        "check_array_api_input": _SHOWS_NO_BOXES,
        "check_complex_data": _EXPECTS_MESSAGE,
        "check_dict_unchanged": _SHOWS_NO_BOXES,
        "check_dont_overwrite_parameters": _SHOWS_NO_BOXES,
        "check_dtype_object": _SHOWS_NO_BOXES,
        "check_estimator_sparse_array": _EXPECTS_MESSAGE,
        "check_estimator_sparse_matrix": _EXPECTS_MESSAGE,
        "check_estimator_sparse_tag": _EXPECTS_MESSAGE,
        "check_estimators_dtypes": _SHOWS_NO_BOXES,
        "check_estimators_empty_data_messages": _EXPECTS_MESSAGE,
        "check_estimators_fit_returns_self": _SHOWS_NO_BOXES,
        "check_estimators_nan_inf": _EXPECTS_MESSAGE,
        "check_estimators_overwrite_params": _SHOWS_NO_BOXES,
        "check_estimators_pickle": _SHOWS_NO_BOXES,
        "check_f_contiguous_array_estimator": _SHOWS_NO_BOXES,
        "check_fit2d_1feature": _SHOWS_NO_BOXES,
        "check_fit2d_1sample": _SHOWS_NO_BOXES,
        "check_fit2d_predict1d": _SHOWS_NO_BOXES,
        "check_fit_check_is_fitted": _SHOWS_NO_BOXES,
        "check_fit_idempotent": _SHOWS_NO_BOXES,
        "check_fit_score_takes_y": _SHOWS_NO_BOXES,
        "check_methods_sample_order_invariance": _SHOWS_NO_BOXES,
        "check_methods_subset_invariance": _SHOWS_NO_BOXES,
        "check_n_features_in": _SHOWS_NO_BOXES,
        "check_pipeline_consistency": _SHOWS_NO_BOXES,
        "check_positive_only_tag_during_fit": _SHOWS_NO_BOXES,
        "check_readonly_memmap_input": _SHOWS_NO_BOXES,
        "check_transformer_data_not_an_array": _SHOWS_NO_BOXES,
        "check_transformer_general": _SHOWS_NO_BOXES,
        "check_transformer_preserve_dtypes": _SHOWS_NO_BOXES,
    },
    ImageReader: {
        "check_array_api_input": _SHOWS_NUMBERS,
        "check_complex_data": _EXPECTS_MESSAGE,
        "check_dict_unchanged": _INDEXES_OUTPUT,
        "check_dont_overwrite_parameters": _INDEXES_OUTPUT,
        "check_dtype_object": _SHOWS_NUMBERS,
        "check_estimator_sparse_array": _EXPECTS_MESSAGE,
        "check_estimator_sparse_matrix": _EXPECTS_MESSAGE,
        "check_estimator_sparse_tag": _EXPECTS_MESSAGE,
        "check_estimators_dtypes": _SHOWS_NUMBERS,
        "check_estimators_empty_data_messages": _EXPECTS_MESSAGE,
        "check_estimators_fit_returns_self": _SHOWS_NUMBERS,
        "check_estimators_nan_inf": _EXPECTS_MESSAGE,
        "check_estimators_overwrite_params": _SHOWS_NUMBERS,
        "check_estimators_pickle": _SHOWS_NUMBERS,
        "check_f_contiguous_array_estimator": _INDEXES_OUTPUT,
        "check_fit1d": _EXPECTS_MESSAGE,
        "check_fit2d_1feature": _INDEXES_OUTPUT,
        "check_fit2d_1sample": _INDEXES_OUTPUT,
        "check_fit2d_predict1d": _INDEXES_OUTPUT,
        "check_fit_check_is_fitted": _SHOWS_NUMBERS,
        "check_fit_idempotent": _SHOWS_NUMBERS,
        "check_fit_score_takes_y": _SHOWS_NUMBERS,
        "check_methods_sample_order_invariance": _INDEXES_OUTPUT,
        "check_methods_subset_invariance": _INDEXES_OUTPUT,
        "check_n_features_in": _SHOWS_NUMBERS,
        "check_pipeline_consistency": _SHOWS_NUMBERS,
        "check_positive_only_tag_during_fit": _SHOWS_NUMBERS,
        "check_readonly_memmap_input": _SHOWS_NUMBERS,
        "check_transformer_data_not_an_array": _SHOWS_NUMBERS,
        "check_transformer_general": _SHOWS_NUMBERS,
        "check_transformer_preserve_dtypes": _SHOWS_NUMBERS,
    },
}


def checks_of_images():
    """Every check that scikit-learn has for a step from images to images."""
    return [check for _, check in estimator_checks_generator(Resize((1, 2), **ROWS))]


@pytest.mark.filterwarnings("default")  # a warning made an error must not pass for the failure that is expected
@pytest.mark.parametrize("check", checks_of_images(), ids=estimator_checks._check_name)
@pytest.mark.parametrize("estimator", OF_FILES, ids=str)
def test_scikit_learn_on_what_takes_files(estimator, check):
    reasons = EXPECTED_FAILED_CHECKS[type(estimator)]
    arguments = (type(estimator).__name__, clone(estimator))
    if estimator_checks._check_name(check) not in reasons:
        check.func(*arguments, **check.keywords)
        return
    with pytest.raises((TypeError, ValueError, IndexError, AssertionError)):
        check.func(*arguments, **check.keywords)


def test_expected_failures_are_of_checks_that_are_there():
    names = {estimator_checks._check_name(check) for check in checks_of_images()}
    assert set(EXPECTED_FAILED_CHECKS) == {type(estimator) for estimator in OF_FILES}
    for reasons in EXPECTED_FAILED_CHECKS.values():
        assert set(reasons) <= names
        assert len(names - set(reasons)) >= 14


# scikit-learn's own tests run these, its common checks do not.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
    "check_set_output_transform",
]
FURTHER_CHECKS_OF_ROWS = [
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize("check", FURTHER_CHECKS)
@pytest.mark.parametrize("estimator", SMALL, ids=str)
def test_scikit_learn_further(estimator, check):
    call(getattr(estimator_checks, check), type(estimator).__name__, estimator)


# The checks fit on a frame and transform an array, too.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("check", FURTHER_CHECKS_OF_ROWS)
@pytest.mark.parametrize("estimator", [each for each in SMALL if not isinstance(each, ImageMap)], ids=str)
def test_scikit_learn_further_on_rows(estimator, check):
    call(getattr(estimator_checks, check), type(estimator).__name__, estimator)


# --- Our own checks of images


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
@pytest.mark.parametrize(("estimator", "options"), DEFAULT + VARIANTS, ids=str)
def test_images(estimator, options, batch_bytes, monkeypatch):
    """At 1 byte, each image is a batch of its own, so that batches and threads take part."""
    monkeypatch.setattr("skimgfeat._parallel._BATCH_BYTES", batch_bytes)
    assert len(check_image_estimator(estimator, **options)) >= 16


# --- Beside other estimators


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, stratify=y, random_state=0)


@pytest.fixture(scope="module", params=[KNeighborsClassifier, RandomForestClassifier, LinearSVC])
def search(request, digits):
    classifier = request.param()
    if "random_state" in classifier.get_params():
        classifier.set_params(random_state=0)
    hog = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    pipeline = make_pipeline(Resize((32, 32)), hog, classifier)
    X_train, _, y_train, _ = digits
    return GridSearchCV(pipeline, {"hog__interpolate": [False, True]}, cv=3, n_jobs=2).fit(X_train, y_train)


def test_grid_search(search, digits):
    _, X_test, _, y_test = digits
    assert search.cv_results_["mean_test_score"].min() > 0.95
    assert search.score(X_test, y_test) > 0.95


PREDICT = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    model = pickle.load(file)
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
"""


def test_a_pickled_pipeline_predicts_the_same_in_a_new_process(search, digits, tmp_path):
    _, X_test, _, _ = digits
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(search.best_estimator_))
    np.save(tmp_path / "images.npy", X_test)
    package = str(Path(skimgfeat.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-W", "error", "-c", PREDICT, "model.pkl", "images.npy", "labels.npy"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))},
        check=True,
        timeout=120,
    )
    assert_array_equal(np.load(tmp_path / "labels.npy"), search.predict(X_test))


@pytest.mark.parametrize("estimator", [each for each in SMALL if not isinstance(each, GIVE_GRAPHS)], ids=str)
def test_in_a_pipeline_of_rows(estimator):
    X = np.random.default_rng(0).random((160, 12))
    y = np.arange(160) % 2
    X[y == 1, :8:2] = 0
    pipeline = make_pipeline(estimator, Flatten(**ROWS), StandardScaler(), KNeighborsClassifier())
    scores = cross_val_score(pipeline, X, y, cv=4)
    assert scores.min() >= 0.7


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_of_a_pipeline_that_begins_with_images(container, digits):
    images = digits[0][:5]
    pipeline = make_pipeline(Resize((16, 16)), HOG(cells_per_block=(1, 1)))
    expected = pipeline.fit_transform(images)
    frame = pipeline.set_output(transform=container).fit_transform(images)
    assert type(frame).__module__.startswith(container)
    assert list(frame.columns) == list(pipeline[-1].get_feature_names_out())
    assert_array_equal(frame.to_numpy(), expected)
    with config_context(transform_output=container):
        assert isinstance(Resize((16, 16)).fit_transform(images), np.ndarray)


def test_feature_union(digits):
    images = digits[0][:9]
    parts = [("hog", HOG(pixels_per_cell=(4, 4), cells_per_block=(1, 1))), ("lbp", LBP()), ("pixels", Flatten())]
    union = FeatureUnion(parts, n_jobs=2)
    expected = np.hstack([clone(part).fit_transform(images) for _, part in parts])
    assert_array_equal(union.fit_transform(images), expected)
    frame = union.set_output(transform="pandas").fit_transform(images)
    assert list(frame.columns) == list(union.get_feature_names_out())
    assert frame.columns[0] == "hog__hog_r0_c0_b00_o0"
    assert frame.columns[-1] == "pixels__pixel_r7_c7"


def test_column_transformer(digits):
    images = digits[0][:9]
    pixels = [f"pixel{index}" for index in range(64)]
    frame = pd.DataFrame(images.reshape(9, 64), columns=pixels).assign(age=np.arange(9.0))
    columns = ColumnTransformer(
        [("strokes", HandcraftedFeatures(["skeleton", "geometry"], image_shape=(8, -1)), pixels)],
        remainder="passthrough",
    )
    expected = HandcraftedFeatures(["skeleton", "geometry"]).fit_transform(images)
    assert_array_equal(columns.fit_transform(frame), np.column_stack([expected, np.arange(9)]))
    named = columns.set_output(transform="pandas").fit_transform(frame)
    assert named.columns[0] == "strokes__skeleton_length"
    assert named.columns[-1] == "remainder__age"
    with pytest.raises(ValueError, match="columns are missing"):
        columns.transform(frame.drop(columns="pixel3"))


def test_metadata_passes_by(digits):
    """Sample weights reach the classifier behind an extractor that knows nothing of them."""
    images, _, labels, _ = digits
    weights = np.where(labels[:60] < 5, 1.0, 0.01)
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)), RidgeClassifier())
        pipeline[-1].set_fit_request(sample_weight=True)
        pipeline.fit(images[:60], labels[:60], sample_weight=weights)
    rows = pipeline[:-1].transform(images[:60])
    alone = RidgeClassifier().fit(rows, labels[:60], sample_weight=weights)
    assert_array_equal(pipeline[-1].coef_, alone.coef_)


# --- What a notebook shows


@pytest.mark.parametrize("estimator", SMALL, ids=str)
def test_html_repr(estimator):
    X = np.random.default_rng(0).random((4, 12))
    for shown in (estimator, clone(estimator).fit(X, [0, 1, 0, 1]), make_pipeline(estimator, StandardScaler())):
        for html in (estimator_html_repr(shown), shown._repr_html_()):
            assert type(estimator).__name__ in html
            assert "sk-container-id" in html


@pytest.mark.parametrize("estimator", [each for each, _ in DEFAULT + VARIANTS] + SMALL + OF_FILES, ids=str)
def test_repr_makes_the_estimator(estimator):
    classes = {each.__name__: each for each in public_estimators()}
    twin = eval(repr(estimator), classes)
    assert type(twin) is type(estimator)
    assert twin.get_params() == estimator.get_params()


@pytest.mark.parametrize("estimator", SMALL, ids=str)
def test_fitted_attributes_are_documented(estimator):
    docscrape = pytest.importorskip("numpydoc.docscrape")
    X = pd.DataFrame(np.random.default_rng(0).random((4, 12)), columns=[f"pixel{index}" for index in range(12)])
    fitted = clone(estimator).fit(X, [0, 1, 0, 1])
    attributes = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    assert attributes == {entry.name for entry in docscrape.ClassDoc(type(estimator))["Attributes"]}
