"""Items that end their worker, or never end."""

import json
import os
import time

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from odd_files import write_odd_files
from odd_steps import EXIT, HOLD, RAISE, SEGFAULT, SLEEP, Moody, keep
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, ImageCollection, Resize, extract, load_features
from skimgfeat.jobs import verify
from skimgfeat.jobs._workers import Workers

pytestmark = pytest.mark.usefixtures("processes")


@pytest.mark.parametrize(
    ("moods", "n_jobs"),
    [({0: EXIT, 1: SLEEP, 45: RAISE}, 1), ({0: HOLD, 59: SEGFAULT}, 2)],
    ids=["one worker", "two workers"],
)
def test_items_that_end_or_hold_their_worker(images, tmp_path, bytes_of, moods, n_jobs):
    for index, mood in moods.items():
        images[index, 0, 0] = mood
    account = extract(Moody(), images, tmp_path / "out", chunk_size=20, n_jobs=n_jobs, item_timeout=2, progress=False)
    codes = {EXIT: "crashed", SEGFAULT: "crashed", SLEEP: "timeout", HOLD: "timeout", RAISE: "failed"}
    features, items = load_features(tmp_path / "out", return_items=True)
    assert dict(zip(np.flatnonzero(items["code"] != ""), items["code"][items["code"] != ""], strict=True)) == {
        index: codes[mood] for index, mood in moods.items()
    }
    assert account.ok == 60 - len(moods)
    good = np.delete(np.arange(60), list(moods))
    assert_array_equal(features[good], Moody().transform(images[good]).astype(np.float32))
    assert verify(tmp_path / "out") == []
    get_reusable_executor().shutdown(wait=True)


def test_batches_that_take_longer_than_an_item_may_do_not_hang(tmp_path):
    X = np.zeros((40, 2, 2), dtype=np.uint8)
    estimator = Moody(delay=0.1, log=str(tmp_path / "log"))
    account = extract(estimator, X, tmp_path / "out", chunk_size=40, item_timeout=1, progress=False)
    assert account.ok == 40
    assert [line.split()[1] for line in (tmp_path / "log").read_text().splitlines()].count("40") == 1


@pytest.mark.skipif(os.name != "posix", reason="many of the files are of POSIX")
def test_a_worker_that_grows_is_not_replaced():
    """loky, which looks once a second, takes 300 MB for a leak."""
    pytest.importorskip("psutil")
    with Workers(1) as workers:
        first = workers.run_alone(keep, 350_000_000)
        time.sleep(1.1)
        assert workers.run_alone(os.getpid) == first
        assert workers.run_alone(os.getpid) == first


def test_odd_files(tmp_path):
    root = tmp_path / "odd"
    root.mkdir()
    expected = write_odd_files(root)
    try:
        X = ImageCollection.from_folder(root, "*")
        assert len(X) == len(expected) >= 60
        account = extract(make_pipeline(Resize((32, 32)), HOG()), X, tmp_path / "out", chunk_size=10, progress=False)
        items = load_features(tmp_path / "out", return_items=True)[1]
        assert dict(zip(X.names, items["code"], strict=True)) == {
            os.fsdecode(name): code for name, code in expected.items()
        }
        assert account.complete
        assert account.ok == list(expected.values()).count("")
    finally:
        for path in root.rglob("*"):  # what may not be read could not be removed either
            if not path.is_symlink():
                path.chmod(0o700)


def test_same_bytes_for_any_number_of_workers(images, tmp_path, bytes_of):
    pipeline = make_pipeline(HOG(pixels_per_cell=(2, 2), n_jobs=-1), PCA(20, svd_solver="full")).fit(images)
    np.save(tmp_path / "images.npy", images)
    X = np.load(tmp_path / "images.npy", mmap_mode="r")
    extract(pipeline, X, tmp_path / "two", chunk_size=7, n_jobs=2, progress=False)
    with joblib.parallel_config("threading", n_jobs=2):
        extract(pipeline, images, tmp_path / "threads", chunk_size=7, progress=False)
        # The number of workers is no part of the job.
        assert extract(pipeline, images, tmp_path / "two", chunk_size=7, progress=False).n_done == 0
    assert len(bytes_of(tmp_path / "two")) == 9
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "threads")


def test_relative_paths_mean_the_same_to_workers(folder, tmp_path, monkeypatch):
    # Workers keep the working directory that they were started in.
    joblib.Parallel(n_jobs=2)(joblib.delayed(os.getcwd)() for _ in range(4))
    monkeypatch.chdir(tmp_path)
    paths = sorted(path.relative_to(tmp_path) for path in folder.glob("*/*.png"))
    estimator = make_pipeline(Resize((8, 8)), HOG(pixels_per_cell=(2, 2)))
    assert extract(estimator, "images", "folder", n_jobs=2, progress=False).ok == 60
    assert extract(estimator, paths, "paths", n_jobs=2, progress=False).ok == 60
    assert load_features("paths", return_items=True)[1]["image_path"][0] == str(paths[0])
    assert json.loads((tmp_path / "paths" / "manifest.json").read_text())["account"]["ok"] == 60


def test_images_that_cannot_be_sent_to_workers(folder, tmp_path):
    with open(next(folder.glob("*/*.png")), "rb") as file, pytest.raises(TypeError, match="cannot be sent to workers"):
        extract(HOG(), [file], tmp_path / "out", progress=False)
