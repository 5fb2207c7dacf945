"""``skimgfeat codec``: fit, update, encode, decode, info."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from unittest import mock

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data

from skimgfeat import SIFT, DescriptorCodec, DescriptorStore, extract
from skimgfeat.cli import main
from skimgfeat.descriptors import _checkpoint
from skimgfeat.jobs import extend_store

pq = pytest.importorskip("pyarrow.parquet")

PICTURE = data.camera()[100:340, 100:340]
FIT = ("--components", "16", "--quiet")
TEST_IMAGES = ("01.png", "12.png")


@pytest.fixture(autouse=True, scope="module")
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading", n_jobs=2):
        yield


def write_images(folder, numbers):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        Image.fromarray(PICTURE[number : 100 + 2 * number, : 120 + number]).save(folder / f"{number:02d}.png")
    (folder / "damaged.png").write_bytes(b"no image")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec") / "images"
    write_images(folder, range(20))
    rows = "".join(f"{number:02d}.png,{'test' if number in (1, 12) else 'train'}\n" for number in range(20))
    (folder.parent / "items.csv").write_text(f"image_path,split\n{rows}not_there.png,test\n")
    return folder


@pytest.fixture(scope="module")
def store(images):
    path = images.parent / "store"
    extend_store(SIFT(geometry=True), images, path, chunk_size=8)
    return str(path)


@pytest.fixture(scope="module")
def exclude(images):
    return ("--exclude", f"{images.parent / 'items.csv'}:split=test")


@pytest.fixture(scope="module")
def model(store, exclude, tmp_path_factory):
    """A codec that has not learned from two of the images; not to be changed."""
    path = str(tmp_path_factory.mktemp("model") / "sift.codec")
    assert main(["codec", "fit", store, path, *exclude, *FIT]) == 0
    return path


def chunk_bytes(path):
    return {str(file): file.read_bytes() for file in sorted(Path(path).rglob("*.parquet"))}


def check_line(captured, *words):
    assert captured.out == ""
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    for word in words:
        assert word in captured.err


def test_fit_leaves_images_out(store, model):
    opened = DescriptorStore(store)
    subset = np.array([name not in TEST_IMAGES for name in opened.names])
    expected = DescriptorCodec(16, random_state=0).fit(opened[:], subset=subset)
    found = DescriptorCodec.load(model)
    for name in ("components_", "mean_", "lower_", "upper_"):
        assert_array_equal(getattr(found.pca_, name), getattr(expected.pca_, name))
    assert found.n_images_seen_ == 18


def test_fit_tells_what_was_left_out(store, exclude, tmp_path, capsys):
    command = ["codec", "fit", store, str(tmp_path / "codec"), *exclude, "--components", "8"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "21 images = 19 included + 2 excluded\n" in out
    assert "rows of --exclude that are of no image in the store: 1\n" in out
    assert "of those included, 1 failed and have no descriptors\n" in out
    assert f"learned from 18 images now: {tmp_path / 'codec'}\n" in out
    before = os.stat(tmp_path / "codec").st_mtime_ns
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": str(tmp_path / "codec"),
        "images": 21,
        "included": 19,
        "excluded": 2,
        "failed": 1,
        "chunks": 3,
        "new_images": 0,
        "unknown_rows": 1,
    }
    assert os.stat(tmp_path / "codec").st_mtime_ns == before


def test_an_image_that_failed_and_is_excluded_counts_once(images, store, tmp_path, capsys):
    table, model = tmp_path / "items.csv", str(tmp_path / "codec")
    table.write_text("image_path,split\ndamaged.png,test\n05.png,test\n")
    assert main(["codec", "fit", store, model, "--exclude", f"{table}:split=test", *FIT[:2], "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    counts = [content[name] for name in ("images", "included", "excluded", "failed", "new_images")]
    assert counts == [21, 19, 2, 0, 19]
    assert DescriptorCodec.load(model).n_images_seen_ == 19


def test_excluded_paths_may_be_spelled_in_other_ways(store, model, tmp_path, capsys):
    table = tmp_path / "items.csv"
    table.write_text("image_path,split\n./01.png,test\nmore/..//12.png,test\n,test\nnot_there.png,test\n02.png,train\n")
    path = tmp_path / "codec"
    assert main(["codec", "fit", store, str(path), "--exclude", f"{table}:split=test", *FIT[:2], "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["excluded"], content["unknown_rows"]) == (2, 2)
    assert path.read_bytes() == Path(model).read_bytes()


def test_excluded_names_that_are_no_text(images, tmp_path, capsys):
    folder, table, store = tmp_path / "images", tmp_path / "items.csv", str(tmp_path / "store")
    folder.mkdir()
    for name in (b"a.png", b"\xff.png"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes((images / "07.png").read_bytes())
    extend_store(SIFT(), folder, store)
    table.write_bytes(b"image_path,split\n\xff.png,test\n")
    options = ["--exclude", f"{table}:split=test", *FIT[:2], "--json"]
    assert main(["codec", "fit", store, str(tmp_path / "codec"), *options]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["excluded"], content["unknown_rows"]) == (1, 0)


def test_a_row_without_a_path_excludes_nothing(tmp_path, capsys):
    store, table = str(tmp_path / "store"), tmp_path / "items.csv"
    extract(SIFT(), np.stack([PICTURE, PICTURE.T]), store)
    table.write_text("image_path,split\n,test\n")
    assert main(["codec", "fit", store, str(tmp_path / "codec"), "--exclude", f"{table}:split=test"]) == 2
    check_line(capsys.readouterr(), "1 rows have that value, and none is of an image in the store")


def test_fit_takes_its_options(store, tmp_path):
    options = "--components 6 --max-descriptors 20 --select-by norm --quantiles 1,99 --margin 0.1 --bits 4"
    options += " --samples-per-image 30 --batch-size 70 --random-state 5"
    assert main(["codec", "fit", store, str(tmp_path / "codec"), *options.split(), "--quiet"]) == 0
    found = DescriptorCodec.load(tmp_path / "codec").get_params()
    expected = DescriptorCodec(
        6,
        max_descriptors=20,
        select_by="norm",
        quantile_range=(1, 99),
        margin=0.1,
        n_bits=4,
        samples_per_image=30,
        batch_size=70,
        random_state=5,
    )
    assert found == expected.get_params()
    assert main(["codec", "fit", store, str(tmp_path / "codec"), "--components", "7", "--overwrite", "--quiet"]) == 0
    assert DescriptorCodec.load(tmp_path / "codec").n_components == 7


@pytest.fixture
def growing(tmp_path):
    """A folder and a store of it; a function adds images to both."""
    folder, path = tmp_path / "images", str(tmp_path / "store")

    def grow(numbers):
        write_images(folder, numbers)
        extend_store(SIFT(), folder, path)
        return path

    return grow


def test_update_adds_what_is_new(growing, tmp_path, capsys):
    store, model = growing(range(5)), str(tmp_path / "codec")
    first = DescriptorStore(store)[:]
    assert main(["codec", "fit", store, model, *FIT]) == 0
    growing(range(5, 9))
    growing(range(9, 12))
    assert main(["codec", "fit", store, model, *FIT]) == 2
    check_line(capsys.readouterr(), "2 chunks that it has not learned from", "--update", "--overwrite")
    assert main(["codec", "fit", store, model, "--update"]) == 0
    assert "learned from 7 images now" in capsys.readouterr().out
    parts = DescriptorStore(store)[:]
    expected = DescriptorCodec(16, random_state=0).fit(first).partial_fit(parts[6:10]).partial_fit(parts[10:])
    found = DescriptorCodec.load(model)
    for name in ("components_", "mean_", "lower_", "upper_"):
        assert_array_equal(getattr(found.pca_, name), getattr(expected.pca_, name))
    assert found.n_images_seen_ == 12
    before = Path(model).read_bytes()
    assert main(["codec", "fit", store, model, "--update"]) == 0
    assert "nothing was left to do" in capsys.readouterr().out
    assert Path(model).read_bytes() == before


def test_an_interrupted_update_goes_on(growing, tmp_path, monkeypatch):
    store, model = growing(range(5)), str(tmp_path / "codec")
    assert main(["codec", "fit", store, model, *FIT]) == 0
    growing(range(5, 9))
    growing(range(9, 12))
    straight = tmp_path / "straight"
    straight.write_bytes(Path(model).read_bytes())
    assert main(["codec", "fit", store, str(straight), "--update", "--quiet"]) == 0
    partial_fit, calls = DescriptorCodec.partial_fit, []

    def interrupted(self, X, **options):
        calls.append(len(X))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return partial_fit.__get__(self)(X, **options)

    with monkeypatch.context() as patch:
        patch.setattr(DescriptorCodec, "partial_fit", interrupted)
        assert main(["codec", "fit", store, model, "--update", "--quiet"]) == 130
    assert calls == [4, 3]
    assert DescriptorCodec.load(model).n_images_seen_ == 9
    assert main(["codec", "fit", store, model, "--update", "--quiet"]) == 0
    assert Path(model).read_bytes() == straight.read_bytes()


# Runs a command, saves the state of a fit whenever it may be saved, and dies when it reads so many images.
DYING = """
import os, signal, sys
from skimgfeat import DescriptorStore
from skimgfeat.cli import main
from skimgfeat.descriptors import _checkpoint

_checkpoint._SECONDS = 0
read, left = DescriptorStore._array, [int(sys.argv[1])]

def read_or_die(store, index):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(store, index)

DescriptorStore._array = read_or_die
main(sys.argv[2:])
"""


def state_of(path):
    """Return in which pass, and after which image of it, an interrupted fit goes on."""
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("codec.json"))
    return 2 if content["second_pass"] else 1, content["n_read"]


@pytest.fixture
def reads(monkeypatch):
    """Count the images that are read from stores."""
    reads, read = [], DescriptorStore._array
    monkeypatch.setattr(DescriptorStore, "_array", lambda store, index: reads.append(index) or read(store, index))
    return reads


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("select_by", ["rank", "norm"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_fit_goes_on_to_the_same_bytes(store, exclude, tmp_path, reads, number, select_by):
    model, straight = tmp_path / "codec", tmp_path / "straight"
    options = [*exclude, *FIT, "--batch-size", "200", "--select-by", select_by]
    command = ["codec", "fit", store, str(model), *options]
    # The first 16 of the 21 images are read together, and then the others.
    n_reads = 18 if number == 1 else 21 + 18
    assert subprocess.run([sys.executable, "-c", DYING, str(n_reads), *command]).returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == ["codec.part"]
    in_pass, n_done = state_of(tmp_path / "codec.part")
    assert in_pass == number
    # In the first pass, some descriptors wait for a batch to be full.
    assert 1 <= n_done <= 16 if number == 1 else n_done == 16
    assert main(command) == 0
    assert len(reads) == 21 * (3 - number) - n_done
    assert os.listdir(tmp_path) == ["codec"]
    assert main(["codec", "fit", store, str(straight), *options]) == 0
    assert model.read_bytes() == straight.read_bytes()


@pytest.fixture
def interrupted(growing, tmp_path, monkeypatch):
    """A store, where its codec is to be, and what a fit that was interrupted has left beside that."""
    store, model = growing(range(5)), tmp_path / "codec"
    selections = iter(range(4))

    def select(codec, image, pca):
        if next(selections, None) is None:
            raise KeyboardInterrupt
        return slice(None)

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "_SECONDS", 0)
        patch.setattr(DescriptorCodec, "_selection", select)
        assert main(["codec", "fit", store, str(model), *FIT]) == 130
    assert not model.exists()
    assert state_of(tmp_path / "codec.part") == (2, 4)
    return store, model, tmp_path / "codec.part"


def test_another_fit_does_not_go_on_from_what_is_left(interrupted, growing, images, tmp_path, capsys, reads):
    store, model, part = interrupted
    before = part.read_bytes()
    table = tmp_path / "items.csv"
    table.write_text("image_path,split\n01.png,test\n")
    excluding = ("--exclude", f"{table}:split=test")

    def refused(*options):
        assert main(["codec", "fit", store, str(model), *FIT, *options]) == 2
        check_line(capsys.readouterr(), "codec.part' is left of a fit with other options", "--overwrite")
        assert not model.exists()
        assert part.read_bytes() == before
        assert reads == []

    refused("--components", "15")
    refused("--margin", "0.02")
    refused(*excluding)
    growing(range(5, 7))
    refused()
    assert main(["codec", "fit", store, str(model), *FIT, "--overwrite"]) == 0
    assert len(reads) == 2 * 8
    assert not part.exists()
    expected = DescriptorCodec(16, random_state=0).fit(DescriptorStore(store))
    assert_array_equal(DescriptorCodec.load(model).pca_.upper_, expected.pca_.upper_)


def test_a_damaged_state_of_a_fit(interrupted, capsys):
    store, model, part = interrupted
    part.write_bytes(part.read_bytes()[:-100])
    assert main(["codec", "fit", store, str(model), *FIT]) == 1
    check_line(capsys.readouterr(), "codec.part is damaged", "Remove it to begin anew")


def test_fits_that_contradict_the_model(store, model, exclude, tmp_path, capsys):
    def fails(*options, words):
        assert main(["codec", "fit", store, model, *options]) == 2
        check_line(capsys.readouterr(), *words)

    before = Path(model).read_bytes()
    fails(words=["--exclude leaves out now, or the other way round"])
    fails("--update", words=["--exclude leaves out now"])
    fails(*exclude, "--components", "17", words=["was fitted with n_components=16, not 17"])
    assert Path(model).read_bytes() == before
    unknown = str(tmp_path / "codec")
    DescriptorCodec(8).fit(DescriptorStore(store)).save(unknown)
    assert main(["codec", "fit", store, unknown]) == 2
    check_line(capsys.readouterr(), "does not tell what it has learned from")


def test_norm_is_not_updated(growing, tmp_path, capsys):
    store, model = growing(range(3)), str(tmp_path / "codec")
    assert main(["codec", "fit", store, model, *FIT, "--select-by", "norm"]) == 0
    growing(range(3, 5))
    assert main(["codec", "fit", store, model, "--update"]) == 2
    check_line(capsys.readouterr(), "--select-by norm", "--overwrite")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--exclude", "items.csv"], ["CSV:COLUMN=VALUE", "'items.csv'"]),
        (["--exclude", "{items}:split=other"], ["0 rows have that value"]),
        (["--exclude", "{items}:image_path=not_there.png"], ["1 rows", "none is of an image in the store"]),
        (["--exclude", "{items}:other=x"], ["--exclude", "items.csv:other=x: the table has no column 'other'"]),
        (["--exclude", "{no_paths}:split=test"], ["--exclude", "the table has no column 'image_path'"]),
        (["--quantiles", "5"], ["two percentages"]),
        (["--quantiles", "99,1"], ["quantile_range must hold percentages", "(99.0, 1.0)"]),
        (["--margin", "-1"], ["margin must be at least 0"]),
        (["--random-state", "-1"], ["random_state", "-1"]),
        (["--components", "129"], ["n_components=129 must be at most", "128 columns"]),
        (["--bits", "5"], ["--bits"]),
        (["--update"], ["there is no codec", "without --update"]),
        (["--update", "--overwrite"], ["not allowed with"]),
    ],
)
def test_fit_usage(images, store, tmp_path, capsys, options, words):
    items, no_paths = images.parent / "items.csv", tmp_path / "items.csv"
    no_paths.write_text("name,split\n01.png,test\n")
    given = [text.format(items=items, no_paths=no_paths) for text in options]
    assert main(["codec", "fit", store, str(tmp_path / "m"), *given]) == 2
    captured = capsys.readouterr()
    check_line(captured, *words)
    assert "read_path_column" not in captured.err
    assert not (tmp_path / "m").exists()


def test_fit_failures(images, store, tmp_path, capsys):
    missing = f"{tmp_path / 'missing.csv'}:a=b"
    assert main(["codec", "fit", store, str(tmp_path / "m"), "--exclude", missing]) == 1
    check_line(capsys.readouterr(), "No such file")
    assert main(["codec", "fit", str(images), str(tmp_path / "m")]) == 1
    check_line(capsys.readouterr(), "there is no store of descriptors")
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_is_told_before_the_fit(growing, tmp_path, capsys, monkeypatch):
    store = growing(range(3))

    def never(*args, **options):
        raise AssertionError("learned from the store")

    def fails(path, *options, exit_code, words):
        with monkeypatch.context() as patch:
            patch.setattr(DescriptorCodec, "_fit", never)
            patch.setattr(DescriptorCodec, "partial_fit", never)
            assert main(["codec", "fit", store, str(path), *FIT, *options]) == exit_code
        check_line(capsys.readouterr(), *words)

    for option in ((), ("--overwrite",), ("--update",)):
        fails(tmp_path, *option, exit_code=2, words=["is a folder: give the name of a file in it"])
        fails(tmp_path / "missing/codec", *option, exit_code=2, words=["does not exist: create it first"])
    closed = tmp_path / "closed"
    closed.mkdir()
    assert main(["codec", "fit", store, str(closed / "codec"), *FIT]) == 0
    growing(range(3, 5))
    # What the system says of a folder that nobody may write to; root may write to all.
    refusal = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
    monkeypatch.setattr("tempfile.TemporaryFile", mock.Mock(side_effect=refusal))
    fails(closed / "other", exit_code=1, words=[f"{closed}: Permission denied"])
    fails(closed / "codec", "--update", exit_code=1, words=[f"{closed}: Permission denied"])
    fails(closed / "codec", "--overwrite", exit_code=1, words=[f"{closed}: Permission denied"])


def test_there_and_back(store, model, tmp_path, capsys):
    codes, restored = str(tmp_path / "codes"), str(tmp_path / "restored")
    assert main(["codec", "encode", store, model, codes, "--jobs", "2"]) == 3
    assert capsys.readouterr().out.startswith("21 listed = 20 ok + 0 partial + 1 error (1 unidentified) + 0 skipped")
    assert main(["codec", "decode", codes, model, restored, "--jobs", "2", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"] == 1
    codec, descriptors = DescriptorCodec.load(model), DescriptorStore(store)
    expected = codec.transform(descriptors)
    for one, other in zip(DescriptorStore(codes)[:], expected, strict=True):
        assert_array_equal(one, other)
    for one, other in zip(DescriptorStore(restored)[:], codec.inverse_transform(expected), strict=True):
        assert_array_equal(one, other)
    found = DescriptorStore(restored)
    assert (found.names, found.status[-1], found.codes[-1]) == (descriptors.names, "error", "unidentified")
    before = chunk_bytes(tmp_path)
    assert main(["codec", "encode", store, model, codes]) == 3
    assert "nothing was left to do" in capsys.readouterr().out
    assert chunk_bytes(tmp_path) == before
    # Another codec, which would make nonsense of the codes.
    other = str(tmp_path / "other")
    assert main(["codec", "fit", store, other, *FIT]) == 0
    assert main(["codec", "decode", codes, other, str(tmp_path / "nonsense")]) == 2
    check_line(capsys.readouterr(), "was not encoded by")
    assert main(["codec", "encode", store, other, codes]) == 2
    check_line(capsys.readouterr(), "another estimator or setting")
    assert main(["codec", "encode", codes, model, str(tmp_path / "twice")]) == 2
    check_line(capsys.readouterr(), "was fitted on descriptors of 128 numbers", "16")
    assert main(["codec", "decode", store, model, str(tmp_path / "twice")]) == 2
    check_line(capsys.readouterr(), "makes codes of 16 numbers", "128")


@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_store_is_no_wrong_usage(store, model, tmp_path, capsys, number):
    damaged = shutil.copytree(store, tmp_path / "damaged")
    chunk = damaged / f"part-0000/chunks/c-{number:06d}.parquet"
    group = pq.read_metadata(chunk).row_group(0)
    (column,) = (each for each in map(group.column, range(group.num_columns)) if "descriptors" in each.path_in_schema)
    content = bytearray(chunk.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    chunk.write_bytes(content)
    for jobs in ("1", "2"):
        command = ["codec", "encode", str(damaged), model, str(tmp_path / f"codes{jobs}"), "--jobs", jobs, "--quiet"]
        assert main(command) == 1
        check_line(capsys.readouterr(), f"c-{number:06d}.parquet' is damaged")


def test_compression(store, model, tmp_path):
    codes, restored = tmp_path / "codes", tmp_path / "restored"
    assert main(["codec", "encode", store, model, str(codes), "--compression", "zstd", "--quiet"]) == 3
    assert main(["codec", "decode", str(codes), model, str(restored), "--quiet"]) == 3
    for path, expected in ((codes, "ZSTD"), (restored, "UNCOMPRESSED")):
        for file in path.glob("part-0000/chunks/*"):
            assert pq.read_metadata(file).row_group(0).column(0).compression == expected


def test_a_store_without_paths(tmp_path):
    extract(SIFT(), np.stack([PICTURE, PICTURE.T]), tmp_path / "store")
    store, model, codes = (str(tmp_path / name) for name in ("store", "codec", "codes"))
    assert main(["codec", "fit", store, model, *FIT]) == 0
    for _ in range(2):
        assert main(["codec", "encode", store, model, codes, "--jobs", "2", "--quiet"]) == 0
    expected = DescriptorCodec.load(model).transform(DescriptorStore(store))
    for one, other in zip(DescriptorStore(codes)[:], expected, strict=True):
        assert_array_equal(one, other)


def test_info(model, capsys):
    assert main(["codec", "info", model]) == 0
    out = capsys.readouterr().out
    assert "n_components 16" in out
    assert "128 numbers to 16 bytes a descriptor" in out
    assert "learned from 18 images in 3 chunks; 2 were excluded, 1 had failed\n" in out
    assert main(["codec", "info", model, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    codec = DescriptorCodec.load(model)
    assert content["parameters"]["max_descriptors"] == 1800
    assert content["reconstruction_error"] == codec.pca_.reconstruction_error_
    assert content["learned_from"] == {"chunks": 3, "excluded": 2, "failed": 1}
    assert content["bytes"] == os.path.getsize(model)


def test_info_of_what_no_command_wrote(store, tmp_path, capsys):
    DescriptorCodec(8).fit(DescriptorStore(store)).save(tmp_path / "codec")
    assert main(["codec", "info", str(tmp_path / "codec")]) == 0
    assert "learned from 21 images\n" in capsys.readouterr().out
    (tmp_path / "damaged").write_bytes((tmp_path / "codec").read_bytes()[:-100])
    assert main(["codec", "info", str(tmp_path / "damaged")]) == 1
    check_line(capsys.readouterr(), "is damaged")
    assert main(["codec", "info", str(tmp_path / "missing")]) == 1
    check_line(capsys.readouterr(), "No such file")


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_encoding_goes_on_with_the_same_bytes(store, model, tmp_path):
    codes = tmp_path / "codes"
    command = [sys.executable, "-m", "skimgfeat", "codec", "encode", store, model]
    options = ["--chunk-size", "1", "--quiet"]
    process = subprocess.Popen([*command, str(codes), *options, "--jobs", "1"], start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(codes.glob("part-0000/chunks/c-*")) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    n_written = len(list(codes.glob("part-0000/chunks/c-*")))
    assert n_written >= 1
    assert not (codes / "part-0000/manifest.json").exists()
    assert n_written < 21
    straight = tmp_path / "straight"
    for path in (codes, straight):
        assert main(["codec", "encode", store, model, str(path), *options]) == 3
    killed, never = (
        {file.name: file.read_bytes() for file in sorted((path / "part-0000/chunks").iterdir())}
        for path in (codes, straight)
    )
    assert len(killed) == 21
    assert killed == never
