"""Data sets of boxes beside slices written out; what is left out, and why; other forms of the same data."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from skimage.transform import resize
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from skimgfeat import HOG, BBoxCrop, ColorHistogram, Flatten, ImageCollection, extract, load_features
from skimgfeat.datasets import OpenImages, _box_export, build_box_dataset, export_box_dataset, load_box_dataset
from skimgfeat.datasets._box_export import safe_name
from skimgfeat.io import _collection
from skimgfeat.jobs import TooManyErrorsError, load_account, verify

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

ROWS, COLS, SIDE = 40, 60, 8
CORNERS = ["x_min", "y_min", "x_max", "y_max"]


@pytest.fixture(autouse=True)
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading", n_jobs=2):
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """12 photos of random pixels; not to be changed."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (ROWS, COLS, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def make_boxes(n_boxes, n_photos=12, seed=0):
    """Boxes of SIDE x SIDE pixels, which need no resizing, all different; those of a photo are not side by side."""
    rng = np.random.default_rng(seed)
    places = rng.choice((ROWS - SIDE) * (COLS - SIDE), n_boxes, replace=False)
    top, left = np.divmod(places, COLS - SIDE)
    # In the middle of pixels: floor and ceil give SIDE of them, whatever is rounded.
    corners = (left + 0.5) / COLS, (top + 0.5) / ROWS, (left + SIDE - 0.5) / COLS, (top + SIDE - 0.5) / ROWS
    boxes = pd.DataFrame(np.transpose(corners), columns=CORNERS)
    boxes["path"] = [f"{number % n_photos:02d}.png" for number in range(n_boxes)]
    boxes["label"] = rng.choice(["cat", "dog"], n_boxes)
    boxes["box_id"] = [f"box {number}" for number in range(n_boxes)]
    boxes["top"], boxes["left"] = top, left
    return boxes


def cut(folder, box):
    photo = np.asarray(Image.open(folder / box.path))
    return photo[box.top : box.top + SIDE, box.left : box.left + SIDE]


def build(table, images, output, size=(SIDE, SIDE), **options):
    return build_box_dataset(table, images, output, size, progress=False, **options)


def errors(output):
    with open(output / "errors.csv", newline="") as file:
        return {row["box_id"]: row["code"] for row in csv.DictReader(file)}


def chunks(output):
    return {path.name: path.read_bytes() for path in sorted((output / "chunks").iterdir())}


# --- Crops


def test_crops_are_slices_of_their_photos(photos, tmp_path):
    table = make_boxes(100)
    account = build(table, photos, tmp_path / "out", chunk_size=16)
    assert (account.listed, account.ok, account.complete) == (100, 100, True)
    X, y, groups, boxes = load_box_dataset(tmp_path / "out", return_boxes=True)
    assert (X.shape, X.dtype) == ((100, SIDE, SIDE, 3), np.uint8)
    by_id = table.set_index("box_id")
    for image, label, group, box_id in zip(X, y, groups, boxes["box_id"], strict=True):
        box = by_id.loc[box_id]
        assert_array_equal(image, cut(photos, box))
        assert (label, group) == (box.label, box.path)
    assert sorted(boxes["box_id"]) == sorted(table["box_id"])
    assert_array_equal(boxes["x_min"], by_id.loc[boxes["box_id"], "x_min"])


def test_boxes_of_a_photo_share_a_chunk_and_its_decoding(photos, tmp_path, monkeypatch):
    decoded = Counter()
    read_source = _collection.read_source
    monkeypatch.setattr(
        _collection,
        "read_source",
        lambda path, **options: decoded.update([Path(path).name]) or read_source(path, **options),
    )
    build(make_boxes(100), photos, tmp_path / "out", chunk_size=20, n_jobs=1)
    tables = [pq.read_table(path) for path in sorted((tmp_path / "out" / "chunks").iterdir())]
    assert max(map(len, tables)) <= 20
    paths = [set(table["image_path"].to_pylist()) for table in tables]
    assert sum(map(len, paths)) == len(set.union(*paths)) == 12
    # The first photo is looked at beforehand, too.
    assert {name: count for name, count in decoded.items() if count != 1}.keys() <= {"00.png"}
    order = [path for table in tables for path in table["image_path"].to_pylist()]
    assert order == sorted(order)


def test_a_photo_with_more_boxes_than_a_chunk(photos, tmp_path):
    build(make_boxes(50, n_photos=2), photos, tmp_path / "out", chunk_size=10)
    tables = [pq.read_table(path) for path in sorted((tmp_path / "out" / "chunks").iterdir())]
    assert [len(table) for table in tables] == [10, 10, 5, 10, 10, 5]


def test_context_size_and_padding(photos, tmp_path):
    table = make_boxes(5)
    crop = BBoxCrop(context=0.5, square=True)
    build(table, photos, tmp_path / "out", (32, 24), crop=crop, keep_aspect=True, method="fast")
    X = load_box_dataset(tmp_path / "out", to="numpy")[0]
    assert X.shape == (5, 32, 24, 3)
    assert_array_equal(X[:, :4], 0)
    assert_array_equal(X[:, -4:], 0)
    assert (X[:, 4:-4].std(axis=(1, 2, 3)) > 0).all()
    assert crop.root is None


def test_rotations_of_the_table_are_applied(photos, tmp_path):
    table = make_boxes(4).assign(rotation=[0, 90, None, 270])
    build(table, photos, tmp_path / "out")
    X = load_box_dataset(tmp_path / "out")[0]
    for image, row, turns in zip(X, table.itertuples(), [0, 1, 0, 3], strict=True):
        assert_array_equal(image, np.rot90(cut(photos, row), turns))


@pytest.mark.parametrize(
    ("crop", "turns"),
    [
        ({}, 1),
        ({"units": "normalized", "square": True}, 1),  # which says nothing of rotations
        ({"rotation": None}, 0),
        ({"orientation": "exif"}, 0),
        (BBoxCrop(), 0),
        (BBoxCrop(square=True, rotation="rotation"), 1),
    ],
)
def test_rotations_of_the_table_are_left_to_who_says_so(photos, tmp_path, crop, turns):
    table = make_boxes(2).assign(rotation=90)
    build(table, photos, tmp_path / "out", crop=crop)
    for image, row in zip(load_box_dataset(tmp_path / "out")[0], table.itertuples(), strict=True):
        assert_array_equal(image, np.rot90(cut(photos, row), turns))


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", ".csv", ".parquet"])
def test_rotations_may_have_another_name(photos, tmp_path, kind):
    table = make_boxes(4).assign(angle=[0.0, 90, None, 270], rotation=180)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    if kind.startswith("."):
        write = arrow_csv.write_csv if kind == ".csv" else pq.write_table
        write(arrow, tmp_path / f"boxes{kind}")
    other = {"pandas": table, "polars": pl.from_arrow(arrow), "arrow": arrow}.get(kind, tmp_path / f"boxes{kind}")
    crop = BBoxCrop(rotation="angle")
    build(other, photos, tmp_path / "out", crop=crop)
    X = load_box_dataset(tmp_path / "out")[0]
    for image, row, turns in zip(X, table.itertuples(), [0, 1, 0, 3], strict=True):
        assert_array_equal(image, np.rot90(cut(photos, row), turns))
    # A run does not go on with other angles.
    with pytest.raises(ValueError, match="holds a job with another input"):
        build(table.assign(angle=[0.0, 90, 0, 270]), photos, tmp_path / "out", crop=crop)
    for values, message in (("up", "column 'angle' of table must hold"), (None, "table has no column 'angle'")):
        wrong = table.assign(angle=values) if values else table.drop(columns="angle")
        with pytest.raises(ValueError, match=f"^build_box_dataset: {message}"):
            build(wrong, photos, tmp_path / "new", crop=crop)


def test_flags_are_booleans(photos, tmp_path):
    table = make_boxes(4).assign(is_occluded=[0, 1, 1, -1], is_inside=pd.array([True, None, False, True], "boolean"))
    account = build(table, photos, tmp_path / "out", unknown_flags="keep")
    assert account.ok == 4
    schema = pq.read_schema(tmp_path / "out" / "chunks" / "c-000000.parquet")
    assert schema.field("is_occluded").type == schema.field("is_inside").type == pa.bool_()
    boxes = load_box_dataset(tmp_path / "out", return_boxes=True)[3]
    assert boxes["is_occluded"].tolist() == [False, True, True, None]
    assert boxes["is_inside"].tolist() == [True, None, False, True]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", ".csv", ".parquet", ".pq"])
def test_tables_of_every_kind_give_the_same_bytes(photos, tmp_path, kind):
    table = make_boxes(30).assign(is_inside=[True, False] * 15).drop(columns=["top", "left"])
    build(table, photos, tmp_path / "expected")
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    path = tmp_path / f"boxes{kind}"
    if kind == ".csv":
        arrow_csv.write_csv(arrow, path)
    elif kind.startswith("."):
        pq.write_table(arrow, path)
    other = {"pandas": table, "polars": pl.DataFrame(table.to_dict("list")), "arrow": arrow}.get(kind, path)
    build(other, photos, tmp_path / "out")
    assert chunks(tmp_path / "out") == chunks(tmp_path / "expected")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_paths_of_pathlib(photos, tmp_path, frame):
    """BBoxCrop takes them, too."""
    table = make_boxes(6).drop(columns=["top", "left"])
    build(table, photos, tmp_path / "expected")
    build(frame(table.assign(path=table["path"].map(Path)).to_dict("list")), photos, tmp_path / "out")
    assert chunks(tmp_path / "out") == chunks(tmp_path / "expected")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    "change", [{"label": ["a", 3, None]}, {"x_min": [0, "0.1", 0]}, {"path": ["00.png", object(), "01.png"]}]
)
def test_columns_of_several_types(photos, tmp_path, frame, change):
    ((name, values),) = change.items()
    table = make_boxes(3).drop(columns=["top", "left", name]).to_dict("list")
    table = frame(
        table | {name: values} if frame is pd.DataFrame else table | {name: pl.Series(values, dtype=pl.Object)}
    )
    with pytest.raises(ValueError, match=f"^build_box_dataset: column '{name}' of table must hold values of one type"):
        build(table, photos, tmp_path / "out")


def test_only_an_empty_cell_of_texts_is_missing(photos, tmp_path):
    """Classes may be called what programs write for missing numbers."""
    names = ["NA", "N/A", "null", "NULL", "nan", "NaN", "#N/A", "n/a"]
    lines = [f'{name},"{name}",{name},0{number}.png,0,0,1,1' for number, name in enumerate(names)]
    lines += [",empty,,08.png,0,0,1,1", '"",quoted,"",09.png,0,0,1,1']
    text = "\n".join(["label,box_id,group,path,x_min,y_min,x_max,y_max", *lines]) + "\n"
    (tmp_path / "boxes.csv").write_text(text)
    account = build(tmp_path / "boxes.csv", photos, tmp_path / "out", classes=None)
    _, y, groups, boxes = load_box_dataset(tmp_path / "out", return_boxes=True)
    assert y.tolist() == groups.tolist() == boxes["box_id"].tolist() == names
    assert errors(tmp_path / "out") == dict.fromkeys(["empty", "quoted"], "unknown_class")
    assert account.codes == {"unknown_class": 2}


@pytest.mark.parametrize("missing", ["", '""', "NA", "nan", "null"])
def test_missing_numbers_in_csv(photos, tmp_path, missing):
    lines = ["00.png,a,0.5,0,1,1,90,1", f"01.png,a,{missing},0,1,1,90,1", f"02.png,a,0,0,1,1,{missing},0"]
    lines += [f"03.png,a,0,0,1,1,0,{missing}"]
    text = "\n".join(["path,label,x_min,y_min,x_max,y_max,rotation,is_occluded", *lines]) + "\n"
    (tmp_path / "boxes.csv").write_text(text)
    build(tmp_path / "boxes.csv", photos, tmp_path / "out")
    assert errors(tmp_path / "out") == {"1": "bad_box", "3": "unknown_flag"}
    boxes = load_box_dataset(tmp_path / "out", return_boxes=True)[3]
    assert boxes["is_occluded"].tolist() == [True, False]


def test_line_breaks_in_the_cells_of_a_long_csv(photos, tmp_path):
    table = make_boxes(20).drop(columns=["top", "left"])
    # pyarrow reads a megabyte at a time; none of these begins with a new line of the table.
    table.insert(0, "caption", "one line\n,and another\n" * 4000)
    table.to_csv(tmp_path / "boxes.csv", index=False)
    assert (tmp_path / "boxes.csv").stat().st_size > 1 << 20
    build(tmp_path / "boxes.csv", photos, tmp_path / "out")
    build(table, photos, tmp_path / "expected")
    assert chunks(tmp_path / "out") == chunks(tmp_path / "expected")


def test_columns_that_are_there_twice(photos, tmp_path):
    (tmp_path / "boxes.csv").write_text("path,label,x_min,y_min,x_max,y_max,label\n00.png,a,0,0,1,1,b\n")
    with pytest.raises(
        ValueError, match=r"^build_box_dataset: table has several columns 'label'; its columns are \['pa"
    ):
        build(tmp_path / "boxes.csv", photos, tmp_path / "out")


# --- What is left out


@pytest.fixture
def odd_photos(photos, tmp_path):
    """Those photos, and some that are none, or gray, or copies."""
    folder = tmp_path / "odd"
    shutil.copytree(photos, folder)
    whole = (folder / "00.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[:2000])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no image")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    gray = np.random.default_rng(0).integers(0, 256, (ROWS, COLS), dtype=np.uint8)
    Image.fromarray(gray).save(folder / "gray.png")
    Image.fromarray(np.repeat(gray[..., None], 3, axis=2)).save(folder / "gray_in_rgb.png")
    for name in "abc":
        Image.new("RGB", (COLS, ROWS), "red").save(folder / f"gone_{name}.png")
    shutil.copy(folder / "01.png", folder / "copy_a.png")
    return folder


def odd_table():
    """Boxes that are right, and one of each kind that is not, called by its code."""
    good = make_boxes(4)[["path", "label", "box_id", *CORNERS]].assign(is_inside=True)
    rows = [
        *((f"{code}.png", {"box_id": code}) for code in ("missing", "truncated", "empty")),
        ("text.png", {"box_id": "unidentified"}),
        ("folder.png", {"box_id": "not_regular"}),
        ("pipe.png", {"box_id": "not_regular 2"}),
        ("../odd/00.png", {"box_id": "outside_root"}),
        (None, {"box_id": "missing 2"}),
        ("05.png", {"box_id": "bad_box", "x_min": np.nan}),
        ("05.png", {"box_id": "bad_box 2", "x_min": 0.5, "x_max": 0.4}),
        ("05.png", {"box_id": "empty_box", "y_min": 0.5, "y_max": 0.5}),
        ("05.png", {"box_id": "outside_image", "x_min": 1.0, "x_max": 1.2}),
        ("05.png", {"box_id": "unknown_class", "label": None}),
        ("05.png", {"box_id": "unknown_flag", "is_inside": None}),
        *((f"gone_{name}.png", {"box_id": f"placeholder {name}"}) for name in "abc"),
        (good["path"][1], {"box_id": "duplicate", **good.loc[1, ["label", *CORNERS]]}),
    ]
    whole = dict(zip(CORNERS, (0, 0, 1, 1), strict=True)) | {"label": "cat", "is_inside": True}
    odd = pd.DataFrame([whole | {"path": path} | row for path, row in rows])
    return pd.concat([good, odd.sample(frac=1, random_state=0)], ignore_index=True)


def test_every_box_that_is_left_out_is_listed_with_its_code(odd_photos, tmp_path):
    table = odd_table()
    account = build(table, odd_photos, tmp_path / "out", chunk_size=3)
    listed = errors(tmp_path / "out")
    assert listed == {box_id: box_id.split()[0] for box_id in table["box_id"] if not box_id.startswith("box")}
    assert (account.listed, account.ok, account.error) == (len(table), 4, len(table) - 4)
    assert account.codes == Counter(listed.values())
    X, _, _, boxes = load_box_dataset(tmp_path / "out", return_boxes=True)
    assert sorted(boxes["box_id"]) == ["box 0", "box 1", "box 2", "box 3"]
    good = make_boxes(4).set_index("box_id")
    for image, box_id in zip(X, boxes["box_id"], strict=True):
        assert_array_equal(image, cut(odd_photos, good.loc[box_id]))
    assert verify(tmp_path / "out") == []


def test_what_is_kept_on_request(odd_photos, tmp_path):
    account = build(odd_table(), odd_photos, tmp_path / "out", unknown_flags="keep", placeholders="keep")
    assert {"unknown_flag", "placeholder"}.isdisjoint(account.codes)
    assert account.ok == 4 + 1 + 3


def test_gray_photos(odd_photos, tmp_path):
    table = make_boxes(6).assign(path=["00.png", "gray.png", "gray_in_rgb.png"] * 2)
    assert build(table, odd_photos, tmp_path / "all").ok == 6
    X, _, _, boxes = load_box_dataset(tmp_path / "all", return_boxes=True)
    is_gray = np.array([path.startswith("gray") for path in boxes["image_path"]])
    assert_array_equal((X[..., :1] == X).all(axis=(1, 2, 3)), is_gray)
    account = build(table, odd_photos, tmp_path / "color", gray="drop")
    assert account.codes == {"gray": 4}
    assert errors(tmp_path / "color") == {f"box {number}": "gray" for number in (1, 2, 4, 5)}


def test_classes(photos, tmp_path):
    table = make_boxes(20)
    build(table, photos, tmp_path / "out", classes=["cat"])
    dogs = table.loc[table["label"] == "dog", "box_id"]
    assert errors(tmp_path / "out") == dict.fromkeys(dogs, "unknown_class")
    assert set(load_box_dataset(tmp_path / "out")[1]) == {"cat"}


def test_a_flag_that_no_box_has_is_not_unknown(photos, tmp_path):
    table = make_boxes(4).assign(is_inside=None, is_depiction=pd.array([None] * 4, "boolean"))
    assert build(table, photos, tmp_path / "out").ok == 4


def test_rows_that_stand_in_the_table_twice(photos, tmp_path):
    table = make_boxes(6).assign(is_inside=[None, *[True] * 5], other=[set()] * 6)
    account = build(pd.concat([table, table[::2]]), photos, tmp_path / "out")
    assert account.codes == {"unknown_flag": 2, "duplicate": 2}
    assert sorted(load_box_dataset(tmp_path / "out", return_boxes=True)[3]["box_id"]) == [
        f"box {n}" for n in range(1, 6)
    ]


def test_too_many_left_out(photos, tmp_path):
    with pytest.raises(TooManyErrorsError):
        build(make_boxes(20).assign(path=["00.png"] + ["99.png"] * 19), photos, tmp_path / "out", max_error_rate=0.5)
    message = (
        r"^build_box_dataset: none of the 20 items can be read \(5 unknown_class, 15 missing\); of the first: 'no'"
    )
    with pytest.raises(ValueError, match=message):
        build(
            make_boxes(20).assign(path="99.png", label=["no"] * 5 + ["a"] * 15), photos, tmp_path / "no", classes=["a"]
        )


# --- Groups


def test_no_photo_is_in_two_groups(odd_photos, tmp_path):
    table = make_boxes(8).assign(
        path=["00.png", "00.png", "01.png", "copy_a.png", "02.png", "02.png", "03.png", "04.png"],
        group=["a", "b", "c", "d", "d", "e", "f", None],
    )
    build(table, odd_photos, tmp_path / "out")
    _, _, groups, boxes = load_box_dataset(tmp_path / "out", return_boxes=True)
    found = dict(zip(boxes["box_id"], groups, strict=True))
    # 00.png joins a and b; 01.png and its copy c and d; 02.png d and e.
    expected = {0: "a", 1: "a", 2: "c", 3: "c", 4: "c", 5: "c", 6: "f", 7: "04.png"}
    assert found == {f"box {number}": group for number, group in expected.items()}


# --- Runs that end early


def start_over(table, images, output, **options):
    """Begin a run that the disk is too full for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(0))
        with pytest.raises(OSError, match="are free"):
            build(table, images, output, **options)


def test_what_may_not_change(odd_photos, tmp_path):
    table = odd_table()
    output = tmp_path / "out"
    build(table, odd_photos, tmp_path / "whole", chunk_size=3)
    start_over(table, odd_photos, output, chunk_size=3)
    changed = table.assign(label=table["label"].replace({"cat": "bird"}))
    moved = table.assign(x_max=table["x_max"] * 0.9)
    for other, options, name in [
        (table, {"placeholders": "keep"}, "input"),
        (table, {"unknown_flags": "keep"}, "input"),
        (table, {"classes": ["cat"]}, "input"),
        (table, {"gray": "drop"}, "input"),
        (table, {"crop": BBoxCrop(context=0.1)}, "input"),
        (table, {"size": (9, 9)}, "estimator"),
        (moved, {}, "input"),
        (changed, {}, "input"),
    ]:
        with pytest.raises(ValueError, match=f"^build_box_dataset: .* holds a job with another {name}"):
            build(other, odd_photos, output, **options)
    # What was left out stays so, though the reason is gone.
    (odd_photos / "gone_a.png").unlink()
    build(table, odd_photos, output)
    assert chunks(output) == chunks(tmp_path / "whole")
    assert build(table, odd_photos, output).n_done == 0


_SCRIPT = """
import sys
import joblib
from skimgfeat.datasets import build_box_dataset
with joblib.parallel_config("threading", n_jobs=1):
    build_box_dataset(sys.argv[1], sys.argv[2], sys.argv[3], (200, 200), chunk_size=5, progress=False)
"""


def test_a_killed_run_goes_on_to_the_same_bytes(photos, tmp_path):
    table, output = tmp_path / "boxes.parquet", tmp_path / "out"
    make_boxes(400).to_parquet(table)
    package = Path(sys.modules["skimgfeat"].__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.Popen([sys.executable, "-c", _SCRIPT, table, photos, output], env=environment)
    deadline = time.monotonic() + 120
    while not (output / "chunks").exists() or len(list((output / "chunks").glob("*.parquet"))) < 3:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    done = load_account(output).ok
    assert 15 <= done < 400
    account = build(table, photos, output, (200, 200), chunk_size=5)
    assert (account.ok, account.n_done) == (400, 400 - done)
    build(table, photos, tmp_path / "whole", (200, 200), chunk_size=5)
    assert chunks(output) == chunks(tmp_path / "whole")
    assert verify(output) == []


# --- Parameters


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (TypeError, "table must be a file, a data frame", {"table": 3}),
        (ValueError, "a .csv or .parquet file", {"table": "boxes.txt"}),
        (ValueError, "no column 'x_min'", {"table": make_boxes(3).drop(columns="x_min")}),
        (ValueError, "no column 'label'", {"table": make_boxes(3).drop(columns="label")}),
        (ValueError, "no boxes", {"table": make_boxes(3)[:0]}),
        (ValueError, "column 'y_max' of table must hold", {"table": make_boxes(3).assign(y_max="low")}),
        (ValueError, "different boxes 'one'", {"table": make_boxes(3).assign(box_id="one")}),
        (ValueError, "a box without one", {"table": make_boxes(3).assign(box_id=["a", None, "c"])}),
        (TypeError, "images must be the path", {"images": 3}),
        (FileNotFoundError, "nowhere", {"images": "nowhere"}),
        (NotADirectoryError, "this is a file", {"images": __file__}),
        (TypeError, "size must be a pair", {"size": 128}),
        (ValueError, "size must be at least 1", {"size": (0, 3)}),
        (ValueError, "method must be one of", {"method": "nearest"}),
        (TypeError, "keep_aspect must be True or False", {"keep_aspect": 1}),
        (TypeError, "crop must be None, a dict or a BBoxCrop", {"crop": BBoxCrop}),
        (ValueError, r"BBoxCrop, which has no \['turn'\]", {"crop": {"turn": "rotation", "square": True}}),
        (ValueError, "context must be at least 0", {"crop": {"context": -1}}),
        (ValueError, "units must be one of", {"crop": BBoxCrop(units="feet")}),
        (ValueError, "root of crop must be None, got '/'; give images=", {"crop": BBoxCrop(root="/")}),
        (ValueError, "mode of crop must be 'rgb', got 'gray'; give gray=", {"crop": BBoxCrop(mode="gray")}),
        (ValueError, "dtype of crop must be 'uint8'", {"crop": BBoxCrop(dtype="float32")}),
        (ValueError, "must not be called", {"crop": BBoxCrop(columns=("path", "index", "a", "b", "c"))}),
        (TypeError, "classes must be None or a sequence", {"classes": "cat"}),
        (ValueError, "gray must be one of", {"gray": "keep"}),
        (ValueError, "unknown_flags must be one of", {"unknown_flags": "convert"}),
        (TypeError, "placeholders must be a string", {"placeholders": None}),
        (ValueError, "chunk_size must be at least 1", {"chunk_size": 0}),
        (ValueError, "compression must be one of", {"compression": "lzo"}),
    ],
)
def test_parameters(photos, tmp_path, error, message, options):
    table, images = options.pop("table", make_boxes(3)), options.pop("images", photos)
    with pytest.raises(error, match=message):
        build(table, images, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


# --- What was written, read


@pytest.fixture(scope="module")
def dataset(photos, tmp_path_factory):
    """A data set of 30 boxes, 2 more left out; not to be changed. And its table."""
    output = tmp_path_factory.mktemp("dataset") / "out"
    table = make_boxes(32).assign(is_occluded=[True, False] * 16)
    table["label"] = np.where(table["label"] == "cat", "a/b: 'ß'", "=SUM(1)")
    table["image_id"] = table["path"].str[:2]
    table.loc[[3, 4], "x_min"] = np.nan
    with joblib.parallel_config("threading", n_jobs=1):
        build(table, photos, output, chunk_size=8)
    return output, table


def test_load(dataset):
    output, _ = dataset
    X, y, groups = load_box_dataset(output)
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    assert (len(X), len(y), len(groups), y.dtype.kind, groups.dtype.kind) == (30, 30, 30, "U", "U")
    again = load_box_dataset(output, to="numpy")
    assert_array_equal(again[0], X)
    for train, test in GroupKFold(3).split(X, y, groups):
        assert set(groups[train]).isdisjoint(groups[test])
    with pytest.raises(ValueError, match="to must be one of"):
        load_box_dataset(output, to="pandas")
    with pytest.raises(ValueError, match="holds images"):
        load_features(output, to="pandas")


def test_what_is_no_data_set(tmp_path):
    extract(Flatten(), np.zeros((3, 4, 4)), tmp_path / "rows", progress=False)
    for function in (load_box_dataset, lambda output: export_box_dataset(output, tmp_path / "new")):
        with pytest.raises(ValueError, match="was not written by build_box_dataset"):
            function(tmp_path / "rows")
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "nowhere")
    assert not (tmp_path / "new").exists()


def test_folders_of_classes(dataset, tmp_path):
    output, _ = dataset
    export_box_dataset(output, tmp_path / "crops")
    assert sorted(path.name for path in (tmp_path / "crops").iterdir()) == [
        "%3DSUM(1)",
        "a%2Fb%3A %27ß%27",
        "boxes.csv",
    ]
    X, y, groups, boxes = load_box_dataset(output, return_boxes=True)
    told = pd.read_csv(tmp_path / "crops" / "boxes.csv")
    crops = ImageCollection.from_table(tmp_path / "crops" / "boxes.csv", "path")
    assert_array_equal(np.asarray(crops), X)
    assert_array_equal(told["label"].str.lstrip("'"), y)
    assert_array_equal(told["group"], groups)
    assert_array_equal(told["box_id"], boxes["box_id"])
    images, labels = ImageCollection.from_class_folders(tmp_path / "crops")
    assert len(images) == 30
    assert Counter(labels) == Counter(map(safe_name, y))
    with pytest.raises(FileExistsError):
        export_box_dataset(output, tmp_path / "crops")
    assert [path.name for path in tmp_path.iterdir()] == ["crops"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_of_the_source(dataset, tmp_path, suffix):
    output, _ = dataset
    path = tmp_path / f"wide{suffix}"
    export_box_dataset(output, path)
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    X, y, _, boxes = load_box_dataset(output, return_boxes=True)
    pixels = [f"p{number}" for number in range(SIDE * SIDE * 3)]
    assert list(frame.columns) == ["ImageID", *pixels, "LabelName", "IsOccluded"]
    assert_array_equal(frame[pixels], X.reshape(len(X), -1))
    assert_array_equal(frame["LabelName"].str.lstrip("'"), y)
    assert_array_equal(frame["IsOccluded"], boxes["is_occluded"])
    assert_array_equal(frame["ImageID"].astype(int), boxes["image_id"].astype(int))
    with pytest.raises(FileExistsError):
        export_box_dataset(output, path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_has_all_columns_where_all_boxes_of_a_chunk_failed(photos, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(_box_export, "_GROUP_ROWS", 1)
    table = make_boxes(12).assign(path=["no.png"] * 4 + ["00.png"] * 4 + ["nothing.png"] * 4)
    account = build(table, photos, tmp_path / "out", chunk_size=4)
    assert (account.ok, account.error) == (4, 8)
    path = tmp_path / f"wide{suffix}"
    export_box_dataset(tmp_path / "out", path)
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    pixels = [f"p{number}" for number in range(SIDE * SIDE * 3)]
    assert list(frame.columns) == ["ImageID", *pixels, "LabelName"]
    assert_array_equal(frame[pixels], load_box_dataset(tmp_path / "out")[0].reshape(4, -1))


@given(st.lists(st.text(max_size=8), min_size=2, max_size=2, unique=True))
def test_safe_names(texts):
    one, other = map(safe_name, texts)
    assert one != other
    for name in (one, other):
        assert name
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert name[0] not in ".- "
        assert name[-1] not in ". "
        assert name.upper() not in ("CON", "NUL", "COM1")


# --- Real data


@pytest.fixture(scope="module")
def cells(data_dir, tmp_path_factory):
    """The data set of all boxes that SKIMGFEAT_DATA names, its account, and their table."""
    output = tmp_path_factory.mktemp("cells") / "out"
    table = OpenImages(data_dir / "boxes" / "metadata").boxes()
    with joblib.parallel_config("threading", n_jobs=2):
        account = build(table, data_dir / "boxes" / "images", output, (64, 64))
    return output, account, table


def test_real_boxes(cells, data_dir):
    output, account, table = cells
    assert (account.listed, account.ok, account.error) == (5103, 5103, 0)
    X, y, groups, boxes = load_box_dataset(output, return_boxes=True)
    assert table["path"].nunique() == 564
    assert_array_equal(boxes["box_id"], table["box_id"])
    assert_array_equal(y, table["label"])
    # Four photos are there twice, under two names.
    assert len(set(groups)) == 560
    for row in range(0, len(table), 50):
        box = table.loc[row]
        photo = np.asarray(Image.open(data_dir / "boxes" / "images" / box.path).convert("RGB"))
        n_rows, n_cols = photo.shape[:2]
        # Corners that were whole pixels are whole pixels again.
        top, bottom = int(np.floor(round(box.y_min * n_rows, 6))), int(np.ceil(round(box.y_max * n_rows, 6)))
        left, right = int(np.floor(round(box.x_min * n_cols, 6))), int(np.ceil(round(box.x_max * n_cols, 6)))
        expected = resize(
            photo[top:bottom, left:right], (64, 64), anti_aliasing=True, mode="reflect", preserve_range=True
        )
        assert np.abs(X[row].astype(int) - np.round(expected)).max() <= 1


def test_real_gray_photos_are_listed_by_id(data_dir, tmp_path):
    table = OpenImages(data_dir / "boxes" / "metadata").boxes(["Raccoon"])
    account = build(table, data_dir / "boxes" / "images", tmp_path / "out", (16, 16), method="fast", gray="drop")
    gray = []
    for box in table.itertuples():
        with Image.open(data_dir / "boxes" / "images" / box.path) as photo:
            gray += [box.box_id] if photo.mode == "L" else []
    assert (account.listed - account.ok, account.codes) == (3, {"gray": 3})
    assert errors(tmp_path / "out") == dict.fromkeys(gray, "gray")


@pytest.mark.parametrize(("side", "with_colors", "least"), [(8, False, 0.83), (16, True, 0.95)])
def test_real_cells_are_told_apart(cells, side, with_colors, least):
    X, y, groups = load_box_dataset(cells[0])
    is_cell = y != "Raccoon"
    hog = HOG(8, pixels_per_cell=(side, side), cells_per_block=(2, 2), signed=True, interpolate=True)
    features = make_union(hog, ColorHistogram("lab", bins=16, joint=False)) if with_colors else hog
    pipeline = make_pipeline(features, LinearSVC(C=0.1, dual=False))
    scores = cross_val_score(
        pipeline, X[is_cell], y[is_cell], groups=groups[is_cell], cv=GroupKFold(3), scoring="f1_macro"
    )
    assert scores.mean() >= least
