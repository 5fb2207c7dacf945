"""The metadata of Open Images."""

import base64
import binascii
import os
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from skimgfeat._validation import check_choice, check_flag
from skimgfeat.datasets._boxes import FLAGS, as_frame, as_truth, check_frame, group_photos, make_table, safe_paths
from skimgfeat.datasets._open_images_files import find_file, iter_table, read_class_names
from skimgfeat.io._parquet import import_pyarrow

_OWNER = "OpenImages"
_SUBSETS = ("train", "validation", "test")
_PATHS = ("url", "id")
# Names of the published versions, the more specific first; what stands before them is a version such as "oidv6-".
_CLASSES = ("class-descriptions-boxable.csv", "class-descriptions.csv", "image-class-names.csv")
_BOXES = ("{subset}-annotations-bbox.csv",)
_IMAGES = (
    "{subset}-images-boxable-with-rotation.csv",
    "{subset}-images-boxable.csv",
    "{subset}-images-with-labels-with-rotation.csv",
    "{subset}-images-with-rotation.csv",
    "{subset}-images.csv",
    "{subset}-images-ids.csv",
    "image_ids_and_rotation.csv",
)
_PHOTO_COLUMNS = ("path", "url", "md5", "n_bytes", "rotation", "group")
_FLAG_COLUMNS = {name: f"Is{''.join(map(str.title, name.split('_')[1:]))}" for name in FLAGS}
_COORDINATE_COLUMNS = {"x_min": "XMin", "y_min": "YMin", "x_max": "XMax", "y_max": "YMax"}


class OpenImages:
    r"""The metadata of Open Images: which boxes of which classes are in which photos.

    Reads the files as they are published at https://storage.googleapis.com/openimages/web/download.html, of version 4
    (``2018_04``) to 7, with or without the column ``Rotation``: descriptions of classes, boxes, and images with their
    addresses. Nothing is downloaded: :func:`download_images` does that.

    Parameters
    ----------
    folder : path-like
        Where the files are, those of a subset in it or in a folder of the subset's name:

        - ``class-descriptions-boxable.csv`` or ``class-descriptions.csv``, a header or none;
        - ``train-annotations-bbox.csv``;
        - ``train-images-boxable-with-rotation.csv``, ``train-images-boxable.csv``,
          ``train-images-with-labels-with-rotation.csv``, ``train-images-with-rotation.csv``, ``train-images.csv`` or
          ``image_ids_and_rotation.csv``, the first of them that is there.

        Of files with a version before the name, such as ``oidv6-``, the newest.
    subset : {"train", "validation", "test"}, default="train"
        Which boxes.
    paths : {"url", "id"}, default="url"
        How the files of the photos are named: by the last part of their address, or ``<ImageID>.jpg``, as in the copies
        that others host. The latter needs no file of images.

    Attributes
    ----------
    class_names : list of str
        The names of the classes, in the order of their file.

    Raises
    ------
    TypeError, ValueError
        For a parameter that cannot be used.
    FileNotFoundError
        For a folder without the files.
    ImportError
        Without pyarrow (the extra ``parquet``).

    See Also
    --------
    download_images : Downloads the photos.
    load_voc_boxes, load_coco_boxes : The same table from other formats.
    skimgfeat.BBoxCrop : Cuts the boxes out of the photos.
    build_box_dataset : Cuts all of them out once, in a long run.

    Notes
    -----
    Open Images' own order of columns is XMin, XMax, YMin, YMax; here it is x_min, y_min, x_max, y_max.

    Boxes refer to the pixels as they are stored, whatever the EXIF data say, and ``Rotation`` tells by how many degrees
    photo and boxes are to be turned counterclockwise for the top to be up [1]_. So crop with
    ``BBoxCrop(orientation="ignore", rotation="rotation")``.

    References
    ----------
    .. [1] https://storage.googleapis.com/openimages/web/2018-05-17-rotation-information.html
    .. [2] A. Kuznetsova et al., "The Open Images Dataset V4", International Journal of Computer Vision 128, 2020,
       https://doi.org/10.1007/s11263-020-01316-z

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skimgfeat.datasets import OpenImages
    >>> files = {
    ...     "class-descriptions-boxable.csv": "/m/01,Cat\n/m/02,Dog\n",
    ...     "train-annotations-bbox.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax,IsOccluded\n"
    ...     "f00,/m/01,0.1,0.5,0.2,0.9,0\nf00,/m/02,0.4,0.8,0.1,0.7,1\nf00,/m/01,0,1,0,1,-1\n",
    ...     "train-images-boxable.csv": "ImageID,Subset,OriginalURL\nf00,train,https://a.org/1/cat_o.jpg\n",
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in files.items():
    ...         _ = Path(folder, name).write_text(text)
    ...     metadata = OpenImages(folder)
    ...     cats = metadata.boxes(["Cat"])
    >>> metadata.class_names
    ['Cat', 'Dog']
    >>> print(cats[["box_id", "path", "label", "x_min", "y_min", "x_max", "y_max", "is_occluded"]].to_string())
      box_id       path label  x_min  y_min  x_max  y_max  is_occluded
    0  f00_0  cat_o.jpg   Cat    0.1    0.2    0.5    0.9        False
    1  f00_2  cat_o.jpg   Cat    0.0    0.0    1.0    1.0         <NA>
    """

    def __init__(self, folder, subset="train", *, paths="url"):
        self._pa = import_pyarrow(_OWNER)
        self._subset = check_choice(_OWNER, "subset", subset, _SUBSETS)
        self._paths = check_choice(_OWNER, "paths", paths, _PATHS)
        self._folder = Path(os.fsdecode(folder))
        self._names = read_class_names(self._find(None, _CLASSES))
        self._boxes = self._find(subset, _BOXES)
        self._images = find_file(self._folder, subset, _IMAGES) if paths == "id" else self._find(subset, _IMAGES)

    @property
    def class_names(self):
        return list(self._names.values())

    def boxes(
        self,
        classes=None,
        *,
        is_occluded=None,
        is_truncated=None,
        is_group_of=None,
        is_depiction=None,
        is_inside=None,
        to="pandas",
    ):
        """Read boxes, in the order of their file.

        The file is read block by block, and only what is selected is kept.

        Parameters
        ----------
        classes : sequence of str or None, default=None
            The names of classes; None is all, those without a name among them.
        is_occluded, is_truncated, is_group_of, is_depiction, is_inside : bool or None, default=None
            Only boxes that are so, or are not so; None is both, and those of which it is unknown.
        to : {"pandas", "polars", "arrow"}, default="pandas"
            A frame of pandas or polars, which must be installed, or a table of pyarrow.

        Returns
        -------
        boxes : data frame or pyarrow.Table
            A row a box, with the columns

            - ``box_id`` (str): ``<ImageID>_<number of its line among the boxes, from 0>``, whatever is selected;
            - ``image_id`` (str);
            - ``path`` (str or null): the name of the photo's file; null where the address is missing, is no safe name
              of a file, or where other photos have the same name;
            - ``label`` (str or null): the name of the class, null for a class without;
            - ``x_min``, ``y_min``, ``x_max``, ``y_max`` (float): parts of the photo's width and height, from the left
              and top, as they stand there;
            - ``is_occluded``, ``is_truncated``, ``is_group_of``, ``is_depiction``, ``is_inside`` (bool or null): null
              where they are -1 or missing;
            - ``rotation`` (int or null): degrees;
            - ``group`` (str): the ``image_id`` of the first image with the same address, for ``GroupKFold``.

        Raises
        ------
        TypeError, ValueError
            For a parameter that cannot be used, among them a name that no class has, and files that are damaged.
        ImportError
            Where ``to`` names a library that is not installed.
        """
        check_frame(_OWNER, to)
        flags = {
            "is_occluded": is_occluded,
            "is_truncated": is_truncated,
            "is_group_of": is_group_of,
            "is_depiction": is_depiction,
            "is_inside": is_inside,
        }
        flags = {name: check_flag(_OWNER, name, flag) for name, flag in flags.items() if flag is not None}
        columns = self._select(self._class_ids(classes), flags)
        return as_frame(make_table(self._pa, columns | self._describe_photos(columns["image_id"])), to)

    def photos(self, image_ids=None, *, base_url="https://open-images-dataset.s3.amazonaws.com/", to="pandas"):
        """Read where photos can be had, for :func:`download_images`.

        Parameters
        ----------
        image_ids : sequence of str or None, default=None
            Whose photos, such as the column ``image_id`` of :meth:`boxes`, repeated as they are; None for those of all
            images in the file of images.
        base_url : str
            With ``paths="id"``, the folder on the web that holds ``<Subset>/<ImageID>.jpg``: by default, that of the
            copies whose longer side is 1024 pixels at most. The subset is what the file of images tells of an image,
            or ``subset``.
        to : {"pandas", "polars", "arrow"}, default="pandas"
            As for :meth:`boxes`.

        Returns
        -------
        photos : data frame or pyarrow.Table
            A row a photo, in the order of ``image_ids``, with the columns

            - ``image_id`` (str): of several with the same address, the first, unless ``paths="id"``;
            - ``path`` (str or null), ``rotation`` and ``group``: as of :meth:`boxes`;
            - ``url`` (str or null);
            - ``md5`` (str or null) and ``n_bytes`` (int or null): sum, in hexadecimal digits, and size of the photo's
              file, where the file of images has them; null with ``paths="id"``, since they are not those of the copies.

        Raises
        ------
        TypeError, ValueError
            For a parameter that cannot be used, and files that are damaged.
        FileNotFoundError
            For all images, where there is no file of images.
        ImportError
            Where ``to`` names a library that is not installed.
        """
        check_frame(_OWNER, to)
        if not isinstance(base_url, str):
            raise TypeError(f"{_OWNER}: base_url must be a string, got {base_url!r}.")
        from pyarrow import compute

        pa = self._pa
        ids = self._unique_ids(image_ids)
        columns = {"rotation": pa.nulls(len(ids), pa.int16())} | self._describe_photos(ids)
        rows = np.arange(len(ids))
        if self._paths == "id":
            columns["url"] = compute.binary_join_element_wise(
                base_url.rstrip("/"), self._read_subsets(ids), columns["path"], "/"
            )
            columns |= {"md5": pa.nulls(len(ids), pa.string()), "n_bytes": pa.nulls(len(ids), pa.int64())}
        else:
            columns |= self._read_originals(ids)
            _, rows = np.unique(columns["group"].dictionary_encode().indices.to_numpy(), return_index=True)
        table = pa.table({"image_id": ids, **{name: columns[name] for name in _PHOTO_COLUMNS}})
        return as_frame(table.take(pa.array(np.sort(rows))), to)

    def _find(self, subset, patterns):
        path = find_file(self._folder, subset, patterns)
        if path is None:
            names = " or ".join(pattern.format(subset=subset) for pattern in patterns)
            raise FileNotFoundError(f"{_OWNER}: there is no {names} in {str(self._folder)!r}.")
        return path

    def _class_ids(self, classes):
        """Return the ids of the classes that are named, None for all."""
        if classes is None:
            return None
        if isinstance(classes, str) or not hasattr(classes, "__iter__"):
            raise TypeError(f"{_OWNER}: classes must be None or a sequence of names, got {classes!r}.")
        wanted = list(classes)
        lower = {name.lower(): name for name in self.class_names}
        for name in wanted:
            if name not in self._names.values():
                near = [lower[match] for match in get_close_matches(str(name).lower(), lower)]
                hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "class_names lists those there are."
                raise ValueError(f"{_OWNER}: classes names {name!r}, which is no class; {hint}")
        return [class_id for class_id, name in self._names.items() if name in wanted]

    def _select(self, class_ids, flags):
        """Return the columns of the boxes of these classes and flags."""
        from pyarrow import compute

        pa = self._pa
        texts = dict.fromkeys(("ImageID", "LabelName"), pa.string())
        required = texts | dict.fromkeys(_COORDINATE_COLUMNS.values(), pa.float64())
        kinds = {"line": pa.int64(), **texts}
        kinds |= dict.fromkeys(_COORDINATE_COLUMNS, pa.float64()) | dict.fromkeys(FLAGS, pa.bool_())
        selected = [pa.schema(kinds).empty_table()]
        n_lines = 0
        for batch in iter_table(self._boxes, required | dict.fromkeys(_FLAG_COLUMNS.values(), pa.float32()), required):
            columns = {"line": pa.array(np.arange(n_lines, n_lines + batch.num_rows))}
            columns |= {name: batch[name] for name in texts}
            columns |= {name: batch[column] for name, column in _COORDINATE_COLUMNS.items()}
            columns |= {name: as_truth(batch[column]) for name, column in _FLAG_COLUMNS.items()}
            n_lines += batch.num_rows
            keep = pa.array(np.ones(batch.num_rows, dtype=bool))
            if class_ids is not None:
                keep = compute.is_in(batch["LabelName"], value_set=pa.array(class_ids, pa.string()))
            for name, flag in flags.items():
                keep = compute.and_(keep, compute.equal(columns[name], flag))
            selected.append(pa.table(columns).filter(keep))
        table = pa.concat_tables(selected)
        return self._name_boxes({name: _join_chunks(table[name]) for name in table.column_names})

    def _name_boxes(self, columns):
        from pyarrow import compute

        pa = self._pa
        image_ids, lines, labels = columns.pop("ImageID"), columns.pop("line"), columns.pop("LabelName")
        places = compute.index_in(labels, value_set=pa.array(self._names, pa.string()))
        return {
            "box_id": compute.binary_join_element_wise(image_ids, lines.cast(pa.string()), "_"),
            "image_id": image_ids,
            "label": pa.array(self.class_names, pa.string()).take(places),
            **columns,
        }

    def _unique_ids(self, image_ids):
        """Return ids, each once, as an array of pyarrow."""
        if image_ids is None:
            images = self._images or self._find(self._subset, _IMAGES)
            batches = iter_table(images, {"ImageID": self._pa.string()}, ["ImageID"])
            return self._pa.chunked_array([batch["ImageID"] for batch in batches], self._pa.string()).unique()
        if isinstance(image_ids, str) or not hasattr(image_ids, "__iter__"):
            raise TypeError(f"{_OWNER}: image_ids must be None or a sequence of ids, got {image_ids!r}.")
        return self._pa.array(image_ids, self._pa.string()).unique()

    def _read_originals(self, image_ids):
        """Return address, MD5 sum and size of images."""
        pa = self._pa
        types = dict.fromkeys(("OriginalURL", "OriginalMD5"), pa.string()) | {"OriginalSize": pa.int64()}
        columns = self._look_up(image_ids, types, ["OriginalURL"])
        sums = pa.array(map(_as_hexadecimal, columns["OriginalMD5"].to_pylist()), pa.string())
        return {"url": columns["OriginalURL"], "md5": sums, "n_bytes": columns["OriginalSize"]}

    def _read_subsets(self, image_ids):
        """Return the subset of each image; files such as image_ids_and_rotation.csv hold images of all."""
        from pyarrow import compute

        if self._images is None:
            return self._subset
        subsets = self._look_up(image_ids, {"Subset": self._pa.string()}, [])["Subset"]
        is_known = compute.is_in(subsets, value_set=self._pa.array(_SUBSETS))
        return compute.if_else(is_known, subsets, self._subset)

    def _look_up(self, image_ids, types, required):
        """Return columns of the file of images, a value for each of these images; the file is read block by block."""
        from pyarrow import compute

        pa = self._pa
        types = {"ImageID": pa.string()} | types
        wanted = [
            pa.Table.from_batches([batch]).filter(compute.is_in(batch["ImageID"], value_set=image_ids))
            for batch in iter_table(self._images, types, ["ImageID", *required])
        ]
        table = pa.concat_tables([pa.schema(types).empty_table(), *wanted])
        columns = {name: _join_chunks(table[name]) for name in types}
        places = compute.index_in(image_ids, value_set=columns["ImageID"])
        return {name: column.take(places) for name, column in columns.items()}

    def _describe_photos(self, image_ids):
        """Return path, rotation and group of images."""
        from pyarrow import compute

        by_id = {"path": safe_paths(compute.binary_join_element_wise(image_ids, ".jpg", ""))}
        if self._images is None:
            return by_id | {"group": image_ids}
        photos = self._read_photos()
        places = compute.index_in(image_ids, value_set=photos["ImageID"])
        columns = {name: photos[name].take(places) for name in ("path", "rotation", "group")}
        # An image that has no line in the file of images is a photo of its own.
        columns["group"] = compute.coalesce(columns["group"], image_ids)
        return columns | (by_id if self._paths == "id" else {})

    def _read_photos(self):
        """Return the columns of all images: ImageID, path, rotation, group."""
        from pyarrow import compute

        pa = self._pa
        types = {"ImageID": pa.string(), "OriginalURL": pa.string(), "Rotation": pa.float32()}
        batches = list(iter_table(self._images, types, ["ImageID", "OriginalURL"]))
        table = pa.Table.from_batches(batches, pa.schema(types))
        image_ids, urls = (_join_chunks(table[name]) for name in ("ImageID", "OriginalURL"))
        codes = urls.dictionary_encode()
        names = compute.struct_field(compute.extract_regex(codes.dictionary, r"(?P<name>[^/]*)$"), "name")
        counts = compute.value_counts(names)
        shared = compute.struct_field(counts, "values").filter(
            compute.greater(compute.struct_field(counts, "counts"), 1)
        )
        # Two photos cannot be in one file: which of them is?
        names = compute.if_else(compute.is_in(names, value_set=shared), None, safe_paths(names))
        return {
            "ImageID": image_ids,
            "path": names.take(codes.indices),
            "rotation": _join_chunks(table["Rotation"]).cast(pa.int16()),
            "group": group_photos(image_ids, urls),
        }


def _as_hexadecimal(text):
    """Return an MD5 sum, which is published in base64, in hexadecimal digits; None for what is none."""
    try:
        digest = base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return None
    return digest.hex() if len(digest) == 16 else None


def _join_chunks(column):
    """Return a column of a table as one array."""
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
