import pickle
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import NotFittedError

from skimgfeat.descriptors import DescriptorCodec
from skimgfeat.descriptors._ragged import GEOMETRY, geometry_dtype

COUNTS = (60, 0, 200, 1, 90)


def make_images(counts=COUNTS, n_columns=24, seed=0):
    """Descriptors that vary along few directions, uint8."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(6, n_columns))
    rows = [60 + 20 * rng.normal(size=(k, 6)) @ mixing + 2 * rng.normal(size=(k, n_columns)) for k in counts]
    return [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in rows]


def with_geometry(images):
    out = []
    for image in images:
        structured = np.zeros(len(image), dtype=geometry_dtype(image.dtype, image.shape[1]))
        structured["descriptor"] = image
        for column, name in enumerate(GEOMETRY):
            structured[name] = np.arange(len(image)) + column
        out.append(structured)
    return out


class Lazy(Sequence):
    """Descriptors made anew whenever they are asked for."""

    def __init__(self, counts, n_columns=24):
        self.counts, self.n_columns, self.reads = counts, n_columns, []

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        self.reads.append(index)
        return make_images([self.counts[index]], self.n_columns, seed=index)[0]


def assert_same(actual, expected):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


def by_hand(kept, all_kept, n_components=6, learned_from=None):
    """Codes by the definition, from scikit-learn's PCA and NumPy's percentiles, before rounding."""
    pca = PCA(n_components, svd_solver="covariance_eigh").fit(np.concatenate(learned_from or all_kept))
    low, high = np.percentile(pca.transform(np.concatenate(all_kept)), (0.1, 99.9), axis=0)
    margin = 0.01 * (high - low)
    low, high = low - margin, high + margin
    signs = np.where(np.abs(pca.components_).max(1) == pca.components_.max(1), 1, -1)
    codes = [np.clip((pca.transform(rows) - low) / (high - low), 0, 1) * 255 for rows in kept]
    return [np.where(signs > 0, each, 255 - each) for each in codes]


def assert_within_one(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape
        assert_allclose(one, other, atol=0.8)


def test_codes_by_hand():
    images = make_images()
    codec = DescriptorCodec(n_components=6).fit(images)
    codes = codec.transform(images)
    assert all(each.dtype == np.uint8 for each in codes)
    filled = [image for image in images if len(image)]
    assert_within_one([each for each in codes if len(each)], by_hand(filled, filled))
    assert codes[1].shape == (0, 6)


def test_rank_keeps_the_first():
    """What is not kept is in neither the components nor the ranges."""
    images = make_images()
    heads = [image[:50] for image in images]
    codec = DescriptorCodec(n_components=6, max_descriptors=50).fit(images)
    twin = DescriptorCodec(n_components=6, max_descriptors=None).fit(heads)
    assert_array_equal(codec.pca_.components_, twin.pca_.components_)
    assert_array_equal(codec.pca_.upper_, twin.pca_.upper_)
    assert_same(codec.transform(images), twin.transform(heads))


def test_norm_is_the_selection_of_the_notebook():
    images = make_images()
    pca = PCA(6, svd_solver="covariance_eigh").fit(np.concatenate(images))
    kept = []
    for image in images:
        if len(image) == 0:
            continue
        # As the notebook has it.
        norms = np.linalg.norm(pca.transform(image), axis=1)
        index = np.argsort(norms)[-min(50, len(norms)) :]
        index = index[np.argsort(norms[index])[::-1]]
        kept.append(image[index])
    codec = DescriptorCodec(n_components=6, max_descriptors=50, select_by="norm").fit(images)
    codes = codec.transform(images)
    assert_within_one(
        [each for each in codes if len(each)],
        by_hand(kept, kept, learned_from=[image for image in images if len(image)]),
    )
    assert [len(each) for each in codes] == [50, 0, 50, 1, 50]


def test_norm_keeps_the_order_of_equal_ones():
    image = np.repeat(make_images((5,)), 3, axis=1)[0]
    X = with_geometry([image, *make_images()])
    codes = DescriptorCodec(6, max_descriptors=6, select_by="norm").fit(X).transform(X)[0]
    assert (np.diff(codes["x"].reshape(2, 3)) == 1).all()
    fewer = DescriptorCodec(6, max_descriptors=4, select_by="norm").fit(X).transform(X)[0]
    assert_array_equal(fewer["x"], codes["x"][:4])


@pytest.mark.parametrize("select_by", ["rank", "norm"])
def test_geometry_is_carried(select_by):
    images = make_images()
    structured = with_geometry(images)
    codec = DescriptorCodec(5, max_descriptors=40, select_by=select_by).fit(structured)
    codes = codec.transform(structured)
    plain = codec.transform(images)
    restored = codec.inverse_transform(codes)
    for index, (one, code) in enumerate(zip(codes, plain, strict=True)):
        assert one.dtype == geometry_dtype(np.uint8, 5)
        assert_array_equal(one["descriptor"], code)
        # x counts the descriptors: it tells which one this was.
        assert_array_equal(one["response"], one["x"] + 4)
        again = codec.transform([images[index][one["x"].astype(int)]])[0]
        assert_array_equal(np.sort(again, axis=0), np.sort(code, axis=0))
        assert restored[index].dtype == geometry_dtype(np.float32, 24)
        assert_array_equal(restored[index]["angle"], one["angle"])


@pytest.mark.parametrize("n_bits", [8, 4])
def test_inverse_transform(n_bits):
    images = make_images()
    codec = DescriptorCodec(7, n_bits=n_bits).fit(images)
    codes = codec.transform(images)
    assert {each.shape[1] for each in codes} == {7 if n_bits == 8 else 4}
    restored = codec.inverse_transform(codes)
    assert [each.shape for each in restored] == [image.shape for image in images]
    assert {each.dtype for each in restored} == {np.dtype(np.float32)}
    squares = (np.concatenate(restored) - np.concatenate(images)) ** 2
    assert_allclose(squares.mean(), codec.pca_.reconstruction_error_, rtol=0.01)
    assert squares.mean() < 0.03 * np.var(np.concatenate(images), axis=0).mean() * (8 / n_bits) ** 2


def test_a_subset_is_in_neither_components_nor_ranges():
    images, outliers = make_images(), [np.full((70, 24), 255, dtype=np.uint8), np.zeros((80, 24), dtype=np.uint8)]
    mixed = [images[0], outliers[0], *images[1:], outliers[1]]
    subset = [True, False, True, True, True, True, False]
    codec, alone = DescriptorCodec(6).fit(mixed, subset=subset), DescriptorCodec(6).fit(images)
    for name in ("components_", "mean_", "lower_", "upper_"):
        assert_array_equal(getattr(codec.pca_, name), getattr(alone.pca_, name))
    assert codec.n_images_seen_ == 5
    everything = DescriptorCodec(6).fit(mixed)
    assert everything.n_images_seen_ == 7
    assert abs(everything.pca_.upper_ - alone.pca_.upper_).max() > 10


@pytest.mark.parametrize(
    ("subset", "error", "message"),
    [
        ([1, 0, 1, 1, 1], TypeError, "DescriptorCodec: subset must hold one True or False an image, got dtype int"),
        ([True, False], ValueError, r"one True or False an image, 5 in all, got shape \(2,\)"),
        (np.ones((5, 1), bool), ValueError, r"got shape \(5, 1\)"),
        (np.zeros(5, bool), ValueError, "leaves no image"),
    ],
)
def test_subsets_that_are_refused(subset, error, message):
    with pytest.raises(error, match=message):
        DescriptorCodec(6).fit(make_images(), subset=subset)
    with pytest.raises(error, match=message):
        DescriptorCodec(6).fit(make_images()).partial_fit(make_images(), subset=subset)


def test_samples_per_image():
    """Components come from a sample that random_state draws, ranges from all that is kept."""
    images = make_images((400, 300, 9))
    few = [DescriptorCodec(6, samples_per_image=20, random_state=seed).fit(images) for seed in (0, 0, 1)]
    assert few[0].pca_.n_samples_seen_ == 20 + 20 + 9
    assert_array_equal(few[0].pca_.components_, few[1].pca_.components_)
    assert np.any(few[0].pca_.components_ != few[2].pca_.components_)
    projected = (np.concatenate(images) - few[0].pca_.mean_) @ few[0].pca_.components_.T
    low, high = np.percentile(projected, (0.1, 99.9), axis=0)
    assert_allclose(few[0].pca_.upper_, high + 0.01 * (high - low), atol=0.002 * (high - low).max())
    # An image's draw hangs on its place only, and the first descriptors are those drawn from.
    held_out = DescriptorCodec(6, samples_per_image=20, max_descriptors=30, random_state=0)
    subset = [True, False, True]
    other = [images[0], make_images((77,), seed=5)[0], images[2]]
    assert_same(
        held_out.fit(images, subset=subset).transform(images), held_out.fit(other, subset=subset).transform(images)
    )
    replaced = [image.copy() for image in images]
    replaced[0][30:] = 0
    twin = clone(held_out).fit(replaced, subset=subset)
    assert_array_equal(twin.pca_.components_, held_out.pca_.components_)


def test_the_incremental_solver_sees_the_batches_of_the_notebook():
    images = make_images((60, 50, 120, 30, 45))
    codec = DescriptorCodec(6, solver="incremental", batch_size=100).fit(images)
    expected = IncrementalPCA(6)
    for batch in (images[:2], images[2:3], images[3:]):
        expected.partial_fit(np.concatenate(batch))
    assert_allclose(codec.pca_.components_, expected.components_, atol=1e-10)


# --- Out of core


@pytest.mark.parametrize("select_by", ["rank", "norm"])
def test_a_lazy_sequence_gives_what_a_list_gives(select_by):
    counts = [int(k) for k in np.random.default_rng(0).integers(0, 40, 150)]
    lazy = Lazy(counts)
    images = list(lazy)
    codec = DescriptorCodec(6, max_descriptors=25, select_by=select_by, random_state=0)
    lazy.reads.clear()
    from_store = clone(codec).fit(lazy)
    # Two passes in order; the first chunk once more, for its width.
    assert lazy.reads[-300:] == 2 * list(range(150))
    assert len(lazy.reads) < 400
    codec.fit(images)
    assert_array_equal(from_store.pca_.components_, codec.pca_.components_)
    assert_array_equal(from_store.pca_.lower_, codec.pca_.lower_)
    assert_same(from_store.transform(lazy), codec.transform(images))
    subset = np.arange(150) % 3 > 0
    assert_same(
        clone(codec).fit(lazy, subset=subset).transform(images),
        clone(codec).fit(images, subset=subset).transform(images),
    )


def test_fit_does_not_hold_the_store():
    class Constant(Lazy):
        def __getitem__(self, index):
            if isinstance(index, slice):
                return [self[each] for each in range(*index.indices(len(self)))]
            return np.random.default_rng(index).integers(0, 256, (1000, 24), dtype=np.uint8)

    peaks = []
    for n_images in (64, 640):
        tracemalloc.start()
        DescriptorCodec(4).fit(Constant([1000] * n_images))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The rows that partial_fit would draw from are bounded, 200,000 at 24 bytes.
    bound = 2 * 200_000 * 24
    assert bound < 0.7 * 640 * 1000 * 24
    assert peaks[1] - peaks[0] < bound


def test_errors_of_a_lazy_sequence_name_the_image():
    class Broken(Lazy):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            return found[:, :5] if index == 100 else found

    with pytest.raises(ValueError, match=r"image 100 of X has descriptors of 5 numbers, but .* 24"):
        DescriptorCodec(4).fit(Broken([9] * 120))


# --- partial_fit


def test_partial_fit_has_the_components_of_fit():
    first, more = make_images(), make_images((40, 30, 0), seed=1)
    codec = DescriptorCodec(6, random_state=0).fit(first).partial_fit(more)
    whole = DescriptorCodec(6, random_state=0).fit(first + more)
    assert_array_equal(codec.pca_.components_, whole.pca_.components_)
    assert_array_equal(codec.pca_.mean_, whole.pca_.mean_)
    assert codec.n_images_seen_ == whole.n_images_seen_ == 8
    span = whole.pca_.upper_ - whole.pca_.lower_
    assert (abs(codec.pca_.lower_ - whole.pca_.lower_) < 0.005 * span).all()
    started = DescriptorCodec(6, random_state=0).partial_fit(first)
    assert_same(started.transform(more), DescriptorCodec(6, random_state=0).fit(first).transform(more))


def test_partial_fit_draws_as_fit_does():
    images = make_images((300, 200, 100))
    codec = DescriptorCodec(6, samples_per_image=50, random_state=3)
    parts = clone(codec).fit(images[:1]).partial_fit(images[1:])
    assert_array_equal(parts.pca_.components_, codec.fit(images).pca_.components_)


def test_partial_fit_leaves_the_subset_out():
    first, more = make_images(), make_images((40, 30), seed=1)
    one = DescriptorCodec(6, random_state=0).fit(first).partial_fit(more, subset=[False, True])
    other = DescriptorCodec(6, random_state=0).fit(first).partial_fit(more[1:])
    assert_array_equal(one.pca_.components_, other.pca_.components_)
    assert one.n_images_seen_ == 6


def test_partial_fit_refuses_no_images():
    with pytest.raises(ValueError, match="holds no images"):
        DescriptorCodec(6).fit(make_images()).partial_fit([])


def test_partial_fit_needs_a_second_pass_for_norm():
    codec = DescriptorCodec(6, select_by="norm")
    assert not hasattr(codec, "partial_fit")
    with pytest.raises(AttributeError) as refusal:
        codec.partial_fit(make_images())
    assert "DescriptorCodec: partial_fit cannot" in str(refusal.value.__cause__)
    assert "take select_by='rank'" in str(refusal.value.__cause__)


# --- What else holds


@pytest.mark.parametrize("select_by", ["rank", "norm"])
def test_threads_and_neighbors_change_nothing(select_by):
    images = make_images((500, 3, 0, 900, 40, 77))
    codec = DescriptorCodec(6, max_descriptors=300, select_by=select_by).fit(images)
    expected = [codec.transform([image])[0] for image in images]
    restored = codec.inverse_transform(expected)
    for n_jobs in (1, 2, -1):
        codec.set_params(n_jobs=n_jobs)
        assert_same(codec.transform(images), expected)
        assert_same(codec.inverse_transform(expected), restored)
    with parallel_config(n_jobs=2):
        assert_same(codec.set_params(n_jobs=None).transform(images), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16, np.float16])
def test_types_of_descriptors(dtype):
    images = make_images()
    expected = DescriptorCodec(6).fit(images).transform(images)
    converted = [image.astype(dtype) for image in images]
    for one, other in zip(DescriptorCodec(6).fit(converted).transform(converted), expected, strict=True):
        # Equal but for values that lie within rounding of a half.
        assert abs(one.astype(int) - other).max(initial=0) <= 1
        assert np.count_nonzero(one != other) <= 0.01 * one.size


def test_fit_forgets_and_changes_no_input():
    images = make_images()
    before = [image.copy() for image in images]
    codec = DescriptorCodec(6).fit(make_images(n_columns=30, seed=4)).fit(images)
    assert codec.n_features_in_ == 24
    assert codec.n_images_seen_ == 5
    assert_same(codec.transform(images), DescriptorCodec(6).fit(images).transform(images))
    assert_same(images, before)


def test_pickle():
    images = make_images()
    codec = DescriptorCodec(6).fit(images)
    assert_same(pickle.loads(pickle.dumps(codec)).transform(images), codec.transform(images))


def test_what_is_refused():
    images = make_images()
    codec = DescriptorCodec(6).fit(images)
    with pytest.raises(ValueError, match="image 0 of X has descriptors of 25 numbers, but DescriptorCodec was fitted"):
        codec.transform(make_images(n_columns=25))
    with pytest.raises(ValueError, match=r"DescriptorCodec: image 0 of X has descriptors of 24 numbers.* 6"):
        codec.inverse_transform(images)
    with pytest.raises(ValueError, match=r"^DescriptorCodec: codes must be whole numbers from 0 to 255"):
        codec.inverse_transform([np.full((2, 6), 256)])
    with pytest.raises(ValueError, match=r"^DescriptorCodec: n_components=24 must be at most"):
        DescriptorCodec(24).fit(make_images((9, 3)))
    with pytest.raises(ValueError, match=r"^DescriptorCodec: n_components=64 must be at most .*n_features=24"):
        DescriptorCodec().fit(images)
    with pytest.raises(ValueError, match=r"^DescriptorCodec: X must hold at least one row"):
        DescriptorCodec(None).fit([np.empty((0, 24))])
    with pytest.raises(NotFittedError):
        DescriptorCodec().transform(images)
    with pytest.raises(NotFittedError):
        DescriptorCodec().inverse_transform(images)


N_NUMBERS = ([1.5, "2", True], [0, -1])
INVALID = {
    "n_components": N_NUMBERS,
    "max_descriptors": N_NUMBERS,
    "select_by": ([None, 3], ["response", ""]),
    "quantile_range": ([None, 5, "ab", {1, 2}, ("1", 99)], [(1,), (50, 50), (-1, 99), (1, 101)]),
    "margin": ([None, "1"], [-0.1, np.nan]),
    "solver": ([None, 1], ["randomized"]),
    "n_bits": ([None, 8.0], [5, 2, 16]),
    "samples_per_image": ([None, *N_NUMBERS[0]], N_NUMBERS[1]),
    "batch_size": ([None, *N_NUMBERS[0]], N_NUMBERS[1]),
    "random_state": ([1.5, "a"], [-1]),
    "n_jobs": ([1.5, "2"], [0]),
}


@pytest.mark.parametrize("name", INVALID)
def test_parameters_are_checked_at_fit(name):
    assert DescriptorCodec().get_params().keys() == INVALID.keys()
    for error, values in zip((TypeError, ValueError), INVALID[name], strict=True):
        for value in values:
            with pytest.raises(error, match=rf"^DescriptorCodec: {name} must"):
                DescriptorCodec(**{name: value}).fit(make_images())
