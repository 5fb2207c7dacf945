"""One thread for a library while batches have threads of their own."""

import sys
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from threading import Lock

from threadpoolctl import ThreadpoolController


class _SharedLimit:
    """A limit that many callers may hold: the last to leave gives back what the first found.

    Such a setting belongs to the whole process: of two holders that overlap, each giving back what it found, the second
    would leave the limit in place.
    """

    def __init__(self, limit):
        self._limit, self._lock, self._users, self._stack = limit, Lock(), 0, ExitStack()

    @contextmanager
    def __call__(self):
        with self._lock:
            if self._users == 0:
                self._stack.enter_context(self._limit())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._stack.close()


@lru_cache(maxsize=1)
def _threadpools(n_modules):
    """Return what controls the libraries that are loaded; a module imported since may have brought another."""
    return ThreadpoolController()


def _limit_blas():
    return _threadpools(len(sys.modules)).limit(limits=1, user_api="blas")


@contextmanager
def _limit_cv2():
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


one_blas_thread = _SharedLimit(_limit_blas)
one_cv2_thread = _SharedLimit(_limit_cv2)
