"""Runs that end early, and go on."""

import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from odd_steps import Moody
from PIL import Image
from scripted_run import N_CHUNKS, SIZE, images

from skimgfeat import Flatten, ImageCollection, Resize, extract, load_features
from skimgfeat.io._files import TEMPORARY_PREFIX
from skimgfeat.jobs import load_account, verify

HERE = Path(__file__).parent
LISTED = SIZE * N_CHUNKS - 1

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and limits the size of files")


class Runs:
    """The script, which has imported what runs need, and forks."""

    def __init__(self):
        # Where the tests find the package, the script does.
        paths = [os.path.dirname(os.path.dirname(sys.modules["skimgfeat"].__file__)), *sys.path]
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "scripted_run.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self, output, **options):
        return self.ask(output=str(output), **options)

    def wait(self, pid):
        return self.ask(wait=pid)

    def finish(self, pid, output, code=0):
        """Return what the run told."""
        assert self.wait(pid) == code
        return json.loads(Path(f"{output}.json").read_text())


@pytest.fixture(scope="module")
def runs():
    runs = Runs()
    yield runs
    runs.process.communicate(timeout=60)


def stamps(output):
    """What changes when a chunk is written again."""
    if not (output / "chunks").exists():
        return {}
    return {
        entry.name: (entry.stat().st_ino, entry.stat().st_mtime_ns)
        for entry in os.scandir(output / "chunks")
        if entry.name.endswith(".parquet")
    }


def temporary(output):
    return [path for path in output.rglob("*") if path.name.endswith(".tmp")]


def printed(output):
    """Return what a run printed, but for what joblib's tracker says of semaphores whose worker was stopped."""
    lines = Path(f"{output}.printed").read_text().splitlines()
    return [line for line in lines if "resource_tracker" not in line and line.strip() != "warnings.warn("]


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def children(pid):
    """The processes that a process has started and that still run."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def whole(runs, tmp_path_factory):
    """The chunk files of the script's run, not interrupted."""
    output = tmp_path_factory.mktemp("whole") / "out"
    runs.finish(runs.start(output, processes=False), output)
    assert len(os.listdir(output / "chunks")) == N_CHUNKS
    return {path.name: path.read_bytes() for path in (output / "chunks").iterdir()}


def count(names):
    """How many items those chunks have; the last one is short."""
    return SIZE * len(names) - (f"c-{N_CHUNKS - 1:06d}.parquet" in names)


@needs_linux
def test_ten_kills_at_random_moments(runs, tmp_path, whole, bytes_of):
    rng = random.Random(0)
    output = tmp_path / "out"
    done = {}
    for _ in range(10):
        pid = runs.start(output, processes=False)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(pid, signal.SIGKILL)
        assert runs.wait(pid) == -signal.SIGKILL
        now = stamps(output)
        # What was done is not done again, and what is there is whole.
        assert {name: now[name] for name in done} == done
        assert all((output / "chunks" / name).read_bytes() == whole[name] for name in now)
        done = now
    account = runs.finish(runs.start(output, processes=False), output)
    assert account["n_done"] == LISTED - count(done) > 0
    assert bytes_of(output) == whole
    assert temporary(output) == []
    assert verify(output) == []


@needs_linux
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_leaves_no_workers_behind(runs, tmp_path, whole, bytes_of, n_jobs):
    output = tmp_path / "out"
    pid = runs.start(output, n_jobs=n_jobs)
    wait_for(lambda: len(stamps(output)) >= 5)
    workers = children(pid)
    os.kill(pid, signal.SIGKILL)  # nobody asks for its exit code until its workers are gone
    assert workers
    wait_for(lambda: not any(map(is_alive, workers)), seconds=30)
    runs.wait(pid)
    done = stamps(output)
    assert 5 <= len(done) < N_CHUNKS
    assert runs.finish(runs.start(output, processes=False), output)["n_done"] == LISTED - count(done)
    assert {name: stamp for name, stamp in stamps(output).items() if name in done} == done
    assert bytes_of(output) == whole
    assert temporary(output) == []


@needs_linux
@pytest.mark.parametrize(("number", "n_jobs"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_interrupts(runs, tmp_path, whole, bytes_of, number, n_jobs):
    output = tmp_path / "out"
    pid = runs.start(output, n_jobs=n_jobs)
    wait_for(lambda: len(stamps(output)) >= 5)
    workers = children(pid)
    os.kill(pid, number)
    account = runs.finish(pid, output, code=130)
    assert printed(output) == []
    assert account["ok"] == count(stamps(output))
    assert account["ok"] + account["skipped"] == account["listed"] == LISTED
    assert account["skipped"] > 0
    assert load_account(output).ok == account["ok"]
    wait_for(lambda: not any(map(is_alive, workers)), seconds=30)
    assert temporary(output) == []
    assert all((output / "chunks" / name).read_bytes() == whole[name] for name in stamps(output))
    with pytest.raises(ValueError, match=r"not finished.*resume it first"):
        load_features(output)
    runs.finish(runs.start(output, processes=False), output)
    assert bytes_of(output) == whole


@needs_linux
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_worker_killed_from_outside_costs_nothing(runs, tmp_path, whole, bytes_of, n_jobs):
    output = tmp_path / "out"
    pid = runs.start(output, n_jobs=n_jobs)
    wait_for(lambda: len(stamps(output)) >= 5)
    # The other child keeps account of semaphores.
    workers = [child for child in children(pid) if b"tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]
    os.kill(workers[-1], signal.SIGKILL)
    account = runs.finish(pid, output)
    assert (account["ok"], account["error"], account["complete"]) == (LISTED, 0, True)
    assert bytes_of(output) == whole


@needs_linux
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_full_disk(runs, tmp_path, n_jobs):
    output = tmp_path / "out"
    told = runs.finish(runs.start(output, n_jobs=n_jobs, full=True), output)
    assert told == {"error": "OSError", "errno": errno.EFBIG}
    assert printed(output) == []
    done = stamps(output)
    assert 0 < len(done) < N_CHUNKS
    assert temporary(output) == []
    runs.finish(runs.start(output, processes=False, full=False), output)
    assert {name: stamp for name, stamp in stamps(output).items() if name in done} == done
    X = images()
    assert_array_equal(load_features(output), X.reshape(len(X), -1))
    assert verify(output) == []


def test_free_space_is_watched(tmp_path, monkeypatch, threads):
    Usage = namedtuple("Usage", "free")
    X = np.zeros((600, 50, 50), dtype=np.uint8)
    free = itertools.chain([10**9] * 4, itertools.repeat(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(next(free)))
    with pytest.raises(OSError, match=r"0.\d+ GB are still to be written, 0.000 are free") as caught:
        extract(Flatten(), X, tmp_path / "out", chunk_size=10, progress=False)
    assert caught.value.errno == errno.ENOSPC
    assert temporary(tmp_path / "out") == []
    account = load_account(tmp_path / "out")
    assert 30 <= account.ok < 600
    monkeypatch.undo()
    assert extract(Flatten(), X, tmp_path / "out", progress=False).ok == 600


def begin(estimator, X, output, **options):
    """Begin a run that the disk is too full for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(0))
        with pytest.raises(OSError, match="are free"):
            extract(estimator, X, output, progress=False, **options)


def test_what_may_not_change_between_runs(tmp_path, threads, monkeypatch):
    X = np.random.default_rng(0).integers(0, 200, (40, 6, 6), dtype=np.uint8)
    output = tmp_path / "out"
    begin(Moody(), X, output, chunk_size=8)
    other = X.copy()
    other[39, 5, 5] ^= 1
    for estimator, data, options, name in [
        (Moody(delay=1e-9), X, {}, "estimator"),
        (Flatten(), X, {}, "estimator"),
        (Moody(), other, {}, "input"),
        (Moody(), X[:39], {}, "input"),
        (Moody(), X.astype(float), {}, "input"),
        (Moody(), X, {"on_error": "skip"}, "settings: {'on_error': 'record'} there, {'on_error': 'skip'} now"),
        (Moody(), X, {"layout": "wide"}, "settings"),
        (Moody(), X, {"compression": "zstd"}, "settings"),
        (Moody(), X, {"chunk_size": 9}, "chunk_size: 8 there, 9 now"),
    ]:
        with pytest.raises(ValueError, match=f"holds a job with another {name}"):
            extract(estimator, data, output, progress=False, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skimgfeat.jobs._extract.version", lambda name: "0")
        with pytest.raises(ValueError, match=r"another versions: .*'numpy': '0'"):
            extract(Moody(), X, output, progress=False)
    with pytest.raises(FileExistsError, match="a job folder is there already"):
        extract(Moody(), X, output, resume=False, progress=False)
    # What decides no number may change.
    account = extract(
        Moody(), X, output, chunk_size=8, n_jobs=1, max_error_rate=0.5, item_timeout=5, resume=True, progress=False
    )
    assert account.ok == 40


def test_items_are_frozen(folder, tmp_path, threads):
    estimator = Flatten()
    expected = np.asarray(ImageCollection.from_folder(folder)).reshape(60, -1)
    begin(estimator, folder, tmp_path / "out", chunk_size=8)
    Image.new("RGB", (8, 8)).save(folder / "cats" / "00_earlier.png")
    (folder / "dogs" / "50_front.png").unlink()
    account = extract(estimator, folder, tmp_path / "out", progress=False)
    assert (account.listed, account.ok, account.codes) == (60, 59, {"missing": 1})
    features, items = load_features(tmp_path / "out", return_items=True)
    assert_array_equal(np.delete(features, 50, 0), np.delete(expected, 50, 0))
    assert items["image_path"][50] == "dogs/50_front.png"
    paths = sorted(folder.glob("*/*.png"))
    begin(estimator, paths, tmp_path / "paths")
    with pytest.raises(ValueError, match="X is not what the job folder was made for: its 60 items differ"):
        extract(estimator, paths[::-1], tmp_path / "paths", progress=False)
    collection = ImageCollection.from_folder(folder)
    begin(estimator, collection, tmp_path / "collection")
    for other in (
        ImageCollection.from_folder(folder, mode="gray"),
        collection.map(Resize((4, 4)).fit(np.zeros((1, 8, 8, 3))).transform),
        paths,
    ):
        with pytest.raises(ValueError, match="another input"):
            extract(estimator, other, tmp_path / "collection", progress=False)


def test_a_finished_run_is_left_alone(tmp_path, threads):
    X = np.zeros((30, 4, 4), dtype=np.uint8)
    first = extract(Flatten(), X, tmp_path / "out", chunk_size=10, progress=False)
    # As someone leaves it for a moment who writes a copy there.
    (tmp_path / "out" / f"{TEMPORARY_PREFIX}1.tmp").write_bytes(b"half a copy")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.name != ".lock"}
    again = extract(Flatten(), X, tmp_path / "out", progress=False)
    assert (again.ok, again.n_done, again.items_per_second) == (first.ok, 0, 0)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.name != ".lock"}


def test_a_second_run_is_kept_out(tmp_path, threads):
    class Nested(Flatten):
        def transform(self, X):
            if not hasattr(self, "caught"):
                with pytest.raises(BlockingIOError, match="another run is writing to this job folder"):
                    extract(Flatten(), np.zeros((3, 4, 4)), tmp_path / "out", progress=False)
                type(self).caught = True
            return super().transform(X)

    # A class of a function cannot be pickled by name.
    Nested.__qualname__ = Nested.__name__
    Nested.__module__ = __name__
    globals()["Nested"] = Nested
    assert extract(Nested(), np.zeros((3, 4, 4)), tmp_path / "out", progress=False).ok == 3
    assert Nested.caught


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_damaged_chunk_is_named_and_computed_again(tmp_path, threads, is_finished):
    X, output = np.zeros((30, 4, 4), dtype=np.uint8), tmp_path / "out"
    extract(Flatten(), X, output, chunk_size=10, progress=False)
    chunk = output / "chunks" / "c-000001.parquet"
    whole = chunk.read_bytes()
    if not is_finished:
        (output / "manifest.json").unlink()
    chunk.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"c-000001.parquet' is damaged; remove it and run again"):
        extract(Flatten(), X, output, progress=False)
    chunk.unlink()
    with pytest.raises(ValueError, match="1 chunks of .* are missing" if is_finished else "is not finished"):
        load_features(output)
    assert extract(Flatten(), X, output, progress=False).n_done == 10
    assert chunk.read_bytes() == whole
    assert verify(output) == []
