"""Rows of images to rows of the items that the images show."""

import logging
import os
import re
from dataclasses import asdict, dataclass, field

import numpy as np

from skimgfeat._validation import check_choice, check_flag
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.jobs._folder import ITEM_COLUMNS
from skimgfeat.jobs._item_index import identifier, index_items
from skimgfeat.jobs._row_tables import open_rows
from skimgfeat.jobs._table_files import as_wide_table, check_table_path, write_table

_OWNER = "aggregate"
_NAN_POLICIES = ("omit", "propagate", "raise")
_KINDS = ("pandas", "polars", "arrow")
_ID = "item_id"
_COUNTS = ("n_images", "n_failed")
# Of the items that are worked on in one reading of the rows.
_HELD_BYTES = 128 << 20
_N_SHOWN = 3

_logger = logging.getLogger("skimgfeat.jobs")


@dataclass(frozen=True)
class AggregateAccount:
    """What became of every row that was aggregated: ``rows == used + failed + unmatched``.

    Attributes
    ----------
    rows : int
        How many rows of images there are.
    used : int
        Rows with features that belong to an item.
    failed : int
        Rows of an item without features: those of images that failed.
    unmatched : int
        Rows that belong to no item, with features or without.
    items : int
        How many items there are.
    unmatched_names : list of str
        The images that belong to no item: their paths or names, or their places where they have none.
    nan_items : list of str
        The items whose features are NaN: with no row that is used or, with ``nan_policy="propagate"``, with one that
        failed.
    ignored_columns : list of str
        Columns that hold neither features nor what is known of an image.

    Raises
    ------
    ValueError
        Where the numbers do not add up.

    Examples
    --------
    >>> from skimgfeat.jobs import AggregateAccount
    >>> account = AggregateAccount(rows=5, used=3, failed=1, unmatched=1, items=2, unmatched_names=["logo.png"])
    >>> print(account)
    5 rows = 3 used + 1 failed + 1 unmatched ('logo.png'); 2 items
    """

    rows: int
    used: int
    failed: int
    unmatched: int
    items: int
    unmatched_names: list = field(default_factory=list)
    nan_items: list = field(default_factory=list)
    ignored_columns: list = field(default_factory=list)

    def __post_init__(self):
        counts = (self.used, self.failed, self.unmatched)
        if self.rows != sum(counts) or self.unmatched != len(self.unmatched_names):
            raise ValueError(f"the account of the rows does not add up: {self.rows} and {counts}")

    def to_dict(self):
        """Return what it tells as a dictionary that JSON takes.

        Returns
        -------
        content : dict
            The attributes.
        """
        return asdict(self)

    def __str__(self):
        text = (
            f"{self.rows} rows = {self.used} used + {self.failed} failed + {self.unmatched} unmatched"
            f"{name_some(self.unmatched_names)}; {self.items} items"
        )
        if self.nan_items:
            text += f", {len(self.nan_items)} of them NaN{name_some(self.nan_items)}"
        if self.ignored_columns:
            text += f"; columns left out: {', '.join(map(repr, self.ignored_columns))}"
        return text


def aggregate(
    features,
    *,
    by="item_id",
    method="mean",
    on=None,
    names=None,
    nan_policy="omit",
    counts=False,
    prefix=None,
    to="pandas",
    output=None,
):
    """Make one row of features an item out of the rows of its images.

    Parameters
    ----------
    features : path-like, data frame, pyarrow.Table or ndarray of shape (n_rows, n_features)
        The job folder of a finished :func:`extract`, which is read part by part and may be larger than memory; a
        Parquet file; a table or data frame of pandas or polars; or an array, with ``names``. In files and tables
        of other origin, the features are a column ``features`` of lists of one length, or all columns of
        floating-point numbers.
    by : str, re.Pattern or callable, default="item_id"
        What tells the item of a row. A string is the name of a column. A regular expression is searched for in the
        column ``on``, and its first group, or all that it matches where it has none, is the item. A callable gets the
        value of that column, and returns a string, or None for no item.
    method : {"mean", "max", "first", "median"}, default="mean"
        What becomes of the rows of an item, column by column. "first" takes one row: that of the first path in natural
        order, which has 2 before 10; without paths and names of images, what ``on`` names is in that order.
    on : str or None, default=None
        With a regular expression or a callable, the column that it looks at; None is ``image_name``, the file's name
        without its folder.
    names : sequence of path-like of length n_rows or None, default=None
        With an array, the path of each row's image. Like :func:`extract`, it gives the columns ``image_path``,
        ``image_name`` and ``item_id``.
    nan_policy : {"omit", "propagate", "raise"}, default="omit"
        What a row without features does, that of an image that failed. "omit" takes the other rows of the item; an item
        without any is a row of NaN. "propagate" makes the item's features NaN. "raise" is an error. What
        :func:`extract` was told to skip has no row, and is not counted.
    counts : bool, default=False
        Whether to add the columns ``n_images``, how many rows of the item are used, and ``n_failed``.
    prefix : str or None, default=None
        The columns of features are called this and a number, from 0. None calls them as they are.
    to : {"pandas", "polars", "arrow"}, default="pandas"
        The kind of table.
    output : path-like or None, default=None
        A file that ends in .parquet or .csv: the items are written there, part by part, and not returned.

    Returns
    -------
    items : data frame or pyarrow.Table
        ``item_id``, a string, then the features, float32: a row an item, in the order in which they first appear. Only
        without ``output``.
    account : AggregateAccount
        What became of every row, and which belong to no item.

    Raises
    ------
    TypeError, ValueError
        For a parameter or features that cannot be used; a run that is not finished; items told by fractions or truth
        values; where no row belongs to an item.
    FileNotFoundError
        Where there is no such job folder or file.
    ImportError
        Without pyarrow, or the library of the data frame.

    See Also
    --------
    merge_features : Puts the features of items beside another table.

    Notes
    -----
    A row has failed where a feature of it is NaN or infinite. A mean is summed in float64, row after row: it does not
    depend on how the rows are chunked.

    A first reading finds the items, some hundred bytes each. Then as many items as 128 MB hold are worked on in a
    reading of the parts that have rows of them: one row of each for the mean, the maximum and the first; all rows
    for the median, of which a single item may have more. Where the images of an item stand together, as they do in a
    folder, that is one reading in all.

    Whole numbers that tell items become their digits, "4711", even where a missing one has made them floats. An
    empty text is no item, nor is a missing value.

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import aggregate
    >>> rows = np.array([[1.0, 5.0], [3.0, 1.0], [8.0, 8.0], [np.nan, np.nan]])
    >>> names = ["7_front.jpg", "7_back.jpg", "12_front.jpg", "12_back.jpg"]
    >>> items, account = aggregate(rows, names=names, prefix="img_feature_")
    >>> items
      item_id  img_feature_0  img_feature_1
    0       7            2.0            3.0
    1      12            8.0            8.0
    >>> print(account)
    4 rows = 3 used + 1 failed + 0 unmatched; 2 items
    """
    _check_parameters(by, method, on, nan_policy, counts, prefix, to, output)
    column, identify = identifier(_OWNER, by, on)
    _check_kind_of_file(features)
    table = open_rows(_OWNER, features, names, column)
    _check_column(table, column, by)
    feature_names = _name_features(table.names, prefix, counts)
    index = index_items(table, column, identify, holds_names=not isinstance(by, str))
    _check_index(index, by, nan_policy)
    is_nan = (index.n_used == 0) | ((nan_policy == "propagate") & (index.n_failed > 0))
    account = AggregateAccount(
        rows=len(index.codes),
        used=int(index.n_used.sum()),
        failed=int(index.n_failed.sum()),
        unmatched=len(index.unmatched),
        items=len(index.ids),
        unmatched_names=index.unmatched,
        nan_items=[index.ids[code] for code in np.flatnonzero(is_nan)],
        ignored_columns=[name for name in table.types if name not in {*ITEM_COLUMNS, column}],
    )
    _logger.info("%s", account)
    batches = _iter_items(table, index, method, is_nan, counts)
    if output is None:
        return _collect(batches, feature_names, to), account
    write_table(output, batches, feature_names)
    return account


def _check_parameters(by, method, on, nan_policy, counts, prefix, to, output):
    is_pattern = isinstance(by, re.Pattern) and isinstance(by.pattern, str)
    if not (isinstance(by, str) or is_pattern or callable(by)):
        raise TypeError(
            f"{_OWNER}: by must be the name of a column, a regular expression made with re.compile, or a callable, "
            f"got {by!r}."
        )
    check_choice(_OWNER, "method", method, _REDUCTIONS)
    for name, value in (("on", on), ("prefix", prefix)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{_OWNER}: {name} must be None or a string, got {value!r}.")
    if on is not None and isinstance(by, str):
        raise ValueError(f"{_OWNER}: on goes with a regular expression or a callable; by={by!r} is a column itself.")
    check_choice(_OWNER, "nan_policy", nan_policy, _NAN_POLICIES)
    check_flag(_OWNER, "counts", counts)
    check_choice(_OWNER, "to", to, _KINDS)
    if output is not None:
        check_table_path(_OWNER, output)


def _check_kind_of_file(features):
    """Raise ValueError for a CSV file: it does not say which columns hold features."""
    if isinstance(features, (str, os.PathLike)):
        path = os.fsdecode(features)
        if path.lower().endswith(".csv") and not os.path.isdir(path):
            raise ValueError(
                f"{_OWNER}: CSV is not read, got {path!r}; give the job folder that it was written from, a Parquet "
                "file or, in Python, a data frame."
            )


def _check_column(table, column, by):
    """Raise ValueError where the column is not there, or no text to look for something in."""
    pa = import_pyarrow(_OWNER)
    if column not in table.types:
        raise ValueError(
            f"{_OWNER}: no column {column!r} tells the items; those beside the features are {list(table.types)}."
        )
    kind = table.types[column]
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not isinstance(by, str) and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ValueError(f"{_OWNER}: column {column!r} must hold texts, got {kind}.")


def _name_features(names, prefix, counts):
    """Return the names of the features of items; raise ValueError where a column would be there twice."""
    if prefix is not None:
        names = [f"{prefix}{number}" for number in range(len(names))]
    twice = {_ID, *(_COUNTS if counts else ())} & {*names}
    if twice:
        raise ValueError(f"{_OWNER}: features are called {sorted(twice)}, as a column of the items is; give a prefix.")
    return names


def _check_index(index, by, nan_policy):
    """Raise ValueError where nothing was matched, or something has failed that must not."""
    if not index.ids:
        raise ValueError(f"{_OWNER}: by={by!r} finds an item in none of the rows{name_some(index.unmatched)}.")
    if nan_policy == "raise" and index.first_failed is not None:
        raise ValueError(
            f"{_OWNER}: the features of {index.first_failed!r} are missing, NaN or infinite; nan_policy='omit' takes "
            "the other images of the item."
        )


def _iter_items(table, index, method, is_nan, counts):
    """Yield the columns of some items, a pyarrow table, and their features, until all items are made."""
    pa = import_pyarrow(_OWNER)
    reduce, bytes_of = _REDUCTIONS[method]
    n_used, n_failed = index.n_used, index.n_failed
    wanted = index.used
    if method == "first":
        wanted = np.zeros_like(wanted)
        wanted[index.firsts[index.firsts >= 0]] = True
    for start, stop in _split(bytes_of(n_used) * len(table.names)):
        rows = reduce(_iter_wanted(table, index.codes, wanted, start, stop), n_used[start:stop], len(table.names))
        rows[is_nan[start:stop]] = np.nan
        columns = {_ID: pa.array(index.ids[start:stop], pa.string())}
        if counts:
            columns |= {
                name: pa.array(values[start:stop]) for name, values in zip(_COUNTS, (n_used, n_failed), strict=True)
            }
        yield pa.table(columns), rows


def _split(n_bytes):
    """Yield (start, stop) of items that can be held together, or of one that is larger."""
    start, held = 0, 0
    for place, size in enumerate(n_bytes):
        if held + size > _HELD_BYTES and place > start:
            yield start, place
            start, held = place, 0
        held += size
    yield start, len(n_bytes)


def _iter_wanted(table, codes, wanted, start, stop):
    """Yield (place of its item from start, features) of each row that is wanted, reading the parts that hold any."""
    wanted = wanted & (codes >= start) & (codes < stop)
    place = 0
    for part, length in enumerate(table.lengths):
        end = place + length
        if wanted[place:end].any():
            for _, rows in table.read_batches(part, [], with_features=True):
                chosen = slice(place, place + len(rows))
                kept = wanted[chosen]
                yield from zip((codes[chosen][kept] - start).tolist(), rows[kept], strict=True)
                place += len(rows)
        place = end


def _mean(rows, n_rows, n_columns):
    total = np.zeros((len(n_rows), n_columns))
    for item, row in rows:
        total[item] += row
    return (total / np.maximum(n_rows, 1)[:, None]).astype(np.float32)


def _max(rows, n_rows, n_columns):
    largest = np.full((len(n_rows), n_columns), -np.inf, dtype=np.float32)
    for item, row in rows:
        np.maximum(largest[item], row, out=largest[item])
    return largest


def _first(rows, n_rows, n_columns):
    first = np.empty((len(n_rows), n_columns), dtype=np.float32)
    for item, row in rows:
        first[item] = row
    return first


def _median(rows, n_rows, n_columns):
    stops = np.cumsum(n_rows)
    kept = np.empty((stops[-1], n_columns), dtype=np.float32)
    free = stops - n_rows
    for item, row in rows:
        kept[free[item]] = row
        free[item] += 1
    median = np.full((len(n_rows), n_columns), np.nan, dtype=np.float32)
    for item in np.flatnonzero(n_rows):
        np.median(kept[stops[item] - n_rows[item] : stops[item]], axis=0, out=median[item], overwrite_input=True)
    return median


# A float32 on its way to a table: the row, the row as a part of a column, and that in the writer.
_WRITE_BYTES = 12

# How the rows of items become one each, and the bytes that an item takes for each feature.
_REDUCTIONS = {
    "mean": (_mean, lambda n_rows: np.full(len(n_rows), 8 + _WRITE_BYTES)),
    "max": (_max, lambda n_rows: np.full(len(n_rows), _WRITE_BYTES)),
    "first": (_first, lambda n_rows: np.full(len(n_rows), _WRITE_BYTES)),
    "median": (_median, lambda n_rows: 4 * n_rows + _WRITE_BYTES),
}


def _collect(batches, names, kind):
    """Return all items as a table of this kind."""
    pa = import_pyarrow(_OWNER)
    table = pa.concat_tables([as_wide_table(items, rows, names) for items, rows in batches])
    if kind == "arrow":
        return table
    if kind == "pandas":
        return table.to_pandas()
    import polars

    return polars.from_arrow(table)


def name_some(names):
    """Return the first names in brackets, as a sentence goes on."""
    if not names:
        return ""
    return f" ({', '.join(map(repr, names[:_N_SHOWN]))}{', ...' if len(names) > _N_SHOWN else ''})"
