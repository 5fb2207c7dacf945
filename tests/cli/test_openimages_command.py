"""``skimgfeat openimages download``, from a server on this machine."""

import base64
import csv
import hashlib
import http.server
import io
import json
import threading
from functools import partial

import pytest
from PIL import Image

from skimgfeat import BBoxCrop
from skimgfeat.cli import main
from skimgfeat.datasets import OpenImages

pytest.importorskip("requests")

BOXES = """\
ImageID,LabelName,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf
f0,/m/01,0.1,0.5,0.2,0.9,0,0
f0,/m/02,0.4,0.8,0.1,0.7,1,0
f1,/m/01,0,1,0,1,-1,1
f2,/m/02,0.25,0.75,0.5,1,0,0
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path, monkeypatch):
    """The address of a folder on the web, and the folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def metadata(web, tmp_path):
    """Metadata of three photos on the web; the sum of the last is wrong."""
    url, web_folder = web
    folder = tmp_path / "data" / "metadata"
    folder.mkdir(parents=True)
    (folder / "class-descriptions-boxable.csv").write_text("/m/01,Cat\n/m/02,Hot dog\n")
    (folder / "train-annotations-bbox.csv").write_text(BOXES)
    (web_folder / "train").mkdir()
    rows = [["ImageID", "OriginalURL", "OriginalMD5", "OriginalSize"]]
    for number, color in enumerate(["red", "green", "blue"]):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), color).save(buffer, "JPEG")
        body = buffer.getvalue()
        for name in (f"{number}_o.jpg", f"train/f{number}.jpg"):
            (web_folder / name).write_bytes(body)
        digest = hashlib.md5(body if number < 2 else b"other").digest()
        rows.append([f"f{number}", f"{url}/{number}_o.jpg", base64.b64encode(digest).decode(), len(body)])
    with open(folder / "train-images-boxable.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def run(*arguments):
    return main(["openimages", "download", *map(str, arguments), "--max-rate-per-host", "0"])


def names(folder):
    return sorted(path.name for path in folder.glob("*.jpg"))


def test_photos_of_classes(metadata, capsys):
    output = metadata.parent / "images"
    assert run("Cat", output) == 0
    assert names(output) == ["0_o.jpg", "1_o.jpg"]
    assert "2 listed = 2 ok + 0 partial + 0 error + 0 skipped" in capsys.readouterr().out
    assert run("Cat", "Hot dog", output) == 3
    assert "3 listed = 2 ok + 0 partial + 1 error (1 wrong_checksum) + 0 skipped" in capsys.readouterr().out
    assert run("Cat", output, "--quiet") == 0
    assert capsys.readouterr().out == ""
    boxes = OpenImages(metadata).boxes(["Cat"])
    crops = BBoxCrop(root=output, orientation="ignore").fit_transform(boxes)
    assert [crop.shape for crop in crops] == [(21, 16, 3), (30, 40, 3)]


def test_copies(web, metadata, tmp_path, capsys):
    output = tmp_path / "copies"
    options = ("--metadata", metadata, "--source", "copies", "--base-url", web[0], "--json")
    assert run("Hot dog", output, *options) == 0
    assert names(output) == ["f0.jpg", "f2.jpg"]
    assert json.loads(capsys.readouterr().out)["ok"] == 2
    boxes = OpenImages(metadata, paths="id").boxes(["Hot dog"])
    assert len(BBoxCrop(root=output).fit_transform(boxes)[1]) == 15


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--limit", "1"], ["0_o.jpg"]),
        (["--group-of", "no"], ["0_o.jpg"]),
        (["--group-of", "yes", "--jobs", "1", "--timeout", "3"], ["1_o.jpg"]),
        (["--occluded", "yes"], []),
    ],
)
def test_which_photos(metadata, options, expected, tmp_path, capsys):
    output = tmp_path / "images"
    assert run("Cat", output, "--metadata", metadata, *options) == 0
    assert names(output) == expected


def test_retry_failed(metadata, capsys):
    output = metadata.parent / "images"
    for options, line in (([], "1 error (1 wrong"), ([], "nothing was left"), (["--retry-failed"], "1 error (1 wrong")):
        assert run("Hot dog", output, "--limit", "2", *options) == 3
        assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["Hot dgo", "images"], 2, "did you mean 'Hot dog'?"),
        (["Cat", "images", "--metadata", "nowhere"], 1, "there is no class-descriptions-boxable.csv"),
        (["Cat", "images", "--subset", "test"], 1, "there is no test-annotations-bbox.csv"),
        (["Cat", "images", "--subset", "none"], 2, "invalid choice: 'none'"),
        (["Cat", "images", "--jobs", "0"], 2, "must be at least 1"),
        (["Cat", "images", "--max-rate", "-1"], 2, "must be at least 0"),
        (["Cat"], 2, "OUT"),
    ],
)
def test_mistakes(metadata, arguments, code, message, monkeypatch, capsys):
    monkeypatch.chdir(metadata.parent)
    assert run(*arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (metadata.parent / "images").exists()
