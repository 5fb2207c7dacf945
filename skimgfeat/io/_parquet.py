"""Images and labels in Parquet: a column of encoded images, a column of labels, class names in the schema metadata."""

import os
from contextlib import contextmanager

import numpy as np

from skimgfeat.io._decode import decode_image
from skimgfeat.io._files import open_regular

_ROWS_AT_A_TIME = 1024


def import_pyarrow(owner):
    """Return pyarrow with its Parquet module, which come with the extra ``parquet``."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"{owner}: Parquet files need pyarrow, which is not installed: pip install 'skimgfeat[parquet]'."
        ) from error
    return pyarrow


def without_nulls(columns):
    """Return arrays by their names as a table whose schema says that no value is missing.

    Such columns are written and read in two thirds of the time.
    """
    pyarrow = import_pyarrow("without_nulls")
    fields = [pyarrow.field(name, column.type, nullable=False) for name, column in columns.items()]
    return pyarrow.table(columns, schema=pyarrow.schema(fields))


def rows_as_table(rows, names):
    """Return rows of numbers as a table, a column a feature; what is missing is NaN."""
    pyarrow = import_pyarrow("rows_as_table")
    return without_nulls(dict(zip(names, map(pyarrow.array, np.ascontiguousarray(rows.T)), strict=True)))


def side_by_side(*tables):
    """Return the columns of tables of the same rows as one table."""
    pyarrow = import_pyarrow("side_by_side")
    columns = [column for table in tables for column in table.columns]
    fields = [field for table in tables for field in table.schema]
    return pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(fields))


def read_class_names(path):
    """Read the class names that a Parquet file of images keeps in its schema metadata.

    Parameters
    ----------
    path : path-like
        A Parquet file; the metadata key is ``classes``, its value the names separated by commas.

    Returns
    -------
    names : list of str or None
        In the order of the labels 0, 1, ...; None where the file has no such key.

    Raises
    ------
    ValueError
        For a file that is not Parquet.
    ImportError
        Without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from skimgfeat.io import read_class_names
    >>> table = pa.table({"label": [0, 1]}).replace_schema_metadata({"classes": "cat,dog"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(table, os.path.join(folder, "pets.parquet"))
    ...     read_class_names(os.path.join(folder, "pets.parquet"))
    ['cat', 'dog']
    """
    with open_parquet("read_class_names", path) as file:
        classes = (file.schema_arrow.metadata or {}).get(b"classes")
    return None if classes is None else classes.decode("utf-8", "replace").split(",")


def read_image_column(owner, path, column):
    """Decode a column of encoded images of one size into one uint8 array."""
    images = None
    with open_parquet(owner, path) as file:
        n_images = file.metadata.num_rows
        for row, data in enumerate(_iter_binary(file, path, column)):
            try:
                if data is None:
                    raise ValueError("the image is missing.")
                image = decode_image(data)
                if images is None:
                    images = np.empty((n_images, *image.shape), dtype=np.uint8)
                elif image.shape != images.shape[1:]:
                    raise ValueError(
                        f"the image has shape {image.shape} and the first one {images.shape[1:]}; "
                        "only images of one shape make an array."
                    )
            except ValueError as error:
                raise ValueError(f"{os.fsdecode(path)!r}, column {column!r}, row {row}: {error}") from error
            images[row] = image
    if images is None:
        raise ValueError(f"{os.fsdecode(path)!r} holds no images: it has no rows.")
    return images


def read_label_column(owner, path, column):
    """Read a column of numbers or strings without missing values as a 1-D array."""
    pyarrow = import_pyarrow(owner)
    with open_parquet(owner, path) as file:
        _check_column(file, path, column)
        values = file.read(columns=[column], use_threads=False).column(0)
    is_type = pyarrow.types
    is_string = is_type.is_string(values.type) or is_type.is_large_string(values.type)
    is_number = any(test(values.type) for test in (is_type.is_integer, is_type.is_floating, is_type.is_boolean))
    if values.null_count or not (is_string or is_number):
        raise ValueError(
            f"{os.fsdecode(path)!r}: column {column!r} must hold numbers or strings and no missing values, "
            f"got {values.type} with {values.null_count} missing."
        )
    return np.array(values.to_pylist(), dtype=str) if is_string else values.to_numpy()


def read_path_values(owner, path, column):
    """Read a column of strings or binaries as a list of str or bytes, None where missing."""
    with open_parquet(owner, path) as file:
        _check_column(file, path, column)
        return file.read(columns=[column], use_threads=False).column(0).to_pylist()


@contextmanager
def open_parquet(owner, path):
    """Open a Parquet file for the block, and turn what pyarrow says of damaged data into a ValueError with its name.

    To be read without threads: they may give up what they read as the process ends, which Python does not survive.
    """
    pyarrow = import_pyarrow(owner)
    with open_regular(path) as file:
        try:
            yield pyarrow.parquet.ParquetFile(file, page_checksum_verification=True)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{os.fsdecode(path)!r} is not a Parquet file, or damaged: {error}") from error


def _check_column(file, path, column):
    names = file.schema_arrow.names
    if column not in names:
        raise ValueError(f"{os.fsdecode(path)!r} has no column {column!r}; its columns are {names}.")


def _iter_binary(file, path, column):
    _check_column(file, path, column)
    kind = str(file.schema_arrow.field(column).type)
    if kind not in ("binary", "large_binary"):
        raise ValueError(f"{os.fsdecode(path)!r}: column {column!r} must hold encoded images as binary, got {kind}.")
    for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=[column], use_threads=False):
        for value in batch.column(0):
            yield value.as_py()
