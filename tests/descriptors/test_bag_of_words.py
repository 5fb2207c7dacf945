"""Bags of visual words against scikit-learn's transformer of counts, and shares against their definition."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import TfidfTransformer

from skimgfeat import BagOfVisualWords

N_WORDS = 30


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [random.gamma(0.5, 60, (n, 32)).clip(0, 255).astype(np.uint8) for n in (300, 1, 0, 2500, 40, 7)]


def squared_distances(image, bag):
    return np.square(image.astype(float)[:, None] - bag.kmeans_.cluster_centers_.astype(float)).sum(axis=2)


def counts_by_hand(images, bag):
    return np.array([np.bincount(squared_distances(i, bag).argmin(axis=1), minlength=N_WORDS) for i in images])


@pytest.mark.parametrize(("use_idf", "norm"), list(product([True, False], ["l2", "l1", None])))
def test_weights_are_those_of_scikit_learn(use_idf, norm, images):
    bag = BagOfVisualWords(N_WORDS, use_idf=use_idf, norm=norm, random_state=0).fit(images)
    counts = counts_by_hand(images, bag)
    assert_array_equal(counts.sum(axis=1), [len(image) for image in images])
    transformer = TfidfTransformer(use_idf=use_idf, norm=norm).fit(counts)
    assert_allclose(bag.transform(images), transformer.transform(counts).toarray(), rtol=1e-6, atol=1e-6)
    if use_idf:
        assert_allclose(bag.idf_, transformer.idf_, rtol=1e-12)
        assert_array_equal(bag.document_frequencies_, (counts > 0).sum(axis=0))
        assert bag.n_samples_seen_ == len(images)
        # Frequencies are those of fit, not of the images transformed.
        assert_allclose(bag.transform(images[:1]), transformer.transform(counts[:1]).toarray(), rtol=0, atol=1e-6)


# --- Shares


def shares_by_hand(image, bag, bandwidth):
    row = np.zeros(N_WORDS)
    for squares in squared_distances(image, bag):
        nearest = np.argsort(squares)[: bag.n_neighbors]
        shares = np.exp((squares[nearest].min() - squares[nearest]) / (2 * bandwidth**2))
        row[nearest] += shares / shares.sum()
    return row


@pytest.mark.parametrize("n_neighbors", [2, 5, N_WORDS])
@pytest.mark.parametrize("bandwidth", [None, 100.0, 3])
def test_shares(n_neighbors, bandwidth, images):
    bag = BagOfVisualWords(
        N_WORDS, use_idf=False, norm=None, n_neighbors=n_neighbors, bandwidth=bandwidth, random_state=0
    ).fit(images)
    if bandwidth is None:
        rows = np.concatenate(images)
        bandwidth = np.sqrt(squared_distances(rows, bag).min(axis=1).sum() / rows.size)
    assert bag.bandwidth_ == pytest.approx(bandwidth, rel=1e-6)
    rows = bag.transform(images)
    assert_allclose(rows, [shares_by_hand(image, bag, bandwidth) for image in images], rtol=1e-5, atol=1e-5)
    assert_allclose(rows.sum(axis=1), [len(image) for image in images], rtol=1e-6)


def test_a_narrow_bandwidth_leaves_counts(images):
    bag = BagOfVisualWords(N_WORDS, use_idf=False, norm=None, n_neighbors=4, bandwidth=1e-3, random_state=0)
    assert_array_equal(bag.fit(images).transform(images), counts_by_hand(images, bag))


@pytest.mark.parametrize("values", [[0], [7], [0, 200]])
def test_descriptors_at_their_words(values):
    """No distance to learn a bandwidth from, and words that coincide."""
    images = [np.repeat(values, 6)[:, None] * np.ones(3, dtype=np.uint8)]
    bag = BagOfVisualWords(len(values), use_idf=False, norm=None, n_neighbors=len(values), random_state=0).fit(images)
    assert_allclose(bag.transform(images), np.full((1, len(values)), 6))
    twins = BagOfVisualWords(2, use_idf=False, norm=None, n_neighbors=2, random_state=0).fit([np.full((9, 3), 5.0)])
    assert_allclose(twins.transform([np.full((4, 3), 5.0), np.ones((4, 3))]).sum(axis=1), 4)


# --- In parts


def test_partial_fit_counts_documents(images):
    """With words that no longer move, documents of all parts are those of the whole."""
    random = np.random.default_rng(1)
    places = random.uniform(0, 255, (4, 8))
    parts = [[places[random.integers(4, size=n)] for n in sizes] for sizes in ((30, 1, 2), (1, 0), (2, 1, 1))]
    bag = BagOfVisualWords(4, norm=None, random_state=0)
    for part in parts:
        bag.partial_fit(part)
    whole = [image for part in parts for image in part]
    counts = np.array([np.bincount(squared_distances(image, bag).argmin(axis=1), minlength=4) for image in whole])
    assert bag.n_samples_seen_ == 8
    assert_array_equal(bag.document_frequencies_, (counts > 0).sum(axis=0))
    assert_allclose(bag.transform(whole), TfidfTransformer(norm=None).fit_transform(counts).toarray(), rtol=1e-6)
    assert bag.fit(parts[0]).n_samples_seen_ == 3


def test_partial_fit_learns_the_bandwidth_of_all_parts(images):
    """Words that do not move: the mean squared distance is that of all rows."""
    bag = BagOfVisualWords(1, n_neighbors=1, random_state=0)
    bag.partial_fit(images)
    assert not hasattr(bag, "bandwidth_")
    parts = BagOfVisualWords(2, n_neighbors=2, random_state=0)
    ends = np.array([[0.0, 0], [100, 0]])
    # Symmetric about two places, so that their means stay.
    for half, count in ((3.0, 40), (6.0, 10)):
        offsets = np.array([[0, half], [0, -half]])
        parts.partial_fit([np.tile((ends[:, None] + offsets).reshape(-1, 2), (count, 1))])
    assert parts.bandwidth_ == pytest.approx(np.sqrt((40 * 9 + 10 * 36) / (50 * 2)), rel=1e-5)


def test_names(images):
    names = BagOfVisualWords(12, random_state=0).fit(images).get_feature_names_out()
    assert list(names) == [f"bovw_{word}" for word in range(12)]
