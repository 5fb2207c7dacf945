"""skimgfeat aggregate."""

import json
import os

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skimgfeat import Flatten, aggregate, extract
from skimgfeat.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A job folder of three items in two folders; one image is broken, one belongs to no item."""
    photos = tmp_path_factory.mktemp("photos")
    for name, value in {"a/7_1": 1, "a/7_2": 3, "b/12_1": 9, "b/_logo": 5}.items():
        path = photos / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((2, 2), value, np.uint8)).save(path)
    (photos / "b" / "30_1.png").write_bytes(b"no image")
    output = tmp_path_factory.mktemp("run") / "out"
    with joblib.parallel_config("threading", n_jobs=1):
        extract(Flatten(), photos, output, progress=False)
    return str(output)


def test_items_by_name(run, tmp_path, capsys):
    out = str(tmp_path / "items.parquet")
    assert main(["aggregate", run, out, "--prefix", "img_feature_"]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "5 rows = 3 used + 1 failed + 1 unmatched ('b/_logo.png'); 3 items, 1 of them NaN ('30')",
        out,
    ]
    frame = pd.read_parquet(out)
    assert list(frame.columns) == ["item_id", *(f"img_feature_{number}" for number in range(12))]
    assert frame["item_id"].tolist() == ["7", "12", "30"]
    np.testing.assert_array_equal(frame["img_feature_0"], [2, 9, np.nan])


def test_every_option(run, tmp_path, capsys):
    out = str(tmp_path / "items.csv")
    options = ["--regex", "^([^/]+)/[0-9]", "--on", "image_path", "--method", "max", "--nan-policy", "propagate"]
    assert main(["aggregate", run, out, *options, "--counts", "--json"]) == 3
    account = json.loads(capsys.readouterr().out)
    assert account["output"] == out
    assert (account["rows"], account["used"], account["failed"], account["unmatched"]) == (5, 3, 1, 1)
    assert account["unmatched_names"] == ["b/_logo.png"]
    assert account["nan_items"] == ["b"]
    assert pd.read_csv(out).iloc[:, :4].to_csv(index=False) == (
        "item_id,n_images,n_failed,pixel_r0_c0_ch0\na,2,0,3.0\nb,1,1,\n"
    )


def test_complete_items_from_a_file(run, tmp_path, capsys):
    aggregate(run, by="image_name", output=tmp_path / "raw.parquet")
    frame = pd.read_parquet(tmp_path / "raw.parquet").dropna()
    frame.assign(shop="a").to_parquet(tmp_path / "raw.parquet", index=False)
    out = str(tmp_path / "items.csv")
    assert main(["aggregate", str(tmp_path / "raw.parquet"), out, "--by", "shop"]) == 0
    assert capsys.readouterr().out.startswith("4 rows = 4 used + 0 failed + 0 unmatched; 1 items\n")
    assert pd.read_csv(out).shape == (1, 13)


def test_an_existing_file_is_kept(run, tmp_path, capsys):
    out = tmp_path / "items.csv"
    out.write_text("older")
    assert main(["aggregate", run, str(out)]) == 2
    assert "exists: choose another OUT, or replace it with --overwrite" in capsys.readouterr().err
    assert out.read_text() == "older"
    assert main(["aggregate", run, str(out), "--overwrite", "--quiet"]) == 3
    assert out.read_text().startswith("item_id,")
    assert capsys.readouterr().out == ""
    raw = str(tmp_path / "raw.parquet")
    aggregate(run, output=raw)
    assert main(["aggregate", raw, raw, "--overwrite"]) == 2
    assert "is read from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "nope"], "aggregate: no column 'nope' tells the items"),
        (["--regex", "("], "argument --regex: is no regular expression"),
        (["--regex", "zzz"], "finds an item in none of the rows"),
        (["--on", "image_path"], "--on says where --regex looks"),
        (["--by", "code", "--regex", "a"], "not allowed with argument"),
        (["--nan-policy", "raise"], "the features of 'b/30_1.png' are missing"),
        (["--method", "sum"], "invalid choice: 'sum'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, tmp_path, capsys, options, message):
    before = sorted(os.listdir(tmp_path))
    assert main(["aggregate", run, str(tmp_path / "items.csv"), *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(os.listdir(tmp_path)) == before


def test_places_that_cannot_be_read_or_written(run, tmp_path, capsys):
    assert main(["aggregate", run, str(tmp_path / "items.txt")]) == 2
    assert "OUT must end in .parquet or .csv" in capsys.readouterr().err
    assert main(["aggregate", str(tmp_path / "missing"), str(tmp_path / "items.csv")]) == 1
    assert "there is no job folder" in capsys.readouterr().err
    assert main(["aggregate", run, str(tmp_path / "missing" / "items.csv")]) == 1
    assert "its folder does not exist" in capsys.readouterr().err


def test_csv_is_not_read(run, tmp_path, capsys):
    (tmp_path / "features.csv").write_text("item_id,x\n7,1.0\n")
    assert main(["aggregate", str(tmp_path / "features.csv"), str(tmp_path / "items.csv")]) == 2
    assert "CSV is not read" in capsys.readouterr().err
    assert not (tmp_path / "items.csv").exists()
