"""Where the bytes of an image come from: memory, a file object, a path, an address that fsspec opens."""

import errno
import os
import re
import threading

import numpy as np

from skimgfeat.io._decode import ImageError
from skimgfeat.io._files import NotRegularError, open_regular

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")
# "a::b://c" opens c, "%2e%2e" is "..", "?" and "#" end a path.
_META = re.compile(r"::|%2e|%2f|%5c|[?#]", re.IGNORECASE)
# NA and NaT of pandas, which is not imported for them.
_MISSING = ("NAType", "NaTType")
# What the machine lacks, and not the file.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# A file object has one position, and an image may be asked for by two threads.
_FILE_OBJECTS = threading.Lock()


def import_fsspec(owner):
    """Return fsspec, which comes with the extra ``dask``."""
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(
            f"{owner}: addresses such as 's3://...' need fsspec, which is not installed: pip install 'skimgfeat[dask]'."
        ) from error
    return fsspec


def is_address(path):
    """Tell whether a path is an address such as ``s3://bucket/image.jpg``."""
    return isinstance(path, str) and _ADDRESS.match(path) is not None


def absolute_path(path):
    """Return a path that means the same from any working directory; an address does."""
    path = os.fsdecode(path)
    return path if is_address(path) else os.path.abspath(path)


def read_source(source, *, max_bytes):
    """Return the bytes of a source: bytes, a file object, a path or an address; raise ImageError where there are none.

    Nothing but a regular file is opened, and no more than ``max_bytes`` are read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif hasattr(source, "read"):
        data = _read_object(source, max_bytes)
    else:
        data = _read_path(source, max_bytes)
    _check_size(len(data), max_bytes)
    return data


def is_missing(value):
    """Tell whether a value is how a table says that there is none: None, NaN, NA."""
    is_nan = isinstance(value, (float, np.floating)) and value != value
    return value is None or is_nan or type(value).__name__ in _MISSING


def join_inside(root, name):
    """Return the path of ``name`` inside the folder ``root``; raise ImageError where it leads out of it.

    Names come from tables that others wrote: only relative ones with forward slashes are taken, and where links lead
    is looked at too.
    """
    foreign = "\0" in name or "\\" in name or name.startswith("/") or _DRIVE.match(name) or is_address(name)
    if not name or foreign or ".." in name.split("/"):
        raise ImageError("outside_root", f"{name!r} is not a relative path inside {root!r}")
    if is_address(root):
        if _META.search(name):
            raise ImageError("outside_root", f"{name!r} has characters that mean something else in an address")
        return f"{root.rstrip('/')}/{name}"
    path = os.path.join(root, name)
    inside = os.path.realpath(root)
    if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
        raise ImageError("outside_root", f"{name!r} leads outside {root!r}")
    return path


def join_listed(root, name):
    """Return the path of ``name``, which a listing of ``root`` gave: any name, and links wherever they lead.

    At an address, names are no more than addresses can say.
    """
    if is_address(root):
        return join_inside(root, name)
    if name.startswith("/") or ".." in name.split("/"):
        raise ImageError("outside_root", f"{name!r} is not a relative path inside {root!r}")
    return os.path.join(root, name)


def _read(file, max_bytes):
    return file.read() if max_bytes is None else file.read(max_bytes + 1)


def _check_size(n_bytes, max_bytes):
    if max_bytes is not None and n_bytes > max_bytes:
        raise ImageError("too_many_bytes", f"the file has more than {max_bytes} bytes")


def _read_object(file, max_bytes):
    try:
        with _FILE_OBJECTS:
            file.seek(0)
            data = _read(file, max_bytes)
    except (AttributeError, OSError, ValueError) as error:  # closed, or a pipe
        raise ImageError("missing", f"the file object cannot be read: {error}") from error
    if not isinstance(data, bytes):
        raise TypeError(f"read_source: a file object must be opened in binary mode, got one that reads {type(data)}.")
    return data


def _read_path(path, max_bytes):
    try:
        if is_address(path):
            with import_fsspec("read_source").open(path, "rb") as file:
                return _read(file, max_bytes)
        with open_regular(path) as file:
            _check_size(os.fstat(file.fileno()).st_size, max_bytes)
            return _read(file, max_bytes)
    except ImageError:
        raise
    except NotRegularError as error:
        raise ImageError("not_regular", str(error)) from error
    except PermissionError as error:
        raise ImageError("permission", "the file may not be read") from error
    except IsADirectoryError as error:
        raise ImageError("not_regular", "it is a folder") from error
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise
        code = "truncated" if not is_address(path) and os.path.isfile(path) else "missing"
        raise ImageError(code, f"the file cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name, a scheme that nothing opens
        raise ImageError("missing", f"nothing can be read by this name: {error}") from error


def name_of(source, index):
    """Return a text that names a source in messages and tables: its path, or its place where it has none."""
    return os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else f"item {index}"
