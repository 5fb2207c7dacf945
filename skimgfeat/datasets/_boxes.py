"""What the readers of boxes share: the columns of the table, safe paths, photos that appear twice, data frames."""

from importlib.util import find_spec

import numpy as np

from skimgfeat._validation import check_choice

FLAGS = ("is_occluded", "is_truncated", "is_group_of", "is_depiction", "is_inside")
COORDINATES = ("x_min", "y_min", "x_max", "y_max")
_FRAMES = ("pandas", "polars", "arrow")
# Paths come from tables and addresses that others wrote: relative ones only, without drives, "." and "..".
_RELATIVE = r"^([^/\\:\x00-\x1f]+/)*[^/\\:\x00-\x1f]+$"
_DOTS = r"(^|/)\.\.?(/|$)"


def make_table(pa, columns):
    """Return the table of boxes; a column that is not given holds no values."""
    types = dict.fromkeys(("box_id", "image_id", "path", "label"), pa.string())
    types |= dict.fromkeys(COORDINATES, pa.float64()) | dict.fromkeys(FLAGS, pa.bool_())
    types |= {"rotation": pa.int16(), "group": pa.string()}
    n_rows = len(columns["box_id"])
    arrays = [
        pa.array(columns[name], kind) if name in columns else pa.nulls(n_rows, kind) for name, kind in types.items()
    ]
    return pa.table(arrays, names=list(types))


def as_truth(values):
    """Return numbers as truth values: 1 is true, 0 false, and anything else, -1 among it, null."""
    from pyarrow import compute

    is_true = compute.equal(values, 1)
    return compute.if_else(compute.or_(is_true, compute.equal(values, 0)), is_true, None)


def empty_as_null(texts):
    """Return texts out of a CSV file with null in place of empty ones; "NA" and "null" are texts like others."""
    from pyarrow import compute

    is_empty = compute.equal(compute.binary_length(texts), 0)
    return compute.if_else(is_empty, None, texts) if compute.any(is_empty).as_py() else texts


def safe_paths(paths):
    """Return paths, a pyarrow array, with null in place of those that could lead out of a folder."""
    from pyarrow import compute

    is_relative = compute.match_substring_regex(paths, _RELATIVE)
    has_dots = compute.match_substring_regex(paths, _DOTS)
    return compute.if_else(compute.and_not(is_relative, has_dots), paths, None)


def group_photos(image_ids, photos):
    """Return for each image the id of the first image of the same photo; an image without a photo stands alone.

    Both are pyarrow arrays, not chunked; ``photos`` tells the photos apart.
    """
    import pyarrow as pa

    first = np.arange(len(image_ids))
    known = np.flatnonzero(photos.is_valid().to_numpy(zero_copy_only=False))
    codes = photos.dictionary_encode().indices.drop_null().to_numpy()
    _, places, inverse = np.unique(codes, return_index=True, return_inverse=True)
    first[known] = known[places][inverse]
    return image_ids.take(pa.array(first))


def check_frame(owner, to):
    """Check ``to``, what kind of table is asked for, and that its library is there."""
    check_choice(owner, "to", to, _FRAMES)
    if to != "arrow" and find_spec(to) is None:
        raise ImportError(f"{owner}: to={to!r} needs {to}, which is not installed; to='arrow' needs nothing more.")


def as_frame(table, to):
    """Return a pyarrow table as what was asked for; flags and integers may be missing in pandas, too."""
    if to == "arrow":
        return table
    if to == "polars":
        import polars

        return polars.from_arrow(table)
    import pandas
    import pyarrow as pa

    nullable = {pa.bool_(): pandas.BooleanDtype(), pa.int16(): pandas.Int16Dtype(), pa.int64(): pandas.Int64Dtype()}
    return table.to_pandas(types_mapper=nullable.get)
