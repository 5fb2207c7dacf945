"""Every parameter of every public estimator: stored as given, checked at fit, refused by name."""

import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

import skimgfeat

PATHS = ["first.png", "second.png"]
BOXES = pd.DataFrame({"path": PATHS, "x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.4})
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 36), dtype=np.uint8)

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

FAMILY = {"image_shape": IMAGE_SHAPE, "threshold": THRESHOLD, "polarity": POLARITY, "n_jobs": N_JOBS}
BLOCKS = {
    "orientations": ([None, 9.0, "9", True, (9,)], [0, -1]),
    "pixels_per_cell": PAIR_OF_BLOCKS,
    "cells_per_block": PAIR_OF_BLOCKS,
    "block_norm": ([None, 2, ["L2"]], ["l2", "L3", ""]),
    "transform_sqrt": FLAG,
}
READING = {
    "mode": ([None, 3, ["rgb"]], ["RGB", "color", ""]),
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
    "ProjectionHistograms": FAMILY,
    "QuadrantDensity": FAMILY,
    "Resize": {
        "size": PAIR_OF_SIDES,
        "method": ([None, 1, True, ["fast"]], ["linear", "", "Exact"]),
        "keep_aspect": FLAG,
        "image_shape": IMAGE_SHAPE,
        "n_jobs": N_JOBS,
    },
    "RunLengths": FAMILY,
    "SkeletonFeatures": FAMILY,
    "Zoning": FAMILY,
}
REQUIRED = {"Resize": {"size": (8, 9)}}


def make(name, **parameters):
    return getattr(skimgfeat, name)(**REQUIRED.get(name, {}) | parameters)


def samples(name):
    return {"BBoxCrop": BOXES, "ImageReader": PATHS}.get(name, IMAGES)


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
def test_the_images_are_right(name):
    """What is refused below is refused for the parameter alone."""
    assert make(name).fit(samples(name)) is not None


@pytest.mark.parametrize(("name", "parameter", "value", "error"), list(cases()))
def test_refused_at_fit(name, parameter, value, error):
    estimator = make(name, **{parameter: value})
    with pytest.raises(error, match=rf"^{name}: .*\b{parameter}\b") as refusal:
        estimator.fit(samples(name))
    assert refusal.type is error
    assert_says_how_to_repair(str(refusal.value), parameter, value)
    assert getattr(estimator, parameter) is value
    # What needs no fit finds the same fault at transform.
    with pytest.raises(NotFittedError if get_tags(estimator).requires_fit else error):
        estimator.transform(samples(name))


def assert_says_how_to_repair(message, parameter, value):
    """The message says what must hold, or what the images are, and shows the value that was given."""
    assert re.search(r"must|names are|name each|choose|smaller than|X holds", message)
    shown = [repr(value), str(value)]
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
    "color_space": ["hsv"],
    "bins": [np.int64(2), [2, 3, 4], np.array([4, 3, 2])],
    "joint": [np.False_],
    "normalize": [np.False_],
}


@pytest.mark.parametrize("name", INVALID)
def test_kept_by_fit_and_transform(name):
    """Lists, arrays and NumPy's numbers do as well, and stay what they are."""
    for parameter in INVALID[name]:
        for value in VALID[parameter]:
            estimator = make(name, **{parameter: value})
            first = estimator.fit(samples(name)).transform(samples(name))
            assert getattr(estimator, parameter) is value
            assert repr(clone(estimator)) == repr(estimator)
            if name in ("BBoxCrop", "ImageReader"):  # there is nothing at these paths, and nothing is looked at
                continue
            plain = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
            twin = make(name, **{parameter: tuple(plain) if isinstance(plain, list) else plain})
            np.testing.assert_array_equal(first, twin.fit(IMAGES).transform(IMAGES))
