"""What estimators do with a collection: skimgfeat/_lazy.py, by itself and through HOG, Flatten and Resize."""

import io
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn import config_context

from skimgfeat import (
    HOG,
    LBP,
    ColorGrid,
    ColorHistogram,
    FailedImagesWarning,
    Flatten,
    HandcraftedFeatures,
    ImageCollection,
    PatchFeatures,
    Resize,
)
from skimgfeat._lazy import fill_rows, map_images
from skimgfeat.io import ImageError

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 24, 32), dtype=np.uint8)
BAD = [0, 4, 5, 10]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def sources():
    return [png(image) for image in IMAGES]


@pytest.fixture
def damaged(sources):
    for index in BAD:
        sources[index] = b"no image"
    return sources


def collect(sources, **options):
    return ImageCollection(sources, **{"mode": "gray", **options})


ESTIMATORS = [HOG(), LBP(), HandcraftedFeatures(), Flatten()]


@pytest.fixture(params=[1, 3000, 1 << 21], ids="batch of {} bytes".format)
def batch_bytes(request, monkeypatch):
    monkeypatch.setattr("skimgfeat._parallel._BATCH_BYTES", request.param)


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_the_same_rows_as_from_arrays(sources, estimator, n_jobs):
    expected = estimator.fit_transform(IMAGES)
    if "n_jobs" in estimator.get_params():
        estimator = type(estimator)(n_jobs=n_jobs)
    fitted = estimator.fit(collect(sources))
    rows = fitted.transform(collect(sources))
    assert rows.dtype == expected.dtype
    assert_array_equal(rows, expected)
    assert (fitted.image_shape_, fitted.n_features_in_) == ((24, 32), 768)
    # Fitted on one, transforming the other.
    assert_array_equal(fitted.transform(IMAGES), expected)
    assert_array_equal(type(estimator)().fit(IMAGES).transform(collect(sources)), expected)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_every_type(sources, dtype):
    images = IMAGES * np.uint16(257) if dtype == "uint16" else (IMAGES / np.float32(255)).astype(np.float32)
    for estimator in (HOG(), Flatten()):
        rows = estimator.fit(images).transform(collect(sources, dtype=dtype))
        assert_array_equal(rows, estimator.transform(images))


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_rows_of_failed_images_are_nan_and_the_others_stay(damaged, estimator, n_jobs):
    if "n_jobs" in estimator.get_params():
        estimator = type(estimator)(n_jobs=n_jobs)
    expected = estimator.fit(IMAGES).transform(IMAGES).astype(np.float32)
    expected[BAD] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = estimator.transform(collect(damaged, on_error="nan"))
    assert rows.dtype == np.float32
    assert_array_equal(rows, expected)
    assert [warning.category for warning in caught] == [FailedImagesWarning]
    assert re.fullmatch(
        rf"{type(estimator).__name__}: 4 of 11 images cannot be read \('item 0', 'item 4', 'item 5', \.\.\.\); "
        r"their rows are NaN\. collection\.check\(\) tells why\.",
        str(caught[0].message),
    )


def test_images_that_all_fail():
    collection = collect([b"no image"] * 3, on_error="nan")
    with pytest.warns(FailedImagesWarning, match="3 of 3 images"):
        rows = HOG().fit(IMAGES).transform(collection)
    assert np.isnan(rows).all()
    assert rows.shape[0] == 3
    with pytest.raises(
        ValueError, match="HOG: X is a collection without a single image that can be read; the last one"
    ):
        HOG().fit(collection)
    with pytest.raises(ValueError, match="without a single image that can be read; it is empty"):
        HOG().fit(collect([]))


def test_fit_looks_for_the_first_image_that_can_be_read(damaged):
    assert HOG().fit(collect(damaged, on_error="nan")).image_shape_ == (24, 32)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_raise_names_place_and_path(tmp_path, damaged, n_jobs):
    for index, data in enumerate(damaged):
        (tmp_path / f"{index:02}.png").write_bytes(data)
    collection = ImageCollection.from_folder(tmp_path, mode="gray")[1:]
    with pytest.raises(ImageError, match=re.escape("image 3, '04.png': no image of the formats")) as refusal:
        HOG(n_jobs=n_jobs).fit(IMAGES).transform(collection)
    assert refusal.value.code == "unidentified"


def test_images_of_another_shape(sources):
    sources[7] = png(IMAGES[7, :20])
    hog = HOG().fit(IMAGES)
    message = (
        r"^HOG: image 7 of X, 'item 7', has shape \(20, 32\), but HOG was fitted on images of shape \(24, 32\); "
        "bring them to one size first, with Resize"
    )
    for on_error in ("raise", "nan"):  # not an image that cannot be had
        with pytest.raises(ValueError, match=message):
            hog.transform(collect(sources, on_error=on_error))
    with pytest.raises(ValueError, match=r"image 0 .* has shape \(24, 32, 3\)"):
        hog.transform(collect(sources, mode="rgb"))


def half(image):
    return image / 2


def test_a_function_that_changes_the_type_is_no_silent_loss(sources):
    with pytest.raises(ValueError, match=r"image 0 of X, 'item 0', has dtype float64, but the collection has uint8"):
        Flatten().fit(IMAGES).transform(collect(sources).map(half))


def test_resize_of_images_of_different_sizes():
    images = [IMAGES[0], IMAGES[1, :13], IMAGES[2, :, :30]]
    expected = Resize((16, 16)).fit_transform(images)
    collection = Resize((16, 16)).fit_transform(collect([*map(png, images), b"no image"], on_error="nan"))
    assert isinstance(collection, ImageCollection)
    assert collection.image_shape == (16, 16)
    assert_array_equal(np.asarray(collection[:3]), expected)
    with pytest.warns(FailedImagesWarning, match="1 of 4"):
        rows = Flatten().fit_transform(collection)
    assert_array_equal(rows[:3], expected.reshape(3, -1))
    assert np.isnan(rows[3]).all()
    with pytest.raises(ValueError, match=r"X holds .* images, but Resize was fitted on"):
        Resize((16, 16)).fit(images).transform(collect([png(IMAGES[0])], mode="rgb"))


# --- The functions themselves


def mean_of(images, rows):
    rows[:, 0] = images.mean(axis=(1, 2))


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("n_jobs", [1, 4])
def test_fill_rows(damaged, n_jobs):
    out = np.full((11, 1), 7.0)
    with pytest.warns(FailedImagesWarning, match="^me: 4 of 11"):
        fill_rows("me", collect(damaged, on_error="nan"), (24, 32), mean_of, out, n_jobs=n_jobs)
    expected = IMAGES.mean(axis=(1, 2))
    expected[BAD] = np.nan
    assert_array_equal(out[:, 0], expected)


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_map_images(damaged, n_jobs):
    """Images of arrays and of collections, of any size; what failed is the default."""
    with pytest.warns(FailedImagesWarning, match="^me: 4 of 11"):
        means = map_images("me", np.mean, collect(damaged, on_error="nan"), None, n_jobs=n_jobs)
    assert means == [None if index in BAD else image.mean() for index, image in enumerate(IMAGES)]
    ragged = [IMAGES[0], IMAGES[1, :3]]
    assert map_images("me", np.shape, ragged, None, n_jobs=n_jobs) == [(24, 32), (3, 32)]
    assert map_images("me", np.mean, IMAGES, None, n_jobs=n_jobs) == [image.mean() for image in IMAGES]
    with pytest.raises(ImageError, match="image 0, 'item 0'"):
        map_images("me", np.mean, collect(damaged), None, n_jobs=n_jobs)


def test_an_error_of_the_function_is_not_taken_for_an_image_that_failed(sources):
    def refuse(*_):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        map_images("me", refuse, collect(sources, on_error="nan"), None, n_jobs=2)
    with pytest.raises(ZeroDivisionError, match="mine"):
        fill_rows("me", collect(sources, on_error="nan"), (24, 32), refuse, np.empty((11, 1)), n_jobs=2)


def stretch(image):
    """Contrast stretching, which makes NaN of a constant image."""
    with np.errstate(invalid="ignore"):
        return (image - image.min()) / (image.max() - image.min())


LOOKS_AT_PIXELS = [
    HOG(),
    LBP(),
    HandcraftedFeatures(threshold="otsu", transform_sqrt=False),
    ColorGrid(),
    ColorHistogram(),
    PatchFeatures(n_atoms=4, patch_size=(3, 3), random_state=0),
    Flatten(),
]


@pytest.mark.parametrize("estimator", LOOKS_AT_PIXELS, ids=lambda estimator: type(estimator).__name__)
def test_nan_that_a_mapped_function_makes_is_an_error(sources, estimator):
    sources[3] = png(np.full((24, 32), 7, np.uint8))
    mode = "rgb" if isinstance(estimator, ColorHistogram) else "gray"
    whole = collect(sources, dtype="float32", mode=mode)
    fitted = estimator.fit(whole[:3])
    with pytest.raises(ValueError, match=r"image 3 of X, 'item 3', holds NaN or infinity; a function that is mapped"):
        fitted.transform(whole.map(stretch))
    with config_context(assume_finite=True), pytest.raises(ValueError, match="NaN"):
        fitted.transform(whole.map(stretch))
    assert np.isfinite(fitted.transform(whole[:3].map(stretch))).all()


def test_dictionaries_are_not_learned_from_nan(sources):
    sources[1:] = [png(np.full((24, 32), 7, np.uint8))] * 10
    with pytest.raises(ValueError, match="PatchFeatures: X holds NaN"):
        PatchFeatures(n_atoms=4).fit(collect(sources, dtype="float32").map(stretch))


@pytest.mark.parametrize("estimator", [HOG(transform_sqrt=True), HandcraftedFeatures()], ids=str)
def test_negative_pixels_under_a_root(sources, estimator):
    collection = collect(sources, dtype="float32")
    fitted = estimator.fit(collection)
    for X in (collection.map(lambda image: image - np.float32(0.5)), IMAGES / np.float32(255) - np.float32(0.5)):
        with pytest.raises(ValueError, match="Negative values in data passed to"):
            fitted.transform(X)
