"""Every parameter of every public estimator: stored as given, checked at fit, refused by name."""

import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

import skimgfeat
from skimgfeat.descriptors._ragged import GEOMETRY

PATHS = ["first.png", "second.png"]
BOXES = pd.DataFrame({"path": PATHS, "x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.4})
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 36), dtype=np.uint8)
# What is not fitted on images, and what it is fitted on.
OTHER_INPUT = {
    "BBoxCrop": BOXES,
    "ConvNetClassifier": np.repeat(IMAGES, 4, axis=0),
    "ImageReader": PATHS,
    "QuantizedPCA": IMAGES.reshape(-1, 96),
    "SimilarityIndex": IMAGES.reshape(-1, 96),
}
DESCRIPTORS = np.zeros((3, 40), dtype=[("descriptor", np.uint8, (8,)), *((name, "f4") for name in GEOMETRY)])
DESCRIPTORS["descriptor"] = IMAGES.reshape(-1, 8)[:120].reshape(3, 40, 8)
DESCRIPTORS["x"] = DESCRIPTORS["y"] = np.linspace(0, 1, 40)
OTHER_INPUT |= {name: list(DESCRIPTORS) for name in ("BagOfVisualWords", "DescriptorCodec", "FisherVector", "VLAD")}

# (values of the wrong kind, values out of range)
N_JOBS = ([1.0, "2", True, [1]], [0])
IMAGE_SHAPE = (
    [4, "ab", 2.5, (32.0, 36), ("32", "36"), (True, 36), (None, 36), {32, 36}, np.array(36)],
    [(), (32,), (32, 36, 1, 1), (0, 36), (-2, 36), (-1, -1), (36, 32), (32, 35), (-1, 32), (32, 36, 1)],
)
THRESHOLD = ([None, True, [0.5], np.array([0.5, 1.0]), 0.5j], [np.nan, np.inf, "mean", "Otsu", ""])
POLARITY = ([None, 1, True, ["dark"]], ["white", "", "Bright"])
PAIR_OF_SIDES = (
    [None, 4, 4.0, "44", (4.0, 4), (4, "4"), (4, True), {2, 3}, {2: 3, 4: 5}, np.array(4)],
    [(), (4,), (4, 4, 4), (0, 4), (4, -1), [2, 0]],
)
# Pairs that no image of 32 x 36 holds.
PAIR_OF_BLOCKS = (PAIR_OF_SIDES[0], [*PAIR_OF_SIDES[1], (33, 1), (1, 37)])
FLAG = ([None, 0, 1, "True", 1.0], [])
COUNT = ([None, 2.0, "2", True, [2]], [0, -1])
RANDOM_STATE = ([1.0, "1", True, [1], np.random.default_rng(0)], [-1, 2**32])

FAMILY = {"image_shape": IMAGE_SHAPE, "threshold": THRESHOLD, "polarity": POLARITY, "n_jobs": N_JOBS}
BLOCKS = {
    "orientations": ([None, 9.0, "9", True, (9,)], [0, -1]),
    "pixels_per_cell": PAIR_OF_BLOCKS,
    "cells_per_block": PAIR_OF_BLOCKS,
    "block_norm": ([None, 2, ["L2"]], ["l2", "L3", ""]),
    "transform_sqrt": FLAG,
}
ENCODER = {
    "norm": ([2, True, ["l2"]], ["L2", "max", ""]),
    "pyramid_levels": ([None, 2, "12", {1, 2}, (1, 2.0), (True,), np.array(2)], [(), (0,), (1, -2)]),
    "max_samples": COUNT,
    "random_state": RANDOM_STATE,
    "n_jobs": N_JOBS,
}
WORDS = {"n_words": (COUNT[0], [*COUNT[1], 121]), "batch_size": COUNT}
POWER = ([None, "0.5", True, [0.5], 1j], [0, -0.5, 1.01, np.nan, np.inf])
CODES = {
    "quantile_range": (
        [None, 99.9, "99", {1, 99}, (1, "99"), (None, 99), (1, True), [[1, 99]]],
        [(), (1,), (1, 50, 99), (99, 1), (50, 50), (-1, 99), (1, 101), (np.nan, 99), (0, np.inf)],
    ),
    "margin": ([None, "0", True, [0.1], 1j], [-0.01, np.nan, np.inf]),
    "solver": ([None, 1, True, ["moments"]], ["", "pca", "Moments"]),
    "n_bits": ([None, 8.0, "8", True, (8,)], [0, -8, 2, 5, 16]),
    "batch_size": COUNT,
    "random_state": RANDOM_STATE,
}
OPTIONAL_COUNT = ([2.0, "2", True, [2]], [0, -1])
NUMBER = [None, "0.5", True, [0.5], 1j]
READING = {
    "mode": ([None, 3, ["rgb"]], ["RGB", "cmyk", ""]),
    "dtype": ([None, np.uint8, 8], ["float64", "u1", ""]),
    "orientation": ([None, 6, True], ["EXIF", "none", ""]),
    "draft": ([64, 64.0, "64", (64.0, 64), {64, 65}, True], [(), (64,), (0, 64), (64, -1), (1, 2, 3)]),
    "root": ([3, ["."], True], ["", b""]),
    "on_error": ([None, 3, True], ["skip", "NaN", ""]),
    "max_pixels": ([1e6, "9", True], [0, -1]),
    "max_bytes": ([1e6, "9", True], [0, -1]),
}
INVALID = {
    "BBoxCrop": READING
    | {
        "columns": (
            [None, 5, "path", ("path", 1, 2, 3, 4), {"path": 1}],
            [
                (),
                ("path",),
                ("path", "x_min", "y_min", "x_max", "x_max"),
                ("photo", "x_min", "y_min", "x_max", "y_max"),
            ],
        ),
        "units": ([None, 1, ["pixel"]], ["pixels", "Normalized", ""]),
        "context": ([None, "0", [0], True, 1j], [-0.1, np.nan, np.inf]),
        "square": FLAG,
        "rotation": ([3, ["rotation"], True], ["turn"]),
    },
    "BagOfVisualWords": ENCODER
    | WORDS
    | {
        "use_idf": FLAG,
        "n_neighbors": (COUNT[0], [*COUNT[1], 6]),
        "bandwidth": (["1", True, [1.0], 1j], [0, -1, np.nan, np.inf]),
    },
    "CNNEmbedding": {
        "model": ([None, 3, True, ["resnet18"]], ["", "Resnet18", "mobilenet", "timm/", "timm/nothing"]),
        "weights": ([3, True, ["DEFAULT"]], ["", "default", "IMAGENET1K_V9"]),
        "layer": ([3, True, {"conv1"}, ("conv1", 3)], ["", "conv", (), ["conv1", "conv1"]]),
        "pooling": ([None, 3, ["avg"]], ["mean", "", "none"]),
        "batch_size": COUNT,
        "device": ([3, True, ["cpu"]], ["", "gpu", "cpu:1", "cpu:x", "cuda:99"]),
        "precision": ([None, 32, ["float32"]], ["float64", "f32", ""]),
        "backend": ([None, 3, ["torch"]], ["pytorch", "", "Torch"]),
        "random_state": ([None, *RANDOM_STATE[0]], RANDOM_STATE[1]),
        "weights_sha256": ([3, True, b"0" * 64], ["", "0" * 63, "g" * 64, "0" * 64]),
        "preprocessing": (
            [3, "imagenet", True, {"crop_size": "8"}, {"resize_size": 8.0}, {"mean": (0, 0, "0")}],
            [{"size": 8}, {"crop_size": 0}, {"resize_size": (8,)}, {"interpolation": "area"}, {"std": (1, 1, 0)}],
        ),
        "store_weights": FLAG,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "ColorGrid": {
        "color_space": ([None, 1, True, ["rgb"]], ["RGB", "", "luv"]),
        "grid": PAIR_OF_BLOCKS,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "ColorHistogram": {
        "color_space": ([None, 1, True, ["rgb"]], ["RGB", "", "luv"]),
        "bins": ([None, 8.0, "8", True, (8, 8.0, 8), (8, "8", 8), {8}], [0, -1, (), (8, 8), (8, 8, 8, 8), (8, 0, 8)]),
        "joint": FLAG,
        "normalize": FLAG,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "Connectivity": FAMILY,
    "ContourFeatures": FAMILY,
    "ConvNetClassifier": {
        "conv_channels": ([None, 6, "66", (6.0,), (True,), {6, 16}], [(0,), (6, -1)]),
        "kernel_size": COUNT,
        "pooling": ([None, 1, True, ["avg"]], ["", "Avg", "mean"]),
        "pool_size": COUNT,
        "hidden": ([None, 84, "84", (84.0,), (True,), {120, 84}], [(0,), (120, -84)]),
        "max_epochs": COUNT,
        "batch_size": COUNT,
        "optimizer": ([None, 1, True, ["adam"]], ["", "Adam", "lbfgs"]),
        "learning_rate": (NUMBER, [0, -1e-3, np.nan, np.inf]),
        "validation_fraction": (NUMBER[1:], [0, 1, -0.1, np.nan, np.inf, 0.95]),
        "n_iter_no_change": OPTIONAL_COUNT,
        "horizontal_flip": FLAG,
        "max_shift": (COUNT[0], [-1]),
        "class_weight": ([1, True, [1, 2]], ["", "Balanced"]),
        "random_state": RANDOM_STATE,
        "warm_start": FLAG,
        "device": ([0, True, ["cpu"]], ["", "processor", "cuda:99"]),
        "callbacks": ([1, True, "LRScheduler"], []),
        "verbose": FLAG,
        "image_shape": IMAGE_SHAPE,
    },
    "DescriptorCodec": CODES
    | {
        "n_components": OPTIONAL_COUNT,
        "max_descriptors": OPTIONAL_COUNT,
        "select_by": ([None, 1, True, ["rank"]], ["", "Rank", "response"]),
        "samples_per_image": COUNT,
        "n_jobs": N_JOBS,
    },
    "FisherVector": ENCODER
    | {
        "n_components": (COUNT[0], [*COUNT[1], 121]),
        "reg_covar": ([None, "0", True, [1.0], 1j], [-1e-9, np.nan, np.inf]),
        "max_iter": COUNT,
        "power": POWER,
    },
    "Flatten": {"image_shape": IMAGE_SHAPE},
    "GeometryFeatures": FAMILY,
    "HOG": BLOCKS | {"signed": FLAG, "interpolate": FLAG, "image_shape": IMAGE_SHAPE, "n_jobs": N_JOBS},
    "HandcraftedFeatures": FAMILY
    | BLOCKS
    | {
        "families": (
            [None, 3, True, [1], ["hog", None], [["hog"]]],
            ["hog", "ALL", "", [], ["hog", "zones"], ["hog", "hog"], ("all",)],
        )
    },
    "HuMoments": FAMILY,
    "ImageReader": READING,
    "LBP": {"image_shape": IMAGE_SHAPE, "n_jobs": N_JOBS},
    "PatchFeatures": {
        "n_atoms": (COUNT[0], [*COUNT[1], 10**6]),
        "patch_size": PAIR_OF_BLOCKS,
        "step": (COUNT[0], [*COUNT[1], 31]),
        "dictionary": ([None, 1, True, ["random"]], ["", "Random", "k-means"]),
        "encoding": ([None, 1, True, ["triangle"]], ["", "soft", "Triangle"]),
        "threshold": (NUMBER, [-0.1, np.nan, np.inf]),
        "pooling": (PAIR_OF_SIDES[0], [*PAIR_OF_SIDES[1], (28, 1), (1, 32)]),
        "reg_contrast": (["1", True, [1.0], 1j], [0, -1, np.nan, np.inf]),
        "reg_whiten": (["1", True, [1.0], 1j], [0, -1, np.nan, np.inf]),
        "max_patches": (COUNT[0], [*COUNT[1], 4]),
        "random_state": RANDOM_STATE,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "ProjectionHistograms": FAMILY,
    "QuadrantDensity": FAMILY,
    "QuantizedPCA": CODES | {"n_components": ([2.0, "2", True, [2]], [0, -1, 37, 97]), "n_quantile_samples": COUNT},
    "Resize": {
        "size": PAIR_OF_SIDES,
        "method": ([None, 1, True, ["fast"]], ["linear", "", "Exact"]),
        "keep_aspect": FLAG,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "RunLengths": FAMILY,
    "SIFT": {
        "n_features": (COUNT[0], [-1]),
        "rank_by": ([None, 1, True, ["size"]], ["", "Size", "rank"]),
        "n_octave_layers": COUNT,
        "contrast_threshold": (NUMBER, [-0.01, np.nan, np.inf]),
        "edge_threshold": (NUMBER, [0, -1, np.nan, np.inf]),
        "sigma": (NUMBER, [0, -1, np.nan, np.inf]),
        "root": FLAG,
        "geometry": FLAG,
        "max_pixels": OPTIONAL_COUNT,
        "dense_step": OPTIONAL_COUNT,
        "dense_size": COUNT,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "SimilarityIndex": {
        "n_neighbors": COUNT,
        "metric": ([None, 2, ["cosine"]], ["l2", "Cosine", ""]),
        "algorithm": ([None, 1, True], ["brute", "HNSW", ""]),
        "n_links": (COUNT[0], [*COUNT[1], 1]),
        "ef_construction": COUNT,
        "ef_search": COUNT,
        "n_jobs": N_JOBS,
    },
    "SkeletonFeatures": FAMILY,
    "VLAD": ENCODER | WORDS | {"intra_normalize": FLAG, "power": POWER},
    "Zoning": FAMILY,
}
REQUIRED = {
    "ConvNetClassifier": {"max_epochs": 1, "random_state": 0},
    "BagOfVisualWords": {"n_words": 5, "random_state": 0},
    "CNNEmbedding": {
        "model": "shufflenet_v2_x0_5",
        "weights": None,
        "layer": "conv1",
        "backend": "torch",
        "preprocessing": {"resize_size": 16, "crop_size": 16},
    },
    "DescriptorCodec": {"n_components": 4, "random_state": 0},
    "FisherVector": {"n_components": 2, "random_state": 0},
    "PatchFeatures": {"n_atoms": 5, "max_patches": 500, "random_state": 0},
    "QuantizedPCA": {"n_components": 4},
    "Resize": {"size": (8, 9)},
    "VLAD": {"n_words": 5, "random_state": 0},
}


def make(name, **parameters):
    return getattr(skimgfeat, name)(**REQUIRED.get(name, {}) | parameters)


def make_input(name):
    return OTHER_INPUT.get(name, IMAGES)


def make_target(name):
    """Two classes; what is no classifier does not look."""
    return np.arange(len(make_input(name))) % 2


def cases():
    for name, parameters in INVALID.items():
        for parameter, by_error in parameters.items():
            for error, values in zip((TypeError, ValueError), by_error, strict=True):
                for value in values:
                    yield pytest.param(name, parameter, value, error, id=f"{name}-{parameter}-{value!r}")


def test_the_table_is_complete():
    classes = {name: getattr(skimgfeat, name) for name in skimgfeat.__all__}
    classes = {name for name, each in classes.items() if inspect.isclass(each) and issubclass(each, BaseEstimator)}
    assert classes == set(INVALID)
    for name in classes:
        assert make(name).get_params().keys() == INVALID[name].keys()


@pytest.mark.parametrize("name", INVALID)
def test_the_input_is_right(name):
    """What is refused below is refused for the parameter alone."""
    assert make(name).fit(make_input(name), make_target(name)) is not None


@pytest.mark.parametrize(("name", "parameter", "value", "error"), list(cases()))
def test_refused_at_fit(name, parameter, value, error):
    estimator = make(name, **{parameter: value})
    with pytest.raises(error, match=rf"^{name}: .*\b{parameter}\b") as refusal:
        estimator.fit(make_input(name), make_target(name))
    assert refusal.type is error
    assert_says_how_to_repair(str(refusal.value), parameter, value)
    assert getattr(estimator, parameter) is value
    # What needs no fit finds the same fault at transform.
    with pytest.raises(NotFittedError if get_tags(estimator).requires_fit else error):
        estimator.transform(make_input(name))


def assert_says_how_to_repair(message, parameter, value):
    """The message says what must hold, or what the images are, and shows the value that was given."""
    assert re.search(r"must|names are|name each|choose|smaller than|X holds", message)
    shown = [repr(value), str(value)]
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
        shown.append(repr(value))
    if isinstance(value, (tuple, list, set)):
        shown += [repr(part) for part in value] + [" x ".join(map(str, value))]
    assert any(part in message for part in shown) or value in ([], ())


@pytest.mark.parametrize("name", INVALID)
def test_stored_as_given(name):
    """Parameters are anything before fit, and are what they were after it."""
    things = {parameter: object() for parameter in INVALID[name]}
    for estimator in (getattr(skimgfeat, name)(**things), make(name).set_params(**things)):
        for parameter, thing in things.items():
            assert getattr(estimator, parameter) is thing
        assert set(vars(estimator)) == set(things)


VALID = {
    "model": ["shufflenet_v2_x1_0"],
    "weights": [None],
    "layer": [["conv1", "maxpool"], ("conv1",)],
    "pooling": ["max", "gem", "flatten"],
    "device": ["cpu"],
    "precision": ["bfloat16"],
    "backend": ["torch"],
    "weights_sha256": [None],
    "preprocessing": [None, {"crop_size": [16, 8], "mean": np.zeros(3)}],
    "store_weights": [np.True_],
    "columns": [["path", "x_min", "y_min", "x_max", "y_max"]],
    "units": ["pixel"],
    "context": [np.float32(0.5), 1],
    "square": [np.True_],
    "rotation": ["x_min", None],
    "image_shape": [[32, 36], (np.int64(32), -1), np.array([-1, 36])],
    "threshold": ["otsu", np.float32(0.5), -1],
    "polarity": ["dark"],
    "n_jobs": [np.int64(2), -1],
    "orientations": [np.int8(4)],
    "pixels_per_cell": [[4, 5], np.array([4, 5])],
    "cells_per_block": [[1, 2], np.array([1, 2])],
    "block_norm": ["L1-sqrt"],
    "transform_sqrt": [np.True_, False],
    "signed": [np.True_],
    "interpolate": [np.True_],
    "families": [["density", "hog"], ("lbp",), np.array(["hu", "zoning"])],
    "size": [[8, 9], np.array([8, 9])],
    "method": ["fast"],
    "keep_aspect": [np.True_],
    "mode": ["gray"],
    "dtype": ["float32"],
    "orientation": ["ignore"],
    "draft": [[64, 32], (np.int64(8), 9), np.array([1, 2]), None],
    "root": [Path("folder"), b"folder", None],
    "on_error": ["nan"],
    "max_pixels": [np.int64(5), None],
    "max_bytes": [np.int64(5), None],
    "n_components": [np.int64(3), None],
    "quantile_range": [[1, 99], np.array([0.5, 99])],
    "margin": [0, np.float32(0.25)],
    "solver": ["incremental"],
    "n_bits": [np.int8(4)],
    "batch_size": [np.int64(7)],
    "n_quantile_samples": [np.int64(7)],
    "random_state": [np.int64(7)],
    "norm": [None, "l1"],
    "pyramid_levels": [[1, 2], np.array([2]), (np.int64(1), 3)],
    "max_samples": [np.int64(60)],
    "n_words": [np.int64(3)],
    "use_idf": [np.True_, False],
    "n_neighbors": [np.int64(2)],
    "bandwidth": [None, 3, np.float32(30)],
    "reg_covar": [0, np.float32(0.5)],
    "max_iter": [np.int64(300)],
    "power": [1, np.float32(0.25)],
    "intra_normalize": [np.True_, False],
    "max_descriptors": [np.int64(7), None],
    "select_by": ["norm"],
    "samples_per_image": [np.int64(7)],
    "n_features": [np.int64(2)],
    "rank_by": ["size"],
    "n_octave_layers": [np.int64(2)],
    "contrast_threshold": [0, np.float32(0.02)],
    "edge_threshold": [np.float32(5)],
    "sigma": [np.float32(1.5), 2],
    "geometry": [np.True_],
    "dense_step": [np.int64(8), None],
    "dense_size": [np.int64(2)],
    "color_space": ["hsv"],
    "bins": [np.int64(2), [2, 3, 4], np.array([4, 3, 2])],
    "joint": [np.False_],
    "normalize": [np.False_],
    "conv_channels": [[3], np.array([2, 3]), ()],
    "kernel_size": [np.int64(2)],
    "pool_size": [np.int64(1)],
    "hidden": [[3], np.array([2, 3]), ()],
    "max_epochs": [np.int64(2)],
    "optimizer": ["sgd", "adamw"],
    "learning_rate": [np.float32(0.5), 1],
    "validation_fraction": [np.float32(0.5), None],
    "n_iter_no_change": [np.int64(2), None],
    "horizontal_flip": [np.True_],
    "max_shift": [np.int64(2)],
    "class_weight": ["balanced", {0: 1, 1: 5.0}],
    "warm_start": [np.True_],
    "callbacks": [[], ()],
    "verbose": [np.True_],
    "metric": ["cosine"],
    "algorithm": ["hnsw"],
    "n_links": [np.int64(4)],
    "ef_construction": [np.int64(7)],
    "ef_search": [np.int64(7)],
    "grid": [[2, 3], np.array([3, 2])],
    "n_atoms": [np.int64(3)],
    "patch_size": [[4, 5], np.array([5, 4])],
    "step": [np.int64(2)],
    "dictionary": ["random"],
    "encoding": ["triangle"],
    "reg_contrast": [None, np.float32(0.5), 1],
    "reg_whiten": [None, np.float32(0.5), 1],
    "max_patches": [np.int64(60)],
}
# Where a parameter means something else than in the estimators above.
VALID_OF = {
    "ConvNetClassifier": {"pooling": ["max"]},
    "PatchFeatures": {"threshold": [0, np.float32(0.5)], "pooling": [[1, 2], np.array([3, 1])]},
    "SIFT": {"root": [np.True_]},
}


@pytest.mark.parametrize("name", INVALID)
def test_kept_by_fit_and_transform(name):
    """Lists, arrays and NumPy's numbers do as well, and stay what they are."""
    for parameter in INVALID[name]:
        for value in VALID_OF.get(name, VALID).get(parameter, VALID[parameter]):
            if any(value is refused for refused in INVALID[name][parameter][0]):
                continue
            estimator = make(name, **{parameter: value})
            first = estimator.fit(make_input(name), make_target(name)).transform(make_input(name))
            assert getattr(estimator, parameter) is value
            assert repr(clone(estimator)) == repr(estimator)
            if name in ("BBoxCrop", "ImageReader"):  # there is nothing at these paths, and nothing is looked at
                continue
            plain = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
            twin = make(name, **{parameter: tuple(plain) if isinstance(plain, list) else plain})
            for one, other in zip(first, twin.fit_transform(make_input(name), make_target(name)), strict=True):
                one, other = (each.toarray() if issparse(each) else each for each in (one, other))
                np.testing.assert_array_equal(one, other)
