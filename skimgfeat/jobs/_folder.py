"""The job folder: what is written where, and never half.

::

    job.json                  the configuration; another one refuses to resume
    items.parquet             the frozen list of items
    chunks/c-000000.parquet   a row an item; a file that exists is done, and never changed
    manifest.json             the account and the hash of each chunk; written last
    errors.csv                the items that failed, derived from the chunks
    model_info.json           where a step has a model: which, with the hash of its weights
    .lock                     held while a run writes
"""

import hashlib
import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path

from skimgfeat.io import atomic_write
from skimgfeat.io._files import TEMPORARY_PREFIX, DamagedError
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.io._sources import absolute_path, import_fsspec, is_address

JOB, ITEMS, MANIFEST, ERRORS = "job.json", "items.parquet", "manifest.json", "errors.csv"
MODEL_INFO = "model_info.json"
# Of a chunk, before those of its features.
ITEM_COLUMNS = ("index", "image_path", "image_name", "item_id", "label", "status", "code", "message")
_CHUNKS, _LOCK = "chunks", ".lock"
_CHUNK_NAME = re.compile(r"c-(\d{6,})\.parquet")
_PART_NAME = re.compile(r"part-\d{4,}")
_SUMMARY = b"skimgfeat.chunk"
_READ_BYTES = 1 << 20


class JobFolder:
    """A job folder on a local disk, or at an address that fsspec writes to.

    Files are written whole: under a temporary name and renamed on a disk, in one call at an address, which object
    stores make visible at its end.
    """

    def __init__(self, path):
        # Workers may have other working directories.
        self.path = absolute_path(os.fsdecode(path).removeprefix("file://"))
        self.is_remote = is_address(self.path)

    @contextmanager
    def opened(self):
        """Make the folder where it is missing and keep other runs out; remove what was made where no run has begun."""
        if self.is_remote:
            yield
            return
        is_new = not os.path.isdir(self.path)
        os.makedirs(self.place(_CHUNKS), exist_ok=True)
        with self.lock():
            try:
                yield
            finally:
                if not self.exists(JOB):
                    self._remove(is_new)

    def _remove(self, is_new):
        """Remove what a run leaves that has not begun, and the folder itself where that run made it."""
        with suppress(OSError):  # what another program has put there stays
            for name in (ITEMS, MODEL_INFO, _LOCK):
                Path(self.place(name)).unlink(missing_ok=True)
            os.rmdir(self.place(_CHUNKS))
            if is_new:
                os.rmdir(self.path)

    def holds_something_else(self):
        """Tell whether a folder that is no job folder holds anything but what a run leaves that died early."""
        names = {name for name in os.listdir(self.path) if not name.startswith(TEMPORARY_PREFIX)}
        return bool(
            names - {_CHUNKS, _LOCK, ITEMS, MODEL_INFO} or (_CHUNKS in names and os.listdir(self.place(_CHUNKS)))
        )

    def place(self, name):
        """Return the path or address of a file in the folder."""
        return f"{self.path.rstrip('/')}/{name}" if self.is_remote else os.path.join(self.path, name)

    def parts(self):
        """Return the job folders that hold the descriptors of a store, in order: this one, and those in it.

        A folder without a job is left of a run that died or was refused before it began.
        """
        if self.is_remote:
            filesystem, path = self._remote("")
            filesystem.invalidate_cache()  # others write there
            listed = filesystem.ls(path, detail=False) if filesystem.exists(path) else []
            names = [name.rstrip("/").rpartition("/")[2] for name in listed]
        else:
            names = os.listdir(self.path) if os.path.isdir(self.path) else []
        inside = [JobFolder(self.place(name)) for name in sorted(names) if _PART_NAME.fullmatch(name)]
        return [folder for folder in (self, *inside) if folder.exists(JOB)]

    def exists(self, name):
        if self.is_remote:
            filesystem, path = self._remote(name)
            return filesystem.exists(path)
        return os.path.exists(self.place(name))

    def read(self, name):
        """Return the bytes of a file."""
        with self._open(name) as file:
            return file.read()

    def write(self, name, data):
        """Write bytes as a file that is complete or not there."""
        if self.is_remote:
            filesystem, path = self._remote(name)
            try:
                filesystem.pipe_file(path, data)
            except FileNotFoundError:  # object stores have no folders, and servers of files want them made
                filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
                filesystem.pipe_file(path, data)
            return
        with atomic_write(self.place(name)) as file:
            file.write(data)

    def read_json(self, name):
        return json.loads(self.read(name))

    def write_json(self, name, content):
        """Write what JSON takes; of a parameter that it does not, its repr."""
        self.write(name, (json.dumps(content, indent=1, ensure_ascii=True, default=repr) + "\n").encode())

    def write_table(self, name, table, *, group_rows=None, compression="none"):
        """Write a pyarrow table as a Parquet file with a checksum a page; return its SHA-256.

        ``group_rows`` is how many rows can be read without the others, None for all. Nothing in the file depends on
        when or where it is written.
        """
        write_parquet = partial(
            import_pyarrow("JobFolder").parquet.write_table,
            table,
            row_group_size=group_rows or max(1, len(table)),
            compression=compression,
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )
        if self.is_remote:
            buffer = BytesIO()
            write_parquet(buffer)
            self.write(name, buffer.getvalue())
            return hashlib.sha256(buffer.getvalue()).hexdigest()
        with atomic_write(self.place(name)) as file:
            write_parquet(file)
            file.flush()
            # The disk and the hash take the same time, and need not wait for each other.
            with ThreadPoolExecutor(1) as pool:
                synced = pool.submit(os.fsync, file.fileno())
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256")
                synced.result()
        return digest.hexdigest()

    @contextmanager
    def open_parquet(self, name, metadata=None):
        """Open a Parquet file that is read with its checksums; its metadata need not be read where they are given."""
        pa = import_pyarrow("JobFolder")
        # Arrow's threads may give up what they read as the process ends, which a file of Python's does not survive.
        source = self._open(name) if self.is_remote else pa.OSFile(os.fsencode(self.place(name)))
        with (
            source,
            pa.parquet.ParquetFile(source, metadata=metadata, page_checksum_verification=True) as file,
        ):
            yield file

    def read_table(self, name):
        with self.open_parquet(name) as file:
            return file.read(use_threads=not self.is_remote)

    def sha256(self, name):
        with self._open(name) as file:
            digest = hashlib.sha256()
            while data := file.read(_READ_BYTES):
                digest.update(data)
        return digest.hexdigest()

    def chunk_numbers(self):
        """Return the numbers of the chunks that are written, in order."""
        if self.is_remote:
            filesystem, path = self._remote(_CHUNKS)
            filesystem.invalidate_cache()  # others write there
            names = [found.rpartition("/")[2] for found in filesystem.find(path)] if filesystem.exists(path) else []
        else:
            names = os.listdir(self.place(_CHUNKS)) if os.path.isdir(self.place(_CHUNKS)) else []
        return sorted(int(found[1]) for found in map(_CHUNK_NAME.fullmatch, names) if found)

    def check_chunks(self, owner):
        """Raise ValueError where chunks are missing that a finished run has written."""
        try:
            names = {file["file"] for file in self.read_json(MANIFEST)["files"]}
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{owner}: {self.place(MANIFEST)!r} is damaged; remove it and run again: {type(error).__name__} {error}"
            ) from error
        missing = sorted(names - {JOB, ITEMS, MODEL_INFO, *map(chunk_name, self.chunk_numbers())})
        if missing:
            raise DamagedError(
                f"{owner}: {len(missing)} chunks of {self.path!r} are missing, such as {missing[0]!r}; the same run "
                "again computes them."
            )

    def write_chunk(self, number, table, summary, **options):
        """Write the rows of a chunk with its summary, a dictionary, in the file's metadata; return its SHA-256."""
        metadata = {**(table.schema.metadata or {}), _SUMMARY: json.dumps(summary).encode()}
        return self.write_table(chunk_name(number), table.replace_schema_metadata(metadata), **options)

    def read_summary(self, number):
        """Return the summary of a chunk, which stands at the end of its file; raise ValueError for a damaged file."""
        name = chunk_name(number)
        try:
            with self.open_parquet(name) as file:
                return json.loads(file.schema_arrow.metadata[_SUMMARY])
        except (ValueError, KeyError, TypeError, OSError) as error:  # whatever a flipped bit leads to
            if getattr(error, "errno", None) is not None:
                raise  # the file cannot be opened
            raise DamagedError(f"{self.place(name)!r} is damaged; remove it and run again: {error}") from error

    def remove_temporary(self):
        """Remove what runs that were killed had begun to write."""
        if self.is_remote:
            return
        for folder in (self.path, self.place(_CHUNKS)):
            for name in os.listdir(folder):
                if name.startswith(TEMPORARY_PREFIX):
                    Path(folder, name).unlink(missing_ok=True)

    def free_bytes(self):
        """Return how many bytes fit on the disk, None where nobody can tell."""
        return None if self.is_remote else shutil.disk_usage(self.path).free

    @contextmanager
    def lock(self):
        """Keep other runs out of the folder; the system lets go of the lock when a process dies, however it does."""
        if self.is_remote:
            yield
            return
        with open(self.place(_LOCK), "ab") as file:
            try:
                _lock_file(file)
            except OSError as error:
                raise BlockingIOError(
                    error.errno, "another run is writing to this job folder: wait for it, or choose another", self.path
                ) from error
            yield

    def _open(self, name):
        if self.is_remote:
            filesystem, path = self._remote(name)
            return filesystem.open(path, "rb")
        return open(self.place(name), "rb")

    def _remote(self, name):
        return import_fsspec("JobFolder").url_to_fs(self.place(name))


def chunk_name(number):
    """Return where a chunk stands in the folder."""
    return f"{_CHUNKS}/c-{number:06d}.parquet"


def part_name(number):
    """Return what a part of a store is called."""
    return f"part-{number:04d}"


def _lock_file(file):
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
