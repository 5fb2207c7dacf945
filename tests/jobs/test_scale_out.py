"""Addresses of fsspec, and a cluster."""

import os
import signal
import warnings

import fsspec
import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from odd_steps import Moody
from sklearn.pipeline import make_pipeline

from skimgfeat import Flatten, ImageCollection, Resize, extract, load_features
from skimgfeat.jobs import load_account, verify, write_csv


@pytest.fixture
def memory(folder):
    """The folder's images at memory://."""
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(folder), "/job-images", recursive=True)
    yield filesystem
    for path in ("/job-images", "/job-output"):
        if filesystem.exists(path):
            filesystem.rm(path, recursive=True)


def test_images_and_output_in_memory(memory, folder, tmp_path, threads, bytes_of):
    estimator = make_pipeline(Resize((6, 6)), Flatten())
    X = ImageCollection.from_folder("memory://job-images")
    assert X.names == ImageCollection.from_folder(folder).names
    account = extract(estimator, X, "memory://job-output", chunk_size=8, progress=False)
    assert (account.ok, account.output) == (60, "memory://job-output")
    extract(estimator, folder, tmp_path / "local", chunk_size=8, progress=False)
    chunks = {os.path.basename(path): memory.cat_file(path) for path in memory.find("/job-output/chunks")}
    assert chunks == bytes_of(tmp_path / "local")
    assert_array_equal(load_features("memory://job-output"), load_features(tmp_path / "local"))
    assert verify("memory://job-output") == []
    write_csv("memory://job-output", tmp_path / "features.csv")
    assert len(pd.read_csv(tmp_path / "features.csv")) == 60
    with pytest.raises(ValueError, match="only a file on a disk can be mapped"):
        load_features("memory://job-output", to="memmap")
    # It goes on as on a disk.
    memory.rm("/job-output/manifest.json")
    memory.rm("/job-output/chunks/c-000003.parquet")
    assert load_account("memory://job-output").skipped == 8
    assert extract(estimator, X, "memory://job-output", progress=False).n_done == 8
    assert verify("memory://job-output") == []
    with pytest.raises(FileExistsError):
        extract(estimator, X, "memory://job-output", resume=False, progress=False)


def test_address_of_a_file(folder, tmp_path, threads):
    extract(make_pipeline(Resize((6, 6)), Flatten()), f"file://{folder}", f"file://{tmp_path}/out", progress=False)
    assert load_features(tmp_path / "out").shape == (60, 108)


def test_workers_that_see_another_folder(images):
    # Each process has a memory of its own.
    with pytest.raises(OSError, match="60 items were computed and are not there: do the workers see the same folder"):
        extract(Flatten(), images, "memory://job-output", progress=False)


@pytest.fixture
def client():
    distributed = pytest.importorskip("distributed")
    import dask

    quiet = {
        "distributed.worker.daemon": False,
        "distributed.comm.timeouts.connect": "60s",
        "distributed.admin.system-monitor.interval": "1s",
        "distributed.scheduler.allowed-failures": 5,
    }
    with dask.config.set(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the cluster's own, at its start and end
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            client.wait_for_workers(2, timeout=100)
            yield client


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_dask_with_a_worker_that_is_killed(client, tmp_path, bytes_of, monkeypatch):
    X = np.random.default_rng(0).integers(0, 200, (200, 20, 20), dtype=np.uint8)
    with joblib.parallel_config("threading", n_jobs=2):
        extract(Moody(delay=0.02), X, tmp_path / "local", chunk_size=4, progress=False)
    pids = client.run(os.getpid)
    from skimgfeat.jobs._run import Run

    take = Run._take

    def take_and_kill(self, outcome):
        take(self, outcome)
        if len(self.done) == 8:
            os.kill(next(iter(pids.values())), signal.SIGKILL)

    monkeypatch.setattr(Run, "_take", take_and_kill)
    with joblib.parallel_config("dask", wait_for_workers_timeout=60):
        account = extract(Moody(delay=0.02), X, tmp_path / "dask", chunk_size=4, progress=False)
    assert (account.ok, account.error) == (200, 0)
    assert bytes_of(tmp_path / "dask") == bytes_of(tmp_path / "local")
    assert verify(tmp_path / "dask") == []
