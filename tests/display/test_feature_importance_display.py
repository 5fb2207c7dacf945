"""Importances on pixels: where columns lie, by what changes them; and what planted data must show."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skimgfeat import (
    HOG,
    LBP,
    ColorGrid,
    ColorHistogram,
    FeatureImportanceDisplay,
    Flatten,
    HandcraftedFeatures,
    PatchFeatures,
    ProjectionHistograms,
    QuadrantDensity,
    Resize,
    Zoning,
)
from skimgfeat.display._places import places_of
from skimgfeat.kernels import reference

mpl.use("Agg")

PATCH = np.s_[8:16, 16:24]


@pytest.fixture(scope="module")
def gray():
    return np.random.default_rng(0).integers(0, 256, (60, 12, 17), dtype=np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.arange(60) % 3


def pictures(extractor, images):
    """Return the picture of each column alone, and its name."""
    fitted = extractor.fit(images)
    places = places_of("", fitted)
    unit = np.eye(len(places.which))
    return {name: places.spread(column)[0] for name, column in zip(fitted.get_feature_names_out(), unit, strict=True)}


def changes(extractor, images):
    """Return whether a pixel changes a column in any image: (columns, rows, cols)."""
    base = extractor.transform(images)
    changed = np.zeros((base.shape[1], *images.shape[1:]), dtype=bool)
    for row, col in np.ndindex(images.shape[1:]):
        other = images.copy()
        other[:, row, col] ^= 128
        changed[:, row, col] = (np.abs(extractor.transform(other) - base) > 1e-6).any(axis=0)
    return changed


def even(mask):
    return mask / mask.sum()


# Where columns lie


@pytest.mark.parametrize("shape", [(12, 17), (12, 17, 3)])
def test_pixels(shape):
    for name, picture in pictures(Flatten(), np.zeros((1, *shape))).items():
        row, col = (int(part[1:]) for part in name.split("_")[1:3])
        assert picture[row, col] == picture.sum() == 1


@pytest.mark.parametrize("families", [["zoning"], ["density"], ["projections"]])
def test_what_one_bright_pixel_changes_lies_there(families):
    """The foreground is a pixel: shares of it are 1 or 0 by whether it lies in the column's place."""
    shape = (11, 14)
    extractor = HandcraftedFeatures(families)
    found = pictures(extractor, np.zeros((1, *shape)))
    lit = np.eye(shape[0] * shape[1], dtype=np.uint8).reshape(-1, *shape) * 255
    rows = extractor.transform(lit)
    for (name, picture), values in zip(found.items(), rows.T, strict=True):
        expected = 0 * picture if "histogram" in name else even((values > 0).reshape(shape))
        assert_allclose(picture, expected, err_msg=name)


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("shape", [(24, 33), (26, 40)])
def test_hog_columns_lie_where_votes_come_from(interpolate, shape):
    """The share of a pixel is what a vote of 1 from it adds to the cell."""
    votes = {}
    for row, col in np.ndindex(shape):
        magnitude = np.zeros(shape)
        magnitude[row, col] = 1
        cells = reference.cell_histograms(magnitude, np.full(shape, 50.0), 3, (6, 8), False, interpolate).sum(axis=-1)
        for cell, value in np.ndenumerate(cells):
            votes.setdefault(cell, np.zeros(shape))[row, col] = value
    hog = HOG(3, (6, 8), cells_per_block=(2, 3), interpolate=interpolate)
    for name, picture in pictures(hog, np.zeros((1, *shape))).items():
        _, block_row, block_col, (_, cell_row, cell_col), _ = name.split("_")
        cell = int(block_row[1:]) + int(cell_row), int(block_col[1:]) + int(cell_col)
        assert_allclose(picture, even(votes[cell]), atol=1e-12, err_msg=name)


def test_names_of_large_blocks():
    hog = HOG(1, (1, 1), cells_per_block=(12, 11))
    found = pictures(hog, np.zeros((1, 14, 12)))
    assert found["hog_r1_c1_b11_10_o0"][12, 11] == 1
    assert found["hog_r0_c1_b1_10_o0"][1, 11] == 1
    assert found["hog_r2_c0_b10_1_o0"][12, 1] == 1


def test_hog_columns_change_with_their_pixels_and_those_beside(gray):
    """Blocks of one cell: nothing further than a pixel away changes a column."""
    hog = HOG(3, (4, 4), cells_per_block=(1, 1), block_norm="L1")
    found = pictures(hog, gray)
    changed = changes(hog, gray)
    for picture, by in zip(found.values(), changed, strict=True):
        near = np.pad(picture > 0, 1)
        near = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:] | near[1:-1, 1:-1]
        assert not by[~near].any()
        assert by[picture > 0].all()


@pytest.mark.parametrize(
    "extractor",
    [
        ColorGrid(grid=(3, 5)),
        PatchFeatures(2, patch_size=(3, 4), step=2, pooling=(2, 3), random_state=0),
        PatchFeatures(2, patch_size=(3, 4), encoding="triangle", reg_contrast=None, random_state=0),
        Zoning(threshold=0.5),
    ],
    ids=lambda extractor: type(extractor).__name__,
)
def test_columns_change_with_their_pixels_alone(extractor, gray):
    found = pictures(extractor, gray)
    changed = changes(extractor, gray)
    for (name, picture), by in zip(found.items(), changed, strict=True):
        if not name.startswith(("row_sum", "column_sum")):  # shares of a foreground that changes anywhere
            assert_array_equal(picture > 0, by, err_msg=name)


def test_pooled_patches_count_by_how_many_hold_a_pixel(gray):
    patches = PatchFeatures(2, patch_size=(3, 4), step=2, pooling=(2, 3), random_state=0)
    found = pictures(patches, gray)["patch_r1_c1_below_1"]
    expected = np.zeros(gray.shape[1:])
    rows, cols = range(0, 12 - 3 + 1, 2), range(0, 17 - 4 + 1, 2)  # 5 and 7 patches in 2 and 3 cells
    for row in rows[2:5]:
        for col in cols[2:4]:
            expected[row : row + 3, col : col + 4] += 1
    assert_allclose(found, even(expected))


def test_columns_of_the_whole_image_have_no_place(gray):
    found = pictures(HandcraftedFeatures(pixels_per_cell=(4, 4)), gray)
    nowhere = {name for name, picture in found.items() if not picture.any()}
    assert {"lbp_3", "hu_1", "euler_number", "box_top", "row_run_max", "row_sum_histogram_3"} <= nowhere
    assert not any(name.startswith(("zone", "hog", "row_sum_1", "density", "diagonal")) for name in nowhere)


# What is laid back


def from_model(model, images, labels, **options):
    return FeatureImportanceDisplay.from_estimator(model.fit(images, labels), **options)


def test_coefficients_of_several_classes(gray, labels):
    model = make_pipeline(Flatten(), RidgeClassifier())
    display = from_model(model, gray, labels)
    expected = np.abs(model[-1].coef_).sum(axis=0).reshape(12, 17)
    assert_allclose(display.importances, expected / expected.sum())
    assert display.elsewhere == 0
    assert_array_equal(display.image_.get_array(), display.importances)


@pytest.mark.parametrize("model", [LogisticRegression(), Ridge(), RandomForestClassifier(10, random_state=0)])
def test_models_of_one_output(model, gray, labels):
    display = from_model(make_pipeline(Flatten(), model), gray / 255, labels == 1)
    values = getattr(model, "feature_importances_", None)
    expected = np.abs(np.ravel(model.coef_)) if values is None else values
    assert_allclose(display.importances.ravel(), expected / expected.sum())


def test_sparse_coefficients(gray, labels):
    model = make_pipeline(Flatten(), LogisticRegression()).fit(gray / 255, labels)
    dense = FeatureImportanceDisplay.from_estimator(model).importances
    model[-1].sparsify()
    assert_allclose(FeatureImportanceDisplay.from_estimator(model).importances, dense)


def test_steps_in_between(gray, labels):
    """Half of the columns, scaled, selected twice, in a nested pipeline, named by a data frame."""
    blanked = gray.copy()
    blanked[:, :, 10:] = 7
    selection = make_pipeline(VarianceThreshold(), "passthrough", StandardScaler(), SelectKBest(k=40))
    model = make_pipeline(Flatten(), selection, MinMaxScaler(), LogisticRegression()).set_output(transform="pandas")
    display = from_model(model, blanked, labels)
    expected, kept = np.zeros((12, 17)), np.zeros((12, 10))
    best = selection[-1].get_support()
    chosen = np.zeros(120)
    chosen[best] = np.abs(model[-1].coef_).sum(axis=0)
    kept[:] = chosen.reshape(12, 10)
    expected[:, :10] = kept
    assert np.count_nonzero(display.importances) == 40
    assert_allclose(display.importances, expected / expected.sum())


def test_spread_of_columns(gray, labels):
    """Coefficients in other units are other coefficients, which their spread undoes as scaling does."""
    images = gray[:, :5, :4] / 255 * np.array([1, 1, 10, 100])
    model = make_pipeline(Flatten(), LinearRegression())
    without = from_model(model, images, labels).importances
    assert without[:, 3].sum() < 0.02
    known = FeatureImportanceDisplay.from_estimator(model, X=images).importances
    scaled = make_pipeline(Flatten(), StandardScaler(), LinearRegression())
    assert_allclose(from_model(scaled, images, labels).importances, known)
    assert_allclose(FeatureImportanceDisplay.from_estimator(scaled, X=images).importances, known)


def test_unions_stand_side_by_side(gray, labels):
    hog, histogram, grid = HOG(4, (4, 4), (1, 1)), LBP(), ColorGrid()
    model = make_pipeline(make_union(hog, make_pipeline(histogram, MinMaxScaler()), grid), StandardScaler(), Ridge())
    display = from_model(model, gray, labels)
    sizes = np.abs(model[-1].coef_) / np.abs(model[-1].coef_).sum()
    expected = np.zeros((12, 17))
    expected[:12, :16] += np.kron(sizes[:48].reshape(3, 4, 4).sum(axis=-1), np.full((4, 4), 1 / 16))
    for (row, col), value in np.ndenumerate(sizes[58:].reshape(4, 4, -1).sum(axis=-1)):
        cell = np.s_[row * 12 // 4 : (row + 1) * 12 // 4, col * 17 // 4 : (col + 1) * 17 // 4]
        expected[cell] += value / expected[cell].size
    assert_allclose(display.importances, expected, rtol=1e-5)
    assert_allclose(display.elsewhere, sizes[48:58].sum(), rtol=1e-5)
    assert display.ax_.get_xlabel() == f"{display.elsewhere:.1%} of the importance has no place"


def test_resized_images_and_searches(gray, labels):
    model = make_pipeline(Resize((6, 10)), Flatten(), RidgeClassifier())
    search = GridSearchCV(model, {"ridgeclassifier__alpha": [0.1, 1]}, cv=2)
    display = from_model(search, gray, labels)
    coefficients = np.abs(search.best_estimator_[-1].coef_).sum(axis=0).reshape(6, 10)
    assert_allclose(display.importances, coefficients / coefficients.sum())


def test_rows_of_pixels(gray, labels):
    rows = gray.reshape(60, -1)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    display = from_model(model, rows, labels, image_shape=(12, 17))
    assert_allclose(display.importances.ravel(), even(np.abs(model[-1].coef_).sum(axis=0)))
    alone = from_model(LogisticRegression(max_iter=2000), rows, labels, image_shape=(6, 17, 2))
    assert alone.importances.shape == (6, 17)


def test_importances_computed_beforehand(gray, labels):
    hog = HOG(2, (4, 4), (1, 1)).fit(gray)
    forest = RandomForestClassifier(5, random_state=0).fit(hog.transform(gray), labels)
    together = FeatureImportanceDisplay.from_estimator(make_pipeline(hog, forest))
    display = FeatureImportanceDisplay.from_importances(forest.feature_importances_, hog)
    assert_array_equal(display.importances, together.importances)
    scaled = make_pipeline(hog, StandardScaler().fit(hog.transform(gray)))
    assert_array_equal(
        FeatureImportanceDisplay.from_importances(forest.feature_importances_, scaled).importances, display.importances
    )


def test_permutation_importance(gray):
    """Of a model without importances; over the columns it sees, and over the pixels of the images."""
    brightness = (gray[:, 5, 6] > 127).astype(int)
    images = np.where(np.isin(np.arange(204), [5 * 17 + 6]), 3, 0.1) * gray.reshape(60, -1) / 255
    model = make_pipeline(Flatten(image_shape=(12, 17)), SelectKBest(k=50), KNeighborsClassifier(3))
    model.fit(images, brightness)
    over_pixels = permutation_importance(model, images, brightness, n_repeats=3, random_state=0)
    over_pixels.importances_mean[3] = -0.5
    of_columns = permutation_importance(model[-1], model[:-1].transform(images), brightness, n_repeats=3)
    for result in (over_pixels, of_columns, of_columns.importances_mean):
        display = FeatureImportanceDisplay.from_estimator(model, importances=result)
        assert display.importances.min() == 0
        assert_allclose(display.importances.sum(), 1)
        assert display.importances[5, 6] == display.importances.max() > 0.5


# Planted data: noise, and in a patch what tells two classes


def brightness(n_images, random):
    classes = np.arange(n_images) % 2
    images = random.normal(0.5, 0.2, (n_images, 32, 32))
    images[:, *PATCH] += 0.5 * (classes[:, None, None] - 0.5)
    return images.astype(np.float32), classes


def stripes(n_images, random):
    """Of any phase, along or across, so that no pixel tells anything alone."""
    classes = np.arange(n_images) % 2
    images = random.normal(0.5, 0.1, (n_images, 32, 32))
    waves = 0.5 * np.sin(np.arange(8) * np.pi / 2 + random.uniform(0, 2 * np.pi, (n_images, 1)))
    images[:, *PATCH] += np.where(classes[:, None, None] == 0, waves[:, :, None], waves[:, None, :])
    return images.astype(np.float32), classes


FOREST = RandomForestClassifier(random_state=0)
SPARSE = LogisticRegression(C=0.1, l1_ratio=1, solver="liblinear")


@pytest.mark.parametrize(
    ("plant", "steps"),
    [
        (brightness, [Flatten(), FOREST]),
        (brightness, [Flatten(), SPARSE]),
        (brightness, [Flatten(), StandardScaler(), SPARSE]),
        (brightness, [Flatten(), StandardScaler(), SelectKBest(k=80), LogisticRegression()]),
        (stripes, [HOG(), FOREST]),
        (stripes, [HOG(), LogisticRegression(C=0.01)]),
        (stripes, [HOG(), StandardScaler(), SPARSE]),
        (stripes, [HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)), FOREST]),
        (stripes, [HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)), SPARSE]),
        (stripes, [HOG(cells_per_block=(2, 2)), SelectKBest(k=50), LogisticRegression()]),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_patches_are_found(plant, steps, seed):
    """At least 80 % of the importance shown lies in the patch, of a model that tells new images apart."""
    random = np.random.default_rng(seed)
    model = make_pipeline(*steps).fit(*plant(400, random))
    assert model.score(*plant(200, random)) > 0.97
    display = FeatureImportanceDisplay.from_estimator(model)
    shown = display.image_.get_array()
    assert shown[PATCH].sum() >= 0.8 * shown.sum()
    assert display.elsewhere == 0


def test_what_is_planted_nowhere_is_found_nowhere():
    """The share of the patch is that of its area where the classes mean nothing."""
    random = np.random.default_rng(0)
    images, _ = brightness(400, random)
    shuffled = random.permutation(np.arange(400) % 2)
    display = from_model(make_pipeline(Flatten(), FOREST), images - images.mean(axis=(1, 2))[:, None, None], shuffled)
    assert display.importances[PATCH].sum() < 0.12


# How it is drawn


def test_over_an_image(gray):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    importances = np.arange(12.0).reshape(3, 4) / 66
    display = FeatureImportanceDisplay(importances, image=gray[0]).plot(ax=axes[1], colorbar=False)
    below, above = axes[1].images
    assert display.image_ is above
    assert display.colorbar_ is None
    assert display.figure_ is figure
    assert below.get_extent() == above.get_extent()
    assert_allclose(below.get_array(), gray[0] / 255)
    opacity = above.to_rgba(importances)[..., 3]
    assert opacity[0, 0] == 0
    assert_allclose(opacity.ravel(), importances.ravel() / importances.max() * 0.9, atol=0.01)


def test_colorbar_tells_percents():
    display = FeatureImportanceDisplay(np.full((2, 2), 0.25)).plot()
    display.figure_.canvas.draw()
    assert display.colorbar_.ax.get_yticklabels()[-1].get_text() == "25.0%"
    assert display.image_.get_clim() == (0, 0.25)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (make_pipeline(Flatten(), KNeighborsClassifier()), {}, TypeError, "KNeighborsClassifier has neither"),
        (make_pipeline(Flatten(), PCA(3), Ridge()), {}, ValueError, "PCA makes new columns"),
        (make_pipeline(Flatten(), Ridge()), {"importances": [1, 2]}, ValueError, r"each of 204 .* got shape \(2"),
        (make_pipeline(Zoning(), Ridge()), {"importances": [[1]]}, ValueError, r"one for each of 45 .* or 204 pixels"),
        (make_pipeline(Zoning(), Ridge()), {"importances": [np.nan] * 45}, ValueError, "NaN"),
        (make_pipeline(Zoning(), Ridge()), {"importances": [-1.0] * 45}, ValueError, "no importance is above 0"),
        (make_pipeline(LBP(), Ridge()), {}, ValueError, "no column that counts has a place"),
        (make_pipeline(Resize((8, 8)), Flatten(), Ridge()), {"image_shape": (9, 9)}, ValueError, "Resize makes new"),
        (make_pipeline(make_union(Zoning(), make_pipeline(Resize((8, 9)), Zoning())), Ridge()), {}, ValueError,
         r"one size, got \(8, 9\) and \(12, 17\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_laid_back(model, options, error, message, gray, labels):
    with pytest.raises(error, match=f"^FeatureImportanceDisplay: .*{message}"):
        from_model(model, gray, labels, **options)


def test_rows_need_a_shape(gray, labels):
    rows = gray.reshape(60, -1)
    for model in (make_pipeline(StandardScaler(), Ridge()), Ridge()):
        with pytest.raises(ValueError, match=r"^FeatureImportanceDisplay: .*image_shape"):
            from_model(model, rows, labels)
    with pytest.raises(ValueError, match=r"importances must be one for each of 99 columns"):
        from_model(Ridge(), rows, labels, image_shape=(9, 11))
    with pytest.raises(ValueError, match=r"image_shape must tell every side, got \(12, -1\)"):
        from_model(Ridge(), rows, labels, image_shape=(12, -1))


def test_models_must_be_fitted(gray):
    for model in (RandomForestClassifier(), LogisticRegression()):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            FeatureImportanceDisplay.from_estimator(make_pipeline(Flatten().fit(gray), model))


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^FeatureImportanceDisplay needs matplotlib: pip install"):
        FeatureImportanceDisplay(np.ones((2, 2))).plot()


@pytest.mark.parametrize("extractor", [ColorHistogram(), QuadrantDensity(), ProjectionHistograms()])
def test_families_alone(extractor):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    assert len(pictures(extractor, images)) == extractor.transform(images).shape[1]
