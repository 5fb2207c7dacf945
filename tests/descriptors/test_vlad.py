"""VLAD against its definition, descriptor by descriptor."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans

from skimgfeat import VLAD


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [random.gamma(0.5, 60, (n, 32)).clip(0, 255).astype(np.uint8) for n in (300, 1, 0, 2500, 40, 7)]


def vlad_by_hand(image, centers, *, intra_normalize, power, norm):
    centers = centers.astype(float)
    sums = np.zeros_like(centers)
    for descriptor in image.astype(float):
        nearest = np.linalg.norm(descriptor - centers, axis=1).argmin()
        sums[nearest] += descriptor - centers[nearest]
    sums = np.sign(sums) * np.abs(sums) ** power
    if intra_normalize:
        for word in sums:
            word /= np.linalg.norm(word) or 1
    row = sums.ravel()
    order = {"l1": 1, "l2": 2}.get(norm)
    return row / (np.linalg.norm(row, order) or 1) if norm else row


@pytest.mark.parametrize(
    ("intra_normalize", "power", "norm"), list(product([True, False], [0.5, 1, 0.2], ["l2", "l1", None]))
)
def test_definition(intra_normalize, power, norm, images):
    parameters = {"intra_normalize": intra_normalize, "power": power, "norm": norm}
    vlad = VLAD(n_words=16, **parameters, random_state=0).fit(images)
    expected = [vlad_by_hand(image, vlad.kmeans_.cluster_centers_, **parameters) for image in images]
    # Without norm, sums are as large as there are descriptors.
    assert_allclose(vlad.transform(images), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_units_change_nothing(scale, images):
    scaled = [image * scale for image in images]
    expected = VLAD(n_words=16, random_state=0).fit([image.astype(float) for image in images]).transform(images)
    assert_allclose(VLAD(n_words=16, random_state=0).fit(scaled).transform(scaled), expected, rtol=0, atol=1e-5)


def test_descriptors_at_their_words():
    """Nothing differs from the words: zeros, and no division by them."""
    images = [np.repeat(np.eye(3) * 200, 4, axis=0).astype(np.uint8)]
    assert not VLAD(n_words=3, random_state=0).fit(images).transform(images).any()


def test_names(images):
    vlad = VLAD(n_words=3, random_state=0).fit(images)
    names = vlad.get_feature_names_out()
    assert list(names) == [f"vlad_w{word}_d{column}" for word in range(3) for column in range(32)]
    vlad.set_params(power=1, intra_normalize=False, norm=None)
    nearest = vlad.kmeans_.cluster_centers_[1]
    image = np.array([nearest, nearest])
    image[1, 7] += 0.5
    row = vlad.transform([image])[0]
    assert list(names[row > 0.1]) == ["vlad_w1_d7"]


def test_the_words_are_those_of_scikit_learn(images):
    vlad = VLAD(n_words=16, batch_size=500, random_state=3).fit(images)
    kmeans = MiniBatchKMeans(16, batch_size=500, random_state=3).fit(np.concatenate(images).astype(np.float32))
    assert_allclose(vlad.kmeans_.cluster_centers_, kmeans.cluster_centers_, rtol=1e-5)


# --- In parts


def distortion(vlad, images):
    rows = np.concatenate(images).astype(float)
    return np.square(np.linalg.norm(rows[:, None] - vlad.kmeans_.cluster_centers_, axis=2).min(axis=1)).mean()


def test_partial_fit(images):
    parts = VLAD(n_words=16, batch_size=200, random_state=0)
    for _ in range(3):
        for part in (images[3:], images[:2], images[2:3]):
            assert parts.partial_fit(part) is parts
    # 13 steps for 2,547 descriptors, 2 for 301, none for none.
    assert parts.kmeans_.n_steps_ == 3 * (13 + 2)
    whole = VLAD(n_words=16, batch_size=200, random_state=0).fit(images)
    assert distortion(parts, images) < 1.1 * distortion(whole, images)
    centers = parts.kmeans_.cluster_centers_
    expected = vlad_by_hand(images[0], centers, intra_normalize=True, power=0.5, norm="l2")
    assert_allclose(parts.transform(images)[0], expected, rtol=0, atol=1e-5)


def test_partial_fit_goes_on_after_fit_and_fit_begins_again(images):
    vlad = VLAD(n_words=16, random_state=0).fit(images)
    before = vlad.kmeans_.cluster_centers_.copy()
    vlad.partial_fit([images[0] // 2])
    moved = np.abs(vlad.kmeans_.cluster_centers_ - before).max(axis=1)
    # A few hundred descriptors move what thousands have made, but not far.
    assert (moved > 0).sum() > 8
    assert moved.max() < 5
    assert_array_equal(vlad.fit(images).kmeans_.cluster_centers_, before)


def test_partial_fit_takes_no_more_than_max_samples(images):
    vlad = VLAD(n_words=4, batch_size=10, max_samples=100, random_state=0).partial_fit(images)
    assert vlad.kmeans_.n_steps_ == 10
    assert_array_equal(clone(vlad).partial_fit(images).kmeans_.cluster_centers_, vlad.kmeans_.cluster_centers_)
