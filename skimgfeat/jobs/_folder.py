"""The job folder: what is written where, and never half.

::

    job.json                  the configuration; another one refuses to resume
    items.parquet             the frozen list of items
    chunks/c-000000.parquet   a row an item; a file that exists is done, and never changed
    manifest.json             the account and the hash of each chunk; written last
    errors.csv                the items that failed, derived from the chunks
    .lock                     held while a run writes
"""

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from io import BytesIO

from skimgfeat.io import atomic_write
from skimgfeat.io._files import TEMPORARY_PREFIX
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.io._sources import import_fsspec, is_address

JOB, ITEMS, MANIFEST, ERRORS = "job.json", "items.parquet", "manifest.json", "errors.csv"
_CHUNKS, _LOCK = "chunks", ".lock"
_SUMMARY = b"skimgfeat.chunk"


class JobFolder:
    """A job folder on a local disk, or at an address that fsspec writes to.

    Files are written whole: under a temporary name and renamed on a disk, in one call at an address, which object
    stores make visible at its end.
    """

    def __init__(self, path):
        path = os.fsdecode(path)
        self.path = path.removeprefix("file://") if path.startswith("file://") else path
        self.is_remote = is_address(self.path)

    def create(self):
        """Make the folder and its folder of chunks where they are missing."""
        if not self.is_remote:
            os.makedirs(self.place(_CHUNKS), exist_ok=True)

    def place(self, name):
        """Return the path or address of a file in the folder."""
        return f"{self.path.rstrip('/')}/{name}" if self.is_remote else os.path.join(self.path, name)

    def exists(self, name):
        if self.is_remote:
            filesystem, path = self._remote(name)
            return filesystem.exists(path)
        return os.path.exists(self.place(name))

    def read(self, name):
        """Return the bytes of a file."""
        if self.is_remote:
            filesystem, path = self._remote(name)
            return filesystem.cat_file(path)
        with open(self.place(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        """Write bytes as a file that is complete or not there."""
        if self.is_remote:
            filesystem, path = self._remote(name)
            filesystem.pipe_file(path, data)
            return
        with atomic_write(self.place(name)) as file:
            file.write(data)

    def read_json(self, name):
        return json.loads(self.read(name))

    def write_json(self, name, content):
        self.write(name, (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode())

    def write_table(self, name, table, *, group_rows=None, compression="none"):
        """Write a pyarrow table as a Parquet file with a checksum a page; return its SHA-256.

        ``group_rows`` is how many rows can be read without the others, None for all. Nothing in the file depends on
        when or where it is written.
        """
        pa = import_pyarrow("JobFolder")
        buffer = BytesIO()
        pa.parquet.write_table(
            table,
            buffer,
            row_group_size=group_rows or max(1, len(table)),
            compression=compression,
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )
        data = buffer.getvalue()
        self.write(name, data)
        return hashlib.sha256(data).hexdigest()

    @contextmanager
    def open_parquet(self, name):
        """Open a Parquet file that is read with its checksums."""
        pa = import_pyarrow("JobFolder")
        source = BytesIO(self.read(name)) if self.is_remote else self.place(name)
        with pa.parquet.ParquetFile(source, page_checksum_verification=True) as file:
            yield file

    def read_table(self, name):
        with self.open_parquet(name) as file:
            return file.read()

    def sha256(self, name):
        digest = hashlib.sha256()
        digest.update(self.read(name))
        return digest.hexdigest()

    def chunk_numbers(self):
        """Return the numbers of the chunks that are written, in order."""
        if self.is_remote:
            filesystem, path = self._remote(_CHUNKS)
            names = [found.rpartition("/")[2] for found in filesystem.find(path)] if filesystem.exists(path) else []
        else:
            names = os.listdir(self.place(_CHUNKS)) if os.path.isdir(self.place(_CHUNKS)) else []
        return sorted(int(name[2:-8]) for name in names if name.startswith("c-") and name.endswith(".parquet"))

    def write_chunk(self, number, table, summary, **options):
        """Write the rows of a chunk with its summary, a dictionary, in the file's metadata; return its SHA-256."""
        metadata = {**(table.schema.metadata or {}), _SUMMARY: json.dumps(summary).encode()}
        return self.write_table(chunk_name(number), table.replace_schema_metadata(metadata), **options)

    def read_summary(self, number):
        """Return the summary of a chunk, which stands at the end of its file."""
        with self.open_parquet(chunk_name(number)) as file:
            return json.loads(file.schema_arrow.metadata[_SUMMARY])

    def remove_temporary(self):
        """Remove what runs that were killed had begun to write."""
        if self.is_remote:
            return
        for folder in (self.path, self.place(_CHUNKS)):
            for name in os.listdir(folder):
                if name.startswith(TEMPORARY_PREFIX):
                    os.unlink(os.path.join(folder, name))

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

    def _remote(self, name):
        return import_fsspec("JobFolder").url_to_fs(self.place(name))


def chunk_name(number):
    """Return where a chunk stands in the folder."""
    return f"{_CHUNKS}/c-{number:06d}.parquet"


def _lock_file(file):
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
