"""Each family against numbers worked out by hand."""

import numpy as np
import pytest

from skimgfeat import HandcraftedFeatures
from skimgfeat.features import (
    LBP,
    Connectivity,
    ContourFeatures,
    GeometryFeatures,
    HuMoments,
    ProjectionHistograms,
    QuadrantDensity,
    RunLengths,
    SkeletonFeatures,
    Zoning,
)

# Three pixels around a corner.
CORNER = [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
CROSS = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
RING = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
BAR = [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
DOT = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
EMPTY = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
FULL = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]


def features(estimator, mask):
    image = np.array([mask], dtype=np.uint8) * 100
    return dict(zip(estimator.fit(image).get_feature_names_out(), estimator.transform(image)[0].tolist(), strict=True))


def test_zoning():
    # Zones begin at 0, 0, 1, 2 of 3: the first along each axis has no pixel, the others one each.
    expected = {f"zone_{i}_{j}": 0 for i in range(4) for j in range(4)}
    expected |= {"zone_1_1": 1, "zone_1_2": 1, "zone_2_2": 1}
    expected |= {"row_sum_0": 2 / 3, "row_sum_1": 1 / 3, "row_sum_2": 0}
    expected |= {"column_sum_0": 1 / 3, "column_sum_1": 2 / 3, "column_sum_2": 0}
    assert features(Zoning(), CORNER) == pytest.approx(expected)


def test_zoning_of_uneven_sides():
    # Rows 0, 1-2, 3, 4-5 of 6 and columns 0, 1, 2, 3-4 of 5.
    image = np.zeros((1, 6, 5), dtype=np.uint8)
    image[0, 1, 2] = image[0, 5, 4] = 1
    result = Zoning().fit_transform(image)[0, :16].reshape(4, 4)
    expected = np.zeros((4, 4))
    expected[1, 2], expected[3, 3] = 1 / 2, 1 / 4
    np.testing.assert_allclose(result, expected)


def test_hu_moments():
    # Normalized central moments: 20 and 02 are 2/27, 11 is 1/27; times 3 ** 2.5, 30 is 2/9, 03 -2/9, 21 1/9, 12 -1/9.
    moments = [4 / 27, 4 / 729, 50 / 19683, 2 / 19683, -20 / 6561 / 59049, -4 / 27 / 19683]
    expected = {f"hu_{i + 1}": -np.sign(m) * np.log10(abs(m) + 1e-10) for i, m in enumerate(moments)}
    result = features(HuMoments(), CORNER)
    # Zero by symmetry, so that rounding chooses the sign.
    assert abs(result.pop("hu_7")) in (0, pytest.approx(10, abs=1e-4))
    assert result == pytest.approx(expected, rel=1e-6)


def test_lbp_of_a_dot():
    # The dot is above all its neighbors, they are not above theirs.
    expected = dict.fromkeys([*(f"lbp_{ones}" for ones in range(9)), "lbp_nonuniform"], 0)
    assert features(LBP(), DOT) == pytest.approx(expected | {"lbp_0": 1 / 9, "lbp_8": 8 / 9})


def test_lbp_of_a_constant_image():
    # Outside is 0: a corner has 3 of 8 points inside, a side 5, the middle 8.
    expected = dict.fromkeys([*(f"lbp_{ones}" for ones in range(9)), "lbp_nonuniform"], 0)
    assert features(LBP(), FULL) == pytest.approx(expected | {"lbp_3": 4 / 9, "lbp_5": 4 / 9, "lbp_8": 1 / 9})


def test_lbp_of_a_checkerboard_is_not_uniform():
    image = np.array([[[9, 0, 9], [0, 5, 0], [9, 0, 9]]], dtype=np.uint8)
    # At the diagonals 0.293 ** 2 of 5, 2 x 0.293 x 0.707 of 0 and 0.707 ** 2 of 9 make 4.9; with 10 for 9 it is 5.4.
    assert LBP().fit_transform(image)[0, 0] == pytest.approx(5 / 9)
    image[image == 9] = 10
    assert LBP().fit_transform(image)[0, -1] == pytest.approx(1 / 9)


def test_lbp_looks_at_values_not_at_a_mask():
    image = np.arange(1, 50, dtype=np.uint16).reshape(1, 7, 7)
    images = np.concatenate([image, image * 1000, image + 60_000])
    result = LBP().fit_transform(images)
    np.testing.assert_array_equal(result[0], result[1])
    # 256 is no multiple of these steps: wrapped to 8 bits they would not grow.
    assert result[0, 8] < 1


def test_skeleton():
    keys = ["skeleton_length", "skeleton_endpoints", "skeleton_branches", "skeleton_area_ratio"]
    assert features(SkeletonFeatures(), BAR) == pytest.approx(dict(zip(keys, [3, 2, 0, 1], strict=True)))
    assert features(SkeletonFeatures(), CROSS) == pytest.approx(dict(zip(keys, [5, 4, 1, 1], strict=True)))
    assert features(SkeletonFeatures(), DOT) == pytest.approx(dict(zip(keys, [1, 0, 0, 1], strict=True)))


def test_contours():
    # Second moments along the axes of the ellipse are 1/3 and 1/9. Border pixels: two with one side and one corner
    # neighbor, (1 + sqrt 2) / 2 each, one with two side neighbors, 1.
    expected = {
        "contour_area": 3,
        "contour_eccentricity": np.sqrt(2 / 3),
        "contour_extent": 3 / 4,
        "contour_solidity": 1,
        "contour_aspect_ratio": 1,
        "contour_perimeter": 2 + np.sqrt(2),
    }
    assert features(ContourFeatures(), CORNER) == pytest.approx(expected)


def test_contours_of_a_ring():
    result = features(ContourFeatures(), RING)
    assert result["contour_area"] == 8
    assert result["contour_extent"] == result["contour_solidity"] == pytest.approx(8 / 9)
    assert result["contour_eccentricity"] == 0


def test_run_lengths():
    # Runs of 2, 1 and 0 along rows; of 1, 2 and 0 along columns.
    expected = {"mean": 1, "std": np.sqrt(2 / 3), "max": 2}
    keys = [f"{line}_run_{name}" for line in ("row", "column") for name in expected]
    assert features(RunLengths(), CORNER) == pytest.approx(dict(zip(keys, 2 * list(expected.values()), strict=True)))
    # Two runs of 1, one of 1, two of 1.
    assert features(RunLengths(), CROSS) == dict(zip(keys, 2 * [1, 0, 1], strict=True))


@pytest.mark.parametrize(
    ("mask", "components", "euler_number"),
    [(EMPTY, 0, 0), (DOT, 1, 1), (CROSS, 1, 1), (RING, 1, 0), ([[1, 0, 1], [0, 0, 0], [1, 1, 1]], 3, 3)],
)
def test_connectivity(mask, components, euler_number):
    assert features(Connectivity(), mask) == {"n_components": components, "euler_number": euler_number}


def test_geometry():
    expected = {
        "box_top": 0,
        "box_left": 0,
        "box_bottom": 2,
        "box_right": 2,
        "centroid_row": 1 / 3,
        "centroid_column": 2 / 3,
        "inertia": 4 / 9,
    }
    assert features(GeometryFeatures(), CORNER) == pytest.approx(expected)


def test_inertia_is_of_the_whole_foreground_around_the_largest_component():
    # The two pixels have their centroid between them; distances 1/2, 1/2 and, of the third pixel, 2 and 3/2.
    result = features(GeometryFeatures(), [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert (result["box_right"], result["centroid_row"], result["centroid_column"]) == (2, 0, 0.5)
    assert result["inertia"] == pytest.approx((1 / 4 + 1 / 4 + 4 + 9 / 4) / 3)


@pytest.mark.parametrize("estimator", [ContourFeatures(), GeometryFeatures()])
def test_the_first_of_equal_components_counts(estimator):
    # A tall and a wide piece of three pixels: the first pixel in raster order decides, not the position.
    tall_first = [[0, 0, 0, 0, 1], [1, 1, 1, 0, 1], [0, 0, 0, 0, 1]]
    wide_first = [[1, 1, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    tall, wide = features(estimator, tall_first), features(estimator, wide_first)
    if isinstance(estimator, ContourFeatures):
        assert (tall["contour_aspect_ratio"], wide["contour_aspect_ratio"]) == pytest.approx((1 / 3, 3))
    else:
        assert (tall["box_left"], tall["box_bottom"], wide["box_left"], wide["box_bottom"]) == (4, 3, 0, 1)


def test_projections():
    # Sums of 2, 1 and 0 in tenths of 3: bins 6, 3 and 0. Five diagonals in groups of 1, 1, 1 and 2.
    sums = {0: 1 / 3, 3: 1 / 3, 6: 1 / 3}
    expected = {f"{line}_sum_histogram_{i}": sums.get(i, 0) for line in ("row", "column") for i in range(10)}
    expected |= {"diagonal_0": 0, "diagonal_1": 0, "diagonal_2": 2 / 3, "diagonal_3": 1 / 3}
    assert features(ProjectionHistograms(), CORNER) == pytest.approx(expected)


def test_projections_of_a_wide_image():
    # Row sums are out of 6 columns, column sums out of 2 rows: a full row and a half-full column.
    result = features(ProjectionHistograms(), [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]])
    assert result["row_sum_histogram_9"] == result["row_sum_histogram_0"] == pytest.approx(1 / 2)
    assert result["column_sum_histogram_5"] == pytest.approx(1)
    # Seven diagonals in groups of 1, 1, 1 and 4; the top row lies on the last six.
    assert [result[f"diagonal_{i}"] for i in range(4)] == pytest.approx([0, 1 / 6, 1 / 6, 4 / 6])


@pytest.mark.parametrize("channel", range(3))
def test_truth_values_of_one_color_are_what_bytes_are(channel):
    image = np.zeros((1, 8, 8, 3), bool)
    image[0, 2:6, 2:6, channel] = True
    for estimator in (QuadrantDensity(), Zoning(), LBP(), HandcraftedFeatures()):
        rows = estimator.fit_transform(image)
        np.testing.assert_array_equal(rows, estimator.fit_transform(image * np.uint8(255)))
        assert rows.any()


def test_quadrant_density():
    assert features(QuadrantDensity(), CORNER) == pytest.approx({"density_left": 1 / 3, "density_right": 2 / 3})


@pytest.mark.parametrize(
    "estimator",
    [
        Zoning(),
        HuMoments(),
        SkeletonFeatures(),
        ContourFeatures(),
        RunLengths(),
        Connectivity(),
        GeometryFeatures(),
        QuadrantDensity(),
    ],
)
def test_an_empty_mask_is_all_zeros(estimator):
    assert not any(features(estimator, EMPTY).values())


def test_threshold_above_every_pixel_of_integers_raises():
    images = np.full((2, 28, 28), 200, dtype=np.uint8)
    with pytest.raises(ValueError, match=r"threshold=128 is above every pixel.*such as 128 / 255"):
        Zoning(threshold=128).fit(images).transform(images)
    assert Zoning(threshold=128).fit(images.astype(float)).transform(images.astype(float))[0, 0] == 1
