"""skimgfeat report."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skimgfeat.cli import main

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A job folder of five images, one of them broken; not to be changed."""
    photos = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (20, 24), dtype=np.uint8)).save(photos / f"{number}.png")
    (photos / "4.png").write_bytes(b"no image")
    output = tmp_path_factory.mktemp("run") / "out"
    assert main(["extract", str(photos), str(output), "--features", "lbp", "--mode", "gray", "--size", "20x24"]) == 3
    return str(output)


def read(path):
    text = path.read_text("utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_job_folder(run, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", run, str(out)]) == 0
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    expected = [f"4 of 5 rows shown, 0 without a picture; 1 images failed; {size}", str(out)]
    assert capsys.readouterr().out.splitlines() == expected
    data = read(out)
    assert data["images"]["names"] == [f"{number}.png" for number in range(4)]
    assert data["errors"]["rows"] == [[4, "4.png", "unidentified", data["errors"]["rows"][0][3]]]


def test_every_option(run, tmp_path, capsys):
    np.savez(tmp_path / "labels.npz", first=np.arange(5), second=np.array(list("abcab")))
    out = tmp_path / "page.html"
    images = json.loads(Path(run, "job.json").read_text("utf-8"))["input"]["root"]
    options = ["--labels", str(tmp_path / "labels.npz"), "--labels-key", "second", "--images", images, "--seed", "3"]
    options += ["--max-images", "3", "--metric", "cosine", "--standardize", "--neighbors", "2", "--farthest", "1"]
    options += ["--title", "A <b> title", "--thumbnail-size", "10", "--jobs", "1", "--json"]
    assert main(["report", run, str(out), *options]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account == {
        "output": str(out),
        "rows": 5,
        "shown": 3,
        "failed": 1,
        "without_picture": 0,
        "n_bytes": out.stat().st_size,
    }
    data = read(out)
    assert data["subtitle"].startswith("Neighbors by cosine distance of standardized columns.")
    assert [len(found) for found in data["nearest"]["indices"]] == [2, 2, 2]
    assert [len(found) for found in data["farthest"]["indices"]] == [1, 1, 1]
    assert sorted(label for label, *_ in data["classes"]) == ["a", "b", "c"]
    assert "<title>A &lt;b&gt; title</title>" in out.read_text("utf-8")


def test_where_the_page_goes_without_a_name(run, tmp_path, capsys):
    from skimgfeat.jobs import verify

    np.save(tmp_path / "rows.v1.npy", np.eye(4))
    assert main(["report", str(tmp_path / "rows.v1.npy"), "--quiet"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["rows.v1.html", "rows.v1.npy"]
    assert main(["report", run, "--quiet"]) == 0
    assert os.path.isfile(os.path.join(run, "report.html"))
    assert verify(run) == []
    assert capsys.readouterr().out == ""


def test_an_existing_file_is_kept(run, tmp_path, capsys):
    out = tmp_path / "page.html"
    out.write_text("older")
    assert main(["report", run, str(out)]) == 2
    assert "exists: choose another OUT, or replace it with --overwrite" in capsys.readouterr().err
    assert out.read_text() == "older"
    assert main(["report", run, str(out), "--overwrite", "--quiet"]) == 0
    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["page.txt"], 2, "OUT must end in .html or .htm, got 'page.txt'"),
        (["page.html", "--labels-key", "y"], 2, "--labels-key names a part of a file"),
        (["page.html", "--metric", "manhattan"], 2, "invalid choice: 'manhattan'"),
        (["page.html", "--max-images", "0"], 2, "must be at least 1"),
        (["page.html", "--images", "rows.npy"], 2, "write_report: images must be one for each of 5 items, got 2"),
        (["page.html", "--labels", "labels.npy"], 2, "write_report: y must hold a label for each of 5 items"),
        (["page.html", "--labels", "nowhere.npy"], 1, "nowhere.npy: No such file"),
        (["nowhere/page.html"], 1, "its folder does not exist"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, tmp_path, monkeypatch, capsys, arguments, exit_code, message):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.zeros((2, 4, 4)))
    np.save("labels.npy", np.arange(3))
    assert main(["report", run, *arguments]) == exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(os.listdir(tmp_path)) == ["labels.npy", "rows.npy"]


def test_features_that_are_none(tmp_path, capsys):
    out = str(tmp_path / "page.html")
    assert main(["report", str(tmp_path / "nowhere"), out]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert main(["report", str(tmp_path), out]) == 1
    assert "there is no job folder" in capsys.readouterr().err
    assert main(["report", "s3://bucket/features"]) == 2
    assert "is an address, and the page is written to a disk: give OUT" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
