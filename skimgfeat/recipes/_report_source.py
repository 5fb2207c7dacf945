"""Rows of features for a report, wherever they stand, with what is known of their images and of the run."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import joblib
import numpy as np
from sklearn.utils import gen_batches

from skimgfeat.io import ImageCollection, ImageError, read_images, read_labels
from skimgfeat.io._sources import is_address
from skimgfeat.jobs import Account
from skimgfeat.jobs._folder import ERRORS, ITEMS, MANIFEST, MODEL_INFO
from skimgfeat.jobs._layouts import descr_to_dtype
from skimgfeat.jobs._readers import iter_chunks, open_finished
from skimgfeat.jobs._row_tables import open_rows

_ARRAYS = (".npy", ".npz")
_PARQUET = (".parquet", ".pq")
_BATCH_ROWS = 4096
# Columns that may name an image, the best first.
NAMES = ("image_path", "image_name", "item_id")
_BESIDE = (*NAMES, "label", "status", "code", "message")
_NO_STEPS = joblib.hash(())


@dataclass(frozen=True)
class Source:
    """Rows of features, the columns beside them, and what is known of both.

    Attributes
    ----------
    n_items, n_rows : int
        How many images were listed, and how many rows there are: fewer where images that failed have none.
    names : list of str
        Of the features.
    batches : callable
        ``batches()`` yields (dict of lists, rows): the columns beside the features, ``index`` among them, which counts
        items; and an ndarray of shape (n, n_features).
    about : list of tuple (str, list of tuple (str, str))
        Titles, and under each what made the rows.
    account : Account or None
        What became of the images of a run.
    errors : iterable of dict
        The images that failed: ``index``, ``image_path``, ``code``, ``message``.
    find_images : callable or None
        ``find_images(columns, rows, root)`` returns the images of some rows, an ImageCollection or an array. ``root``
        is the folder that they are in now, or None. Where there is no such function, nothing tells their paths.
    note : str
        What is to be said of the images that are found, or why there are none.
    note_of_folder : str
        The same where a folder of images was given.
    """

    n_items: int
    n_rows: int
    names: list[str]
    batches: Callable
    about: list
    account: Account | None = None
    errors: Iterable = ()
    find_images: Callable | None = None
    note: str = "The features tell no paths of images, and no images were given."
    note_of_folder: str = "The features tell no paths, so nothing says which images of the folder they are of."

    def note_on(self, images):
        """Return the note where ``images`` were given: a folder or None."""
        return self.note if images is None else self.note_of_folder


def open_source(owner, features):
    """Return the rows of a finished run, an .npy, .npz or Parquet file, an array, or a data frame.

    Raises FileNotFoundError where there is nothing; TypeError and ValueError for what holds no rows of features, a run
    that is not finished, a damaged file.
    """
    if isinstance(features, np.ndarray):
        return _open_array(owner, features)
    if not isinstance(features, (str, os.PathLike)):
        return _open_table(owner, features)
    path = os.fsdecode(features)
    suffix = os.path.splitext(path)[1].lower()
    if is_address(path) or os.path.isdir(path) or suffix not in (*_ARRAYS, *_PARQUET):
        return _open_run(owner, path)
    about = [("File", [("path", os.path.abspath(path)), ("size", f"{os.path.getsize(path):,} bytes")])]
    if suffix in _PARQUET:
        return _open_table(owner, path, about, os.path.dirname(path) or os.curdir)
    return _open_array(owner, read_images(path), about, *_beside(path))


def _open_array(owner, X, about=(), names=None, y=None):
    if X.ndim != 2 or X.dtype.kind not in "biuf" or X.size == 0:
        raise ValueError(f"{owner}: features must be rows of numbers, got an array of shape {X.shape} and {X.dtype}.")
    for what, values, length in (("feature_names", names, X.shape[1]), ("y", y, len(X))):
        if values is not None and len(values) != length:
            raise ValueError(f"{owner}: the file has {len(values)} {what} for an array of shape {X.shape}.")
    names = [f"feature_{number}" for number in range(X.shape[1])] if names is None else list(map(str, names))

    def batches():
        for batch in gen_batches(len(X), _BATCH_ROWS):
            columns = {"index": list(range(batch.start, batch.stop))}
            yield columns | ({} if y is None else {"label": y[batch].tolist()}), np.asarray(X[batch])

    return Source(len(X), len(X), names, batches, list(about))


def _beside(path):
    """Return the names of the columns and the labels that stand in an .npz file, None for what does not."""
    if os.path.splitext(path)[1].lower() != ".npz":
        return None, None
    with np.load(path, allow_pickle=False) as stored:
        held = stored.files
    return tuple(read_labels(path, key=key) if key in held else None for key in ("feature_names", "y"))


def _open_table(owner, features, about=(), folder=None):
    table = open_rows(owner, features, None, "item_id")
    known = [name for name in _BESIDE if name in table.types]

    def batches():
        start = 0
        for part in range(len(table.lengths)):
            for beside, rows in table.read_batches(part, known, with_features=True):
                yield beside.select(known).to_pydict() | {"index": list(range(start, start + len(rows)))}, rows
                start += len(rows)

    # A table in memory stands in no folder that its paths could begin at.
    note = "The features tell paths of images, and no folder of them was given." if folder is None else ""

    def find_images(columns, rows, root):
        root = folder if root is None else root
        if root is None:
            return [ImageError("unknown", note)] * len(rows)
        # Whoever wrote the table: its paths lead to nothing outside the folder.
        return ImageCollection(columns["image_path"], root=root)

    n_rows = sum(table.lengths)
    if "image_path" not in known:
        return Source(n_rows, n_rows, table.names, batches, list(about))
    return Source(
        n_rows, n_rows, table.names, batches, list(about), find_images=find_images, note=note, note_of_folder=""
    )


def _open_run(owner, path):
    folder, job = open_finished(owner, path, takes_images=True)
    manifest = folder.read_json(MANIFEST)["account"]
    account = Account(**{name: manifest[name] for name in Account.__dataclass_fields__})
    features = job["features"]
    find_images, note = _images_of_run(folder, job)

    def batches():
        for columns, rows in iter_chunks(owner, path):
            yield columns, rows.reshape(len(rows), -1)

    return Source(
        n_items=account.listed,
        n_rows=account.listed - (account.error if job["settings"]["on_error"] == "skip" else 0),
        names=features["names"] if features["kind"] == "rows" else _pixel_names(features["shape"]),
        batches=batches,
        about=_describe_run(folder, job, account),
        account=account,
        errors=_Errors(folder),
        find_images=find_images,
        note=note,
        note_of_folder=note,
    )


class _Errors:
    """The images of a run that failed, read chunk by chunk each time they are asked for."""

    def __init__(self, folder):
        self._folder = folder

    def __iter__(self):
        for number in self._folder.chunk_numbers():
            yield from self._folder.read_summary(number)["errors"]


def _pixel_names(shape):
    axes = ("r", "c", "ch")[: len(shape)]
    places = np.ndindex(*shape)
    return ["pixel_" + "_".join(f"{axis}{at}" for axis, at in zip(axes, place, strict=True)) for place in places]


def _images_of_run(folder, job):
    """Return what finds the images of a run, None where nothing can, and what is to be said of them."""
    if job["features"]["kind"] == "images":
        shape, dtype = job["features"]["shape"], descr_to_dtype(job["features"]["descr"])
        return lambda columns, rows, root: rows.astype(dtype, copy=False).reshape(-1, *shape), ""
    read = job["input"]
    if read["kind"] not in ("folder", "files"):
        return None, f"The run read {'an array' if read['kind'] == 'array' else read['kind']}, no files of images."
    items = folder.read_table(ITEMS)
    columns = items["image_path"].to_pylist(), items["path"].to_pylist()
    paths = [_path(*item) for item in enumerate(zip(*columns, strict=True))]

    def find_images(columns, rows, root):
        chosen = [paths[index] for index in columns["index"]]
        root = read["root"] if root is None else root
        if root is None:
            return ImageCollection(chosen, **read["decoding"])
        # The run has had these images from there, whatever their names look like.
        return ImageCollection._from_listing(root, chosen, read["decoding"])

    has_steps = read["steps"] != _NO_STEPS
    return find_images, "The pictures are the whole files; the run cut or changed them first." if has_steps else ""


def _path(index, item):
    """Return the path of an image in a list of items, None where it was given as bytes, of which that has a hash."""
    name, path = item
    is_encoded = path is None or (name == f"item {index}" and path != os.fsencode(name))
    return None if is_encoded else os.fsdecode(path)


def _describe_run(folder, job, account):
    """Return titles, and under each what made the features, as texts."""
    run = [
        ("job folder", folder.path),
        ("estimator", " ".join(job["estimator_repr"].split())),
        ("account", str(account)),
        ("seconds of the last run", f"{account.seconds:,.1f}"),
        ("chunks of", f"{job['chunk_size']:,}"),
        ("failed images are in", folder.place(ERRORS)),
    ]
    # What the images were cut or changed by stands as a hash, which tells nobody anything.
    read = {name: value for name, value in job["input"].items() if name != "steps"}
    sections = [("Run", run), ("Images", _as_texts(read))]
    sections += [(name.capitalize(), _as_texts(job[name])) for name in ("settings", "versions")]
    if folder.exists(MODEL_INFO):
        for step in folder.read_json(MODEL_INFO)["steps"]:
            if "model" in step:
                sections.append((f"Model of {step['estimator']}", _as_texts(step["model"])))
    return sections


def _as_texts(content):
    """Return (name, text) of what JSON has told; what is nested stands in one line."""
    return [
        (name, ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value))
        for name, value in content.items()
    ]
