"""Fisher vectors against scikit-image's, and against the slope of the likelihood."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture

from skimgfeat import FisherVector

N_COLUMNS = 24
N_COMPONENTS = 6


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [random.gamma(0.5, 60, (n, N_COLUMNS)).clip(0, 255).astype(np.uint8) for n in (300, 1, 0, 2500, 40, 7)]


@pytest.fixture(scope="module")
def fisher(images):
    return FisherVector(N_COMPONENTS, random_state=0).fit(images)


def plain_by_scikit_image(image, mixture):
    """scikit-image's vector without weights, and with the deviations' sign turned."""
    if len(image) == 0:
        return np.zeros(2 * mixture.means_.size)
    row = fisher_vector(image.astype(float), mixture)[mixture.n_components :]
    means, deviations = np.split(row, 2)
    return np.concatenate([means, -deviations])


def improved(row):
    row = np.sign(row) * np.sqrt(np.abs(row))
    return row / (np.linalg.norm(row) or 1)


def test_improved(fisher, images):
    expected = [improved(plain_by_scikit_image(image, fisher.mixture_)) for image in images]
    assert_allclose(fisher.transform(images), expected, rtol=0, atol=1e-5)


def test_plain(fisher, images):
    plain = copy.deepcopy(fisher).set_params(power=1, norm=None)
    expected = [plain_by_scikit_image(image, fisher.mixture_) for image in images]
    assert_allclose(plain.transform(images), expected, rtol=1e-6, atol=1e-6)


def test_other_powers_and_norms(fisher, images):
    other = copy.deepcopy(fisher).set_params(power=0.3, norm="l1")
    row = plain_by_scikit_image(images[0], fisher.mixture_)
    expected = np.sign(row) * np.abs(row) ** 0.3
    assert_allclose(other.transform(images[:1])[0], expected / np.abs(expected).sum(), rtol=1e-6, atol=1e-7)


def slope(image, mixture, name, index, step):
    """The central difference of the mean log-likelihood by one mean or one standard deviation."""

    def likelihood(change):
        moved = copy.deepcopy(mixture)
        if name == "mean":
            moved.means_[index] += change
        else:
            deviation = np.sqrt(moved.covariances_[index]) + change
            moved.covariances_[index] = deviation**2
            moved.precisions_cholesky_[index] = 1 / deviation
        return moved.score(image)

    return (likelihood(step) - likelihood(-step)) / (2 * step)


@pytest.mark.parametrize("name", ["mean", "var"])
def test_slopes_of_the_likelihood(name, fisher, images):
    """The sign and the scale of both halves, from what they stand for."""
    plain = copy.deepcopy(fisher).set_params(power=1, norm=None)
    row = dict(zip(plain.get_feature_names_out(), plain.transform(images[:1])[0], strict=True))
    mixture = fisher.mixture_
    for component in range(N_COMPONENTS):
        for column in (0, 5, N_COLUMNS - 1):
            index = component, column
            deviation = np.sqrt(mixture.covariances_[index])
            by_one = slope(images[0].astype(float), mixture, name, index, 1e-4 * deviation)
            information = mixture.weights_[component] * (1 if name == "mean" else 2)
            expected = by_one * deviation / np.sqrt(information)
            assert row[f"fisher_{name}_w{component}_d{column}"] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_training_data_are_at_rest(images):
    """EM ends where the gradients by means and deviations vanish."""
    rows = np.concatenate(images)
    fisher = FisherVector(3, max_iter=2000, power=1, norm=None, random_state=0)
    fisher.fit([rows]).mixture_.set_params(tol=1e-10, warm_start=True).fit(rows.astype(float))
    assert np.abs(fisher.transform([rows])).max() < 1e-3
    assert np.abs(fisher.transform([rows[:100]])).max() > 0.1


def test_narrow_components_far_apart():
    """What float32 would lose: components a thousand deviations apart, and a constant column."""
    random = np.random.default_rng(0)
    places = random.permutation(5)[:, None] * 10 + 1000.0
    images = [places[random.integers(5, size=n)] + random.normal(0, 0.01, (n, 16)) for n in (2000, 30)]
    for image in images:
        image[:, 3] = 9
    fisher = FisherVector(5, random_state=0).fit(images)
    # scikit-image squares the numbers as they are, which would cost it digits here.
    origin = np.full(16, 1000.0)
    origin[3] = 9
    near = copy.deepcopy(fisher.mixture_)
    near.means_ -= origin
    expected = [improved(plain_by_scikit_image(image - origin, near)) for image in images]
    assert_allclose(fisher.transform(images), expected, rtol=0, atol=1e-5)


def test_the_mixture_is_that_of_scikit_learn(images):
    fisher = FisherVector(4, reg_covar=1e-2, max_iter=60, random_state=2).fit(images)
    mixture = GaussianMixture(4, covariance_type="diag", reg_covar=1e-2, max_iter=60, random_state=2)
    mixture.fit(np.concatenate(images).astype(float))
    for name in ("weights_", "means_", "covariances_"):
        assert_allclose(getattr(fisher.mixture_, name), getattr(mixture, name), rtol=1e-6)


def test_one_component(images):
    fisher = FisherVector(1, random_state=0).fit(images)
    expected = [improved(plain_by_scikit_image(image, fisher.mixture_)) for image in images]
    assert_allclose(fisher.transform(images), expected, rtol=0, atol=1e-5)


def test_names(fisher):
    names = fisher.get_feature_names_out()
    expected = [
        f"fisher_{of}_w{component}_d{column}"
        for of in ("mean", "var")
        for component in range(N_COMPONENTS)
        for column in range(N_COLUMNS)
    ]
    assert list(names) == expected


def test_there_is_no_partial_fit(fisher):
    assert not hasattr(fisher, "partial_fit")
