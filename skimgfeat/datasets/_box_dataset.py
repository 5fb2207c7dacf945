"""Boxes in photos to a labelled data set of crops."""

import errno
import os

import numpy as np
from sklearn import config_context
from sklearn.base import clone

from skimgfeat._validation import check_choice
from skimgfeat.datasets._box_table import find_copies, find_refusals, hash_table, join_groups, read_table
from skimgfeat.datasets._boxes import FLAGS
from skimgfeat.io._parquet import import_pyarrow
from skimgfeat.io._sources import absolute_path, is_address
from skimgfeat.jobs import load_features
from skimgfeat.jobs._extract import check_options, run_items
from skimgfeat.jobs._folder import ITEM_COLUMNS
from skimgfeat.jobs._items import Items
from skimgfeat.preprocessing import BBoxCrop, Resize

_OWNER = "build_box_dataset"
_GRAY = ("convert", "drop")
_POLICIES = ("drop", "keep")
_KINDS = ("memmap", "numpy")
# Columns that corners cannot be called, since the data set has its own of the name.
_OWN_COLUMNS = {"box_id", "group", "image", "image_id", "rotation", *FLAGS, *ITEM_COLUMNS}


def build_box_dataset(
    table,
    images,
    output,
    size=(128, 128),
    *,
    crop=None,
    method="exact",
    keep_aspect=False,
    classes=None,
    gray="convert",
    unknown_flags="drop",
    placeholders="drop",
    chunk_size=None,
    n_jobs=None,
    max_error_rate=None,
    item_timeout=60.0,
    compression="none",
    resume=True,
    progress=True,
):
    """Cut labelled boxes out of photos, bring them to one size, and write them into a folder of Parquet files.

    A run of :func:`skimgfeat.extract`: it can be interrupted or killed, and the same call goes on to the same bytes;
    no more than a chunk is in memory, for each process; a photo is decoded once. A box that is left out has no row, and
    stands in ``errors.csv`` with its id and the reason.

    Parameters
    ----------
    table : data frame, pyarrow.Table or path-like
        A row a box, as :class:`OpenImages`, :func:`load_voc_boxes` and :func:`load_coco_boxes` give it; or a ``.csv``
        or ``.parquet`` file. Needed are the columns that ``crop`` names, and ``label``; ``box_id``, ``image_id``,
        ``group``, ``rotation`` and the flags are used where they are there. A missing ``box_id`` is the number of the
        row, a missing ``image_id`` or ``group`` the path. Of texts in CSV, empty cells alone are missing.
    images : path-like
        The folder (or address) that the paths of the table are relative to; they may not lead out of it.
    output : path-like
        The folder of the data set, made where it is missing; or an address that fsspec writes to.
    size : (rows, cols), default=(128, 128)
        What crops are brought to.
    crop : BBoxCrop, dict or None, default=None
        How boxes are cut out: units, context, squares, names of columns, orientation. A dict holds parameters of
        :class:`skimgfeat.BBoxCrop`, such as ``{"context": 0.1}``; None is an empty one. Where it says nothing of
        ``orientation`` and ``rotation`` and the table knows of rotations, these are "ignore" and "rotation", as Open
        Images needs them. A BBoxCrop is taken as it is.
    method : {"exact", "fast", "auto"}, default="exact"
        Of :class:`skimgfeat.Resize`.
    keep_aspect : bool, default=False
        Of :class:`skimgfeat.Resize`: whether crops are padded rather than stretched.
    classes : sequence of str or None, default=None
        The labels that are wanted; None is all.
    gray : {"convert", "drop"}, default="convert"
        What happens to photos without color: gray in all three channels, or left out.
    unknown_flags : {"drop", "keep"}, default="drop"
        What happens to boxes of which a flag is unknown (-1 in Open Images), where it is known of others.
    placeholders : {"drop", "keep"}, default="drop"
        What happens to photos that three or more paths have, byte by byte: what hosts send for photos that are gone.
        Not looked for at an address.
    chunk_size, n_jobs, max_error_rate, item_timeout, compression, resume, progress
        As for :func:`skimgfeat.extract`; items are boxes. Boxes of a photo share a chunk where they fit into one.

    Returns
    -------
    account : skimgfeat.jobs.Account
        What became of every box of the table: those left out are ``error``, counted by their codes.

    Raises
    ------
    TypeError, ValueError
        For a parameter or table that cannot be used, a ``box_id`` that different boxes have among them; and where no
        box can be cut out.
    FileNotFoundError, NotADirectoryError
        Where there is no folder of images.
    FileExistsError, BlockingIOError, OSError, TooManyErrorsError, Interrupted
        As of :func:`skimgfeat.extract`.
    ImportError
        Without pyarrow (the extra ``parquet``).

    See Also
    --------
    load_box_dataset : Reads what was written.
    export_box_dataset : Folders of image files, tables of pixels.
    skimgfeat.BBoxCrop, skimgfeat.Resize : The steps, for pipelines.

    Notes
    -----
    Rows stand in the order of the table, but all boxes of a photo where its first one is. Columns: ``index``,
    ``image_path``, ``status``, ``code`` and ``message`` of the run; ``box_id``, ``image_id``, ``label``, ``group``, the
    corners and those flags that the table has; ``image``, the pixels as bytes, uint8 of shape (rows, cols, 3).

    ``group`` is that of the table, or the path; groups that share a photo, or have copies of the same file, become one,
    so that no photo is on two sides of a split by group.

    Codes of boxes that are left out, beside those of photos that cannot be read and of boxes that cannot be cut out
    (see :class:`skimgfeat.io.ImageError`): ``unknown_class``, ``unknown_flag``, ``placeholder``, ``duplicate`` (the
    same corners in the same photo with the same label as a box before) and ``gray``.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from skimage.data import astronaut
    >>> from skimgfeat.datasets import build_box_dataset, load_box_dataset
    >>> boxes = pd.DataFrame(
    ...     [("a.png", "face", 0.33, 0.1, 0.55, 0.37), ("a.png", "flag", 0, 0, 0.3, 1), ("b.png", "face", 0, 0, 1, 1)],
    ...     columns=["path", "label", "x_min", "y_min", "x_max", "y_max"],
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.fromarray(astronaut()).save(os.path.join(folder, "a.png"))
    ...     output = os.path.join(folder, "dataset")
    ...     print(build_box_dataset(boxes, folder, output, (32, 32)))
    ...     X, y, groups = load_box_dataset(output, to="numpy")
    ...     print(X.shape, y, groups)
    3 listed = 2 ok + 0 partial + 1 error (1 missing) + 0 skipped
    (2, 32, 32, 3) ['face' 'flag'] ['a.png' 'a.png']
    """
    import_pyarrow(_OWNER)
    options = {
        "chunk_size": chunk_size,
        "n_jobs": n_jobs,
        "max_error_rate": max_error_rate,
        "item_timeout": item_timeout,
        "compression": compression,
        "resume": resume,
        "on_error": "skip",
        "layout": "images",
        "prefix": None,
    }
    check_options(_OWNER, **options)
    check_choice(_OWNER, "gray", gray, _GRAY)
    check_choice(_OWNER, "unknown_flags", unknown_flags, _POLICIES)
    check_choice(_OWNER, "placeholders", placeholders, _POLICIES)
    resize = Resize(size, method, keep_aspect).fit(np.zeros((1, 2, 2, 3), np.uint8))
    classes = _check_classes(classes)
    step = _check_crop(crop)
    columns = step.columns
    images = _check_folder(images)
    boxes = read_table(_OWNER, table, columns, step.rotation)
    if _follows_rotations(crop, boxes):
        step.set_params(orientation="ignore", rotation="rotation")
    sha256 = hash_table(boxes)
    copies = find_copies(images, boxes[columns[0]].unique().drop_null().to_pylist())
    policies = {"classes": classes, "unknown_flags": unknown_flags, "placeholders": placeholders}
    refusals = find_refusals(_OWNER, boxes, columns, copies, **policies)
    place = boxes.column_names.index("group")
    boxes = boxes.set_column(place, "group", join_groups(boxes, columns[0], copies))
    step.set_params(root=images, mode="color" if gray == "drop" else "rgb")
    with config_context(print_changed_only=True):
        about = policies | {"crop": " ".join(repr(step).split()), "table": sha256}
    items = _make_items(boxes, step, refusals, about)
    return run_items(_OWNER, resize, items, output, progress=progress, **options)


def _check_classes(classes):
    if classes is None:
        return None
    if isinstance(classes, str) or not hasattr(classes, "__iter__"):
        raise TypeError(f"{_OWNER}: classes must be None or a sequence of labels, got {classes!r}.")
    return sorted(set(classes))


def _check_crop(crop):
    """Return a new step, what ``crop`` is or stands for; raise TypeError or ValueError for what cannot be used."""
    if crop is None or isinstance(crop, dict):
        unknown = set(crop or {}).difference(BBoxCrop().get_params())
        if unknown:
            raise ValueError(
                f"{_OWNER}: crop must hold parameters of BBoxCrop, which has no {sorted(unknown, key=str)}."
            )
        crop = BBoxCrop(**crop or {})
    elif isinstance(crop, BBoxCrop):
        crop = clone(crop)
    else:
        raise TypeError(f"{_OWNER}: crop must be None, a dict or a BBoxCrop, got {crop!r}.")
    crop._check_parameters()
    taken = _OWN_COLUMNS.intersection(crop.columns[1:])
    if taken:
        raise ValueError(f"{_OWNER}: columns of crop must not be called {sorted(taken)}: these names are taken.")
    for name, value, instead in (("root", None, "images"), ("mode", "rgb", "gray"), ("dtype", "uint8", None)):
        if getattr(crop, name) != value:
            hint = f"; give {instead}=" if instead else ""
            raise ValueError(f"{_OWNER}: {name} of crop must be {value!r}, got {getattr(crop, name)!r}{hint}.")
    return crop


def _follows_rotations(crop, boxes):
    """Tell whether crops are turned as the table says: where it says something, and ``crop`` leaves that open."""
    if isinstance(crop, BBoxCrop) or {"orientation", "rotation"} & set(crop or {}):
        return False
    return "rotation" in boxes.column_names and boxes["rotation"].null_count < len(boxes)


def _check_folder(images):
    if not isinstance(images, (str, bytes, os.PathLike)) or not os.fspath(images):
        raise TypeError(f"{_OWNER}: images must be the path of a folder, got {images!r}.")
    images = absolute_path(images)
    if not is_address(images):
        os.stat(images)
        if not os.path.isdir(images):
            raise NotADirectoryError(errno.ENOTDIR, "images must be a folder, and this is a file", images)
    return images


def _make_items(boxes, crop, refusals, about):
    """Return the boxes as the items of a run."""
    path, *corners = crop.columns
    names = np.array([name or "" for name in boxes[path].to_pylist()], dtype=object)
    told = ["box_id", "image_id", "label", "group", *corners, *(name for name in FLAGS if name in boxes.column_names)]
    columns = boxes.select(told).combine_chunks()
    return Items(crop.transform(boxes), names=names, columns=columns, refusals=refusals, about=about)


def load_box_dataset(output, *, to="memmap", return_boxes=False):
    """Read a data set of boxes, ready for a cross-validation by photo.

    Parameters
    ----------
    output : path-like
        The folder that :func:`build_box_dataset` wrote.
    to : {"memmap", "numpy"}, default="memmap"
        Whether the images are mapped into memory, from ``images.npy``, which is written into the folder once, or read.
    return_boxes : bool, default=False
        Whether to return what else is known of the boxes.

    Returns
    -------
    X : memmap or ndarray of shape (n_boxes, rows, cols, 3), uint8
        The crops; a memory map is read-only.
    y : ndarray of str, shape (n_boxes,)
        Their labels.
    groups : ndarray of str, shape (n_boxes,)
        Which photo each is from, for ``GroupKFold``.
    boxes : dict of str to ndarray
        ``box_id``, ``image_id``, ``image_path``, corners, flags and so on. Only with ``return_boxes=True``.

    Raises
    ------
    FileNotFoundError
        Where there is no job folder.
    ValueError
        For a run that is not finished, or that wrote something else; a chunk that is damaged; a memory map of what
        stands at an address.
    ImportError
        Without pyarrow (the extra ``parquet``).

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from skimage.data import astronaut, coffee
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skimgfeat import ColorHistogram
    >>> from skimgfeat.datasets import build_box_dataset, load_box_dataset
    >>> corners = {"x_min": 0.1, "y_min": 0.1, "x_max": 0.9, "y_max": 0.9}
    >>> boxes = pd.DataFrame({"path": ["0.png", "1.png", "2.png", "3.png"], "label": ["face", "cup"] * 2} | corners)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number, photo in enumerate([astronaut(), coffee(), astronaut()[:-50], coffee()[:-50]]):
    ...         Image.fromarray(photo).save(os.path.join(folder, f"{number}.png"))
    ...     output = os.path.join(folder, "dataset")
    ...     account = build_box_dataset(boxes, folder, output, (32, 32))
    ...     X, y, groups = load_box_dataset(output)
    ...     pipeline = make_pipeline(ColorHistogram(), KNeighborsClassifier(1))
    ...     print(cross_val_score(pipeline, X, y, groups=groups, cv=GroupKFold(4)))
    [1. 1. 1. 1.]
    """
    check_choice("load_box_dataset", "to", to, _KINDS)
    X, boxes = load_features(output, to=to, return_items=True)
    if X.ndim != 4 or not {"box_id", "label", "group"} <= set(boxes):
        raise ValueError(f"load_box_dataset: {os.fsdecode(output)!r} was not written by build_box_dataset.")
    y, groups = (boxes[name].astype(str) for name in ("label", "group"))
    return (X, y, groups, boxes) if return_boxes else (X, y, groups)
