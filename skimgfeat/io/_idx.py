"""The idx format of MNIST and EMNIST."""

import gzip
import math
import os
import struct
import zlib

import numpy as np

from skimgfeat.io._files import open_regular

# No deflate stream holds more than this many bytes a byte (https://zlib.net/zlib_tech.html).
MAX_DEFLATE_RATIO = 1032

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 32  # numpy 1's own limit
_CHUNK = 1 << 20


def read_idx(source):
    """Read an idx file, plain or compressed with gzip.

    Parameters
    ----------
    source : path-like or seekable binary file object
        Its first bytes say whether it is compressed; its name does not matter.

    Returns
    -------
    array : ndarray of dtype uint8, int8, int16, int32, float32 or float64
        In the machine's byte order (the format's is big-endian), writable.

    Raises
    ------
    ValueError
        For a file that is not idx, is truncated, has bytes after the array, or states dimensions that a file of its
        size cannot hold. No more memory is asked for than the file can fill.

    Notes
    -----
    Format: http://yann.lecun.com/exdb/mnist/, "the IDX file format".

    Examples
    --------
    >>> import io
    >>> from skimgfeat.io import read_idx
    >>> read_idx(io.BytesIO(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4])))
    array([5, 0, 4], dtype=uint8)
    """
    if not hasattr(source, "seek"):
        with open_regular(source) as file:
            return read_idx(file)
    name = repr(getattr(source, "name", "the idx data"))
    capacity = source.seek(0, os.SEEK_END)
    source.seek(0)
    is_compressed = source.read(2) == b"\x1f\x8b"
    source.seek(0)
    if not is_compressed:
        return _read_stream(source, name, capacity)
    try:
        with gzip.GzipFile(fileobj=source, mode="rb") as stream:
            return _read_stream(stream, name, MAX_DEFLATE_RATIO * capacity)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name}: the gzip data is damaged or truncated ({error}).") from error


def _read_stream(stream, name, capacity):
    dtype, shape = _read_header(stream, name)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > capacity:
        raise ValueError(
            f"{name}: truncated, or its dimensions are wrong: an array of shape {shape} takes {n_bytes} bytes, "
            f"and a file of this size holds {capacity} at most."
        )
    data = np.empty(n_bytes, dtype=np.uint8)
    filled = 0
    while filled < n_bytes:
        count = stream.readinto(data[filled : filled + _CHUNK])
        if count == 0:
            raise ValueError(f"{name}: truncated: {filled} of the {n_bytes} bytes of an array of shape {shape}.")
        filled += count
    if stream.read(1):
        raise ValueError(f"{name}: there are bytes after the end of the array of shape {shape}.")
    return data.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _read_header(stream, name):
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= _MAX_DIMENSIONS:
        raise ValueError(
            f"{name} is not an idx file: it begins with {magic.hex(' ') or 'nothing'}, where idx has 00 00, "
            f"a type (08, 09, 0b, 0c, 0d or 0e) and a number of dimensions (01 to {_MAX_DIMENSIONS:x})."
        )
    sides = stream.read(4 * magic[3])
    if len(sides) < 4 * magic[3]:
        raise ValueError(f"{name}: truncated within the dimensions of the array.")
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sides)
