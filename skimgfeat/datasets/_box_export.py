"""A data set of boxes in other forms: folders of image files, and the table of pixels of the Open Images loop."""

import csv
import errno
import math
import os
import secrets
import shutil
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper

import numpy as np
from PIL import Image

from skimgfeat.datasets._boxes import FLAGS
from skimgfeat.io import atomic_write
from skimgfeat.io._files import TEMPORARY_PREFIX
from skimgfeat.io._parquet import import_pyarrow, rows_as_table, side_by_side
from skimgfeat.io._tables import escape_cell
from skimgfeat.jobs._readers import iter_chunks

_OWNER = "export_box_dataset"
# Of a Parquet file, put together: some 100 MB of crops of 128 x 128 pixels.
_GROUP_ROWS = 2048
# What the columns beside the pixels are called in the table of the Open Images loop.
_WIDE_NAMES = {"label": "LabelName"} | {
    name: "Is" + "".join(part.title() for part in name.split("_")[1:]) for name in FLAGS
}
# Names of devices, which no file can have on Windows.
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
_LABELS = "boxes.csv"
_NOT_TOLD = ("index", "image_path", "status", "code", "message")


def export_box_dataset(dataset, output):
    """Write a data set of boxes in another form, by the name of ``output``.

    Parameters
    ----------
    dataset : path-like
        The folder that :func:`build_box_dataset` wrote.
    output : path-like
        What must not be there yet, and appears when it is complete:

        - a name that ends in ``.parquet`` or ``.csv``: the table of the Open Images loop, a row a box: ``ImageID``; the
          pixels ``p0``, ``p1``, ... by rows, columns and channels; ``LabelName``, and the flags that are known as
          ``IsOccluded`` and so on;
        - any other name: a folder with a folder for each class, of which ``<box_id>.png`` are the crops, and with
          ``boxes.csv``, which tells path, label, group and all else of each.

    Raises
    ------
    FileNotFoundError
        Where there is no data set, or no folder for ``output``.
    FileExistsError
        Where ``output`` is there.
    ValueError
        For a run that is not finished, or that wrote something else.
    ImportError
        Without pyarrow (the extra ``parquet``).

    See Also
    --------
    load_box_dataset : Arrays, for estimators.
    skimgfeat.ImageCollection.from_class_folders : Reads folders of classes.

    Notes
    -----
    The table is a courtesy to code that wants it. A Parquet file of 49,152 columns takes several times as long to open
    as its pixels take to read, and CSV is four times as large.

    Characters of labels and ids that no name of a file can have on some system become their bytes in hexadecimal,
    ``a/b`` for instance ``a%2Fb``. In ``boxes.csv``, texts that a spreadsheet would take for a formula begin with an
    apostrophe.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from skimage.data import astronaut
    >>> from skimgfeat import ImageCollection
    >>> from skimgfeat.datasets import build_box_dataset, export_box_dataset
    >>> corners = {"x_min": [0.33], "y_min": [0.1], "x_max": [0.55], "y_max": [0.37]}
    >>> boxes = pd.DataFrame({"path": ["a.png"], "label": "face", "box_id": "a_0"} | corners)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.fromarray(astronaut()).save(os.path.join(folder, "a.png"))
    ...     dataset, crops = os.path.join(folder, "dataset"), os.path.join(folder, "crops")
    ...     account = build_box_dataset(boxes, folder, dataset, (32, 32))
    ...     export_box_dataset(dataset, crops)
    ...     images, labels = ImageCollection.from_class_folders(crops)
    ...     print(images.names, labels, images[0].shape)
    ['face/a_0.png'] ['face'] (32, 32, 3)
    """
    output = os.fsdecode(output)
    if os.path.lexists(output):
        raise FileExistsError(errno.EEXIST, "it is there already; choose another name", output)
    chunks = _iter_crops(dataset)
    if output.endswith(".csv"):
        _write_csv(chunks, output)
    elif output.endswith(".parquet"):
        _write_parquet(chunks, output)
    else:
        _write_folders(chunks, output)


def _iter_crops(dataset):
    """Yield (columns, images) chunk by chunk, columns a dict of lists."""
    for boxes, images in iter_chunks(_OWNER, dataset):
        if images.ndim != 4 or not {"box_id", "label"} <= set(boxes):
            raise ValueError(f"{_OWNER}: {os.fsdecode(dataset)!r} was not written by build_box_dataset.")
        yield boxes, images


# --- Folders of classes


def _write_folders(chunks, output):
    with _new_folder(output) as folder, open(os.path.join(folder, _LABELS), "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for number, (boxes, images) in enumerate(chunks):
            boxes = {name: values for name, values in boxes.items() if name not in _NOT_TOLD}
            if number == 0:
                table.writerow(["path", *boxes])
            for image, *values in zip(images, *boxes.values(), strict=True):
                box = dict(zip(boxes, values, strict=True))
                place = safe_name(box["label"])
                name = f"{place}/{safe_name(box['box_id'])}.png"
                os.makedirs(os.path.join(folder, place), exist_ok=True)
                Image.fromarray(image).save(os.path.join(folder, name), compress_level=1)
                table.writerow([name, *map(escape_cell, values)])


@contextmanager
def _new_folder(path):
    """Make a folder that has its name when the block has ended, and is not there when that fails."""
    parent, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(parent, f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp")
    os.mkdir(temporary)
    try:
        yield temporary
        os.rename(temporary, os.path.join(parent, name))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def safe_name(text):
    """Return a text as the name of a file on any system; different texts have different names."""
    kept = [char if char.isalnum() or char in "_-+=,() ." else _escape(char) for char in text]
    for place in {0, len(kept) - 1} if kept else ():
        if kept[place] in (" ", ".", "-", "+", "="):
            kept[place] = _escape(kept[place])
    if "".join(kept).partition(".")[0].upper() in _DEVICES:
        kept[0] = _escape(kept[0])
    return "".join(kept) or "%"


def _escape(char):
    return "".join(f"%{byte:02X}" for byte in char.encode())


# --- The table of pixels


def _write_csv(chunks, output):
    digits = [str(value).encode() for value in range(256)]
    with atomic_write(output) as file:
        for number, (boxes, images) in enumerate(chunks):
            others = [name for name in _WIDE_NAMES if name in boxes]
            if number == 0:
                _write_row(file, ["ImageID", *_pixel_names(images), *map(_WIDE_NAMES.get, others)])
            for image, image_id, *values in zip(images, boxes["image_id"], *map(boxes.get, others), strict=True):
                pixels = b",".join(map(digits.__getitem__, image.tobytes()))
                _write_row(file, [image_id], end=",")
                file.write(pixels + b",")
                _write_row(file, values)


def _pixel_names(images):
    return [f"p{number}" for number in range(_count_pixels(images))]


def _count_pixels(images):
    """Return how many values an image has, also where there is none: all boxes of a chunk may have failed."""
    return math.prod(images.shape[1:])


def _write_row(file, values, end="\n"):
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text, lineterminator=end).writerow(map(escape_cell, values))
    text.flush()
    text.detach()


def _write_parquet(chunks, output):
    pa = import_pyarrow(_OWNER)
    writer = None
    with atomic_write(output) as file, ExitStack() as stack:
        for boxes, images in _merge(chunks):
            others = [name for name in _WIDE_NAMES if name in boxes]
            ids = pa.table({"ImageID": pa.array(boxes["image_id"], pa.string())})
            pixels = rows_as_table(images.reshape(len(images), _count_pixels(images)), _pixel_names(images))
            kinds = [pa.string() if name == "label" else pa.bool_() for name in others]
            told = {_WIDE_NAMES[name]: pa.array(boxes[name], kind) for name, kind in zip(others, kinds, strict=True)}
            table = side_by_side(ids, pixels, pa.table(told))
            if writer is None:
                # A dictionary for each of 49,152 columns takes gigabytes.
                options = {
                    "compression": "zstd",
                    "use_dictionary": False,
                    "write_statistics": False,
                    "store_schema": False,
                }
                writer = stack.enter_context(pa.parquet.ParquetWriter(file, table.schema, **options))
            writer.write_table(table)


def _merge(chunks):
    """Yield chunks put together: every part of a file that can be read alone describes all its columns."""
    waiting: list[tuple] = []
    for chunk in chunks:
        waiting.append(chunk)
        if sum(len(images) for _, images in waiting) >= _GROUP_ROWS:
            yield _join(waiting)
            waiting = []
    if waiting:
        yield _join(waiting)


def _join(chunks):
    tables, images = zip(*chunks, strict=True)
    return {name: [value for table in tables for value in table[name]] for name in tables[0]}, np.concatenate(images)
