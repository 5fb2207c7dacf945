"""One chunk: read its items, transform them, write its file. What a worker runs."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples
from threadpoolctl import threadpool_limits

from skimgfeat.io import ImageError
from skimgfeat.io._parquet import side_by_side
from skimgfeat.jobs._account import ERROR, OK, PARTIAL
from skimgfeat.jobs._folder import JobFolder
from skimgfeat.jobs._items import escape, item_columns
from skimgfeat.jobs._layouts import Images, Ragged, Rows
from skimgfeat.jobs._watchdog import Watchdog


@dataclass(frozen=True)
class Job:
    """What a worker has to know besides the items of a chunk; it travels by pickle."""

    output: str
    estimator: Any
    layout: Rows | Ragged | Images
    compression: str
    on_error: str
    item_timeout: float | None
    # What an item takes, as far as one could see before: so much more has a batch before it counts as hanging.
    item_seconds: float
    label_type: Any  # of pyarrow, that of the labels of all items; None without labels
    coordinator: tuple  # (host, process) that the workers work for


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
    with Watchdog(job.coordinator, job.item_timeout) as watchdog, _one_thread(watchdog):
        features, failures, notes = _compute(job, items, known, watchdog)
    if failures and job.on_error == "raise":
        place, error = min(failures.items())
        name = f", {items.names[place]!r}" if items.names else ""
        return {"number": number, "error": ImageError(error.code, f"item {start + place}{name}: {error.message}")}
    table, summary = _make_table(job, start, items, features, failures, notes)
    watchdog.leave_if_orphaned()
    group_rows = job.layout.group_rows(features)
    sha256 = JobFolder(job.output).write_chunk(
        number, table, summary, group_rows=group_rows, compression=job.compression
    )
    return {"number": number, "sha256": sha256, "summary": summary}


def try_item(job, item):
    """Read and transform one item, to see whether the process lives through it."""
    with Watchdog(job.coordinator, job.item_timeout) as watchdog, _one_thread(watchdog):
        _compute(job, item, {}, watchdog)


def _one_thread(watchdog):
    """Keep libraries to one thread in a worker: there are other workers, and sums depend on how they are split.

    What coordinates has done so for its own threads, which share these settings.
    """
    return threadpool_limits(1) if watchdog.is_worker else nullcontext()


def _compute(job, items, known, watchdog):
    """Return the features in the job's layout, and two dicts: place to ImageError, place to reservation."""
    features = job.layout.empty(len(items))
    failures = dict(known)
    notes: dict[int, str] = {}
    wanted = np.array([place for place in range(len(items)) if place not in known], dtype=int)
    if len(wanted) == 0:
        return features, failures, notes
    items = items[wanted] if known else items
    for places, images, failed in items.read_batches(watchdog.rearm):
        failures.update((int(wanted[place]), error) for place, error in failed.items())
        if places:
            watchdog.rearm(len(places) * job.item_seconds)
            _transform(job, images, wanted[places], features, failures, notes, watchdog)
            watchdog.rearm()
    return features, failures, notes


def _transform(job, images, places, features, failures, notes, watchdog):
    """Fill in the features of some images; where they fail together, one by one, so that each failure is its own."""
    result, error = attempt(_extract, job, images)
    if error is not None and len(places) > 1:
        for index in range(len(places)):
            watchdog.rearm()
            one = slice(index, index + 1)
            _transform(job, images[one], places[one], features, failures, notes, watchdog)
        return
    if error is not None:
        if not isinstance(error, ImageError):
            error = ImageError("failed", f"{type(error).__name__}: {error}")
        failures[int(places[0])] = error
        return
    found, reservations = result
    finite = job.layout.are_finite(found)
    features[places[finite]] = found[finite]
    for place in places[~finite]:
        failures[int(place)] = ImageError("non_finite", "its features hold NaN or infinities, or overflow float32")
    notes.update((int(place), note) for place, note in zip(places[finite], reservations, strict=False) if note)


def attempt(function, *args):
    """Return what ``function(*args)`` gives, and None; or None, and what it raised.

    Whatever a step raises for an image is recorded with the image.
    """
    try:
        return function(*args), None
    except Exception as error:
        return None, error


def _extract(job, images):
    """Return the features of some images, and what the step that sees them says of each: nothing, or a sentence."""
    features = job.layout.check(job.estimator.transform(images), _num_samples(images))
    first = job.estimator[0] if isinstance(job.estimator, Pipeline) else job.estimator
    return features, first._reservations(images) if hasattr(first, "_reservations") else []


def _make_table(job, start, items, features, failures, notes):
    """Return the chunk as a pyarrow table, and its summary."""
    import pyarrow as pa

    statuses = [ERROR if place in failures else PARTIAL if place in notes else OK for place in range(len(items))]
    paths = items.names or [""] * len(items)
    ids = {} if items.id_name is None else {items.id_name: items.columns[items.id_name].to_pylist()}
    summary = {
        "start": start,
        "stop": start + len(items),
        **{status: statuses.count(status) for status in (OK, PARTIAL, ERROR)},
        "errors": [
            {
                "index": start + place,
                **{name: values[place] for name, values in ids.items()},
                "image_path": escape(paths[place]),
                "code": error.code,
                "message": error.message,
            }
            for place, error in sorted(failures.items())
        ],
    }
    columns = {"index": pa.array(np.arange(start, start + len(items)))}
    if items.columns is not None:
        columns["image_path"] = pa.array(map(escape, paths), pa.string())
    elif items.names is not None:
        columns.update((name, pa.array(values, pa.string())) for name, values in item_columns(paths).items())
    if items.y is not None:
        columns["label"] = pa.array(items.y, job.label_type)
    messages = notes | {place: error.message for place, error in failures.items()}
    codes = [failures[place].code if place in failures else "" for place in range(len(items))]
    columns["status"] = pa.array(statuses, pa.string())
    columns["code"] = pa.array(codes, pa.string())
    columns["message"] = pa.array([escape(messages.get(place, "")) for place in range(len(items))], pa.string())
    if items.columns is not None:
        columns.update(zip(items.columns.column_names, items.columns.columns, strict=True))
    table = side_by_side(pa.table(columns), job.layout.table(features))
    if job.on_error == "skip":
        table = table.filter(pa.array([status != ERROR for status in statuses]))
    return table, summary
