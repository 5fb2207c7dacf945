"""Boxes in the JSON files of COCO."""

import json
import os

import numpy as np

from skimgfeat.datasets._boxes import as_frame, check_frame, group_photos, make_table, safe_paths
from skimgfeat.io._files import open_regular
from skimgfeat.io._parquet import import_pyarrow

_OWNER = "load_coco_boxes"


def load_coco_boxes(path, *, to="pandas"):
    """Load boxes from a JSON file of COCO.

    Parameters
    ----------
    path : path-like
        A file of instances, such as ``instances_val2017.json``: ``images``, ``annotations`` and ``categories``. It is
        read as a whole.
    to : {"pandas", "polars", "arrow"}, default="pandas"
        A frame of pandas or polars, which must be installed, or a table of pyarrow.

    Returns
    -------
    boxes : data frame or pyarrow.Table
        A row an annotation, in the order of the file, with the columns of :meth:`OpenImages.boxes`. ``box_id`` is
        ``<image id>_<annotation id>``, ``path`` the ``file_name`` of the image, null where that is no safe relative
        path; ``group`` is the same for images of the same file. ``is_group_of`` is COCO's ``iscrowd``; the other flags
        and rotation are not known. The coordinates are NaN for an annotation without a box, and where width and height
        of the image are missing.

    Raises
    ------
    ValueError
        For a file that is not JSON of this form.
    ImportError
        Without pyarrow (the extra ``parquet``), or what ``to`` names.

    See Also
    --------
    OpenImages, load_voc_boxes : The same table from other formats.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from skimgfeat.datasets import load_coco_boxes
    >>> data = {
    ...     "images": [{"id": 7, "file_name": "cat.jpg", "width": 100, "height": 50}],
    ...     "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 0, 50, 50], "iscrowd": 0}],
    ...     "categories": [{"id": 3, "name": "cat"}],
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "instances.json")
    ...     _ = path.write_text(json.dumps(data))
    ...     boxes = load_coco_boxes(path)
    >>> print(boxes[["box_id", "path", "label", "x_min", "y_min", "x_max", "y_max", "is_group_of"]].to_string())
      box_id     path label  x_min  y_min  x_max  y_max  is_group_of
    0    7_1  cat.jpg   cat    0.1    0.0    0.6    1.0        False
    """
    pa = import_pyarrow(_OWNER)
    check_frame(_OWNER, to)
    with open_regular(path) as file:
        data = file.read()
    try:
        columns = _read_columns(json.loads(data))
        columns["path"] = safe_paths(pa.array(columns["path"], pa.string()))
        columns["label"] = pa.array(columns["label"], pa.string())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{_OWNER}: {os.fsdecode(path)!r} is no JSON file of COCO's instances: {type(error).__name__} {error}."
        ) from error
    columns["group"] = group_photos(pa.array(columns["image_id"], pa.string()), columns["path"])
    return as_frame(make_table(pa, columns), to)


def _read_columns(data):
    names = {category["id"]: _as_name(category["name"]) for category in data["categories"]}
    images = {image["id"]: image for image in data["images"]}
    annotations = data["annotations"]
    photos = [images.get(annotation["image_id"], {}) for annotation in annotations]
    sides = np.array([(photo.get("width") or np.nan, photo.get("height") or np.nan) for photo in photos], dtype=float)
    boxes = np.array([annotation.get("bbox") or (np.nan,) * 4 for annotation in annotations], dtype=float)
    sides, boxes = sides.reshape(-1, 2), boxes.reshape(-1, 4)
    low, high = boxes[:, :2] / sides, (boxes[:, :2] + boxes[:, 2:]) / sides
    return {
        "box_id": [f"{annotation['image_id']}_{annotation['id']}" for annotation in annotations],
        "image_id": [str(annotation["image_id"]) for annotation in annotations],
        "path": [photo.get("file_name") for photo in photos],
        "label": [names.get(annotation["category_id"]) for annotation in annotations],
        "x_min": low[:, 0],
        "y_min": low[:, 1],
        "x_max": high[:, 0],
        "y_max": high[:, 1],
        "is_group_of": [_as_flag(annotation.get("iscrowd")) for annotation in annotations],
    }


def _as_name(value):
    return str(value) if isinstance(value, (int, float)) else value


def _as_flag(value):
    return None if value is None else bool(value)
