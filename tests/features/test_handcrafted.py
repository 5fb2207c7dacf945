import numpy as np
import pytest
from PIL import Image
from skimage.filters import threshold_otsu

from skimgfeat.features import (
    HOG,
    LBP,
    Connectivity,
    ContourFeatures,
    GeometryFeatures,
    HandcraftedFeatures,
    HuMoments,
    ProjectionHistograms,
    QuadrantDensity,
    RunLengths,
    SkeletonFeatures,
    Zoning,
)

# In the order of the columns, with the number of columns for images of 28 x 28.
FAMILIES = {
    "zoning": (Zoning(), 72),
    "hog": (HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2), transform_sqrt=True), 1296),
    "hu": (HuMoments(), 7),
    "lbp": (LBP(), 10),
    "skeleton": (SkeletonFeatures(), 4),
    "contours": (ContourFeatures(), 6),
    "run_lengths": (RunLengths(), 6),
    "connectivity": (Connectivity(), 2),
    "geometry": (GeometryFeatures(), 7),
    "projections": (ProjectionHistograms(), 24),
    "density": (QuadrantDensity(), 2),
}
OF_MASK = [name for name in FAMILIES if name not in ("hog", "lbp")]
EXACT = ("lbp", "skeleton", "contours", "connectivity", "geometry")


def assert_hu_close(actual, desired):
    """Equal, or both of a moment that is nothing but rounding: the logarithm's sign is chance there."""
    vanishing = [np.abs(np.where(values == 0, 10, values)) > 9.9999 for values in (actual, desired)]
    ok = np.isclose(actual, desired, rtol=1e-6, atol=1e-6) | (vanishing[0] & vanishing[1])
    np.testing.assert_array_equal(ok, True, err_msg=f"{actual[~ok]} instead of {desired[~ok]}")


def assert_family_equal(name, actual, desired):
    if name in EXACT:
        np.testing.assert_array_equal(actual, desired)
    elif name == "hu":
        assert_hu_close(actual, desired)
    elif name == "hog":
        np.testing.assert_allclose(actual, desired, rtol=0, atol=5e-7 if desired.shape[1] == 1296 else 1e-6)
    else:
        np.testing.assert_allclose(actual, desired, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_loop_over_scikit_image(family, images, expected):
    if family not in expected:
        with pytest.raises(ValueError, match="smaller than one block"):
            HandcraftedFeatures(families=[family]).fit(images)
        return
    actual = HandcraftedFeatures(families=[family]).fit_transform(images)
    assert actual.dtype == np.float32
    assert_family_equal(family, actual, expected[family])


def test_each_family_alone_has_the_same_columns(images, expected):
    together = HandcraftedFeatures(families=list(expected)).fit(images)
    features, names = together.transform(images), together.get_feature_names_out()
    first = 0
    for family in expected:
        alone = FAMILIES[family][0].fit(images)
        columns = slice(first, first + len(alone.get_feature_names_out()))
        np.testing.assert_array_equal(names[columns], alone.get_feature_names_out())
        np.testing.assert_array_equal(features[:, columns], alone.transform(images))
        first = columns.stop
    assert first == features.shape[1] == len(names)


def test_1436_columns_at_28x28_each_with_its_own_name(digits):
    extractor = HandcraftedFeatures().fit(digits)
    names = extractor.get_feature_names_out()
    assert extractor.transform(digits).shape == (20, 1436)
    assert len(set(names)) == len(names) == sum(count for _, count in FAMILIES.values()) == 1436
    for family, (_, count) in FAMILIES.items():
        assert len(HandcraftedFeatures(families=[family]).fit(digits).get_feature_names_out()) == count


def test_columns_keep_their_order_whatever_the_order_of_families(digits):
    ordered = HandcraftedFeatures(families=["hu", "lbp", "density"]).fit(digits)
    shuffled = HandcraftedFeatures(families=("density", "hu", "lbp")).fit(digits)
    np.testing.assert_array_equal(ordered.get_feature_names_out(), shuffled.get_feature_names_out())
    np.testing.assert_array_equal(ordered.transform(digits), shuffled.transform(digits))


@pytest.mark.parametrize("threshold", [0.5, 0.2501, -0.1, "otsu"])
@pytest.mark.parametrize("polarity", ["bright", "dark"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_threshold_and_polarity(threshold, polarity, dtype, blobs, scikit_image_loop):
    scale = scikit_image_loop.full_scale(dtype)
    images = (blobs * scale).astype(dtype)
    extractor = HandcraftedFeatures(families=OF_MASK, threshold=threshold, polarity=polarity).fit(images)
    actual, names = extractor.transform(images), extractor.get_feature_names_out()
    first = 0
    for family in OF_MASK:
        desired = scikit_image_loop.extract(images, [family], threshold, polarity)
        assert_family_equal(family, actual[:, first : first + desired.shape[1]], desired)
        first += desired.shape[1]
    assert first == len(names)


def test_pixels_at_the_threshold_are_background():
    images = np.array([[[127, 128]]], dtype=np.uint8)
    # 127 / 255 is not a float: the comparison is with threshold x 255, in float64.
    for threshold, desired in ((127 / 255, [0, 1]), (128 / 255, [0, 0]), (np.nextafter(127 / 255, 0), [1, 1])):
        densities = Zoning(threshold=threshold).fit_transform(images)[0]
        np.testing.assert_allclose(densities[-2:], np.array(desired) / (sum(desired) + 1e-7), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_otsu_threshold_is_that_of_scikit_image(dtype, blobs, scikit_image_loop):
    for seed in range(5):
        noise = np.random.default_rng(seed).gamma(2, 0.1, blobs.shape).clip(0, 1)
        images = (noise * scikit_image_loop.full_scale(dtype)).astype(dtype)
        above = [image > threshold_otsu(image.astype(float) if images.dtype.kind == "f" else image) for image in images]
        expected = Zoning().fit_transform(np.array(above))
        np.testing.assert_array_equal(Zoning(threshold="otsu").fit_transform(images), expected)


@pytest.mark.parametrize("polarity", ["bright", "dark"])
@pytest.mark.parametrize("value", [np.uint8(0), np.uint8(90), np.uint16(40_000), np.float32(0.3), np.float64(-2)])
def test_otsu_of_a_constant_image_is_an_empty_mask(polarity, value):
    images = np.full((2, 9, 8), value)
    features = HandcraftedFeatures(families=OF_MASK, threshold="otsu", polarity=polarity).fit_transform(images)
    empty = HandcraftedFeatures(families=OF_MASK).fit_transform(np.zeros((2, 9, 8), dtype=np.uint8))
    np.testing.assert_array_equal(features, empty)


def test_otsu_of_values_too_close_for_256_bins_is_an_empty_mask():
    images = np.ones((1, 9, 8))
    images[0, 2:5] = np.nextafter(1, 2)
    assert not Zoning(threshold="otsu").fit_transform(images).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_color_becomes_gray_as_in_pillow(family):
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 20, 3), dtype=np.uint8)
    images[0] = [255, 255, 255]
    gray = np.array([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    for threshold in (0.45, "otsu"):
        extractor = HandcraftedFeatures(families=[family], threshold=threshold)
        np.testing.assert_array_equal(extractor.fit_transform(images), extractor.fit_transform(gray))


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_color_of_other_types_becomes_gray_with_the_same_weights(dtype, scikit_image_loop):
    colors = np.random.default_rng(1).random((4, 16, 20, 3))
    images = (colors * scikit_image_loop.full_scale(dtype)).astype(dtype)
    exact = images.astype(np.float64) @ np.array([19595, 38470, 7471]) / 65536
    gray = np.floor(exact + 0.5).astype(dtype) if dtype == "uint16" else exact
    for family in FAMILIES:
        extractor = HandcraftedFeatures(families=[family], threshold=0.5)
        assert_family_equal(family, extractor.fit_transform(images), extractor.fit_transform(gray))


def test_one_channel_is_gray(digits):
    extractor = HandcraftedFeatures()
    np.testing.assert_array_equal(extractor.fit_transform(digits[..., None]), extractor.fit_transform(digits))


@pytest.mark.parametrize("family", [*OF_MASK, "lbp"])
@pytest.mark.parametrize("channels", [2, 4])
def test_other_channel_counts_are_an_error(family, channels):
    images = np.zeros((2, 8, 8, channels), dtype=np.uint8)
    for extractor in (FAMILIES[family][0], HandcraftedFeatures(families=[family])):
        name = type(extractor).__name__
        with pytest.raises(ValueError, match=rf"{name}: .* 3 channels, got images of shape \(8, 8, {channels}\)"):
            extractor.fit(images)


@pytest.mark.parametrize(
    ("families", "error", "message"),
    [
        (["zonning"], ValueError, "'zonning'; did you mean 'zoning'"),
        (["zoning", "runlengths"], ValueError, "did you mean 'run_lengths'"),
        (["xyz"], ValueError, "unknown name 'xyz'; the names are zoning, hog, hu"),
        (["hu", "lbp", "hu"], ValueError, "'hu' 2 times"),
        ([], ValueError, "families is empty"),
        ("hog", ValueError, "'all' or a sequence of names"),
        (3, TypeError, "'all' or a sequence of names"),
        (None, TypeError, "'all' or a sequence of names"),
        (["hu", 3], TypeError, "must hold names, got 3"),
    ],
)
def test_families_that_cannot_be(families, error, message, digits):
    with pytest.raises(error, match=f"HandcraftedFeatures: .*{message}"):
        HandcraftedFeatures(families=families).fit(digits)


@pytest.mark.parametrize("estimator", [HandcraftedFeatures(), Zoning()])
@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"threshold": "Otsu"}, ValueError, "threshold must be a number or 'otsu', got 'Otsu'"),
        ({"threshold": None}, TypeError, "threshold must be a number"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite"),
        ({"polarity": "light"}, ValueError, "polarity must be one of"),
        ({"polarity": 1}, TypeError, "polarity must be a string"),
    ],
)
def test_mask_parameters_that_cannot_be(estimator, parameters, error, message, digits):
    with pytest.raises(error, match=f"{type(estimator).__name__}: {message}"):
        type(estimator)(**parameters).fit(digits)


def test_negative_values_matter_only_under_the_square_root_of_hog():
    images = np.linspace(-1, 1, 2 * 16 * 16).reshape(2, 16, 16)
    with pytest.raises(ValueError, match="Negative values"):
        HandcraftedFeatures().fit(images)
    for parameters in ({"transform_sqrt": False}, {"families": ["zoning", "lbp"]}):
        assert np.isfinite(HandcraftedFeatures(**parameters).fit_transform(images)).all()
