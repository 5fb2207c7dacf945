"""Rows of features with the columns beside them, wherever they stand, read part by part."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skimgfeat.io._parquet import import_pyarrow, open_parquet
from skimgfeat.jobs._folder import ITEM_COLUMNS, chunk_name
from skimgfeat.jobs._items import item_columns
from skimgfeat.jobs._readers import open_finished

_LIST = "features"  # the column of lists
_SUFFIXES = (".parquet", ".pq")
# Of features that are read at a time.
_BATCH_BYTES = 16 << 20
# Of which the first list is looked for.
_FIRST_ROWS = 1024


@dataclass(frozen=True)
class RowTable:
    """Rows of features, and the columns that tell what they are of.

    Attributes
    ----------
    types : dict of str to pyarrow.DataType
        The columns beside the features.
    lengths : list of int
        How many rows each part has.
    names : list of str
        Of the features.
    holders : list of str
        The columns that hold the features: one each, or one of lists.
    read : callable
        ``read(part, columns, n_rows)`` yields pyarrow tables of at most so many rows until the part is read.
    tells_status : bool
        Whether a column ``status`` says which rows have no features, and all others are finite.
    owner : str
        Who reads them, for messages.
    """

    types: dict[str, Any]
    lengths: list[int]
    names: list[str]
    holders: list[str]
    read: Callable
    tells_status: bool
    owner: str

    def read_batches(self, part, columns, *, with_features):
        """Yield (table of the columns, features or None) until the part is read; features that are missing are NaN."""
        n_rows = max(1, _BATCH_BYTES // (4 * len(self.names)))
        holders = self.holders if with_features else []
        for table in self.read(part, [*dict.fromkeys([*columns, *holders])], n_rows):
            yield table, self._features(table) if with_features else None

    def _features(self, table):
        with np.errstate(over="ignore"):
            if self.holders != [_LIST]:
                return np.column_stack([table[name].to_numpy().astype(np.float32) for name in self.holders])
            rows = np.full((len(table), len(self.names)), np.nan, dtype=np.float32)
            lists = table[_LIST].combine_chunks()
            sizes = {len(self.names), *_list_sizes(lists)}
            if len(sizes) > 1:
                raise ValueError(
                    f"{self.owner}: the lists of column {_LIST!r} must have one length, got {sorted(sizes)}."
                )
            values = lists.flatten().to_numpy(zero_copy_only=False)  # of the lists that are there
            rows[lists.is_valid().to_numpy(zero_copy_only=False)] = values.reshape(-1, len(self.names))
            return rows


def open_rows(owner, features, names, key):
    """Return the rows of a finished run, a Parquet file, a table or data frame, or an array with names.

    The column ``key`` holds no features, whatever its type.
    """
    if names is not None:
        return _open_table(owner, _name_rows(owner, features, names), key)
    if not isinstance(features, (str, os.PathLike)):
        return _open_table(owner, _as_table(owner, features), key)
    if os.fspath(features).lower().endswith(_SUFFIXES) and not os.path.isdir(features):
        return _open_files(owner, lambda path: open_parquet(owner, path), [features], key)
    folder, job = open_finished(owner, features)
    files = [chunk_name(number) for number in folder.chunk_numbers()]
    return _open_files(owner, folder.open_parquet, files, key, job["features"]["names"])


def _open_files(owner, open_file, paths, key, names=None):
    pa = import_pyarrow(owner)
    groups, lengths, schema = [], [], None
    for path in paths:
        with open_file(path) as file:
            schema = file.schema_arrow
            groups += [(path, number) for number in range(file.num_row_groups)]
            lengths += [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]

    def read(part, columns, n_rows):
        path, number = groups[part]
        with open_file(path) as file:
            for batch in file.iter_batches(n_rows, row_groups=[number], columns=columns, use_threads=False):
                yield pa.Table.from_batches([batch])

    return _describe(owner, schema, lengths, read, key, names)


def _open_table(owner, table, key):
    def read(part, columns, n_rows):
        for start in range(0, len(table), n_rows):
            yield table.select(columns).slice(start, n_rows)

    return _describe(owner, table.schema, [len(table)], read, key)


def _is_list(pa, kind):
    return pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _list_sizes(lists):
    """Return how long the lists are that are there."""
    from pyarrow import compute

    return compute.list_value_length(lists).unique().drop_null().to_pylist()


def _first_size(kind, lengths, read):
    """Return how long the lists are by their type, or the first of them; 0 where there is none."""
    if hasattr(kind, "list_size"):
        return kind.list_size
    tables = (table for part in range(len(lengths)) for table in read(part, [_LIST], _FIRST_ROWS))
    return next((size for table in tables for size in _list_sizes(table[_LIST])), 0)


def _describe(owner, schema, lengths, read, key, names=None):
    """Return the table, which knows its features by their types, or by the names that a run tells, and only that."""
    pa = import_pyarrow(owner)
    tells_status = names is not None
    types = {field.name: field.type for field in schema}
    if len(types) < len(schema):
        twice = sorted(name for name, count in Counter(schema.names).items() if count > 1)
        raise ValueError(f"{owner}: columns must have different names, and there are several of {twice}.")
    if _LIST in types and _is_list(pa, types[_LIST]):
        holders = [_LIST]
        names = names or [f"feature_{number}" for number in range(_first_size(types[_LIST], lengths, read))]
    else:
        others = {*ITEM_COLUMNS, key}
        floats = [name for name, kind in types.items() if pa.types.is_floating(kind) and name not in others]
        # The index of a data frame in a file is no feature either.
        floats = [name for name in floats if not name.startswith("__index_level_")]
        holders = names = names or floats
    if not names:
        raise ValueError(
            f"{owner}: there are no features: columns of floating-point numbers, or a column {_LIST!r} of lists of one "
            f"length; the columns are {list(types)}."
        )
    beside = {name: kind for name, kind in types.items() if name not in set(holders)}
    return RowTable(beside, lengths, list(names), list(holders), read, tells_status, owner)


def _as_table(owner, frame):
    """Return a pandas or polars data frame, or a pyarrow table, as a table."""
    pa = import_pyarrow(owner)
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "to_arrow"):
        return frame.to_arrow()
    if hasattr(frame, "iloc") and hasattr(frame, "columns"):
        return pa.Table.from_pandas(frame, preserve_index=False)
    raise TypeError(
        f"{owner}: features must be a job folder, a Parquet file, a data frame, a pyarrow table, or an array with "
        f"the names of its rows, got {type(frame).__name__}{' without names' if hasattr(frame, 'shape') else ''}."
    )


def _name_rows(owner, features, names):
    """Return an array of rows and the names of their files as a table."""
    pa = import_pyarrow(owner)
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind not in "biuf":
        what = f"an array of shape {features.shape}" if isinstance(features, np.ndarray) else type(features).__name__
        raise TypeError(f"{owner}: names go with an array of numbers of shape (n_rows, n_features), got {what}.")
    names = list(map(os.fsdecode, names))
    if len(names) != len(features):
        raise ValueError(f"{owner}: names must name each of the {len(features)} rows, got {len(names)}.")
    if features.shape[1] == 0:
        raise ValueError(f"{owner}: the array must have columns of features, got shape {features.shape}.")
    lists = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    return pa.table({**item_columns(names), _LIST: lists})
