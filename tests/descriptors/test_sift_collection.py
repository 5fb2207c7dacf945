"""SIFT of images in files: as of the arrays, one decoded at a time, failures accounted for."""

import warnings
import weakref
from io import BytesIO

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skimgfeat import SIFT, FailedImagesWarning, ImageCollection, ImageReader, Resize
from skimgfeat.descriptors._ragged import geometry_dtype
from skimgfeat.io import ImageError

PICTURES = [data.camera()[100:260:, 150:330], data.coins()[:120, :100], np.zeros((30, 40), np.uint8)]


def encode(image):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sources():
    return [encode(image) for image in PICTURES]


@pytest.mark.parametrize("n_jobs", [None, 3])
@pytest.mark.parametrize("sift", [SIFT(), SIFT(geometry=True, n_features=20, root=True), SIFT(dense_step=16)], ids=str)
@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_a_collection_gives_what_arrays_give(sources, sift, mode, n_jobs):
    sift = clone(sift).set_params(n_jobs=n_jobs)
    actual = sift.fit_transform(ImageCollection(sources, mode=mode))
    expected = sift.fit_transform(PICTURES)
    assert [array.shape for array in actual] == [array.shape for array in expected]
    for one, other in zip(actual, expected, strict=True):
        assert_array_equal(one, other)


def test_nothing_is_decoded_at_fit(sources):
    sift = SIFT().fit(ImageCollection([b"no image"]))
    assert sift.image_shape_ is None
    assert not hasattr(sift, "n_features_in_")
    assert len(sift.transform(ImageCollection(sources))) == 3


def test_a_shape_that_is_known_is_remembered(sources):
    sift = SIFT().fit(Resize((64, 48)).fit_transform(ImageCollection(sources)))
    assert (sift.image_shape_, sift.n_features_in_) == ((64, 48, 3), 64 * 48 * 3)


@pytest.mark.parametrize("sift", [SIFT(n_jobs=2), SIFT(geometry=True)], ids=str)
def test_failed_images_are_without_descriptors(sources, sift):
    collection = ImageCollection([b"no image", *sources, sources[0][:200], None], on_error="nan")
    with pytest.warns(FailedImagesWarning) as record:
        found = sift.fit(collection).transform(collection)
    (warning,) = record
    assert "SIFT: 3 of 6 images cannot be read ('item 0', 'item 4', 'item 5')" in str(warning.message)
    assert "they have no descriptors" in str(warning.message)
    expected = sift.transform(PICTURES)
    for one, other in zip(found[1:4], expected, strict=True):
        assert_array_equal(one, other)
    for index in (0, 4, 5):
        assert len(found[index]) == 0
        assert (found[index].dtype, found[index].shape) == (expected[2].dtype, expected[2].shape)
    assert found[0].dtype == (geometry_dtype(np.uint8, 128) if sift.geometry else np.uint8)


def test_a_failed_image_is_an_error_by_default(sources):
    collection = ImageCollection([*sources, b"no image"])
    with pytest.raises(ImageError, match="image 3, 'item 3'"):
        SIFT().fit(collection).transform(collection)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_as_many_images_are_decoded_as_there_are_threads(sources, n_jobs):
    alive = []

    def note(image):
        alive.append(weakref.ref(image))
        counts.append(sum(reference() is not None for reference in alive))
        return image

    counts: list[int] = []
    collection = ImageCollection(sources[:1] * 8, mode="gray").map(note)
    found = SIFT(n_features=5, n_jobs=n_jobs).fit(collection).transform(collection)
    assert [len(array) for array in found] == [5] * 8
    # One is let go when the next one takes its name.
    assert max(counts) <= 2 * n_jobs


def test_images_of_a_collection_are_checked(sources):
    collection = ImageCollection(sources, mode="gray", dtype="float32").map(lambda image: image * 300)
    with pytest.raises(ValueError, match=r"SIFT: an image of X is float32 with values up to .*must lie in"):
        SIFT().fit(collection).transform(collection)
    collection = ImageCollection(sources, mode="gray", dtype="float32").map(lambda image: image * np.float32(np.nan))
    with pytest.raises(ValueError, match="SIFT: an image of X contains NaN or infinity"):
        SIFT().fit(collection).transform(collection)
    with pytest.raises(ValueError, match="image_shape"):
        SIFT(image_shape=(9, 9)).fit(ImageCollection(sources)).transform(ImageCollection(sources))
    with pytest.raises(ValueError, match="X holds no images"):
        SIFT().fit(ImageCollection([]))


def test_in_a_pipeline_over_paths(sources, tmp_path):
    paths = []
    for index, source in enumerate(sources):
        paths.append(str(tmp_path / f"{index}.png"))
        (tmp_path / f"{index}.png").write_bytes(source)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = make_pipeline(ImageReader(), SIFT()).fit_transform(np.array(paths))
    for one, other in zip(found, SIFT().fit_transform(PICTURES), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("color", [False, True])
def test_reservations_tell_of_images_that_were_shrunk(color):
    images = [np.repeat(image[..., None], 3, axis=2) if color else image for image in PICTURES]
    sift = SIFT(max_pixels=13_000).fit(images)
    # sqrt(13000 / (160 * 180)) = 0.67187
    expected = ["shrunk from 160x180 to 107x120 pixels (max_pixels)", None, None]
    assert sift._reservations(images) == expected
    array = np.empty(3, dtype=object)
    array[:] = images
    assert sift._reservations(array) == expected
    assert sift._reservations(np.stack([images[0]] * 2)) == expected[:1] * 2
    assert SIFT(max_pixels=None).fit(images)._reservations(images) == [None] * 3


def test_reservations_of_rows():
    sift = SIFT(max_pixels=50, image_shape=(10, 8)).fit(np.zeros((2, 80)))
    assert sift._reservations(np.zeros((1, 80))) == ["shrunk from 10x8 to 7x6 pixels (max_pixels)"]
