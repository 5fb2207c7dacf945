"""The metadata of Open Images in its versions, read to one table; the same table from VOC and COCO."""

import csv
import hashlib
import json
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skimgfeat.datasets import OpenImages, load_coco_boxes, load_voc_boxes

COLUMNS = [
    *("box_id", "image_id", "path", "label", "x_min", "y_min", "x_max", "y_max"),
    *("is_occluded", "is_truncated", "is_group_of", "is_depiction", "is_inside", "rotation", "group"),
]
FLAGS = COLUMNS[8:13]
CLASSES = "/m/01,Cat\n/m/02,Dog\n/m/03,Hot dog\n"
BOXES = """\
ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside
f00,xclick,/m/01,1,0.1,0.5,0.2,0.9,0,1,0,0,0
f00,xclick,/m/02,1,0.4,0.8,0.1,0.7,1,0,0,0,1
f01,xclick,/m/01,1,0,1,0,1,-1,-1,-1,-1,-1
f02,xclick,/m/03,1,0.25,0.75,0.5,1,0,0,1,0,0
f03,xclick,/m/99,1,,0.75,0.5,nan,0,0,1,0,0
"""
IMAGES = """\
ImageID,Subset,OriginalURL
f00,train,https://farm1.staticflickr.com/1/11_a_o.jpg
f01,train,
f02,train,https://farm1.staticflickr.com/1/11_a_o.jpg
"""
ROTATED = """\
ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,\
Thumbnail300KURL,Rotation
f00,train,https://a.org/1/11_a_o.jpg,https://a.org,https://b.org,https://c.org,"Doe, J.","A ""cat""
on two lines",1,a==,https://d.org,90.0
f01,train,https://a.org/1/12_b_o.jpg,https://a.org,https://b.org,https://c.org,J.,Dog,1,a==,,nan
f02,train,https://a.org/1/13_c_o.jpg,https://a.org,https://b.org,https://c.org,J.,Dog,1,a==,,
f03,train,https://a.org/1/14_d_o.jpg,https://a.org,https://b.org,https://c.org,J.,Dog,1,a==,,270.0
"""
V4 = {
    "class-descriptions-boxable.csv": CLASSES,
    "train-annotations-bbox.csv": BOXES,
    "train-images-boxable.csv": IMAGES,
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def v4(tmp_path):
    return write(tmp_path, V4)


def values(column):
    return [None if value is pd.NA or value != value else value for value in column]


def test_the_table(v4):
    boxes = OpenImages(v4).boxes()
    assert list(boxes.columns) == COLUMNS
    assert list(boxes["box_id"]) == ["f00_0", "f00_1", "f01_2", "f02_3", "f03_4"]
    assert list(boxes["image_id"]) == ["f00", "f00", "f01", "f02", "f03"]
    assert values(boxes["path"]) == ["11_a_o.jpg", "11_a_o.jpg", None, "11_a_o.jpg", None]
    assert values(boxes["label"]) == ["Cat", "Dog", "Cat", "Hot dog", None]
    assert_allclose(boxes[COLUMNS[4:8]].to_numpy()[0], [0.1, 0.2, 0.5, 0.9])
    assert_allclose(boxes[COLUMNS[4:8]].to_numpy()[4], [np.nan, 0.5, 0.75, np.nan])
    assert [values(row) for row in boxes[FLAGS].to_numpy()[:3]] == [
        [False, True, False, False, False],
        [True, False, False, False, True],
        [None] * 5,
    ]
    assert values(boxes["rotation"]) == [None] * 5
    assert list(boxes["group"]) == ["f00", "f00", "f01", "f00", "f03"]


def test_rotation(tmp_path):
    """The columns before it hold what others wrote: commas, quotes, line ends."""
    files = {**V4, "train-images-boxable-with-rotation.csv": ROTATED}
    boxes = OpenImages(write(tmp_path, files)).boxes()
    assert values(boxes["rotation"]) == [90, 90, None, None, 270]
    assert values(boxes["path"]) == ["11_a_o.jpg", "11_a_o.jpg", "12_b_o.jpg", "13_c_o.jpg", "14_d_o.jpg"]


CLICKS = BOXES.replace("IsInside\n", "IsInside,XClick1X,XClick2X\n").replace(",0\n", ",0,0.5,0.7\n")
CLICKS = CLICKS.replace(",1\n", ",1,0.5,0.7\n").replace("-1\n", "-1,-1,-1\n")
LAYOUTS = {
    "2018_04": ("train", {**V4, "train/train-annotations-bbox.csv": BOXES}),
    "v6": (
        "train",
        {
            "class-descriptions-boxable.csv": CLASSES,
            "oidv6-train-annotations-bbox.csv": CLICKS,
            "train-images-boxable-with-rotation.csv": ROTATED,
        },
    ),
    "v7": (
        "validation",
        {
            "oidv7-class-descriptions.csv": "LabelName,DisplayName\n" + CLASSES,
            "validation/validation-annotations-bbox.csv": BOXES,
            "validation/validation-images-with-rotation.csv": ROTATED,
        },
    ),
    "all images": (
        "test",
        {
            "oidv7-class-descriptions-boxable.csv": "LabelName,DisplayName\n" + CLASSES,
            "test-annotations-bbox.csv": BOXES,
            "image_ids_and_rotation.csv": ROTATED,
        },
    ),
    "the source's": (
        "train",
        {
            "image-class-names.csv": CLASSES,
            "train-annotations-bbox.csv": "".join(
                f"{number},{line}\n" for number, line in enumerate(BOXES.splitlines(), -1)
            ).replace("-1,", ",", 1),
            "train-images-ids.csv": "".join(
                f"{number},{line}\n" for number, line in enumerate(IMAGES.splitlines(), -1)
            ).replace("-1,", ",", 1),
        },
    ),
    "Windows": ("train", {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in V4.items()}),
}


@pytest.mark.parametrize(("subset", "files"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_published_version(subset, files, tmp_path, v4):
    folder = tmp_path / "other"
    folder.mkdir()
    boxes = OpenImages(write(folder, files), subset).boxes()
    expected = OpenImages(v4).boxes()
    unlike = ["path", "rotation", "group"]
    pd.testing.assert_frame_equal(boxes.drop(columns=unlike), expected.drop(columns=unlike))
    assert boxes["path"][0] == "11_a_o.jpg"


def test_the_newest_version_counts(tmp_path):
    older, newer = BOXES, BOXES.splitlines(keepends=True)[:2]
    files = {"oidv6-train-annotations-bbox.csv": older, "oidv7-train-annotations-bbox.csv": "".join(newer)}
    assert len(OpenImages(write(tmp_path, {**V4, **files})).boxes()) == 1


def test_names_by_id(tmp_path):
    files = dict(V4)
    del files["train-images-boxable.csv"]
    folder = write(tmp_path, files)
    boxes = OpenImages(folder, paths="id").boxes()
    assert list(boxes["path"]) == [f"{name}.jpg" for name in boxes["image_id"]]
    assert list(boxes["group"]) == list(boxes["image_id"])
    with pytest.raises(FileNotFoundError, match=r"train-images-boxable-with-rotation\.csv or"):
        OpenImages(folder)
    write(folder, {"train-images-boxable.csv": IMAGES})
    assert list(OpenImages(folder, paths="id").boxes()["group"]) == ["f00", "f00", "f01", "f00", "f03"]


def test_classes(v4):
    metadata = OpenImages(v4)
    assert metadata.class_names == ["Cat", "Dog", "Hot dog"]
    chosen = metadata.boxes(["Hot dog", "Cat"])
    assert list(chosen["box_id"]) == ["f00_0", "f01_2", "f02_3"]
    for unknown, near in (("hot dog", "Hot dog"), ("Cats", "Cat"), ("Dgo", "Dog")):
        with pytest.raises(ValueError, match=f"names '{unknown}', which is no class; did you mean .*'{near}'"):
            metadata.boxes([unknown])
    with pytest.raises(ValueError, match="class_names lists"):
        metadata.boxes(["Zeppelin"])
    with pytest.raises(TypeError, match="classes must be None or a sequence of names, got 'Cat'"):
        metadata.boxes("Cat")


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("name", FLAGS)
def test_flags(v4, name, flag):
    """What is unknown is neither."""
    metadata = OpenImages(v4)
    chosen = metadata.boxes(**{name: flag})
    every = metadata.boxes()
    wanted = [value is not None and bool(value) is flag for value in values(every[name])]
    assert list(chosen["box_id"]) == list(every["box_id"][wanted])
    assert not every[name].isna().all()
    with pytest.raises(TypeError, match=f"{name} must be True or False"):
        metadata.boxes(**{name: 0})


def test_classes_and_flags_together(v4):
    assert list(OpenImages(v4).boxes(["Cat", "Dog"], is_occluded=False, is_truncated=True)["box_id"]) == ["f00_0"]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.org/..",
        "https://a.org/1/",
        "..\\..\\x.jpg",
        "https://a.org/C:x.jpg",
        "https://a.org/.",
        "https://a.org/a\x01.jpg",
    ],
)
def test_unsafe_names_are_no_paths(url, tmp_path):
    images = f"ImageID,OriginalURL\nf00,{url}\nf02,https://a.org/ok.jpg\n"
    boxes = OpenImages(write(tmp_path, {**V4, "train-images-boxable.csv": images})).boxes()
    assert values(boxes["path"]) == [None, None, None, "ok.jpg", None]


def test_a_name_of_two_photos_is_no_path(tmp_path):
    images = "ImageID,OriginalURL\nf00,https://a.org/1/x.jpg\nf01,https://b.org/2/x.jpg\nf02,https://a.org/1/x.jpg\n"
    images += "f03,https://a.org/y.jpg\n"
    boxes = OpenImages(write(tmp_path, {**V4, "train-images-boxable.csv": images})).boxes()
    assert values(boxes["path"]) == [None, None, None, None, "y.jpg"]
    assert list(boxes["group"]) == ["f00", "f00", "f01", "f00", "f03"]


def test_ids_are_as_unsafe_as_addresses(tmp_path):
    boxes = BOXES.replace("f00", "../f00").replace("f01", "a/b")
    files = {**V4, "train-annotations-bbox.csv": boxes}
    assert values(OpenImages(write(tmp_path, files), paths="id").boxes()["path"])[:2] == [None, None]


@pytest.mark.parametrize("to", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize(("classes", "length"), [(None, 5), (["Cat"], 2), ([], 0)])
def test_kinds_of_tables(v4, to, classes, length):
    metadata = OpenImages(v4)
    table = metadata.boxes(classes, to=to)
    assert type(table).__module__.split(".")[0] == {"arrow": "pyarrow"}.get(to, to)
    expected = metadata.boxes(classes)
    assert list(getattr(table, "column_names", None) or table.columns) == COLUMNS
    for name in COLUMNS:
        column = table[name].to_pylist() if to == "arrow" else list(table[name])
        assert values(None if value is None else value for value in column) == values(expected[name])
    assert len(table) == length


def test_a_missing_library_is_named(v4, monkeypatch):
    metadata = OpenImages(v4)
    monkeypatch.setattr("skimgfeat.datasets._boxes.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="to='polars' needs polars"):
        metadata.boxes(to="polars")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pyarrow"):
        OpenImages(v4)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train-annotations-bbox.csv", "ImageID,LabelName,XMin,XMax,YMin\na,b,0,1,0\n", "has no column YMax"),
        ("train-annotations-bbox.csv", BOXES.replace("0.25", "a quarter"), "bbox.csv' cannot be read"),
        ("train-annotations-bbox.csv", BOXES + "f09,/m/01\n", "bbox.csv' cannot be read"),
        ("train-images-boxable.csv", "ImageID\nf00\n", "has no column OriginalURL"),
        ("class-descriptions-boxable.csv", "Cat\nDog\n", "must hold two columns"),
        ("class-descriptions-boxable.csv", "", "must hold two columns"),
    ],
)
def test_damaged_files_are_named(name, text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        OpenImages(write(tmp_path, {**V4, name: text})).boxes()


def test_no_boxes(tmp_path):
    header = BOXES.splitlines(keepends=True)[0]
    boxes = OpenImages(write(tmp_path, {**V4, "train-annotations-bbox.csv": header})).boxes()
    assert list(boxes.columns) == COLUMNS
    assert len(boxes) == 0


def test_only_an_empty_cell_of_texts_is_missing(tmp_path):
    files = {
        "class-descriptions-boxable.csv": "NA,Sodium\n/m/01,Cat\n",
        "train-annotations-bbox.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax,IsOccluded\n"
        "null,NA,NA,1,0,1,NA\nf0,,0,1,null,1,0\n",
        "train-images-boxable.csv": 'ImageID,OriginalURL,Rotation\nnull,https://a.org/n.jpg,NA\nf0,"",nan\n',
    }
    boxes = OpenImages(write(tmp_path, files)).boxes()
    assert values(boxes["image_id"]) == ["null", "f0"]
    assert values(boxes["label"]) == ["Sodium", None]
    assert values(boxes["path"]) == ["n.jpg", None]
    assert_allclose(boxes[COLUMNS[4:8]], [[np.nan, 0, 1, 1], [0, np.nan, 1, 1]])
    assert values(boxes["is_occluded"]) == [None, False]
    assert values(boxes["rotation"]) == [None, None]


def test_many_blocks(tmp_path, monkeypatch):
    """Lines are counted over all blocks, the lines that are left out among them."""
    monkeypatch.setattr("skimgfeat.datasets._open_images_files._BLOCK_BYTES", 1 << 10)
    header, *lines = BOXES.splitlines(keepends=True)
    files = {**V4, "train-annotations-bbox.csv": header + "".join(lines * 100)}
    boxes = OpenImages(write(tmp_path, files)).boxes(["Dog"])
    assert list(boxes["box_id"]) == [f"f00_{5 * number + 1}" for number in range(100)]


@pytest.mark.parametrize(("subset", "paths"), [("valid", "url"), ("train", "name")])
def test_parameters(v4, subset, paths):
    with pytest.raises(ValueError, match="must be one of"):
        OpenImages(v4, subset, paths=paths)
    with pytest.raises(FileNotFoundError, match="no validation-annotations-bbox"):
        OpenImages(v4, "validation")
    with pytest.raises(FileNotFoundError, match="no class-descriptions"):
        OpenImages(v4 / "nowhere")


PHOTOS = ["image_id", "path", "url", "md5", "n_bytes", "rotation", "group"]
# Of the four photos: of "cat", of something else's length, none, and not base64.
SUMS = ROTATED.replace("1,a==,", "3,0HfyRN74pw5ep1i9g1L82A==,", 1).replace("1,a==,", "1,YWJj,", 1)
SUMS = SUMS.replace("1,a==,", ",,", 1)


def test_photos(tmp_path):
    metadata = OpenImages(write(tmp_path, {**V4, "train-images-boxable.csv": SUMS}))
    photos = metadata.photos(["f03", "f00", "f03", "f09", "f01", "f02"])
    assert list(photos.columns) == PHOTOS
    assert list(photos["image_id"]) == ["f03", "f00", "f09", "f01", "f02"]
    assert values(photos["path"]) == ["14_d_o.jpg", "11_a_o.jpg", None, "12_b_o.jpg", "13_c_o.jpg"]
    assert values(photos["url"])[:3] == ["https://a.org/1/14_d_o.jpg", "https://a.org/1/11_a_o.jpg", None]
    assert values(photos["md5"]) == [None, hashlib.md5(b"cat").hexdigest(), None, None, None]
    assert values(photos["n_bytes"]) == [1, 3, None, 1, None]
    assert values(photos["rotation"]) == [270, 90, None, None, None]
    assert list(photos["group"]) == ["f03", "f00", "f09", "f01", "f02"]
    assert list(metadata.photos()["image_id"]) == ["f00", "f01", "f02", "f03"]


def test_a_photo_of_two_ids_is_one_row(v4):
    boxes = OpenImages(v4).boxes()
    photos = OpenImages(v4).photos(boxes["image_id"])
    assert list(photos["image_id"]) == ["f00", "f01", "f03"]
    assert set(values(boxes["path"])) == set(values(photos["path"]))
    assert values(photos["md5"]) == values(photos["n_bytes"]) == [None] * 3


def test_copies_of_photos(tmp_path):
    files = {name: text for name, text in V4.items() if "images" not in name}
    metadata = OpenImages(write(tmp_path, files), paths="id")
    photos = metadata.photos(["f02", "../f00"], base_url="https://c.org/copies/", to="arrow")
    assert photos.column_names == PHOTOS
    assert photos["path"].to_pylist() == ["f02.jpg", None]
    assert photos["url"].to_pylist() == ["https://c.org/copies/train/f02.jpg", None]
    with pytest.raises(FileNotFoundError, match=r"train-images-boxable-with-rotation\.csv or"):
        metadata.photos()
    write(tmp_path, {"train-images-boxable.csv": IMAGES})
    photos = OpenImages(tmp_path, paths="id").photos()
    assert list(photos["image_id"]) == ["f00", "f01", "f02"]  # each has its copy, also those of one photo
    assert list(photos["group"]) == ["f00", "f01", "f00"]


def test_copies_stand_in_the_folder_of_their_subset(tmp_path):
    """One file may list the images of all subsets; what it calls a subset is no part of an address unless it is one."""
    files = {name: text for name, text in V4.items() if "images" not in name}
    lines = ["f00,train", "t01,test", "v02,validation", "x03,../secret", "y04,"]
    files["image_ids_and_rotation.csv"] = "ImageID,Subset,OriginalURL\n" + "".join(f"{line},\n" for line in lines)
    metadata = OpenImages(write(tmp_path, files), paths="id")
    photos = metadata.photos(base_url="https://c.org")
    expected = ["train/f00.jpg", "test/t01.jpg", "validation/v02.jpg", "train/x03.jpg", "train/y04.jpg"]
    assert list(photos["url"]) == [f"https://c.org/{name}" for name in expected]
    photos = metadata.photos(["unlisted", "t01"], base_url="https://c.org/")
    assert list(photos["url"]) == ["https://c.org/train/unlisted.jpg", "https://c.org/test/t01.jpg"]


def test_parameters_of_photos(v4):
    for bad in ("f00", 3):
        with pytest.raises(TypeError, match="image_ids must be None or a sequence of ids"):
            OpenImages(v4).photos(bad)
    with pytest.raises(TypeError, match="base_url must be a string"):
        OpenImages(v4).photos(["f00"], base_url=None)
    assert list(OpenImages(v4).photos([]).columns) == PHOTOS


def test_the_real_boxes(data_dir):
    """Beside the csv module."""
    folder = data_dir / "boxes" / "metadata"
    boxes = OpenImages(folder).boxes()
    with open(folder / "train-annotations-bbox.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(boxes) == len(rows) == 5103
    assert list(boxes["image_id"]) == [row["ImageID"] for row in rows]
    expected = [[float(row[name]) for name in ("XMin", "YMin", "XMax", "YMax")] for row in rows]
    assert np.array_equal(boxes[COLUMNS[4:8]], expected)
    names = {"/m/0dq75": "Raccoon", "/x/rbc": "RBC", "/x/wbc": "WBC", "/x/platelets": "Platelets"}
    assert list(boxes["label"]) == [names[row["LabelName"]] for row in rows]
    assert all((data_dir / "boxes" / "images" / name).is_file() for name in set(boxes["path"]))
    assert boxes["group"].nunique() == 564


# --- VOC and COCO

VOC = """<annotation><folder>x</folder><filename>{file}</filename>
<size><width>{width}</width><height>50</height><depth>3</depth></size>
<object><name>cat</name><pose>Left</pose><truncated>1</truncated><occluded>0</occluded><difficult>0</difficult>
<bndbox><xmin>11</xmin><ymin>1</ymin><xmax>60</xmax><ymax>50</ymax></bndbox></object>
<object><name>dog</name><bndbox><ymax>20</ymax><xmin>1</xmin><ymin>11.5</ymin><xmax>100</xmax></bndbox></object>
</annotation>"""


def test_voc(tmp_path):
    write(tmp_path, {"b.xml": VOC.format(file="b.jpg", width=100), "a.xml": VOC.format(file="../b.jpg", width=0)})
    write(tmp_path, {"c.xml": VOC.format(file="b.jpg", width=100), "d.xml": "<annotation/>", "e.txt": "no"})
    boxes = load_voc_boxes(tmp_path)
    assert list(boxes.columns) == COLUMNS
    assert list(boxes["box_id"]) == ["a_0", "a_1", "b_0", "b_1", "c_0", "c_1"]
    assert values(boxes["path"]) == [None, None, *["b.jpg"] * 4]
    assert list(boxes["group"]) == ["a", "a", "b", "b", "b", "b"]
    assert list(boxes["label"]) == ["cat", "dog"] * 3
    corners = boxes[COLUMNS[4:8]].to_numpy()
    assert_allclose(corners[2], [0.1, 0, 0.6, 1])
    assert_allclose(corners[3], [0, 0.21, 1, 0.4])
    assert np.isnan(corners[0][::2]).all()
    assert values(boxes["is_truncated"])[:2] == [True, None]
    assert values(boxes["is_occluded"])[:2] == [False, None]
    assert boxes["is_inside"].isna().all()
    assert_allclose(load_voc_boxes(tmp_path, first_pixel=0)[COLUMNS[4:8]].to_numpy()[2], [0.11, 0.02, 0.6, 1])


@pytest.mark.parametrize(
    "text",
    [
        "<annotation><size>",
        "",
        VOC.format(file="b.jpg", width="wide"),
        '<?xml version="1.0" encoding="utf-99"?><annotation/>',
        '<!DOCTYPE a [<!ENTITY b "bbbb">]><annotation><filename>&b;</filename></annotation>',
    ],
)
def test_damaged_voc(text, tmp_path):
    write(tmp_path, {"a.xml": text})
    with pytest.raises(ValueError, match=r"a\.xml' is no annotation of VOC"):
        load_voc_boxes(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "iso-8859-1"])
@pytest.mark.parametrize("inside", ['SYSTEM "a.dtd"', '[<!ENTITY b "b.jpg">]'])
def test_document_types_are_refused_in_every_encoding(encoding, inside, tmp_path):
    text = VOC.format(file="&b;" if "ENTITY" in inside else "b.jpg", width=100)
    header = f'<?xml version="1.0" encoding="{encoding.removesuffix("-be")}"?>'
    bom = "\ufeff" if encoding == "utf-16-be" else ""
    path = tmp_path / "a.xml"
    path.write_bytes(f"{bom}{header}<!DOCTYPE annotation {inside}>{text}".encode(encoding))
    with pytest.raises(ValueError, match=r"a\.xml' is no annotation of VOC: it declares a document type, 'annotation'"):
        load_voc_boxes(tmp_path)
    # The same file without it is read, and what only looks like one.
    path.write_bytes(f"{bom}{header}<!-- <!DOCTYPE a> -->{text.replace('&b;', 'b.jpg')}".encode(encoding))
    assert values(load_voc_boxes(tmp_path)["path"]) == ["b.jpg", "b.jpg"]


def test_texts_of_voc_are_stripped(tmp_path):
    text = VOC.format(file="\n  b.jpg\n", width="\n100 ").replace("<name>cat<", "<name>\n\thot  dog <")
    write(tmp_path, {"a.xml": text.replace("<name>dog<", "<name> <"), "b.xml": VOC.format(file="b.jpg", width=100)})
    boxes = load_voc_boxes(tmp_path)
    assert values(boxes["path"]) == ["b.jpg"] * 4
    assert values(boxes["label"]) == ["hot  dog", None, "cat", "dog"]
    assert list(boxes["group"]) == ["a"] * 4
    assert_allclose(boxes[COLUMNS[4:8]].to_numpy()[0], [0.1, 0, 0.6, 1])


def test_voc_without_files_and_boxes(tmp_path):
    with pytest.raises(FileNotFoundError, match="with XML files"):
        load_voc_boxes(tmp_path)
    with pytest.raises(ValueError, match="first_pixel must be 0 or 1"):
        load_voc_boxes(tmp_path, first_pixel=2)
    write(tmp_path, {"a.xml": "<annotation/>"})
    assert list(load_voc_boxes(tmp_path).columns) == COLUMNS


def coco(tmp_path, **changes):
    data = {
        "images": [
            {"id": 7, "file_name": "a/cat.jpg", "width": 100, "height": 50},
            {"id": 8, "file_name": "/etc/cat.jpg"},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 0, 50.5, 50], "iscrowd": 0},
            {"id": 2, "image_id": 8, "category_id": 3, "bbox": [10, 0, 50, 50], "iscrowd": 1},
            {"id": 3, "image_id": 9, "category_id": 4},
        ],
        "categories": [{"id": 3, "name": "cat"}],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(data | changes), encoding="utf-8")
    return path


def test_coco(tmp_path):
    boxes = load_coco_boxes(coco(tmp_path))
    assert list(boxes.columns) == COLUMNS
    assert list(boxes["box_id"]) == ["7_1", "8_2", "9_3"]
    assert values(boxes["path"]) == ["a/cat.jpg", None, None]
    assert values(boxes["label"]) == ["cat", "cat", None]
    corners = boxes[COLUMNS[4:8]].to_numpy()
    assert_allclose(corners[0], [0.1, 0, 0.605, 1])
    assert np.isnan(corners[1:]).all()
    assert values(boxes["is_group_of"]) == [False, True, None]
    assert list(boxes["group"]) == ["7", "8", "9"]
    assert len(load_coco_boxes(coco(tmp_path, annotations=[]))) == 0


def test_categories_of_coco_may_be_numbers(tmp_path):
    path = coco(tmp_path, categories=[{"id": 3, "name": 5}, {"id": 4, "name": None}])
    assert values(load_coco_boxes(path)["label"]) == ["5", "5", None]


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": [{"id": 1}]},
        {"images": 3},
        {"categories": None},
        {"categories": [{"id": 3, "name": ["cat"]}]},
        {"images": [{"id": 7, "file_name": 5, "width": 100, "height": 50}]},
    ],
)
def test_damaged_coco(changes, tmp_path):
    path = coco(tmp_path, **changes)
    with pytest.raises(ValueError, match=r"instances\.json' is no JSON file of COCO"):
        load_coco_boxes(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"instances\.json' is no JSON file of COCO"):
        load_coco_boxes(path)
