"""Descriptors on disk: a folder of runs, each finished one immutable, and a flat export that is mapped into memory."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from functools import cached_property

import numpy as np

from skimgfeat.io import ImageError, atomic_write
from skimgfeat.io._files import DamagedError
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.jobs._account import ERROR
from skimgfeat.jobs._folder import JOB, MANIFEST, JobFolder, chunk_name
from skimgfeat.jobs._layouts import descr_to_dtype

_DESCRIPTORS, _OFFSETS, _NAMES, _FAILED = "descriptors.npy", "offsets.npy", "names.npy", "failed.npy"
_COLUMNS = ("image_path", "status", "code", "message", "count", "sha256")
# The row group that was read last: (part, chunk), its rows, and their values.
_NOTHING: tuple = ((), range(0), ())
# Rows of a flat export that are written at a time.
_BATCH_ITEMS = 256


class DescriptorStore(Sequence):
    """Descriptors of many images on disk, read when they are asked for.

    A sequence: ``store[3]`` is the array of an image, ``store[3:6]`` a list of arrays; ``store[[3, 1]]`` and
    ``store[mask]`` are stores again, which scikit-learn can split. :class:`DescriptorCodec` and the encoders fit on one
    out of core. An image that failed is an empty array, of which they make a row of NaN; ``status`` and ``codes`` tell.

    Parameters
    ----------
    path : path-like
        What :func:`skimgfeat.extract` wrote with an estimator that gives descriptors, or
        :func:`skimgfeat.jobs.extend_store`; at an address too, when fsspec is installed.

    Attributes
    ----------
    shape : tuple of int
        ``(n_images,)``.
    names, status, codes, messages, hashes : list of str
        For each image: its path; "ok", "partial" or "error" with code and message; SHA-256 of its bytes.
    counts : ndarray of int
        How many descriptors each image has.
    dtype : dtype
        Of an element: uint8, or a structured type with geometry.
    tail : tuple of int
        Shape behind the first axis: ``(128,)`` for SIFT, ``()`` with geometry.

    Raises
    ------
    FileNotFoundError
        Where there is no store.
    ValueError
        For a run that is not finished, or that wrote rows.
    ImportError
        Without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimage import data
    >>> from skimgfeat import SIFT, DescriptorStore, extract
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "sift")
    ...     print(extract(SIFT(), [data.camera(), data.coins()], output))
    ...     store = DescriptorStore(output)
    ...     print(len(store), store[1].dtype, store[1].shape == (store.counts[1], 128))
    2 listed = 2 ok + 0 partial + 0 error + 0 skipped
    2 uint8 True
    """

    def __init__(self, path):
        self.path = os.fsdecode(path)
        self._parts = [_open_part(part) for part in JobFolder(path).parts()]
        if not self._parts:
            raise FileNotFoundError(2, "there is no store of descriptors", self.path)
        kinds = {(part.descr, part.tail) for part in self._parts}
        if len(kinds) > 1:
            raise ValueError(
                f"DescriptorStore: the parts of {self.path!r} hold descriptors of different types: {kinds}."
            )
        ((descr, self.tail),) = kinds
        self.dtype = descr_to_dtype(descr)
        places, columns = zip(*[part.read_columns(number) for number, part in enumerate(self._parts)], strict=True)
        # Where each image stands: (part, chunk, row).
        self._places = np.concatenate(places)
        self._columns = {
            name: np.array([value for part in columns for value in part[name]], dtype=object) for name in _COLUMNS
        }
        self._last = _NOTHING

    @property
    def shape(self):
        return (len(self._places),)

    @property
    def names(self):
        return self._columns["image_path"].tolist()

    @property
    def status(self):
        return self._columns["status"].tolist()

    @property
    def codes(self):
        return self._columns["code"].tolist()

    @property
    def messages(self):
        return self._columns["message"].tolist()

    @property
    def hashes(self):
        return self._columns["sha256"].tolist()

    @property
    def counts(self):
        return self._columns["count"].astype(int)

    def __len__(self):
        return len(self._places)

    def __getitem__(self, key):
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # how scikit-learn indexes what has a shape
        if isinstance(key, (int, np.integer)):
            return self._array(range(len(self))[key])
        if isinstance(key, slice):
            return [self._array(index) for index in range(len(self))[key]]
        subset = type(self).__new__(type(self))
        subset.__dict__.update(self.__dict__)
        subset._places = self._places[key]
        subset._columns = {name: values[key] for name, values in self._columns.items()}
        return subset

    def __getstate__(self):
        return self.__dict__ | {"_last": _NOTHING}

    def __repr__(self):
        return f"<DescriptorStore of {len(self)} images, {int(self.counts.sum())} descriptors: {self.path!r}>"

    def read(self, index):
        """Read one image's descriptors.

        Parameters
        ----------
        index : int
            Its place.

        Returns
        -------
        descriptors : ndarray of shape (count, ...)
            The descriptors.

        Raises
        ------
        ImageError
            For an image that failed, with its code.
        """
        if self._columns["status"][index] == ERROR:
            raise ImageError(self._columns["code"][index], self._columns["message"][index])
        return self._array(index)

    def chunks(self):
        """Tell the chunks of the store apart, as they are read and as they were written.

        Returns
        -------
        chunks : list of (part, sha256, indices)
            For each chunk: the number of its part, a hash of the paths, status and bytes of its images, and the places
            of these in the store.
        """
        chunks: list[tuple] = []
        if len(self) == 0:
            return chunks
        starts = np.flatnonzero(np.any(np.diff(self._places[:, :2], axis=0), axis=1)) + 1
        for indices in np.split(np.arange(len(self)), starts):
            digest = hashlib.sha256()
            for index in indices:
                fields = (self._columns[name][index] for name in ("image_path", "status", "sha256"))
                digest.update("\0".join([*fields, ""]).encode())
            chunks.append((int(self._places[indices[0], 0]), digest.hexdigest(), indices))
        return chunks

    def export(self, folder):
        """Write a flat copy, which opens at once and reads any image without a search.

        Parameters
        ----------
        folder : path-like
            Made where it is missing; ``descriptors.npy``, ``offsets.npy`` (int64), ``names.npy`` and ``failed.npy``
            (bool) are written there.

        Returns
        -------
        flat : FlatDescriptors
            The copy, opened.
        """
        folder = os.fsdecode(folder)
        os.makedirs(folder, exist_ok=True)
        offsets = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (int(offsets[-1]), *self.tail),
        }
        # An export that is interrupted must not leave those of an older one beside new descriptors.
        for name in (_OFFSETS, _NAMES, _FAILED):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
        with atomic_write(os.path.join(folder, _DESCRIPTORS)) as file:
            np.lib.format.write_array_header_2_0(file, header)
            for start in range(0, len(self), _BATCH_ITEMS):
                file.writelines(array.tobytes() for array in self[start : start + _BATCH_ITEMS])
        names, failed = np.array(self.names, dtype=str), self._columns["status"] == ERROR
        for name, array in ((_NAMES, names), (_FAILED, failed), (_OFFSETS, offsets)):
            with atomic_write(os.path.join(folder, name)) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        return FlatDescriptors(folder)

    def _array(self, index):
        part_number, chunk, row = map(int, self._places[index])
        place, rows, values = self._last
        if place != (part_number, chunk) or row not in rows:
            rows, values = self._parts[part_number].read_group(chunk, row)
            self._last = (part_number, chunk), rows, values
        array = np.frombuffer(values[row - rows.start].as_buffer(), self.dtype).reshape(-1, *self.tail)
        return _as_failed(array) if self._columns["status"][index] == ERROR else array


class FlatDescriptors(Sequence):
    """A flat copy of a :class:`DescriptorStore`, mapped into memory.

    A sequence of arrays, one an image. One that failed is an empty array, of which encoders make a row of NaN.

    Parameters
    ----------
    folder : path-like
        What :meth:`DescriptorStore.export` wrote.

    Attributes
    ----------
    descriptors : memmap of shape (n_descriptors, ...)
        Those of all images, one after the other; read-only.
    offsets : ndarray of int64, shape (n_images + 1,)
        The descriptors of image i are ``descriptors[offsets[i]:offsets[i + 1]]``.
    names : list of str
        The path of each image.

    Raises
    ------
    FileNotFoundError
        Where there is no export, or one that was interrupted.
    ValueError
        For files of different exports.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimage import data
    >>> from skimgfeat import SIFT, DescriptorStore, extract
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "sift")
    ...     _ = extract(SIFT(n_features=10), [data.camera(), data.coins()], output)
    ...     flat = DescriptorStore(output).export(os.path.join(folder, "flat"))
    ...     print(flat[1].shape, flat.descriptors.shape)
    (10, 128) (20, 128)
    """

    def __init__(self, folder):
        folder = os.path.abspath(os.fsdecode(folder))
        self.descriptors = np.load(os.path.join(folder, _DESCRIPTORS), mmap_mode="r", allow_pickle=False)
        self.offsets = np.load(os.path.join(folder, _OFFSETS), allow_pickle=False)
        if self.offsets[-1] != len(self.descriptors):
            raise ValueError(
                f"FlatDescriptors: {folder!r} holds {len(self.descriptors)} descriptors, and its offsets tell of "
                f"{self.offsets[-1]}: they are of different exports; export the store again."
            )
        self._folder = folder

    @cached_property
    def names(self):
        return np.load(os.path.join(self._folder, _NAMES), allow_pickle=False).tolist()

    @cached_property
    def _failed(self):
        return np.load(os.path.join(self._folder, _FAILED), allow_pickle=False)

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self[index] for index in range(len(self))[key]]
        index = range(len(self))[key]
        # Slices that are memory maps themselves take longer to make.
        array = self.descriptors.view(np.ndarray)[self.offsets[index] : self.offsets[index + 1]]
        return array if len(array) or not self._failed[index] else _as_failed(array)


def _as_failed(array):
    from skimgfeat.descriptors._ragged import as_failed  # the other half of the package takes a second to import

    return as_failed(array)


class _Part:
    """One finished run of a store."""

    def __init__(self, folder, job):
        self._folder = folder
        self.descr = _freeze(job["features"]["descr"])
        self.tail = tuple(job["features"]["tail"])
        self._chunks = folder.chunk_numbers()
        self._metadata = (None, None)  # of the chunk that was read last: its number, and its file's

    def read_columns(self, part_number):
        """Return (part, chunk, row) for each image, and what is known of it beside its descriptors, a dict of lists."""
        tables = [self._read_items(number) for number in self._chunks]
        places = [
            (part_number, chunk, row)
            for chunk, table in zip(self._chunks, tables, strict=True)
            for row in range(len(table))
        ]
        # A run over arrays has no paths.
        columns = {
            name: [value for table in tables for value in table[name].to_pylist()]
            if name in tables[0].column_names
            else [""] * len(places)
            for name in _COLUMNS
        }
        return np.array(places, dtype=np.int64).reshape(-1, 3), columns

    def read_group(self, chunk, row):
        """Return the rows of a file that are read together with one, a range, and their descriptors' bytes."""
        number, metadata = self._metadata
        with self._reading(chunk, metadata if number == chunk else None) as file:
            self._metadata = chunk, file.metadata
            size = file.metadata.row_group(0).num_rows
            group = row // size
            values = file.read_row_group(group, columns=["descriptors"], use_threads=False)["descriptors"]
        return range(group * size, group * size + len(values)), values

    def _read_items(self, chunk):
        with self._reading(chunk) as file:
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            return file.read(columns=columns, use_threads=False)

    @contextmanager
    def _reading(self, chunk, metadata=None):
        pa = import_pyarrow("DescriptorStore")
        name = chunk_name(chunk)
        try:
            with self._folder.open_parquet(name, metadata) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise DamagedError(f"DescriptorStore: {self._folder.place(name)!r} is damaged: {error}") from error


def _open_part(folder):
    job = folder.read_json(JOB)
    if job["features"]["kind"] != "ragged":
        raise ValueError(f"DescriptorStore: {folder.path!r} holds rows of features; read them with load_features.")
    if not folder.exists(MANIFEST):
        raise ValueError(f"DescriptorStore: the run in {folder.path!r} is not finished; resume it first.")
    folder.check_chunks("DescriptorStore")
    return _Part(folder, job)


def _freeze(descr):
    """Return the description of a type with tuples for the lists of JSON, so that it can be compared."""
    return tuple(map(_freeze, descr)) if isinstance(descr, list) else descr
