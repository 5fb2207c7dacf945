"""A column of paths from CSV, Parquet and data frames."""

import os
from pathlib import Path

import numpy as np
import pytest

from skimgfeat.io._tables import read_path_column

pd = pytest.importorskip("pandas")

PATHS = ["a.png", "b, c.png", 'd "e".png', "two\nlines.png", "=1.png", "é\u2028\x85\x0b.png", " f.png", "nan", "NA"]


@pytest.mark.parametrize(
    "options", [{}, {"lineterminator": "\r\n"}, {"encoding": "utf-8-sig"}, {"quoting": 1}], ids=str
)
def test_csv(tmp_path, options):
    pd.DataFrame({"n": range(9), "image_path": PATHS}).to_csv(tmp_path / "t.CSV", index=False, **options)
    assert read_path_column(tmp_path / "t.CSV", "image_path") == PATHS
    assert read_path_column(os.fsencode(tmp_path / "t.CSV"), "image_path") == PATHS


def test_csv_unquoted_and_missing(tmp_path):
    text = "image_path,label\na\u2028b.png,1\n,2\n\nc.png\n\x1cd.png,4,more\n\xff.png,5"
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8").replace("\xff".encode(), b"\xff"))
    paths = ["a\u2028b.png", None, "c.png", "\x1cd.png", "\udcff.png"]
    assert read_path_column(tmp_path / "t.csv", "image_path") == paths
    assert read_path_column(tmp_path / "t.csv", "label") == ["1", "2", None, "4", "5"]


def test_csv_that_cannot_be_read(tmp_path):
    (tmp_path / "long.csv").write_text('image_path\n"' + "a" * 200_000)
    with pytest.raises(ValueError, match=r"long\.csv', line \d+: field larger than field limit"):
        read_path_column(tmp_path / "long.csv", "image_path")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ValueError, match=r"no column 'image_path'; its columns are \[\]"):
        read_path_column(tmp_path / "empty.csv", "image_path")
    with pytest.raises(FileNotFoundError):
        read_path_column(tmp_path / "none.csv", "image_path")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match="is not a regular file"):
        read_path_column(tmp_path / "pipe.csv", "image_path")


@pytest.mark.parametrize("suffix", ["parquet", "pq", "PARQUET"])
def test_parquet(tmp_path, suffix):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"image_path": [*PATHS, None], "image": [b"data"] * 9 + [None], "n": range(10)})
    frame.to_parquet(tmp_path / f"t.{suffix}")
    assert read_path_column(tmp_path / f"t.{suffix}", "image_path") == [*PATHS, None]
    assert read_path_column(tmp_path / f"t.{suffix}", "image") == [b"data"] * 9 + [None]
    with pytest.raises(ValueError, match=r"column 'n' must hold paths or encoded images, got 0 in row 0"):
        read_path_column(tmp_path / f"t.{suffix}", "n")
    with pytest.raises(ValueError, match="has no column 'x'"):
        read_path_column(tmp_path / f"t.{suffix}", "x")


def test_a_file_that_is_no_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 not at all PAR1")
    with pytest.raises(ValueError, match="is not a Parquet file, or damaged"):
        read_path_column(tmp_path / "t.parquet", "image_path")


def test_frames():
    polars = pytest.importorskip("polars")
    for frame in (pd.DataFrame, polars.DataFrame):
        assert read_path_column(frame({"p": PATHS}), "p") == PATHS
        assert read_path_column(frame({"p": ["a", None]}), "p") == ["a", None]
        assert read_path_column(frame({"p": [b"data", None]}), "p") == [b"data", None]
        with pytest.raises(ValueError, match=r"no column 'q'; its columns are \['p'\]"):
            read_path_column(frame({"p": PATHS}), "q")
        with pytest.raises(ValueError, match=r"must hold paths or encoded images, got 1.* in row 0"):
            read_path_column(frame({"p": [1, 2]}), "p")
    mixed = pd.DataFrame({"p": pd.Series([Path("a"), np.nan, pd.NA, np.str_("b"), Path("nan")], dtype=object)})
    assert read_path_column(mixed, "p") == [Path("a"), None, None, "b", Path("nan")]
    assert read_path_column(pd.DataFrame({"p": pd.Series(["a", None], dtype="string")}), "p") == ["a", None]


def test_other_tables():
    with pytest.raises(ValueError, match=r"must be a \.csv or \.parquet file or a data frame, got 't\.xlsx'"):
        read_path_column("t.xlsx", "p")
    for table in (3, ["a.png"], {"p": ["a"]}, None):
        with pytest.raises(TypeError, match=r"must be a file or a data frame, got (int|list|dict|NoneType)"):
            read_path_column(table, "p")
