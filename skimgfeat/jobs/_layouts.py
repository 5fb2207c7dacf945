"""How the features of an item stand in a chunk file: as a row, an array of any length, or an image."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skimgfeat.io._parquet import rows_as_table, without_nulls

_OWNER = "extract"
# Of descriptors read one image at a time, a row group is the least that can be read; each costs 2 KB in its file.
_GROUP_BYTES = 1 << 19


@dataclass(frozen=True)
class Rows:
    """A row of float32 numbers an item, NaN where it failed.

    A column of the file each, where it is wide; otherwise a row is one value of the column ``features``.
    """

    names: tuple
    wide: bool

    chunk_bytes = 64 << 20

    @property
    def n_columns(self):
        return len(self.names)

    @property
    def item_bytes(self):
        return 4 * self.n_columns

    def describe(self):
        """Return what a reader has to know, as JSON takes it."""
        return {"kind": "rows", "wide": self.wide, "names": self.names}

    def empty(self, n_items):
        """Return what holds the features of a chunk, none there yet."""
        return np.full((n_items, self.n_columns), np.nan, dtype=np.float32)

    def check(self, features, n_items):
        """Return what ``transform`` gave, as it is kept; raise ValueError for anything else than rows."""
        rows = features.toarray() if sparse.issparse(features) else np.asarray(features)
        if rows.shape != (n_items, self.n_columns):
            raise ValueError(f"transform gave an array of shape {rows.shape}, not {(n_items, self.n_columns)}")
        with np.errstate(over="ignore"):
            return rows.astype(np.float32, copy=False)

    def are_finite(self, rows):
        return np.isfinite(rows).all(axis=1)

    def group_rows(self, rows):
        """Return how many rows of a chunk file are read together: None, all."""
        return None

    def table(self, rows):
        """Return the features of a chunk file as a pyarrow table."""
        import pyarrow as pa

        if self.wide:
            return rows_as_table(rows, self.names)
        kind = pa.list_(pa.field("element", pa.float32(), nullable=False), self.n_columns)
        return without_nulls({"features": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), type=kind)})


@dataclass(frozen=True)
class Ragged:
    """An array of any length an item, such as its descriptors: its bytes are one value of the column ``descriptors``.

    ``descr`` is the type of its elements as NumPy's own files tell it, ``tail`` the shape behind the first axis,
    ``n_expected`` how many elements an item may have: nobody knows before.
    """

    descr: str | tuple
    tail: tuple
    n_expected: int = 1000

    chunk_bytes = 64 << 20

    @property
    def item_bytes(self):
        return self.n_expected * self.dtype.itemsize * int(np.prod(self.tail))

    @property
    def dtype(self):
        return descr_to_dtype(self.descr)

    def describe(self):
        """Return what a reader has to know, as JSON takes it."""
        return {"kind": "ragged", "descr": self.descr, "tail": self.tail}

    def empty(self, n_items):
        """Return what holds the arrays of a chunk, all without elements yet."""
        nothing = np.empty((0, *self.tail), self.dtype)
        arrays = np.empty(n_items, dtype=object)
        for place in range(n_items):
            arrays[place] = nothing
        return arrays

    def check(self, features, n_items):
        """Return what ``transform`` gave, as it is kept; raise ValueError for anything else than such arrays."""
        if len(features) != n_items:
            raise ValueError(f"transform gave {len(features)} arrays, not {n_items}")
        arrays = self.empty(n_items)
        for place, array in enumerate(features):
            array = np.ascontiguousarray(array)
            if array.dtype != self.dtype or array.shape[1:] != self.tail:
                raise ValueError(
                    f"transform gave an array of shape {array.shape} and dtype {array.dtype}, "
                    f"not (n, {', '.join(map(str, self.tail))}) and {self.dtype}"
                )
            arrays[place] = array
        return arrays

    def are_finite(self, arrays):
        return np.ones(len(arrays), dtype=bool)

    def group_rows(self, arrays):
        """Return how many rows of a chunk file are read together: as many as take half a megabyte, or one."""
        return max(1, _GROUP_BYTES * len(arrays) // max(1, sum(array.nbytes for array in arrays)))

    def table(self, arrays):
        """Return the features of a chunk file as a pyarrow table: count, hash and bytes."""
        import pyarrow as pa

        values = [array.reshape(-1).view(np.uint8) for array in arrays]
        kind = pa.large_binary()
        # int64, which is not what NumPy 1 makes of integers on Windows.
        ends = [np.array([0, len(value)], dtype=np.int64) for value in values]
        # Where they are, not copied: a chunk is large.
        pieces = [
            pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(end), pa.py_buffer(value)])
            for end, value in zip(ends, values, strict=True)
        ]
        # Half of them on another thread: they take as long to hash as to write.
        half = len(values) // 2
        with ThreadPoolExecutor(1) as pool:
            others = pool.submit(_hash_all, values[half:])
            hashes = _hash_all(values[:half]) + others.result()
        columns = {
            "count": pa.array([len(array) for array in arrays], pa.int32()),
            "sha256": pa.array(hashes, pa.string()),
            "descriptors": pa.chunked_array(pieces, kind),
        }
        return without_nulls(columns)


def _hash_all(values):
    return [hashlib.sha256(value).hexdigest() for value in values]


@dataclass(frozen=True)
class Images:
    """An image an item, all of one shape and type: its bytes are one value of the column ``image``.

    That is null where the item failed. ``descr`` is the type of a pixel as NumPy's own files tell it.
    """

    descr: str
    shape: tuple

    # Several copies of a chunk are held while it is written.
    chunk_bytes = 16 << 20

    @property
    def item_bytes(self):
        return self.dtype.itemsize * int(np.prod(self.shape))

    @property
    def dtype(self):
        return descr_to_dtype(self.descr)

    def describe(self):
        """Return what a reader has to know, as JSON takes it."""
        return {"kind": "images", "descr": self.descr, "shape": self.shape}

    def empty(self, n_items):
        """Return what holds the images of a chunk, none there yet."""
        return np.full(n_items, None, dtype=object)

    def check(self, features, n_items):
        """Return what ``transform`` gave, as it is kept; raise ValueError for anything else than such images."""
        images = np.asarray(features)
        if images.shape != (n_items, *self.shape) or images.dtype != self.dtype:
            raise ValueError(
                f"transform gave an array of shape {images.shape} and dtype {images.dtype}, "
                f"not {(n_items, *self.shape)} and {self.dtype}"
            )
        kept = self.empty(n_items)
        for place, image in enumerate(images):
            kept[place] = image
        return kept

    def are_finite(self, images):
        return np.array([self.dtype.kind != "f" or bool(np.isfinite(image).all()) for image in images])

    def group_rows(self, images):
        """Return how many rows of a chunk file are read together: None, all."""
        return None

    def table(self, images):
        """Return the images of a chunk file as a pyarrow table."""
        import pyarrow as pa

        # Copied once: a chunk is large.
        pixels = np.zeros((len(images), *self.shape), self.dtype)
        is_there = np.array([image is not None for image in images])
        for place in np.flatnonzero(is_there):
            pixels[place] = images[place]
        buffers = [pa.py_buffer(np.packbits(is_there, bitorder="little")), pa.py_buffer(pixels)]
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(self.item_bytes), len(images), buffers)
        return pa.table({"image": column})


def layout_of(features, layout, names_of):
    """Return the layout that suits what ``transform`` gave for one item.

    ``layout`` is "list", "wide" or "images"; ``names_of`` names a number of columns.
    """
    if layout == "images":
        return _layout_of_images(features)
    if isinstance(features, list):
        first = np.asarray(features[0])
        if first.dtype.hasobject:
            raise TypeError(
                f"{_OWNER}: descriptors must be numbers, and transform gives an array of dtype {first.dtype} for one "
                "item; let it return one of a type such as float32."
            )
        _check_not_empty(first.shape[1:])
        return Ragged(dtype_to_descr(first.dtype), first.shape[1:], max(Ragged.n_expected, len(first)))
    shape = features.shape if hasattr(features, "shape") else np.shape(features)
    if len(shape) != 2 or shape[0] != 1:
        raise TypeError(
            f"{_OWNER}: transform gives an array of shape {shape} for one item; only rows of features, and lists of "
            "descriptors, can be written. End a pipeline of images with Flatten, or give layout='images'."
        )
    _check_not_empty(shape[1:])
    return Rows(tuple(names_of(shape[1])), layout == "wide")


def _check_not_empty(shape):
    """Raise ValueError for features of no numbers: pyarrow ends the process over a list of length 0."""
    if 0 in shape:
        raise ValueError(
            f"{_OWNER}: transform gives features of shape {shape}, which hold no numbers; choose parameters of the "
            "steps, such as k of SelectKBest, that keep one at least."
        )


def _layout_of_images(features):
    shape, dtype = np.shape(features), getattr(features, "dtype", np.dtype(object))
    if len(shape) not in (3, 4) or shape[0] != 1 or dtype.kind not in "buif":
        raise TypeError(
            f"{_OWNER}: layout='images' is for steps that give an image for an image; transform gives an array of "
            f"shape {shape} and dtype {dtype} for one item."
        )
    _check_not_empty(shape[1:])
    return Images(dtype_to_descr(dtype), shape[1:])


def dtype_to_descr(dtype):
    """Return a type as JSON takes it."""
    descr = np.lib.format.dtype_to_descr(dtype)
    return descr if isinstance(descr, str) else tuple(map(tuple, descr))


def descr_to_dtype(descr):
    """Return the type that :func:`dtype_to_descr` told of; JSON has made lists of its tuples."""
    if isinstance(descr, str):
        return np.dtype(descr)
    return np.dtype([tuple(tuple(part) if isinstance(part, list) else part for part in field) for field in descr])
