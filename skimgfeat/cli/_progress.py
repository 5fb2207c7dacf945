"""A counter of what is done on the standard error stream."""

import sys
import time

_WIDTH = 24


class Progress:
    """Show how many of ``total`` images are done, how quickly, and the time left; a context manager.

    On a terminal the line is redrawn ten times a second and wiped at the end; elsewhere, in a log for instance, a line
    is added every half minute.
    """

    def __init__(self, total, *, quiet=False):
        self._total = total
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._interval = 0.1 if self._is_terminal else 30.0  # seconds
        self._width = 0

    def __enter__(self):
        self._start = self._last = time.perf_counter()
        return self

    def __exit__(self, *exception):
        if self._width and self._is_terminal:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)

    def update(self, done):
        """Say that ``done`` images are done in all."""
        now = time.perf_counter()
        if self._quiet or now - self._last < self._interval:
            return
        self._last = now
        rate = done / (now - self._start)
        left = (self._total - done) / rate
        line = f"{done:,} of {self._total:,} images, {rate:,.0f} images/s, {_clock(left)} left"
        if self._is_terminal:
            filled = _WIDTH * done // self._total
            line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {line}"
            print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(line)
        else:
            print(line, file=sys.stderr, flush=True)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
