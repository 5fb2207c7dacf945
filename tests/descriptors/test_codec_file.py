"""DescriptorCodec.save and load: the same codes, the same updates, and a sentence for every other file."""

import hashlib
import json
import os
import zipfile
from io import BytesIO

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skimgfeat import DescriptorCodec
from skimgfeat.descriptors import _codec_file


def make_images(n_images=12, seed=0, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(5, 24))
    images = []
    for count in rng.integers(0, 80, n_images):
        rows = rng.normal(size=(count, 5)) @ axes * 15 + rng.normal(size=(count, 24)) + 128
        images.append(np.clip(rows, 0, 255).astype(dtype))
    return images


CODECS = [
    DescriptorCodec(6, max_descriptors=40, random_state=0),
    DescriptorCodec(5, n_bits=4, samples_per_image=10, quantile_range=[1, np.float64(99)], random_state=3),
    DescriptorCodec(6, solver="incremental", batch_size=50, random_state=0),
    DescriptorCodec(np.int64(7), select_by="norm", random_state=np.random.RandomState(0)),
    DescriptorCodec(None),
]


def parts_of(path):
    """Return {name: bytes} of what is in a file."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, parts, compression=zipfile.ZIP_STORED):
    """Write a file whose hash is right, whatever is in it."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.comment = b"-" * 64
    data = buffer.getvalue()[:-64]
    path.write_bytes(data + hashlib.sha256(data).hexdigest().encode())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sift.codec"
    clone(CODECS[0]).fit(make_images()).save(path)
    return path


@pytest.mark.parametrize("updatable", [True, False])
@pytest.mark.parametrize("codec", CODECS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_loaded_codec_does_the_same(codec, dtype, updatable, tmp_path):
    images, path = make_images(dtype=dtype), tmp_path / "codec"
    codec = clone(codec).fit(images)
    codec.save(path, updatable=updatable)
    again = DescriptorCodec.load(path)
    codes = codec.transform(images)
    for actual, expected in zip(again.transform(images), codes, strict=True):
        assert_array_equal(actual, expected)
    for actual, expected in zip(again.inverse_transform(codes), codec.inverse_transform(codes), strict=True):
        assert_array_equal(actual, expected)
    for name in ("reconstruction_error_", "clipped_fraction_", "n_components_", "n_samples_seen_"):
        assert getattr(again.pca_, name) == getattr(codec.pca_, name)
    assert_array_equal(again.pca_.explained_variance_ratio_, codec.pca_.explained_variance_ratio_)
    assert (again.n_images_seen_, again.n_features_in_) == (12, 24)


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec.select_by == "rank"], ids=str)
@pytest.mark.parametrize("n_quantile_samples", [10, 200_000])
def test_updates_go_on_after_load(codec, n_quantile_samples, tmp_path, monkeypatch):
    images = make_images(40)
    codec = clone(codec)
    make_pca = codec._make_pca
    monkeypatch.setattr(
        codec, "_make_pca", lambda seed: make_pca(seed).set_params(n_quantile_samples=n_quantile_samples)
    )
    codec.fit(images[:20])
    codec.save(tmp_path / "codec")
    again = DescriptorCodec.load(tmp_path / "codec")
    for part in (images[20:25], images[25:]):
        codec.partial_fit(part)
        again.partial_fit(part)
    for name in ("components_", "mean_", "lower_", "upper_"):
        assert_array_equal(getattr(again.pca_, name), getattr(codec.pca_, name))
    assert again.n_images_seen_ == 40
    again.save(tmp_path / "again")
    codec.save(tmp_path / "codec")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "codec").read_bytes()


def test_the_same_codec_gives_the_same_bytes(path, tmp_path):
    clone(CODECS[0]).fit(make_images()).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    DescriptorCodec.load(path).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_parameters_come_back_as_plain_values(tmp_path):
    for codec in CODECS:
        clone(codec).fit(make_images()).save(tmp_path / "codec")
        found, given = DescriptorCodec.load(tmp_path / "codec").get_params(), codec.get_params()
        assert isinstance(found["quantile_range"], tuple)
        expected = given | {"quantile_range": tuple(given["quantile_range"])}
        if not isinstance(given["random_state"], int):
            expected["random_state"] = None
        assert found == expected


def test_without_what_updates_need(path, tmp_path):
    codec = DescriptorCodec.load(path)
    codec.save(tmp_path / "small", updatable=False)
    assert os.path.getsize(tmp_path / "small") < os.path.getsize(path) / 2
    small = DescriptorCodec.load(tmp_path / "small")
    with pytest.raises(ValueError, match="saved with updatable=False"):
        small.partial_fit(make_images())
    with pytest.raises(ValueError, match="saved with updatable=False"):
        small.save(tmp_path / "large")
    assert not (tmp_path / "large").exists()


def test_what_is_in_a_file(path):
    parts = parts_of(path)
    assert json.loads(parts["codec.json"])["version"] == 1
    assert all(data.startswith(b"\x93NUMPY") for name, data in parts.items() if name.endswith(".npy"))
    assert {os.path.splitext(name)[1] for name in parts} == {".json", ".npy"}
    components = np.load(BytesIO(parts["components.npy"]), allow_pickle=False)
    assert_array_equal(components, DescriptorCodec.load(path).pca_.components_)


def test_every_flipped_byte_is_found(path):
    data = path.read_bytes()
    places = np.random.default_rng(0).choice(len(data), 300, replace=False)
    for place in [0, 1, *places, len(data) - 1]:
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is damaged|is no codec file"):
            DescriptorCodec.load(path)


@pytest.mark.parametrize("length", [0, 1, 10, 64, 1000, -1])
def test_truncated_files(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"is damaged|is no codec file"):
        DescriptorCodec.load(path)


def test_a_file_of_a_newer_version(path):
    parts = parts_of(path)
    content = json.loads(parts["codec.json"]) | {"version": 2, "pca": "something else"}
    rewrite(path, parts | {"codec.json": json.dumps(content)})
    with pytest.raises(
        ValueError, match=r"newer skimgfeat \(version 2 of the format; this one reads up to 1\): upgrade"
    ):
        DescriptorCodec.load(path)


def test_files_that_somebody_else_wrote(path):
    parts = parts_of(path)
    content = json.loads(parts["codec.json"])
    pickled = BytesIO()
    np.save(pickled, np.array([None]), allow_pickle=True)
    transposed = BytesIO()
    np.save(transposed, np.load(BytesIO(parts["components.npy"])).T)
    others = [
        {"codec.json": b"{}"},
        {"codec.json": b"["},
        {"codec.json": json.dumps(content | {"parameters": {"exec": 1}})},
        {"codec.json": json.dumps(content | {"parameters": content["parameters"] | {"n_bits": 5}})},
        {"components.npy": pickled.getvalue()},
        {"components.npy": transposed.getvalue()},
        {"components.npy": b""},
    ]
    for other in others:
        rewrite(path, parts | other)
        with pytest.raises(ValueError, match="holds no codec"):
            DescriptorCodec.load(path)
    rewrite(path, {name: data for name, data in parts.items() if name != "mean.npy"})
    with pytest.raises(ValueError, match="holds no codec"):
        DescriptorCodec.load(path)
    rewrite(path, parts, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed, which could hide any size"):
        DescriptorCodec.load(path)
    rewrite(path, parts | {"codec.json": json.dumps(content | {"kind": "skimgfeat.Other"})})
    with pytest.raises(ValueError, match=r"holds a 'skimgfeat\.Other', not a codec"):
        DescriptorCodec.load(path)
    # The hash is what makes the difference.
    rewrite(path, parts)
    assert DescriptorCodec.load(path).n_features_in_ == 24


def test_a_failed_save_leaves_what_was_there(path, monkeypatch):
    before = path.read_bytes()
    codec = DescriptorCodec.load(path).fit(make_images(seed=1))
    monkeypatch.setattr(_codec_file, "as_json", {}.__getitem__)
    with pytest.raises(KeyError):
        codec.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        DescriptorCodec().save(tmp_path / "codec")
    with pytest.raises(FileNotFoundError):
        DescriptorCodec(6).fit(make_images()).save(tmp_path / "missing" / "codec")
    with pytest.raises(FileNotFoundError):
        DescriptorCodec.load(tmp_path / "codec")


def test_notes_travel_with_the_codec(path):
    notes = {"chunks": ["a", "b"], "n": 3}
    _codec_file.write_codec(path, DescriptorCodec.load(path), notes=notes)
    codec, found = _codec_file.read_codec(path, DescriptorCodec, updatable=False)
    assert found == notes
    assert not hasattr(codec.pca_, "_reservoir")
