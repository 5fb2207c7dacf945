"""Transformers that do to a worker what images do to it. Workers import this module by its name."""

import ctypes
import os
import time

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

EXIT, SEGFAULT, SLEEP, HOLD, RAISE, INFINITE, HUGE = 249, 250, 251, 252, 253, 254, 255


_kept = []


def keep(n_bytes):
    """Take memory, as a library or a chunk does, and tell which process has."""
    _kept[:] = [np.ones(n_bytes, np.uint8)]
    return os.getpid()


class _Stateless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Moody(_Stateless):
    """Mean and largest pixel of each image; some values of its first pixel end the process, or keep it for a minute."""

    def __init__(self, delay=0.0, log=None):
        self.delay = delay
        self.log = log

    def transform(self, X):
        rows = np.array([self._row(np.asarray(image)) for image in X])
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()} {len(X)}\n")
        return rows

    def _row(self, image):
        time.sleep(self.delay)
        mood = image.flat[0]
        if mood == EXIT:
            os._exit(9)
        elif mood == SEGFAULT:
            ctypes.string_at(0)
        elif mood == SLEEP:
            time.sleep(60)
        elif mood == HOLD:
            ctypes.PyDLL(None).sleep(60)  # without letting go of the interpreter
        elif mood == RAISE:
            raise RuntimeError("it does not like this image")
        return [{INFINITE: np.inf, HUGE: 1e300}.get(mood, image.mean()), image.max()]


class Drops(_Stateless):
    """Leaves out rows that begin with 0."""

    def transform(self, X):
        X = np.asarray(X).reshape(len(X), -1)
        return X[X[:, 0] != 0]


class Sparse(_Stateless):
    def transform(self, X):
        return sparse.csr_matrix(np.asarray(X).reshape(len(X), -1))


class Folder(_Stateless):
    """One number: how many letters the working directory has."""

    def transform(self, X):
        return np.full((len(X), 1), len(os.getcwd()))


class FillsTheDisk(_Stateless):
    """Pixels; from the image on whose first pixel is 1, files may have 3000 bytes, where DISK_IS_FULL is set."""

    def transform(self, X):
        X = np.asarray(X).reshape(len(X), -1)
        if os.environ.get("DISK_IS_FULL") and (X[:, 0] == 1).any():
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
        return X
