"""The chunks of a run, computed until none is missing."""

import csv
import errno
import io
import logging
import signal
import threading
import time
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace

from threadpoolctl import threadpool_limits

from skimgfeat.io import ImageError
from skimgfeat.io._tables import escape_cell
from skimgfeat.jobs._account import ERROR, Interrupted, TooManyErrorsError, add_up
from skimgfeat.jobs._chunk import run_chunk, try_item
from skimgfeat.jobs._folder import ERRORS, ITEMS, JOB, MANIFEST, MODEL_INFO, chunk_name
from skimgfeat.jobs._workers import WorkerDiedError

# Text columns and Parquet's own, for each item.
_ITEM_BYTES = 300
# A share of errors says something from so many items on.
_FEWEST_JUDGED = 100

_logger = logging.getLogger(__name__)


class _TooManyErrors(Exception):  # noqa: N818
    """Ends the loop over chunks; the account is written when the workers have stopped."""


class Run:
    """The chunks that are missing, computed one after the other until none is."""

    def __init__(self, owner, folder, job, items, chunk_size, workers, max_error_rate, progress):
        self.owner = owner
        self.folder = folder
        self.job = job
        self.items = items
        self.bounds = items.chunk_bounds(chunk_size)
        self.workers = workers
        self.max_error_rate = max_error_rate
        self.started_at = time.perf_counter()
        self.done = set(folder.chunk_numbers())
        before = add_up(folder.path, len(items), map(folder.read_summary, self.done))
        self.n_before = self.n_seen = before.listed - before.skipped
        self.n_errors = before.error
        self.hashes = {}
        self.bar = progress_bar(len(items), self.n_before, progress)

    def finish(self):
        """Compute what is missing, write what is derived from it, and return the account."""
        try:
            # Threads that compute in this process share its libraries' settings; processes set their own.
            with self.bar, threadpool_limits(1):
                self._check_disk()
                self._compute_missing()
            account = self._write_account()
        except KeyboardInterrupt:
            raise Interrupted(self._write_account()) from None
        except _TooManyErrors as error:
            raise TooManyErrorsError(str(error), self._write_account()) from None
        finally:
            self.folder.remove_temporary()
        if not account.complete:
            raise OSError(
                errno.EIO,
                f"{account.skipped} items were computed and are not there: do the workers see the same folder?",
                self.folder.path,
            )
        _logger.info("%s: %s", self.folder.path, account)
        return account

    def _compute_missing(self):
        while missing := self._missing():
            try:
                with closing(self.workers.run(run_chunk, map(self._call, missing))) as outcomes:
                    for outcome in outcomes:
                        self._take(outcome)
            except WorkerDiedError:
                _logger.warning("a worker died; the chunks that it may have held are tried one by one")
                # Some chunks were written, and the word of it was lost.
                for number in set(self.folder.chunk_numbers()) - self.done:
                    self._take({"number": number, "summary": self.folder.read_summary(number)})
                for number in self._missing()[: self.workers.n_ahead]:
                    self._isolate(number)

    def _missing(self):
        return [number for number in range(len(self.bounds) - 1) if number not in self.done]

    def _call(self, number):
        """Return the arguments of run_chunk."""
        start, stop = map(int, self.bounds[number : number + 2])
        return self.job, number, start, self.items[start:stop], {}

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
                f"{self.owner}: chunk {number} kills its worker, and none of its items does so alone: "
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
        """Enter the outcome of a chunk."""
        if "error" in outcome:
            raise outcome["error"]
        summary = outcome["summary"]
        n_items = summary["stop"] - summary["start"]
        self.done.add(outcome["number"])
        self.hashes[outcome["number"]] = outcome.get("sha256")
        self.n_seen += n_items
        self.n_errors += summary[ERROR]
        self.bar.update(n_items)
        self.bar.set_postfix(errors=self.n_errors, refresh=False)
        enough = self.n_seen >= min(_FEWEST_JUDGED, len(self.items))
        if self.max_error_rate is not None and enough and self.n_errors > self.max_error_rate * self.n_seen:
            raise _TooManyErrors(
                f"{self.owner}: {self.n_errors} of {self.n_seen} items failed, over "
                f"max_error_rate={self.max_error_rate}; {self.folder.place(ERRORS)!r} tells which and why."
            )
        self._check_disk()

    def _write_account(self):
        """Write the list of errors and, where nothing is missing, the manifest; return the account.

        From the files: a run that is stopped does not hear of the last of them.
        """
        numbers = self.folder.chunk_numbers()
        text = io.StringIO()
        errors = csv.writer(text)
        ids = () if self.items.id_name is None else (self.items.id_name,)
        columns = ("index", *ids, "image_path", "code", "message")
        errors.writerow(columns)
        account = add_up(self.folder.path, len(self.items), self._read_summaries(numbers, errors, columns))
        # Messages of errors can hold halves of characters, as names of files that are no UTF-8 do.
        self.folder.write(ERRORS, text.getvalue().encode("utf-8", "backslashreplace"))
        account = replace(
            account,
            seconds=time.perf_counter() - self.started_at,
            n_done=account.listed - account.skipped - self.n_before,
        )
        if account.complete:
            hashes = {chunk_name(number): self.hashes.get(number) for number in numbers}
            names = [JOB, ITEMS, *filter(self.folder.exists, (MODEL_INFO,)), *hashes]
            files = [{"file": name, "sha256": hashes.get(name) or self.folder.sha256(name)} for name in names]
            self.folder.write_json(MANIFEST, {"account": account.to_dict(), "files": files})
        return account

    def _read_summaries(self, numbers, errors, columns):
        """Yield the summaries of chunks, and write their errors."""
        for number in numbers:
            summary = self.folder.read_summary(number)
            errors.writerows([escape_cell(error[name]) for name in columns] for error in summary["errors"])
            yield summary

    def _check_disk(self):
        """Raise OSError before the disk is full: what is begun could not be ended."""
        free = self.folder.free_bytes()
        n_bytes = (len(self.items) - self.n_seen) * (self.job.layout.item_bytes + _ITEM_BYTES)
        if free is not None and free < n_bytes:
            raise OSError(
                errno.ENOSPC,
                f"{n_bytes / 1e9:.3f} GB are still to be written, {free / 1e9:.3f} are free",
                self.job.output,
            )


class _NoBar(nullcontext):
    """In place of a progress bar."""

    def update(self, n):
        pass

    def set_postfix(self, **values):
        pass


def progress_bar(total, initial, progress):
    """Return tqdm's bar, or something that shows nothing where none is wanted, without tqdm and without a terminal."""
    if progress:
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            return tqdm(total=total, initial=initial, unit=" images", unit_scale=True, leave=False, disable=None)
    return _NoBar()


@contextmanager
def sigterm_interrupts():
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
