"""``skimgfeat sift``: images to a store, again and again."""

import json
import os

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data

from skimgfeat import SIFT, DescriptorStore, ImageCollection, Resize
from skimgfeat.cli import main
from skimgfeat.jobs import Account

pytest.importorskip("pyarrow")

PICTURE = data.astronaut()[:200, 100:300]


def write_image(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PICTURE[: 60 + 5 * number, : 90 - number]).save(path)


@pytest.fixture(autouse=True, scope="module")
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading"):
        yield


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for number in range(4):
        write_image(folder / f"{number}.png", number)
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8 no image")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def calls(monkeypatch):
    """What the command passes to the engine, which does nothing."""
    calls = []

    def extend_store(estimator, X, store, **options):
        calls.append((estimator, X, store, options))
        return Account(store, listed=len(X), ok=len(X), partial=0, error=0, skipped=0)

    monkeypatch.setattr("skimgfeat.jobs.extend_store", extend_store)
    return calls


def check_line(captured, *words):
    assert captured.out == ""
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    for word in words:
        assert word in captured.err


def test_a_folder_that_grows(images, tmp_path, capsys):
    store = str(tmp_path / "store")
    command = ["sift", str(images), store, "--sift", "SIFT(max_pixels=5_500)", "--jobs", "2"]
    assert main(command) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("5 listed = 1 ok + 3 partial + 1 error (1 unidentified) + 0 skipped\n")
    names = [f"{number}.png" for number in range(4)]
    expected = SIFT(max_pixels=5500).fit_transform(ImageCollection(names, root=images))
    found = DescriptorStore(store)
    assert found.names == [*names, "damaged.jpg"]
    for one, other in zip(found[:4], expected, strict=True):
        assert_array_equal(one, other)
    assert found.messages[2] == "shrunk from 70x88 to 66x83 pixels (max_pixels)"
    write_image(images / "more/9.png", 9)
    assert main([*command, "--json"]) == 3
    account = json.loads(capsys.readouterr().out)
    assert (account["listed"], account["n_done"], account["error"]) == (6, 1, 1)
    assert DescriptorStore(store).names[-1] == "more/9.png"
    assert main([*command[:-2], "--quiet"]) == 3
    assert capsys.readouterr().out == ""
    assert main(["sift", str(images), store]) == 2
    check_line(capsys.readouterr(), "another estimator or setting", "choose another store")


def test_what_reaches_the_engine(images, calls, tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("path,id\n0.png,1\n3.png,2\n")
    options = [
        "--chunk-size",
        "9",
        "--on-error",
        "raise",
        "--max-error-rate",
        "0.5",
        "--item-timeout",
        "7",
        "--compression",
        "zstd",
        "--jobs",
        "2",
    ]
    spec = "resize((64, 48)) | sift(rank_by='size', geometry=True)"
    paths = ["--column", "path", "--root", str(images)]
    assert main(["sift", str(table), "store", "--sift", spec, *paths, *options, "--quiet"]) == 0
    ((estimator, X, store, given),) = calls
    assert isinstance(estimator[0], Resize)
    assert estimator[1].get_params() == SIFT(rank_by="size", geometry=True).get_params()
    assert (X.names, X.decoding["mode"], store) == (["0.png", "3.png"], "gray", "store")
    assert given == {
        "chunk_size": 9,
        "on_error": "raise",
        "max_error_rate": 0.5,
        "item_timeout": 7.0,
        "compression": "zstd",
        "n_jobs": 2,
        "progress": False,
    }


def test_defaults(images, calls):
    assert main(["sift", str(images), "store", "--mode", "rgb", "--pattern", "[01].png"]) == 0
    ((estimator, X, _, given),) = calls
    assert estimator.get_params() == SIFT().get_params()
    assert (X.names, X.decoding["mode"]) == (["0.png", "1.png"], "rgb")
    assert given == {"n_jobs": -1, "progress": True}


def test_gray_is_what_sift_makes_of_colors(images):
    names = [f"{number}.png" for number in range(4)]
    gray, rgb = (SIFT().fit_transform(ImageCollection(names, root=images, mode=mode)) for mode in ("gray", "rgb"))
    for one, other in zip(gray, rgb, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sift", "hog"], ["--sift must be sift", "'hog'"]),
        (["--sift", "sift | flatten"], ["--sift must be sift"]),
        (["--sift", "sift(n=3)"], ["--sift: sift: there is no parameter 'n'", "n_features"]),
        (["--sift", "sift(n_features=x)"], ["--sift: sift takes literals"]),
        (["--sift", "sfit"], ["--sift: nothing is called 'sfit'", "did you mean 'sift'"]),
        (["--jobs", "0"], ["--jobs", "must not be 0"]),
        (["--on-error", "skip"], ["--on-error"]),
        (["--compression", "gzip"], ["--compression"]),
    ],
)
def test_usage(images, tmp_path, capsys, options, words):
    assert main(["sift", str(images), str(tmp_path / "store"), *options]) == 2
    check_line(capsys.readouterr(), *words)
    assert not (tmp_path / "store").exists()


def test_what_is_no_input(tmp_path, capsys):
    store = str(tmp_path / "store")
    np.save(tmp_path / "images.npy", np.zeros((3, 9, 9)))
    assert main(["sift", str(tmp_path / "images.npy"), store]) == 2
    check_line(capsys.readouterr(), "INPUT must be a folder or a table of paths")
    assert main(["sift", str(tmp_path / "missing"), store]) == 1
    check_line(capsys.readouterr(), "No such file or directory")
    (tmp_path / "empty").mkdir()
    assert main(["sift", str(tmp_path / "empty"), store]) == 1
    check_line(capsys.readouterr(), "holds no images")
    assert not os.path.exists(store)
