"""When a schedule hands out tasks, by a clock that only waiting moves."""

import itertools
from pathlib import Path
from types import SimpleNamespace

from numpy.testing import assert_allclose

from skimgfeat.datasets import _schedule
from skimgfeat.datasets._schedule import Schedule, Task


class Timed:
    """A schedule and its clock."""

    def __init__(self, monkeypatch, names, max_rate=None, max_rate_per_host=None):
        self.now = 100.0
        monkeypatch.setattr(_schedule, "time", SimpleNamespace(monotonic=lambda: self.now))
        tasks = [Task(None, f"https://{name[0]}.org/{name}", Path(name)) for name in names]
        self.schedule = Schedule(tasks, max_rate, max_rate_per_host)
        self.schedule._changed.wait = self.wait

    def wait(self, seconds):
        assert seconds is not None, "nothing would ever come"
        self.now += seconds

    def take(self):
        return self.schedule.take()

    def take_all(self):
        """Return names and times of all tasks, each done as soon as it is taken."""
        taken = []
        while (task := self.take()) is not None:
            taken.append((task.part.name, self.now - 100))
            self.schedule.done()
        return taken


def check(taken, expected):
    assert [name for name, _ in taken] == [name for name, _ in expected]
    assert_allclose([moment for _, moment in taken], [moment for _, moment in expected], atol=1e-9)


def test_without_limits_all_are_had_at_once(monkeypatch):
    taken = Timed(monkeypatch, ["a1", "a2", "b1", "a3"]).take_all()
    assert {moment for _, moment in taken} == {0}
    assert [name for name, _ in taken if name[0] == "a"] == ["a1", "a2", "a3"]


def test_a_rate_for_each_host(monkeypatch):
    taken = Timed(monkeypatch, ["a1", "a2", "a3", "b1", "b2"], max_rate_per_host=2).take_all()
    check(taken, [("a1", 0), ("b1", 0), ("a2", 0.5), ("b2", 0.5), ("a3", 1)])


def test_a_rate_for_all_hosts(monkeypatch):
    taken = Timed(monkeypatch, ["a1", "a2", "b1", "b2"], max_rate=4).take_all()
    assert_allclose([moment for _, moment in taken], [0, 0.25, 0.5, 0.75], atol=1e-9)


def test_both_rates(monkeypatch):
    taken = Timed(monkeypatch, ["a1", "a2", "a3", "b1"], max_rate=4, max_rate_per_host=1).take_all()
    check(taken, [("a1", 0), ("b1", 0.25), ("a2", 1), ("a3", 2)])


def test_a_task_that_is_put_back_comes_later(monkeypatch):
    timed = Timed(monkeypatch, ["a1", "a2"], max_rate_per_host=10)
    first = timed.take()
    timed.schedule.again(first, 5)
    check(timed.take_all(), [("a2", 0.1), ("a1", 5)])


def test_a_task_may_move_to_another_host(monkeypatch):
    timed = Timed(monkeypatch, ["a1", "b1"], max_rate_per_host=1)
    first = timed.take()
    first.url = "https://b.org/a1"
    timed.schedule.again(first)
    check(timed.take_all(), [("b1", 0), ("a1", 1)])


def test_a_host_is_put_off(monkeypatch):
    timed = Timed(monkeypatch, ["a1", "a2", "b1"])
    first = timed.take()
    timed.schedule.put_off(first, 7)
    timed.schedule.done()
    check(timed.take_all(), [("b1", 0), ("a2", 7)])


def test_a_host_that_failed_too_often_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(_schedule, "_HOST_FAILURES", 2)
    timed = Timed(monkeypatch, ["a1", "a2", "a3", "b1"], max_rate_per_host=1)
    first = timed.take()
    timed.schedule.note(first, failed=True)
    assert not timed.schedule.is_given_up(first)
    timed.schedule.note(first, failed=False)
    timed.schedule.note(first, failed=True)
    assert not timed.schedule.is_given_up(first)
    timed.schedule.note(first, failed=True)
    assert timed.schedule.is_given_up(first)
    timed.schedule.done()
    taken = timed.take_all()
    assert {name for name, _ in taken} == {"a2", "a3", "b1"}
    assert {moment for _, moment in taken} == {0}


def test_the_end(monkeypatch):
    timed = Timed(monkeypatch, ["a1", "a2"])
    assert timed.take() is not None
    timed.schedule.stop()
    assert timed.schedule.is_stopped
    assert timed.take() is None
    assert Timed(monkeypatch, []).take() is None


def test_nothing_is_handed_out_twice(monkeypatch):
    names = [f"{host}{number}" for number in range(50) for host in "abc"]
    taken = Timed(monkeypatch, names, max_rate=100, max_rate_per_host=50).take_all()
    assert sorted(name for name, _ in taken) == sorted(names)
    for host in "abc":
        moments = [moment for name, moment in taken if name[0] == host]
        assert all(later - earlier >= 0.02 - 1e-9 for earlier, later in itertools.pairwise(moments))
