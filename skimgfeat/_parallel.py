"""Batches over images, threads over batches."""

from concurrent.futures import ThreadPoolExecutor

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
    """Return the number of threads that ``n_jobs`` means here: one inside another joblib call."""
    return 1 if get_active_backend()[0].nesting_level else effective_n_jobs(n_jobs)


def run_batches(function, n_items, *, bytes_per_item, n_jobs):
    """Call ``function(slice)`` for every batch, on ``n_jobs`` threads.

    ``n_jobs=None`` is 1 unless a ``joblib.parallel_config`` says otherwise. Inside another joblib call, where the
    processors are taken already, it is one thread. ``function`` must release the GIL to gain from threads.
    """
    batches = list(iter_batches(n_items, bytes_per_item=bytes_per_item))
    n_threads = min(count_threads(n_jobs), len(batches))
    if n_threads <= 1:
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
