"""Tables: a column of paths from CSV, Parquet or a data frame; cells of CSV."""

import csv
import io
import os

from skimgfeat.io._files import open_regular
from skimgfeat.io._parquet import read_path_values
from skimgfeat.io._sources import is_missing

_OWNER = "read_path_column"


def read_path_column(table, column):
    """Return a column as a list of str (paths) or bytes (encoded images), None where a value is missing.

    Raises ValueError for a table of another kind, without the column, or whose column holds something else.
    """
    if not isinstance(table, (str, bytes, os.PathLike)):
        values = _read_frame(table, column)
    elif os.fsdecode(table).lower().endswith(".csv"):
        values = _read_csv(table, column)
    elif os.fsdecode(table).lower().endswith((".parquet", ".pq")):
        values = read_path_values(_OWNER, table, column)
    else:
        raise ValueError(f"{_OWNER}: a table must be a .csv or .parquet file or a data frame, got {table!r}.")
    return [_check_value(value, row, column) for row, value in enumerate(values)]


def escape_cell(value):
    """Return a text that no spreadsheet takes for a formula; anything else stays as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _read_csv(path, column):
    with open_regular(path) as file:
        # Names of files may hold bytes that are no UTF-8; they come back as the file system gives them.
        text = file.read().decode("utf-8-sig", "surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval=None)
    try:
        _check_column(reader.fieldnames or [], column)
        return [row[column] or None for row in reader]
    except csv.Error as error:
        raise ValueError(f"{_OWNER}: {os.fsdecode(path)!r}, line {reader.line_num}: {error}.") from error


def _read_frame(frame, column):
    columns = getattr(frame, "columns", None)
    if columns is None:
        raise TypeError(f"{_OWNER}: a table must be a file or a data frame, got {type(frame).__name__}.")
    _check_column(list(columns), column)
    return [None if is_missing(value) else value for value in frame[column]]


def _check_column(columns, column):
    if column not in columns:
        raise ValueError(f"{_OWNER}: the table has no column {column!r}; its columns are {columns}.")


def _check_value(value, row, column):
    if value is not None and not isinstance(value, (str, bytes, os.PathLike)):
        raise ValueError(f"{_OWNER}: column {column!r} must hold paths or encoded images, got {value!r} in row {row}.")
    return value
