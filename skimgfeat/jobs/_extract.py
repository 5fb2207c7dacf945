"""A run over many items that can die and go on, and accounts for each of them."""

import errno
import json
import os
from collections import Counter
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pickle import PicklingError

from sklearn.pipeline import Pipeline

from skimgfeat._validation import check_choice, check_flag, check_integer, check_n_jobs, check_number
from skimgfeat.io import ImageCollection, ImageError
from skimgfeat.io._files import DamagedError
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.jobs._account import Interrupted, add_up
from skimgfeat.jobs._chunk import Job, attempt
from skimgfeat.jobs._folder import ITEM_COLUMNS, ITEMS, JOB, MANIFEST, MODEL_INFO, JobFolder
from skimgfeat.jobs._items import are_paths, as_items
from skimgfeat.jobs._layouts import layout_of
from skimgfeat.jobs._model_info import describe_models
from skimgfeat.jobs._prepare import (
    FitError,
    check_transformer,
    column_names,
    for_workers,
    hash_estimator,
    prepare,
    try_out,
)
from skimgfeat.jobs._run import Run, sigterm_interrupts
from skimgfeat.jobs._watchdog import here
from skimgfeat.jobs._workers import WorkerDiedError, Workers
from skimgfeat.preprocessing import ImageReader

_OWNER = "extract"
_FORMAT = 1
_ON_ERROR = ("record", "raise", "skip")
_LAYOUTS = ("list", "wide", "images")
# What decides pixels and features; another version of any of it can change a number.
_PACKAGES = (
    "skimgfeat",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
)
_N_CHUNKS = 64
_CHUNK_ITEMS = (8, 1024)
# How many images are looked at for one that can be read and used.
_N_CANDIDATES = 10
_N_TRIAL = 8
# A batch counts as hanging only when it takes this many times as long as its items took then, and item_timeout more.
_SLACK = 4


class _NothingToReadError(ValueError):
    """No item can be read, so that nobody knows what the estimator makes of one."""


def extract(
    estimator,
    X,
    output,
    *,
    y=None,
    chunk_size=None,
    n_jobs=None,
    on_error="record",
    max_error_rate=None,
    item_timeout=60.0,
    layout="list",
    prefix=None,
    compression="none",
    resume=True,
    progress=True,
):
    """Transform many items into a folder of Parquet files, in a run that can die and go on.

    The items are worked on chunk by chunk, each by a worker process that writes the chunk's file itself. A file that is
    there is complete. The same call goes on where an earlier one ended, however that ended, and the files are the
    same bytes as those of a run that was never interrupted. An item that cannot be read or transformed, that kills its
    worker or hangs, costs nothing but itself, and every item is accounted for.

    Parameters
    ----------
    estimator : transformer or Pipeline
        Of this package or of scikit-learn; its rows must not depend on each other. Steps that are not fitted are
        fitted on the first readable image, where they learn nothing but the shape of images; any other is an error. A
        pipeline that begins with :class:`ImageReader` reads the files as that says.
    X : path-like, ImageCollection, sequence of paths, or array-like
        A folder, images in files, or an array of images or rows.
    output : path-like
        The job folder, made where it is missing; or an address that fsspec writes to (``s3://bucket/features``), which
        no lock and no check of free space protects.
    y : array-like of shape (n_items,) or None, default=None
        Labels, written into a column of their own.
    chunk_size : int or None, default=None
        Items of a chunk. None makes some 64 chunks of 8 to 1024 items, none above 64 MB, or 16 MB of images.
    n_jobs : int or None, default=None
        Number of worker processes. None is 1 unless a ``joblib.parallel_config`` says otherwise, which also decides
        where they run: ``parallel_config("dask")`` takes a cluster; ``parallel_config("threading")`` takes threads of
        this process, which an item can then kill.
    on_error : {"record", "raise", "skip"}, default="record"
        What happens to an item that fails. "record" writes a row of NaN, or a missing image, with the code and message
        of the error. "skip" writes no row. "raise" stops the run with its error. In any case it is in the account and
        in ``errors.csv``.
    max_error_rate : float or None, default=None
        The run stops when more than this share of the items has failed, judged from 100 items on.
    item_timeout : float or None, default=60.0
        Seconds that an item may take before it counts as hanging; None for no limit. Items that are transformed
        together share it at first, and get as much each when they need it.
    layout : {"list", "wide", "images"}, default="list"
        "list" keeps an item's features in one column ``features``, a fixed-size list, which reads several times quicker
        where there are many; "wide" has a column a feature. "images" is for steps that give images of one shape: the
        bytes of each are one value of the column ``image``.
    prefix : str or None, default=None
        With ``layout="wide"``, columns are called this and a number, from 0. None calls them as the estimator's
        ``get_feature_names_out``.
    compression : {"none", "zstd"}, default="none"
        Of the files. Features hardly shrink; files without it are written and read quickest.
    resume : bool, default=True
        Whether to go on with a job that stands in ``output``. With False, one that is there is an error.
    progress : bool, default=True
        Whether to show a progress bar, on a terminal and where tqdm is installed.

    Returns
    -------
    account : Account
        What became of every item.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For a parameter, estimator or X that cannot be used: images of different shapes before a step that takes one;
        a job folder made by another configuration, or by other versions of the libraries that decide the numbers.
    FileExistsError
        For an ``output`` that is something else than a job folder, and with ``resume=False``.
    BlockingIOError
        Where another run is writing to the job folder.
    OSError
        Where the disk is full or cannot be written to; what was written stays. For a file that fitting a step needs and
        that is not there, such as weights.
    ImageError
        With ``on_error="raise"``, for the item that failed.
    TooManyErrorsError
        Where more items failed than ``max_error_rate`` allows.
    Interrupted
        A KeyboardInterrupt, for SIGINT and SIGTERM.
    ImportError
        Without pyarrow, or a library that a step needs.

    See Also
    --------
    load_features : Reads what was written.
    skimgfeat.jobs.verify : Recomputes its hashes.
    transform_into : Writes into an array, without chunks, workers and account.

    Notes
    -----
    Columns of a chunk: ``index``; ``image_path`` as in X (relative to a folder), ``image_name``, and ``item_id``, what
    stands before the first underscore of the name; ``label``; ``status``, "ok", "partial" or "error", with ``code`` and
    ``message``; then the features, float32. The files open in pandas, polars and DuckDB. Names that are no UTF-8
    are written with escapes; ``items.parquet`` has their bytes.

    A script that is not protected by ``if __name__ == "__main__":`` is fine: workers do not run it again.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat import HOG, extract, load_features
    >>> images = np.random.default_rng(0).integers(0, 256, (100, 24, 24), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = os.path.join(folder, "features")
    ...     print(extract(HOG(), images, output))
    ...     print(load_features(output).shape)
    100 listed = 100 ok + 0 partial + 0 error + 0 skipped
    (100, 81)
    """
    import_pyarrow(_OWNER)
    options = {
        "chunk_size": chunk_size,
        "n_jobs": n_jobs,
        "on_error": on_error,
        "max_error_rate": max_error_rate,
        "item_timeout": item_timeout,
        "layout": layout,
        "prefix": prefix,
        "compression": compression,
        "resume": resume,
    }
    check_options(_OWNER, **options)
    estimator, X = _split_reader(estimator, X)
    check_transformer(estimator)
    return run_items(_OWNER, estimator, as_items(X, y), output, progress=progress, **options)


def run_items(
    owner,
    estimator,
    items,
    output,
    *,
    chunk_size,
    n_jobs,
    on_error,
    max_error_rate,
    item_timeout,
    layout,
    prefix,
    compression,
    resume,
    progress,
):
    """Do what :func:`extract` does, with items and options that are checked; ``owner`` is who says what is wrong."""
    folder = JobFolder(output)
    _check_output(folder, resume)
    estimator = for_workers(estimator)
    settings = {"layout": layout, "prefix": prefix, "on_error": on_error, "compression": compression}
    config = _configure(estimator, items, settings)
    with sigterm_interrupts(), folder.opened(), Workers(n_jobs) as workers:
        stored = folder.read_json(JOB) if folder.exists(JOB) else None
        if stored is not None:
            check_same(owner, folder, stored, config if chunk_size is None else config | {"chunk_size": chunk_size})
            items = items.thaw(folder.read_table(ITEMS))
            if folder.exists(MANIFEST):
                account = _account_so_far(folder, items)
                # Chunks may have been lost since, or removed because they were damaged.
                if account.complete:
                    return account
        # Not of a finished run: someone who reads it may be writing a copy there.
        folder.remove_temporary()
        try:
            estimator, features, item_seconds = _prepare(owner, workers, estimator, items.located(), item_timeout)
        except KeyboardInterrupt:
            raise Interrupted(_account_so_far(folder, items)) from None
        except _NothingToReadError:
            if items.example is None:
                raise
            features, item_seconds = items.example, 0.0
        kind = layout_of(features, layout, lambda n_columns: _feature_names(estimator, n_columns, prefix))
        if stored is None:
            stored = _begin(folder, config, estimator, items, kind, chunk_size)
        check_same(owner, folder, stored, {"features": json.loads(json.dumps(kind.describe()))})
        _check_models(owner, folder, describe_models(estimator, items))
        job = Job(
            output=folder.path,
            estimator=estimator,
            layout=kind,
            compression=compression,
            on_error=on_error,
            item_timeout=item_timeout,
            item_seconds=_SLACK * item_seconds,
            label_type=items.label_type,
            coordinator=here(),
        )
        chunk_size = stored["chunk_size"]
        return Run(owner, folder, job, items.located(), chunk_size, workers, max_error_rate, progress).finish()


def check_options(
    owner, *, chunk_size, n_jobs, on_error, max_error_rate, item_timeout, layout, prefix, compression, resume
):
    """Raise TypeError or ValueError for an option of a run that cannot be used."""
    check_n_jobs(owner, n_jobs)
    if chunk_size is not None:
        check_integer(owner, "chunk_size", chunk_size, minimum=1)
    check_choice(owner, "on_error", on_error, _ON_ERROR)
    for name, value in (("max_error_rate", max_error_rate), ("item_timeout", item_timeout)):
        if (
            value is not None
            and check_number(owner, name, value) <= 0
            and not (name == "max_error_rate" and value == 0)
        ):
            raise ValueError(f"{owner}: {name} must be positive, got {value!r}.")
    check_choice(owner, "layout", layout, _LAYOUTS)
    if prefix is not None and (not isinstance(prefix, str) or layout != "wide"):
        raise ValueError(f"{owner}: prefix must be a string, and goes with layout='wide', got {prefix!r}, {layout!r}.")
    check_choice(owner, "compression", compression, ("none", "zstd"))
    check_flag(owner, "resume", resume)


def _split_reader(estimator, X):
    """Let the ImageReader that a pipeline begins with make the collection; return the other steps and X."""
    if isinstance(estimator, Pipeline) and isinstance(estimator.steps[0][1], ImageReader):
        reader = estimator.steps[0][1]
        if len(estimator.steps) == 1:
            raise TypeError(f"{_OWNER}: the pipeline only reads images; add an extractor.")
        if isinstance(X, (str, os.PathLike)):
            options = reader.get_params()
            del options["root"]  # the folder is
            return estimator[1:], ImageCollection.from_folder(X, **options)
        if are_paths(X):
            return estimator[1:], reader.transform(X)
    return estimator, X


def _check_output(folder, resume):
    if folder.exists(JOB):
        if not resume:
            raise FileExistsError(errno.EEXIST, "a job folder is there already; choose another output", folder.path)
    elif not folder.is_remote and os.path.exists(folder.path):
        if not os.path.isdir(folder.path):
            raise FileExistsError(errno.EEXIST, "the output must be a folder, and this is a file", folder.path)
        if folder.holds_something_else():
            raise FileExistsError(errno.EEXIST, "the folder holds something else; choose a new one", folder.path)


def _configure(estimator, items, settings):
    """Return what a run that goes on must find as it was."""
    return {
        "format": _FORMAT,
        "estimator": hash_estimator(estimator),
        "input": items.describe(),
        "settings": settings,
        "versions": _versions(),
    }


def _begin(folder, config, estimator, items, layout, chunk_size):
    """Write the list of items and the configuration; return that as it was written."""
    stored = config | {
        "estimator_repr": repr(estimator),
        "n_items": len(items),
        "chunk_size": chunk_size or _default_chunk_size(len(items), layout),
        "features": layout.describe(),
    }
    models = describe_models(estimator, items)
    if models is not None:
        folder.write_json(MODEL_INFO, models)
    folder.write_table(ITEMS, items.freeze())
    folder.write_json(JOB, stored)
    return folder.read_json(JOB)


def check_same(owner, folder, stored, config):
    """Raise ValueError where a job folder was made by another configuration."""
    for name, value in config.items():
        if stored.get(name) != value:
            was, now = stored.get(name), value
            if isinstance(was, dict) and isinstance(now, dict):
                different = [key for key in now if was.get(key) != now[key]]
                was, now = ({key: side.get(key) for key in different} for side in (was, now))
            raise ValueError(
                f"{owner}: {folder.path!r} holds a job with another {name}: {was} there, {now} now. "
                "Go on as it was begun, or choose another output."
            )


def _check_models(owner, folder, models):
    """Raise ValueError where the models of a job that goes on are others: by their weights, backends or versions."""
    if models is not None:
        was = folder.read_json(MODEL_INFO)["steps"] if folder.exists(MODEL_INFO) else []
        now = json.loads(json.dumps(models["steps"], default=repr))
        was, now = ({"models": [step.get("model") for step in steps]} for steps in (was, now))
        check_same(owner, folder, was, now)


def _account_so_far(folder, items):
    return add_up(folder.path, len(items), map(folder.read_summary, folder.chunk_numbers()))


def _versions():
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # OpenCV has several names
            found[name] = None
    return found


def _prepare(owner, workers, estimator, items, item_timeout):
    """Return the estimator, fitted as far as it was not, what it makes of the first item that it can use, and seconds.

    In a process of its own, as for all that touches an image.
    """
    place, (estimator, features) = _prepare_on_first(owner, workers, estimator, items, item_timeout)
    problem, seconds = None, 0.0
    with suppress(WorkerDiedError, TimeoutError):
        trial = items[place : place + _N_TRIAL]
        problem, seconds = workers.run_alone(try_out, estimator, trial, timeout=item_timeout)
    if problem is not None:
        raise ValueError(f"{owner}: {problem}")
    return estimator, features, seconds


def _prepare_on_first(owner, workers, estimator, items, item_timeout):
    """Return the place of the first item that the estimator can use, and what :func:`prepare` makes of both."""
    unusable: list[Exception] = []
    codes: Counter[str] = Counter()
    first = None
    for place in range(len(items)):
        prepared, error = items.refusal(place), None
        if prepared is None:
            prepared, error = _try_to_prepare(owner, workers, estimator, items[place : place + 1], item_timeout)
        if isinstance(error, FitError):
            raise error.args[0]
        if isinstance(error, (DamagedError, TypeError)):
            raise error
        if error is not None:
            unusable.append(error)
            if len(unusable) == _N_CANDIDATES:
                break
        elif isinstance(prepared, ImageError):
            codes[prepared.code] += 1
            first = first or prepared.message
        else:
            return place, prepared
    if unusable:
        error = unusable[-1]
        raise ValueError(f"{owner}: the estimator works on none of the first images: {error}") from error
    counts = ", ".join(f"{count} {code}" for code, count in codes.items())
    raise _NothingToReadError(f"{owner}: none of the {len(items)} items can be read ({counts}); of the first: {first}.")


def _try_to_prepare(owner, workers, estimator, item, item_timeout):
    """Return what :func:`prepare` makes of an item, and None; or None, and what a step raised."""
    try:
        return workers.run_alone(attempt, prepare, estimator, item, timeout=item_timeout)
    except WorkerDiedError:
        return ImageError("crashed", "the process that worked on it died"), None
    except TimeoutError:
        return ImageError("timeout", f"it took more than {item_timeout:g} seconds"), None
    except PicklingError as error:
        raise TypeError(f"{owner}: X cannot be sent to workers; give paths or bytes. ({error.__cause__})") from error


def _feature_names(estimator, n_columns, prefix):
    """Return the columns' names: those of the estimator, or a prefix and numbers."""
    if prefix is None:
        names = column_names(estimator, n_columns)
    else:
        names = [f"{prefix}{number}" for number in range(n_columns)]
    taken = {name for name, count in Counter((*ITEM_COLUMNS, *names)).items() if count > 1}
    if taken:
        raise ValueError(
            f"{_OWNER}: features cannot be called {sorted(taken)}: these names are taken; rename them, or give "
            "layout='wide' and a prefix."
        )
    return names


def _default_chunk_size(n_items, layout):
    fewest, most = _CHUNK_ITEMS
    wanted = min(max(fewest, -(-n_items // _N_CHUNKS)), most)
    return max(1, min(wanted, layout.chunk_bytes // layout.item_bytes))
