"""What X may be, through a small extractor: skimgfeat/_images.py."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from skimgfeat._base import ImageFeatures
from skimgfeat._images import check_images, scaled_batch


class FirstAndMean(ImageFeatures):
    """The first pixel and the mean of each image."""

    def __init__(self, image_shape=None, n_jobs=None, positive=False):
        self.image_shape = image_shape
        self.n_jobs = n_jobs
        self.positive = positive

    def _check_parameters(self):
        pass

    def _feature_names(self, image_shape):
        return ["first", "mean"]

    def _extract(self, images, out):
        values = images.reshape(len(images), -1).astype(np.float64)
        out[:, 0] = values[:, 0]
        out[:, 1] = values.mean(axis=1)

    def _needs_non_negative(self):
        return self.positive


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (11, 8, 12), dtype=np.uint8)


def expected(images):
    values = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
    return np.column_stack([values[:, 0], values.mean(axis=1)]).astype(np.float32)


def fortran(images):
    return np.asfortranarray(images)


def read_only(images):
    images = images.copy()
    images.flags.writeable = False
    return images


def every_other_column(images):
    return np.repeat(images, 2, axis=2)[:, :, ::2]


def every_other_image(images):
    return np.repeat(images, 2, axis=0)[::2]


def reversed_view(images):
    return images[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]


def swapped_axes(images):
    return images.transpose(2, 0, 1).copy().transpose(1, 2, 0)


def other_byte_order(images):
    return images.astype(">u2")


def list_of_images(images):
    return list(images)


def tuple_of_images(images):
    return tuple(images)


def nested_lists(images):
    return images.tolist()


def object_array(images):
    array = np.empty(len(images), dtype=object)
    array[:] = list(images)
    return array


def objects_in_three_dimensions(images):
    return images.astype(object)


def with_one_channel(images):
    return images[..., None]


LAYOUTS = [
    fortran,
    read_only,
    every_other_column,
    every_other_image,
    reversed_view,
    swapped_axes,
    other_byte_order,
    list_of_images,
    tuple_of_images,
    nested_lists,
    object_array,
    objects_in_three_dimensions,
    with_one_channel,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(images, layout):
    extractor = FirstAndMean().fit(layout(images))
    assert extractor.n_features_in_ == 96
    assert extractor.image_shape_[:2] == (8, 12)
    assert_array_equal(extractor.transform(layout(images)), expected(images))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64"]
)
def test_types_are_kept(images, dtype):
    X = (images % 2).astype(dtype)
    checked = check_images(FirstAndMean(), X, reset=True)
    assert checked.dtype == X.dtype
    assert_array_equal(checked, X)
    assert_array_equal(FirstAndMean().fit_transform(X), expected(X))


def test_memory_map(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    X = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert_array_equal(FirstAndMean().fit_transform(X), expected(images))
    assert np.shares_memory(check_images(FirstAndMean(), X, reset=True), X)


@pytest.mark.parametrize(
    "layout", [read_only, fortran, every_other_column, every_other_image, reversed_view, swapped_axes]
)
def test_arrays_are_not_copied(images, layout):
    X = layout(images)
    assert np.shares_memory(check_images(FirstAndMean(), X, reset=True), X)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_strided_batch_is_checked_without_a_copy_of_it(dtype):
    X = np.zeros((400, 64, 128), dtype=dtype)[:, :, ::2]
    extractor = FirstAndMean(positive=True)
    tracemalloc.start()
    check_images(extractor, X, reset=True, allow_negative=False)
    check_images(extractor, X, reset=False, allow_negative=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The batch is 1.6 or 6.6 million bytes in its view, and about a megabyte of it is looked at at a time.
    assert peak < 1.3e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", [np.array, fortran, every_other_column, list_of_images])
@pytest.mark.parametrize("place", [(0, 0, 0), (5, 3, 7), (10, 7, 11)])
def test_non_finite_value_anywhere(images, layout, place, value):
    X = images.astype(np.float32)
    extractor = FirstAndMean().fit(X)
    X[place] = value
    message = "contains NaN" if np.isnan(value) else "contains infinity"
    with pytest.raises(ValueError, match=message):
        FirstAndMean().fit(layout(X))
    with pytest.raises(ValueError, match=message):
        extractor.transform(layout(X))


def test_non_finite_value_in_a_late_batch_of_a_strided_array():
    X = np.zeros((700, 32, 64), dtype=np.float32)[:, :, ::2]
    X[-1, -1, -1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        FirstAndMean().fit(X)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float64"])
@pytest.mark.parametrize("layout", [np.array, fortran])
def test_negative_values(images, dtype, layout):
    X = (images % 2).astype(dtype)
    extractor = FirstAndMean(positive=True).fit(X)
    X[-1, -1, -1] = -1
    assert FirstAndMean().fit_transform(layout(X)).shape == (11, 2)
    for use in (FirstAndMean(positive=True).fit, extractor.transform):
        with pytest.raises(ValueError, match="Negative values in data passed to FirstAndMean"):
            use(layout(X))


@pytest.mark.parametrize("image_shape", [(8, 12), (-1, 12), (8, -1), [8, 12]])
def test_rows(images, image_shape):
    extractor = FirstAndMean(image_shape=image_shape).fit(images.reshape(11, 96))
    assert extractor.image_shape_ == (8, 12)
    assert_array_equal(extractor.transform(images.reshape(11, 96)), expected(images))
    assert_array_equal(extractor.transform(images), expected(images))


def test_rows_with_channels(images):
    extractor = FirstAndMean(image_shape=(4, -1, 3)).fit(images.reshape(11, 96))
    assert extractor.image_shape_ == (4, 8, 3)
    assert check_images(extractor, images.reshape(11, 96), reset=False).shape == (11, 4, 8, 3)


def test_data_frame_of_rows(images):
    frame = pd.DataFrame(images.reshape(11, 96)).rename(columns="pixel{}".format)
    extractor = FirstAndMean(image_shape=(8, 12)).fit(frame)
    assert extractor.feature_names_in_[1] == "pixel1"
    assert_array_equal(extractor.transform(frame), expected(images))
    with pytest.raises(ValueError, match="feature names should match"):
        extractor.transform(frame[frame.columns[::-1]])


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        (None, r"X is 2-D with 96 columns.*X\[None\], or set image_shape"),
        ((5, -1), r"rows of 96 values cannot be laid out as image_shape=\(5, -1\)"),
        ((8, 13), r"rows of 96 values cannot be laid out as image_shape=\(8, 13\)"),
        ((4, 12), r"rows of 96 values cannot be laid out as image_shape=\(4, 12\)"),
    ],
)
def test_rows_that_cannot_be_laid_out(images, image_shape, message):
    with pytest.raises(ValueError, match=message):
        FirstAndMean(image_shape=image_shape).fit(images.reshape(11, 96))


def test_rows_of_another_width(images):
    extractor = FirstAndMean(image_shape=(8, -1)).fit(images.reshape(11, 96))
    with pytest.raises(ValueError, match="X has 88 features, but FirstAndMean is expecting 96 features"):
        extractor.transform(images.reshape(11, 96)[:, :88])


@pytest.mark.parametrize("image_shape", [(12, 8), (8, 12, 1), (8, 12, 3)])
def test_images_that_contradict_image_shape(images, image_shape):
    with pytest.raises(ValueError, match=r"X holds images of shape \(8, 12\), but image_shape="):
        FirstAndMean(image_shape=image_shape).fit(images)


@pytest.mark.parametrize("layout", [np.array, fortran, list_of_images])
def test_images_of_another_shape_than_at_fit(images, layout):
    extractor = FirstAndMean().fit(images)
    with pytest.raises(ValueError, match=r"shape \(12, 8\), but FirstAndMean was fitted on images of shape \(8, 12\)"):
        extractor.transform(layout(images.swapaxes(1, 2)))


def test_gray_images_after_color(images):
    extractor = FirstAndMean().fit(np.stack([images] * 3, axis=-1))
    with pytest.raises(ValueError, match=r"shape \(8, 12\), but FirstAndMean was fitted on images of shape \(8, 12, 3"):
        extractor.transform(images)


def test_unequal_images_point_to_resize():
    X = [np.zeros((2, 3)), np.zeros((4, 3))]
    for layout in (list, tuple):
        with pytest.raises(ValueError, match=r"2 different shapes \(\(2, 3\), \(4, 3\)\).*with Resize"):
            FirstAndMean().fit(layout(X))
    array = np.empty(2, dtype=object)
    array[:] = X
    with pytest.raises(ValueError, match="with Resize"):
        FirstAndMean().fit(array)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((0, 8, 12)), ValueError, r"0 sample\(s\)"),
        (np.zeros((0, 96)), ValueError, r"0 sample\(s\)"),
        ([], ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((3, 0, 12)), ValueError, r"0 feature\(s\)"),
        (np.zeros(96), ValueError, "Expected 2D array, got 1D array"),
        (np.float64(1), ValueError, "Expected 2D array, got scalar array"),
        (np.zeros((1, 2, 2, 2, 2)), ValueError, r"got an array of shape \(1, 2, 2, 2, 2\)"),
        (np.zeros((2, 3, 4), dtype=complex), ValueError, "Complex data not supported"),
        (np.zeros((2, 3, 8), dtype=complex)[:, :, ::2], ValueError, "Complex data not supported"),
        (np.full((2, 3, 4), "a"), ValueError, "could not convert string to float|not compatible with arrays of bytes"),
        (
            np.full((2, 3, 8), "a")[:, :, ::2],
            ValueError,
            "could not convert string|not compatible with arrays of bytes",
        ),
        (np.full((2, 3, 4), None), (TypeError, ValueError), "NoneType|contains NaN"),
        (sparse.csr_array(np.eye(3)), TypeError, "Sparse data was passed"),
        (sparse.coo_array(np.eye(3)), TypeError, "Sparse data was passed"),
    ],
    ids=[
        "no images",
        "no rows",
        "empty list",
        "empty images",
        "one row",
        "scalar",
        "five dimensions",
        "complex",
        "strided complex",
        "strings",
        "strided strings",
        "objects",
        "csr",
        "coo",
    ],
)
def test_input_that_cannot_be_used(X, error, message):
    with pytest.raises(error, match=message):
        FirstAndMean(image_shape=(8, 12) if np.ndim(X) == 2 and not sparse.issparse(X) else None).fit(X)


@pytest.mark.parametrize(
    ("dtype", "kernel_dtype", "scale"),
    [
        ("bool", "uint8", 1.0),
        ("uint8", "uint8", 255.0),
        ("uint16", "uint16", 65535.0),
        (">u2", "uint16", 65535.0),
        ("float16", "float32", 1.0),
        ("float32", "float32", 1.0),
        (">f4", "float32", 1.0),
        ("float64", "float64", 1.0),
        ("int8", "float64", 1.0),
        ("int64", "float64", 1.0),
    ],
)
def test_scaled_batch(images, dtype, kernel_dtype, scale):
    X = (images % 2).astype(dtype)[:, ::2, ::3]
    batch, full_scale = scaled_batch(X)
    assert batch.dtype == np.dtype(kernel_dtype)
    assert batch.flags.c_contiguous
    assert full_scale == scale
    assert_array_equal(batch, (images % 2)[:, ::2, ::3])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float32", "float64"])
def test_scaled_batch_does_not_copy_what_kernels_take(images, dtype):
    X = images.astype(dtype)
    assert np.shares_memory(scaled_batch(X)[0], X)


def test_list_of_images_of_different_types_raises():
    images = [np.full((4, 5), 255, dtype=np.uint8), np.ones((4, 5), dtype=np.float32)]
    with pytest.raises(ValueError, match=r"image 1 of X has dtype float32, but image 0 has uint8"):
        FirstAndMean().fit(images)


def test_dates_raise():
    with pytest.raises(TypeError, match="real numbers"):
        FirstAndMean().fit(np.zeros((2, 3, 4), dtype="datetime64[s]"))
