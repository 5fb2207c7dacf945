import gzip
import io
import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, HandcraftedFeatures, Resize
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
    ("features", "options", "extractor"),
    [
        (
            "hog",
            "--orientations 6 --pixels-per-cell 4x5 --cells-per-block 2x1 --block-norm L1 --transform-sqrt",
            HOG(6, (4, 5), (2, 1), "L1", True),
        ),
        ("hog", "--signed", HOG(signed=True)),
        ("hog", "--interpolate", HOG(interpolate=True)),
        ("handcrafted", "--families hu,zoning --jobs 1", HandcraftedFeatures(["zoning", "hu"])),
        ("handcrafted", "--families all --threshold otsu", HandcraftedFeatures(threshold="otsu")),
        ("handcrafted", "--threshold 0.4 --polarity dark", HandcraftedFeatures(threshold=0.4, polarity="dark")),
        (
            "handcrafted",
            "--no-transform-sqrt --pixels-per-cell 7x7 --jobs 2",
            HandcraftedFeatures(transform_sqrt=False, pixels_per_cell=(7, 7)),
        ),
    ],
)
def test_options_are_the_parameters(folder, features, options, extractor):
    assert extract("images.npy", "out.npy", *options.split(), features=features) == 0
    assert_array_equal(np.load("out.npy"), extractor.fit_transform(IMAGES))


def test_rows_are_laid_out_and_resized(folder):
    np.save("rows.npy", IMAGES.reshape(25, -1))
    assert extract("rows.npy", "a.npy", "--image-shape", "28x30") == 0
    assert_array_equal(np.load("a.npy"), HOG().fit_transform(IMAGES))
    assert extract("rows.npy", "b.npy", "--image-shape", "28x30", "--resize", "40x24", features="handcrafted") == 0
    expected = make_pipeline(Resize((40, 24)), HandcraftedFeatures()).fit_transform(IMAGES)
    assert_array_equal(np.load("b.npy"), expected)


@pytest.fixture
def batch_sizes(monkeypatch):
    """The number of images of each call of HOG.transform for more than the probe of one image."""
    sizes = []
    transform = HOG.transform

    def record(self, X):
        sizes.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(HOG, "transform", record)
    return sizes


def test_batches_of_the_given_size(folder, batch_sizes):
    assert extract("images.npy", "out.npy", "--batch-size", "10") == 0
    assert batch_sizes[1:] == [10, 10, 5]


def test_batches_are_bounded_by_memory(folder, batch_sizes):
    np.save("large.npy", np.zeros((9, 1000, 1000), dtype=np.float64))  # 8 MB an image
    assert extract("large.npy", "out.npy", "--pixels-per-cell", "250x250") == 0
    assert sum(batch_sizes[1:]) == 9
    assert max(batch_sizes) <= 4


def test_summary_and_quiet(folder, capsys):
    assert extract("images.npy", "out.npy") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    n_columns = HOG().fit_transform(IMAGES).shape[1]
    assert captured.out.startswith(f"25 images, {n_columns} columns, ")
    assert captured.out.endswith(" images/s: out.npy\n")
    assert extract("images.npy", "out.npy", "--overwrite", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("images.npy out.csv", ["'out.csv'", ".npz", ".parquet"]),
        ("images.npy out", ["'out'", ".npy"]),
        ("images.npy out.npy --labels labels.npy", [".npy", "labels"]),
        ("images.npy missing/out.npy", ["'missing/out.npy'", "create"]),
        ("images.npy folder.npy", ["'folder.npy'", "folder"]),
        ("images.npy out.npy --families hu", ["--families", "--features hog"]),
        ("images.npy out.npy --polarity dark", ["--polarity"]),
        ("images.npy out.npy --orientations 0", ["--orientations", "at least 1"]),
        ("images.npy out.npy --orientations many", ["--orientations", "'many'"]),
        ("images.npy out.npy --pixels-per-cell 4", ["--pixels-per-cell", "'4'"]),
        ("images.npy out.npy --pixels-per-cell 4x4x4", ["--pixels-per-cell", "4x4x4"]),
        ("images.npy out.npy --pixels-per-cell 4x0", ["--pixels-per-cell", "4x0"]),
        ("images.npy out.npy --resize -4x4", ["--resize"]),
        ("images.npy out.npy --jobs 0", ["--jobs", "must not be 0"]),
        ("images.npy out.npy --batch-size 0", ["--batch-size"]),
        ("images.npy out.npy --block-norm L3", ["--block-norm", "L3"]),
        ("images.npy out.npy --pixels-per-cell 20x20", ["smaller than one block", "Resize"]),
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
    ("options", "words"),
    [
        ("--signed", ["--signed", "--features handcrafted"]),
        ("--families hug", ["'hug'", "zoning"]),
        ("--threshold high", ["--threshold", "'high'"]),
        ("--threshold nan", ["threshold", "finite"]),
    ],
)
def test_usage_errors_of_handcrafted(folder, capsys, options, words):
    check_failure(capsys, extract("images.npy", "out.npy", *options.split(), features="handcrafted"), 2, *words)


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
        (". out.npz", ["'.'"]),
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
    monkeypatch.setitem(sys.modules, "pyarrow", None)
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
