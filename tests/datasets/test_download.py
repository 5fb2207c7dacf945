"""Photos from a server on this machine that is slow, busy, moved, broken, and wrong."""

import csv
import email.utils
import hashlib
import http.server
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from skimgfeat.datasets import _download, _schedule, download_images
from skimgfeat.jobs import Interrupted

pytest.importorskip("requests")
pa = pytest.importorskip("pyarrow")

COLUMNS = ["image_id", "path", "url", "status", "code", "http_status", "message", "n_bytes", "md5"]
TRANSIENT = ["rate_limited", "server_error", "timeout", "truncated", "unreachable"]


class Server:
    """Serves the bytes in ``files``, or what the functions in ``answers`` do with a request.

    ``requests`` are (name, headers, time), ``most`` the largest number at the same time.
    """

    def __init__(self):
        self.files, self.answers, self.requests = {}, {}, []
        self.n_open, self.most = 0, 0
        lock, server = threading.Lock(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self):
                name = self.path.rpartition("/")[2]
                with lock:
                    server.requests.append((name, dict(self.headers), time.monotonic()))
                    server.n_open += 1
                    server.most = max(server.most, server.n_open)
                try:
                    server.answers.get(name, whole)(self, server.files.get(name))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with lock:
                        server.n_open -= 1

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for key, value in ({"Content_Length": len(body)} | headers).items():
                    self.send_header(key.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/photos"

    @property
    def asked(self):
        """How often each file was asked for."""
        return Counter(name for name, *_ in self.requests)


def whole(handler, body):
    handler.answer(404 if body is None else 200, body or b"")


def fails(status, times=10**9, **headers):
    """Answer with a status so many times, then with the file."""
    left = [times]

    def answer(handler, body):
        left[0] -= 1
        if left[0] < 0:
            return whole(handler, body)
        handler.answer(status, b"no", **headers)

    return answer


def leads_to(url):
    return lambda handler, _: handler.answer(302, Location=url)


def breaks_off(after, *, ranges, tag='"v1"'):
    """Send no more than ``after`` bytes of what it announced; continue where asked if it knows ranges."""

    def answer(handler, body):
        asked = handler.headers.get("Range")
        start = int(asked[6:-1]) if ranges and asked and handler.headers["If-Range"] == tag else 0
        headers = {"ETag": tag, "Content_Length": len(body) - start}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.answer(206 if start else 200, body[start : start + after], **headers)
        handler.close_connection = True

    return answer


def drips(seconds):
    def answer(handler, body):
        handler.answer(200, Content_Length=len(body))
        for byte in body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(seconds)

    return answer


def slowly(handler, body):
    time.sleep(0.05)
    whole(handler, body)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(_download, "_BACKOFF", 0.01)


def encode(number, side=40):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def publish(server):
    """Put photos on the server; return their table."""

    def publish(n, **columns):
        bodies = [encode(number) for number in range(n)]
        names = [f"p{number}.jpg" for number in range(n)]
        server.files |= dict(zip(names, bodies, strict=True))
        table = {
            "image_id": [f"f{number:02}" for number in range(n)],
            "path": names,
            "url": [f"{server.url}/{name}" for name in names],
            "md5": [hashlib.md5(body).hexdigest() for body in bodies],
            "n_bytes": [len(body) for body in bodies],
        }
        return pd.DataFrame(table | columns)

    return publish


def download(photos, folder, **options):
    return download_images(photos, folder, **({"max_rate_per_host": None, "timeout": 5} | options))


def read_list(folder):
    with open(Path(folder) / "downloads.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert not rows or list(rows[0]) == COLUMNS
    return {row["image_id"]: row for row in rows}


def images_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.jpg"))


# --- What comes


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_photos_come_whole(server, publish, frame, tmp_path):
    photos = publish(20)
    photos["path"] = [f"{number % 2}/{name}" for number, name in enumerate(photos["path"])]
    server.answers = dict.fromkeys(server.files, slowly)
    account = download(frame(photos.to_dict("list")), tmp_path / "new" / "photos")
    assert (account.listed, account.ok, account.n_done) == (20, 20, 20)
    for path, url in zip(photos["path"], photos["url"], strict=True):
        assert (tmp_path / "new" / "photos" / path).read_bytes() == server.files[url.rpartition("/")[2]]
    rows = read_list(tmp_path / "new" / "photos")
    assert list(rows) == list(photos["image_id"])
    assert [row["md5"] for row in rows.values()] == list(photos["md5"])
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert server.asked.total() == 20
    assert 1 < server.most <= 8
    left = {path.name for path in (tmp_path / "new" / "photos").iterdir()}
    assert left == {"0", "1", "downloads.csv", ".lock"}


def test_what_is_there_is_not_fetched_again(server, publish, tmp_path):
    photos = publish(4)
    download(photos, tmp_path)
    server.requests.clear()
    account = download(photos, tmp_path)
    assert (account.ok, account.n_done) == (4, 0)
    (tmp_path / "p1.jpg").write_bytes(b"")
    (tmp_path / "p2.jpg").unlink()
    (tmp_path / "downloads.csv").unlink()
    assert download(photos, tmp_path).n_done == 2
    assert server.asked == {"p1.jpg": 1, "p2.jpg": 1}
    assert (tmp_path / "p1.jpg").read_bytes() == server.files["p1.jpg"]


def test_a_second_table_adds_to_the_list(publish, tmp_path):
    photos = publish(6)
    download(photos[:4], tmp_path)
    account = download(photos[2:], tmp_path)
    assert (account.listed, account.ok, account.n_done) == (4, 4, 2)
    assert sorted(read_list(tmp_path)) == list(photos["image_id"])


def test_sums_and_sizes_may_be_missing(publish, tmp_path):
    photos = publish(3, md5=[None, float("nan"), ""], n_bytes=[None, 700.0, float("nan")])
    photos.loc[1, "n_bytes"] = len(encode(1))
    assert download(photos, tmp_path).ok == 3
    assert download(photos[["image_id", "path", "url"]], tmp_path / "other").ok == 3


# --- What does not


def test_every_code(server, publish, tmp_path):
    photos = publish(14)
    nobody = "http://127.0.0.1:9/x.jpg"
    served = {
        "p1.jpg": fails(404),
        "p2.jpg": fails(410),
        "p3.jpg": fails(403),
        "p4.jpg": fails(500),
        "p5.jpg": fails(429, Retry_After=0),
        "p6.jpg": leads_to(f"{server.url}/photo_unavailable_l.png"),
        "p7.jpg": leads_to(f"{server.url}/p7.jpg"),
        "p8.jpg": leads_to("file:///etc/passwd"),
        "p9.jpg": lambda handler, body: handler.answer(200, body[::-1]),
        "p10.jpg": lambda handler, body: handler.answer(200, body + b"more"),
        "p11.jpg": lambda handler, body: handler.answer(200, b"<html>Sorry</html>"),
        "p12.jpg": breaks_off(100, ranges=False),
    }
    server.answers |= served
    server.files["photo_unavailable_l.png"] = encode(99)
    photos.loc[11, ["md5", "n_bytes"]] = None
    photos.loc[13, "url"] = nobody
    account = download(photos, tmp_path, max_retries=1)
    codes = ["", "gone", "gone", "refused", "server_error", "rate_limited", "placeholder", "too_many_redirects"]
    codes += ["bad_url", "wrong_checksum", "wrong_size", "unidentified", "truncated", "unreachable"]
    rows = read_list(tmp_path)
    assert [row["code"] for row in rows.values()] == codes
    assert account.codes == Counter(codes[1:])
    assert account.listed == account.ok + account.error == 14
    assert images_in(tmp_path) == ["p0.jpg"]
    assert rows["f01"]["http_status"] == "404"
    assert "photo_unavailable_l.png" in rows["f06"]["message"]
    asked = {name: server.asked[name] for name in served}
    assert asked == dict.fromkeys(served, 1) | {"p4.jpg": 2, "p5.jpg": 2, "p12.jpg": 2, "p7.jpg": 6}
    assert not list(tmp_path.glob(".skimgfeat-*"))

    server.requests.clear()
    server.answers.clear()
    assert download(photos, tmp_path, max_retries=0).ok == 4  # what may come back has come back
    assert set(server.asked) == {"p4.jpg", "p5.jpg", "p12.jpg"}
    photos.loc[13, "url"] = f"{server.url}/p13.jpg"
    assert download(photos, tmp_path).ok == 5  # another address is asked
    assert download(photos, tmp_path, retry_failed=True).ok == 14


@pytest.mark.parametrize(
    ("path", "url", "code"),
    [
        ("a.jpg", None, "missing_url"),
        ("a.jpg", "", "missing_url"),
        (None, "URL", "no_path"),
        ("../a.jpg", "URL", "no_path"),
        ("/etc/a.jpg", "URL", "no_path"),
        ("C:a.jpg", "URL", "no_path"),
        ("b\\a.jpg", "URL", "no_path"),
        ("a\0.jpg", "URL", "no_path"),
        ("b/" + "ä" * 150 + ".jpg", "URL", "no_path"),
        ("out/a.jpg", "URL", "no_path"),
        (".lock", "URL", "no_path"),
        ("downloads.csv", "URL", "no_path"),
        ("a.jpg", "ftp://127.0.0.1/a.jpg", "bad_url"),
        ("a.jpg", "file:///etc/passwd", "bad_url"),
        ("a.jpg", "http:///a.jpg", "bad_url"),
        ("a.jpg", "http://[1/a.jpg", "bad_url"),
        ("a.jpg", "http://127.0.0.1:99999/a.jpg", "bad_url"),
        ("a.jpg", "a.jpg", "bad_url"),
    ],
)
def test_nothing_is_asked_or_written_for_bad_rows(server, publish, path, url, code, tmp_path):
    photos = publish(2)
    folder = tmp_path / "photos"
    folder.mkdir()
    os.symlink(tmp_path, folder / "out")
    photos.loc[1, ["path", "url"]] = path, photos["url"][1] if url == "URL" else url
    account = download(photos, folder)
    assert account.codes == {code: 1}
    assert set(server.asked) == {"p0.jpg"}
    assert images_in(tmp_path) == ["photos/p0.jpg"]


@pytest.mark.parametrize("path", ["a.jpg", "sub/a.jpg", "sub/deep/a.jpg"])
def test_a_place_that_is_taken_is_an_error_of_its_photo(server, publish, path, tmp_path):
    """By a folder, or by a file that is to be a folder; the others come, and it comes when the place is free."""
    photos = publish(3)
    photos.loc[1, "path"] = path
    taken = tmp_path / path.split("/")[0]
    if taken.suffix:
        taken.mkdir()
    else:
        taken.touch()
    for _ in range(2):
        assert download(photos, tmp_path).codes == {"no_path": 1}
        assert (
            f"{'folder' if taken.suffix else 'file'} stands at {taken.name!r}" in read_list(tmp_path)["f01"]["message"]
        )
        assert server.asked == {"p0.jpg": 1, "p2.jpg": 1}
    taken.rmdir() if taken.suffix else taken.unlink()
    assert download(photos, tmp_path).ok == 3
    assert (tmp_path / path).read_bytes() == server.files["p1.jpg"]


def test_formulas_stay_text(publish, tmp_path):
    photos = publish(2, image_id=["=1+1", "-f"])
    server_error = photos["url"][0].replace("p0", "nothing")
    photos.loc[0, "url"] = server_error
    for n_done in (2, 0):
        assert download(photos, tmp_path).n_done == n_done
        assert list(read_list(tmp_path)) == ["'=1+1", "'-f"]


# --- Again, and later


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(server, publish, status, tmp_path):
    photos = publish(1)
    server.answers["p0.jpg"] = fails(status, times=3)
    assert download(photos, tmp_path, max_retries=3).ok == 1
    assert server.asked == {"p0.jpg": 4}


def test_waits_grow(server, publish, monkeypatch, tmp_path):
    monkeypatch.setattr(_download, "_BACKOFF", 0.1)
    server.answers["p0.jpg"] = fails(500, times=3)
    download(publish(1), tmp_path)
    waits = np.diff([moment for *_, moment in server.requests])
    assert (waits > [0.07, 0.14, 0.29]).all()
    assert (waits < [0.4, 0.6, 1.0]).all()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_host_says_when(server, publish, form, tmp_path):
    """Nobody asks it for anything else in the meantime."""
    photos = publish(3)
    date = email.utils.format_datetime(pd.Timestamp.now("UTC").ceil("s").to_pydatetime() + pd.Timedelta(1, "s"))
    server.answers["p0.jpg"] = fails(429, times=1, Retry_After="1" if form == "seconds" else date)
    assert download(photos, tmp_path, n_jobs=1).ok == 3
    moments = [moment for *_, moment in server.requests]
    assert server.requests[0][0] == "p0.jpg"
    assert 0.9 < moments[1] - moments[0] < 3
    assert moments[-1] - moments[1] < 0.8


def test_nobody_waits_for_hours(server, publish, monkeypatch, tmp_path):
    monkeypatch.setattr(_download, "_LONGEST_WAIT", 0.1)
    server.answers["p0.jpg"] = fails(503, Retry_After=86400)
    start = time.monotonic()
    assert download(publish(1), tmp_path, max_retries=2).codes == {"server_error": 1}
    assert 0.2 < time.monotonic() - start < 3


@pytest.mark.parametrize("moment", ["²", "Mon, 01 Jan 99999999999999 00:00:00 GMT", "soon", "9" * 400])
def test_a_host_that_says_nonsense_ends_no_run(server, publish, monkeypatch, moment, tmp_path):
    monkeypatch.setattr(_download, "_LONGEST_WAIT", 0.1)
    server.answers = {
        "p0.jpg": fails(429, times=1, Retry_After=moment),
        "p1.jpg": leads_to("http://["),
        "p2.jpg": fails(200, Content_Length="²"),
    }
    account = download(publish(4), tmp_path, max_retries=1)
    assert account.ok == 2
    assert account.codes["bad_url"] == 1


def test_a_host_that_is_down_is_left_alone(server, publish, monkeypatch, tmp_path):
    monkeypatch.setattr(_schedule, "_HOST_FAILURES", 3)
    photos = publish(30)
    photos.loc[:19, "url"] = [f"http://127.0.0.1:9/{number}.jpg" for number in range(20)]
    account = download(photos, tmp_path, n_jobs=1, max_retries=0)
    assert account.ok == 10
    assert account.codes == {"unreachable": 3, "host_down": 17}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transfer_that_breaks_off_goes_on(server, publish, ranges, tmp_path):
    photos = publish(1)
    size = photos["n_bytes"][0]
    times = [0]
    broken, good = breaks_off(size // 3, ranges=ranges), breaks_off(size, ranges=ranges)

    def answer(handler, body):
        times[0] += 1
        (broken if times[0] <= 2 else good)(handler, body)

    server.answers["p0.jpg"] = answer
    assert download(photos, tmp_path).ok == 1
    asked = [headers.get("Range") for _, headers, _ in server.requests]
    assert asked == [None, f"bytes={size // 3}-", f"bytes={2 * (size // 3) if ranges else size // 3}-"]


def test_a_photo_that_changed_meanwhile_begins_anew(server, publish, tmp_path):
    photos = publish(1, md5=[None], n_bytes=[None])
    first, second = breaks_off(300, ranges=True, tag='"old"'), breaks_off(10**6, ranges=True, tag='"new"')
    answers = iter([first, second])
    server.answers["p0.jpg"] = lambda handler, body: next(answers)(handler, body)
    assert download(photos, tmp_path).ok == 1
    assert (tmp_path / "p0.jpg").read_bytes() == server.files["p0.jpg"]


def test_the_wrong_part_is_not_taken(server, publish, tmp_path):
    photos = publish(1)
    times = [0]

    def answer(handler, body):
        times[0] += 1
        if times[0] == 1:
            breaks_off(300, ranges=True)(handler, body)
        elif times[0] == 2:
            handler.answer(206, body[200:], Content_Range=f"bytes 200-{len(body) - 1}/{len(body)}", ETag='"v1"')
        elif times[0] == 3:
            handler.answer(416)
        else:
            whole(handler, body)

    server.answers["p0.jpg"] = answer
    assert download(photos, tmp_path).ok == 1
    assert ["Range" in headers for _, headers, _ in server.requests] == [False, True, False, False]


def test_a_body_without_a_length(server, publish, tmp_path):
    """Its end is the end of the connection, so that only the sum tells whether it is whole."""

    def answer(handler, body):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body if server.asked["p0.jpg"] > 1 else body[:300])
        handler.close_connection = True

    server.answers["p0.jpg"] = answer
    photos = publish(1)
    assert download(photos, tmp_path).codes == {"wrong_size": 1}
    assert download(photos, tmp_path, retry_failed=True).ok == 1


@pytest.mark.parametrize("has_length", [True, False])
def test_limits_of_bytes(server, publish, has_length, tmp_path):
    photos = publish(2, md5=[None] * 2, n_bytes=[None] * 2)
    server.files["p1.jpg"] = encode(1, side=400)

    def chunked(handler, body):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    if not has_length:
        server.answers = dict.fromkeys(server.files, chunked)
    account = download(photos, tmp_path, max_bytes=20_000)
    assert account.codes == {"too_many_bytes": 1}
    assert images_in(tmp_path) == ["p0.jpg"]


@pytest.mark.parametrize("answer", [drips(0.01), lambda handler, _: time.sleep(1.5)], ids=["drips", "silent"])
def test_slow_servers_are_given_up(server, publish, answer, tmp_path):
    server.answers["p0.jpg"] = answer
    start = time.monotonic()
    account = download(publish(3), tmp_path, timeout=0.3, max_retries=1)
    assert account.codes == {"timeout": 1}
    assert account.ok == 2
    assert time.monotonic() - start < 3


# --- Rates


@pytest.mark.parametrize("option", ["max_rate", "max_rate_per_host"])
def test_rates_of_requests(server, publish, option, tmp_path):
    """Redirects and retries count."""
    photos = publish(12, md5=[None] * 12, n_bytes=[None] * 12).drop(1)
    server.answers["p0.jpg"] = leads_to(f"{server.url}/p1.jpg")
    server.answers["p2.jpg"] = fails(500, times=1)
    start = time.monotonic()
    assert download(photos, tmp_path, **{option: 20}).ok == 11
    assert server.asked.total() == 13
    assert time.monotonic() - start > 12 / 20


# --- The end before the end

_RUN = """
import sys
import pandas as pd
from skimgfeat.datasets import download_images
photos = pd.read_csv(sys.argv[1])
download_images(photos, sys.argv[2], n_jobs=2, max_rate_per_host=None)
"""


def start_process(photos, tmp_path):
    table = tmp_path / "photos.csv"
    photos.to_csv(table, index=False)
    package = str(Path(_download.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen([sys.executable, "-c", _RUN, str(table), str(tmp_path / "photos")], env=environment)


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_and_gone_on(server, publish, tmp_path):
    photos = publish(40)
    server.answers = dict.fromkeys(server.files, slowly)
    server.answers["p1.jpg"] = breaks_off(300, ranges=False)
    process = start_process(photos, tmp_path)
    wait_for(lambda: len(list((tmp_path / "photos").glob("*.jpg"))) >= 8)
    process.kill()
    process.wait(timeout=30)
    there = images_in(tmp_path / "photos")
    assert 8 <= len(there) < 40
    assert all((tmp_path / "photos" / name).read_bytes() == server.files[name] for name in there)
    server.answers.clear()
    server.requests.clear()
    account = download(photos, tmp_path / "photos")
    assert account.ok == 40
    assert not set(server.asked) & set(there)
    assert not list((tmp_path / "photos").glob(".skimgfeat-*"))
    assert set(read_list(tmp_path / "photos")) == set(photos["image_id"])


@pytest.mark.parametrize("cut", [1, 20, 45, 70])
def test_a_list_that_was_cut_off(server, publish, cut, tmp_path):
    photos = publish(3)
    server.answers["p2.jpg"] = fails(404)
    download(photos, tmp_path)
    path = tmp_path / "downloads.csv"
    path.write_bytes(path.read_bytes()[:-cut])
    assert download(photos, tmp_path).ok == 2
    assert [row["code"] for row in read_list(tmp_path).values()] == ["", "", "gone"]


def test_one_run_at_a_time(server, publish, tmp_path):
    photos = publish(4)
    server.answers = dict.fromkeys(server.files, slowly)
    first = threading.Thread(target=download, args=(photos, tmp_path), kwargs={"n_jobs": 1})
    first.start()
    wait_for(lambda: server.requests)
    with pytest.raises(BlockingIOError):
        download(photos, tmp_path)
    first.join()
    assert len(images_in(tmp_path)) == 4


def test_a_disk_that_cannot_be_written_ends_the_run(publish, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skimgfeat.datasets._download.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        download(publish(20), tmp_path)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_interrupted(server, publish, how, monkeypatch, tmp_path):
    photos = publish(10)
    server.answers = dict.fromkeys(server.files, slowly)

    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, _):
            signal.raise_signal(how)

    monkeypatch.setattr(_download, "progress_bar", lambda *_: Bar())
    with pytest.raises(Interrupted) as caught:
        download(photos, tmp_path, n_jobs=1)
    account = caught.value.account
    assert account.skipped == 10 - account.ok >= 7
    assert account.ok == len(images_in(tmp_path)) == len(read_list(tmp_path))


# --- Parameters


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_jobs": 0}, ValueError),
        ({"n_jobs": None}, TypeError),
        ({"max_rate": 0}, ValueError),
        ({"max_rate": "1"}, TypeError),
        ({"max_rate_per_host": -1}, ValueError),
        ({"max_retries": -1}, ValueError),
        ({"max_retries": 0.5}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": None}, TypeError),
        ({"max_bytes": 0}, ValueError),
        ({"retry_failed": 1}, TypeError),
    ],
)
def test_parameters(publish, options, error, tmp_path):
    with pytest.raises(error, match=f"^download_images: {next(iter(options))} must"):
        download(publish(1), tmp_path / "photos", **options)
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda photos: photos.drop(columns="url"), ValueError, "has no column url"),
        (lambda photos: photos.to_dict("list"), TypeError, r"must be a data frame or a pyarrow\.Table, got dict"),
        (lambda photos: photos.assign(path="a.jpg"), ValueError, "several rows with the path 'a.jpg'"),
        (
            lambda photos: photos.assign(path=["a/b", "a/b/c/d.jpg"]),
            ValueError,
            "'a/b/c/d.jpg': a file cannot be a folder",
        ),
        (lambda photos: photos.assign(image_id="f"), ValueError, "several rows with the image_id 'f'"),
        (lambda photos: photos.assign(image_id=["f", None]), ValueError, "no image_id in row 1"),
        (lambda photos: photos.assign(md5="A" * 22 + "=="), ValueError, "32 hexadecimal digits"),
        (lambda photos: photos.assign(url=3), TypeError, "column 'url' of photos must hold strings, got 3"),
    ],
)
def test_tables(publish, change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        download(change(publish(2)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_list_is_not_overwritten(publish, tmp_path):
    (tmp_path / "downloads.csv").write_text("what,ever\n1,2\n")
    with pytest.raises(ValueError, match=r"downloads\.csv' is no list of downloads"):
        download(publish(1), tmp_path)
    assert (tmp_path / "downloads.csv").read_text() == "what,ever\n1,2\n"


def test_without_requests(publish, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match=r"pip install 'skimgfeat\[datasets\]'"):
        download(publish(1), tmp_path)


def test_no_photos(publish, tmp_path):
    account = download(publish(0), tmp_path)
    assert (account.listed, account.complete) == (0, True)
