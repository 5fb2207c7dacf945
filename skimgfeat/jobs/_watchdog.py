"""What ends a worker in which an item hangs, or that nobody waits for any more."""

import faulthandler
import functools
import multiprocessing
import os
import signal
import socket
import threading
import time

from joblib.externals.loky import process_executor
from joblib.externals.loky.backend.process import LokyProcess

from skimgfeat.io._parquet import import_pyarrow

# Bytes by which a worker may grow after its first call, before loky takes that for a leak, warns, and starts another:
# 300 MB by its own measure, which a library of networks or a chunk takes.
_MOST_GROWTH = 1 << 31

_lock = threading.Lock()
# When the calls that this process works on are overdue: several, where a cluster's worker has threads.
_deadlines: dict[int, float] = {}


def here():
    """Return this process as (host, number)."""
    return socket.gethostname(), os.getpid()


class Watchdog:
    """Ends a worker in which an item hangs, or whose coordinator has died.

    The thread that waits is faulthandler's: it needs no interpreter, so that it ends loops in C code too. In the
    process that coordinates there is no watchdog, since its end would be the end of the run.

    Parameters
    ----------
    coordinator : tuple
        (host, process) that the worker works for.
    seconds : float or None
        What each item has.
    """

    def __init__(self, coordinator, seconds):
        self._coordinator = coordinator
        self._seconds = seconds
        self.is_worker = here() != coordinator
        self._is_child = False
        self._deadline = None

    def __enter__(self):
        self._is_child = self.is_worker and become_worker(self._coordinator)
        self.rearm()
        return self

    def __exit__(self, *exception):
        if self._deadline is not None:
            with _lock:
                del _deadlines[id(self)]
                _arm()

    def rearm(self, more=0.0):
        """Give what comes next its time, and some seconds more.

        To a second, it does not matter: a watchdog that is armed again is a thread stopped and started.
        """
        if not self.is_worker or self._seconds is None:
            return
        deadline = time.monotonic() + self._seconds + 1 + more
        if self._deadline is None or abs(deadline - self._deadline) >= 1:
            self._deadline = deadline
            with _lock:
                _deadlines[id(self)] = deadline
                _arm()

    def leave_if_orphaned(self):
        """End the process where nobody waits for what it does: another run may have begun."""
        if self._is_child and os.getppid() != self._coordinator[1]:
            os._exit(1)


def _arm():
    if _deadlines:
        seconds = max(0.001, min(_deadlines.values()) - time.monotonic())
        faulthandler.dump_traceback_later(seconds, exit=True, file=_sink())
    else:
        faulthandler.cancel_dump_traceback_later()


@functools.cache
def _sink():
    return open(os.devnull, "w")  # as long as the process lives


@functools.cache
def become_worker(coordinator):
    """Do what a process does once: leave Ctrl-C to its coordinator, end when that has died, and give memory back.

    Returns whether the process ends then. One that waits for its next call would otherwise wait for ever; the workers
    of a cluster are not the coordinator's children, and their cluster looks after them.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Arrow's own allocator keeps several times what a chunk takes.
    pyarrow = import_pyarrow("extract")
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    process_executor._MAX_MEMORY_LEAK_SIZE = _MOST_GROWTH
    is_child = os.name == "posix" and isinstance(multiprocessing.current_process(), LokyProcess)
    if is_child:
        threading.Thread(target=_end_with, args=(coordinator,), daemon=True).start()
    return is_child


def _end_with(coordinator):
    while os.getppid() == coordinator[1]:
        time.sleep(1)
    os._exit(1)
