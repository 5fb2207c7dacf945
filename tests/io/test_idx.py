import contextlib
import gzip
import io
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skimgfeat.io import read_idx

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def encode(array):
    """Write idx by its definition: two zero bytes, type, number of dimensions, sides, values; all big-endian."""
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


@settings(max_examples=60, deadline=None)
@given(array=arrays, compress=st.booleans())
def test_round_trip(array, compress):
    data = encode(array)
    result = read_idx(io.BytesIO(gzip.compress(data) if compress else data))
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.flags.writeable
    np.testing.assert_array_equal(result, array)


@settings(max_examples=100, deadline=None)
@given(array=arrays, compress=st.booleans(), where=st.floats(0, 1, exclude_max=True))
def test_every_truncation_is_an_error(array, compress, where):
    data = gzip.compress(encode(array)) if compress else encode(array)
    with pytest.raises(ValueError, match=r"truncated|not an idx file"):
        read_idx(io.BytesIO(data[: int(where * len(data))]))


@settings(max_examples=150, deadline=None)
@given(array=arrays, compress=st.booleans(), data=st.data())
def test_a_changed_byte_is_an_error_or_another_array(array, compress, data):
    encoded = bytearray(gzip.compress(encode(array)) if compress else encode(array))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = read_idx(io.BytesIO(bytes(encoded)))
    except ValueError:
        return
    assert result.nbytes <= len(encode(array))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=64), prefix=st.sampled_from([b"", b"\0\0\x08\x03", b"\x1f\x8b\x08"]))
def test_any_bytes_are_an_error_or_an_array(data, prefix):
    with contextlib.suppress(ValueError):
        read_idx(io.BytesIO(prefix + data))


@pytest.mark.parametrize("compress", [False, True])
def test_bytes_after_the_array_are_an_error(compress):
    data = encode(np.arange(6, dtype=np.uint8)) + b"\0"
    with pytest.raises(ValueError, match="bytes after the end"):
        read_idx(io.BytesIO(gzip.compress(data) if compress else data))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (1_000_000, 1000), (2**32 - 1,) * 32])
def test_absurd_dimensions_take_no_memory(compress, shape):
    data = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(100)
    source = io.BytesIO(gzip.compress(data) if compress else data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="truncated, or its dimensions are wrong"):
        read_idx(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("magic", [b"\0\0\x08\0", b"\0\0\x08\x21", b"\0\0\x0a\x01", b"\0\1\x08\x01", b"PK\3\4", b""])
def test_wrong_magic_names_the_file(tmp_path, magic):
    (tmp_path / "wrong-idx3-ubyte").write_bytes(magic + bytes(200))
    with pytest.raises(ValueError, match=r"wrong-idx3-ubyte' is not an idx file: it begins with"):
        read_idx(tmp_path / "wrong-idx3-ubyte")


def test_content_decides_and_not_the_name(tmp_path):
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    (tmp_path / "a.gz").write_bytes(encode(array))
    (tmp_path / "b").write_bytes(gzip.compress(encode(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), array)
    np.testing.assert_array_equal(read_idx(str(tmp_path / "b")), array)


def test_damaged_gzip_names_the_file(tmp_path):
    data = bytearray(gzip.compress(encode(np.arange(200, dtype=np.uint8))))
    data[-6] ^= 1  # within the checksum
    (tmp_path / "digits.gz").write_bytes(data)
    with pytest.raises(ValueError, match=r"digits\.gz': the gzip data is damaged"):
        read_idx(tmp_path / "digits.gz")


def test_files_that_are_not_there_or_not_regular(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is not a regular file"):
        read_idx(tmp_path)
    with pytest.raises(TypeError):
        read_idx(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is not a regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.skipif("SKIMGFEAT_DATA" not in os.environ, reason="SKIMGFEAT_DATA is not set")
def test_mnist_as_published():
    folder = os.path.join(os.environ["SKIMGFEAT_DATA"], "mnist")
    images = read_idx(os.path.join(folder, "t10k-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(folder, "t10k-labels-idx1-ubyte.gz"))
    assert images.shape == (10000, 28, 28)
    np.testing.assert_array_equal(labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    with gzip.open(os.path.join(folder, "t10k-images-idx3-ubyte.gz")) as file:
        np.testing.assert_array_equal(images.ravel(), np.frombuffer(file.read(), np.uint8, offset=16))
