"""What reads job folders."""

import csv
import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from odd_steps import RAISE, Moody
from PIL import Image

from skimgfeat import HOG, Flatten, extract, load_features
from skimgfeat.jobs import load_account, verify, write_csv

pytestmark = pytest.mark.usefixtures("threads")


@pytest.fixture
def output(folder, tmp_path):
    """The job folder of HOG over the folder, one image of which fails."""
    (folder / "cats" / "07_front.png").write_bytes(b"no image")
    extract(HOG(pixels_per_cell=(4, 4), cells_per_block=(1, 1)), folder, tmp_path / "out", chunk_size=9, progress=False)
    return tmp_path / "out"


@pytest.mark.parametrize("layout", ["list", "wide"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_every_reader_gives_what_transform_gives(images, tmp_path, layout, compression):
    hog = HOG(pixels_per_cell=(4, 4), cells_per_block=(1, 1)).fit(images)
    extract(hog, images, tmp_path / "out", layout=layout, compression=compression, y=np.arange(60) % 2, progress=False)
    rows = hog.transform(images)
    features = load_features(tmp_path / "out")
    assert features.dtype == np.float32
    assert_array_equal(features, rows)
    mapped = load_features(tmp_path / "out", to="memmap")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert_array_equal(mapped, rows)
    names = hog.get_feature_names_out().tolist()
    frame = load_features(tmp_path / "out", to="pandas")
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == ["index", "label", "status", "code", "message", *names]
    assert_array_equal(frame[names], rows)
    polars = load_features(tmp_path / "out", to="polars")
    assert isinstance(polars, pl.DataFrame)
    assert_array_equal(polars.select(names).to_numpy(), rows)
    assert polars["label"].to_list() == [0, 1] * 30
    # The files themselves.
    opened = pd.read_parquet(tmp_path / "out" / "chunks")
    scanned = pl.scan_parquet(tmp_path / "out" / "chunks").collect()
    if layout == "list":
        assert_array_equal(np.stack(opened["features"]), rows)
        assert_array_equal(np.stack(scanned["features"].to_list()).astype(np.float32), rows)
    else:
        assert_array_equal(opened[names], rows)
        assert_array_equal(scanned.select(names).to_numpy(), rows)
    assert_array_equal(opened["index"], np.arange(60))


def test_rows_of_items_that_failed(output):
    features, items = load_features(output, return_items=True)
    assert np.isnan(features[7]).all()
    assert np.isfinite(np.delete(features, 7, 0)).all()
    assert (items["status"][7], items["code"][7]) == ("error", "unidentified")
    account = load_account(output)
    assert (account.ok, account.error, account.seconds) == (59, 1, 0)
    assert load_features(output, to="pandas")["status"].tolist() == items["status"].tolist()


def test_csv(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    for name in ("=cmd()_1.png", "b, c.png", 'd"e.png'):
        Image.fromarray(np.full((1, 2), 51, dtype=np.uint8)).save(root / name)
    (root / "-x.png").write_bytes(b"")
    extract(Flatten(), root, tmp_path / "out", y=["@a", "b", "c", "d"], progress=False)
    write_csv(tmp_path / "out", tmp_path / "features.csv")
    with open(tmp_path / "features.csv", newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    items = ["index", "image_path", "image_name", "item_id", "label", "status", "code", "message"]
    assert header[:8] == items
    assert len(header) == 14
    assert [line[1] for line in lines] == ["'-x.png", "'=cmd()_1.png", "b, c.png", 'd"e.png']
    assert [line[4] for line in lines] == ["'@a", "b", "c", "d"]
    assert lines[0][5:7] == ["error", "empty"]
    assert lines[0][8:] == [""] * 6
    assert lines[1][8:] == ["51"] * 6
    for line in lines:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line)


def test_csv_gives_every_float_back(images, tmp_path):
    X = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32) * np.logspace(-30, 30, 7, dtype=np.float32)
    extract(Identity(), X, tmp_path / "out", chunk_size=8, progress=False)
    write_csv(tmp_path / "out", tmp_path / "features.csv")
    frame = pd.read_csv(tmp_path / "features.csv")
    assert_array_equal(frame.iloc[:, 4:].to_numpy().astype(np.float32), X)


class Identity(Moody):
    def transform(self, X):
        return X


def test_verify_finds_flipped_bits(output):
    rng = np.random.default_rng(0)
    assert verify(output) == []
    chunks = sorted((output / "chunks").iterdir())
    assert len(chunks) == 7
    for path in [*chunks, output / "items.parquet", output / "job.json"]:
        whole = path.read_bytes()
        for place in rng.integers(0, len(whole), 10):
            broken = bytearray(whole)
            broken[place] ^= 1 << rng.integers(8)
            path.write_bytes(broken)
            problems = verify(output)
            assert len(problems) == 1
            assert f"{path.relative_to(output)} has changed since it was written" in problems[0]
        path.write_bytes(whole)
    assert verify(output) == []


def test_reading_finds_flipped_bits_of_features(images, tmp_path):
    extract(Flatten(), images, tmp_path / "out", chunk_size=60, progress=False)
    path = tmp_path / "out" / "chunks" / "c-000000.parquet"
    whole = path.read_bytes()
    values = load_features(tmp_path / "out").tobytes()
    start = whole.index(values[:400])
    for place in np.random.default_rng(0).integers(start, start + len(values), 10):
        broken = bytearray(whole)
        broken[place] ^= 4
        path.write_bytes(broken)
        with pytest.raises((OSError, ValueError)):
            load_features(tmp_path / "out")


def test_verify_finds_what_is_missing_or_edited(output):
    chunk = output / "chunks" / "c-000003.parquet"
    data = chunk.read_bytes()
    chunk.unlink()
    assert verify(output) == ["chunks/c-000003.parquet is missing"]
    chunk.write_bytes(data)
    (output / "chunks" / "c-000007.parquet").write_bytes(data)
    assert verify(output) == ["chunks/c-000007.parquet is not in the manifest"]
    (output / "chunks" / "c-000007.parquet").unlink()
    path = output / "manifest.json"
    manifest = path.read_text()
    told = json.loads(manifest)
    path.write_text(json.dumps(told | {"account": told["account"] | {"ok": 60, "error": 0}}))
    assert verify(output) == [
        "manifest.json tells of 60 ok, the chunks of 59",
        "manifest.json tells of 0 error, the chunks of 1",
    ]
    path.write_text(json.dumps(told | {"files": told["files"][:-1]}))
    assert verify(output) == ["chunks/c-000006.parquet is not in the manifest"]
    for broken in (manifest[:-30], "{}", "[]"):
        path.write_text(broken)
        assert re.match("manifest.json cannot be read: ", verify(output)[0])
    path.unlink()
    assert verify(output) == ["the run is not finished: manifest.json is missing"]
    path.write_text(manifest)
    assert verify(output) == []


def test_there_must_be_a_finished_job(output, tmp_path):
    for function in (load_account, load_features, verify):
        with pytest.raises(FileNotFoundError, match=r"there is no job folder: job.json is missing"):
            function(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        write_csv(tmp_path / "nothing", tmp_path / "features.csv")
    with pytest.raises(ValueError, match="load_features: to must be"):
        load_features(output, to="list")
    (output / "manifest.json").unlink()
    (output / "chunks" / "c-000002.parquet").unlink()
    assert (load_account(output).skipped, load_account(output).complete) == (9, False)
    for read in (load_features, lambda output: write_csv(output, tmp_path / "features.csv")):
        with pytest.raises(ValueError, match=r"is not finished \(60 listed = 50 ok .* 9 skipped\); resume it first"):
            read(output)


def test_chunks_where_nothing_is_left(images, tmp_path):
    images[:30, 0, 0] = RAISE
    images[30:, 0, 0] = 1
    X = images[::-1]
    extract(Moody(), X, tmp_path / "out", chunk_size=30, on_error="skip", layout="wide", progress=False)
    assert load_features(tmp_path / "out").shape == (30, 2)
    assert load_features(tmp_path / "out", to="polars").shape == (30, 6)
