"""``skimgfeat crop``: boxes in every form to a data set, in one command."""

import csv
import json

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage.transform import resize

from skimgfeat.cli import main
from skimgfeat.datasets import build_box_dataset, load_box_dataset
from skimgfeat.jobs import Account

pytest.importorskip("pyarrow")

HEADER = "ImageID,LabelName,XMin,XMax,YMin,YMax,IsOccluded"
LINES = ["f0,/m/01,0,0.5,0,0.5,0", "f1,/m/02,0.25,0.75,0.5,1,1", "f0,/m/02,0,0,0,1,0", "f0,/m/01,0.5,1,0.5,1,-1"]
COUNTS = "4 listed = 2 ok + 0 partial + 2 error (1 empty_box, 1 unknown_flag) + 0 skipped\n"


@pytest.fixture(autouse=True)
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading"):
        yield


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def metadata(tmp_path):
    folder = tmp_path / "metadata"
    folder.mkdir()
    (folder / "class-descriptions-boxable.csv").write_text("/m/01,Cat\n/m/02,Hot dog\n")
    (folder / "train-annotations-bbox.csv").write_text("\n".join([HEADER, *LINES]) + "\n")
    urls = "f0,train,https://a.org/a.png,90\nf1,train,https://a.org/b.png,\n"
    (folder / "train-images-boxable-with-rotation.csv").write_text("ImageID,Subset,OriginalURL,Rotation\n" + urls)
    return folder


def crop(*arguments):
    return main(["crop", *map(str, arguments), "--jobs", "1"])


def read(folder, name):
    return np.asarray(Image.open(folder / name))


def test_open_images(photos, metadata, tmp_path, capsys):
    output = tmp_path / "out"
    assert crop(metadata, photos, output, "--size", "8x16", "--npy") == 3
    out = capsys.readouterr().out.splitlines()
    assert out[0] + "\n" == COUNTS
    assert out[1].endswith(f"images/s: {output}")
    assert out[2] == f"errors.csv in {output} lists the boxes that were left out"
    with open(output / "errors.csv", newline="") as file:
        assert {row["box_id"]: row["code"] for row in csv.DictReader(file)} == {
            "f0_2": "empty_box",
            "f0_3": "unknown_flag",
        }
    X, y, groups = load_box_dataset(output)
    assert_array_equal(np.load(output / "images.npy"), X)
    assert (y.tolist(), groups.tolist()) == (["Cat", "Hot dog"], ["f0", "f1"])
    # The second needs no resizing; the first is turned, as its Rotation says.
    assert_array_equal(X[1], read(photos, "b.png")[8:, 8:24])
    turned = np.rot90(read(photos, "a.png")[:8, :16])
    expected = resize(turned, (8, 16), anti_aliasing=True, mode="reflect", preserve_range=True)
    assert np.abs(X[0] - expected).max() <= 1
    # Nothing is left to do.
    assert crop(metadata, photos, output, "--size", "8x16") == 3
    assert "nothing was left to do" in capsys.readouterr().out
    assert main(["verify", str(output)]) == 0
    assert main(["info", str(output)]) == 0
    assert "8 x 16 x 3" in capsys.readouterr().out


def test_classes_of_open_images_are_selected(photos, metadata, tmp_path, capsys):
    assert crop(metadata, photos, tmp_path / "out", "--class", "Hot dog", "--json") == 3
    account = json.loads(capsys.readouterr().out)
    assert (account["listed"], account["ok"], account["codes"]) == (2, 1, {"empty_box": 1})
    assert crop(metadata, photos, tmp_path / "new", "--class", "Hot dig") == 2
    assert "did you mean 'Hot dog'?" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_table_and_exports(photos, tmp_path, capsys):
    table = tmp_path / "boxes.csv"
    table.write_text("path,label,x_min,y_min,x_max,y_max\na.png,cat,0,0,16,8\nb.png,dog,2,2,18,10\nb.png,cow,0,0,9,9\n")
    exports = [tmp_path / "crops", tmp_path / "wide.csv"]
    options = ["--units", "pixel", "--size", "8x16", "--class", "cat", "--class", "dog", "--quiet"]
    assert crop(table, photos, tmp_path / "out", *options, *(f"--export={path}" for path in exports)) == 3
    assert capsys.readouterr() == ("", "")
    assert_array_equal(read(tmp_path / "crops" / "cat", "0.png"), read(photos, "a.png")[:8, :16])
    wide = pd.read_csv(exports[1])
    assert_array_equal(wide.filter(regex="^p").loc[1], read(photos, "b.png")[2:10, 2:18].ravel())
    assert wide["LabelName"].tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("options", "is_seen", "is_turned"),
    [
        ([], False, True),
        (["--square"], False, True),
        (["--orientation", "exif"], True, False),
        (["--orientation", "ignore"], False, False),
        (["--orientation", "exif", "--rotation", "rotation"], True, True),
        (["--rotation", "angle"], True, True),
    ],
)
def test_rotations_of_a_table(photos, tmp_path, options, is_seen, is_turned):
    """Where they are known, boxes refer to photos as they are stored, unless the options say something else."""
    stored = read(photos, "a.png")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(stored).save(photos / "a.png", exif=exif)
    table = tmp_path / "boxes.csv"
    table.write_text("path,label,x_min,y_min,x_max,y_max,rotation,angle\na.png,cat,0,0,0.25,0.5,90,90\n")
    assert crop(table, photos, tmp_path / "out", "--size", "8x8", *options) == 0
    photo = np.rot90(stored, 2) if is_seen else stored
    X = load_box_dataset(tmp_path / "out")[0]
    assert_array_equal(X[0], np.rot90(photo[:8, :8], int(is_turned)))
    if options in ([], ["--square"]):
        build_box_dataset(table, photos, tmp_path / "api", (8, 8), progress=False)
        assert_array_equal(load_box_dataset(tmp_path / "api")[0], X)


def test_coco_and_voc(photos, tmp_path):
    coco = {
        "images": [{"id": 7, "file_name": "a.png", "width": 32, "height": 16}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [2, 4, 16, 8], "iscrowd": 0}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>32</width><height>16</height></size><object><name>cat</name>"
        "<bndbox><xmin>3</xmin><ymin>5</ymin><xmax>18</xmax><ymax>12</ymax></bndbox></object></annotation>"
    )
    for boxes in ("coco.json", "voc"):
        assert crop(tmp_path / boxes, photos, tmp_path / f"{boxes}.out", "--size", "8x16") == 0
        X, y, _ = load_box_dataset(tmp_path / f"{boxes}.out")
        assert_array_equal(X, read(photos, "a.png")[None, 4:12, 2:18])
        assert y.tolist() == ["cat"]


def test_options_reach_the_builder(photos, metadata, tmp_path, monkeypatch):
    calls = []

    def build(table, images, output, **options):
        calls.append(options)
        return Account(output, listed=1, ok=1, partial=0, error=0, skipped=0)

    monkeypatch.setattr("skimgfeat.datasets.build_box_dataset", build)
    arguments = (
        "--size 32x48 --method fast --keep-aspect --gray drop --unknown-flags keep --placeholders keep --context 0.2 "
        "--square --orientation exif --rotation turn --units pixel --chunk-size 7 --max-error-rate 0.5 "
        "--item-timeout 9 --compression zstd --no-resume --quiet"
    )
    assert crop(metadata, photos, tmp_path / "out", *arguments.split()) == 0
    assert calls == [
        {
            "crop": {"units": "pixel", "context": 0.2, "square": True, "orientation": "exif", "rotation": "turn"},
            "size": (32, 48),
            "method": "fast",
            "keep_aspect": True,
            "classes": None,
            "gray": "drop",
            "unknown_flags": "keep",
            "placeholders": "keep",
            "chunk_size": 7,
            "max_error_rate": 0.5,
            "item_timeout": 9.0,
            "compression": "zstd",
            "resume": False,
            "progress": False,
            "n_jobs": 1,
        }
    ]


@pytest.mark.parametrize(
    ("boxes", "arguments", "code", "words"),
    [
        ("nowhere", [], 1, "No such file"),
        ("photos/a.png", [], 2, "ends in .csv, .parquet or .json"),
        ("photos", [], 1, "there is no class-descriptions-boxable.csv"),
        ("boxes.csv", ["--subset", "test"], 2, "--subset does not apply where BOXES is a table"),
        ("boxes.csv", [], 2, "no column 'x_min'"),
        ("metadata", ["--context", "-1"], 2, "context must be at least 0"),
        ("metadata", ["--export", "photos"], 2, "exists: choose another name for --export"),
        ("metadata", ["--export", "nowhere/crops"], 2, "create it first"),
        ("metadata", ["--export", "./out"], 2, "'./out' is written already: choose another name for --export"),
        ("metadata", ["--export", "a.csv", "--export", "a.csv"], 2, "'a.csv' is written already"),
        ("metadata", ["--size", "0x3"], 2, "must be ROWSxCOLS"),
    ],
)
def test_what_cannot_be_done(photos, metadata, tmp_path, monkeypatch, capsys, boxes, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxes.csv").write_text("path,label\na.png,cat\n")
    assert crop(boxes, photos, "out", *arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert not (tmp_path / "out").exists()


def test_an_array_cannot_stand_at_an_address(photos, metadata, capsys):
    assert crop(metadata, photos, "memory://out", "--npy") == 2
    assert "--npy writes to a disk, and 'memory://out' is an address" in capsys.readouterr().err
