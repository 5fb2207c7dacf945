"""Parameter checks, one sentence each: who, what must hold, what was got."""

import math
from numbers import Integral, Real

import numpy as np


def _is_sequence(value):
    """Tell whether value holds things in an order: sets and dictionaries do not."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)


def check_integer(owner, name, value, *, minimum):
    """Return ``value`` as an int of at least ``minimum``."""
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}.")
    if value < minimum:
        raise ValueError(f"{owner}: {name} must be at least {minimum}, got {value!r}.")
    return int(value)


def check_number(owner, name, value):
    """Return ``value`` as a finite float."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"{owner}: {name} must be finite, got {value!r}.")
    return float(value)


def check_flag(owner, name, value):
    """Return ``value`` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}.")
    return bool(value)


def check_choice(owner, name, value, choices):
    """Return ``value``, a string among ``choices``."""
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a string, one of {list(choices)}, got {value!r}.")
    if value not in choices:
        raise ValueError(f"{owner}: {name} must be one of {list(choices)}, got {value!r}.")
    return value


def check_pair(owner, name, value, *, minimum=1):
    """Return ``value`` as a (rows, cols) tuple of ints of at least ``minimum``."""
    if not _is_sequence(value):
        raise TypeError(f"{owner}: {name} must be a pair (rows, cols), got {value!r}.")
    if len(value) != 2:
        raise ValueError(f"{owner}: {name} must be a pair (rows, cols), got {value!r}.")
    rows, cols = (check_integer(owner, name, side, minimum=minimum) for side in value)
    return rows, cols


def check_n_jobs(owner, n_jobs):
    """Return ``n_jobs``: None or a non-zero integer, as in scikit-learn."""
    if n_jobs is None:
        return None
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, (bool, np.bool_)):
        raise TypeError(f"{owner}: n_jobs must be None or an integer, got {n_jobs!r}.")
    if n_jobs == 0:
        raise ValueError(f"{owner}: n_jobs must not be 0: use None or 1 for one thread, -1 for every processor.")
    return int(n_jobs)


def check_image_shape(owner, image_shape):
    """Return ``image_shape``: None, (rows, cols) or (rows, cols, channels), one of which may be -1."""
    if image_shape is None:
        return None
    if not _is_sequence(image_shape):
        raise TypeError(f"{owner}: image_shape must be None or a tuple (rows, cols[, channels]), got {image_shape!r}.")
    if len(image_shape) not in (2, 3):
        raise ValueError(f"{owner}: image_shape must be (rows, cols) or (rows, cols, channels), got {image_shape!r}.")
    shape = tuple(check_integer(owner, "image_shape", side, minimum=-1) for side in image_shape)
    if 0 in shape or shape.count(-1) > 1:
        raise ValueError(f"{owner}: image_shape must hold positive sides and at most one -1, got {image_shape!r}.")
    return shape


def check_random_state_of(owner, value):
    """Return the RandomState that ``value`` stands for."""
    from sklearn.utils import check_random_state  # late: readers of files import this module, and need no scikit-learn

    if value is None or isinstance(value, np.random.RandomState):
        return check_random_state(value)
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: random_state must be None, an integer or a numpy RandomState, got {value!r}.")
    seed = int(value)
    if not 0 <= seed < 2**32:
        raise ValueError(f"{owner}: random_state must be from 0 to 2**32 - 1, got {value!r}.")
    return check_random_state(seed)
