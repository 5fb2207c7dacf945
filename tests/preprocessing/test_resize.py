"""Resize against scikit-image, OpenCV and definitions by hand."""

import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from skimage.transform import resize
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skimgfeat import Flatten, Resize
from skimgfeat.preprocessing import _resize

INTEGERS = ["uint8", "uint16", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "float32", "float64"]


def make_images(n, shape, dtype):
    """Noise over the type's range; floats in [0, 1], wide integers in a million levels around 0."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.random((n, *shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.random((n, *shape)) > 0.5
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -500_000), min(limits.max, 500_000)
    return rng.integers(low, high, (n, *shape), endpoint=True).astype(dtype)


def by_skimage(image, size):
    return resize(image, size, order=1, mode="reflect", anti_aliasing=True, preserve_range=True)


def levels(dtype):
    """Return how far the rounded value may be from scikit-image's: half a level, and float32's part of the range."""
    return 0.5 + np.iinfo(dtype).max * 2.0**-22 if np.dtype(dtype).itemsize <= 2 else 0.5 + 1e-9


# --- exact


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (7, 7), (32, 32), (13, 90), (60, 2)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2), (28, 28), (17, 40), (64, 51), (101, 33)])
def test_exact_is_skimage(shape, size):
    images = make_images(2, shape, "uint8")
    resized = Resize(size, "exact").fit_transform(images)
    assert resized.dtype == np.uint8
    for image, ours in zip(images, resized, strict=True):
        assert_allclose(ours, by_skimage(image, size), rtol=0, atol=levels("uint8"))
    in_floats = Resize(size, "exact").fit_transform(images / 255)
    assert_allclose(in_floats[1], by_skimage(images[1] / 255, size), rtol=0, atol=1e-14)


@pytest.mark.parametrize("channels", [(1,), (2,), (3,), (4,), (7,)])
def test_exact_with_channels(channels):
    images = make_images(3, (20, 31, *channels), "uint8")
    resized = Resize((9, 40), "exact").fit_transform(images)
    assert resized.shape == (3, 9, 40, *channels)
    for image, ours in zip(images, resized, strict=True):
        assert_allclose(ours, by_skimage(image, (9, 40)), rtol=0, atol=levels("uint8"))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_exact_on_integers(dtype):
    images = make_images(3, (40, 33), dtype)
    resized = Resize((17, 50), "exact").fit_transform(images)
    assert resized.dtype == np.dtype(dtype)
    for image, ours in zip(images, resized, strict=True):
        assert_allclose(ours, by_skimage(image, (17, 50)), rtol=0, atol=levels(dtype))


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 5e-4), ("float32", 1.2e-7), ("float64", 1e-14)])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_exact_on_floats(dtype, atol, byte_order):
    images = make_images(3, (40, 33), dtype).astype(np.dtype(dtype).newbyteorder(byte_order))
    resized = Resize((17, 50), "exact").fit_transform(images)
    assert resized.dtype == np.dtype(dtype)
    for image, ours in zip(images, resized, strict=True):
        assert_allclose(ours, by_skimage(image.astype(np.float64), (17, 50)), rtol=0, atol=atol)


def test_exact_on_truth_values():
    images = make_images(3, (40, 33), "bool")
    resized = Resize((17, 50), "exact").fit_transform(images)
    assert resized.dtype == bool
    for image, ours in zip(images, resized, strict=True):
        fractions = by_skimage(image.astype(np.float64), (17, 50))
        clear = np.abs(fractions - 0.5) > 1e-5
        assert_array_equal(ours[clear], fractions[clear] > 0.5)
        assert clear.mean() > 0.99


def test_exact_on_a_large_shrink():
    image = ndimage.gaussian_filter(make_images(1, (600, 450, 3), "float32")[0], (2, 2, 0))
    resized = Resize((5, 11), "exact").fit_transform(image[None])[0]
    assert_allclose(resized, by_skimage(image.astype(np.float64), (5, 11)), rtol=0, atol=1e-7)


def test_row_of_three_by_hand():
    # 2 pixels to 4: centers at -0.25, 0.25, 0.75, 1.25; the first and last are mirrored to 0.25 and 0.75.
    resized = Resize((1, 4)).fit_transform(np.array([[[0, 100]]], dtype=np.uint8))
    assert_array_equal(resized, [[[25, 25, 75, 75]]])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(3, 7), (50, 60)])
def test_exact_stays_in_the_range_of_each_image(dtype, size):
    images = np.stack([np.full((37, 41), value, dtype=dtype) for value in (0, 0.1, 1 / 3, 1)])
    assert_array_equal(Resize(size, "exact").fit_transform(images), np.broadcast_to(images[:, :1, :1], (4, *size)))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("method", ["auto", "exact", "fast"])
def test_same_size_is_the_same_image(dtype, method):
    images = make_images(2, (9, 7, 3), dtype)
    assert_array_equal(Resize((9, 7), method).fit_transform(images), images)


def test_extreme_integers_do_not_wrap():
    for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
        limits = np.iinfo(dtype)
        images = np.stack([np.full((5, 5), limits.min, dtype=dtype), np.full((5, 5), limits.max, dtype=dtype)])
        for method in ("exact", "fast"):
            for size in ((2, 2), (8, 9)):
                resized = Resize(size, method).fit_transform(images)
                assert_array_equal(resized, np.broadcast_to(images[:, :1, :1], (2, *size)))


@pytest.mark.parametrize("method", ["exact", "fast"])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_that_float64_cannot_hold(dtype, method):
    images = np.full((1, 5, 5), 2**53 + 1 if dtype == "int64" else 2**64 - 1, dtype=dtype)
    with pytest.raises(ValueError, match=r"Resize: X holds integers of 2\*\*53 or more"):
        Resize((2, 2), method).fit_transform(images)


# --- fast and auto


def by_area(image, size):
    """Average the areas that the pixels cover: each repeated as often as there are to be, and then means of blocks."""
    (rows_in, cols_in), (rows, cols) = image.shape[:2], size
    repeated = np.repeat(np.repeat(image.astype(np.float64), rows, axis=0), cols, axis=1)
    return repeated.reshape(rows, rows_in, cols, cols_in, *image.shape[2:]).mean(axis=(1, 3))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,), (5,)])
@pytest.mark.parametrize(
    ("shape", "size"), [((40, 33), (20, 11)), ((40, 33), (17, 30)), ((40, 33), (40, 20)), ((9, 50), (1, 1))]
)
def test_fast_averages_areas(shape, size, channels, dtype):
    images = make_images(2, (*shape, *channels), dtype)
    resized = Resize(size, "fast").fit_transform(images)
    assert resized.dtype == np.dtype(dtype)
    atol = levels(dtype) if np.dtype(dtype).kind != "f" else {"float32": 1.2e-7, "float64": 1e-12}[dtype]
    for image, ours in zip(images, resized, strict=True):
        assert_allclose(ours, by_area(image, size), rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(20, 11), (17, 30), (40, 20)])
def test_fast_is_cv2_by_area(size, dtype):
    """To its rounding: it sums in float32 and has weights of its own for halves."""
    image = make_images(1, (40, 33, 3), dtype)[0]
    ours = Resize(size, "fast").fit_transform(image[None])[0].astype(np.float64)
    theirs = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    assert_allclose(ours, theirs, rtol=0, atol=1e-6 if dtype == "float32" else 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
@pytest.mark.parametrize(("shape", "size"), [((10, 12), (15, 40)), ((10, 12), (10, 40))])
def test_fast_grows_as_cv2(shape, size, channels, dtype):
    images = make_images(2, (*shape, *channels), dtype)
    resized = Resize(size, "fast").fit_transform(images)
    assert resized.dtype == np.dtype(dtype)
    for image, ours in zip(images, resized, strict=True):
        theirs = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
        assert_array_equal(ours, theirs.reshape(ours.shape))


@pytest.mark.parametrize(("shape", "size"), [((10, 30), (16, 12)), ((30, 10), (12, 16))])
def test_fast_where_one_side_grows_shrinks_first(shape, size):
    images = make_images(2, (*shape, 3), "uint8")
    resized = Resize(size, "fast").fit_transform(images)
    between = min(shape[0], size[0]), min(shape[1], size[1])
    for image, ours in zip(images, resized, strict=True):
        shrunk = np.rint(by_area(image, between).round(9)).astype(np.uint8)
        assert_array_equal(ours, cv2.resize(shrunk, size[::-1], interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize("size", [(20, 11), (17, 12), (50, 60), (20, 60)])
def test_fast_with_more_channels_than_cv2_takes(size):
    images = make_images(2, (40, 33, 10), "uint8")
    resized = Resize(size, "fast").fit_transform(images)
    for channel in range(10):
        assert_array_equal(resized[..., channel], Resize(size, "fast").fit_transform(images[..., channel]))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint32", "float16", ">u2", ">f4"])
def test_fast_on_types_that_cv2_does_not_take(dtype):
    images = make_images(2, (12, 18), dtype)
    resized = Resize((6, 6), "fast").fit_transform(images)
    assert resized.dtype == np.dtype(dtype).newbyteorder("=")
    means = images.astype(np.float64).reshape(2, 6, 2, 6, 3).mean(axis=(2, 4))
    assert_allclose(resized, means, rtol=1e-6, atol=5e-4 if images.dtype.kind == "f" else 0.5001)


def test_fast_on_truth_values_takes_the_majority():
    images = make_images(4, (15, 15), "bool")
    resized = Resize((5, 5), "fast").fit_transform(images)
    assert resized.dtype == bool
    assert_array_equal(resized, images.reshape(4, 5, 3, 5, 3).sum(axis=(2, 4)) > 4)


@pytest.mark.parametrize(
    ("shape", "same_as"),
    [
        ((20, 30), "fast"),
        ((40, 50), "fast"),
        ((19, 40), "exact"),
        ((40, 29), "exact"),
        ((40, 10), "exact"),
        ((5, 5), "exact"),
    ],
)
def test_auto(shape, same_as):
    images = make_images(2, shape, "uint8")
    other = {"fast": "exact", "exact": "fast"}[same_as]
    by_method = {method: Resize((10, 15), method).fit_transform(images) for method in ("auto", "fast", "exact")}
    assert_array_equal(by_method["auto"], by_method[same_as])
    assert (by_method["auto"] != by_method[other]).any()


def test_auto_is_decided_for_each_image():
    images = [make_images(1, shape, "uint8")[0] for shape in [(40, 40), (11, 40), (12, 12), (40, 40)]]
    resized = Resize((10, 10)).fit_transform(images)
    for image, ours, method in zip(images, resized, ["fast", "exact", "exact", "fast"], strict=True):
        assert_array_equal(ours, Resize((10, 10), method).fit_transform(image[None])[0])


# --- keep_aspect


@pytest.mark.parametrize(
    ("shape", "rows", "cols"),
    [
        ((40, 20), slice(0, 12), slice(7, 13)),
        ((20, 40), slice(1, 11), slice(0, 20)),
        ((30, 10), slice(0, 12), slice(8, 12)),
        ((12, 20), slice(0, 12), slice(0, 20)),
        ((24, 40), slice(0, 12), slice(0, 20)),
        ((3, 5), slice(0, 12), slice(0, 20)),
        ((1, 300), slice(5, 6), slice(0, 20)),
        ((300, 1), slice(0, 12), slice(9, 10)),
        # 8 x 20 / 33 = 4.8 rows, 7 x 20 / 33 = 4.2 rows, 12 x 9 / 16 = 6.75 columns; the larger margin comes last.
        ((8, 33), slice(3, 8), slice(0, 20)),
        ((7, 33), slice(4, 8), slice(0, 20)),
        ((16, 9), slice(0, 12), slice(6, 13)),
    ],
)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_keep_aspect(shape, rows, cols, channels):
    images = make_images(2, (*shape, *channels), "uint8") // 2 + 100
    resized = Resize((12, 20), keep_aspect=True).fit_transform(images)
    inside = np.zeros((12, 20), dtype=bool)
    inside[rows, cols] = True
    assert (resized[:, ~inside] == 0).all()
    size = rows.stop - rows.start, cols.stop - cols.start
    assert_array_equal(resized[:, rows, cols], Resize(size).fit_transform(images))


# --- forms of X


def test_rows_become_images():
    images = make_images(5, (6, 8), "float64")
    rows = images.reshape(5, 48)
    expected = Resize((9, 4)).fit_transform(images)
    for image_shape in [(6, 8), (6, -1), (-1, 8)]:
        step = Resize((9, 4), image_shape=image_shape).fit(rows)
        assert step.image_shape_ == (6, 8)
        assert step.n_features_in_ == 48
        assert_array_equal(step.transform(rows), expected)
        assert_array_equal(step.transform(images), expected)
        assert_array_equal(step.transform(pd.DataFrame(rows)), expected)
    color = Resize((9, 4), image_shape=(4, 4, 3)).fit_transform(rows)
    assert_array_equal(color, Resize((9, 4)).fit_transform(images.reshape(5, 4, 4, 3)))


def test_rows_of_another_width():
    step = Resize((2, 2), image_shape=(-1, 8)).fit(np.zeros((3, 48)))
    with pytest.raises(ValueError, match="X has 40 features, but Resize is expecting 48 features"):
        step.transform(np.zeros((3, 40)))


def test_rows_need_image_shape():
    with pytest.raises(ValueError, match=r"Resize: X is 2-D with 48 columns.*image_shape"):
        Resize((2, 2)).fit(np.zeros((3, 48)))


def object_array(images):
    array = np.empty(len(images), dtype=object)
    array[:] = images
    return array


@pytest.mark.parametrize("form", [list, tuple, object_array])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images_of_different_sizes(form, channels, dtype):
    shapes = [(10, 20), (33, 9), (10, 20), (1, 1), (70, 64), (33, 9)]
    images = [make_images(i + 1, (*shape, *channels), dtype)[i] for i, shape in enumerate(shapes)]
    step = Resize((12, 16)).fit(form(images))
    assert step.image_shape_ is None
    assert not hasattr(step, "n_features_in_")
    resized = step.transform(form(images))
    assert resized.shape == (6, 12, 16, *channels)
    assert resized.dtype == np.dtype(dtype)
    for image, ours in zip(images, resized, strict=True):
        assert_array_equal(ours, Resize((12, 16)).fit_transform(image[None])[0])


@pytest.mark.parametrize("form", [list, tuple, object_array, np.ndarray.tolist])
def test_list_of_equal_images_is_an_array(form):
    images = make_images(4, (6, 8, 3), "int64")
    step = Resize((3, 3)).fit(form(images) if form is np.ndarray.tolist else form(list(images)))
    assert step.image_shape_ == (6, 8, 3)
    assert step.n_features_in_ == 144
    assert_array_equal(step.transform(list(images)), Resize((3, 3)).fit_transform(images))


def test_any_size_is_welcome_after_fit():
    small, large = make_images(2, (5, 6), "uint8"), make_images(2, (12, 8), "uint8")
    ragged = [small[0], large[0]]
    for fitted_on in (small, large, list(small), ragged):
        step = Resize((4, 4)).fit(fitted_on)
        before = dict(vars(step))
        for images in (small, large, list(large), ragged):
            expected = [Resize((4, 4)).fit_transform(image[None])[0] for image in images]
            assert_array_equal(step.transform(images), expected)
        assert vars(step) == before


def test_rows_after_images_of_different_sizes():
    step = Resize((4, 4), image_shape=(-1, 6)).fit([np.zeros((5, 6)), np.ones((7, 6))])
    rows = make_images(2, (30,), "float64")
    assert_array_equal(step.transform(rows), Resize((4, 4)).fit_transform(rows.reshape(2, 5, 6)))


def test_refit_forgets_the_first_fit():
    step = Resize((4, 4), image_shape=(-1, 6)).fit(pd.DataFrame(np.zeros((2, 30))).rename(columns=str))
    assert step.feature_names_in_.shape == (30,)
    step.fit([np.zeros((5, 6)), np.ones((7, 6))])
    assert step.image_shape_ is None
    assert not hasattr(step, "n_features_in_")
    assert not hasattr(step, "feature_names_in_")


@pytest.mark.parametrize("images", [np.zeros((2, 5, 6, 3)), [np.zeros((5, 6, 3)), np.zeros((7, 6, 3))]])
def test_other_channels_than_at_fit(images):
    with pytest.raises(ValueError, match="X holds 3-channel images, but Resize was fitted on gray images"):
        Resize((4, 4)).fit(np.zeros((2, 5, 6))).transform(images)
    with pytest.raises(ValueError, match="X holds gray images, but Resize was fitted on 3-channel images"):
        Resize((4, 4)).fit(images).transform(np.zeros((2, 5, 6)))


@pytest.mark.parametrize("X", [np.zeros((2, 5, 6)), [np.zeros((5, 6)), np.zeros((5, 6))]])
def test_images_that_contradict_image_shape(X):
    with pytest.raises(ValueError, match=r"X holds images of shape \(5, 6\), but image_shape=\(6, -1\)"):
        Resize((4, 4), image_shape=(6, -1)).fit(X)


def strided(images):
    return np.repeat(images, 2, axis=2)[:, :, ::2]


def read_only(images):
    images = images.copy()
    images.flags.writeable = False
    return images


@pytest.mark.parametrize("layout", [np.asfortranarray, strided, read_only, lambda images: images[::-1].copy()[::-1]])
@pytest.mark.parametrize("method", ["exact", "fast"])
@pytest.mark.parametrize("size", [(5, 6), (40, 30)])
def test_layout_does_not_matter(layout, method, size):
    images = make_images(4, (12, 15, 3), "uint8")
    step = Resize(size, method).fit(images)
    assert_array_equal(step.transform(layout(images)), step.transform(images))


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_memory_map_is_not_copied(tmp_path, method):
    images = make_images(1500, (40, 60), "uint8")
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    step = Resize((7, 7), method).fit(mapped)
    expected = step.transform(images)
    peaks = []
    for X in (mapped, mapped[:, ::-1, ::2]):
        tracemalloc.start()
        resized = step.transform(X)
        peaks.append(tracemalloc.get_traced_memory()[1] - resized.nbytes)
        tracemalloc.stop()
        if X is mapped:
            assert_array_equal(resized, expected)
    # The images take 3.6 and 1.8 million bytes, in float32 four times as much; a batch is about one.
    assert max(peaks) < 3e6


@pytest.mark.parametrize("method", ["exact", "fast"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("keep_aspect", [False, True])
def test_threads_and_batches_do_not_matter(method, dtype, keep_aspect):
    images = make_images(700, (28, 31), dtype)
    step = Resize((32, 20), method, keep_aspect).fit(images)
    expected = step.transform(images)
    assert_array_equal(clone(step).set_params(n_jobs=2).fit(images).transform(images), expected)
    with parallel_config(n_jobs=2):
        assert_array_equal(step.transform(list(images)), expected)
    for i in (0, 1, 350, 699):
        assert_array_equal(step.transform(images[i : i + 1])[0], expected[i])


@pytest.mark.parametrize("shape", [(90, 70, 3), (20, 30)])
def test_bands_do_not_matter(monkeypatch, shape):
    images = make_images(3, shape, "uint8")
    expected = Resize((37, 41), "exact").fit_transform(images)
    n_bands = len(_resize._bands(_resize._exact_matrix, shape[0], 37, 4, np.dtype("float32")))
    assert n_bands == 10
    monkeypatch.setattr(_resize, "_SLAB_BYTES", 1)
    assert_array_equal(Resize((37, 41), "exact").fit_transform(images), expected)


def test_a_large_image_is_not_held_in_floats():
    images = np.zeros((1, 3000, 2000), dtype=np.uint8)
    step = Resize((100, 100), "exact").fit(images)
    tracemalloc.start()
    step.transform(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # In float32 the image takes 24 million bytes.
    assert peak < 12e6


# --- what cannot be used


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"size": 32}, TypeError, "size must be a pair"),
        ({"size": "32"}, TypeError, "size must be a pair"),
        ({"size": (32,)}, ValueError, "size must be a pair"),
        ({"size": (32, 32, 3)}, ValueError, "size must be a pair"),
        ({"size": (32, 0)}, ValueError, "size must be at least 1"),
        ({"size": (32, 1.5)}, TypeError, "size must be an integer"),
        ({"method": "area"}, ValueError, r"method must be one of \['auto', 'exact', 'fast'\]"),
        ({"method": None}, TypeError, "method must be a string"),
        ({"keep_aspect": 1}, TypeError, "keep_aspect must be True or False"),
        ({"image_shape": 784}, TypeError, "image_shape must be None or a tuple"),
        ({"image_shape": (-1, -1)}, ValueError, "image_shape must hold"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 1.0}, TypeError, "n_jobs must be None or an integer"),
    ],
)
@pytest.mark.parametrize("X", [np.zeros((2, 5, 6)), [np.zeros((5, 6)), np.zeros((6, 5))]], ids=["array", "list"])
def test_parameters_that_cannot_be_used(parameters, error, message, X):
    with pytest.raises(error, match=f"Resize: {message}"):
        Resize(**{"size": (32, 32)} | parameters).fit(X)


def with_value(value):
    image = np.zeros((5, 6))
    image[-1, -1] = value
    return image


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.stack([np.zeros((5, 6)), with_value(np.nan)]), ValueError, "Input X contains NaN"),
        (np.zeros((0, 5, 6)), ValueError, r"0 sample\(s\)"),
        (np.zeros((2, 0, 6)), ValueError, r"0 feature\(s\)"),
        ([], ValueError, "Expected 2D array"),
        (np.zeros((1, 2, 2, 2, 2)), ValueError, "got an array of shape"),
        (np.zeros(5), ValueError, "Expected 2D array"),
        (np.zeros((2, 5, 6), dtype=complex), ValueError, "Complex data not supported"),
        ([np.zeros((5, 6)), with_value(np.nan)], ValueError, r"Input X\[1\] contains NaN"),
        ([np.zeros((5, 6)), with_value(np.inf)], ValueError, r"Input X\[1\] contains infinity"),
        ([np.zeros((5, 6)), np.zeros((0, 6))], ValueError, r"image 1 of X has shape \(0, 6\)"),
        ([np.zeros((5, 6)), np.zeros(6)], ValueError, r"image 1 of X has shape \(6,\)"),
        ([np.zeros((5, 6)), np.zeros((1, 1, 1, 1))], ValueError, r"image 1 of X has shape \(1, 1, 1, 1\)"),
        ([np.zeros((5, 6)), None], ValueError, r"image 1 of X has shape \(\)"),
        ([np.zeros((5, 6)), np.full((5, 6), "a")], TypeError, "image 1 of X must hold real numbers, got dtype <U1"),
        ([np.zeros((5, 6), dtype=complex)], TypeError, "image 0 of X must hold real numbers, got dtype complex128"),
        ([np.zeros((5, 6)), np.zeros((5, 6), int)], ValueError, "image 1 of X is gray int64, but image 0 is gray floa"),
        ([np.zeros((5, 6)), np.zeros((5, 6, 3))], ValueError, "image 1 of X is 3-channel float64, but image 0 is gray"),
    ],
)
def test_input_that_cannot_be_used(X, error, message):
    with pytest.raises(error, match=message):
        Resize((4, 4)).fit(X)
    with pytest.raises(error, match=message):
        Resize((4, 4)).fit(np.zeros((2, 5, 6))).transform(X)


def test_unfitted():
    with pytest.raises(NotFittedError, match="Resize instance is not fitted"):
        Resize((4, 4)).transform(np.zeros((2, 5, 6)))


# --- in a pipeline


def test_images_stay_arrays_whatever_the_output_container():
    images = make_images(3, (5, 6), "uint8")
    pipeline = make_pipeline(Resize((2, 2)), Flatten()).set_output(transform="pandas")
    frame = pipeline.fit_transform(images)
    assert list(frame.columns) == ["pixel_r0_c0", "pixel_r0_c1", "pixel_r1_c0", "pixel_r1_c1"]
    assert_array_equal(frame.to_numpy(), Resize((2, 2)).fit_transform(images).reshape(3, 4))


def test_grid_search_over_size():
    images, y = load_digits(return_X_y=True)
    images, y = images[:300].reshape(-1, 8, 8) / 16, y[:300]
    pipeline = make_pipeline(Resize((8, 8)), Flatten(), LinearSVC())
    search = GridSearchCV(pipeline, {"resize__size": [(1, 1), (4, 4), (10, 12)]}, cv=3, n_jobs=2).fit(images, y)
    scores = dict(
        zip(search.cv_results_["param_resize__size"].tolist(), search.cv_results_["mean_test_score"], strict=True)
    )
    assert scores[(1, 1)] < 0.4
    assert min(scores[(4, 4)], scores[(10, 12)]) > 0.85
    assert search.predict(list(images)).tolist() == search.predict(images).tolist()


@pytest.mark.skipif("SKIMGFEAT_DATA" not in os.environ, reason="photos: SKIMGFEAT_DATA is not set")
def test_photos():
    from PIL import Image

    paths = sorted((Path(os.environ["SKIMGFEAT_DATA"]) / "photos").iterdir())[:3]
    photos = [np.asarray(Image.open(path).convert("RGB").resize((400, 300), box=(0, 0, 400, 300))) for path in paths]
    photos[1] = photos[1][:, :250]
    resized = Resize((128, 128), "exact").fit_transform(photos)
    for photo, ours in zip(photos, resized, strict=True):
        assert_allclose(ours, by_skimage(photo, (128, 128)), rtol=0, atol=levels("uint8"))
