import csv
import sys

import pytest
from PIL import Image

from skimgfeat.cli import main
from skimgfeat.recipes import DemoRates


def test_demo_at_a_tiny_size(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    output = tmp_path / "new" / "folder"
    assert main(["demo", "--output", str(output), "--limit", "30", "--jobs", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("skimgfeat ")
    assert captured.out.count("digits") == 4
    assert captured.out.count("scikit-image loop") == 1
    assert max(map(len, captured.out.splitlines()[:-4])) <= 100
    with open(output / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["data_set"], row["features"]) for row in rows] == [
        (data_set, features) for data_set in ("digits", "faces", "textures") for features in ("HOG", "handcrafted")
    ]
    for row in rows:
        assert row["n_images"] == "30"
        assert f"{float(row['LinearSVC']):.3f}" in captured.out
        assert f"{float(row['images_per_second']):,.0f}" in captured.out
    with Image.open(output / "hog_examples.png") as picture:
        assert picture.width > 1000
    assert sorted(path.name for path in output.iterdir()) == ["hog_examples.png", "results.csv"]


def test_demo_without_matplotlib(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    accuracies = {"kNN": 0.5, "RandomForest": 0.5, "LinearSVC": 0.5}
    monkeypatch.setattr("skimgfeat.recipes.cross_validate_case", lambda case, n_jobs: accuracies)
    monkeypatch.setattr("skimgfeat.recipes.measure_rates", lambda case: DemoRates(1e5, 1e3, 1764, 1.0))
    assert main(["demo", "--output", str(tmp_path), "--limit", "30"]) == 0
    out = capsys.readouterr().out
    assert "skimgfeat[plot]" in out
    assert out.count("100x") == 6
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_output_is_a_file(tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("")
    assert main(["demo", "--output", str(path)]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--limit", "29"], ["--limit", "few"], ["--jobs", "0"]])
def test_usage_errors(options, capsys):
    assert main(["demo", *options]) == 2
    assert options[0] in capsys.readouterr().err
