"""Batches and threads: skimgfeat/_parallel.py."""

import contextlib
import threading

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_array_equal

from skimgfeat._parallel import iter_batches, run_batches, run_in_two


@pytest.mark.parametrize("n_items", [0, 1, 5, 1000])
@pytest.mark.parametrize("bytes_per_item", [0, 1, 1000, 300_000, 10**12])
def test_batches_cover_the_range_once_in_order(n_items, bytes_per_item):
    batches = list(iter_batches(n_items, bytes_per_item=bytes_per_item))
    assert_array_equal([i for batch in batches for i in range(n_items)[batch]], range(n_items))
    assert all(
        batch.stop - batch.start == 1 or (batch.stop - batch.start) * bytes_per_item <= 2**21 for batch in batches
    )


def run_and_count_threads(n_jobs, patience):
    """Run 40 batches of one item; return how often each item was seen, and on how many threads.

    The first two batches wait for each other, at most ``patience`` seconds, so that two threads do show.
    """
    counts = np.zeros(40, dtype=int)
    threads = set()
    together = threading.Barrier(2, timeout=patience)

    def work(batch):
        if batch.start < 2:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait()
        threads.add(threading.get_ident())
        counts[batch] += 1

    run_batches(work, 40, bytes_per_item=2**21, n_jobs=n_jobs)
    return counts, len(threads)


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_one_thread(n_jobs):
    counts, n_threads = run_and_count_threads(n_jobs, patience=0.1)
    assert_array_equal(counts, 1)
    assert n_threads == 1


def test_two_threads():
    counts, n_threads = run_and_count_threads(2, patience=10)
    assert_array_equal(counts, 1)
    assert n_threads == 2


@pytest.mark.parametrize("config", [{}, {"backend": "loky"}, {"backend": "threading"}], ids=str)
def test_parallel_config_decides_for_none(config):
    with parallel_config(n_jobs=2, **config):
        _, n_threads = run_and_count_threads(None, patience=10)
    assert n_threads == 2


def test_one_thread_inside_another_joblib_call():
    results = Parallel(n_jobs=2, backend="threading")(
        delayed(run_and_count_threads)(n_jobs, patience=0.1) for n_jobs in (1, 2)
    )
    for counts, n_threads in results:
        assert_array_equal(counts, 1)
        assert n_threads == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_error_of_a_batch_passes_through(n_jobs):
    def work(batch):
        if batch.start == 7:
            raise ValueError("batch 7")

    with pytest.raises(ValueError, match="batch 7"):
        run_batches(work, 20, bytes_per_item=2**21, n_jobs=n_jobs)


# --- Two stages


@pytest.mark.parametrize("n_jobs", [None, 1, 3])
def test_in_two_every_batch_is_prepared_and_finished(n_jobs):
    done = {}
    run_in_two(
        lambda batch: list(range(batch.start, batch.stop)),
        lambda batch, prepared: done.update({batch.start: prepared}),
        23,
        batch_size=5,
        n_jobs=n_jobs,
    )
    assert sorted(done) == [0, 5, 10, 15, 20]
    assert [index for start in sorted(done) for index in done[start]] == list(range(23))


def test_in_two_no_more_is_prepared_than_is_soon_needed():
    prepared, waiting = [], threading.Event()

    def finish(batch, _):
        if batch.start == 0:
            waiting.wait(1)
            assert len(prepared) <= 4

    run_in_two(prepared.append, finish, 20, batch_size=1, n_jobs=1)
    assert len(prepared) == 20


@pytest.mark.parametrize("stage", ["prepare", "finish"])
def test_in_two_errors_pass_through(stage):
    def fail(batch, *_):
        if batch.start == 3:
            raise ValueError("the third")

    stages = {"prepare": lambda batch: None, "finish": lambda batch, prepared: None, stage: fail}
    with pytest.raises(ValueError, match="the third"):
        run_in_two(stages["prepare"], stages["finish"], 9, batch_size=1, n_jobs=2)


def test_in_two_each_thread_that_finishes_is_initialized_once():
    started = []
    run_in_two(
        lambda batch: None,
        lambda batch, prepared: None,
        9,
        batch_size=1,
        n_jobs=4,
        n_finishers=2,
        initializer=lambda: started.append(threading.get_ident()),
    )
    assert 1 <= len(started) == len(set(started)) <= 2
