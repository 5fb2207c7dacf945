"""QuantizedPCA against scikit-learn's principal components, NumPy's percentiles, and codes worked by hand."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import NotFittedError

from skimgfeat import QuantizedPCA
from skimgfeat.descriptors._moments import Moments
from skimgfeat.descriptors._quantiles import ProjectionHistogram, Reservoir

SOLVERS = ["moments", "incremental"]
EVERYTHING = {"quantile_range": (0, 100), "margin": 0}


def make_rows(n, n_features=24, dtype=np.uint8, seed=0):
    """Rows like descriptors: correlated, skewed, cut off at 0."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_features, n_features)) * np.geomspace(20, 1, n_features)[:, None]
    values = np.clip(rng.standard_gamma(2, (n, n_features)) @ mixing / 2 + 60, 0, 255)
    return np.rint(values).astype(dtype) if dtype == np.uint8 else (values / 255).astype(dtype)


@pytest.fixture(scope="module")
def rows():
    return make_rows(5000)


def project(pca, X):
    return (X.astype(float) - pca.mean_) @ pca.components_.T.astype(float)


def codes_by_definition(pca, X, n_steps=255):
    scaled = (project(pca, X) - pca.lower_) / (pca.upper_ - pca.lower_) * n_steps
    return np.rint(np.clip(scaled, 0, n_steps)), scaled


def assert_same_fit(one, other, atol=0.0):
    for name in ("components_", "mean_", "explained_variance_", "explained_variance_ratio_", "lower_", "upper_"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=atol, err_msg=name)
    assert one.n_samples_seen_ == other.n_samples_seen_


# --- Principal components


@pytest.mark.parametrize("batch_size", [1, 37, 2000, 10_000])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_moments_are_pca(dtype, batch_size):
    X = make_rows(2500, dtype=dtype)
    pca = QuantizedPCA(10, batch_size=batch_size).fit(X)
    expected = PCA(10, svd_solver="covariance_eigh").fit(X.astype(float))
    for name in ("components_", "mean_", "explained_variance_", "explained_variance_ratio_"):
        assert_allclose(getattr(pca, name), getattr(expected, name), rtol=1e-9, atol=1e-9, err_msg=name)
    assert (pca.n_components_, pca.n_samples_seen_) == (10, 2500)


def test_moments_far_from_zero():
    """The sums are about the mean of the first rows, or a large mean would leave no digits to the variance."""
    X = make_rows(3000, dtype=np.float64)
    near, far = (QuantizedPCA(8).fit(X + offset) for offset in (0, 1e6))
    assert_allclose(far.explained_variance_, near.explained_variance_, rtol=1e-8)
    assert_allclose(far.components_, near.components_, rtol=0, atol=1e-7)


@pytest.mark.parametrize("batch_size", [50, 640, 2000])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_incremental_is_incremental_pca(dtype, batch_size):
    X = make_rows(2500, dtype=dtype)
    expected = IncrementalPCA(10, batch_size=batch_size).fit(X)
    by_fit = QuantizedPCA(10, solver="incremental", batch_size=batch_size).fit(X)
    by_parts = QuantizedPCA(10, solver="incremental")
    starts = range(0, len(X), batch_size)
    for start in starts:
        by_parts.partial_fit(X[start : start + batch_size])
    for name in ("components_", "mean_", "explained_variance_", "explained_variance_ratio_"):
        assert_array_equal(getattr(by_fit, name), getattr(expected, name), err_msg=name)
        assert_array_equal(getattr(by_parts, name), getattr(expected, name), err_msg=name)
    assert by_fit.n_samples_seen_ == by_parts.n_samples_seen_ == expected.n_samples_seen_ == 2500


def test_incremental_leaves_no_last_batch_too_small():
    """As in scikit-learn, a rest of fewer rows than components belongs to the batch before."""
    X = make_rows(103, dtype=np.float64)
    pca = QuantizedPCA(10, solver="incremental", batch_size=50).fit(X)
    assert_array_equal(pca.components_, IncrementalPCA(10, batch_size=50).fit(X).components_)


def test_whole_numbers_are_summed_exactly(rows):
    """Integers by definition: no order and no batch can change a bit."""
    shuffled = np.random.default_rng(1).permutation(rows)
    extremes = np.concatenate([np.zeros((3000, 24), np.uint8), np.full((3000, 24), 255, np.uint8), rows])
    one, other, most = Moments(24), Moments(24), Moments(24)
    one.update(rows)
    for start in range(0, len(rows), 611):
        other.update(shuffled[start : start + 611])
    most.update(extremes)
    for moments, X in ((one, rows), (other, rows), (most, extremes)):
        shifted = X.astype(np.int64) - 128
        assert_array_equal(moments._products, shifted.T @ shifted)
        assert_array_equal(moments._sums, shifted.sum(axis=0))


def test_fit_of_whole_numbers_is_the_same_to_the_bit(rows):
    shuffled = np.random.default_rng(1).permutation(rows)
    one = QuantizedPCA(8).fit(rows)
    for batch_size in (3, 700):
        other = QuantizedPCA(8, batch_size=batch_size).fit(shuffled)
        assert_same_fit(one, other)
        assert one.clipped_fraction_ == other.clipped_fraction_
        assert_array_equal(one.transform(rows), other.transform(rows))


def test_fit_of_floats_is_the_same_to_rounding():
    X = make_rows(5000, dtype=np.float32)
    one = QuantizedPCA(8).fit(X)
    other = QuantizedPCA(8, batch_size=311).fit(np.random.default_rng(1).permutation(X))
    assert_same_fit(one, other, atol=1e-11)


def test_types_agree(rows):
    by_bytes = QuantizedPCA(8).fit(rows)
    for dtype in (np.float32, np.float64, np.int32):
        by_floats = QuantizedPCA(8).fit(rows.astype(dtype))
        assert_same_fit(by_bytes, by_floats, atol=1e-9)
        assert_array_equal(by_bytes.transform(rows), by_bytes.transform(rows.astype(dtype)))


# --- Ranges


@pytest.mark.parametrize("quantile_range", [(0.1, 99.9), (0, 100), (1, 97.5), (0, 50), (60, 90), (1e-6, 100 - 1e-6)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_ranges_are_percentiles(rows, solver, quantile_range):
    pca = QuantizedPCA(12, quantile_range, margin=0, solver=solver).fit(rows)
    projected = project(pca, rows)
    spread = projected.std(axis=0)
    expected = np.percentile(projected, quantile_range, axis=0)
    for got, wanted, percentage in zip((pca.lower_, pca.upper_), expected, quantile_range, strict=True):
        exact = percentage in (0, 100)
        bound = 1e-9 if exact else (spread + np.abs(wanted)) / 4096 * (1 + 1e-6)
        assert np.all(np.abs(got - wanted) <= bound)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 1500])
@pytest.mark.parametrize("scale", ["normal", "cauchy", "huge outlier"])
def test_the_histogram_keeps_its_bound(n, scale):
    """Whatever the tails: the bound is relative to the percentile itself."""
    rng = np.random.default_rng(n)
    values = rng.standard_cauchy(n) if scale == "cauchy" else rng.normal(size=n)
    if scale == "huge outlier":
        values[0] = 1e9
    values -= values.mean()
    spread = values.std(keepdims=True)
    histogram = ProjectionHistogram(np.zeros(1), np.ones((1, 1)), spread)
    for start in range(0, n, 13):
        histogram.update(values[start : start + 13, np.newaxis])
    percentages = np.array([0, 0.1, 1, 25, 50, 99, 99.9, 100])
    expected = np.percentile(values, percentages)
    got = histogram.percentiles(percentages)[:, 0]
    # Between two values, numpy interpolates: the error is that of the larger one.
    below, above = (np.percentile(values, percentages, method=method) for method in ("lower", "higher"))
    bound = (spread + np.maximum(np.abs(below), np.abs(above))) / 4096
    assert np.all(np.abs(got - expected) <= bound * (1 + 1e-6))
    assert_allclose(got[[0, -1]], expected[[0, -1]], rtol=1e-14)


def test_the_histogram_rounds_far_below_a_bin_and_knows_no_batches():
    """Where components are of similar spread, in float32; in float64 where one is far smaller."""
    X = make_rows(3000)
    pca = PCA(12).fit(X.astype(float))
    projected = pca.transform(X.astype(float))
    percentages = [0.1, 20, 99.9]
    for factor, dtype in ((1, np.float32), (1e-4, np.float64)):
        scale = np.where(np.arange(12) == 11, factor, 1)
        spread = projected.std(axis=0) * scale
        found = []
        for size in (3000, 1024, 7):
            histogram = ProjectionHistogram(pca.mean_, pca.components_ * scale[:, np.newaxis], spread, exact_ends=False)
            for start in range(0, len(X), size):
                histogram.update(X[start : start + size])
            assert histogram._block.dtype == dtype
            assert histogram.n_rows == 3000
            found.append(histogram.percentiles(percentages))
            assert histogram.percentiles([0, 100]) == pytest.approx(
                np.percentile(projected * scale, [0, 100], axis=0), rel=1e-5
            )
        assert_array_equal(found[0], found[1])
        assert_array_equal(found[0], found[2])
        expected = np.percentile(projected * scale, percentages, axis=0)
        assert np.all(np.abs(found[0] - expected) <= (spread + np.abs(expected)) / 4000)


def test_rows_of_the_second_pass_may_be_others():
    """Values beyond what the spread of the first pass allows are counted in the last bin."""
    histogram = ProjectionHistogram(np.zeros(1), np.ones((1, 1)), np.ones(1))
    histogram.update(np.array([[-1e12], [0.0], [1.0], [1e12]]))
    assert_array_equal(histogram.percentiles([0, 100])[:, 0], [-1e12, 1e12])


@pytest.mark.parametrize("margin", [0, 0.01, 0.5])
def test_margin_is_a_fraction_of_the_range(rows, margin):
    bare = QuantizedPCA(6, margin=0).fit(rows)
    pca = QuantizedPCA(6, margin=margin).fit(rows)
    span = bare.upper_ - bare.lower_
    assert_allclose(pca.lower_, bare.lower_ - margin * span)
    assert_allclose(pca.upper_, bare.upper_ + margin * span)


def test_the_range_is_over_all_rows_not_over_parts(rows):
    """The extreme of the percentiles of parts, as in the notebook, is wider."""
    pca = QuantizedPCA(8, margin=0).fit(rows)
    parts = np.percentile(project(pca, rows).reshape(50, 100, 8), (0.1, 99.9), axis=1)
    of_parts = parts[1].max(axis=0) - parts[0].min(axis=0)
    assert np.all(pca.upper_ - pca.lower_ < of_parts)


# --- Codes


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("n_bits", "n_steps"), [(8, 255), (4, 15)])
def test_codes_by_definition(dtype, n_bits, n_steps):
    X = make_rows(3000, dtype=dtype)
    pca = QuantizedPCA(10, n_bits=n_bits).fit(X)
    expected, scaled = codes_by_definition(pca, X, n_steps)
    codes = pca.transform(X)
    assert codes.dtype == np.uint8
    if n_bits == 4:
        codes = np.stack([codes // 16, codes % 16], axis=2).reshape(len(codes), -1)
    # Where the definition itself is a matter of rounding, either code is right.
    is_clear = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-7
    assert is_clear.mean() > 0.999
    assert_array_equal(codes[is_clear], expected[is_clear])
    assert codes.min() == 0
    assert codes.max() == n_steps


def test_codes_far_from_zero():
    """float32 has steps of 0.06 there, wider than those of some codes."""
    X = make_rows(2000, dtype=np.float64) + 1e6
    pca = QuantizedPCA(10).fit(X)
    expected, scaled = codes_by_definition(pca, X)
    is_clear = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-6
    assert_array_equal(pca.transform(X)[is_clear], expected[is_clear])


def test_codes_by_hand():
    """Two columns, one component: from 0 to 51 along (0.6, 0.8), in steps of 0.2."""
    X = np.outer([0, 0.09, 0.11, 0.2, 12.3, 25.5, 50.9, 51], [0.6, 0.8])
    pca = QuantizedPCA(1, **EVERYTHING).fit(X)
    assert_allclose(pca.components_, [[0.6, 0.8]])
    assert_array_equal(pca.transform(X).ravel()[[0, 1, 2, 3, 6, 7]], [0, 0, 1, 1, 254, 255])
    assert pca.transform([[-6, -8], [600, 800]]).tolist() == [[0], [255]]
    assert_allclose(pca.inverse_transform([[0], [1], [255]]), np.outer([0, 0.2, 51], [0.6, 0.8]), atol=1e-5)


def test_four_bits_by_hand():
    """Codes 1, 2, 3 of three components are the bytes 0x12 and 0x30."""
    X = np.diag([15.0, 15, 15])[[0, 1, 2, 0, 1, 0]] - 5
    pca = QuantizedPCA(3, n_bits=4).fit(X)
    pca.mean_, pca.components_ = np.zeros(3), np.eye(3)
    pca.lower_, pca.upper_ = np.zeros(3), np.full(3, 15.0)
    pca._set_quantizer()
    assert pca.transform([[1, 2, 3], [15, 0, 15], [0, 15, 99], [-9, 1.4, 1.6]]).tolist() == [
        [0x12, 0x30],
        [0xF0, 0xF0],
        [0x0F, 0xF0],
        [0x01, 0x20],
    ]
    assert_array_equal(pca.inverse_transform([[0x12, 0x30], [0xF0, 0xF0]]), [[1, 2, 3], [15, 0, 15]])


@pytest.mark.parametrize("n_components", [1, 2, 5, 8])
def test_four_bits_pack_two_in_a_byte(rows, n_components):
    pca = QuantizedPCA(n_components, n_bits=4).fit(rows)
    codes = pca.transform(rows)
    n_bytes = -(-n_components // 2)
    assert codes.shape == (5000, n_bytes)
    assert list(pca.get_feature_names_out()) == [f"quantizedpca{index}" for index in range(n_bytes)]
    if n_components % 2:
        assert not np.any(codes[:, -1] & 15)
    assert_array_equal(pca.transform(pca.inverse_transform(codes)), codes)


def test_names(rows):
    names = QuantizedPCA(3).fit(rows).get_feature_names_out()
    assert list(names) == ["quantizedpca0", "quantizedpca1", "quantizedpca2"]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_row_has_its_codes_whatever_is_beside_it(dtype):
    """Matrix products of another shape round differently: what is close to a half is settled for each value alone."""
    X = make_rows(6000, n_features=128, dtype=dtype)
    pca = QuantizedPCA(64).fit(X)
    together = pca.transform(X)
    for size in (1, 5, 2049):
        parts = range(0, 600 if size < 9 else len(X), size)
        apart = np.vstack([pca.transform(X[start : start + size]) for start in parts])
        assert_array_equal(apart, together[: len(apart)])
    assert_array_equal(pca.transform(X[::-1]), together[::-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_codes_are_those_of_float64(dtype):
    """Among two million codes, some tens come out wrong in float32 alone."""
    X = make_rows(32_000, n_features=128, dtype=dtype)
    pca = QuantizedPCA(64).fit(X[:4000])
    expected, scaled = codes_by_definition(pca, X)
    is_clear = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-9
    assert_array_equal(pca.transform(X)[is_clear], expected[is_clear])


def test_ties_are_settled_in_float64():
    """Every value lies so close to a half that float32 cannot tell its side."""
    steps = np.arange(256.0)
    X = np.concatenate([steps, steps[:-1] + 0.5 - 1e-7, steps[:-1] + 0.5 + 1e-7])[:, np.newaxis]
    pca = QuantizedPCA(1, **EVERYTHING).fit(X)
    expected = np.concatenate([steps, steps[:-1], steps[1:]])
    assert_array_equal(pca.transform(X).ravel(), expected)


def test_far_outliers_are_clipped():
    X = np.array([[1e-16, 0], [0, 1e-17], [-1e-16, 0], [0, -1e-17]])
    pca = QuantizedPCA(2, **EVERYTHING).fit(X)
    assert pca.transform([[1e15, 1e15], [-1e15, -1e15], [1e15, 0]]).tolist() == [[255, 255], [0, 0], [255, 128]]


def test_rows_in_memory_of_any_layout(rows, tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, rows)
    mapped = np.load(path, mmap_mode="r")
    expected = QuantizedPCA(8).fit(rows)
    for X in (mapped, np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2]):
        pca = QuantizedPCA(8, batch_size=1000).fit(X)
        assert_same_fit(pca, expected)
        assert_array_equal(pca.transform(X), expected.transform(rows))
    assert_array_equal(mapped, rows)


def test_rows_are_not_written_to():
    for solver in SOLVERS:
        X = make_rows(300, dtype=np.float64)
        before = X.copy()
        pca = QuantizedPCA(4, solver=solver).fit(X).partial_fit(X)
        pca.transform(X)
        assert_array_equal(X, before)


# --- What is lost


@pytest.mark.parametrize("n_bits", [8, 4])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("parameters", [{}, EVERYTHING, {"quantile_range": (5, 80), "margin": 0}], ids=str)
def test_losses_are_those_of_the_rows(rows, solver, n_bits, parameters):
    pca = QuantizedPCA(12, solver=solver, n_bits=n_bits, **parameters).fit(rows)
    restored = pca.inverse_transform(pca.transform(rows))
    assert restored.dtype == np.float32
    assert_allclose(pca.reconstruction_error_, ((restored - rows) ** 2.0).mean(), rtol=1e-3)
    projected = project(pca, rows)
    clipped = (projected < pca.lower_ - 1e-9) | (projected > pca.upper_ + 1e-9)
    assert_allclose(pca.clipped_fraction_, clipped.mean(), rtol=0, atol=1e-3)
    assert (pca.clipped_fraction_ == 0) == (parameters == EVERYTHING)


def test_losses_of_partial_fit_are_exact(rows):
    pca = QuantizedPCA(12).partial_fit(rows)
    restored = pca.inverse_transform(pca.transform(rows))
    assert_allclose(pca.reconstruction_error_, ((restored - rows) ** 2.0).mean(), rtol=1e-6)
    projected = project(pca, rows)
    assert pca.clipped_fraction_ == ((projected < pca.lower_) | (projected > pca.upper_)).mean()


def test_all_components_lose_less_than_half_a_step(rows):
    pca = QuantizedPCA(None, **EVERYTHING).fit(rows)
    restored = pca.inverse_transform(pca.transform(rows))
    half_a_step = (pca.upper_ - pca.lower_) / 510
    assert np.all(np.abs(project(pca, restored) - project(pca, rows)) <= half_a_step + 1e-3)
    assert pca.n_components_ == 24


def test_codes_that_are_not_codes(rows):
    pca = QuantizedPCA(4).fit(rows)
    codes = pca.transform(rows[:3])
    assert_array_equal(pca.inverse_transform(codes.astype(float)), pca.inverse_transform(codes))
    for bad in (codes + 0.5, codes - 256.0, codes + 256.0):
        with pytest.raises(ValueError, match=r"QuantizedPCA: codes must be whole numbers from 0 to 255"):
            pca.inverse_transform(bad)
    with pytest.raises(ValueError, match=r"codes must have 4 columns, as transform gives them, got 3"):
        pca.inverse_transform(codes[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        pca.inverse_transform(np.full((1, 4), np.nan))


# --- partial_fit


def test_partial_fit_of_few_rows_has_exact_percentiles(rows):
    pca = QuantizedPCA(8, margin=0)
    for start in range(0, 5000, 900):
        pca.partial_fit(rows[start : start + 900])
    expected = PCA(8, svd_solver="covariance_eigh").fit(rows.astype(float))
    assert_allclose(pca.components_, expected.components_, rtol=0, atol=1e-9)
    low, high = np.percentile(project(pca, rows), (0.1, 99.9), axis=0)
    assert_allclose(pca.lower_, low, rtol=1e-9)
    assert_allclose(pca.upper_, high, rtol=1e-9)
    assert_same_fit(pca, QuantizedPCA(8, margin=0).partial_fit(rows))


def test_partial_fit_of_many_rows_draws_them(rows):
    pcas = [QuantizedPCA(8, n_quantile_samples=500, random_state=seed) for seed in (3, 3, 4)]
    for pca, size in zip(pcas, (900, 333, 900), strict=True):
        for start in range(0, 5000, size):
            pca.partial_fit(rows[start : start + size])
    assert_same_fit(pcas[0], pcas[1])
    by_instance = QuantizedPCA(8, n_quantile_samples=500, random_state=np.random.RandomState(3)).partial_fit(rows)
    assert_same_fit(pcas[0], by_instance)
    assert np.any(pcas[0].lower_ != pcas[2].lower_)
    fitted = QuantizedPCA(8).fit(rows)
    assert_allclose(pcas[0].upper_ - pcas[0].lower_, fitted.upper_ - fitted.lower_, rtol=0.35)


def test_partial_fit_goes_on_after_fit(rows):
    for solver in SOLVERS:
        pca = QuantizedPCA(8, solver=solver, batch_size=1000).fit(rows[:3000]).partial_fit(rows[3000:4000])
        expected = QuantizedPCA(8, solver=solver)
        for start in range(0, 4000, 1000):
            expected.partial_fit(rows[start : start + 1000])
        assert_same_fit(pca, expected)


def test_fit_begins_anew(rows):
    pca = QuantizedPCA(8).fit(rows[:1000])
    assert_same_fit(pca.partial_fit(rows[:500]).fit(rows), QuantizedPCA(8).fit(rows))
    assert_same_fit(pca.fit(rows[:, :10]), QuantizedPCA(8).fit(rows[:, :10]))


def test_partial_fit_takes_types_in_turn(rows):
    halves = rows[:2500], rows[2500:].astype(np.float32) + np.float32(0.5)
    together = np.concatenate([half.astype(float) for half in halves])
    for order in (halves, halves[::-1]):
        pca = QuantizedPCA(8, margin=0)
        for half in order:
            pca.partial_fit(half)
        assert_same_fit(pca, QuantizedPCA(8, margin=0).partial_fit(together), atol=1e-9)


def test_first_batches_may_be_small_with_moments(rows):
    pca = QuantizedPCA(8)
    for start in range(0, 40, 4):
        pca.partial_fit(rows[start : start + 4])
        codes = pca.transform(rows[:4])
        assert codes.shape == (4, 8)
    assert_same_fit(pca, QuantizedPCA(8).partial_fit(rows[:40]))


def test_none_is_decided_by_the_first_batch(rows):
    for solver in SOLVERS:
        pca = QuantizedPCA(None, solver=solver).partial_fit(rows[:5]).partial_fit(rows[:50])
        assert pca.n_components_ == 5
        assert QuantizedPCA(None, solver=solver).fit(rows[:7]).n_components_ == 7


def test_the_reservoir_is_uniform():
    """Each of 40 rows is kept in about a quarter of 4,000 draws (5 standard deviations)."""
    kept = np.zeros(40)
    for seed in range(4000):
        reservoir = Reservoir(10, 1, np.random.RandomState(seed))
        for part in np.split(np.arange(40)[:, np.newaxis], [3, 9, 20]):
            reservoir.update(part)
        rows = reservoir.rows.ravel()
        assert len(set(rows)) == 10
        kept[rows] += 1
    assert np.all(np.abs(kept - 1000) < 5 * np.sqrt(4000 * 0.25 * 0.75))


def test_a_pickled_reservoir_holds_its_rows_and_no_room():
    reservoir = Reservoir(100, 10_000, np.random.RandomState(0))
    for n_rows in (10, 1):
        reservoir.update(np.ones((n_rows, 10_000), np.uint8))
    data = pickle.dumps(reservoir)
    assert len(data) < 12 * 10_000
    assert_array_equal(pickle.loads(data).rows, reservoir.rows)


def test_pickled_it_goes_on(rows):
    pca = QuantizedPCA(8, n_quantile_samples=100, random_state=0).partial_fit(rows[:1000])
    twin = pickle.loads(pickle.dumps(pca))
    assert_same_fit(pca.partial_fit(rows[1000:]), twin.partial_fit(rows[1000:]))
    assert_array_equal(pca.transform(rows), twin.transform(rows))


# --- Data without spread


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_constant_rows(solver, n, dtype, method):
    X = np.full((n, 5), 7, dtype=dtype)
    X[:, 1] = 201
    pca = getattr(QuantizedPCA(1, solver=solver), method)(X)
    assert_array_equal(pca.transform(X), np.zeros((n, 1)))
    assert_allclose(pca.inverse_transform(pca.transform(X)), X, rtol=1e-6)
    assert_array_equal(pca.lower_, pca.upper_)
    assert (pca.explained_variance_[0], pca.explained_variance_ratio_[0]) == (0, 0)
    assert (pca.reconstruction_error_, pca.clipped_fraction_) == (pytest.approx(0, abs=1e-9), 0)


@pytest.mark.parametrize("n_bits", [8, 4])
def test_rows_of_low_rank(n_bits):
    """What rounding leaves along the third axis is not spread over all codes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 100
    pca = QuantizedPCA(4, n_bits=n_bits, **EVERYTHING).fit(X)
    assert_array_equal(pca.lower_[2:], pca.upper_[2:])
    assert np.all(pca.lower_[:2] < pca.upper_[:2])
    codes = pca.transform(X)
    assert not np.any(codes[:, 2:] if n_bits == 8 else codes[:, 1])
    error = np.abs(pca.inverse_transform(codes) - X).max()
    assert error < (0.1 if n_bits == 8 else 1)


def test_one_column():
    X = np.arange(86.0)[:, np.newaxis]
    pca = QuantizedPCA(1, **EVERYTHING).fit(X)
    assert_array_equal(pca.components_, [[1]])
    assert_array_equal(pca.transform(X).ravel(), 3 * np.arange(86))
    assert_allclose(pca.inverse_transform(pca.transform(X)), X, atol=1e-5)


# --- What is refused


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_many_components(rows, solver):
    with pytest.raises(ValueError, match=r"^QuantizedPCA: n_components=25 must be at most .* n_features=24 columns;"):
        QuantizedPCA(25, solver=solver).fit(rows)
    with pytest.raises(ValueError, match=r"QuantizedPCA: .*n_components=9.* n_samples=8"):
        QuantizedPCA(9, solver=solver).fit(rows[:8])
    with pytest.raises(ValueError, match=r"n_features=24 columns"):
        QuantizedPCA(25, solver=solver).partial_fit(rows)


def test_too_few_rows_in_the_first_batch(rows):
    pca = QuantizedPCA(9, solver="incremental", batch_size=8)
    for method in (pca.fit, pca.partial_fit):
        with pytest.raises(ValueError, match=r"first batch must hold at least n_components=9 rows, got n_samples=8"):
            method(rows[:8] if method == pca.partial_fit else rows)
    # What was refused counts for nothing, its number of columns included.
    assert pca.partial_fit(rows[:9, :20]).partial_fit(rows[:2, :20]).n_samples_seen_ == 11


def test_other_columns(rows):
    pca = QuantizedPCA(4).fit(rows)
    for method in (pca.transform, pca.partial_fit):
        with pytest.raises(ValueError, match="X has 23 features, but QuantizedPCA is expecting 24 features"):
            method(rows[:, 1:])
    with pytest.raises(NotFittedError):
        QuantizedPCA().transform(rows)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e16, -1e200])
def test_values_that_cannot_be_used(value):
    X = make_rows(100, dtype=np.float64)
    pca = QuantizedPCA(4).fit(X)
    before = clone(pca).fit(X)
    X[50, 3] = value
    message = (
        r"^QuantizedPCA: X holds values too large to compute with, up to 1e\+" if np.isfinite(value) else "contains"
    )
    for method in (clone(pca).fit, pca.transform, pca.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X)
    assert_same_fit(pca, before)


def test_a_refused_fit_leaves_nothing(rows):
    pca = QuantizedPCA(9)
    with pytest.raises(ValueError, match="at most"):
        pca.fit(rows[:8])
    with pytest.raises(NotFittedError):
        pca.transform(rows)
    with pytest.raises(NotFittedError):
        pca.inverse_transform(rows)


def test_errors_name_the_class():
    class Codes(QuantizedPCA):
        pass

    with pytest.raises(ValueError, match=re.escape("Codes: margin must be at least 0, got -1.")):
        Codes(margin=-1).fit([[1.0], [2.0]])


# --- Any shape


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    n_features=st.integers(1, 20),
    share=st.floats(0, 1),
    n_bits=st.sampled_from([8, 4]),
    solver=st.sampled_from(SOLVERS),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]),
    batch_size=st.integers(20, 70),
)
def test_any_shape(n, n_features, share, n_bits, solver, dtype, batch_size):
    n_components = 1 + int(share * (min(n, n_features) - 1))
    X = make_rows(n, n_features, dtype)
    pca = QuantizedPCA(n_components, n_bits=n_bits, solver=solver, batch_size=batch_size).fit(X)
    codes = pca.transform(X)
    assert codes.shape == (n, n_components if n_bits == 8 else -(-n_components // 2))
    assert codes.dtype == np.uint8
    assert np.all(pca.lower_ <= pca.upper_)
    assert 0 <= pca.clipped_fraction_ <= 1
    restored = pca.inverse_transform(codes)
    assert restored.shape == X.shape
    error = ((restored - X.astype(float)) ** 2).mean()
    tolerance = 1e-6 * (X.astype(float) ** 2).mean() + 0.01 * X.astype(float).var()
    assert_allclose(pca.reconstruction_error_, error, rtol=0.01, atol=tolerance)
