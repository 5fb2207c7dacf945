"""Batches over images, threads over batches."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend

# Input and output of a batch: enough work to make its fixed cost small, little beside any machine's memory.
_BATCH_BYTES = 1 << 21


def iter_batches(n_items, *, bytes_per_item):
    """Yield slices that cover ``range(n_items)``, each of about two megabytes."""
    batch_size = max(1, _BATCH_BYTES // max(1, bytes_per_item))
    for start in range(0, n_items, batch_size):
        yield slice(start, min(start + batch_size, n_items))


def count_threads(n_jobs):
    """Return how many threads ``n_jobs`` stands for; one inside another joblib call, where processors are taken."""
    nested = bool(get_active_backend()[0].nesting_level)
    return 1 if nested else effective_n_jobs(n_jobs)


def run_batches(function, n_items, *, bytes_per_item, n_jobs, in_main_thread=True):
    """Call ``function(slice)`` for every batch, on ``n_jobs`` threads.

    ``n_jobs=None`` is 1 unless a ``joblib.parallel_config`` says otherwise. Inside another joblib call, where the
    processors are taken already, it is one thread. ``function`` must release the GIL to gain from threads. One thread
    is the caller's, unless ``in_main_thread`` is False: glibc returns large blocks that the main thread frees to the
    system at once, and a function that allocates megabytes each time waits for new pages.
    """
    batches = list(iter_batches(n_items, bytes_per_item=bytes_per_item))
    n_threads = max(1, min(count_threads(n_jobs), len(batches)))
    if n_threads == 1 and in_main_thread:
        for batch in batches:
            function(batch)
        return
    # Not joblib.Parallel: its threads take 10 ms and more to start and stop, as long as thousands of small images.
    pool = ThreadPoolExecutor(n_threads)
    try:
        for _ in pool.map(function, batches):
            pass
    finally:
        pool.shutdown(cancel_futures=True)


def run_in_two(prepare, finish, n_items, *, batch_size, n_jobs, n_finishers=None, initializer=None):
    """Call ``finish(batch, prepare(batch))`` for every batch, a slice; some are prepared while others are finished.

    Each of the two has threads of its own, as many as ``n_jobs`` says; ``n_finishers`` is how many finish at most, and
    ``initializer`` is what each of these calls first. No more than two batches a thread, and one, are under way.
    """
    batches = [slice(start, min(start + batch_size, n_items)) for start in range(0, n_items, batch_size)]
    n_threads = max(1, min(count_threads(n_jobs), len(batches)))
    preparers = ThreadPoolExecutor(n_threads)
    finishers = ThreadPoolExecutor(min(n_threads, n_finishers or n_threads), initializer=initializer)
    pending: deque[Future] = deque()
    try:
        for batch in batches:
            prepared = preparers.submit(prepare, batch)
            pending.append(finishers.submit(_finish, finish, batch, prepared))
            if len(pending) > 2 * n_threads:
                pending.popleft().result()
        while pending:
            pending.popleft().result()
    finally:
        preparers.shutdown(cancel_futures=True)
        finishers.shutdown(cancel_futures=True)


def _finish(finish, batch, prepared):
    finish(batch, prepared.result())
