import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image

from skimgfeat.cli import main
from skimgfeat.recipes import make_benchmark_rows

QUICK = ["--rows", "random,raw-1nn"]


@pytest.fixture
def data(tmp_path):
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "data" / part / name
            folder.mkdir(parents=True)
            for index in range(5):
                Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return tmp_path / "data"


def test_benchmark_and_resume(data, tmp_path, capsys):
    output = tmp_path / "output"
    arguments = ["benchmark", "cifar10", "--data", str(data), "--output", str(output), "--jobs", "1"]
    assert main([*arguments, "--rows", "random"]) == 0
    captured = capsys.readouterr()
    assert "10 images to train on, 10 to test on" in captured.out
    assert "[1/1] random: a class at random ..." in captured.err
    stored = json.loads((output / "results" / "random.json").read_text("utf-8"))
    (output / "results" / "random.json").write_text(json.dumps(stored | {"accuracy": 0.125}), "utf-8")
    assert main([*arguments, *QUICK, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert max(map(len, captured.out.splitlines()[1:4])) <= 100
    with open(output / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == ["random", "raw-1nn"]
    assert float(rows[0]["accuracy"]) == 0.125  # read, not run again
    assert "| pixels, nearest neighbor |" in (output / "results.md").read_text("utf-8")
    with Image.open(output / "results.png") as picture:
        assert picture.width > 1000
    assert main([*arguments, *QUICK, "--overwrite"]) == 0
    assert json.loads((output / "results" / "random.json").read_text("utf-8"))["accuracy"] == stored["accuracy"]


def test_other_images(data, tmp_path, capsys):
    arguments = ["benchmark", "cifar10", "--data", str(data), "--output", str(tmp_path / "output"), *QUICK]
    assert main(arguments) == 0
    (data / "train" / "cat" / "0.png").unlink()
    assert main(arguments) == 1
    assert "random.json' is of other images" in capsys.readouterr().err


def test_a_row_without_its_extra(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    arguments = ["benchmark", "cifar10", "--data", str(data), "--output", str(tmp_path / "output")]
    assert main([*arguments, "--rows", "random,cnn"]) == 0
    assert "left out: ConvNetClassifier needs torch" in capsys.readouterr().out


def test_rows_are_listed(capsys):
    assert main(["benchmark", "cifar10", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        row.key for row in make_benchmark_rows()
    ]


@pytest.mark.parametrize("options", [["--rows", "random,best"], ["--limit", "99"], ["--jobs", "0"]])
def test_usage_errors(options, capsys):
    assert main(["benchmark", "cifar10", *options]) == 2
    assert options[0] in capsys.readouterr().err


def test_output_is_a_file(tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("")
    assert main(["benchmark", "cifar10", "--output", str(path)]) == 2
    assert "is a file" in capsys.readouterr().err


def test_data_that_are_not_there(tmp_path, capsys):
    assert main(["benchmark", "cifar10", "--data", str(tmp_path), "--output", str(tmp_path / "output")]) == 1
    assert "holds neither" in capsys.readouterr().err


def test_a_run_that_is_killed_goes_on(data, tmp_path, capsys, monkeypatch):
    from skimgfeat.recipes import _cifar10

    measured = []

    def measure(row, images, n_jobs, *, measure=_cifar10._measure):
        measured.append(row.key)
        if measured == ["random", "raw-1nn"]:
            raise KeyboardInterrupt
        return measure(row, images, n_jobs)

    monkeypatch.setattr(_cifar10, "_measure", measure)
    arguments = ["benchmark", "cifar10", "--data", str(data), "--output", str(tmp_path / "output"), *QUICK]
    assert main(arguments) == 130
    assert [path.name for path in (tmp_path / "output" / "results").iterdir()] == ["random.json"]
    assert main(arguments) == 0
    assert measured == ["random", "raw-1nn", "raw-1nn"]
    assert "error: interrupted" in capsys.readouterr().err
