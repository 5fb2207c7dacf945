import gzip
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skimgfeat import HOG, LBP, HandcraftedFeatures, Resize
from skimgfeat.cli import main

IMAGES = np.random.default_rng(0).integers(0, 256, (25, 28, 30), dtype=np.uint8)
LABELS = np.arange(25) % 3


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the same images in every format."""
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", IMAGES)
    np.save("labels.npy", LABELS)
    np.savez("data.npz", X=IMAGES, other=IMAGES[::-1], y=LABELS)
    (tmp_path / "images.idx").write_bytes(idx(IMAGES))
    (tmp_path / "images.idx.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (tmp_path / "labels.idx.gz").write_bytes(gzip.compress(idx(LABELS.astype(np.uint8))))
    return tmp_path


def write_parquet(path, images, **columns):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    encoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="PNG")
        encoded.append(buffer.getvalue())
    parquet.write_table(pa.table({"image": encoded, **columns}), path)


def extract(*arguments, features="hog"):
    return main(["extract", *arguments, "--features", features])


def check_failure(capsys, exit_code, expected_exit_code, *words):
    """One line that holds the words, and no output file or temporary file beside the inputs."""
    captured = capsys.readouterr()
    assert exit_code == expected_exit_code
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    for word in words:
        assert word in captured.err
    assert not [name for name in os.listdir() if name.startswith(("out", "."))]


@pytest.mark.parametrize("source", ["images.npy", "images.idx", "images.idx.gz"])
def test_from_every_array_format(folder, source):
    assert extract(source, "out.npz", "--labels", "labels.idx.gz") == 0
    with np.load("out.npz") as stored:
        assert set(stored) == {"X", "y", "feature_names"}
        assert stored["X"].dtype == np.float32
        assert_array_equal(stored["X"], HOG().fit_transform(IMAGES))
        assert_array_equal(stored["feature_names"], HOG().fit(IMAGES).get_feature_names_out())
        assert_array_equal(stored["y"], LABELS)


def test_from_npz_to_npy(folder):
    assert extract("data.npz", "out.npy", "--key", "X", features="handcrafted") == 0
    assert_array_equal(np.load("out.npy"), HandcraftedFeatures().fit_transform(IMAGES))


def test_from_parquet_to_parquet(folder):
    pandas = pytest.importorskip("pandas")
    images = np.random.default_rng(1).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    names = [f"class {i % 2}" for i in range(9)]
    write_parquet("images.parquet", images, label=names)
    assert extract("images.parquet", "out.parquet", "--labels", "images.parquet", "--batch-size", "4") == 0
    table = pandas.read_parquet("out.parquet")
    expected = HOG().set_output(transform="pandas").fit_transform(images)
    assert list(table["label"]) == names
    pandas.testing.assert_frame_equal(table.drop(columns="label"), expected)


def test_parquet_input_with_other_columns(folder):
    write_parquet("images.parquet", IMAGES, fine=LABELS)
    assert extract("images.parquet", "out.npz", "--key", "image", "--labels-key", "fine") == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["X"], HOG().fit_transform(IMAGES))
        assert_array_equal(stored["y"], LABELS)


@pytest.mark.parametrize(
    "options", [["--labels", "data.npz"], ["--labels-key", "y"], ["--labels", "data.npz", "--labels-key", "y"]]
)
def test_labels_of_the_same_file(folder, options):
    assert extract("data.npz", "out.npz", "--key", "other", *options) == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["X"], HOG().fit_transform(IMAGES[::-1]))
        assert_array_equal(stored["y"], LABELS)


@pytest.mark.parametrize(
    ("features", "extractor"),
    [
        ("hog(6, (4, 5), cells_per_block=(2, 1), block_norm='L1')", HOG(6, (4, 5), (2, 1), "L1")),
        ("HandcraftedFeatures(['hu', 'zoning'], threshold='otsu')", HandcraftedFeatures(["zoning", "hu"], "otsu")),
        ("lbp", LBP()),
        ("resize((32, 24)) | hog", make_pipeline(Resize((32, 24)), HOG())),
        ("hog | sklearn.preprocessing.Normalizer('l1')", make_pipeline(HOG(), Normalizer("l1"))),
    ],
)
def test_features_are_those_of_the_estimators(folder, features, extractor):
    assert extract("images.npy", "out.npz", "--jobs", "2", features=features) == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["X"], extractor.fit_transform(IMAGES))


def test_names_of_columns_go_through_the_steps(folder):
    assert extract("images.npy", "out.npz", features="resize((32, 32)) | hog | sklearn.preprocessing.Normalizer") == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["feature_names"], HOG().fit(np.zeros((1, 32, 32))).get_feature_names_out())


def test_saved_pipeline_is_not_fitted_again(folder):
    X = HOG().fit_transform(IMAGES)
    pipeline = make_pipeline(HOG(), StandardScaler(), PCA(3, random_state=0)).fit(IMAGES[:20] // 2)
    joblib.dump(pipeline, "pipeline.joblib")
    assert extract("images.npy", "out.npz", "--trust-pickle", features="pipeline.joblib") == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["X"], pipeline.transform(IMAGES))
        assert_array_equal(stored["feature_names"], ["pca0", "pca1", "pca2"])
        assert stored["X"].shape != X.shape


def test_json_is_all_that_is_printed(folder, capsys):
    assert extract("images.npy", "out.npy", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    account = json.loads(captured.out)
    assert {name: account[name] for name in ("output", "listed", "ok", "error", "complete")} == {
        "output": "out.npy",
        "listed": 25,
        "ok": 25,
        "error": 0,
        "complete": True,
    }


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("--start 3", slice(3, None)),
        ("--stop 7", slice(7)),
        ("--limit 4", slice(4)),
        ("--start 20 --limit 99", slice(20, None)),
        ("--start 2 --stop 9 --limit 5", slice(2, 7)),
    ],
)
def test_part_of_the_images(folder, options, part):
    assert extract("images.npy", "out.npz", "--labels", "labels.npy", *options.split(), features="lbp") == 0
    with np.load("out.npz") as stored:
        assert_array_equal(stored["X"], LBP().fit_transform(IMAGES[part]))
        assert_array_equal(stored["y"], LABELS[part])


def test_rows_are_laid_out_and_resized(folder):
    np.save("rows.npy", IMAGES.reshape(25, -1))
    assert extract("rows.npy", "a.npy", "--image-shape", "28x30") == 0
    assert_array_equal(np.load("a.npy"), HOG().fit_transform(IMAGES))
    assert extract("rows.npy", "b.npy", "--image-shape", "28x30", "--size", "40x24", features="handcrafted") == 0
    expected = make_pipeline(Resize((40, 24)), HandcraftedFeatures()).fit_transform(IMAGES)
    assert_array_equal(np.load("b.npy"), expected)


@pytest.fixture
def batch_sizes(monkeypatch):
    """The number of images of each call of HOG.transform; what is tried on zeros does not count."""
    sizes = []
    transform = HOG.transform

    def record(self, X):
        sizes.extend([len(X)] if np.any(X) else [])
        return transform(self, X)

    monkeypatch.setattr(HOG, "transform", record)
    return sizes


def test_batches_of_the_given_size(folder, batch_sizes):
    assert extract("images.npy", "out.npy", "--batch-size", "10") == 0
    assert batch_sizes == [10, 10, 5]


def test_batches_are_bounded_by_memory(folder, batch_sizes):
    np.save("large.npy", np.ones((9, 1000, 1000)))  # 8 MB an image
    assert extract("large.npy", "out.npy", features="hog(pixels_per_cell=(250, 250))") == 0
    assert sum(batch_sizes) == 9
    assert max(batch_sizes) <= 4


def test_summary_and_quiet(folder, capsys):
    assert extract("images.npy", "out.npy") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("25 listed = 25 ok + 0 partial + 0 error + 0 skipped\n")
    assert captured.out.endswith(" images/s: out.npy\n")
    assert extract("images.npy", "out.npy", "--overwrite", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("images.npy out.csv", ["'out.csv'", ".npz", ".parquet"]),
        ("images.npy out.npy --labels labels.npy", [".npy", "labels"]),
        ("images.npy missing/out.npy", ["'missing/out.npy'", "create"]),
        ("images.npy folder.npy", ["'folder.npy'", "folder"]),
        ("images.npy out.npy --size 4", ["--size", "'4'"]),
        ("images.npy out.npy --size 4x4x4", ["--size", "4x4x4"]),
        ("images.npy out.npy --size 4x0", ["--size", "4x0"]),
        ("images.npy out.npy --size -4x4", ["--size"]),
        ("images.npy out.npy --start -1", ["--start", "at least 0"]),
        ("images.npy out.npy --limit 0", ["--limit", "at least 1"]),
        ("images.npy out.npy --start 25", ["--start", "none of the 25 images"]),
        ("images.npy out.npy --pattern *.png", ["--pattern", "INPUT is a file of arrays"]),
        ("images.npy out.npy --mode gray", ["--mode"]),
        ("images.npy out.npy --column path", ["--column"]),
        ("images.npy out.npy --chunk-size 5", ["--chunk-size", "OUTPUT is a file"]),
        ("images.npy out.npy --no-resume", ["--no-resume"]),
        ("images.npy out.npy --csv", ["--csv"]),
        ("images.npy out --overwrite", ["--overwrite", "OUTPUT is a job folder"]),
        ("images.npy out --batch-size 5", ["--batch-size"]),
        ("images.npy out --prefix x", ["--prefix", "--layout wide"]),
        ("images.npy out --max-error-rate 2", ["--max-error-rate", "from 0 to 1"]),
        ("images.npy out --item-timeout 0", ["--item-timeout", "above 0"]),
        ("images.npy images.idx", ["'images.idx'", "is a file"]),
        (". out.npz", ["'out.npz'", "must be a folder"]),
        (". out --labels-key y", ["--labels-key", "--labels"]),
        (". out --key y", ["--key", "INPUT is a folder"]),
        (". out --image-shape 8x8", ["--image-shape"]),
        (". out --root .", ["--root"]),
        ("images.npy out.npy --jobs 0", ["--jobs", "must not be 0"]),
        ("images.npy out.npy --batch-size 0", ["--batch-size"]),
        ("images.npy out.npy --image-shape 30x28", ["(28, 30)", "(30, 28)"]),
        ("rows.npy out.npy", ["rows of 840 values", "--image-shape"]),
        ("rows.npy out.npy --image-shape 28x28", ["840", "(28, 28)"]),
    ],
)
def test_usage_errors(folder, capsys, batch_sizes, arguments, words):
    np.save("rows.npy", IMAGES.reshape(25, -1))
    os.mkdir("folder.npy")
    check_failure(capsys, extract(*arguments.split()), 2, *words)
    assert batch_sizes == []


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ("hog(orientations=0)", ["orientations", "at least 1"]),
        ("hog(block_norm='L3')", ["block_norm", "'L3'"]),
        ("hog(pixels_per_cell=(20, 20))", ["smaller than one block", "Resize"]),
        ("handcrafted(families=['hug'])", ["'hug'", "zoning"]),
        ("handcrafted(threshold='high')", ["threshold", "'high'"]),
        ("hog(orient=3)", ["'orient'", "orientations"]),
        ("hog | sklearn.preprocessing.StandardScaler", ["StandardScaler", "not fitted"]),
        ("resize((8, 8))", ["Resize", "images, not rows"]),
        ("imagereader | resize((8, 8)) | hog", ["imagereader", "array"]),
        ("resize((8, 8)) | imagereader | hog", ["imagereader", "first"]),
        ("pipeline.joblib", ["'pipeline.joblib'", "code", "--trust-pickle"]),
    ],
)
def test_usage_errors_of_features(folder, capsys, features, words):
    check_failure(capsys, extract("images.npy", "out.npy", features=features), 2, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("missing.npy out.npy", ["missing.npy", "No such file"]),
        ("images.npy out.npz --labels missing.npy", ["missing.npy", "No such file"]),
        ("data.npz out.npz", ["'X'", "'other'"]),
        ("data.npz out.npz --key z", ["'z'", "'X'"]),
        ("images.npy out.npz --key X", ["key='X'"]),
        ("data.npz out.npz --key X --labels-key z", ["'z'"]),
        ("images.npy out.npz --labels few.npy", ["24 labels", "25 images"]),
        ("images.npy out.npz --labels images.npy", ["images.npy", "1-D"]),
        ("labels.npy out.npz", ["labels.npy", "2 to 4 dimensions"]),
        ("empty.npy out.npz", ["empty.npy", "no images"]),
        ("damaged.npz out.npz", ["damaged.npz"]),
        ("text.npy out.npz", ["text.npy"]),
    ],
)
def test_files_that_cannot_be_used(folder, capsys, batch_sizes, arguments, words):
    np.save("few.npy", LABELS[1:])
    np.save("empty.npy", IMAGES[:0])
    (folder / "damaged.npz").write_bytes((folder / "data.npz").read_bytes()[:-30])
    (folder / "text.npy").write_text("images")
    check_failure(capsys, extract(*arguments.split()), 1, *words)
    assert batch_sizes == []


def test_existing_output(folder, capsys, batch_sizes):
    (folder / "old.npz").write_bytes(b"old")
    assert extract("missing.npy", "old.npz") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / "old.npz").read_bytes() == b"old"
    assert extract("images.npy", "old.npz", "--overwrite") == 0
    with np.load("old.npz") as stored:
        assert_array_equal(stored["X"], HOG().fit_transform(IMAGES))


@pytest.mark.parametrize(("output", "options"), [("images.npy", []), ("data.npz", ["--labels", "data.npz"])])
def test_output_that_is_read_from(folder, capsys, output, options):
    before = (folder / output).read_bytes()
    assert extract("images.npy", output, "--overwrite", *options) == 2
    assert "read from" in capsys.readouterr().err
    assert (folder / output).read_bytes() == before


@pytest.mark.parametrize("suffix", ["npy", "npz", "parquet"])
def test_a_bad_pixel_leaves_the_old_output(folder, capsys, suffix):
    pytest.importorskip("pyarrow")
    images = IMAGES / 255
    images[13, 4, 4] = np.nan
    np.save("nan.npy", images)
    (folder / f"old.{suffix}").write_bytes(b"old")
    exit_code = extract("nan.npy", f"old.{suffix}", "--overwrite", "--batch-size", "5")
    check_failure(capsys, exit_code, 1, "images 10 to 14", "NaN")
    assert (folder / f"old.{suffix}").read_bytes() == b"old"


def test_negative_pixels_under_a_square_root(folder, capsys):
    np.save("negative.npy", IMAGES / 255 - 0.5)
    check_failure(capsys, extract("negative.npy", "out.npy", features="handcrafted"), 1, "images 0 to 24", "Negative")


def test_without_pyarrow(folder, capsys, batch_sizes, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    check_failure(capsys, extract("images.npy", "out.parquet"), 1, "skimgfeat[parquet]")
    assert len(batch_sizes) <= 1


def test_interrupt_between_batches(folder, capsys, monkeypatch):
    (folder / "old.npy").write_bytes(b"old")
    transform = HOG.transform

    def interrupt(self, X):
        if X.any() and (X[0] == IMAGES[10]).all():
            raise KeyboardInterrupt
        return transform(self, X)

    monkeypatch.setattr(HOG, "transform", interrupt)
    check_failure(capsys, extract("images.npy", "old.npy", "--overwrite", "--batch-size", "5"), 130, "interrupted")
    assert (folder / "old.npy").read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_while_writing(folder):
    shape = (200_000, 28, 28)
    np.lib.format.open_memmap("many.npy", mode="w+", dtype=np.uint8, shape=shape)  # sparse on disk
    (folder / "old.npy").write_bytes(b"old")
    process = subprocess.Popen(
        f"{sys.executable} -m skimgfeat extract many.npy old.npy --overwrite --features hog --batch-size 50".split(),
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job inherits an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob(".skimgfeat-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "skimgfeat: error: interrupted\n"
    assert not list(folder.glob(".skimgfeat-*"))
    assert (folder / "old.npy").read_bytes() == b"old"


def test_mnist(data_dir, tmp_path):
    output = str(tmp_path / "mnist.npz")
    images, labels = (str(data_dir / "mnist" / f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
    assert extract(images, output, "--labels", labels, features="handcrafted") == 0
    with gzip.open(images) as file:
        some = np.frombuffer(file.read(16 + 50 * 784), dtype=np.uint8, offset=16).reshape(50, 28, 28)
    with np.load(output) as stored:
        assert stored["X"].shape == (10_000, 1436)
        assert_array_equal(stored["X"][:50], HandcraftedFeatures().fit_transform(some))
        assert_array_equal(stored["y"][:5], [7, 2, 1, 0, 4])


@pytest.mark.parametrize(("options", "shown"), [((), True), (("--quiet",), False)])
def test_progress_on_a_terminal(folder, capsys, monkeypatch, options, shown):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert extract("images.npy", "out.npy", "--batch-size", "5", *options) == 0
    assert ("images/s" in capsys.readouterr().err) == shown


def test_no_progress_in_a_log(folder, capsys):
    assert extract("images.npy", "out.npy", "--batch-size", "5") == 0
    assert capsys.readouterr().err == ""
