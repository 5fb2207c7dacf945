"""The processes that run chunks, and what happens when one dies."""

import sys
import warnings
from concurrent.futures import BrokenExecutor, TimeoutError
from contextlib import AbstractContextManager, closing, nullcontext
from threading import Condition

from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import BACKENDS, get_active_backend

from skimgfeat.jobs._watchdog import become_worker, here

_LOCAL = ("loky", "multiprocessing", "sequential", "threading")


class WorkerDiedError(RuntimeError):
    """A worker ended in the middle of a call: by a signal, for want of memory, or stopped by its watchdog."""


class _Gate(AbstractContextManager):
    """Calls on threads, which nothing can end: where it is left, no other begins and those under way are waited for."""

    def __init__(self, function):
        self._function, self._is_open, self._n_calls, self._change = function, True, 0, Condition()

    def __enter__(self):
        return self

    def __call__(self, *args):
        with self._change:
            if not self._is_open:
                return None
            self._n_calls += 1
        try:
            return self._function(*args)
        finally:
            with self._change:
                self._n_calls -= 1
                self._change.notify_all()

    def __exit__(self, *exception):
        with self._change:
            self._is_open = False
            self._change.wait_for(lambda: self._n_calls == 0)


class Workers:
    """Worker processes for a run.

    Many calls go through ``joblib.Parallel``, so that ``joblib.parallel_config`` decides where they run: on processes
    of this machine (the default), on a Dask, Ray or Spark cluster, or on threads of this process. One call at a time
    goes to a process of its own, which a call may kill; so do all where there is one local worker, since joblib would
    run them in this process. Threads are the exception: who asks for them may hold in memory what other processes
    cannot see, and nothing leaves this process.
    """

    def __init__(self, n_jobs):
        self._n_jobs = n_jobs
        self._single = None
        self.n_workers = effective_n_jobs(n_jobs)
        backend = get_active_backend()[0]
        # Inside another joblib call, threads are joblib's choice and not the user's.
        self._is_here = isinstance(backend, BACKENDS["threading"]) and not backend.nesting_level
        # In multiprocessing's place too, which would wait for a worker that died for ever.
        self._is_local = not self._is_here and isinstance(backend, tuple(BACKENDS[name] for name in _LOCAL))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._end_single()

    def run(self, function, calls):
        """Yield what ``function(*call)`` returns for each of the calls, in the order in which they end.

        ``calls`` is an iterator; some calls more than there are workers are taken from it ahead. Raises WorkerDiedError
        where a worker dies; calls that had begun may have ended or not. Closed before its end, it ends the workers.
        """
        if self._is_local and self.n_workers == 1:
            for call in calls:
                yield self.run_alone(function, *call)
            return
        self._end_single()  # as much memory as another worker
        call = _Gate(function) if self._is_here else function
        gate = call if self._is_here else nullcontext()
        with closing(self._run_in_parallel(call, calls)) as outcomes, gate:
            yield from outcomes

    def _run_in_parallel(self, function, calls):
        parallel = Parallel(
            n_jobs=self._n_jobs,
            backend="loky" if self._is_local else None,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=self.n_ahead,
            max_nbytes=None,  # arrays in files would stay there, every part of X, until the last call has ended
        )
        outcomes = parallel(delayed(function)(*call) for call in calls)
        try:
            for outcome in outcomes:  # noqa: UP028  ("yield from" would close them itself)
                yield outcome
        except _deaths() as error:
            raise WorkerDiedError(str(error)) from error
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib warns that it cancels calls, which is what is wanted
                outcomes.close()

    @property
    def n_ahead(self):
        """How many calls may have begun."""
        return 2 * self.n_workers

    def run_alone(self, function, *args, timeout=None):
        """Return ``function(*args)``, computed in a process of its own, the same one until it dies.

        On threads, this process computes it, and nothing ends it early.

        Raises
        ------
        WorkerDiedError
            Where the process died.
        TimeoutError
            Where it took more than ``timeout`` seconds; the process is killed.
        """
        if self._is_here:
            return function(*args)
        try:
            if self._single is None:
                self._single = ProcessPoolExecutor(max_workers=1, initializer=become_worker, initargs=(here(),))
                # What a process takes to start is not the call's time.
                self._single.submit(int).result()
            return self._single.submit(function, *args).result(timeout)
        except BrokenExecutor as error:
            self._end_single()
            raise WorkerDiedError(str(error)) from error
        except (TimeoutError, KeyboardInterrupt):
            self._end_single()  # what it works on would not end
            raise

    def _end_single(self):
        if self._single is not None:
            self._single.shutdown(wait=True, kill_workers=True)
            self._single = None


def _deaths():
    """Return the exceptions that say that a worker died; Dask has its own."""
    distributed = sys.modules.get("distributed")
    return (BrokenExecutor,) if distributed is None else (BrokenExecutor, distributed.KilledWorker)
