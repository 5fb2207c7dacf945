"""Where the bytes of an image come from: memory, a file object, a path, an address that fsspec opens."""

import os
import re
from pathlib import PurePath

from skimgfeat.io._decode import ImageError
from skimgfeat.io._files import NotRegularError, open_regular

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")


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


def read_source(source, *, max_bytes):
    """Return the bytes of a source: bytes, a file object, a path or an address; raise ImageError where there are none.

    Nothing but a regular file is opened, and no more than ``max_bytes`` are read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif hasattr(source, "read"):
        source.seek(0)
        data = _read(source, max_bytes)
    else:
        data = _read_path(source, max_bytes)
    if max_bytes is not None and len(data) > max_bytes:
        raise ImageError("too_many_bytes", f"the file has more than {max_bytes} bytes")
    return data


def join_inside(root, name):
    """Return the path of ``name`` inside the folder ``root``; raise ImageError where it leads out of it.

    Names come from tables that others wrote: only relative ones with forward slashes are taken, and where links lead
    is looked at too.
    """
    parts = name.split("/")
    if not name or "\0" in name or "\\" in name or name.startswith("/") or _DRIVE.match(name) or ".." in parts:
        raise ImageError("outside_root", f"{name!r} is not a relative path inside {root!r}")
    if is_address(root):
        return f"{root.rstrip('/')}/{name}"
    path = os.path.join(root, name)
    inside = os.path.realpath(root)
    if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
        raise ImageError("outside_root", f"{name!r} leads outside {root!r}")
    return path


def _read(file, max_bytes):
    return file.read() if max_bytes is None else file.read(max_bytes + 1)


def _read_path(path, max_bytes):
    try:
        if is_address(path):
            with import_fsspec("read_source").open(path, "rb") as file:
                return _read(file, max_bytes)
        with open_regular(path) as file:
            return _read(file, max_bytes)
    except NotRegularError as error:
        raise ImageError("not_regular", str(error)) from error
    except PermissionError as error:
        raise ImageError("permission", "the file may not be read") from error
    except IsADirectoryError as error:
        raise ImageError("not_regular", "it is a folder") from error
    except OSError as error:
        code = "truncated" if not is_address(path) and os.path.isfile(path) else "missing"
        raise ImageError(code, f"the file cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise ImageError("missing", f"no file can have this name: {error}") from error


def name_of(source, index):
    """Return a text that names a source in messages and tables: its path, or its place where it has none."""
    return str(source) if isinstance(source, (str, PurePath)) else f"item {index}"
