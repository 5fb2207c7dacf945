"""One chunk: read its items, transform them, write its file. What a worker runs."""

import faulthandler
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skimgfeat.io import ImageError
from skimgfeat.jobs._account import ERROR, OK, PARTIAL
from skimgfeat.jobs._folder import JobFolder
from skimgfeat.jobs._items import escape, item_columns
from skimgfeat.jobs._layouts import Ragged, Rows


@dataclass(frozen=True)
class Job:
    """What a worker has to know besides the items of a chunk; it travels by pickle."""

    output: str
    estimator: Any
    layout: Rows | Ragged
    compression: str
    on_error: str
    item_timeout: float | None
    coordinator: tuple  # (host, process) that the workers work for


def here():
    """Return this process as (host, number)."""
    return socket.gethostname(), os.getpid()


def run_chunk(job, number, start, items, known):
    """Compute a chunk and write its file.

    Parameters
    ----------
    job : Job
    number : int
        Of the chunk.
    start : int
        Index of its first item.
    items : Items
        Its items.
    known : dict of int to ImageError
        Places, from 0, of items that are not to be attempted, and why.

    Returns
    -------
    outcome : dict
        ``number`` and ``sha256`` and ``summary`` of the file. With ``on_error="raise"``, the ``error`` of an item in
        their place, and no file.
    """
    with _Watchdog(job) as watchdog:
        features, failures, notes = _compute(job, items, known, watchdog)
    if failures and job.on_error == "raise":
        place, error = min(failures.items())
        name = f", {items.names[place]!r}" if items.names else ""
        return {"number": number, "error": ImageError(error.code, f"item {start + place}{name}: {error.message}")}
    table, summary = _make_table(job, start, items, features, failures, notes)
    watchdog.leave_if_orphaned()
    sha256 = JobFolder(job.output).write_chunk(
        number, table, summary, group_rows=job.layout.group_rows, compression=job.compression
    )
    return {"number": number, "sha256": sha256, "summary": summary}


def try_item(job, item):
    """Read and transform one item, to see whether the process lives through it."""
    with _Watchdog(job) as watchdog:
        _compute(job, item, {}, watchdog)


def _compute(job, items, known, watchdog):
    """Return the features in the job's layout, and two dicts: place to ImageError, place to reservation."""
    features = job.layout.empty(len(items))
    failures = dict(known)
    notes: dict[int, str] = {}
    wanted = np.array([place for place in range(len(items)) if place not in known], dtype=int)
    if len(wanted) == 0:
        return features, failures, notes
    for places, images, failed in items[wanted].read_batches() if known else items.read_batches():
        failures.update((int(wanted[place]), error) for place, error in failed.items())
        watchdog.rearm()
        if places:
            _transform(job, images, wanted[places], features, failures, notes)
            watchdog.rearm()
    return features, failures, notes


def _transform(job, images, places, features, failures, notes):
    """Fill in the features of some images; where they fail together, one by one, so that each failure is its own."""
    try:
        found = job.layout.check(job.estimator.transform(images), len(places))
        reservations = _reservations(job.estimator, images)
    except Exception as error:  # whatever a step raises for an image is recorded with the image
        if len(places) > 1:
            for index in range(len(places)):
                _transform(job, images[index : index + 1], places[index : index + 1], features, failures, notes)
            return
        if not isinstance(error, ImageError):
            error = ImageError("failed", f"{type(error).__name__}: {error}")
        failures[int(places[0])] = error
        return
    finite = job.layout.are_finite(found)
    features[places[finite]] = found[finite]
    for place in places[~finite]:
        failures[int(place)] = ImageError("non_finite", "its features hold NaN or infinities, or overflow float32")
    notes.update((int(place), note) for place, note in zip(places[finite], reservations, strict=False) if note)


def _reservations(estimator, images):
    """Return what the step that sees the images has to say of what it made of each: nothing, or a sentence."""
    first = estimator[0] if isinstance(estimator, Pipeline) else estimator
    return first._reservations(images) if hasattr(first, "_reservations") else [None] * len(images)


def _make_table(job, start, items, features, failures, notes):
    """Return the chunk as a pyarrow table, and its summary."""
    import pyarrow as pa

    statuses = [ERROR if place in failures else PARTIAL if place in notes else OK for place in range(len(items))]
    paths = items.names or [""] * len(items)
    summary = {
        "start": start,
        "stop": start + len(items),
        **{status: statuses.count(status) for status in (OK, PARTIAL, ERROR)},
        "errors": [
            {"index": start + place, "image_path": escape(paths[place]), "code": error.code, "message": error.message}
            for place, error in sorted(failures.items())
        ],
    }
    columns = {"index": pa.array(np.arange(start, start + len(items)))}
    if items.names is not None:
        columns.update((name, pa.array(values, pa.string())) for name, values in item_columns(paths).items())
    if items.y is not None:
        columns["label"] = pa.array(items.y)
    messages = notes | {place: error.message for place, error in failures.items()}
    codes = [failures[place].code if place in failures else "" for place in range(len(items))]
    columns["status"] = pa.array(statuses, pa.string())
    columns["code"] = pa.array(codes, pa.string())
    columns["message"] = pa.array([escape(messages.get(place, "")) for place in range(len(items))], pa.string())
    columns.update(job.layout.columns(features))
    table = pa.table(columns)
    if job.on_error == "skip":
        table = table.filter(pa.array([status != ERROR for status in statuses]))
    return table, summary


class _Watchdog:
    """Ends a worker in which an item hangs, or whose coordinator has died.

    The thread that waits is faulthandler's: it needs no interpreter, so that it ends loops in C code too. In the
    process that coordinates there is no watchdog, since its end would be the end of the run.
    """

    def __init__(self, job):
        self._seconds = job.item_timeout
        self._coordinator = job.coordinator
        self._is_worker = here() != job.coordinator
        self._armed_at = -np.inf

    def __enter__(self):
        if self._is_worker and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator hears it, and says what to do
        self._sink = open(os.devnull, "w")  # closed at the exit
        self.rearm()
        return self

    def __exit__(self, *exception):
        if self._is_worker:
            faulthandler.cancel_dump_traceback_later()
        self._sink.close()

    def rearm(self):
        """Give the next items their time. Once a second will do: a rearmed watchdog is a thread stopped and started."""
        if not self._is_worker or time.monotonic() - self._armed_at < 1:
            return
        self._armed_at = time.monotonic()
        self.leave_if_orphaned()
        if self._seconds is not None:
            faulthandler.dump_traceback_later(self._seconds + 1, exit=True, file=self._sink)

    def leave_if_orphaned(self):
        """End the process where nobody waits for what it does: another run may have begun."""
        host, process = self._coordinator
        if self._is_worker and host == socket.gethostname() and not _is_alive(process):
            os._exit(1)


def _is_alive(process):
    if os.name != "posix":
        return True  # signal 0 would end the process there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
