import io
from types import SimpleNamespace

import pytest

from skimgfeat.cli import _progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, to be set."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(_progress, "time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def run(clock, stream, monkeypatch, **parameters):
    monkeypatch.setattr("sys.stderr", stream)
    with _progress.Progress(8000, **parameters) as progress:
        for done, seconds in ((1000, 0.01), (2000, 1.0), (8000, 100.0)):
            clock.seconds = seconds
            progress.update(done)
    return stream.getvalue()


def test_terminal(clock, monkeypatch):
    text = run(clock, Terminal(), monkeypatch)
    first, second, *wiped = text.strip("\r").split("\r")
    assert first == "[######..................] 2,000 of 8,000 images, 2,000 images/s, 0:03 left"
    assert second.rstrip() == f"[{'#' * 24}] 8,000 of 8,000 images, 80 images/s, 0:00 left"
    assert len(second) >= len(first)
    assert len(wiped) == 1
    assert wiped[0].strip() == ""
    assert len(wiped[0]) >= len(second.rstrip())
    assert text.endswith("\r")


def test_log(clock, monkeypatch):
    text = run(clock, io.StringIO(), monkeypatch)
    assert text == "8,000 of 8,000 images, 80 images/s, 0:00 left\n"


def test_quiet(clock, monkeypatch):
    assert run(clock, Terminal(), monkeypatch, quiet=True) == ""


def test_hours_left(clock, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with _progress.Progress(1000) as progress:
        clock.seconds = 40.0
        progress.update(10)
        assert "1:06:00 left" in _progress.sys.stderr.getvalue()
