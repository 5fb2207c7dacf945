"""Which files of a folder are images."""

import os
import stat
from fnmatch import fnmatchcase

from skimgfeat.io._sources import import_fsspec, is_address

_SUFFIXES = (".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def list_images(folder, pattern=None, *, recursive=True):
    """List the images in a folder, as paths relative to it.

    Parameters
    ----------
    folder : path-like
        A folder, or an address that fsspec lists.
    pattern : str or None, default=None
        Which files, by their name or, where the pattern has a slash, their path in the folder. None is every file whose
        name ends as those of images do, in capitals or not.
    recursive : bool, default=True
        Whether to look into the folders in it.

    Returns
    -------
    names : list of str
        With forward slashes, in the order of their bytes. Named pipes and the like are listed too, and folders that
        cannot be looked into: each is an item that fails, and none is lost without a word. Links to folders are not
        followed.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        Where there is no such folder, or it cannot be looked into.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skimgfeat.io import list_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.PNG", "a.jpg", "notes.txt"):
    ...         pathlib.Path(folder, name).touch()
    ...     print(list_images(folder), list_images(folder, "*.txt"))
    ['a.jpg', 'b.PNG'] ['notes.txt']
    """
    return [name.rstrip("/") for name in _list(folder, pattern, recursive)]


def list_class_folders(folder, pattern=None):
    """List the images in the folders of a folder, and the name of the folder that each is in."""
    names = [name for name in _list(folder, pattern, True) if "/" in name]
    return [name.rstrip("/") for name in names], [name.split("/", 1)[0] for name in names]


def _list(folder, pattern, recursive):
    """Return the paths in order, those of folders that cannot be looked into with a slash behind."""
    folder = os.fsdecode(folder)
    find = _find_remote if is_address(folder) else _find_local
    names = (name for name in find(folder, recursive) if name.endswith("/") or _matches(name, pattern))
    return sorted(names, key=os.fsencode)


def _matches(name, pattern):
    if pattern is None:
        return name.lower().endswith(_SUFFIXES)
    return fnmatchcase(name if "/" in pattern else name.rpartition("/")[2], pattern)


def _find_local(folder, recursive):
    """Yield the relative path of everything that is no folder, and of closed folders, with a slash behind."""
    if not stat.S_ISDIR(os.stat(folder).st_mode):
        raise NotADirectoryError(20, "not a folder", folder)
    errors: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=errors.append):
        relative = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        yield from (prefix + name for name in files)
        if not recursive:
            folders.clear()
    for error in errors:
        if error.filename == folder:
            raise error
        yield os.path.relpath(error.filename, folder).replace(os.sep, "/") + "/"


def _find_remote(folder, recursive):
    filesystem, root = import_fsspec("list_images").url_to_fs(folder)
    if not filesystem.isdir(root):
        raise FileNotFoundError(2, "no such folder", folder)
    for path in filesystem.find(root, maxdepth=None if recursive else 1):
        yield path.removeprefix(root).lstrip("/")
