"""``skimgfeat extract`` into a job folder, and ``verify`` and ``info`` of it."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from contextlib import redirect_stdout

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skimgfeat import HOG, LBP, ImageCollection, ImageReader, Resize
from skimgfeat.cli import main
from skimgfeat.io import ImageError
from skimgfeat.jobs import Account, Interrupted, TooManyErrorsError, extract, load_account, load_features

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

GOOD = [f"a/{number}.png" for number in range(4)] + ["b/9.jpg"]
DAMAGED = "b/damaged.jpg"
STEPS = make_pipeline(Resize((32, 24)), HOG())
OPTIONS = ("--features", "hog", "--size", "32x24", "--jobs", "1")
COUNTS = "6 listed = 5 ok + 0 partial + 1 error (1 truncated) + 0 skipped\n"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of images of different sizes, one damaged, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for side, name in enumerate([*GOOD, DAMAGED], start=40):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, 50, 3), dtype=np.uint8)).save(folder / name)
    os.truncate(folder / DAMAGED, 300)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def job(photos, tmp_path_factory):
    """A finished job, its exit code and what it printed; not to be changed."""
    output = tmp_path_factory.mktemp("job") / "features"
    with redirect_stdout(io.StringIO()) as out:
        exit_code = main(["extract", str(photos), str(output), *OPTIONS, "--csv"])
    return output, exit_code, out.getvalue()


@pytest.fixture
def calls(monkeypatch):
    """What the command passes to the engine, which does nothing."""
    calls = []

    def extract(estimator, X, output, **options):
        calls.append((estimator, X, output, options))
        return Account(output, listed=len(X), ok=len(X), partial=0, error=0, skipped=0)

    monkeypatch.setattr("skimgfeat.jobs.extract", extract)
    return calls


def failing(error):
    def extract(estimator, X, output, **options):
        raise error

    return extract


def check_line(captured, *words):
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    for word in words:
        assert word in captured.err


def test_folder(photos, job):
    output, exit_code, out = job
    assert exit_code == 3
    assert out.startswith(COUNTS)
    features, items = load_features(output, return_items=True)
    assert list(items["image_path"]) == [*GOOD, DAMAGED]
    expected = STEPS.fit_transform(ImageCollection(GOOD, root=photos))
    assert_array_equal(features[:5], expected)
    assert np.isnan(features[5]).all()


def test_csv(job):
    with open(job[0] / "features.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_path"] for row in rows] == [*GOOD, DAMAGED]
    names = HOG().fit(np.zeros((1, 32, 24))).get_feature_names_out()
    values = np.array([[row[name] for name in names] for row in rows[:5]]).astype(np.float32)
    assert_array_equal(values, load_features(job[0])[:5])


def test_the_same_command_again(photos, job, capsys):
    before = {path: path.stat().st_mtime_ns for path in (job[0] / "chunks").iterdir()}
    assert main(["extract", str(photos), str(job[0]), *OPTIONS, "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    account = json.loads(captured.out)
    assert account["listed"] == 6
    assert account["codes"] == {"truncated": 1}
    assert account["complete"] is True
    assert {path: path.stat().st_mtime_ns for path in (job[0] / "chunks").iterdir()} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--features", "hog", "--size", "32x32"], ["estimator"]),
        ([*OPTIONS, "--layout", "wide"], ["settings", "wide"]),
        ([*OPTIONS, "--no-resume"], ["already"]),
    ],
)
def test_another_configuration_is_refused(photos, job, capsys, options, words):
    assert main(["extract", str(photos), str(job[0]), *options]) == 2
    check_line(capsys.readouterr(), *words)


def test_different_sizes_need_one(photos, tmp_path, capsys):
    assert main(["extract", str(photos), str(tmp_path / "out"), "--features", "lbp", "--jobs", "1"]) == 2
    check_line(capsys.readouterr(), "different shapes", "--size 128x128")


def test_photos(data_dir, tmp_path, capsys):
    output = tmp_path / "out"
    options = [
        "--features",
        "handcrafted",
        "--size",
        "64x64",
        "--limit",
        "3",
        "--jobs",
        "1",
        "--layout",
        "wide",
        "--prefix",
        "f_",
    ]
    assert main(["extract", str(data_dir / "photos"), str(output), *options]) == 0
    assert capsys.readouterr().out.startswith("3 listed = 3 ok ")
    frame = load_features(output, to="pandas")
    assert list(frame.filter(like="f_")) == [f"f_{number}" for number in range(frame.filter(like="f_").shape[1])]


# --- What the options say to the engine.


def run(calls, *command):
    """Run ``extract`` and return (estimator, X, options)."""
    assert main(["extract", *map(str, command)]) == 0
    ((estimator, X, _, options),) = calls
    return estimator, X, options


def test_defaults(photos, calls, tmp_path):
    estimator, X, options = run(calls, photos, tmp_path / "out", "--features", "lbp")
    assert [type(step) for step in estimator] == [LBP]
    assert X.names == [*GOOD, DAMAGED]
    assert X.decoding["mode"] == "rgb"
    assert options == {"y": None, "n_jobs": -1, "resume": True, "progress": True}


def test_every_option_arrives(photos, calls, tmp_path):
    options = run(
        calls,
        *(photos, tmp_path / "out", "--features", "lbp", "--chunk-size", "7", "--on-error", "skip", "--quiet"),
        *("--max-error-rate", "0.5", "--item-timeout", "1.5", "--no-resume", "--layout", "wide", "--prefix", "x_"),
        *("--jobs", "2"),
    )[2]
    assert options == {
        "y": None,
        "n_jobs": 2,
        "resume": False,
        "progress": False,
        "chunk_size": 7,
        "on_error": "skip",
        "max_error_rate": 0.5,
        "item_timeout": 1.5,
        "layout": "wide",
        "prefix": "x_",
    }


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--pattern", "*.jpg"], [GOOD[4], DAMAGED]),
        (["--pattern", "a/*", "--start", "1"], GOOD[1:4]),
        (["--start", "1", "--stop", "5", "--limit", "2"], GOOD[1:3]),
        (["--limit", "3"], GOOD[:3]),
    ],
)
def test_choice_of_files(photos, calls, tmp_path, options, names):
    X = run(calls, photos, tmp_path / "out", "--features", "lbp", *options)[1]
    assert X.names == names
    assert X[0].ndim == 3


def test_how_files_are_read(photos, calls, tmp_path):
    X = run(calls, photos, tmp_path / "out", "--features", "lbp", "--mode", "gray", "--draft", "20x10")[1]
    assert X.decoding["mode"] == "gray"
    assert X.decoding["draft"] == (20, 10)


def test_reader_of_the_pipeline(photos, calls, tmp_path):
    features = "imagereader('gray', draft=(8, 8), on_error='nan') | lbp"
    estimator, X, _ = run(calls, photos, tmp_path / "out", "--features", features)
    assert [type(step) for step in estimator] == [LBP]
    assert X.decoding["mode"] == "gray"
    assert X.decoding["draft"] == (8, 8)
    assert X.names == [*GOOD, DAMAGED]


def test_saved_pipeline(photos, calls, tmp_path):
    saved = make_pipeline(ImageReader("gray"), Resize((32, 24)), HOG(), PCA(2, random_state=0))
    saved.fit([str(photos / name) for name in GOOD])
    joblib.dump(saved, tmp_path / "pipeline.joblib")
    options = ("--features", tmp_path / "pipeline.joblib", "--trust-pickle", "--size", "64x64")
    estimator, X, _ = run(calls, photos, tmp_path / "out", *options)
    assert X.decoding["mode"] == "gray"
    gray = ImageCollection(GOOD, root=photos, mode="gray")
    expected = saved[1:].transform(Resize((64, 64)).fit_transform(gray))
    assert_array_equal(estimator[1:].transform(estimator[0].fit(gray).transform(gray)), expected)


def test_address(photos, calls, tmp_path):
    pytest.importorskip("fsspec")
    X = run(calls, f"file://{photos}", "memory://out", "--features", "lbp")[1]
    assert X.names == [*GOOD, DAMAGED]
    assert_array_equal(X[1], np.asarray(Image.open(photos / GOOD[1])))
    assert calls[0][2] == "memory://out"


def write_table(path, **columns):
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    else:
        pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table(photos, calls, tmp_path, suffix):
    table = write_table(tmp_path / f"items{suffix}", n=[1, 2, 3], file=[GOOD[4], "../x.png", GOOD[0]])
    X = run(calls, table, tmp_path / "out", "--column", "file", "--root", photos, "--features", "lbp")[1]
    assert X.names == [GOOD[4], "../x.png", GOOD[0]]
    assert X[2].shape == (40, 50, 3)
    with pytest.raises(ImageError, match="outside_root"):
        X.read(1)


def test_table_beside_its_images(photos, calls, tmp_path):
    table = write_table(photos / "items.csv", image_path=GOOD)
    assert run(calls, table, tmp_path / "out", "--features", "lbp")[1][0].shape == (40, 50, 3)


def test_table_of_encoded_images(photos, calls, tmp_path):
    table = write_table(tmp_path / "items.parquet", picture=[(photos / name).read_bytes() for name in GOOD])
    X = run(calls, table, tmp_path / "out", "--column", "picture", "--features", "lbp")[1]
    assert [image.shape[0] for image in X] == [40, 41, 42, 43, 44]


def test_paths_where_images_are_expected(photos, tmp_path, capsys):
    table = write_table(tmp_path / "items.parquet", image=GOOD)
    assert main(["extract", str(table), str(tmp_path / "out"), "--features", "lbp"]) == 1
    check_line(capsys.readouterr(), "string", "--column")


def test_array_with_labels(calls, tmp_path):
    images, labels = np.zeros((9, 8, 8), dtype=np.uint8), np.arange(9)
    np.savez(tmp_path / "data.npz", X=images, y=labels)
    _, X, options = run(
        calls, tmp_path / "data.npz", tmp_path / "out", "--features", "lbp", "--labels-key", "y", "--start", "2"
    )
    assert_array_equal(X, images[2:])
    assert_array_equal(options["y"], labels[2:])


@pytest.mark.parametrize(
    ("features", "options", "exit_code", "words"),
    [
        ("imagereader", [], 2, ["images, not rows"]),
        ("imagereader | lbp", ["--mode", "gray"], 2, ["imagereader", "mode"]),
        ("imagereader(root='.') | lbp", [], 2, ["imagereader", "root"]),
        ("lbp", ["--image-shape", "8x8"], 2, ["--image-shape"]),
        ("lbp", ["--pattern", "*.gif"], 1, ["no images"]),
        ("lbp", ["--start", "6"], 2, ["none of the 6"]),
        ("lbp", ["--labels", "missing.npy"], 1, ["missing.npy"]),
    ],
)
def test_what_does_not_fit_a_folder(photos, calls, tmp_path, capsys, features, options, exit_code, words):
    assert main(["extract", str(photos), str(tmp_path / "out"), "--features", features, *options]) == exit_code
    check_line(capsys.readouterr(), *words)
    assert calls == []
    assert not (tmp_path / "out").exists()


def test_csv_at_an_address(photos, calls, capsys):
    assert main(["extract", str(photos), "memory://out", "--features", "lbp", "--csv"]) == 2
    check_line(capsys.readouterr(), "--csv", "'memory://out'")
    assert calls == []


# --- How a run may end.

STOPPED = Account("out", listed=9, ok=4, partial=0, error=2, skipped=3, codes={"empty": 2})


@pytest.mark.parametrize(
    ("error", "exit_code", "line", "shows_account"),
    [
        (Interrupted(STOPPED), 130, "interrupted: the same command goes on from here", True),
        (TooManyErrorsError("2 of 6 items failed", STOPPED), 1, "2 of 6 items failed", True),
        (RuntimeError("chunk 3 kills its worker"), 1, "chunk 3 kills its worker", False),
        (ImageError("empty", "item 3, 'x.png'"), 1, "item 3, 'x.png' [empty]", False),
        (OSError(28, "No space left", "out"), 1, "out: No space left", False),
        (BlockingIOError(11, "another run is writing", "out"), 1, "out: another run is writing", False),
        (
            FileExistsError(17, "the folder holds something else", "out"),
            2,
            "out: the folder holds something else",
            False,
        ),
        (ValueError("another estimator"), 2, "another estimator", False),
        (TypeError("gives no rows"), 2, "gives no rows", False),
        (KeyboardInterrupt(), 130, "interrupted", False),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_ends(photos, tmp_path, capsys, monkeypatch, error, exit_code, line, shows_account, as_json):
    monkeypatch.setattr("skimgfeat.jobs.extract", failing(error))
    command = ["extract", str(photos), str(tmp_path / "out"), "--features", "lbp"]
    assert main([*command, "--json"] if as_json else command) == exit_code
    captured = capsys.readouterr()
    assert captured.err == f"skimgfeat: error: {line}\n"
    if not shows_account:
        assert captured.out == ""
    elif as_json:
        assert json.loads(captured.out) == STOPPED.to_dict()
    else:
        assert captured.out.startswith("9 listed = 4 ok + 0 partial + 2 error (2 empty) + 3 skipped\n")


def test_other_images_than_those_of_the_job(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("skimgfeat.jobs.extract", lambda *args, **options: STOPPED)
    assert main(["extract", str(photos), str(tmp_path / "out"), "--features", "lbp", "--quiet"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a job over 9 images, and 6 are chosen now" in captured.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_sigterm_and_the_same_command(tmp_path, capsys):
    array, output = tmp_path / "many.npy", tmp_path / "out"
    np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=(400, 16, 16))  # sparse on disk
    command = ["extract", str(array), str(output), "--features", "lbp", "--chunk-size", "1", "--jobs", "1"]
    process = subprocess.Popen([sys.executable, "-m", "skimgfeat", *command], stdout=-1, stderr=-1, text=True)
    deadline = time.monotonic() + 60
    while len(list(output.glob("chunks/*.parquet"))) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    # joblib's tracker of resources may have a word about the worker that was stopped.
    assert err.splitlines()[-1] == "skimgfeat: error: interrupted: the same command goes on from here"
    account = load_account(output)
    assert account.ok < 400
    # A worker may have written a chunk that the run had not heard of when it ended.
    (told,) = re.findall(r"^400 listed = (\d+) ok ", out)
    assert 4 <= int(told) <= account.ok <= int(told) + 1
    assert main([*command, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["ok"] == 400
    assert again["n_done"] == 400 - account.ok


# --- verify and info.


def test_verify(job, tmp_path, capsys):
    assert main(["verify", str(job[0])]) == 0
    assert capsys.readouterr().out == f"right: {COUNTS}"
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", job[0], copy], check=True)
    chunk = copy / "chunks" / "c-000000.parquet"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    assert main(["verify", str(copy)]) == 1
    assert "chunks/c-000000.parquet" in capsys.readouterr().out
    (copy / "manifest.json").unlink()
    assert main(["verify", str(copy)]) == 1
    assert "not finished" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["verify", "info"])
def test_no_job_folder(tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 1
    check_line(capsys.readouterr(), "no job folder", str(tmp_path))


def test_info(job, capsys):
    features = load_features(job[0])[:5]
    assert main(["info", str(job[0]), "--rows", "6"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{job[0]}: finished\n{COUNTS}")
    assert "size=(32, 24)" in out
    assert f"6 rows, 1 of them NaN; {features.shape[1]:,} columns, hog_r0_c0_b00_o0 to " in out
    mean = features.mean(dtype=np.float64)
    assert f"min {features.min():.6g}, mean {mean:.6g}, max {features.max():.6g}\n" in out
    lines = out.splitlines()[-6:]
    assert lines[0].startswith(f"0  'a/0.png'  ok  {features[0, 0]:.4g}  {features[0, 1]:.4g}  ")
    assert lines[5].startswith("5  'b/damaged.jpg'  error truncated: ")


def test_info_as_json(job, capsys):
    assert main(["info", str(job[0]), "--json"]) == 0
    info = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    features = load_features(job[0])[:5]
    n_bytes = sum(path.stat().st_size for path in job[0].rglob("*") if path.is_file())
    assert info["account"]["error"] == 1
    assert info["job"]["n_items"] == 6
    assert info["features"] == {
        "rows": 6,
        "nan_rows": 1,
        "bytes": n_bytes,
        "min": float(features.min()),
        "mean": pytest.approx(features.mean(dtype=np.float64)),
        "max": float(features.max()),
    }
    assert [row["image_path"] for row in info["sample"]] == GOOD[:3]
    assert info["sample"][0]["features"] == features[0, :4].tolist()


def test_info_of_descriptors(tmp_path, capsys):
    # What gives a list of arrays gives descriptors: here, the rows of images.
    extract(FunctionTransformer(list), np.zeros((3, 7, 2)), tmp_path / "out")
    assert main(["info", str(tmp_path / "out"), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert {name: info["features"][name] for name in ("rows", "nan_rows", "min", "mean", "max")} == {
        "rows": 3,
        "nan_rows": 0,
        "min": 7,
        "mean": 7,
        "max": 7,
    }
    assert main(["info", str(tmp_path / "out")]) == 0
    assert "descriptors of an item\n3 rows" in capsys.readouterr().out
