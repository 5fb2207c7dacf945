import inspect
from itertools import product

import numpy as np
import pytest
from skimage.feature import hog

from skimgfeat.features import HOG, HandcraftedFeatures
from skimgfeat.kernels import reference

NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
SIZES = ((28, 28), (31, 33), (26, 40))


def as_scikit_image_sees_it(images):
    """The float32 image after scaling by type."""
    scale = {"uint8": 255, "uint16": 65535}.get(images.dtype.name, 1)
    return images.astype(np.float32) / np.float32(scale)


def assert_equals_scikit_image(images, **parameters):
    multichannel = images.ndim == 4 and images.shape[-1] > 1
    prepared = as_scikit_image_sees_it(images)
    prepared = prepared[..., 0] if images.ndim == 4 and not multichannel else prepared
    expected = [hog(image, channel_axis=-1 if multichannel else None, **parameters) for image in prepared]
    actual = HOG(**parameters).fit_transform(images)
    assert actual.dtype == np.float32
    bound = 5e-7 if images.shape[1:3] == (28, 28) else 1e-6
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound, err_msg=f"{images.dtype} {parameters}")


def textures(*shape):
    """Noise, noise of few levels (ties on the edges of bins), a mostly black image; uint8."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    return np.stack([noise, noise // 64 * 64, np.where(rng.random(shape) < 0.9, 0, noise)])


def test_defaults_are_those_of_scikit_image():
    theirs = inspect.signature(hog).parameters
    ours = inspect.signature(HOG).parameters
    shared = ("orientations", "pixels_per_cell", "cells_per_block", "block_norm", "transform_sqrt")
    assert {name: ours[name].default for name in shared} == {name: theirs[name].default for name in shared}
    assert tuple(ours)[:5] == shared


@pytest.mark.parametrize("orientations", [1, 2, 7, 8, 9, 12, 18])
@pytest.mark.parametrize("pixels_per_cell", [(1, 1), (4, 4), (3, 5), (8, 6)])
@pytest.mark.parametrize("cells_per_block", [(1, 1), (2, 2), (1, 3)])
def test_equals_scikit_image(orientations, pixels_per_cell, cells_per_block):
    # Each size meets every norm, with and without the square root, over the grid of the other parameters.
    variants = list(product(SIZES, NORMS, (False, True)))
    offset = orientations + sum(pixels_per_cell) + sum(cells_per_block)
    for size, block_norm, transform_sqrt in variants[offset % 5 :: 5]:
        assert_equals_scikit_image(
            textures(*size)[offset % 3 :][:1],
            orientations=orientations,
            pixels_per_cell=pixels_per_cell,
            cells_per_block=cells_per_block,
            block_norm=block_norm,
            transform_sqrt=transform_sqrt,
        )


@pytest.mark.parametrize("block_norm", NORMS)
@pytest.mark.parametrize("transform_sqrt", [False, True])
@pytest.mark.parametrize("size", [*SIZES, (24, 24), (64, 64), (70, 130), (128, 40)])
def test_norms_and_square_root(block_norm, transform_sqrt, size):
    assert_equals_scikit_image(textures(*size), block_norm=block_norm, transform_sqrt=transform_sqrt)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("transform_sqrt", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_channels(channels, transform_sqrt, dtype):
    images = textures(30, 35, channels)
    images = images if dtype == "uint8" else (images / 255).astype(dtype)
    assert_equals_scikit_image(images, pixels_per_cell=(6, 5), cells_per_block=(2, 2), transform_sqrt=transform_sqrt)


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64", "bool"])
@pytest.mark.parametrize("transform_sqrt", [False, True])
def test_types(dtype, transform_sqrt):
    scale = {"uint16": 65535}.get(dtype, 1)
    images = (textures(28, 28) / 255 * scale).astype(dtype)
    assert_equals_scikit_image(images, pixels_per_cell=(4, 4), cells_per_block=(2, 2), transform_sqrt=transform_sqrt)


@pytest.mark.parametrize("transform_sqrt", [False, True])
def test_digits(digits, transform_sqrt):
    parameters = {"pixels_per_cell": (4, 4), "cells_per_block": (2, 2), "transform_sqrt": transform_sqrt}
    assert_equals_scikit_image(digits, **parameters)


@pytest.mark.parametrize("factor", [1e-6, 100.0, 1e4])
def test_floats_are_not_scaled(factor):
    images = textures(28, 28).astype(np.float32) * np.float32(factor)
    assert_equals_scikit_image(images, pixels_per_cell=(4, 4), cells_per_block=(2, 2))


def test_negative_floats():
    images = textures(28, 28).astype(np.float32) / 255 - np.float32(0.5)
    assert_equals_scikit_image(images, pixels_per_cell=(4, 4), cells_per_block=(2, 2))


def test_angles_just_below_zero():
    # Modulo 180, such an angle rounds to 180 degrees, which is in no bin of scikit-image: the vote is lost.
    image = np.zeros((8, 8), dtype=np.float32)
    image[:, 4:] = 1
    # Below it, a gradient of (-1e-18, 1).
    image[3, 3] = 1e-18
    assert_equals_scikit_image(image[None], pixels_per_cell=(4, 4), cells_per_block=(1, 1), block_norm="L1")


def test_multiples_of_45_degrees_lie_in_the_bin_that_they_begin():
    ramps = [np.add.outer(down * np.arange(9.0), right * np.arange(9.0)) for down, right in ((1, 1), (1, -1), (1, 0))]
    for orientations in (4, 8, 12):
        assert_equals_scikit_image(
            np.array(ramps), orientations=orientations, pixels_per_cell=(3, 3), cells_per_block=(1, 1)
        )


def test_blank_image_is_zero():
    for block_norm, signed, interpolate in product(NORMS, (False, True), (False, True)):
        extractor = HOG(block_norm=block_norm, signed=signed, interpolate=interpolate)
        assert not extractor.fit_transform(np.full((2, 24, 24), 77, dtype=np.uint8)).any()


@pytest.mark.parametrize(("signed", "interpolate"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("orientations", [1, 2, 9, 16])
@pytest.mark.parametrize("pixels_per_cell", [(1, 1), (4, 4), (3, 5), (8, 7)])
def test_signed_and_interpolated_bins_equal_their_definition(signed, interpolate, orientations, pixels_per_cell):
    for index, (channels, transform_sqrt) in enumerate(product((1, 3), (False, True))):
        images = textures(31, 33, channels)
        extractor = HOG(
            orientations=orientations,
            pixels_per_cell=pixels_per_cell,
            cells_per_block=(2, 2),
            block_norm=NORMS[index],
            transform_sqrt=transform_sqrt,
            signed=signed,
            interpolate=interpolate,
        )
        actual = extractor.fit_transform(images)
        expected = np.empty_like(actual)
        parameters = extractor.get_params()
        del parameters["image_shape"], parameters["n_jobs"]
        reference.hog(images, expected, scale=255, **parameters)
        if extractor.block_norm == "L1-sqrt":
            # Compared before the square root, which makes 1e-4 of a share of 1e-8 instead of 0.
            actual, expected = actual**2, expected**2
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_hard_unsigned_definition_is_that_of_scikit_image():
    """The definition of signed bins, asked for unsigned ones, gives scikit-image's result."""
    for image in as_scikit_image_sees_it(textures(31, 33)):
        magnitude, angle = reference.gradient(image[..., None], signed=False)
        cells = reference.hard_histograms(magnitude, angle, 9, 20, (8, 8))
        expected = hog(image, cells_per_block=(1, 2), feature_vector=False)
        np.testing.assert_allclose(reference.normalized_blocks(cells, (1, 2), "L2-Hys"), expected, rtol=0, atol=1e-6)


def ramp(degrees, size=9):
    """An image whose gradient has this angle everywhere, from growing columns towards growing rows."""
    angle = np.deg2rad(degrees)
    return np.add.outer(np.sin(angle) * np.arange(size), np.cos(angle) * np.arange(size))[None]


@pytest.mark.parametrize("degrees", [5, 50, 95, 140, 185, 230, 275, 320, 355])
def test_a_rotated_edge_lands_in_its_bin(degrees):
    # The inner 3 x 3 pixels, away from the borders, are the middle cell of 3 x 3.
    middle = np.s_[0, 1, 1, 0, 0]
    for signed, interpolate in product((False, True), (False, True)):
        turn = 360 if signed else 180
        extractor = HOG(12, (3, 3), (1, 1), "L1", signed=signed, interpolate=interpolate)
        cell = extractor.fit_transform(ramp(degrees)).reshape(1, 3, 3, 1, 1, 12)[middle]
        width = turn / 12
        assert cell.argmax() == degrees % turn // width
        if not interpolate:
            assert np.count_nonzero(cell) == 1


def test_a_vertical_edge_by_hand():
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    image[:, :, 4:] = 255
    settings = {"pixels_per_cell": (8, 8), "cells_per_block": (1, 1), "block_norm": "L1"}
    # Gradients of 1 in columns 3 and 4, towards growing columns: 0 degrees, 16 votes over 64 pixels.
    share = 0.25 / (0.25 + 1e-5)
    np.testing.assert_allclose(HOG(**settings).fit_transform(image), [[share] + 8 * [0]], rtol=1e-6)
    signed = HOG(8, **settings, signed=True)
    np.testing.assert_allclose(signed.fit_transform(image), [[share] + 7 * [0]], rtol=1e-6)
    # Bright to dark is 180 degrees: the same without signs, bin 4 of 8 with them.
    np.testing.assert_allclose(HOG(**settings).fit_transform(255 - image), [[share] + 8 * [0]], rtol=1e-6)
    np.testing.assert_allclose(signed.fit_transform(255 - image), [4 * [0] + [share] + 3 * [0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("degrees", "signed", "shares"),
    [
        (30, False, {1: 1}),
        (35, False, {1: 0.75, 2: 0.25}),
        (5, False, {0: 0.75, 8: 0.25}),
        (215, False, {1: 0.75, 2: 0.25}),
        (215, True, {10: 0.75, 11: 0.25}),
        (358, True, {17: 0.6, 0: 0.4}),
    ],
)
def test_an_interpolated_vote_is_shared_between_orientations_by_hand(degrees, signed, shares):
    # Orientations are 20 degrees wide, with centers at 10, 30, ... Only votes of inner pixels reach the middle cell.
    orientations = 18 if signed else 9
    extractor = HOG(orientations, (9, 9), (1, 1), "L1", signed=signed, interpolate=True)
    cell = extractor.fit_transform(ramp(degrees, 27)).reshape(3, 3, orientations)[1, 1]
    expected = [shares.get(orientation, 0) for orientation in range(orientations)]
    np.testing.assert_allclose(cell, expected, rtol=0, atol=2e-5)


def dot(row, col, value, size=16):
    image = np.zeros((1, size, size), dtype=np.float32)
    image[0, row, col] = value
    return image


@pytest.mark.parametrize("signed", [False, True])
def test_interpolated_votes_of_a_pixel_sum_to_its_magnitude(signed):
    # A faint dot has four neighbors with a gradient of its height. Blocks of all cells, normalized by their sum plus
    # 1e-5, give that sum away.
    extractor = HOG(9, (4, 4), (4, 4), "L1", signed=signed, interpolate=True)
    for row, col in ((8, 8), (6, 9), (5, 5), (10, 3)):
        total = extractor.fit_transform(dot(row, col, 1e-4)).sum(dtype=float)
        votes = 4 * 1e-4 / 16
        assert total == pytest.approx(votes / (votes + 1e-5), rel=1e-6)


def test_interpolated_votes_beyond_the_grid_are_lost():
    # A dot in the corner: gradients at (0, 1) and (1, 0), 1.5 and 0.5 pixels from the borders, where cells of 4 keep
    # 1 - (2 - 1.5) / 4 and 1 - (2 - 0.5) / 4 of a vote.
    extractor = HOG(9, (4, 4), (4, 4), "L1", interpolate=True)
    total = extractor.fit_transform(dot(0, 0, 1e-4)).sum(dtype=float)
    votes = 2 * 1e-4 / 16 * 0.875 * 0.625
    assert total == pytest.approx(votes / (votes + 1e-5), rel=1e-6)


def test_an_interpolated_vote_is_shared_between_cells_by_hand():
    # The gradient right of the dot at column 4 lies at column 5, center 5.5, between the centers 2 and 6 of the cells.
    magnitude, angle = np.zeros((8, 8)), np.full((8, 8), 10.0)
    magnitude[2, 5] = 16
    cells = reference.interpolated_histograms(magnitude, angle, 9, 20, (4, 4))
    rows, cols = [1 - 0.5 / 4, 0.5 / 4], [0.5 / 4, 1 - 0.5 / 4]
    np.testing.assert_allclose(cells[..., 0], np.outer(rows, cols), rtol=1e-12)
    assert not cells[..., 1:].any()


@pytest.mark.parametrize("interpolate", [False, True])
def test_pixels_beyond_the_whole_cells_do_not_vote(interpolate):
    image = np.zeros((1, 20, 22), dtype=np.uint8)
    image[:, 17:, :] = 200
    image[:, :, 18:] = 90
    extractor = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2), interpolate=interpolate)
    assert not extractor.fit_transform(image).any()


def test_names_place_each_value():
    extractor = HOG(orientations=6, pixels_per_cell=(4, 4), cells_per_block=(2, 3))
    image = np.zeros((1, 16, 20), dtype=np.uint8)
    # A horizontal edge (90 degrees, orientation 3) in cell row 2, cell column 3 only.
    image[0, 10:, 12:16] = 255
    image[0, 11:, 12:16] = 0
    image[0, 10, 13:15] = 255
    extractor.fit(image)
    names = extractor.get_feature_names_out()
    cells = extractor.transform(image)[0].reshape(3, 3, 2, 3, 6)
    assert len(set(names)) == len(names) == cells.size
    for index in np.ndindex(cells.shape):
        row, col, cell_row, cell_col, orientation = index
        name = f"hog_r{row}_c{col}_b{cell_row}{cell_col}_o{orientation}"
        assert names[np.ravel_multi_index(index, cells.shape)] == name
        in_the_edge = (row + cell_row, col + cell_col) in {(2, 2), (2, 3), (2, 4)}
        assert in_the_edge or cells[index] == 0
    assert cells[2, 2, 0, 1, 3] > 0


def test_names_of_blocks_with_more_than_ten_cells_a_side():
    extractor = HOG(orientations=1, pixels_per_cell=(1, 1), cells_per_block=(11, 2)).fit(np.zeros((1, 11, 2)))
    names = extractor.get_feature_names_out()
    assert len(set(names)) == len(names) == 22
    assert names[3] == "hog_r0_c0_b1_1_o0"
    assert names[-1] == "hog_r0_c0_b10_1_o0"


def test_images_smaller_than_a_block_are_an_error():
    with pytest.raises(ValueError, match=r"HOG: images of 23 rows and 30 columns .* 24 rows and 24 columns.*Resize"):
        HOG().fit(np.zeros((2, 23, 30), dtype=np.uint8))
    assert HOG().fit(np.zeros((2, 24, 24))).transform(np.zeros((1, 24, 24))).shape == (1, 81)


def test_negative_values_under_a_square_root_are_an_error():
    images = np.linspace(-1, 1, 2 * 24 * 24).reshape(2, 24, 24)
    extractor = HOG(transform_sqrt=True)
    with pytest.raises(ValueError, match="Negative values in data passed to HOG"):
        extractor.fit(images)
    extractor.fit(np.abs(images))
    with pytest.raises(ValueError, match="transform_sqrt=False"):
        extractor.transform(images)
    assert np.isfinite(HOG().fit_transform(images)).all()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"orientations": 0}, ValueError, "orientations must be at least 1"),
        ({"orientations": 9.0}, TypeError, "orientations must be an integer"),
        ({"pixels_per_cell": 8}, TypeError, r"pixels_per_cell must be a pair \(rows, cols\)"),
        ({"pixels_per_cell": (8, 0)}, ValueError, "pixels_per_cell must be at least 1"),
        ({"cells_per_block": (1, 2, 3)}, ValueError, r"cells_per_block must be a pair \(rows, cols\)"),
        ({"block_norm": "l2"}, ValueError, "block_norm must be one of"),
        ({"transform_sqrt": "yes"}, TypeError, "transform_sqrt must be True or False"),
        ({"signed": 1}, TypeError, "signed must be True or False"),
        ({"interpolate": None}, TypeError, "interpolate must be True or False"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"image_shape": (24,)}, ValueError, "image_shape must be"),
    ],
)
def test_parameters_that_cannot_be(parameters, error, message):
    with pytest.raises(error, match=f"HOG: {message}"):
        HOG(**parameters).fit(np.zeros((1, 24, 24)))


@pytest.mark.parametrize("extractor", [HOG(), HandcraftedFeatures()], ids=lambda extractor: type(extractor).__name__)
def test_values_too_large_for_float32_raise(extractor):
    images = np.random.default_rng(0).random((3, 28, 28)) * 1e30
    with pytest.raises(ValueError, match=r"too large to compute with, up to 9\.9"):
        extractor.fit(images).transform(images)
