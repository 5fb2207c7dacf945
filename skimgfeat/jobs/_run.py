"""The chunks of a run, computed until none is missing."""

import csv
import errno
import io
import logging
import signal
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from skimgfeat.io import ImageError
from skimgfeat.io._tables import escape_cell
from skimgfeat.jobs._account import Interrupted, TooManyErrorsError, add_up
from skimgfeat.jobs._chunk import run_chunk, try_item
from skimgfeat.jobs._folder import ERRORS, MANIFEST, chunk_name
from skimgfeat.jobs._workers import WorkerDiedError

_OWNER = "extract"
# Text columns and Parquet's own, for each item.
_ITEM_BYTES = 300

_logger = logging.getLogger(__name__)


class Run:
    """The chunks that are missing, computed one after the other until none is."""

    def __init__(self, folder, job, items, chunk_size, workers, max_error_rate, progress):
        self.folder = folder
        self.job = job
        self.items = items
        self.chunk_size = chunk_size
        self.workers = workers
        self.max_error_rate = max_error_rate
        self.summaries = read_summaries(folder)
        self.hashes = {}
        self.started_at = time.perf_counter()
        self.n_before = sum(_n_items(summary) for summary in self.summaries.values())
        self.bar = _progress_bar(len(items), self.n_before, progress)

    def finish(self):
        """Compute what is missing, write what is derived from it, and return the account."""
        try:
            with self.bar, _sigterm_interrupts():
                self._check_disk()
                self._compute_missing()
                account = self._write_account()
        except KeyboardInterrupt:
            raise Interrupted(self._write_account()) from None
        finally:
            self.folder.remove_temporary()
        _logger.info("%s: %s", self.folder.path, account)
        return account

    def _compute_missing(self):
        while missing := self._missing():
            try:
                for outcome in self.workers.run(run_chunk, map(self._call, missing)):
                    self._take(outcome)
            except WorkerDiedError:
                _logger.warning("a worker died; the chunks that it may have held are tried one by one")
                # Some chunks were written, and the word of it was lost.
                for number in set(self.folder.chunk_numbers()) - self.summaries.keys():
                    self._take({"number": number, "summary": self.folder.read_summary(number)})
                for number in self._missing()[: self.workers.n_ahead]:
                    self._isolate(number)

    def _missing(self):
        n_chunks = -(-len(self.items) // self.chunk_size)
        return [number for number in range(n_chunks) if number not in self.summaries]

    def _call(self, number):
        """Return the arguments of run_chunk."""
        start = number * self.chunk_size
        return self.job, number, start, self.items[start : start + self.chunk_size], {}

    def _isolate(self, number):
        """Compute a chunk in a process of its own; where that dies too, find the items that kill it or hang."""
        try:
            self._take(self.workers.run_alone(run_chunk, *self._call(number)))
            return
        except WorkerDiedError:
            pass
        job, _, start, items, _ = self._call(number)
        known = {}
        for place in range(len(items)):
            error = self._try(items[place : place + 1])
            if error is not None:
                known[place] = error
                _logger.warning("item %d: %s", start + place, error)
        # Each of the others has shown that it ends in time; together they get as much each.
        patient = None if job.item_timeout is None else job.item_timeout * len(items)
        job = replace(job, item_timeout=patient)
        try:
            self._take(self.workers.run_alone(run_chunk, job, number, start, items, known))
        except WorkerDiedError as error:
            raise RuntimeError(
                f"{_OWNER}: chunk {number} kills its worker, and none of its items does so alone: "
                "it may take too much memory; start again with a smaller chunk_size."
            ) from error

    def _try(self, item):
        """Return the ImageError of an item that kills its process or hangs, None for one that does not."""
        for _ in range(2):  # a process can be killed for reasons that are not the item's
            try:
                self.workers.run_alone(try_item, self.job, item, timeout=self.job.item_timeout)
                return None
            except TimeoutError:
                return ImageError("timeout", f"it took more than {self.job.item_timeout:g} seconds")
            except WorkerDiedError:
                pass
        return ImageError("crashed", "the process that worked on it died, twice")

    def _take(self, outcome):
        """Enter the outcome of a chunk into the account."""
        if "error" in outcome:
            raise outcome["error"]
        summary = outcome["summary"]
        self.summaries[outcome["number"]] = summary
        self.hashes[outcome["number"]] = outcome.get("sha256")
        self.bar.update(_n_items(summary))
        account = self._account()
        self.bar.set_postfix(errors=account.error, refresh=False)
        n_seen = account.listed - account.skipped
        enough = n_seen >= min(100, account.listed)
        if self.max_error_rate is not None and enough and account.error > self.max_error_rate * n_seen:
            raise TooManyErrorsError(
                f"{_OWNER}: {account.error} of {n_seen} items failed, over max_error_rate={self.max_error_rate}; "
                f"{self.folder.place(ERRORS)!r} tells which and why.",
                self._write_account(),
            )
        self._check_disk()

    def _account(self):
        seconds = time.perf_counter() - self.started_at
        n_seen = sum(_n_items(summary) for summary in self.summaries.values())
        return add_up(
            self.folder.path,
            len(self.items),
            self.summaries.values(),
            seconds=seconds,
            n_done=n_seen - self.n_before,
        )

    def _write_account(self):
        """Write the list of errors and, where nothing is missing, the manifest; return the account."""
        account = self._account()
        errors = [error for _, summary in sorted(self.summaries.items()) for error in summary["errors"]]
        self.folder.write(ERRORS, _to_csv(("index", "image_path", "code", "message"), errors))
        if account.complete:
            chunks = [
                {
                    "file": chunk_name(number),
                    "sha256": self.hashes.get(number) or self.folder.sha256(chunk_name(number)),
                }
                for number in sorted(self.summaries)
            ]
            self.folder.write_json(MANIFEST, {"account": account.to_dict(), "chunks": chunks})
        return account

    def _check_disk(self):
        """Raise OSError before the disk is full: what is begun could not be ended."""
        free = self.folder.free_bytes()
        n_missing = len(self.items) - sum(_n_items(summary) for summary in self.summaries.values())
        n_bytes = n_missing * (self.job.layout.item_bytes + _ITEM_BYTES)
        if free is not None and free < n_bytes:
            raise OSError(
                errno.ENOSPC,
                f"{n_bytes / 1e9:.3f} GB are still to be written, {free / 1e9:.3f} are free",
                self.job.output,
            )


def read_summaries(folder):
    """Return the summaries of the chunks that are written, by number."""
    return {number: folder.read_summary(number) for number in folder.chunk_numbers()}


def _n_items(summary):
    return summary["stop"] - summary["start"]


def _to_csv(columns, lines):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([escape_cell(line[column]) for column in columns] for line in lines)
    return text.getvalue().encode()


class _NoBar(nullcontext):
    """In place of a progress bar."""

    def update(self, n):
        pass

    def set_postfix(self, **values):
        pass


def _progress_bar(total, initial, progress):
    if progress:
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            return tqdm(total=total, initial=initial, unit=" images", unit_scale=True, leave=False, disable=None)
    return _NoBar()


@contextmanager
def _sigterm_interrupts():
    """Let SIGTERM end the block as SIGINT does; signals are heard in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
