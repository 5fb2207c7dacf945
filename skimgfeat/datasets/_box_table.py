"""From a table of boxes that a user gives to the boxes of a data set, and the reasons why some are left out."""

import hashlib
import os
from collections import defaultdict
from functools import partial

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from skimgfeat.datasets._boxes import FLAGS, as_truth, empty_as_null
from skimgfeat.io import ImageError
from skimgfeat.io._files import open_regular
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.io._sources import is_address, join_inside

_TEXTS = ("box_id", "image_id", "label", "group")
_OPTIONAL = (*_TEXTS, "rotation", *FLAGS)
# Two photos may well be the same; of three with one content, somebody has put a picture in the place of others.
_FEWEST_PLACEHOLDERS = 3


def read_table(owner, table, columns, rotation=None):
    """Return a table as pyarrow's, sorted by photo, with these columns and what else of a table of boxes it has.

    ``columns`` are those of the photo and of the corners, ``rotation`` that of the degrees, where one is needed. Photos
    stand in the order in which the table names them first; box_id, image_id and group are made up where they are
    missing.
    """
    from pyarrow import compute

    pa = import_pyarrow(owner)
    needed = (*columns, "label") if rotation is None else (*columns, "label", rotation)
    table = _as_arrow(owner, pa, table, needed)
    _check_columns(owner, table.column_names, needed)
    if len(table) == 0:
        raise ValueError(f"{owner}: table holds no boxes.")
    path, *corners = columns
    found = {path: _convert(owner, table, path, pa.string())}
    made_up = {
        "box_id": pa.array(np.arange(len(table))).cast(pa.string()),
        "image_id": found[path],
        "group": found[path],
    }
    for name in _TEXTS:
        found[name] = _convert(owner, table, name, pa.string()) if name in table.column_names else made_up[name]
    found["group"] = compute.coalesce(found["group"], found[path], found["box_id"])
    for name in corners:
        numbers = _convert(owner, table, name, pa.float64())
        found[name] = compute.if_else(compute.is_nan(numbers), None, numbers)
    for name in ("rotation", rotation):
        if name in table.column_names and name not in found:
            found[name] = _convert(owner, table, name, pa.float64())
    for name in FLAGS:
        if name in table.column_names:
            is_flag = pa.types.is_boolean(table[name].type)
            values = _convert(owner, table, name, pa.bool_() if is_flag else pa.float64())
            found[name] = values if is_flag else as_truth(values)
    photos = found[path].dictionary_encode().indices
    order = np.argsort(photos.fill_null(len(table)).to_numpy(), kind="stable")
    return pa.table(found).take(pa.array(order))


def _as_arrow(owner, pa, table, needed):
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, (str, bytes, os.PathLike)):
        return _read_file(owner, pa, os.fsdecode(table), needed[0])
    if hasattr(table, "columns") and (hasattr(table, "to_arrow") or hasattr(table, "index")):  # polars, pandas
        _check_columns(owner, list(table.columns), needed)
        # Other columns may hold what no table of pyarrow can.
        used = [name for name in dict.fromkeys((*needed, *_OPTIONAL)) if name in table.columns]
        return pa.table({name: _read_column(owner, pa, name, table[name]) for name in used})
    raise TypeError(f"{owner}: table must be a file, a data frame or a pyarrow.Table, got {type(table).__name__}.")


def _read_column(owner, pa, name, column):
    """Return a column of a data frame as pyarrow's; one of objects may hold paths of pathlib."""
    if str(column.dtype).lower() != "object":
        return column.to_arrow() if hasattr(column, "to_arrow") else pa.array(column, from_pandas=True)
    values = [os.fspath(value) if isinstance(value, os.PathLike) else value for value in column]
    try:
        return pa.array(values, from_pandas=True)
    except pa.ArrowException as error:
        raise ValueError(
            f"{owner}: column {name!r} of table must hold values of one type: {error}; convert it with astype."
        ) from error


def _read_file(owner, pa, path, path_column):
    readers = {
        ".csv": partial(_read_csv, pa, texts=(path_column, *_TEXTS)),
        # Threads may give up what they read as the process ends, which a file of Python's does not survive.
        ".parquet": partial(pa.parquet.read_table, use_threads=False),
        ".pq": partial(pa.parquet.read_table, use_threads=False),
    }
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in readers:
        raise ValueError(f"{owner}: table must be a .csv or .parquet file or a data frame, got {path!r}.")
    try:
        with open_regular(path) as file:
            return readers[suffix](file)
    except pa.ArrowException as error:
        raise ValueError(f"{owner}: {path!r} cannot be read: {error}") from error


def _read_csv(pa, file, *, texts):
    """Return a table of which these columns are texts, and all others what they seem to be."""
    from pyarrow import csv

    table = csv.read_csv(
        file,
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string())),
    )
    columns = [
        empty_as_null(column) if name in texts else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _check_columns(owner, names, needed):
    """Raise ValueError for a column that is not there, or of which there are several."""
    for name in needed:
        if name not in names:
            raise ValueError(f"{owner}: table has no column {name!r}; its columns are {names}.")
    for name in (*needed, *_OPTIONAL):
        if names.count(name) > 1:
            raise ValueError(f"{owner}: table has several columns {name!r}; its columns are {names}.")


def _convert(owner, table, name, kind):
    import pyarrow as pa

    try:
        return table[name].cast(kind).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{owner}: column {name!r} of table must hold values of type {kind}: {error}") from error


def hash_table(table):
    """Return the SHA-256 of all values."""
    import pyarrow as pa
    from pyarrow import csv

    buffer = pa.BufferOutputStream()
    csv.write_csv(table, buffer)  # texts are quoted, missing ones are not
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def find_refusals(owner, table, columns, copies, *, classes, unknown_flags, placeholders):
    """Return for each box the ImageError for which it is left out, None for those that are to be cut out."""
    refusals = np.full(len(table), None, dtype=object)
    for row, label in enumerate(table["label"].to_pylist()):
        if label is None:
            refusals[row] = ImageError("unknown_class", "it has no label")
        elif classes is not None and label not in classes:
            refusals[row] = ImageError("unknown_class", f"{label!r} is not one of the classes")
    if unknown_flags == "drop":
        _refuse_unknown_flags(refusals, table)
    if placeholders == "drop":
        _refuse_placeholders(refusals, table[columns[0]].to_pylist(), copies)
    _refuse_duplicates(owner, refusals, table, columns)
    return refusals


def _refuse_unknown_flags(refusals, table):
    """A flag that no box has is one that the table does not know of."""
    for name in FLAGS:
        if name in table.column_names and table[name].null_count < len(table):
            for row in np.flatnonzero(table[name].is_null().to_numpy()):
                if refusals[row] is None:
                    refusals[row] = ImageError("unknown_flag", f"it is not known whether it {name.replace('_', ' ')}")


def _refuse_placeholders(refusals, paths, copies):
    others = {path: same for same in copies if len(same) >= _FEWEST_PLACEHOLDERS for path in same}
    for row, path in enumerate(paths):
        if refusals[row] is None and path in others:
            same = others[path]
            refusals[row] = ImageError(
                "placeholder", f"its photo is the same file as {len(same) - 1} others, {same[0]!r} the first of all"
            )


def _refuse_duplicates(owner, refusals, table, columns):
    """Refuse boxes that stand in the table before; raise ValueError for an id that different boxes have."""
    ids = table["box_id"].to_pylist()
    first: dict[tuple, int] = {}
    by_id: dict[str, tuple] = {}
    for row, box in enumerate(zip(*(table[name].to_pylist() for name in (*columns, "label")), strict=True)):
        if ids[row] is None or by_id.setdefault(ids[row], box) != box:
            what = "a box without one" if ids[row] is None else f"different boxes {ids[row]!r}"
            raise ValueError(f"{owner}: box_id must tell boxes apart, but table has {what}.")
        if refusals[row] is None and (earlier := first.setdefault(box, row)) != row:
            refusals[row] = ImageError("duplicate", f"it is the same box as {ids[earlier]!r}")


def find_copies(root, paths):
    """Return the lists of paths inside of ``root`` whose files have the same bytes, of two and more.

    Only files of the same size are read; at an address, none.
    """
    by_size, by_content = defaultdict(list), defaultdict(list)
    if is_address(root):
        return []
    for name in paths:
        try:
            path = join_inside(root, name)
            by_size[os.stat(path).st_size].append((name, path))
        except (ImageError, OSError):  # what is wrong with a photo is told when it is to be read
            continue
    for n_bytes, files in by_size.items():
        if n_bytes == 0 or len(files) == 1:
            continue
        for name, path in files:
            try:
                with open_regular(path) as file:
                    by_content[hashlib.file_digest(file, "sha256").digest()].append(name)
            except (OSError, ValueError):
                continue
    return [sorted(names) for names in by_content.values() if len(names) > 1]


def join_groups(table, path_column, copies):
    """Return the groups of a table so that all boxes of a photo, and of copies of it, are in one."""
    import pyarrow as pa

    encoded = table["group"].combine_chunks().dictionary_encode()
    groups = encoded.indices.to_numpy()
    paths = table[path_column].to_pylist()
    # The first row of each photo, and of each photo that is a copy, that of the first of the copies.
    first: dict[str, int] = {}
    leaders = {path: same[0] for same in copies for path in same}
    photos = [row if path is None else first.setdefault(leaders.get(path, path), row) for row, path in enumerate(paths)]
    n_groups = len(encoded.dictionary)
    links = sparse.coo_array((np.ones(len(groups)), (groups, groups[photos])), shape=(n_groups, n_groups))
    parts = connected_components(links, directed=False)[1]
    names = np.full(n_groups, n_groups)
    np.minimum.at(names, parts, np.arange(n_groups))
    return encoded.dictionary.take(pa.array(names[parts][groups]))
