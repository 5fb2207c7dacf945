"""How every file is opened and how every file is written."""

import os
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_PREFIX = ".skimgfeat-"


class DamagedError(ValueError):
    """A file does not hold what was once written there: whoever runs a command cannot ask it in a better way."""


class NotRegularError(ValueError):
    """What stands at a path is no regular file."""


def open_regular(path):
    """Open a regular file for reading bytes; anything else (a folder, a named pipe, a device) could hang a reader."""
    path = os.fsdecode(path)
    # Asked twice: opening a device can have effects, and what stands at a path may change in between.
    _check_regular(path, os.stat(path))
    file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except NotRegularError:
        file.close()
        raise
    return file


def _check_regular(path, status):
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularError(f"{path!r} is not a regular file.")


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def atomic_write(path):
    """Write a file that is either complete or not there.

    The bytes go to a temporary name in the same folder, are forced to disk, and take the final name at the end of the
    block. Where the block raises anything (KeyboardInterrupt included), the temporary file is removed and a file
    already at ``path`` stays as it was.

    Parameters
    ----------
    path : path-like
        The file to write. A symbolic link is followed.

    Yields
    ------
    file : binary file object
        Open for writing, and for reading what is written.

    Raises
    ------
    FileNotFoundError
        Where the folder does not exist.
    IsADirectoryError
        Where ``path`` is a folder.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimgfeat.io import atomic_write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(os.path.join(folder, "a.txt")) as file:
    ...         _ = file.write(b"complete or not there")
    ...     os.listdir(folder)
    ['a.txt']
    """
    path = Path(os.path.realpath(os.fsdecode(path)))
    if path.is_dir():
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder. Give the name of a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Cannot write {str(path)!r}: its folder does not exist. Create the folder first.")
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Force a rename to disk; Windows has no way to open a folder and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
