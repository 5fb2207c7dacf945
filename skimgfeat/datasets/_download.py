"""Photos by their addresses: all that can be had, and an account of each."""

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from skimgfeat._validation import check_flag, check_integer, check_number
from skimgfeat.datasets._download_list import DownloadList, Entry, read_photos
from skimgfeat.datasets._schedule import Schedule, Task
from skimgfeat.datasets._transfer import (
    Moved,
    TransferError,
    TransientError,
    check_file,
    check_url,
    import_requests,
    transfer,
)
from skimgfeat.io import ImageError
from skimgfeat.io._files import TEMPORARY_PREFIX
from skimgfeat.io._sources import join_inside
from skimgfeat.jobs import Account, Interrupted
from skimgfeat.jobs._folder import JobFolder
from skimgfeat.jobs._run import progress_bar, sigterm_interrupts

_OWNER = "download_images"
_LIST = "downloads.csv"
# Reasons that may be gone by the next run; a photo that has a path now was not asked for when it had none.
_PASSING = ("host_down", "no_path", "rate_limited", "server_error", "timeout", "truncated", "unreachable")
# Seconds before the first retry, doubled at each; nobody waits for longer than the other.
_BACKOFF = 0.5
_LONGEST_WAIT = 120.0
_MAX_REDIRECTS = 5
# Bytes that file systems take.
_LONGEST_NAME = 255
_USER_AGENT = "skimgfeat (https://pypi.org/project/skimgfeat)"


class _Fetcher:
    """What each thread does with a task: one request, and what follows from it."""

    def __init__(self, folder, max_retries, timeout, max_bytes):
        self.folder = folder
        self.max_retries = max_retries
        self.timeout = timeout
        self.max_bytes = max_bytes

    def place(self, photo):
        """Return where a photo goes; raise TransferError for one that nobody can be asked for."""
        if photo.url is None:
            raise TransferError("missing_url", "no address is known")
        check_url(photo.url)
        if photo.path is None:
            raise TransferError("no_path", "no safe name of a file is known")
        if photo.path.startswith(".") or photo.path == _LIST:
            raise TransferError("no_path", f"{photo.path!r} may be a file of the run")
        if any(len(os.fsencode(part)) > _LONGEST_NAME for part in photo.path.split("/")):
            raise TransferError("no_path", f"no file can have a name of more than {_LONGEST_NAME} bytes")
        try:
            path = Path(join_inside(str(self.folder), photo.path))
        except ImageError as error:
            raise TransferError("no_path", error.message) from error
        if path.is_dir():
            raise TransferError("no_path", f"a folder stands at {photo.path!r}")
        for folder in path.parents[: photo.path.count("/")]:
            if os.path.lexists(folder) and not folder.is_dir():
                raise TransferError("no_path", f"a file stands at {folder.relative_to(self.folder).as_posix()!r}")
        return path

    def settle(self, photo, before, retry_failed):
        """Return what became of a photo where no request is needed, None where one is.

        ``before`` is what became of it in an earlier run.
        """
        try:
            path = self.place(photo)
        except TransferError as error:
            return Entry.failed(photo, error)
        if path.is_file():
            was_had = before is not None and before.ok and photo.md5 in (None, before.md5)
            if was_had and (before.path, before.n_bytes) == (photo.path, path.stat().st_size):
                return before
            try:
                return Entry.had(photo, *check_file(path, photo))
            except TransferError:
                return None
        if before is None or before.ok or before.url != photo.url or retry_failed or before.code in _PASSING:
            return None
        return before

    def work(self, schedule, results):
        """Do one task after the other until none is left; put what becomes of each into ``results``, and None last."""
        finished = False
        try:
            with import_requests(_OWNER).Session() as session:
                # A compressed transfer would have another length than the file.
                session.headers.update({"User-Agent": _USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"})
                while (task := schedule.take()) is not None:
                    entry = self._attempt(session, schedule, task)
                    if entry is not None:
                        results.put(entry)
                        schedule.done()
            finished = True
        finally:
            if not finished:
                schedule.stop()
            results.put(None)

    def _attempt(self, session, schedule, task):
        """Return what became of a photo, or None and put its task back."""
        try:
            if schedule.is_given_up(task):
                raise TransferError("host_down", "its host has failed too often in a row")
            transfer(
                session,
                task,
                timeout=self.timeout,
                max_bytes=self.max_bytes,
                is_stopped=lambda: schedule.is_stopped,
            )
            schedule.note(task, failed=False)
            return self._accept(task)
        except Moved as moved:
            return self._follow(schedule, task, moved.url)
        except TransientError as error:
            return self._retry(schedule, task, error)
        except TransferError as error:
            if error.status is not None:
                schedule.note(task, failed=False)
            return self._give_up(task, error)

    def _accept(self, task):
        n_bytes, md5 = check_file(task.part, task.photo)
        path = self.place(task.photo)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(task.part, path)
        return Entry.had(task.photo, n_bytes, md5)

    def _follow(self, schedule, task, url):
        schedule.note(task, failed=False)
        task.n_redirects += 1
        try:
            if task.n_redirects > _MAX_REDIRECTS:
                raise TransferError("too_many_redirects", f"more than {_MAX_REDIRECTS} redirects, the last to {url}")
            check_url(url)
        except TransferError as error:
            return self._give_up(task, error)
        task.url = url
        schedule.again(task)
        return None

    def _retry(self, schedule, task, error):
        if schedule.is_stopped:
            return None
        schedule.note(task, failed=True)
        wait = min(_BACKOFF * 2**task.n_failures * random.uniform(0.75, 1.25), _LONGEST_WAIT)
        if error.retry_after is not None or error.code == "rate_limited":
            wait = min(max(wait, error.retry_after or 0.0), _LONGEST_WAIT)
            schedule.put_off(task, wait)
        task.n_failures += 1
        if task.n_failures > self.max_retries:
            return self._give_up(task, error)
        task.url, task.n_redirects = task.photo.url, 0
        schedule.again(task, wait)
        return None

    def _give_up(self, task, error):
        task.part.unlink(missing_ok=True)
        return Entry.failed(task.photo, error)


def _check_parameters(n_jobs, max_rate, max_rate_per_host, max_retries, timeout, max_bytes, retry_failed):
    check_integer(_OWNER, "n_jobs", n_jobs, minimum=1)
    check_integer(_OWNER, "max_retries", max_retries, minimum=0)
    if max_bytes is not None:
        check_integer(_OWNER, "max_bytes", max_bytes, minimum=1)
    for name, value in (("max_rate", max_rate), ("max_rate_per_host", max_rate_per_host), ("timeout", timeout)):
        may_be_none = name != "timeout"
        if not (value is None and may_be_none) and check_number(_OWNER, name, value) <= 0:
            raise ValueError(f"{_OWNER}: {name} must be above 0, got {value!r}.")
    check_flag(_OWNER, "retry_failed", retry_failed)


def _plan(fetcher, photos, listed, retry_failed):
    """Note what became of the photos that no request is needed for; return the tasks of the others."""
    tasks = []
    # What became of a photo before no longer counts when it is asked for again.
    before = {photo.image_id: listed.entries.pop(photo.image_id, None) for photo in photos}
    for number, photo in enumerate(photos):
        entry = fetcher.settle(photo, before[photo.image_id], retry_failed)
        if entry is None:
            tasks.append(Task(photo, photo.url, fetcher.folder / f"{TEMPORARY_PREFIX}{number}.part"))
        elif entry == before[photo.image_id]:
            listed.entries[photo.image_id] = entry
        else:
            listed.add(entry)
    return tasks


def _run(fetcher, listed, schedule, n_jobs, bar):
    """Have the tasks of a schedule done by threads, and list what becomes of each photo."""
    results: SimpleQueue[Entry | None] = SimpleQueue()
    pool = ThreadPoolExecutor(max(1, n_jobs))
    try:
        threads = [pool.submit(fetcher.work, schedule, results) for _ in range(n_jobs)]
        for _ in threads:
            for entry in iter(results.get, None):
                listed.add(entry)
                bar.update(1)
    finally:
        schedule.stop()
        pool.shutdown()
        while not results.empty():
            if (late := results.get()) is not None:
                listed.add(late)
    for thread in threads:
        thread.result()


def _add_up(folder, photos, entries, tasks, seconds):
    """Return the account of these photos, of which the tasks were asked for in this run."""
    known = [entries[photo.image_id] for photo in photos if photo.image_id in entries]
    codes = Counter(entry.code for entry in known if not entry.ok)
    return Account(
        output=str(folder),
        listed=len(photos),
        ok=len(known) - codes.total(),
        partial=0,
        error=codes.total(),
        skipped=len(photos) - len(known),
        codes=dict(codes),
        seconds=seconds,
        n_done=sum(task.photo.image_id in entries for task in tasks),
    )


def download_images(
    photos,
    folder,
    *,
    n_jobs=8,
    max_rate=None,
    max_rate_per_host=10.0,
    max_retries=5,
    timeout=30.0,
    max_bytes=1 << 28,
    retry_failed=False,
    progress=False,
):
    """Download photos into a folder, and list what became of each.

    The same call goes on where an earlier one was interrupted or killed: photos that are there are not fetched again,
    and neither is asked again for those that cannot be had.

    Parameters
    ----------
    photos : data frame or pyarrow.Table
        Of pandas, polars or pyarrow, a row a photo, with the columns ``image_id``, ``path`` (the name of the file in
        the folder, relative and safe) and ``url``, and, where they are known, ``md5`` (hexadecimal) and ``n_bytes``; as
        :meth:`OpenImages.photos` makes it.
    folder : path-like
        Where the photos go, created where missing.
    n_jobs : int, default=8
        How many files are fetched at a time.
    max_rate : float or None, default=None
        The most requests a second; None for no limit.
    max_rate_per_host : float or None, default=10.0
        The most requests a second to one host; None for no limit.
    max_retries : int, default=5
        How often a photo is asked for again when the host is busy, does not answer or breaks off: after half a second,
        twice as long each time, or when the host says, but no longer than two minutes.
    timeout : float, default=30.0
        Seconds without an answer, or with less than 1000 bytes each, after which a request has failed.
    max_bytes : int or None, default=268435456
        Larger files are not fetched; None for no limit.
    retry_failed : bool, default=False
        Whether to ask again for photos that could not be had in an earlier run for a reason that lasts.
    progress : bool, default=False
        Whether to show a progress bar, on a terminal and where tqdm is installed.

    Returns
    -------
    account : skimgfeat.jobs.Account
        How many photos are there, and how many of each code are not; ``n_done`` is how many this run asked for.

    Raises
    ------
    TypeError, ValueError
        For parameters that cannot be used, a table without the columns, and two rows of one id or one path.
    BlockingIOError
        Where another run downloads into the folder.
    OSError
        Where the folder cannot be written to.
    Interrupted
        By SIGINT or SIGTERM; with the account.
    ImportError
        Without requests (the extra ``datasets``).

    See Also
    --------
    OpenImages.photos : The table for photos of Open Images.

    Notes
    -----
    A photo counts when it has the MD5 sum and the size that the table says; one without a sum, when it can be decoded.
    Until then it has another name, so that every file under its own name is whole. A transfer that broke off is
    continued where the host can do that, within a run.

    ``downloads.csv`` in the folder lists what became of each photo of this run and earlier ones: ``image_id, path, url,
    status`` ("ok", "error"), ``code, http_status, message, n_bytes, md5``. The codes are

    - ``missing_url``, ``bad_url`` (neither http nor https), ``no_path`` (missing, too long, out of the folder, or taken
      by a folder, or by a file where it needs one);
    - ``gone`` (404, 410), ``refused`` (other answers), ``placeholder`` (what Flickr shows for photos that were taken
      away), ``too_many_redirects``;
    - ``wrong_checksum``, ``wrong_size``, ``too_many_bytes``, and the codes of :class:`~skimgfeat.io.ImageError` for
      what is no image;
    - ``rate_limited`` (429), ``server_error``, ``unreachable``, ``timeout``, ``truncated``, after all retries, and
      ``host_down``: its host failed 50 times in a row, and was not asked. The next run asks for these again.

    Requests go through the proxies that the environment names.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from skimgfeat.datasets import download_images
    >>> photos = pd.DataFrame({"image_id": ["f0", "f1"], "path": ["a.jpg", None], "url": ["ftp://a.org/a.jpg", None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(download_images(photos, folder))
    2 listed = 0 ok + 0 partial + 2 error (1 bad_url, 1 missing_url) + 0 skipped
    """
    _check_parameters(n_jobs, max_rate, max_rate_per_host, max_retries, timeout, max_bytes, retry_failed)
    import_requests(_OWNER)
    photos = read_photos(photos)
    folder = Path(os.fsdecode(folder))
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with sigterm_interrupts(), JobFolder(str(folder)).lock(), DownloadList(folder / _LIST) as listed:
        for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
            left.unlink()
        fetcher = _Fetcher(folder, max_retries, timeout, max_bytes)
        tasks = _plan(fetcher, photos, listed, retry_failed)
        bar = progress_bar(len(photos), len(photos) - len(tasks), progress)
        interruption = None
        try:
            with bar:
                _run(fetcher, listed, Schedule(tasks, max_rate, max_rate_per_host), min(n_jobs, len(tasks)), bar)
        except KeyboardInterrupt as error:
            interruption = error
        listed.sort([photo.image_id for photo in photos])
        account = _add_up(folder, photos, listed.entries, tasks, time.perf_counter() - start)
    if interruption is not None:
        raise Interrupted(account) from interruption
    return account
