"""Which file of which host is asked for next, and when."""

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# A host that failed so many times in a row is not asked again: each of its files would cost every retry.
_HOST_FAILURES = 50


@dataclass(eq=False)
class Task:
    """A file to be had, and how far it has come.

    ``url`` is where to ask next, which redirects change; ``part`` is the file that receives it; ``validator`` names the
    version of which ``part`` holds the beginning.
    """

    photo: object
    url: str
    part: Path
    n_failures: int = 0
    n_redirects: int = 0
    validator: str | None = None


@dataclass
class _Host:
    tasks: list = field(default_factory=list)
    next_time: float = 0.0
    n_failures: int = 0


class Schedule:
    """Hands out tasks to threads, each when its host may be asked; all waiting is done here.

    Parameters
    ----------
    tasks : list of Task
        In the order in which each host is to be asked for them.
    max_rate, max_rate_per_host : float or None
        Requests a second, of all hosts together and of each; None for no limit.
    """

    def __init__(self, tasks, max_rate, max_rate_per_host):
        self._pause = 0.0 if max_rate is None else 1 / max_rate
        self._host_pause = 0.0 if max_rate_per_host is None else 1 / max_rate_per_host
        self._next_time = 0.0
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._n_open = len(tasks)
        self._is_stopped = False
        self._hosts: dict[str, _Host] = {}
        for task in tasks:  # in order, so that each list is a heap
            self._hosts.setdefault(host_of(task.url), _Host()).tasks.append((0.0, next(self._numbers), task))
        # The times are lower bounds: a host may have been put off since, and then comes in again.
        self._queue = [(0.0, name) for name in self._hosts]

    @property
    def is_stopped(self):
        return self._is_stopped

    def take(self):
        """Return the next task, when it may be asked for; None when nothing is left, or the run was stopped."""
        with self._changed:
            while self._n_open and not self._is_stopped:
                now = time.monotonic()
                wait = self._seconds_to_next(now)
                if wait is not None and wait <= 0:
                    return self._pop(now)
                self._changed.wait(wait)
            return None

    def again(self, task, seconds=0.0):
        """Put a task back, to be asked for after some seconds."""
        with self._changed:
            name = host_of(task.url)
            host = self._hosts.setdefault(name, _Host())
            heapq.heappush(host.tasks, (time.monotonic() + seconds, next(self._numbers), task))
            heapq.heappush(self._queue, (self._ready_time(host), name))
            self._changed.notify()

    def done(self):
        """Count a task as done."""
        with self._changed:
            self._n_open -= 1
            if not self._n_open:
                self._changed.notify_all()

    def stop(self):
        """Hand out nothing any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def put_off(self, task, seconds):
        """Leave the host of a task alone for some seconds."""
        with self._changed:
            host = self._hosts[host_of(task.url)]
            host.next_time = max(host.next_time, time.monotonic() + seconds)

    def note(self, task, failed):
        """Note how the host of a task has answered."""
        with self._changed:
            host = self._hosts[host_of(task.url)]
            host.n_failures = host.n_failures + 1 if failed else 0

    def is_given_up(self, task):
        """Tell whether the host of a task has failed so often that it is not asked again."""
        with self._changed:
            return self._hosts[host_of(task.url)].n_failures >= _HOST_FAILURES

    def _ready_time(self, host):
        if host.n_failures >= _HOST_FAILURES:
            return 0.0
        return max(host.next_time, host.tasks[0][0])

    def _seconds_to_next(self, now):
        """Return how long until a task may be asked for, None while every open one is in the hands of a thread."""
        while self._queue:
            time_noted, name = self._queue[0]
            host = self._hosts[name]
            if not host.tasks:
                heapq.heappop(self._queue)
                continue
            ready = self._ready_time(host)
            if ready <= time_noted:
                return max(ready, self._next_time) - now
            heapq.heapreplace(self._queue, (ready, name))
        return None

    def _pop(self, now):
        _, name = heapq.heappop(self._queue)
        host = self._hosts[name]
        _, _, task = heapq.heappop(host.tasks)
        if host.n_failures < _HOST_FAILURES:
            self._next_time = now + self._pause
            host.next_time = now + self._host_pause
        if host.tasks:
            heapq.heappush(self._queue, (self._ready_time(host), name))
        self._changed.notify()  # another thread may wait for longer than until the next task
        return task


def host_of(url):
    """Return the host of an address, with its port."""
    return urlsplit(url).netloc.lower()
