"""The files that Open Images publishes its metadata in."""

import csv
import io
from fnmatch import fnmatchcase

from skimgfeat.datasets._boxes import empty_as_null
from skimgfeat.io._files import open_regular

_OWNER = "OpenImages"
_BLOCK_BYTES = 16 << 20
_HEADER_BYTES = 1 << 16


def find_file(folder, subset, patterns):
    """Return the file that the first pattern finds, the newest version of it; None where there is none."""
    places = [folder] if subset is None else [folder, folder / subset]
    files = [path for place in places if place.is_dir() for path in sorted(place.iterdir())]
    for pattern in patterns:
        name = pattern.format(subset=subset)
        found = [path for path in files if path.name == name or fnmatchcase(path.name, f"oidv[0-9]-{name}")]
        if found:
            return max(found, key=lambda path: (path.name != name, path.name))
    return None


def read_class_names(path):
    """Return the names of the classes by their ids."""
    with open_regular(path) as file:
        text = file.read().decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if rows and rows[0][0] == "LabelName":
        del rows[0]
    if not rows or any(len(row) != 2 for row in rows):
        raise ValueError(f"{_OWNER}: {str(path)!r} must hold two columns, the id of a class and its name.")
    return dict(rows)


def _read_header(path):
    with open_regular(path) as file:
        line = file.read(_HEADER_BYTES).split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return next(csv.reader([line.rstrip("\r")]), [])


def _open_table(path, types, required):
    """Open a CSV file for reading block by block; columns that it lacks hold no values."""
    from pyarrow import csv as arrow_csv

    header = _read_header(path)
    missing = [name for name in required if name not in header]
    if missing:
        raise ValueError(f"{_OWNER}: {str(path)!r} has no column {', '.join(missing)}; its columns are {header}.")
    return arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(newlines_in_values="Title" in header),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            include_missing_columns=True,
        ),
    )


def iter_table(path, types, required):
    """Yield the record batches of a CSV file; raise ValueError, which names it, for one that is damaged."""
    import pyarrow as pa

    try:
        for batch in _open_table(path, types, required):
            columns = [empty_as_null(column) if pa.types.is_string(column.type) else column for column in batch]
            yield pa.record_batch(columns, batch.schema)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{_OWNER}: {str(path)!r} cannot be read: {error}") from error
