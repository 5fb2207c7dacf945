"""One request for one file, and whether what came is the file."""

import hashlib
import os
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from skimgfeat.io._decode import ImageError, decode_image

_CHUNK_BYTES = 1 << 16
# A transfer that is slower than this, in bytes a second, has hung.
_SLOWEST = 1000
_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_BUSY = (429, 503)
_LATER = (408, 425, 429)
# Where Flickr leads to for photos that were taken away: an image, with status 200.
_PLACEHOLDER = "photo_unavailable"


class TransferError(Exception):
    """A file that cannot be had, for the reason of a code."""

    def __init__(self, code, message, status=None):
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


class TransientError(TransferError):
    """A file that cannot be had now; ``retry_after`` is when the host may be asked again, in seconds, if it said so."""

    def __init__(self, code, message, status=None, retry_after=None):
        super().__init__(code, message, status)
        self.retry_after = retry_after


class Moved(Exception):  # noqa: N818
    """The file is at another address."""

    def __init__(self, url):
        super().__init__(url)
        self.url = url


def import_requests(owner):
    """Return requests, which comes with the extra ``datasets``."""
    try:
        import requests
    except ImportError as error:
        raise ImportError(
            f"{owner}: downloads need requests, which is not installed: pip install 'skimgfeat[datasets]'."
        ) from error
    return requests


def check_url(url):
    """Raise TransferError for an address that is not asked."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_good = False
    if not is_good:
        raise TransferError("bad_url", f"{url!r} is no address that begins with http:// or https://")
    if _PLACEHOLDER in parts.path.rpartition("/")[2]:
        raise TransferError("placeholder", f"the photo was taken away; {url} stands for it")


def transfer(session, task, *, timeout, max_bytes, is_stopped):
    """Ask for a file and write what comes to ``task.part``, after what is there already of the same version.

    Raises Moved for a redirect, TransientError where it is worth asking again, TransferError where it is not.
    """
    import requests
    import urllib3

    start = task.part.stat().st_size if task.validator and task.part.exists() else 0
    headers = {"Range": f"bytes={start}-", "If-Range": task.validator} if start else {}
    try:
        with session.get(task.url, headers=headers, stream=True, allow_redirects=False, timeout=timeout) as response:
            _check_status(response, task.url)
            start = _find_start(response, start, task)
            task.validator = _validator(response)
            n_bytes = _check_length(response, start, task.photo.n_bytes, max_bytes)
            _receive(response, task.part, start, n_bytes, timeout=timeout, max_bytes=max_bytes, is_stopped=is_stopped)
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise TransientError("timeout", f"nothing came for {timeout:g} seconds") from error
    except ValueError as error:  # of requests, and of what takes addresses apart
        raise TransferError("bad_url", f"{task.url!r} cannot be asked, or leads to no address: {error}") from error
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
        raise TransientError("truncated", f"the connection ended too early: {_first_line(error)}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise TransientError("unreachable", _first_line(error)) from error


def _first_line(error):
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_status(response, url):
    status, reason = response.status_code, response.reason
    if status in (200, 206, 416):
        return
    if status in _REDIRECTS and "Location" in response.headers:
        raise Moved(urljoin(url, response.headers["Location"]))
    if status in _LATER or status >= 500:
        code = "rate_limited" if status == 429 else "server_error"
        retry_after = _retry_after(response.headers.get("Retry-After")) if status in _BUSY else None
        raise TransientError(code, f"the server answered {status} {reason}", status, retry_after)
    raise TransferError("gone" if status in _GONE else "refused", f"the server answered {status} {reason}", status)


def _retry_after(text):
    """Return the seconds of a Retry-After, which holds them or a date; None where it holds neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _find_start(response, start, task):
    """Return the byte that the body begins with; of a part that was not asked for, forget what was received before."""
    if response.status_code == 200:
        return 0
    if response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        return start
    task.validator = None
    raise TransientError("truncated", "the rest of the file did not come", response.status_code)


def _validator(response):
    """Return what names the version of a file in an If-Range: a strong ETag, else the date."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _check_length(response, start, expected, max_bytes):
    """Return how long the whole file is by its header, None where it does not say."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal():
        return None
    n_bytes = start + int(length)
    if expected is not None and n_bytes != expected:
        raise TransferError("wrong_size", f"the file has {n_bytes} bytes in place of {expected}", response.status_code)
    _check_bytes(n_bytes, max_bytes)
    return n_bytes


def _check_bytes(n_bytes, max_bytes):
    if max_bytes is not None and n_bytes > max_bytes:
        raise TransferError("too_many_bytes", f"the file has more than {max_bytes} bytes")


def _receive(response, part, start, n_bytes, *, timeout, max_bytes, is_stopped):
    count, begun = start, time.monotonic()
    with open(part, "ab" if start else "wb") as file:
        # What has come is taken at once: a server that sends a byte now and then would hold a longer read for hours.
        while chunk := response.raw.read1(_CHUNK_BYTES):
            file.write(chunk)
            count += len(chunk)
            _check_bytes(count, max_bytes)
            seconds = time.monotonic() - begun
            if is_stopped() or (seconds > timeout and count - start < _SLOWEST * seconds):
                raise TransientError("timeout", f"{count - start} bytes came in {seconds:.0f} seconds")
        file.flush()
        os.fsync(file.fileno())
    if n_bytes is not None and count < n_bytes:
        raise TransientError("truncated", f"{count} of {n_bytes} bytes came")


def check_file(path, photo):
    """Return size and MD5 sum of a file that is what the metadata say; raise TransferError for another.

    What has no sum there is decoded, since servers send pages of errors in place of images.
    """
    with open(path, "rb") as file:
        data = file.read()
    if photo.n_bytes is not None and len(data) != photo.n_bytes:
        raise TransferError("wrong_size", f"the file has {len(data)} bytes in place of {photo.n_bytes}")
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if photo.md5 is None:
        try:
            decode_image(data)
        except ImageError as error:
            raise TransferError(error.code, error.message) from error
    elif md5 != photo.md5:
        raise TransferError("wrong_checksum", f"the file has the MD5 sum {md5} in place of {photo.md5}")
    return len(data), md5
