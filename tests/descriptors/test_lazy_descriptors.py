"""Encoders on a sequence that reads its arrays when it is sliced: as on a list, without holding it."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skimgfeat import VLAD, BagOfVisualWords, DescriptorCodec, FisherVector
from skimgfeat.descriptors import _ragged
from skimgfeat.descriptors._ragged import Images, geometry_dtype

ENCODERS = [
    BagOfVisualWords(4, max_samples=200, random_state=0),
    BagOfVisualWords(4, n_neighbors=2, pyramid_levels=(1, 2), n_jobs=2, random_state=0),
    VLAD(3, random_state=0),
    FisherVector(2, max_samples=300, pyramid_levels=(2,), random_state=0),
]


class Lazy(Sequence):
    """Makes its arrays when it is sliced, and knows how many it made."""

    def __init__(self, counts, geometry=False, n_columns=12):
        self.counts, self.geometry, self.n_columns = counts, geometry, n_columns
        self.sizes = []

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, key):
        if isinstance(key, slice):
            self.sizes.append(len(range(len(self))[key]))
            return [self[index] for index in range(len(self))[key]]
        rng = np.random.default_rng(key)
        rows = rng.integers(0, 256, (self.counts[key], self.n_columns), dtype=np.uint8)
        if not self.geometry:
            return rows
        image = np.zeros(len(rows), dtype=geometry_dtype(np.uint8, self.n_columns))
        image["descriptor"] = rows
        image["x"], image["y"] = rng.random((2, len(rows)))
        return image


@pytest.fixture
def lazy():
    return Lazy(np.random.default_rng(0).integers(0, 30, 150), geometry=True)


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_encoders_give_what_they_give_for_a_list(encoder, lazy):
    images = list(lazy)
    from_list, from_store = clone(encoder).fit(images), clone(encoder).fit(lazy)
    expected = from_list.transform(images)
    assert_array_equal(from_store.transform(images), expected)
    # BLAS rounds products of other blocks in other ways.
    lazy.sizes.clear()
    np.testing.assert_allclose(from_store.transform(lazy), expected, rtol=0, atol=1e-6)
    assert sum(lazy.sizes) == len(lazy)  # once
    if hasattr(encoder, "partial_fit"):
        for part in (images, images[:50]):
            from_list.partial_fit(part)
        from_store.partial_fit(lazy).partial_fit(images[:50])
        assert_array_equal(from_store.transform(images), from_list.transform(images))


def test_the_codec_transforms_both_ways(lazy):
    codec = DescriptorCodec(4, max_descriptors=20, random_state=0).fit(lazy)
    codes = codec.transform(lazy)
    assert_array_equal(np.concatenate(codes), np.concatenate(codec.transform(list(lazy))))

    class Codes(Lazy):
        def __getitem__(self, key):
            return codes[key]

    rows = codec.inverse_transform(Codes(lazy.counts))
    assert_array_equal(np.concatenate(rows), np.concatenate(codec.inverse_transform(codes)))


def test_chunks_grow_to_what_is_allowed(monkeypatch):
    monkeypatch.setattr(_ragged, "_CHUNK_BYTES", 12 * 10 * 40)
    lazy = Lazy([10] * 200)
    assert len(list(Images("me", lazy))) == 200
    assert lazy.sizes == [16, 32, 40, 40, 40, 32]
    lazy = Lazy([1000] * 20)
    assert len(list(Images("me", lazy))) == 20
    assert lazy.sizes == [16, 1, 1, 1, 1]
    lazy = Lazy([0] * 100)
    assert len(list(Images("me", lazy))) == 100
    assert lazy.sizes == [16, 32, 52]


@pytest.mark.parametrize(
    "estimator", [BagOfVisualWords(4, max_samples=2000), FisherVector(2, max_samples=2000)], ids=str
)
def test_memory_does_not_grow_with_the_sequence(estimator):
    peaks = []
    for n_images in (250, 550):
        lazy = Lazy([2000] * n_images, n_columns=32)
        tracemalloc.start()
        estimator.fit(lazy).transform(lazy)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 19 million bytes more, of which some chunks of four million are held.
    assert peaks[1] - peaks[0] < 1e6


def test_errors_name_the_image(lazy):
    lazy.counts[70] = 1

    class Spoiled(Lazy):
        def __getitem__(self, key):
            image = super().__getitem__(key)
            if not isinstance(key, slice) and key == 70:
                image["x"] = 2
            return image

    with pytest.raises(ValueError, match="image 70 of X has x from 2 to 2"):
        VLAD(2, pyramid_levels=(2,)).fit(Spoiled(lazy.counts, geometry=True))
    with pytest.raises(ValueError, match="image 0 of X has no geometry"):
        VLAD(2, pyramid_levels=(2,)).fit(Lazy(lazy.counts))
