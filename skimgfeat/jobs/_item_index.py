"""Which row belongs to which item."""

import re
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from skimgfeat.io._sources import is_missing
from skimgfeat.jobs._account import ERROR

NAME_COLUMN, PATH_COLUMN, STATUS_COLUMN = "image_name", "image_path", "status"
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class ItemIndex:
    """Which row belongs to which item, and which have failed.

    Attributes
    ----------
    ids : list of str
        The items, in the order of their first rows.
    codes : int64 ndarray of shape (n_rows,)
        The place in ``ids`` of each row's item, -1 for none.
    failed : bool ndarray of shape (n_rows,)
        Whether a row has no features.
    firsts : int64 ndarray of shape (n_items,)
        The row of each item that comes first in natural order among those that have not failed; -1 for none.
    unmatched : list of str
        The names of rows without an item.
    first_failed : str or None
        The name of the first row of an item that has failed.
    """

    ids: list
    codes: np.ndarray
    failed: np.ndarray
    firsts: np.ndarray
    unmatched: list
    first_failed: str | None

    @property
    def used(self):
        """Whether each row belongs to an item and has not failed."""
        return (self.codes >= 0) & ~self.failed

    @property
    def n_used(self):
        """How many such rows each item has."""
        return np.bincount(self.codes[self.used], minlength=len(self.ids))

    @property
    def n_failed(self):
        """How many rows of each item have failed."""
        return np.bincount(self.codes[(self.codes >= 0) & self.failed], minlength=len(self.ids))


def index_items(table, column, identify, *, holds_names):
    """Read the columns that tell items, and features only where nothing else says which rows have failed.

    ``identify`` makes an item of a value of the column, or None. ``holds_names`` says that these values name the images
    where no other column does.
    """
    places: dict[str, int] = {}
    firsts: dict[int, tuple] = {}
    codes: list[int] = []
    failed, unmatched, first_failed = [], [], None
    for value, name, fails in _iter_rows(table, column, holds_names):
        item, row = identify(value), len(codes)
        code = -1 if item is None else places.setdefault(item, len(places))
        codes.append(code)
        failed.append(fails)
        if item is None:
            unmatched.append(f"row {row}" if name is None else name)
        elif fails:
            first_failed = first_failed or name or f"row {row}"
        else:
            candidate = (natural_key(name), row)
            firsts[code] = min(firsts.get(code, candidate), candidate)
    return ItemIndex(
        ids=list(places),
        codes=np.array(codes, dtype=np.int64),
        failed=np.array(failed, dtype=bool),
        firsts=np.array([firsts[code][1] if code in firsts else -1 for code in range(len(places))], dtype=np.int64),
        unmatched=unmatched,
        first_failed=first_failed,
    )


def _iter_rows(table, column, holds_names):
    """Yield what tells the item, the name of the image or None, and whether its features are missing."""
    named = next((name for name in (PATH_COLUMN, NAME_COLUMN) if name in table.types), column if holds_names else None)
    columns = list(dict.fromkeys(filter(None, [column, named, STATUS_COLUMN if table.tells_status else None])))
    for part in range(len(table.lengths)):
        for values, features in table.read_batches(part, columns, with_features=not table.tells_status):
            names = [None] * len(values) if named is None else values[named].to_pylist()
            if table.tells_status:
                failed = [status == ERROR for status in values[STATUS_COLUMN].to_pylist()]
            else:
                failed = (~np.isfinite(features).all(axis=1)).tolist()
            yield from zip(values[column].to_pylist(), names, failed, strict=True)


def identifier(owner, by, on):
    """Return the column that tells the item of a row, and the function that makes an item of its values, or None."""
    if isinstance(by, str):
        return by, lambda value: as_item_id(owner, by, value)
    return on or NAME_COLUMN, _search(by) if isinstance(by, re.Pattern) else _call(owner, by)


def _search(pattern):
    def identify(value):
        match = None if value is None else pattern.search(value)
        return (match[1 if pattern.groups else 0] or None) if match else None

    return identify


def _call(owner, function):
    def identify(value):
        item = None if value is None else function(value)
        if item is not None and not isinstance(item, str):
            raise TypeError(f"{owner}: by must return a string, or None for no item, got {item!r} for {value!r}.")
        return item or None

    return identify


def as_item_id(owner, column, value):
    """Return a value that tells an item as a text, None where it is missing or empty."""
    if isinstance(value, str):
        return value or None
    if is_missing(value):
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) or value % 1:
        raise ValueError(f"{owner}: column {column!r} must tell items by texts or whole numbers, got {value!r}.")
    return str(value) if isinstance(value, Integral) else f"{float(value):.0f}"


def natural_key(text):
    """Return what sorts texts with the numbers in them by their values; texts that are missing come first."""
    if text is None:
        return ([], "")
    parts: list = _DIGITS.split(text)
    # However long a number is: without the zeros before it, the longer one is the larger.
    parts[1::2] = [(len(digits), digits) for digits in (part.lstrip("0") for part in parts[1::2])]
    return (parts, text)
