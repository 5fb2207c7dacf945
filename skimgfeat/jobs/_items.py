"""The items of a run: what they are, how they are frozen, how they are read."""

import hashlib
import os
from itertools import islice
from pathlib import PurePosixPath

import joblib
import numpy as np
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples

from skimgfeat.io import ImageCollection, ImageError
from skimgfeat.io._sources import is_address

_OWNER = "extract"
# Decoded images that are transformed together: enough work for a call, little beside a machine's memory.
_BATCH_BYTES = 8 << 20
_BATCH_ITEMS = 128
# Columns of the list of items that say why one is not to be read.
_REFUSAL = ("code", "message")


class Items:
    """Images of a collection, or rows or images of an array, and a label for each or none.

    ``columns``, a pyarrow table, says more of each item, in place of what its path tells; its first column is the id of
    the item. ``refusals``, an object array, holds the ImageError of each item that is not to be read, None for others.
    ``about``, a dictionary as JSON takes it, is what a run that resumes must find again; columns and refusals are then
    those that the run began with. ``example`` is what the estimator makes of an item, for a run that may find none that
    can be read; None where nobody knows.
    """

    def __init__(self, X, y=None, names=None, *, columns=None, refusals=None, about=None, example=None):
        self.X = X
        self.y = y
        self.columns = columns
        self.example = example
        self._names = names
        self._refusals = refusals
        self._about = about or {}

    def __len__(self):
        return _num_samples(self.X)

    def __getitem__(self, key):
        # What is read lazily gives its items for a slice, and a lazy part of itself for their indices.
        places = np.arange(len(self))[key]
        X = self.X[places] if self.is_lazy else _safe_indexing(self.X, key)
        y, names, refusals = (None if part is None else part[key] for part in (self.y, self._names, self._refusals))
        columns = None if self.columns is None else self.columns.take(places)
        return Items(X, y, names, columns=columns, refusals=refusals)

    @property
    def is_lazy(self):
        """Whether items are read one by one, and some may fail: an ImageCollection or a store of descriptors."""
        return hasattr(self.X, "read")

    @property
    def names(self):
        """The path of each item, or None where they have none."""
        if self._names is not None:
            return list(self._names)
        return self.X.names if self.is_lazy else None

    @property
    def id_name(self):
        """What the column of ids is called, None where items have no column of ids."""
        return None if self.columns is None else self.columns.column_names[0]

    @property
    def label_type(self):
        """The type that pyarrow finds for all labels: for those of a chunk it may find another. None without labels."""
        return None if self.y is None else self._labels().type

    def _labels(self):
        import pyarrow as pa

        return pa.array(self.y, from_pandas=True)  # NaN is a missing label too

    def chunk_bounds(self, chunk_size):
        """Return where chunks of at most ``chunk_size`` items begin, and where the last one ends.

        Items that follow each other and are parts of one photo stay in one chunk, where they are not too many for it.
        """
        bounds = np.append(np.arange(0, len(self), chunk_size), len(self))
        if not isinstance(self.X, ImageCollection):
            return bounds
        sources = self.X.sources
        photos = np.flatnonzero([one != other for one, other in zip(sources[1:], sources[:-1], strict=True)]) + 1
        if len(photos) == len(self) - 1:
            return bounds
        found = [0]
        while (stop := found[-1] + chunk_size) < len(self):
            place = np.searchsorted(photos, stop, side="right") - 1
            found.append(int(photos[place]) if place >= 0 and photos[place] > found[-1] else stop)
        return np.array([*found, len(self)])

    def located(self):
        """Return the same items for workers, which may have other working directories."""
        if not isinstance(self.X, ImageCollection) or self.X.root is not None:
            return self
        sources = [os.path.abspath(source) if _is_path(source) else source for source in self.X.sources]
        return Items(self.X.with_sources(sources), self.y, np.array(self.names, dtype=object))

    def read_batches(self, before_item=lambda: None):
        """Yield (places, images, failures) until all items are read.

        ``images`` are those at ``places`` that can be had: an array, or a list where their shapes differ; ``failures``
        maps the other places to their ImageError. ``before_item`` is called before each that is read.
        """
        if not self.is_lazy:
            for batch in gen_batches(len(self), self._batch_size()):
                yield list(range(batch.start, batch.stop)), _safe_indexing(self.X, batch), {}
            return
        places, images, failures, n_bytes = [], [], {}, 0
        for place in range(len(self)):
            before_item()
            try:
                image = self._read(place)
            except ImageError as error:
                failures[place] = error
                continue
            places.append(place)
            images.append(image)
            n_bytes += image.nbytes
            if n_bytes >= _BATCH_BYTES or len(images) == _BATCH_ITEMS:
                yield places, self._stack(images), failures
                places, images, failures, n_bytes = [], [], {}, 0
        yield places, self._stack(images), failures

    def refusal(self, place):
        """Return the ImageError for which an item is not to be read, None where there is none."""
        return None if self._refusals is None else self._refusals[place]

    def _read(self, place):
        if (refusal := self.refusal(place)) is not None:
            raise refusal
        return self.X.read(place)

    def _stack(self, images):
        return stack(images) if isinstance(self.X, ImageCollection) else images

    def _batch_size(self):
        item_bytes = np.asarray(_safe_indexing(self.X, slice(0, 1))).nbytes
        return min(_BATCH_ITEMS, max(1, _BATCH_BYTES // max(1, item_bytes)))

    def describe(self):
        """Return what a run that resumes must find again."""
        if not isinstance(self.X, ImageCollection):
            if self.is_lazy:
                return {"kind": "descriptors", "hashes": joblib.hash(self.X.hashes)}
            return {"kind": "array", "length": len(self), "sha256": _hash_array(self.X)}
        kind = "folder" if self.X.is_listing else "files"
        steps = joblib.hash(self.X.functions)
        return {"kind": kind, "root": self.X.root, "decoding": self.X.decoding, "steps": steps, **self._about}

    def freeze(self):
        """Return the list of items as a pyarrow table: paths as bytes, since they need not be text."""
        import pyarrow as pa

        columns = {"index": pa.array(np.arange(len(self)))}
        if self.is_lazy:
            columns["image_path"] = pa.array(map(escape, self.names), pa.string())
            columns["path"] = pa.array(self._paths(), pa.binary())
        if self.y is not None:
            columns["label"] = self._labels()
            if columns["label"].null_count:
                raise ValueError(f"{_OWNER}: y must hold a label for each item; some are missing.")
        if self.columns is not None:
            columns.update(zip(self.columns.column_names, self.columns.columns, strict=True))
        if self._refusals is not None:
            for name in _REFUSAL:
                columns[name] = pa.array([getattr(error, name, None) for error in self._refusals], pa.string())
        return pa.table(columns)

    def thaw(self, table):
        """Return the frozen items in place of these; raise ValueError where they cannot be the same."""
        frozen = table["path"].to_pylist() if "path" in table.column_names else None
        if frozen is None or frozen == self._paths():
            if self.columns is None and table.drop_columns("index") != self.freeze().drop_columns("index"):
                raise ValueError(f"{_OWNER}: y is not what the job folder was made with.")
            # What was found out about items when the run began stays, whatever has changed since.
            columns = None if self.columns is None else table.select(self.columns.column_names)
            refusals = _thaw_refusals(table)
            return Items(self.X, self.y, self._names, columns=columns, refusals=refusals, example=self.example)
        if not getattr(self.X, "is_listing", False):
            raise ValueError(f"{_OWNER}: X is not what the job folder was made for: its {len(frozen)} items differ.")
        # Files that came later are left to another run; those that are gone become errors.
        y = table["label"].to_numpy(zero_copy_only=False) if "label" in table.column_names else None
        return Items(self.X.with_sources(map(os.fsdecode, frozen)), y, example=self.example)

    def _paths(self):
        return [_as_bytes(source) for source in getattr(self.X, "sources", self.names)]


def _thaw_refusals(table):
    """Return the refusals of a frozen list of items."""
    if "code" not in table.column_names:
        return None
    refusals = np.empty(len(table), dtype=object)
    for place, (code, message) in enumerate(zip(*(table[name].to_pylist() for name in _REFUSAL), strict=True)):
        refusals[place] = None if code is None else ImageError(code, message)
    return refusals


def as_items(X, y):
    """Return what a user gave as the items of a run."""
    if isinstance(X, Items):
        return X
    if isinstance(X, (str, os.PathLike)):
        X = ImageCollection.from_folder(X)
    elif not hasattr(X, "read") and are_paths(X):
        X = ImageCollection(X)
    if y is not None:
        y = np.asarray(y)
        # pyarrow takes no numbers in the byte order of another machine.
        y = y if y.dtype.isnative else y.astype(y.dtype.newbyteorder("="))
    items = Items(X, y)
    if len(items) == 0:
        raise ValueError(f"{_OWNER}: X holds no items.")
    if items.y is not None and items.y.shape != (len(items),):
        raise ValueError(
            f"{_OWNER}: y must hold a label for each of the {len(items)} items, got shape {items.y.shape}."
        )
    return items


def are_paths(X):
    """Tell whether X is a sequence of paths, encoded images or files, rather than of arrays."""
    if len(getattr(X, "shape", ())) > 1:  # data frames give the names of their columns
        return False
    return all(isinstance(item, (str, os.PathLike, bytes)) or hasattr(item, "read") for item in islice(X, 1))


def stack(images):
    """Return images as an array where they have one shape, else as they are."""
    return np.stack(images) if len({(image.shape, image.dtype) for image in images}) == 1 else images


def escape(name):
    """Return a path as text: bytes that are no UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def item_columns(names):
    """Return the columns that name an image: its path, its file's name, and the item that it belongs to.

    The item is what stands before the first underscore of the file's name, as in ``4711_front.jpg``.
    """
    files = [PurePosixPath(name) for name in names]
    return {
        "image_path": [escape(name) for name in names],
        "image_name": [escape(file.name) for file in files],
        "item_id": [escape(file.stem.partition("_")[0]) for file in files],
    }


def _is_path(source):
    return isinstance(source, (str, os.PathLike)) and not is_address(source)


def _as_bytes(source):
    if isinstance(source, (str, os.PathLike)):
        return os.fsencode(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return hashlib.sha256(source).digest()
    return None


def _hash_array(X):
    """Return a hash of all values; arrays, memory maps among them, are read part by part."""
    if not isinstance(X, np.ndarray) or X.dtype == object:
        return joblib.hash(X)
    digest = hashlib.sha256(f"{X.shape} {X.dtype}".encode())
    for batch in gen_batches(len(X), max(1, (64 << 20) // max(1, X[:1].nbytes))):
        digest.update(np.ascontiguousarray(X[batch]).data)
    return digest.hexdigest()
