"""Parameter checks: skimgfeat/_validation.py."""

import numpy as np
import pytest

from skimgfeat._validation import (
    check_choice,
    check_flag,
    check_image_shape,
    check_integer,
    check_n_jobs,
    check_number,
    check_pair,
    check_random_state_of,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integer(value):
    checked = check_integer("Owner", "n", value, minimum=3)
    assert checked == 3
    assert type(checked) is int


@pytest.mark.parametrize("value", [3.0, "3", None, True, np.True_, [3], np.array([3])])
def test_integer_of_the_wrong_kind(value):
    with pytest.raises(TypeError, match="Owner: n must be an integer, got"):
        check_integer("Owner", "n", value, minimum=0)


def test_integer_too_small():
    with pytest.raises(ValueError, match="Owner: n must be at least 3, got 2"):
        check_integer("Owner", "n", 2, minimum=3)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int16(2)])
def test_number(value):
    checked = check_number("Owner", "x", value)
    assert checked == 2.0
    assert type(checked) is float


@pytest.mark.parametrize("value", ["2", None, True, np.False_, 1j, [2.0]])
def test_number_of_the_wrong_kind(value):
    with pytest.raises(TypeError, match="Owner: x must be a number, got"):
        check_number("Owner", "x", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_number_not_finite(value):
    with pytest.raises(ValueError, match="Owner: x must be finite, got"):
        check_number("Owner", "x", value)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flag(value):
    assert check_flag("Owner", "f", value) is bool(value)


@pytest.mark.parametrize("value", [0, 1, "True", None])
def test_flag_of_the_wrong_kind(value):
    with pytest.raises(TypeError, match="Owner: f must be True or False, got"):
        check_flag("Owner", "f", value)


def test_choice():
    assert check_choice("Owner", "m", "b", ("a", "b")) == "b"


@pytest.mark.parametrize(("value", "error"), [(None, TypeError), (1, TypeError), ("c", ValueError), ("", ValueError)])
def test_choice_that_is_none(value, error):
    with pytest.raises(error, match=r"Owner: m must be .*one of \['a', 'b'\], got"):
        check_choice("Owner", "m", value, ("a", "b"))


@pytest.mark.parametrize("value", [(2, 3), [2, 3], np.array([2, 3])])
def test_pair(value):
    assert check_pair("Owner", "p", value) == (2, 3)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (2, TypeError, r"p must be a pair \(rows, cols\), got 2"),
        (None, TypeError, "p must be a pair"),
        ("23", TypeError, "p must be a pair"),
        ((2,), ValueError, "p must be a pair"),
        ((2, 3, 4), ValueError, "p must be a pair"),
        ((2, 3.0), TypeError, "p must be an integer, got 3.0"),
        ((True, 3), TypeError, "p must be an integer, got True"),
        ((0, 3), ValueError, "p must be at least 1, got 0"),
        ((2, -1), ValueError, "p must be at least 1, got -1"),
    ],
)
def test_pair_that_is_none(value, error, message):
    with pytest.raises(error, match=f"Owner: {message}"):
        check_pair("Owner", "p", value)


@pytest.mark.parametrize("value", [None, 1, 2, -1, np.int64(4)])
def test_n_jobs(value):
    assert check_n_jobs("Owner", value) == value


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.0, TypeError), ("2", TypeError), (True, TypeError)])
def test_n_jobs_that_cannot_be_used(value, error):
    with pytest.raises(error, match="Owner: n_jobs must"):
        check_n_jobs("Owner", value)


@pytest.mark.parametrize("value", [7, np.int64(7), np.random.RandomState(7)])
def test_random_state(value):
    assert check_random_state_of("Owner", value).randint(1 << 30) == np.random.RandomState(7).randint(1 << 30)


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2**32, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_random_state_that_cannot_be_used(value, error):
    with pytest.raises(error, match="Owner: random_state must"):
        check_random_state_of("Owner", value)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, None),
        ((2, 3), (2, 3)),
        ([2, 3, 4], (2, 3, 4)),
        ((2, -1), (2, -1)),
        ((-1, 3, 1), (-1, 3, 1)),
        (np.array([2, 3]), (2, 3)),
    ],
)
def test_image_shape(value, shape):
    assert check_image_shape("Owner", value) == shape


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (28, TypeError),
        ("28", TypeError),
        ((28,), ValueError),
        ((1, 2, 3, 4), ValueError),
        ((-1, -1), ValueError),
        ((0, 3), ValueError),
        ((-2, 3), ValueError),
        ((2.0, 3), TypeError),
        ((2, None), TypeError),
    ],
)
def test_image_shape_that_cannot_be_used(value, error):
    with pytest.raises(error, match="Owner: image_shape must"):
        check_image_shape("Owner", value)
