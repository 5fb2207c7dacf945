"""DescriptorStore, FlatDescriptors and extend_store: what was described is what is read, and nothing is lost."""

import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from skimgfeat import (
    SIFT,
    VLAD,
    BagOfVisualWords,
    DescriptorCodec,
    DescriptorStore,
    FlatDescriptors,
    Flatten,
    ImageCollection,
    extract,
)
from skimgfeat.descriptors._ragged import geometry_dtype
from skimgfeat.io import ImageError
from skimgfeat.jobs import extend_store, load_account, verify
from skimgfeat.jobs._folder import MANIFEST
from skimgfeat.jobs._prepare import for_workers, hash_estimator

pq = pytest.importorskip("pyarrow.parquet")

PICTURE = data.camera()[100:300, 100:300]


@pytest.fixture(autouse=True, scope="module")
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading", n_jobs=2):
        yield


def write_images(folder, names):
    """Write images of different sizes: every fifth blank, every seventh no image, one larger than the others."""
    folder.mkdir(exist_ok=True)
    for name in names:
        number = int(name)
        if number % 7 == 6:
            (folder / f"{name}.png").write_bytes(b"no image")
        elif number % 5 == 4:
            Image.fromarray(np.zeros((40, 40), np.uint8)).save(folder / f"{name}.png")
        else:
            Image.fromarray(PICTURE[number : 60 + 2 * number, : 80 + number]).save(folder / f"{name}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "images"
    write_images(folder, [f"{number:02d}" for number in range(40)])
    return folder


SIFTS = {"plain": SIFT(max_pixels=10_000), "geometry": SIFT(geometry=True, max_pixels=10_000, n_features=30)}


@pytest.fixture(scope="module")
def paths(folder, tmp_path_factory):
    """A store of each kind; not to be changed."""
    root = tmp_path_factory.mktemp("stores")
    for name, sift in SIFTS.items():
        extend_store(sift, folder, root / name, chunk_size=18)
    return {name: root / name for name in SIFTS}


@pytest.fixture(params=sorted(SIFTS))
def kind(request):
    return request.param


@pytest.fixture
def store(paths, kind):
    return DescriptorStore(paths[kind])


@pytest.fixture(scope="module")
def described(folder):
    """What SIFT itself gives, the failed images without descriptors."""
    collection = ImageCollection.from_folder(folder, on_error="nan")
    with pytest.warns(UserWarning, match="cannot be read"):
        return {name: sift.fit(collection).transform(collection) for name, sift in SIFTS.items()}


@pytest.fixture
def expected(described, kind):
    return described[kind]


def assert_same(actual, expected):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


def test_round_trip(store, expected, kind):
    assert_same(store[:], expected)
    assert len(store) == 40
    assert store.shape == (40,)
    assert store.dtype == (np.uint8 if kind == "plain" else geometry_dtype(np.uint8, 128))
    assert store.tail == ((128,) if kind == "plain" else ())
    assert_array_equal(store.counts, [len(array) for array in expected])
    assert store.names == [f"{number:02d}.png" for number in range(40)]
    assert len(set(map(len, expected))) > 10


def test_status_of_each_image(store):
    status = np.array(store.status)
    assert set(np.flatnonzero(status == "error")) == {6, 13, 20, 27, 34}
    assert all(store.codes[index] == "unidentified" for index in (6, 13, 20, 27, 34))
    # A blank image is no error.
    assert (store.status[4], store.codes[4], store.counts[4], store.messages[4]) == ("ok", "", 0, "")
    shrunk = np.flatnonzero(status == "partial")
    assert len(shrunk) > 3
    assert store.messages[shrunk[-1]] == "shrunk from 98x118 to 91x109 pixels (max_pixels)"
    assert all("shrunk from" in store.messages[index] for index in shrunk)


def test_read_tells_why_an_image_failed(store, expected):
    with pytest.raises(ImageError) as error:
        store.read(6)
    assert error.value.code == "unidentified"
    assert_array_equal(store.read(7), expected[7])


def test_access_in_any_order(store, expected):
    rng = np.random.default_rng(0)
    for index in [*rng.integers(-40, 40, 60), np.int64(3)]:
        assert_array_equal(store[index], expected[index])
    for key in (slice(5, 30, 3), slice(None, None, -1), slice(38, 100), slice(3, 3)):
        assert_same(store[key], expected[key])
    for key in ([7, 2, 2, 39], rng.permutation(40), np.arange(40) % 3 == 0):
        part = store[key]
        assert isinstance(part, DescriptorStore)
        places = np.arange(40)[key]
        assert_same(part[:], [expected[place] for place in places])
        assert part.names == [store.names[place] for place in places]
        assert part.hashes == [store.hashes[place] for place in places]
    assert_same(store[[30, 5, 9]][[2, 0]][:], [expected[9], expected[30]])
    with pytest.raises(IndexError):
        store[40]


def test_pickles(store, expected):
    store[3]
    again = pickle.loads(pickle.dumps(store[np.arange(10, 20)]))
    assert_same(again[:], expected[10:20])
    assert len(pickle.dumps(store)) < 60 * 1000


def test_scikit_learn_splits_it(store, expected):
    for train, test in KFold(4, shuffle=True, random_state=0).split(store):
        assert_same(store[test][:], [expected[index] for index in test])
        assert len(store[train]) == 30
    train, test, y_train, y_test = train_test_split(store, np.arange(40), random_state=0)
    assert_same(train[:], [expected[index] for index in y_train])
    assert_same(test[:], [expected[index] for index in y_test])


def test_export(store, expected, tmp_path):
    flat = store.export(tmp_path / "flat")
    for opened in (flat, FlatDescriptors(tmp_path / "flat")):
        assert_same(opened[:], expected)
        assert_array_equal(opened[-3], expected[-3])
        assert opened.names == store.names
        assert len(opened) == 40
        assert_same(_safe_indexing(opened, np.array([7, 3])), [expected[7], expected[3]])
        train, test = train_test_split(opened, random_state=0)
        assert (len(train), len(test)) == (30, 10)
        assert isinstance(opened.descriptors, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            opened.descriptors[0] = opened.descriptors[1]
    assert_same(store[[5, 3]].export(tmp_path / "part")[:], [expected[5], expected[3]])


def test_rows_of_images_that_failed(store, expected, tmp_path):
    vlad = VLAD(4, random_state=0).fit(expected)
    status, counts = np.array(store.status), store.counts
    for X in (store, store.export(tmp_path / "flat"), store[::-1][::-1]):
        codes = DescriptorCodec(8, random_state=0).fit(X).transform(X)
        words = BagOfVisualWords(4, random_state=0).fit(codes)
        for rows in (vlad.transform(X), words.transform(codes)):
            assert_array_equal(np.isnan(rows).all(axis=1), status == "error")
            assert_array_equal((rows == 0).all(axis=1), (status != "error") & (counts == 0))


def test_an_export_over_another_that_is_interrupted(store, tmp_path, monkeypatch):
    def interrupt(self, index):
        raise KeyboardInterrupt

    flat = tmp_path / "flat"
    store[[0, 1, 2]].export(flat)
    offsets = (flat / "offsets.npy").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(DescriptorStore, "_array", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.export(flat)
    with pytest.raises(FileNotFoundError, match=r"offsets\.npy"):
        FlatDescriptors(flat)
    store.export(flat)
    (flat / "offsets.npy").write_bytes(offsets)
    with pytest.raises(ValueError, match=r"FlatDescriptors: .* of different exports; export the store again"):
        FlatDescriptors(flat)


def test_a_store_of_no_descriptors_at_all(tmp_path):
    extract(SIFT(), np.zeros((3, 20, 20), np.uint8), tmp_path / "store")
    store = DescriptorStore(tmp_path / "store")
    assert_same(store[:], [np.empty((0, 128), np.uint8)] * 3)
    assert_same(store.export(tmp_path / "flat")[:], store[:])
    assert store.names == [""] * 3


class Codes(TransformerMixin, BaseEstimator):
    """Gives what it gets, as a list."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return list(X)


@pytest.mark.parametrize(("count", "most"), [(1800, 4), (40, 100), (20_000, 1)])
def test_an_image_is_read_with_few_others(tmp_path, count, most):
    """A row group is the least that can be read: half a megabyte, whatever the images hold."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (count - index, 64), dtype=np.uint8) for index in range(10)]
    extract(Codes().fit(arrays), arrays, tmp_path / "store", chunk_size=10, progress=False)
    store = DescriptorStore(tmp_path / "store")
    for index in rng.permutation(10):
        assert_array_equal(store[index], arrays[index])
    with pq.ParquetFile(tmp_path / "store/chunks/c-000000.parquet") as file:
        groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert sum(groups) == 10
    assert max(groups) == min(most, 10)


def test_chunks(store):
    chunks = store.chunks()
    assert [(part, len(indices)) for part, _, indices in chunks] == [(0, 18), (0, 18), (0, 4)]
    assert_array_equal(np.concatenate([indices for *_, indices in chunks]), np.arange(40))
    assert len({sha256 for _, sha256, _ in chunks}) == 3
    assert store[[]].chunks() == []


def test_a_codec_learns_from_it_what_it_learns_from_a_list(store, expected):
    codec = DescriptorCodec(8, max_descriptors=50, random_state=0)
    subset = np.arange(40) % 3 > 0
    from_store, from_list = (DescriptorCodec(**codec.get_params()).fit(X, subset=subset) for X in (store, expected))
    for name in ("components_", "mean_", "lower_", "upper_", "explained_variance_"):
        assert_array_equal(getattr(from_store.pca_, name), getattr(from_list.pca_, name))
    assert_same(from_store.transform(store), from_list.transform(expected))
    again = DescriptorCodec(**codec.get_params()).fit(store, subset=subset)
    assert_array_equal(again.pca_.components_, from_store.pca_.components_)
    assert_array_equal(again.pca_.lower_, from_store.pca_.lower_)


def test_new_images_make_a_new_part(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, ["00", "01", "06"])
    assert str(extend_store(SIFT(), folder, path)).startswith("3 listed = 2 ok + 0 partial + 1 error")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    write_images(folder, ["02", "04", "13"])
    account = extend_store(SIFT(n_jobs=2), folder, path)
    assert (account.listed, account.ok, account.error) == (6, 4, 2)
    assert account.n_done == 3
    assert {file: file.read_bytes() for file in before} == before
    store = DescriptorStore(path)
    assert store.names == ["00.png", "01.png", "06.png", "02.png", "04.png", "13.png"]
    everything = ImageCollection(store.names, root=folder, on_error="nan")
    with pytest.warns(UserWarning, match="2 of 6 images cannot be read"):
        assert_same(store[:], SIFT().fit(everything).transform(everything))
    assert [part for part, *_ in store.chunks()] == [0, 1]
    assert extend_store(SIFT(), folder, path).n_done == 0
    assert len(list(path.iterdir())) == 2
    with pytest.raises(ValueError, match="another estimator or setting"):
        extend_store(SIFT(n_features=3), folder, path)


@pytest.fixture(params=["memory", "local"])
def address(request, tmp_path_factory):
    """The address of a folder in memory, which needs no folders made, and on a disk, which does."""
    filesystem = pytest.importorskip("fsspec").filesystem(request.param)
    path = "/descriptors" if request.param == "memory" else str(tmp_path_factory.mktemp("address"))
    yield f"{request.param}://{path}"
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


def test_stores_at_addresses(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store, codes = f"{address}/sift", f"{address}/codes"
    with pytest.raises(FileNotFoundError, match="there is no store"):
        DescriptorStore(store)
    folder = tmp_path / "images"
    for listed, names in ((3, ["00", "01", "06"]), (5, ["02", "04"])):
        write_images(folder, names)
        for path in (store, tmp_path / "store"):
            assert extend_store(SIFT(), folder, path).listed == listed
    opened, local = DescriptorStore(store), DescriptorStore(tmp_path / "store")
    assert [part for part, *_ in opened.chunks()] == [0, 1]
    assert (opened.names, opened.status, opened.hashes) == (local.names, local.status, local.hashes)
    assert_same(opened[:], local[:])
    codec = DescriptorCodec(n_components=8, random_state=0).fit(opened)
    assert extend_store(codec, opened, codes).listed == 5
    assert_same(DescriptorStore(codes)[:], codec.transform(local))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "store"]


def test_new_images_join_a_store_that_extract_made(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, ["00", "01"])
    extract(SIFT(), folder, path, progress=False)
    for names in (["02"], ["03", "05"]):
        write_images(folder, names)
        account = extend_store(SIFT(), folder, path)
    assert account.listed == account.ok == 5
    assert DescriptorStore(path).names == ["00.png", "01.png", "02.png", "03.png", "05.png"]
    assert (load_account(path).ok, verify(path)) == (5, [])


def test_new_images_of_which_none_can_be_read(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, ["00"])
    extend_store(SIFT(), folder, path)
    write_images(folder, ["06", "13"])
    for _ in range(2):
        account = extend_store(SIFT(), folder, path, chunk_size=1)
        assert (account.listed, account.ok, account.codes) == (3, 1, {"unidentified": 2})
        unfinish(path / "part-0001")
    assert extend_store(SIFT(), folder, path, chunk_size=1).complete
    assert DescriptorStore(path).status == ["ok", "error", "error"]
    with pytest.raises(ValueError, match="none of the 2 items can be read"):
        extend_store(SIFT(), ImageCollection(["06.png", "13.png"], root=folder), tmp_path / "other")
    assert not (tmp_path / "other/part-0000").exists()


def test_other_images_by_the_same_names(tmp_path):
    for name, number in (("day1", "00"), ("day2", "01")):
        write_images(tmp_path / name, ["00", number])
    extend_store(SIFT(), tmp_path / "day1", tmp_path / "store")
    with pytest.raises(ValueError, match=r"1 images, such as '00.png', are in .*part-0000' already, from '.*day1'"):
        extend_store(SIFT(), tmp_path / "day2", tmp_path / "store")
    with pytest.raises(ValueError, match=r"another input: {'decoding': {'mode': 'rgb'.* there, {'deco.* 'gray'"):
        extend_store(SIFT(), ImageCollection.from_folder(tmp_path / "day1", mode="gray"), tmp_path / "store")
    # Images from elsewhere by other names are welcome.
    (tmp_path / "day2/00.png").unlink()
    assert extend_store(SIFT(), tmp_path / "day2", tmp_path / "store").listed == 2


def test_a_store_is_not_mixed_with_what_another_store_was(tmp_path):
    folder, path, codes = tmp_path / "images", tmp_path / "store", tmp_path / "codes"
    write_images(folder, ["00", "01", "02"])
    extend_store(SIFT(), folder, path)
    codec = DescriptorCodec(8, random_state=0).fit(DescriptorStore(path))
    extend_store(codec, DescriptorStore(path)[[0, 1]], codes)
    assert extend_store(codec, DescriptorStore(path)[[2]], codes).listed == 3
    assert extend_store(codec, DescriptorStore(path), codes).n_done == 0
    with pytest.raises(ValueError, match=r"X lacks 1 images that .* was begun with, such as '01.png'"):
        extend_store(codec, DescriptorStore(path)[[0]], codes)
    extend_store(SIFT(root=True), folder, tmp_path / "other")
    with pytest.raises(ValueError, match="computed from other descriptors of these images"):
        extend_store(codec, DescriptorStore(tmp_path / "other"), codes)


def test_a_chunk_that_was_lost_is_computed_again(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, ["00", "01", "02"])
    extend_store(SIFT(), folder, path, chunk_size=1)
    chunk = path / "part-0000/chunks/c-000001.parquet"
    data = chunk.read_bytes()
    chunk.unlink()
    with pytest.raises(ValueError, match=r"1 chunks of .* missing, such as 'chunks/c-000001.parquet'; the same run"):
        DescriptorStore(path)
    assert verify(path) == ["part-0000: chunks/c-000001.parquet is missing"]
    assert extend_store(SIFT(), folder, path, chunk_size=1).n_done == 1
    assert chunk.read_bytes() == data
    assert verify(path) == []
    (path / "part-0000/manifest.json").write_text("{}")
    with pytest.raises(ValueError, match=r"manifest.json' is damaged; remove it and run again: KeyError 'files'"):
        DescriptorStore(path)


def unfinish(part):
    """Leave of a part what a run leaves that was killed after its first chunk."""
    (part / MANIFEST).unlink()
    for chunk in sorted((part / "chunks").iterdir())[1:]:
        chunk.unlink()


def test_a_part_that_did_not_end_is_finished_first(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, [f"{number:02d}" for number in range(20)])
    extend_store(SIFT(), folder, path, chunk_size=8)
    part = path / "part-0000"
    before = {file.name: file.read_bytes() for file in (part / "chunks").iterdir()}
    unfinish(part)
    with pytest.raises(ValueError, match="is not finished; resume it first"):
        DescriptorStore(path)
    write_images(folder, ["20", "21"])
    account = extend_store(SIFT(), folder, path, chunk_size=8)
    assert (account.listed, account.n_done) == (22, 14)
    assert {file.name: file.read_bytes() for file in (part / "chunks").iterdir()} == before
    assert verify(part) == []
    assert len(DescriptorStore(path)) == 22


def test_a_part_that_never_began_is_in_nobodys_way(tmp_path):
    folder, path = tmp_path / "images", tmp_path / "store"
    write_images(folder, ["06"])
    with pytest.raises(ValueError, match="none of the 1 items can be read"):
        extend_store(SIFT(), folder, path)
    with pytest.raises(FileNotFoundError, match="there is no store of descriptors"):
        DescriptorStore(path)
    write_images(folder, ["00"])
    assert extend_store(SIFT(), folder, path).listed == 2
    write_images(folder, ["01"])
    (path / "part-0001/chunks").mkdir(parents=True)  # killed before it had listed its items
    assert DescriptorStore(path).names == ["00.png", "06.png"]
    assert extend_store(SIFT(), folder, path).listed == 3
    assert DescriptorStore(path).names == ["00.png", "06.png", "01.png"]


def test_a_store_made_from_a_store_goes_on_too(paths, tmp_path, described):
    store = DescriptorStore(paths["plain"])
    codec = DescriptorCodec(8, random_state=0).fit(store)
    path = tmp_path / "codes"
    # One image twice: both are written, and either is found again.
    twice = store[[*range(20), 5]]
    extend_store(codec, twice, path, chunk_size=8)
    before = {file.name: file.read_bytes() for file in (path / "part-0000/chunks").iterdir()}
    unfinish(path / "part-0000")
    extend_store(codec, store[[*range(20), 5]], path, chunk_size=8)
    assert {file.name: file.read_bytes() for file in (path / "part-0000/chunks").iterdir()} == before
    account = extend_store(codec, store, path, chunk_size=8)
    codes = DescriptorStore(path)
    assert codes.names == [*store.names[:20], store.names[5], *store.names[20:]]
    assert account.codes == {"unidentified": 5}
    assert np.array(codes.status)[[6, 13]].tolist() == ["error", "error"]
    assert_same(codes[21:], codec.transform(described["plain"][20:]))
    unfinish(path / "part-0000")
    with pytest.raises(ValueError, match=r"X lacks 21 images that .* was begun with, such as"):
        extend_store(codec, store[[30, 31]], path, chunk_size=8)


_FIT_AND_HASH = """
import sys
import numpy as np
from skimgfeat import DescriptorCodec
from skimgfeat.jobs._prepare import hash_estimator

def fit():
    arrays = [np.random.default_rng(0).integers(0, 256, (300, 40), dtype=np.uint8)]
    options = {}, {"solver": "incremental", "batch_size": 64}, {"select_by": "norm"}, {"n_bits": 4}
    return [DescriptorCodec(9, random_state=0, **each).fit(arrays) for each in options]

if __name__ == "__main__":
    print(*map(hash_estimator, fit()))
"""


def test_a_codec_that_is_fitted_again_or_loaded_is_the_same(tmp_path):
    scope = {"__name__": "here"}
    exec(_FIT_AND_HASH, scope)
    codecs = scope["fit"]()
    elsewhere = subprocess.run([sys.executable, "-c", _FIT_AND_HASH], capture_output=True, text=True, check=True)
    hashes = elsewhere.stdout.split()
    assert len(set(hashes)) == 4
    assert list(map(hash_estimator, codecs)) == hashes
    for codec, expected in zip(codecs, hashes, strict=True):
        for updatable in (True, False):
            codec.save(tmp_path / "codec", updatable=updatable)
            assert hash_estimator(DescriptorCodec.load(tmp_path / "codec")) == expected
        assert hash_estimator(pickle.loads(pickle.dumps(codec))) == expected
        assert hasattr(codec.pca_, "_moments")  # what partial_fit needs is still there


def test_workers_get_no_more_of_a_codec_than_they_need():
    rng = np.random.default_rng(0)
    codec = DescriptorCodec(8).fit(rng.integers(0, 256, (4, 1500, 128), dtype=np.uint8))
    sizes = [len(pickle.dumps(each)) for each in (codec, for_workers(codec), for_workers(make_pipeline(codec)))]
    assert sizes[0] > 6000 * 128 > 20 * max(sizes[1:])


def test_images_without_paths(tmp_path):
    extract(SIFT(), np.stack([PICTURE] * 3), tmp_path / "store")
    store = DescriptorStore(tmp_path / "store")
    codec = DescriptorCodec(8).fit(store)
    with pytest.raises(ValueError, match="images without a path"):
        extend_store(codec, store, tmp_path / "codes")
    with pytest.raises(ValueError, match="X must be images with paths"):
        extend_store(SIFT(), np.stack([PICTURE] * 3), tmp_path / "other")
    extract(codec, store, tmp_path / "codes")
    assert_same(DescriptorStore(tmp_path / "codes")[:], codec.transform(store))


def test_a_damaged_file(tmp_path, folder):
    extend_store(SIFT(), folder, tmp_path / "store", chunk_size=8)
    store = DescriptorStore(tmp_path / "store")
    chunk = sorted((tmp_path / "store/part-0000/chunks").iterdir())[2]
    content = bytearray(chunk.read_bytes())
    place = content.find(store[17].tobytes())
    assert place > 0
    content[place + 50] ^= 1
    chunk.write_bytes(content)
    store[0]
    with pytest.raises(ValueError, match=r"c-000002.* is damaged"):
        store[17]
    chunk.write_bytes(content[:1000])
    with pytest.raises(ValueError, match=r"c-000002.* is damaged"):
        DescriptorStore(tmp_path / "store")


def test_what_is_no_store(tmp_path):
    with pytest.raises(FileNotFoundError):
        DescriptorStore(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="there is no store of descriptors"):
        DescriptorStore(tmp_path)
    extract(Flatten(), np.zeros((3, 4, 4)), tmp_path / "rows")
    with pytest.raises(ValueError, match="holds rows of features; read them with load_features"):
        DescriptorStore(tmp_path / "rows")


def test_parts_of_different_types(tmp_path, folder):
    (tmp_path / "store").mkdir()
    for name, sift in (("part-0000", SIFT()), ("part-0001", SIFT(geometry=True))):
        extract(sift, folder, tmp_path / "store" / name)
    with pytest.raises(ValueError, match="hold descriptors of different types"):
        DescriptorStore(tmp_path / "store")


# --- Out of core


class Synthetic(TransformerMixin, BaseEstimator):
    """Makes descriptors up; an item is the seed of its image."""

    def __init__(self, count=2000):
        self.count = count

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return [np.random.default_rng(int(seed[0])).integers(0, 256, (self.count, 128), dtype=np.uint8) for seed in X]


_OUT_OF_CORE = """
import resource, sys
import numpy as np
import sklearn.decomposition, pyarrow.parquet
from skimgfeat import DescriptorCodec, DescriptorStore
DescriptorCodec(16, random_state=0).fit([np.zeros((50, 128), np.uint8)]).transform([np.zeros((50, 128), np.uint8)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store = DescriptorStore(sys.argv[1])
codec = DescriptorCodec(16, max_descriptors=100, samples_per_image=20, random_state=0).fit(store)
n_codes = sum(len(codes) for codes in codec.transform(store))
print(store.counts.sum(), n_codes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_fit_and_transform_take_a_tenth_of_the_store(tmp_path):
    path = tmp_path / "store"
    extract(Synthetic().fit(None), np.arange(900)[:, None], path, chunk_size=48)
    n_bytes = sum(file.stat().st_size for file in path.rglob("*.parquet"))
    output = subprocess.run(
        [sys.executable, "-c", _OUT_OF_CORE, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    ).stdout
    n_descriptors, n_codes, kilobytes = map(int, output.split())
    assert (n_descriptors, n_codes) == (900 * 2000, 900 * 100)
    assert n_bytes > 2.3e8
    assert kilobytes * 1024 < n_bytes / 10, kilobytes
