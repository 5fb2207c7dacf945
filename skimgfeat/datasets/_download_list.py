"""The photos to be had, and the list of what became of each."""

import csv
import io
import re
from contextlib import ExitStack
from dataclasses import astuple, dataclass, fields

import numpy as np

from skimgfeat.io import atomic_write
from skimgfeat.io._sources import is_missing
from skimgfeat.io._tables import escape_cell

_OWNER = "download_images"
_COLUMNS = ("image_id", "path", "url")
_OK, _ERROR = "ok", "error"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Photo:
    """What is to be had."""

    image_id: str
    path: str | None
    url: str | None
    md5: str | None = None
    n_bytes: int | None = None


@dataclass(frozen=True)
class Entry:
    """What became of it: a row of the list."""

    image_id: str
    path: str
    url: str
    status: str
    code: str
    http_status: str
    message: str
    n_bytes: int
    md5: str

    @classmethod
    def had(cls, photo, n_bytes, md5):
        """Return the entry of a photo that is there."""
        return cls(photo.image_id, photo.path, photo.url, _OK, "", "", "", n_bytes, md5)

    @classmethod
    def failed(cls, photo, error):
        """Return the entry of a photo that cannot be had."""
        status = "" if error.status is None else str(error.status)
        return cls(photo.image_id, photo.path or "", photo.url or "", _ERROR, error.code, status, error.message, 0, "")

    @property
    def ok(self):
        """Whether the photo is there."""
        return self.status == _OK


def read_photos(frame):
    """Return the rows of a data frame, or of a pyarrow table, as photos."""
    if hasattr(frame, "to_pydict"):
        columns = frame = frame.to_pydict()  # pyarrow's values are no objects of Python
    elif hasattr(frame, "columns"):
        columns = frame.columns
    else:
        raise TypeError(f"{_OWNER}: photos must be a data frame or a pyarrow.Table, got {type(frame).__name__}.")
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ValueError(f"{_OWNER}: photos has no column {', '.join(missing)}; its columns are {list(columns)}.")
    texts = [_read_texts(frame[name], name) for name in _COLUMNS]
    md5 = _read_texts(frame["md5"], "md5") if "md5" in columns else [None] * len(texts[0])
    for row, value in enumerate(md5):
        if value is not None and not _MD5.fullmatch(value.lower()):
            raise ValueError(
                f"{_OWNER}: column 'md5' of photos must hold 32 hexadecimal digits, got {value!r} in {row}."
            )
    sizes = frame["n_bytes"] if "n_bytes" in columns else [None] * len(texts[0])
    photos = [
        Photo(image_id, path, url, value and value.lower(), None if is_missing(size) else int(size))
        for image_id, path, url, value, size in zip(*texts, md5, sizes, strict=True)
    ]
    for name in ("image_id", "path"):
        _check_unique([getattr(photo, name) for photo in photos], name)
    _check_folders({photo.path for photo in photos if photo.path})
    return photos


def _read_texts(column, name):
    values = [None if is_missing(value) or value == "" else value for value in column]
    wrong = next((value for value in values if not isinstance(value, str | None)), None)
    if wrong is not None:
        raise TypeError(f"{_OWNER}: column {name!r} of photos must hold strings, got {wrong!r}.")
    return values


def _check_unique(values, name):
    if name == "image_id" and None in values:
        raise ValueError(f"{_OWNER}: photos has no image_id in row {values.index(None)}.")
    known = np.array([value for value in values if value is not None])
    unique, counts = np.unique(known, return_counts=True)
    if len(unique) < len(known):
        raise ValueError(
            f"{_OWNER}: photos has several rows with the {name} {str(unique[counts.argmax()])!r}: give one a photo."
        )


def _check_folders(paths):
    """Raise ValueError where one photo's path is a folder of another's."""
    for path in paths:
        folder, _, _ = path.rpartition("/")
        while folder:
            if folder in paths:
                raise ValueError(
                    f"{_OWNER}: photos has the paths {folder!r} and {path!r}: a file cannot be a folder; rename one."
                )
            folder, _, _ = folder.rpartition("/")


_FIELDS = [field.name for field in fields(Entry)]


class DownloadList:
    """The list of what became of each photo, a CSV file, written line by line.

    A run that is killed leaves all lines but for the end of the last.

    Parameters
    ----------
    path : path-like
        The file; entries that are there are read.

    Attributes
    ----------
    entries : dict of str to Entry
        By ``image_id``.
    """

    def __init__(self, path):
        self._path = path
        self.entries = self._read() if path.exists() else {}
        self._lines = ExitStack()

    def __enter__(self):
        self._write()
        file = open(self._path, "a", encoding="utf-8", errors="backslashreplace", newline="", buffering=1)
        self._lines.enter_context(file)
        self._writer = csv.writer(file)
        return self

    def __exit__(self, *exception):
        self._lines.close()

    def add(self, entry):
        """Add an entry, or replace the one of the same photo."""
        self.entries[entry.image_id] = entry
        self._writer.writerow(map(escape_cell, astuple(entry)))

    def sort(self, image_ids):
        """Write the list anew: one line a photo, these last and in this order."""
        last = {name: self.entries.pop(name) for name in image_ids if name in self.entries}
        self.entries |= last
        self._write()

    def _write(self):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_FIELDS)
        writer.writerows(map(escape_cell, astuple(entry)) for entry in self.entries.values())
        with atomic_write(self._path) as file:
            file.write(text.getvalue().encode("utf-8", "backslashreplace"))

    def _read(self):
        text = self._path.read_text(encoding="utf-8", errors="replace")
        header, *rows = csv.reader(io.StringIO(text, newline="")) if text else [[]]
        if header != _FIELDS:
            raise ValueError(
                f"{_OWNER}: {str(self._path)!r} is no list of downloads; move it, or choose another folder."
            )
        entries = map(_read_row, (row for row in rows if len(row) == len(_FIELDS)))
        return {entry.image_id: entry for entry in entries if entry is not None}


def _read_row(row):
    """Return the entry of a row, None for one that was cut off."""
    cells = dict(zip(_FIELDS, map(_unescape, row), strict=True))
    n_bytes, is_ok = cells.pop("n_bytes"), cells["status"] == _OK
    is_whole = n_bytes.isdigit() and (_MD5.fullmatch(cells["md5"]) if is_ok else cells["status"] == _ERROR)
    return Entry(n_bytes=int(n_bytes), **cells) if is_whole else None


def _unescape(cell):
    """Undo :func:`escape_cell`."""
    return cell[1:] if cell.startswith("'") and escape_cell(cell[1:]) == cell else cell
