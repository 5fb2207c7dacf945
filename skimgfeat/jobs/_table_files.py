"""Columns of items with rows of features, written batch by batch to a CSV or Parquet file."""

import csv
import os
from contextlib import ExitStack
from io import TextIOWrapper

import numpy as np

from skimgfeat.io import atomic_write
from skimgfeat.io._parquet import import_pyarrow, rows_as_table, side_by_side
from skimgfeat.io._tables import escape_cell


def check_table_path(owner, path):
    """Raise ValueError for a path that ends in no format."""
    if _suffix(path) not in _WRITERS:
        raise ValueError(f"{owner}: the file must end in {' or '.join(_WRITERS)}, got {os.fsdecode(path)!r}.")


def write_table(path, batches, names):
    """Write (pyarrow table of the items, rows of features) as they come; the file appears when it is complete."""
    with atomic_write(path) as file:
        _WRITERS[_suffix(path)](file, batches, names)


def as_wide_table(items, rows, names):
    """Return the columns of the items and one a feature as a pyarrow table."""
    return side_by_side(items, rows_as_table(rows, names))


def write_csv_rows(file, batches, names):
    """Write CSV: nine digits give float32 back, NaN is empty, and no text is taken for a formula."""
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    for number, (items, rows) in enumerate(batches):
        if number == 0:
            writer.writerow(map(escape_cell, [*items.column_names, *names]))
        for row, *values in zip(rows, *items.to_pydict().values(), strict=True):
            numbers = ["" if np.isnan(value) else f"{value:.9g}" for value in row]
            writer.writerow([*map(escape_cell, values), *numbers])
    text.flush()
    text.detach()


def _write_parquet_rows(file, batches, names):
    """Write Parquet: a row group a batch, a checksum a page."""
    pa = import_pyarrow("write_table")
    writer = None
    with ExitStack() as stack:
        for items, rows in batches:
            table = as_wide_table(items, rows, names)
            if writer is None:
                options = {"use_dictionary": False, "write_page_checksum": True}
                writer = stack.enter_context(pa.parquet.ParquetWriter(file, table.schema, **options))
            writer.write_table(table, row_group_size=max(1, len(table)))


def _suffix(path):
    return os.path.splitext(os.fsdecode(path))[1].lower()


_WRITERS = {".parquet": _write_parquet_rows, ".csv": write_csv_rows}
