"""Boxes in the XML files of PASCAL VOC."""

import os
from pathlib import Path
from xml.etree import ElementTree

from skimgfeat._validation import check_integer
from skimgfeat.datasets._boxes import COORDINATES, as_frame, check_frame, group_photos, make_table, safe_paths
from skimgfeat.io._files import open_regular
from skimgfeat.io._parquet import import_pyarrow

_OWNER = "load_voc_boxes"
_FLAG_TAGS = {"is_occluded": "occluded", "is_truncated": "truncated"}


class _Builder(ElementTree.TreeBuilder):
    """Makes a tree of what declares no document type, and so no entities; the parser knows in every encoding."""

    def doctype(self, name, public_id, system_id):
        raise ValueError(f"it declares a document type, {name!r}.")


def load_voc_boxes(folder, *, first_pixel=1, to="pandas"):
    """Load boxes from the XML files of PASCAL VOC.

    Parameters
    ----------
    folder : path-like
        The folder of XML files, one a photo, such as ``VOC2012/Annotations``.
    first_pixel : {0, 1}, default=1
        What the files count pixels from. 1 is what VOC defines: the first pixel is 1, and the last one belongs to the
        box. 0 is for files of tools that write corners.
    to : {"pandas", "polars", "arrow"}, default="pandas"
        A frame of pandas or polars, which must be installed, or a table of pyarrow.

    Returns
    -------
    boxes : data frame or pyarrow.Table
        A row a box, with the columns of :meth:`OpenImages.boxes`, in the order of the files' names and within a file.
        ``box_id`` is ``<image_id>_<number of the box in its file, from 0>``, ``image_id`` the name of the XML file
        without its end, ``path`` what the file calls its photo, null where that is no safe relative path; ``group`` is
        the same for files that name the same photo. ``is_occluded`` and ``is_truncated`` are known where the file says
        so; the other flags, rotation, and the difficult and pose of VOC are not. The coordinates are NaN where the file
        does not tell the size of the photo.

    Raises
    ------
    FileNotFoundError
        Where there is no such folder, or no XML file in it.
    ValueError
        For a file that is no annotation; the message names it. Declarations of document types are refused.
    TypeError, ValueError
        For a parameter that cannot be used.
    ImportError
        Without pyarrow (the extra ``parquet``), or what ``to`` names.

    See Also
    --------
    OpenImages, load_coco_boxes : The same table from other formats.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skimgfeat.datasets import load_voc_boxes
    >>> text = '''<annotation><filename>cat.jpg</filename><size><width>100</width><height>50</height></size>
    ... <object><name>cat</name><truncated>1</truncated>
    ... <bndbox><xmin>11</xmin><ymin>1</ymin><xmax>60</xmax><ymax>50</ymax></bndbox></object></annotation>'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "cat.xml").write_text(text)
    ...     boxes = load_voc_boxes(folder)
    >>> print(boxes[["box_id", "path", "label", "x_min", "y_min", "x_max", "y_max", "is_truncated"]].to_string())
      box_id     path label  x_min  y_min  x_max  y_max  is_truncated
    0  cat_0  cat.jpg   cat    0.1    0.0    0.6    1.0          True
    """
    pa = import_pyarrow(_OWNER)
    check_frame(_OWNER, to)
    first_pixel = check_integer(_OWNER, "first_pixel", first_pixel, minimum=0)
    if first_pixel > 1:
        raise ValueError(f"{_OWNER}: first_pixel must be 0 or 1, got {first_pixel}.")
    files = sorted(Path(os.fsdecode(folder)).glob("*.xml"), key=os.fsencode)
    if not files:
        raise FileNotFoundError(f"{_OWNER}: there is no folder {os.fsdecode(folder)!r} with XML files.")
    rows = [row for path in files for row in _read_file(path, first_pixel)]
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {"box_id": []}
    if rows:
        columns["path"] = safe_paths(pa.array(columns["path"], pa.string()))
        columns["group"] = group_photos(pa.array(columns["image_id"], pa.string()), columns["path"])
    return as_frame(make_table(pa, columns), to)


def _read_file(path, first_pixel):
    """Return the boxes of one file, each a dict."""
    with open_regular(path) as file:
        data = file.read()
    try:
        root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Builder()))
        width, height = (_number(root, f"size/{side}") for side in ("width", "height"))
        sides = [side if side > 0 else float("nan") for side in (width, height)]
        return [
            {
                "box_id": f"{path.stem}_{number}",
                "image_id": path.stem,
                "path": _text(root, "filename"),
                "label": _text(thing, "name"),
                **_read_box(thing, sides, first_pixel),
                **{flag: _read_flag(thing, tag) for flag, tag in _FLAG_TAGS.items()},
            }
            for number, thing in enumerate(root.findall("object"))
        ]
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # LookupError: an encoding that nobody knows
        raise ValueError(f"{_OWNER}: {os.fspath(path)!r} is no annotation of VOC: {error}") from error


def _read_box(thing, sides, first_pixel):
    corners = [_number(thing, f"bndbox/{name.replace('_', '')}") for name in COORDINATES]
    firsts = (first_pixel, first_pixel, 0, 0)  # the last pixel belongs to the box: its far edge is one further
    return {
        name: (corner - first) / side
        for name, corner, first, side in zip(COORDINATES, corners, firsts, sides * 2, strict=True)
    }


def _read_flag(thing, tag):
    return {"0": False, "1": True}.get(_text(thing, tag))


def _number(element, path):
    text = _text(element, path)
    return float("nan") if text is None else float(text)


def _text(element, path):
    """Return what stands in an element, None for nothing: pretty-printed files have line breaks around it."""
    return (element.findtext(path) or "").strip() or None
