import os
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from skimgfeat.io import read_images, read_labels, write_features

ROWS = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
NAMES = ["a", "b", "zone_1_2"]
FORMATS = [".npy", ".npz", ".parquet"]


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    if request.param == ".parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / f"features{request.param}"


def batches(rows=ROWS, size=4):
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def read_back(path):
    """Read with the formats' own libraries: (X, names, y)."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False), None, None
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            return stored["X"], list(stored["feature_names"]), stored.get("y")
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    y = np.array(table.column("label").to_pylist()) if "label" in table.column_names else None
    names = [name for name in table.column_names if name != "label"]
    return np.stack([table.column(name).to_numpy() for name in names], axis=1), names, y


def test_round_trip(path):
    write_features(path, batches(), feature_names=NAMES, n_samples=10)
    X, names, y = read_back(path)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, ROWS)
    assert names == (None if path.suffix == ".npy" else NAMES)
    assert y is None
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("suffix", FORMATS[1:])
@pytest.mark.parametrize(
    "y",
    [
        np.arange(10, dtype=np.int8),
        np.arange(10, dtype=">u2"),
        np.linspace(0, 1, 10),
        np.arange(10) % 2 == 0,
        [f"é{number}" for number in range(10)],
        np.array(["x", "yy"] * 5, dtype=object),
    ],
    ids=["int8", "big-endian", "float", "bool", "strings", "objects"],
)
def test_labels_come_back(tmp_path, suffix, y):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"f{suffix}"
    write_features(path, batches(), feature_names=NAMES, n_samples=10, y=y)
    X, names, stored = read_back(path)
    np.testing.assert_array_equal(X, ROWS)
    np.testing.assert_array_equal(stored, y)
    assert names == NAMES
    np.testing.assert_array_equal(read_labels(path, key="y" if suffix == ".npz" else None), y)


@pytest.mark.parametrize("suffix", FORMATS[:2])
def test_the_readers_of_images_take_rows(tmp_path, suffix):
    write_features(tmp_path / f"f{suffix}", batches(), feature_names=NAMES, n_samples=10)
    np.testing.assert_array_equal(read_images(tmp_path / f"f{suffix}"), ROWS)


def test_rows_of_other_types_and_layouts(path):
    rows = np.asfortranarray(ROWS.astype(np.float64))
    write_features(path, [rows[:4], rows[4:].tolist()], feature_names=NAMES, n_samples=10)
    np.testing.assert_array_equal(read_back(path)[0], ROWS)


@pytest.mark.parametrize("none", [[], [np.empty((0, 3))]], ids=["no batch", "an empty batch"])
def test_no_rows(path, none):
    write_features(path, none, feature_names=NAMES, n_samples=0, y=None if path.suffix == ".npy" else [])
    assert read_back(path)[0].shape == (0, 3)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("existed", [False, True])
def test_an_exception_in_the_middle_leaves_everything_as_it_was(path, error, existed):
    if existed:
        path.write_bytes(b"old")

    def broken():
        yield ROWS[:4]
        raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        write_features(path, broken(), feature_names=NAMES, n_samples=10)
    assert os.listdir(path.parent) == ([path.name] if existed else [])
    assert not existed or path.read_bytes() == b"old"


@pytest.mark.skipif(sys.platform != "linux", reason="stands for a full disk by RLIMIT_FSIZE")
def test_a_full_disk_leaves_everything_as_it_was(path):
    import resource

    path.write_bytes(b"old")
    rows = np.random.default_rng(0).random((1000, 300), dtype=np.float32)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_features(path, batches(rows, 100), feature_names=[f"f{i}" for i in range(300)], n_samples=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_samples": 11}, "ended after 10 of n_samples=11 rows"),
        ({"n_samples": 9}, "more than the n_samples=9 rows"),
        ({"feature_names": ["a", "b"]}, r"must be of shape \(n_rows, 2\).*got \(4, 3\)"),
        ({"feature_names": ["a", "b", "a"]}, "3 names, 2 of them different"),
        ({"feature_names": []}, "must name each column once"),
        ({"n_samples": -1}, "n_samples must be at least 0"),
    ],
)
def test_values_that_do_not_fit(path, change, message):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=f"write_features: .*{message}"):
        write_features(path, batches(), **{"feature_names": NAMES, "n_samples": 10, **change})
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("change", [{"n_samples": 2.5}, {"feature_names": [1, 2, 3]}, {"feature_names": "abc"}])
def test_wrong_kinds(path, change):
    with pytest.raises(TypeError, match="write_features: "):
        write_features(path, batches(), **{"feature_names": NAMES, "n_samples": 10, **change})
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("y", [np.arange(9), np.zeros((10, 1)), np.array([None] * 10), np.array([b"a"] * 10)])
def test_labels_that_do_not_fit(tmp_path, y):
    with pytest.raises(ValueError, match="y must hold a number or string for each of the 10 rows"):
        write_features(tmp_path / "f.npz", batches(), feature_names=NAMES, n_samples=10, y=y)


def test_npy_has_no_place_for_labels(tmp_path):
    with pytest.raises(ValueError, match="no place for labels"):
        write_features(tmp_path / "f.npy", batches(), feature_names=NAMES, n_samples=10, y=np.arange(10))
    assert os.listdir(tmp_path) == []


def test_other_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.npy, \.npz, \.parquet, got .*f\.csv"):
        write_features(tmp_path / "f.csv", batches(), feature_names=NAMES, n_samples=10)


def test_parquet_layout(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path / "f.parquet"
    write_features(path, batches(), feature_names=NAMES, n_samples=10, y=np.arange(10))
    with pyarrow.parquet.ParquetFile(path) as file:
        assert [str(field.type) for field in file.schema_arrow] == ["float", "float", "float", "int64"]
        assert file.schema_arrow.names == [*NAMES, "label"]
        assert [file.metadata.row_group(group).num_rows for group in range(3)] == [4, 4, 2]
    content = bytearray(path.read_bytes())
    content[content.index(ROWS[0, :1].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="checksum"):
        pyarrow.parquet.read_table(path, page_checksum_verification=True)


def test_parquet_keeps_the_label_column_for_labels(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="no feature may be named 'label'"):
        write_features(tmp_path / "f.parquet", batches(), feature_names=["a", "b", "label"], n_samples=10, y=range(10))


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"write_features: .*pip install 'skimgfeat\[parquet\]'"):
        write_features(tmp_path / "f.parquet", batches(), feature_names=NAMES, n_samples=10)
    assert os.listdir(tmp_path) == []


def test_npz_is_not_compressed_and_holds_no_time(tmp_path):
    write_features(tmp_path / "f.npz", batches(), feature_names=NAMES, n_samples=10, y=np.arange(10))
    with zipfile.ZipFile(tmp_path / "f.npz") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None


def test_memory_is_bounded_by_a_batch(path):
    pytest.importorskip("pyarrow")
    import pyarrow

    names = [f"f{column}" for column in range(100)]
    made = (np.full((1000, 100), number, dtype=np.float32) for number in range(50))  # 20 MB in all, 0.4 MB each
    before = pyarrow.total_allocated_bytes()
    tracemalloc.start()
    write_features(path, made, feature_names=names, n_samples=50_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
    assert pyarrow.total_allocated_bytes() - before < 5e6
    assert read_back(path)[0][::1000, 0].tolist() == list(range(50))


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
@pytest.mark.parametrize("suffix", [b".npy", b".npz", b".parquet"])
def test_names_that_are_not_utf8(tmp_path, suffix):
    if suffix == b".parquet":
        pytest.importorskip("pyarrow")
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9" + suffix)
    write_features(path, batches(), feature_names=NAMES, n_samples=10)
    assert os.listdir(os.fsencode(tmp_path)) == [b"caf\xe9" + suffix]
