import contextlib
import gzip
import io
import os
import struct
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skimgfeat.io import read_class_names, read_images, read_labels

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), dtype=np.uint8)
LABELS = np.arange(7) % 3


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_parquet(path, columns, metadata=None):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(columns).replace_schema_metadata(metadata), path, write_page_checksum=True)


def test_npy_is_mapped_and_read_only(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    images = read_images(tmp_path / "x.npy")
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.int64, np.float32, ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_dtypes_and_orders(tmp_path, dtype, order):
    array = np.asarray(IMAGES.astype(dtype), order=order)
    np.save(tmp_path / "x.npy", array)
    assert read_images(tmp_path / "x.npy").dtype == dtype
    np.testing.assert_array_equal(read_images(tmp_path / "x.npy"), array)


def test_empty_npy(tmp_path):
    np.save(tmp_path / "x.npy", np.empty((0, 28, 28), np.uint8))
    assert read_images(tmp_path / "x.npy").shape == (0, 28, 28)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_takes_the_only_candidate(tmp_path, save):
    save(tmp_path / "d.npz", X_train=IMAGES, y_train=LABELS)
    np.testing.assert_array_equal(read_images(tmp_path / "d.npz"), IMAGES)
    np.testing.assert_array_equal(read_labels(tmp_path / "d.npz"), LABELS)


def test_npz_with_several_candidates_needs_a_key(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, X_train=IMAGES, X_test=IMAGES[:2], y_train=LABELS, y_test=LABELS[:2].astype(str))
    np.testing.assert_array_equal(read_images(path, key="X_test"), IMAGES[:2])
    np.testing.assert_array_equal(read_labels(path, key="y_test"), ["0", "1"])
    held = r"'X_train' \(7, 5, 6\) uint8, 'X_test' \(2, 5, 6\) uint8, 'y_train' \(7,\) int64"
    with pytest.raises(ValueError, match=rf"d\.npz' has 2 arrays to choose from.*name one with key=.*{held}"):
        read_images(path)
    with pytest.raises(ValueError, match=f"has no array 'X'.*{held}"):
        read_images(path, key="X")
    with pytest.raises(ValueError, match=r"has no array 'y_train' that is an array of numbers with 2 to 4 dim"):
        read_images(path, key="y_train")


def test_npz_without_candidates(tmp_path):
    np.savez(tmp_path / "d.npz", y=LABELS)
    with pytest.raises(ValueError, match="has 0 arrays to choose from"):
        read_images(tmp_path / "d.npz")


def test_idx_by_content(tmp_path):
    data = b"\0\0\x08\x03" + struct.pack(">3I", *IMAGES.shape) + IMAGES.tobytes()
    (tmp_path / "images.npy").write_bytes(data)
    (tmp_path / "images.idx").write_bytes(gzip.compress(data))
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 7) + LABELS.astype(np.uint8).tobytes())
    np.testing.assert_array_equal(read_images(tmp_path / "images.npy"), IMAGES)
    np.testing.assert_array_equal(read_images(tmp_path / "images.idx"), IMAGES)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels"), LABELS)


def test_key_is_for_files_with_several_arrays(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(ValueError, match="holds one array; key='X' is for"):
        read_images(tmp_path / "x.npy", key="X")


@pytest.mark.parametrize("array", [np.arange(3), np.zeros((1,) * 5), np.array([["a"]]), np.zeros((2, 2), "M8[s]")])
def test_arrays_that_are_no_images(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match="an array of numbers with 2 to 4 dimensions is needed"):
        read_images(tmp_path / "x.npy")


def test_arrays_that_are_no_labels(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(ValueError, match="a 1-D array of numbers or strings is needed"):
        read_labels(tmp_path / "x.npy")


class Planted:
    """Says, when it is unpickled, that it was."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_nothing_is_unpickled(tmp_path, save):
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, np.array([Planted()], dtype=object))
    with pytest.raises(ValueError, match=r"Python objects|arrays to choose from"):
        read_labels(path)


@pytest.mark.parametrize("content", [b"", b"\x93NUM", b"hello world", b"\x80\x04\x95", b"%PDF-1.7"])
def test_other_files(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"read_images: .*x\.npy' is not a \.npy, \.npz, idx .* or Parquet file"):
        read_images(tmp_path / "x.npy")


def test_an_npz_member_cannot_promise_more_than_it_holds(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(100))
    with pytest.raises(ValueError, match=r"damaged \.npz file: truncated: an array of shape"):
        read_images(tmp_path / "x.npz")


def saved(save, **arrays):
    buffer = io.BytesIO()
    if save is np.save:
        save(buffer, arrays["X"])
    else:
        save(buffer, **arrays)
    return buffer.getvalue()


@settings(max_examples=200, deadline=None)
@given(save=st.sampled_from([np.save, np.savez, np.savez_compressed]), cut=st.booleans(), data=st.data())
def test_damaged_files_are_an_error_or_an_array(tmp_path_factory, save, cut, data):
    content = bytearray(saved(save, X=IMAGES[:2], y=LABELS[:2]))
    if cut:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    if cut:
        with pytest.raises(ValueError, match="damaged'"):  # the file's name
            read_images(path)
        return
    with contextlib.suppress(ValueError):
        assert read_images(path).nbytes <= len(content)


def test_parquet_images_and_labels(tmp_path):
    color = np.stack([IMAGES] * 3, axis=-1)
    columns = {"image": [png(image) for image in color], "label": LABELS.astype(np.int8), "name": list("abcdefg")}
    write_parquet(tmp_path / "d.parquet", columns, {"classes": "cat,dog,fish"})
    np.testing.assert_array_equal(read_images(tmp_path / "d.parquet"), color)
    labels = read_labels(tmp_path / "d.parquet")
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "d.parquet", key="name"), list("abcdefg"))
    assert read_class_names(tmp_path / "d.parquet") == ["cat", "dog", "fish"]


def test_parquet_without_class_names(tmp_path):
    write_parquet(tmp_path / "d.parquet", {"picture": [png(IMAGES[0])]})
    assert read_class_names(tmp_path / "d.parquet") is None
    np.testing.assert_array_equal(read_images(tmp_path / "d.parquet", key="picture"), IMAGES[:1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([png(IMAGES[0]), png(IMAGES[0, :3])], r"row 1: the image has shape \(3, 6\) and the first one \(5, 6\)"),
        ([png(IMAGES[0]), None], "row 1: the image is missing"),
        ([png(IMAGES[0])[:60]], r"row 0: the image is damaged or truncated.*\[truncated\]"),
        ([1, 2], "must hold encoded images as binary, got int64"),
    ],
)
def test_parquet_images_that_make_no_array(tmp_path, images, message):
    write_parquet(tmp_path / "d.parquet", {"image": images})
    with pytest.raises(ValueError, match=rf"d\.parquet'.*column 'image'.*{message}"):
        read_images(tmp_path / "d.parquet")


def test_parquet_columns_that_are_not_there_or_no_labels(tmp_path):
    path = tmp_path / "d.parquet"
    write_parquet(path, {"a": [1, None], "b": [[1], [2]], "c": [b"x", b"y"]})
    with pytest.raises(ValueError, match=r"has no column 'image'; its columns are \['a', 'b', 'c'\]"):
        read_images(path)
    for key, message in {"a": "int64 with 1 missing", "b": "got list", "c": "got binary"}.items():
        with pytest.raises(ValueError, match=message):
            read_labels(path, key=key)


def test_parquet_without_rows(tmp_path):
    pa = pytest.importorskip("pyarrow")
    write_parquet(tmp_path / "d.parquet", {"image": pa.array([], pa.binary())})
    with pytest.raises(ValueError, match="holds no images"):
        read_images(tmp_path / "d.parquet")


def test_damaged_parquet_names_the_file(tmp_path):
    path = tmp_path / "d.parquet"
    write_parquet(path, {"image": [png(image) for image in IMAGES]})
    content = path.read_bytes()
    for damaged in (content[:100], content[:-20], content[:200] + bytes([content[200] ^ 1]) + content[201:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"d\.parquet' is not a Parquet file, or damaged"):
            read_images(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "d.parquet").write_bytes(b"PAR1" + bytes(100))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"read_images: .*pip install 'skimgfeat\[parquet\]'"):
        read_images(tmp_path / "d.parquet")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
@pytest.mark.parametrize("as_text", [False, True])
def test_names_that_are_not_utf8(tmp_path, as_text):
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    path = os.fsdecode(name) if as_text else name
    for save in (np.save, np.savez):
        with open(name, "wb") as file:
            file.write(saved(save, X=IMAGES))
        np.testing.assert_array_equal(read_images(path), IMAGES)
    with open(name, "wb") as file:
        write_parquet(file, {"image": [png(IMAGES[0])]})
    np.testing.assert_array_equal(read_images(path), IMAGES[:1])
    with open(name, "wb") as file:
        file.write(b"\0\0\0")
    with pytest.raises(ValueError, match=r"caf\\udce9"):
        read_images(path)
