"""Flatten: rows of pixels and their names."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from skimgfeat import Flatten


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 3, 4), dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int64", "float16", "float32", "float64"])
def test_values_and_type_stay(images, dtype):
    X = images.astype(dtype)
    pixels = Flatten().fit_transform(X)
    assert pixels.dtype == X.dtype
    for image, row in zip(X, pixels, strict=True):
        assert_array_equal(row, np.concatenate(list(image)))


def test_each_name_is_the_place_of_its_pixel(images):
    step = Flatten().fit(images)
    pixels = step.transform(images)
    names = step.get_feature_names_out()
    assert names.shape == (12,)
    for r in range(3):
        for c in range(4):
            assert_array_equal(pixels[:, names.tolist().index(f"pixel_r{r}_c{c}")], images[:, r, c])


@pytest.mark.parametrize("channels", [1, 3])
def test_each_name_is_the_place_of_its_channel(channels):
    images = np.random.default_rng(0).random((5, 2, 3, channels))
    step = Flatten().fit(images)
    pixels = step.transform(images)
    names = step.get_feature_names_out().tolist()
    assert len(names) == len(set(names)) == 6 * channels
    for r, c, channel in np.ndindex(2, 3, channels):
        assert_array_equal(pixels[:, names.index(f"pixel_r{r}_c{c}_ch{channel}")], images[:, r, c, channel])


@pytest.mark.parametrize("layout", [np.array, lambda X: X[:, 1:3], lambda X: np.repeat(X, 2, axis=0)[::2]])
def test_view_where_the_layout_allows_one(images, layout):
    X = layout(images)
    assert np.shares_memory(Flatten().fit_transform(X), X)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: X[:, :, ::2], lambda X: X[:, ::-1]])
def test_layout_does_not_matter(images, layout):
    X = layout(images)
    assert_array_equal(Flatten().fit_transform(X), [image.ravel() for image in X])


def test_rows_pass_through(images):
    rows = images.reshape(5, 12)
    step = Flatten(image_shape=(3, -1)).fit(rows)
    assert_array_equal(step.transform(rows), rows)
    assert_array_equal(step.transform(images), rows)
    assert step.get_feature_names_out()[-1] == "pixel_r2_c3"


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(images, container):
    step = Flatten().set_output(transform=container).fit(images)
    frame = step.transform(images)
    assert type(frame).__module__.startswith(container)
    assert list(frame.columns) == step.get_feature_names_out().tolist()
    assert_array_equal(frame.to_numpy(), images.reshape(5, 12))


def test_names_are_checked_against_those_at_fit(images):
    frame = pd.DataFrame(images.reshape(5, 12)).rename(columns="x{}".format)
    step = Flatten(image_shape=(3, 4)).fit(frame)
    assert step.get_feature_names_out(frame.columns)[0] == "pixel_r0_c0"
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        step.get_feature_names_out(frame.columns[::-1])


@pytest.mark.parametrize(
    ("image_shape", "error"), [((3,), ValueError), (12, TypeError), ((3, 0), ValueError), ((4, 3), ValueError)]
)
def test_image_shape_that_cannot_be_used(images, image_shape, error):
    with pytest.raises(error, match="image_shape"):
        Flatten(image_shape=image_shape).fit(images)


def test_images_of_another_shape(images):
    with pytest.raises(ValueError, match=r"shape \(4, 3\), but Flatten was fitted on images of shape \(3, 4\)"):
        Flatten().fit(images).transform(images.swapaxes(1, 2))


def test_unfitted(images):
    with pytest.raises(NotFittedError):
        Flatten().transform(images)
    with pytest.raises(NotFittedError):
        Flatten().get_feature_names_out()
