import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skimgfeat.descriptors._ragged import (
    GEOMETRY,
    check_descriptors,
    descriptors_of,
    geometry_dtype,
    has_geometry,
    with_descriptors,
)

PLAIN = [np.arange(12, dtype=np.uint8).reshape(3, 4), np.empty((0, 4), np.uint8), np.ones((1, 4), np.float32)]


def structured(n_keypoints, n_columns=4, dtype=np.uint8):
    rng = np.random.default_rng(n_keypoints)
    image = np.zeros(n_keypoints, dtype=geometry_dtype(dtype, n_columns))
    image["descriptor"] = rng.integers(0, 255, (n_keypoints, n_columns))
    for name in GEOMETRY:
        image[name] = rng.random(n_keypoints)
    return image


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@pytest.mark.parametrize("X", [PLAIN, tuple(PLAIN), objects(PLAIN)], ids=["list", "tuple", "object array"])
def test_images_come_back_uncopied(X):
    images = check_descriptors("VLAD", X)
    assert isinstance(images, list)
    assert all(image is given for image, given in zip(images, PLAIN, strict=True))
    assert all(descriptors_of(image) is image and not has_geometry(image) for image in images)


def test_an_array_of_three_dimensions_is_images_with_equally_many_descriptors():
    X = np.arange(24).reshape(2, 3, 4)
    images = check_descriptors("VLAD", X)
    assert len(images) == 2
    assert_array_equal(images[1], X[1])


def test_geometry_is_a_structured_array():
    X = [structured(3), structured(0), structured(1)]
    images = check_descriptors("VLAD", X)
    assert [descriptors_of(image).shape for image in images] == [(3, 4), (0, 4), (1, 4)]
    assert descriptors_of(images[0]).base is not None
    assert geometry_dtype(np.uint8, 128).itemsize == 128 + 5 * 4


def test_with_descriptors_keeps_the_geometry():
    image = structured(3)
    codes = np.arange(6, dtype=np.float32).reshape(3, 2)
    out = with_descriptors(image, codes)
    assert out.dtype == geometry_dtype(np.float32, 2)
    assert_array_equal(out["descriptor"], codes)
    for name in GEOMETRY:
        assert_array_equal(out[name], image[name])
    assert with_descriptors(descriptors_of(image), codes) is codes


NAN = np.array([[0.0, np.nan]])
LOST = structured(2)
LOST["y"][1] = np.nan
WRONG_FIELDS = np.zeros(2, dtype=[("descriptor", np.uint8, (4,)), ("x", np.float32)])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((3, 4)), ValueError, r"VLAD: X must be a list.*got an array of shape \(3, 4\).*\[descriptors\]"),
        (np.zeros(4), ValueError, r"X must be a list.*shape \(4,\)"),
        (5, TypeError, "X must be a list.*got int"),
        ("ab", TypeError, "X must be a list.*got str"),
        ({1: PLAIN[0]}, TypeError, "X must be a list.*got dict"),
        ([], ValueError, "0 sample"),
        (objects([]), ValueError, "0 sample"),
        ([PLAIN[0], None], TypeError, r"image 1 of X must be an array.*NoneType.*empty array of shape \(0, n_columns"),
        ([[[1, 2], [3, 4]]], TypeError, "image 0 of X must be an array of descriptors, got list"),
        ([PLAIN[0], PLAIN[0].astype(object)], TypeError, "image 1 of X must hold real numbers, got dtype object"),
        ([PLAIN[0] + 0j], TypeError, "got dtype complex128"),
        ([PLAIN[0] > 3], TypeError, "got dtype bool"),
        ([PLAIN[0].astype(str)], TypeError, "must hold real numbers"),
        ([np.zeros(4)], ValueError, r"image 0 of X has descriptors of shape \(4,\).*\(0, n_columns\)"),
        ([PLAIN[0], np.empty(0)], ValueError, r"image 1 of X has descriptors of shape \(0,\)"),
        ([np.empty((3, 0))], ValueError, r"shape \(3, 0\)"),
        ([PLAIN[0], np.zeros((2, 5))], ValueError, "image 1 of X has descriptors of 5 numbers, but image 0 has 4"),
        ([PLAIN[0], np.zeros((0, 5))], ValueError, "image 1 of X has descriptors of 5 numbers, but image 0 has 4"),
        ([NAN[:, :1], NAN[:, 1:]], ValueError, "VLAD: image 1 of X contains NaN"),
        ([np.full((1, 2), np.inf)], ValueError, "image 0 of X contains NaN or infinity"),
        ([LOST], ValueError, "image 0 of X contains NaN"),
        ([PLAIN[0], structured(2)], ValueError, "image 1 of X has geometry, but image 0 has no"),
        ([structured(2), PLAIN[1]], ValueError, r"image 1 of X has no geometry.*SIFT\(geometry=\.\.\.\)"),
        ([WRONG_FIELDS], ValueError, r"without the fields \['y', 'size', 'angle', 'response'\]"),
        ([structured(4).reshape(2, 2)], ValueError, r"shape \(2, 2, 4\)"),
    ],
)
def test_what_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        check_descriptors("VLAD", X)


def test_the_width_seen_at_fit_is_asked_for():
    assert len(check_descriptors("VLAD", PLAIN, n_columns=4)) == 3
    with pytest.raises(ValueError, match="image 0 of X has descriptors of 4 numbers, but VLAD was fitted on 128"):
        check_descriptors("VLAD", PLAIN, n_columns=128)
