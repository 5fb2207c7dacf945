"""What holds for every encoder: pyramids, batches, threads, samples, and images without keypoints."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from skimgfeat import VLAD, BagOfVisualWords, FisherVector
from skimgfeat.descriptors._encoder import sample_descriptors
from skimgfeat.descriptors._ragged import geometry_dtype

N_COLUMNS = 12
COUNTS = [40, 0, 1, 77, 12, 1500, 0, 3]
ENCODERS = [
    BagOfVisualWords(n_words=9, random_state=0),
    BagOfVisualWords(n_words=9, use_idf=False, norm=None, n_neighbors=3, random_state=0),
    VLAD(n_words=5, random_state=0),
    FisherVector(n_components=4, random_state=0),
]
every_encoder = pytest.mark.parametrize("encoder", ENCODERS, ids=str)


@pytest.fixture(scope="module")
def plain():
    """Descriptors about seven places, uint8."""
    random = np.random.default_rng(0)
    places = random.uniform(40, 200, (7, N_COLUMNS))
    return [np.clip(random.normal(places[random.integers(7, size=n)], 25), 0, 255).astype(np.uint8) for n in COUNTS]


@pytest.fixture(scope="module")
def placed(plain):
    """The same descriptors at random places, the borders and the middles of the image among them."""
    random = np.random.default_rng(1)
    images = []
    for descriptors in plain:
        image = np.zeros(len(descriptors), dtype=geometry_dtype(np.uint8, N_COLUMNS))
        image["descriptor"] = descriptors
        for name in ("x", "y"):
            image[name] = random.choice([0, 1, 0.5, *random.uniform(size=30)], len(image))
        images.append(image)
    return images


@pytest.fixture(scope="module", params=ENCODERS, ids=str)
def fitted(request, plain):
    return clone(request.param).fit(plain)


# --- Images


def test_rows(fitted, plain):
    rows = fitted.transform(plain)
    assert rows.dtype == np.float32
    assert rows.shape == (len(plain), len(fitted.get_feature_names_out()))
    assert np.isfinite(rows).all()
    assert_array_equal(rows.any(axis=1), np.array(COUNTS) > 0)
    if fitted.norm == "l2":
        assert_allclose(np.linalg.norm(rows[rows.any(axis=1)], axis=1), 1, rtol=1e-6)


def test_an_answer_depends_on_its_image_alone(fitted, plain, monkeypatch):
    expected = fitted.transform(plain)
    for batch_bytes in (1, 1 << 12, 1 << 30):
        monkeypatch.setattr("skimgfeat._parallel._BATCH_BYTES", batch_bytes)
        assert_allclose(fitted.transform(plain), expected, rtol=0, atol=1e-6)
    assert_allclose(np.vstack([fitted.transform([image]) for image in plain]), expected, rtol=0, atol=1e-6)
    assert_allclose(fitted.transform(plain[::-1]), expected[::-1], rtol=0, atol=1e-6)


@every_encoder
def test_n_jobs_changes_nothing(encoder, plain, monkeypatch):
    monkeypatch.setattr("skimgfeat._parallel._BATCH_BYTES", 1)
    one, two = (clone(encoder).set_params(n_jobs=n_jobs).fit(plain) for n_jobs in (1, 2))
    assert_array_equal(one.transform(plain), two.transform(plain))


def test_the_type_of_numbers_changes_nothing(fitted, plain):
    expected = fitted.transform(plain)
    for dtype in (np.float32, np.float64, np.int16, np.uint64, ">f4"):
        images = [image.astype(dtype) for image in plain]
        assert_allclose(fitted.transform(images), expected, rtol=0, atol=1e-6)
    assert_array_equal(clone(fitted).fit([image.astype(np.float32) for image in plain]).transform(plain), expected)


def test_the_order_of_descriptors_changes_nothing(fitted, plain):
    assert_allclose(fitted.transform([image[::-1] for image in plain]), fitted.transform(plain), rtol=0, atol=1e-6)


@every_encoder
def test_far_from_the_origin(encoder, plain):
    """A million added to every number, which float32 would not carry, changes words but no difference from them."""
    near = [image.astype(float) for image in plain]
    far = [image + 2.0**20 for image in near]
    rows = clone(encoder).fit(near).transform(near)
    assert_allclose(clone(encoder).fit(far).transform(far), rows, rtol=0, atol=1e-3)


@every_encoder
def test_an_int_repeats_fit(encoder, plain):
    encoder = clone(encoder).set_params(max_samples=200)
    assert_array_equal(*(clone(encoder).fit(plain).transform(plain) for _ in range(2)))
    other = clone(encoder).set_params(random_state=1).fit(plain).transform(plain)
    assert np.abs(other - encoder.fit(plain).transform(plain)).max() > 1e-3


def test_set_output(fitted, plain):
    frame = clone(fitted).set_output(transform="pandas").fit(plain).transform(plain)
    assert list(frame.columns) == list(fitted.get_feature_names_out())
    assert_array_equal(frame.to_numpy(), fitted.transform(plain))


# --- Refused


@every_encoder
def test_too_few_descriptors(encoder, plain):
    name = "n_components" if isinstance(encoder, FisherVector) else "n_words"
    message = rf"^{type(encoder).__name__}: there are n_samples={{}} descriptors .* fewer than {name}="
    for images, count in (([plain[1]], 0), ([plain[7], plain[1]], 3)):
        with pytest.raises(ValueError, match=message.format(count)):
            clone(encoder).fit(images)
        if hasattr(encoder, "partial_fit"):
            with pytest.raises(ValueError, match=message.format(count)):
                clone(encoder).partial_fit(images)
    with pytest.raises(ValueError, match=message.format(2) + ".*larger max_samples"):
        clone(encoder).set_params(max_samples=2).fit(plain)


def test_another_number_of_columns(fitted):
    for method in ("transform", "partial_fit"):
        if hasattr(fitted, method):
            with pytest.raises(ValueError, match=r"has descriptors of 5 numbers, but .* was fitted on 12\."):
                getattr(fitted, method)([np.zeros((2, 5))])


@pytest.mark.parametrize("first", [np.uint8, np.int64, np.float64])
@pytest.mark.parametrize("encoder", ENCODERS[:3], ids=str)
def test_partial_fit_of_another_type(encoder, plain, first):
    """The numbers count, and the precision of the first call."""
    images = [image.astype(first) for image in plain]
    expected = clone(encoder).partial_fit(images).partial_fit(images).kmeans_.cluster_centers_
    for other in (np.uint8, np.float32, np.float64):
        parts = clone(encoder).partial_fit(images).partial_fit([image.astype(other) for image in plain])
        assert_array_equal(parts.kmeans_.cluster_centers_, expected)


def test_values_too_large(fitted, plain):
    for value in (1e16, -1e16):
        image = plain[0].astype(float)
        image[-1, -1] = value
        for method in (fitted.transform, clone(fitted).fit):
            with pytest.raises(ValueError, match=r"too large to compute with, up to 1e\+16; scale"):
                method([image])


# --- Pyramids


def inside(image, side, row, col):
    """The descriptors in one cell of side x side, cell by cell from the definition."""

    def place(value):
        return min(int(np.floor(float(value) * side)), side - 1)

    keep = [place(y) == row and place(x) == col for x, y in zip(image["x"], image["y"], strict=True)]
    return image["descriptor"][np.array(keep, dtype=bool)]


@pytest.mark.parametrize("levels", [(2,), (1, 2), [1, 3], (2, 3), np.array([1, 2, 4]), (1, 1)], ids=str)
@every_encoder
def test_each_cell_is_encoded_as_an_image(encoder, levels, placed):
    fitted = clone(encoder).set_params(pyramid_levels=levels).fit(placed)
    rows, names = fitted.transform(placed), fitted.get_feature_names_out()
    whole = clone(fitted).set_params(pyramid_levels=(1,)).fit(placed)
    cells = [(level, side, row, col) for level, side in enumerate(levels) for row in range(side) for col in range(side)]
    parts = [whole.transform([inside(image, *cell[1:]) for image in placed]) for cell in cells]
    assert_allclose(rows, np.hstack(parts), rtol=0, atol=1e-6)
    of_one = whole.get_feature_names_out()
    assert list(names) == [f"l{level}_r{row}_c{col}_{name}" for level, _, row, col in cells for name in of_one]


def test_geometry_is_ignored_without_a_pyramid(fitted, plain, placed):
    assert_array_equal(clone(fitted).fit(placed).transform(placed), fitted.transform(plain))


@every_encoder
def test_a_pyramid_needs_geometry(encoder, plain, placed):
    encoder = clone(encoder).set_params(pyramid_levels=(1, 2))
    with pytest.raises(ValueError, match=r"image 0 of X has no geometry: compute .* SIFT\(geometry=True\)"):
        encoder.fit(plain)
    with pytest.raises(ValueError, match="image 0 of X has no geometry"):
        encoder.fit(placed).transform(plain)


@pytest.mark.parametrize(("name", "value"), [("x", -0.01), ("y", 1.01), ("x", 320)])
def test_a_pyramid_needs_fractions(name, value, placed):
    images = [image.copy() for image in placed]
    images[3][name][5] = value
    vlad = VLAD(n_words=5, pyramid_levels=(1, 2)).fit(placed)
    for method in (vlad.transform, vlad.partial_fit, clone(vlad).fit):
        with pytest.raises(ValueError, match=rf"^VLAD: image 3 of X has {name} from .* must be fractions"):
            method(images)


# --- The sample


def test_a_sample_is_even_over_images(plain):
    sizes = (1, 4, 16, 200, 1600, 1633)
    for size in sizes:
        numbered = [np.full((n, 1), index) for index, n in enumerate(COUNTS)]
        taken = np.bincount(sample_descriptors(numbered, size, 0).astype(int).ravel(), minlength=len(COUNTS))
        assert taken.sum() == min(size, sum(COUNTS))
        assert (taken <= COUNTS).all()
        # What an image gives is all it has, or as much as any other gives, less one at most.
        assert (taken[taken < COUNTS] >= taken.max() - 1).all()


def test_a_sample_has_no_row_twice():
    images = [np.arange(30, dtype=np.float64)[:, None], np.arange(30, 130, dtype=np.float64)[:, None]]
    sample = sample_descriptors(images, 90, np.random.RandomState(0)).ravel()
    assert len(set(sample)) == len(sample) == 90
    assert_array_equal(sample[:30], np.arange(30))
    assert np.ptp(sample[30:]) > 90
    assert not np.array_equal(sample, sample_descriptors(images, 90, 1).ravel())


@pytest.mark.parametrize(("dtype", "expected"), [("u1", "f4"), ("f2", "f4"), ("f4", "f4"), ("i4", "f8"), ("f8", "f8")])
def test_a_sample_loses_no_digits(dtype, expected):
    assert sample_descriptors([np.ones((2, 3), dtype=dtype)], 9, 0).dtype == expected


# --- Threads of BLAS


def blas_threads():
    return {module["num_threads"] for module in threadpool_info() if module["user_api"] == "blas"}


def test_blas_has_one_thread_meanwhile(plain, monkeypatch):
    seen, fitted = [], VLAD(n_words=5, random_state=0).fit(plain)
    monkeypatch.setattr(fitted, "_sum", lambda *arguments: seen.append(blas_threads()) or VLAD._sum(fitted, *arguments))
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        fitted.transform(plain)
        assert blas_threads() == before
    assert seen == [{1}]


def test_blas_threads_come_back_after_an_error(plain):
    fitted = VLAD(n_words=5, random_state=0).fit(plain)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(ValueError, match="too large"):
            fitted.transform([np.full((1, N_COLUMNS), 1e17)])
        assert blas_threads() == before
