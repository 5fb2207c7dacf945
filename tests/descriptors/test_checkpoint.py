"""A fit that is interrupted again and again ends in the same bytes."""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.base import clone

from skimgfeat import DescriptorCodec
from skimgfeat.descriptors import _checkpoint, _quantiles
from skimgfeat.descriptors._checkpoint import Checkpoint

CODECS = [
    DescriptorCodec(6, max_descriptors=40, batch_size=50, random_state=0),
    DescriptorCodec(5, n_bits=4, samples_per_image=10, batch_size=1, quantile_range=(0, 99), random_state=3),
    DescriptorCodec(6, solver="incremental", batch_size=50, random_state=0),
    DescriptorCodec(7, select_by="norm", max_descriptors=20, batch_size=70, random_state=np.random.RandomState(0)),
    DescriptorCodec(None, batch_size=10**6, random_state=1),
]
SUBSET = np.arange(14) % 5 != 2


class Lazy(Sequence):
    """Descriptors that are read when they are asked for."""

    def __init__(self, images):
        self.images, self.reads = images, 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, key):
        self.reads += len(self.images[key])
        return [image.copy() for image in self.images[key]]


def make_images(dtype):
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(5, 24))
    images = []
    for count in [*rng.integers(20, 80, 5), 0, *rng.integers(20, 80, 7), 0]:
        rows = rng.normal(size=(count, 5)) @ axes * 15 + rng.normal(size=(count, 24)) + 128
        images.append(np.clip(rows, 0, 255).astype(dtype))
    return images


class StoppedError(Exception):
    """Here, a process would die."""


def fit_until_saved(codec, X, checkpoint):
    """Go on with a fit until its state is saved once."""

    def keep(state):
        checkpoint.save(state)
        raise StoppedError

    state = checkpoint.load(codec) if os.path.exists(checkpoint.path) else codec._begin(24)
    codec._fit(X, SUBSET, state, keep)


@pytest.fixture
def always(monkeypatch):
    """Save whenever the state may be saved."""
    monkeypatch.setattr(_checkpoint, "_SECONDS", 0)


@pytest.mark.parametrize(
    ("dtype", "make", "n_quantile_samples"), [(np.uint8, Lazy, 10), (np.float32, list, 200_000), (np.float64, Lazy, 10)]
)
@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_the_same_bytes_however_often_it_is_interrupted(
    codec, dtype, make, n_quantile_samples, tmp_path, always, monkeypatch
):
    # Blocks that fill up, and one that is left.
    monkeypatch.setattr(_quantiles, "BLOCK_ROWS", 64)
    make_pca = DescriptorCodec._make_pca
    monkeypatch.setattr(
        DescriptorCodec,
        "_make_pca",
        lambda self, seed: make_pca(self, seed).set_params(n_quantile_samples=n_quantile_samples),
    )
    images = make_images(dtype)
    clone(codec).fit(images, subset=SUBSET).save(tmp_path / "straight")
    n_interruptions, X = 0, make(images)
    while True:
        # Nothing of the object survives, as when a process dies.
        again = clone(codec)
        try:
            fit_until_saved(again, X, Checkpoint(str(tmp_path / "part"), "this fit"))
            break
        except StoppedError:
            n_interruptions += 1
    again.save(tmp_path / "pieces")
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "straight").read_bytes()
    # Once for each image of the second pass, and at least once in the first.
    assert n_interruptions > SUBSET.sum()


def test_what_was_read_is_not_read_again(tmp_path, always):
    X, codec, checkpoint = Lazy(make_images(np.uint8)), clone(CODECS[1]), Checkpoint(str(tmp_path / "part"), 0)
    for _ in range(15):
        with pytest.raises(StoppedError):
            fit_until_saved(codec, X, checkpoint)
    state = checkpoint.load(codec)
    assert (state.histogram is not None, state.n_read) == (True, 7)
    X.reads = 0
    codec._fit(X, SUBSET, state)
    assert X.reads == 14 - 7


def test_states_are_saved_now_and_then(tmp_path, monkeypatch):
    codec, seconds = clone(CODECS[0]), [100.0]
    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: seconds[0])
    checkpoint = Checkpoint(str(tmp_path / "part"), 0)
    written = []

    def keep(state):
        seconds[0] += 10
        before = os.path.exists(checkpoint.path)
        checkpoint.save(state)
        written.append(os.path.exists(checkpoint.path) and not before)
        checkpoint.remove()

    codec._fit(make_images(np.uint8), SUBSET, codec._begin(24), keep)
    assert written[:6] == [False, False, True, False, False, True]


def test_another_fit_and_other_files(tmp_path, always):
    path, codec = str(tmp_path / "part"), clone(CODECS[0])
    with pytest.raises(StoppedError):
        fit_until_saved(codec, make_images(np.uint8), Checkpoint(path, {"components": 6}))
    assert Checkpoint(path, {"components": 6}).load(codec) is not None
    assert Checkpoint(path, {"components": 7}).load(codec) is None
    with pytest.raises(ValueError, match=r"holds a 'skimgfeat\.FitState', not a codec"):
        DescriptorCodec.load(path)
    content = bytearray((tmp_path / "part").read_bytes())
    content[1000] ^= 1
    (tmp_path / "part").write_bytes(content)
    with pytest.raises(ValueError, match=r"part is damaged.*Remove it to begin anew"):
        Checkpoint(path, {"components": 6}).load(codec)
    checkpoint = Checkpoint(path, 0)
    checkpoint.remove()
    checkpoint.remove()
    with pytest.raises(FileNotFoundError):
        checkpoint.load(codec)


def test_what_is_in_a_file(tmp_path, always):
    """JSON and .npy, and the hash of both at the end."""
    with pytest.raises(StoppedError):
        fit_until_saved(clone(CODECS[0]), make_images(np.uint8), Checkpoint(str(tmp_path / "part"), 0))
    with zipfile.ZipFile(tmp_path / "part") as archive:
        assert {os.path.splitext(name)[1] for name in archive.namelist()} == {".json", ".npy"}
        assert json.loads(archive.read("codec.json"))["n_read"] > 0
        data = (tmp_path / "part").read_bytes()
        assert hashlib.sha256(data[:-64]).hexdigest().encode() == archive.comment
