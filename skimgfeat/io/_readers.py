"""Arrays of images and of labels from a file of any kind the library reads; the file's first bytes say which."""

import math
import os
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from skimgfeat.io._files import open_regular
from skimgfeat.io._idx import MAX_DEFLATE_RATIO, read_idx
from skimgfeat.io._parquet import read_image_column, read_label_column

# What zipfile and numpy raise for bytes that are not what they should be.
_DAMAGE = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
# What numpy's header parser, which is Python's own, raises besides.
_BAD_HEADER = (MemoryError, OverflowError, RecursionError, SyntaxError, TypeError, tokenize.TokenError)


def read_images(path, *, key=None):
    """Read an array of images from one file.

    Parameters
    ----------
    path : path-like
        A ``.npy`` or ``.npz`` file, an idx file (gzip or not), or a Parquet file with a column of encoded images.
        The first bytes of the file say which; its name does not matter.
    key : str or None, default=None
        Which array of an ``.npz`` file, which column of a Parquet file. None takes the only array of 2 to 4 dimensions
        and the column "image".

    Returns
    -------
    images : ndarray of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
        With the dtype of the file, uint8 from Parquet. ``.npy`` files are memory-mapped, read-only.

    Raises
    ------
    ValueError
        For a file of another kind, a damaged or truncated one, an array of other dimensions or not of numbers, a
        ``key`` that is not there or is needed to choose. Nothing is ever unpickled.
    ImportError
        For a Parquet file without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat.io import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.npz")
    ...     np.savez(path, X=np.zeros((5, 28, 28), dtype=np.uint8), y=np.arange(5))
    ...     read_images(path).shape
    (5, 28, 28)
    """
    return _read("read_images", path, key, "image", read_image_column, dimensions=(2, 3, 4), kinds="biuf")


def read_labels(path, *, key=None):
    """Read one label an image from a file.

    Parameters
    ----------
    path : path-like
        A file as :func:`read_images` takes it.
    key : str or None, default=None
        Which array of an ``.npz`` file, which column of a Parquet file. None takes the only 1-D array and the column
        "label".

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        Numbers or strings, with the dtype of the file.

    Raises
    ------
    ValueError
        As :func:`read_images`, and for missing values in a Parquet column.
    ImportError
        For a Parquet file without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat.io import read_labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.npz")
    ...     np.savez(path, X=np.zeros((3, 28, 28)), y=np.array([7, 2, 1]))
    ...     read_labels(path)
    array([7, 2, 1])
    """
    return _read("read_labels", path, key, "label", read_label_column, dimensions=(1,), kinds="biufUS")


def _read(owner, path, key, column, read_column, *, dimensions, kinds):
    path = os.fsdecode(path)
    with open_regular(path) as file:
        magic = file.read(6)
    if magic[:4] == b"PAR1":
        return read_column(owner, path, column if key is None else key)
    if magic[:2] == b"PK":
        return _read_npz(owner, path, key, dimensions, kinds)
    if key is not None:
        raise ValueError(f"{owner}: {path!r} holds one array; key={key!r} is for .npz and Parquet files.")
    if magic == b"\x93NUMPY":
        array = _map_npy(path)
    elif magic[:2] in (b"\x1f\x8b", b"\0\0"):
        array = read_idx(path)
    else:
        raise ValueError(
            f"{owner}: {path!r} is not a .npy, .npz, idx (gzip or not) or Parquet file: "
            f"it begins with {magic.hex(' ') or 'nothing'}."
        )
    if not _fits(array.shape, array.dtype, dimensions, kinds):
        raise ValueError(
            f"{owner}: {path!r} holds an array of shape {array.shape} and dtype {array.dtype}, "
            f"but {_wanted(dimensions)} is needed."
        )
    return array


def _fits(shape, dtype, dimensions, kinds):
    return len(shape) in dimensions and dtype.kind in kinds


def _wanted(dimensions):
    return "a 1-D array of numbers or strings" if dimensions == (1,) else "an array of numbers with 2 to 4 dimensions"


def _read_header(stream):
    """Return the (shape, dtype) that stand at the beginning of .npy data."""
    version = np.lib.format.read_magic(stream)
    try:
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version} of the .npy format holds no plain array")
    except _BAD_HEADER as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    if min(shape, default=0) < 0:
        raise ValueError(f"negative dimensions {shape}")
    return shape, dtype


def _check_size(shape, dtype, n_bytes):
    """Raise ValueError where n_bytes do not hold the array, before anything is allocated for it."""
    if math.prod(shape) * dtype.itemsize > n_bytes:
        raise ValueError(f"truncated: an array of shape {shape} and dtype {dtype} takes more than {n_bytes} bytes")


def _map_npy(path):
    try:
        with open_regular(path) as file:
            shape, dtype = _read_header(file)
            _check_size(shape, dtype, os.fstat(file.fileno()).st_size - file.tell())
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise ValueError(f"{path!r} is a damaged .npy file: {error}.") from error


def _read_npz(owner, path, key, dimensions, kinds):
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            headers = {
                info.filename.removesuffix(".npy"): _read_member_header(archive, info) for info in _arrays(archive)
            }
            names = [name for name, (shape, dtype) in headers.items() if _fits(shape, dtype, dimensions, kinds)]
            chosen = [name for name in names if key in (None, name)]
            if len(chosen) == 1:
                return _read_member(archive, f"{chosen[0]}.npy")
    except _DAMAGE as error:
        raise ValueError(f"{path!r} is a damaged .npz file: {error}.") from error
    held = ", ".join(f"{name!r} {shape} {dtype}" for name, (shape, dtype) in headers.items()) or "nothing"
    if key is None:
        raise ValueError(
            f"{owner}: {path!r} has {len(names)} arrays to choose from, where {_wanted(dimensions)} is needed; "
            f"name one with key=. It holds {held}."
        )
    raise ValueError(f"{owner}: {path!r} has no array {key!r} that is {_wanted(dimensions)}. It holds {held}.")


def _arrays(archive):
    return [info for info in archive.infolist() if info.filename.endswith(".npy")]


def _read_member_header(archive, info):
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename!r} is compressed in a way that numpy does not write")
    with archive.open(info) as member:
        return _read_header(member)


def _read_member(archive, name):
    info = archive.getinfo(name)
    with archive.open(info) as member:
        shape, dtype = _read_header(member)
        _check_size(shape, dtype, min(info.file_size, MAX_DEFLATE_RATIO * info.compress_size) - member.tell())
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
