"""aggregate, beside pandas' groupby."""

import json
import logging
import os
import re
import tracemalloc
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from skimgfeat import Flatten, ImageCollection, aggregate, extract, load_features
from skimgfeat.jobs import AggregateAccount
from skimgfeat.jobs._item_index import natural_key

pytestmark = pytest.mark.usefixtures("threads")
METHODS = ["mean", "max", "first", "median"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of items: 1 to 12, each with 1 to 4 views, in two folders; some are broken, some have no item."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    number = 0
    for folder in ("a", "b"):
        (root / folder).mkdir()
        for item in range(1, 13):
            for view in range(1, 1 + item % 4 if folder == "a" else 2):
                path = root / folder / f"{item:03}_view{view * 5}.png"
                if number % 7 == 3 or item == 12:
                    path.write_bytes(b"no image")
                else:
                    Image.fromarray(random.integers(0, 256, (3, 4), dtype=np.uint8)).save(path)
                number += 1
        Image.fromarray(np.zeros((3, 4), np.uint8)).save(root / folder / "_logo.png")
    return root


@pytest.fixture(scope="module", params=["list", "wide"])
def run(request, photos, tmp_path_factory):
    """A job folder of their pixels, in chunks of 5."""
    output = tmp_path_factory.mktemp("run") / "out"
    collection = ImageCollection.from_folder(photos, mode="gray")
    extract(Flatten(), collection, output, chunk_size=5, layout=request.param, progress=False)
    return output


def expected(frame, method, by="item_id"):
    """What pandas makes of the rows that have an item and features, in the order of the items' first rows."""
    frame = frame[frame[by] != ""].copy()
    order = frame.drop_duplicates(by)[by]
    features = frame.filter(like="pixel_").columns
    frame = frame.dropna(subset=features)
    if method == "first":
        view = frame["image_name"].str.extract("view([0-9]+)")[0].astype(int)
        frame = frame.assign(folder=frame["image_path"].str[0], view=view).sort_values(["folder", "view"])
    frame[features] = frame[features].astype(np.float64)
    return frame.groupby(by)[list(features)].agg(method).reindex(order)


@pytest.mark.parametrize("held", [1, 3000, 1 << 30])
@pytest.mark.parametrize("method", METHODS)
def test_as_pandas(run, method, held, monkeypatch):
    monkeypatch.setattr("skimgfeat.jobs._aggregate._HELD_BYTES", held)
    monkeypatch.setattr("skimgfeat.jobs._row_tables._BATCH_BYTES", held)
    frame = load_features(run, to="pandas")
    items, account = aggregate(run, method=method)
    wanted = expected(frame, method)
    assert list(items.columns) == ["item_id", *wanted.columns]
    assert list(items["item_id"]) == list(wanted.index)
    assert set(items.dtypes[1:]) == {np.dtype(np.float32)}
    assert_allclose(items[wanted.columns], wanted, rtol=1e-6)
    assert wanted.isna().any(axis=None)
    counts = frame.groupby("item_id")["code"].count()
    n_unmatched = int(counts[""])
    n_failed = int((frame["status"] == "error").sum())
    assert account == AggregateAccount(
        rows=len(frame),
        used=len(frame) - n_failed - n_unmatched,
        failed=n_failed,
        unmatched=n_unmatched,
        items=len(wanted),
        unmatched_names=["a/_logo.png", "b/_logo.png"],
        nan_items=list(wanted.index[wanted.isna().any(axis=1)]),
    )


FORMS = {
    "pandas": lambda run: load_features(run, to="pandas"),
    "pandas with another index": lambda run: (
        load_features(run, to="pandas").sample(frac=1.0, random_state=0).sort_values("index")
    ),
    "pandas of lists": lambda run: pd.read_parquet(run / "chunks"),
    "polars": lambda run: load_features(run, to="polars"),
    "polars of lists": lambda run: pl.read_parquet(run / "chunks"),
    "pyarrow": lambda run: pq.read_table(run / "chunks"),
    "path as a string": os.fspath,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", METHODS)
def test_every_form_of_rows(run, form, method):
    names = [f"x{number}" for number in range(12)]
    from_run, account = aggregate(run, method=method, prefix="x", counts=True)
    items, again = aggregate(FORMS[form](run), method=method, prefix="x", counts=True)
    pd.testing.assert_frame_equal(items, from_run)
    assert list(items.columns) == ["item_id", "n_images", "n_failed", *names]
    assert again == account


@pytest.mark.parametrize("method", METHODS)
def test_array_and_names(run, method):
    X, items = load_features(run, return_items=True)
    wanted, account = aggregate(run, method=method, prefix="feature_")
    for features in (X, X.astype(np.float64), np.asfortranarray(X)):
        found, again = aggregate(features, names=items["image_path"], method=method)
        pd.testing.assert_frame_equal(found, wanted)
        assert again == account


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_parquet_file_of_another_origin(run, tmp_path, compression):
    """The raw table as the source lays it out, in row groups of any size."""
    frame = load_features(run, to="pandas")[
        ["image_path", "image_name", *(f"pixel_r{r}_c{c}" for r in range(3) for c in range(4))]
    ]
    frame.to_parquet(tmp_path / "raw.parquet", row_group_size=6, compression=compression)
    items, account = aggregate(tmp_path / "raw.parquet", by=re.compile(r"^([^_]+)_"))
    wanted, of_run = aggregate(run)
    pd.testing.assert_frame_equal(items, wanted)
    assert account == of_run


# --- What tells items


def test_by_pattern(run):
    by_id, _ = aggregate(run)
    for pattern in (r"^([0-9]+)_", r"^[0-9]+", "^([0-9]+)(_view)(5)?"):
        items, account = aggregate(run, by=re.compile(pattern))
        pd.testing.assert_frame_equal(items, by_id)
        assert account.unmatched_names == ["a/_logo.png", "b/_logo.png"]
    # A group that takes no part in the match, or matches nothing, is no item.
    items, account = aggregate(run, by=re.compile("view(10)?(5)?"))
    assert list(items["item_id"]) == ["10"]
    assert account.unmatched == account.rows - account.used - account.failed > 20


def test_by_pattern_on_a_path(run):
    items, account = aggregate(run, by=re.compile("^([^/]+)/"), on="image_path")
    assert list(items["item_id"]) == ["a", "b"]
    assert account.unmatched == 0


def test_by_callable(run):
    items, _ = aggregate(run, by=lambda name: name[:3] if name[0] == "0" else None)
    pd.testing.assert_frame_equal(items, aggregate(run)[0])
    items, _ = aggregate(run, by=lambda path: PurePosixPath(path).parent.name, on="image_path")
    assert list(items["item_id"]) == ["a", "b"]
    with pytest.raises(TypeError, match=r"by must return a string, or None for no item, got 3 for '001_view5\.png'"):
        aggregate(run, by=lambda name: 3)


def test_ids_are_texts(photos, tmp_path):
    frame = pd.DataFrame({"x": [1.0, 3.0, 5.0, 7.0]})
    for ids, wanted in [
        (["007", "7", "007", "7"], ["007", "7"]),
        ([7, 8, 7, 8], ["7", "8"]),
        ([2**60 + 1, 8, 2**60 + 1, 8], [str(2**60 + 1), "8"]),
        ([7.0, 8.0, 7.0, 8.0], ["7", "8"]),
        (pd.Categorical(["b", "a", "b", "a"]), ["b", "a"]),
    ]:
        items, account = aggregate(frame.assign(key=ids), by="key")
        assert items.to_dict("list") == {"item_id": wanted, "x": [3.0, 5.0]}
        assert account.unmatched == 0
    items, account = aggregate(frame.assign(key=["7", None, "", "7"]), by="key")
    assert items.to_dict("list") == {"item_id": ["7"], "x": [4.0]}
    assert account.unmatched_names == ["row 1", "row 2"]
    items, account = aggregate(frame.assign(key=[7, np.nan, np.nan, 7]), by="key")
    assert list(items["item_id"]) == ["7"]
    assert account.unmatched == 2


def test_by_label(photos, tmp_path):
    extract(Flatten(), np.eye(6)[:, :, None], tmp_path / "out", y=[3, 5, 3, 5, 3, 5], progress=False)
    items, _ = aggregate(tmp_path / "out", by="label", method="max")
    assert list(items["item_id"]) == ["3", "5"]
    assert_array_equal(items.iloc[:, 1:], [[1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]])


def test_natural_order():
    texts = [
        "a",
        "a1",
        "a1b",
        "a01c",
        "a2",
        "a10",
        "a10b2",
        "a10b10",
        "b",
        "1",
        "01x",
        "9" * 5000,
        "1" + "0" * 5000,
        "x٣",
    ]
    for seed in range(20):
        shuffled = list(np.random.default_rng(seed).permutation(texts))
        found = sorted(shuffled, key=natural_key)
        assert found == [
            "1",
            "01x",
            "9" * 5000,
            "1" + "0" * 5000,
            "a",
            "a1",
            "a1b",
            "a01c",
            "a2",
            "a10",
            "a10b2",
            "a10b10",
            "b",
            "x٣",
        ]
    names = ["7_10.jpg", "7_9.jpg", "7_2.jpg", "8_1.jpg", "7_11.jpg"]
    items, _ = aggregate(np.arange(5.0)[:, None], names=names, method="first")
    assert items.to_dict("list") == {"item_id": ["7", "8"], "feature_0": [2.0, 3.0]}
    # A first image that failed is passed over; rows without names come in their order.
    X = np.array([[0.0], [1.0], [np.nan], [3.0], [4.0]])
    assert aggregate(X, names=names, method="first")[0]["feature_0"].tolist() == [1.0, 3.0]
    frame = pd.DataFrame({"key": list("abab"), "x": [1.0, 2.0, 3.0, 4.0]})
    assert aggregate(frame, by="key", method="first")[0]["x"].tolist() == [1.0, 2.0]


def test_first_of_the_names_in_a_column_of_another_name():
    frame = pd.DataFrame({"file": ["7_10.png", "7_2.png", "logo.png"], "x": [1.0, 3.0, 5.0]})
    for by in (re.compile("^([0-9]+)_"), lambda name: name.partition("_")[0] if "_" in name else None):
        items, account = aggregate(frame, by=by, on="file", method="first")
        assert items["x"].tolist() == [3.0]
        assert account.unmatched_names == ["logo.png"]
    # The path of an image comes before what else a column says of it.
    frame["image_path"] = ["a/1.png", "a/2.png", "a/3.png"]
    items, account = aggregate(frame, by=re.compile("^([0-9]+)_"), on="file", method="first")
    assert items["x"].tolist() == [1.0]
    assert account.unmatched_names == ["a/3.png"]


def test_csv_is_not_read(tmp_path):
    (tmp_path / "features.CSV").write_text("item_id,x\n7,1.0\n")
    with pytest.raises(ValueError, match=r"aggregate: CSV is not read, got '.*features\.CSV'; give the job folder"):
        aggregate(tmp_path / "features.CSV")


# --- Rows that failed


@pytest.mark.parametrize("method", METHODS)
def test_nan_policy(method):
    X = np.array([[1.0, 2.0], [np.nan, 4.0], [5.0, 6.0], [np.inf, 1.0], [1e300, 1.0]])
    frame = pd.DataFrame(X, columns=["x", "y"]).assign(item_id=["a", "a", "b", "c", "b"])
    items, account = aggregate(frame, method=method, counts=True)
    assert items.to_dict("list")["item_id"] == ["a", "b", "c"]
    assert_array_equal(items[["x", "y"]], [[1, 2], [5, 6], [np.nan, np.nan]])
    assert_array_equal(items[["n_images", "n_failed"]], [[1, 1], [1, 1], [0, 1]])
    assert (account.used, account.failed, account.nan_items) == (2, 3, ["c"])
    items, account = aggregate(frame, method=method, nan_policy="propagate")
    assert items[["x", "y"]].isna().all(axis=None)
    assert account.nan_items == ["a", "b", "c"]
    assert str(account) == "5 rows = 2 used + 3 failed + 0 unmatched; 3 items, 3 of them NaN ('a', 'b', 'c')"
    with pytest.raises(ValueError, match="the features of 'row 1' are missing, NaN or infinite; nan_policy='omit'"):
        aggregate(frame, method=method, nan_policy="raise")
    complete, _ = aggregate(frame.iloc[[0, 2]], method=method, nan_policy="raise")
    assert_array_equal(complete[["x", "y"]], [[1, 2], [5, 6]])


def test_missing_lists_have_failed():
    lists = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    table = pa.table({"item_id": ["a", "a", "a"], "features": lists})
    for features in (table, table.to_pandas(), table.slice(1), pl.from_arrow(table)):
        items, account = aggregate(features, method="max")
        assert_array_equal(items[["feature_0", "feature_1"]], [[3, 4]])
        assert account.failed == 1


@pytest.mark.parametrize("origin", ["pandas", "polars", "pandas file", "polars file"])
def test_lists_whose_type_does_not_tell_their_length(origin, tmp_path):
    columns = {"item_id": ["a", "a", "b"], "features": [None, [1.0, 2.0], [3.0, 5.0]]}
    frame = pd.DataFrame(columns) if origin.startswith("pandas") else pl.DataFrame(columns)
    if origin.endswith("file"):
        write = frame.to_parquet if origin.startswith("pandas") else frame.write_parquet
        frame = tmp_path / "lists.parquet"
        write(frame)
    items, account = aggregate(frame, counts=True)
    assert items.to_numpy().tolist() == [["a", 1, 1, 1.0, 2.0], ["b", 1, 0, 3.0, 5.0]]
    assert account.failed == 1


def test_columns_that_are_no_features_are_named(tmp_path):
    frame = pd.DataFrame(
        {"item_id": ["a", "a"], "x": [1.0, 2.0], "title": ["t", "u"], "year": [1, 2], "label": [0.5, 1.5]}
    )
    items, account = aggregate(frame)
    assert items.to_dict("list") == {"item_id": ["a"], "x": [1.5]}
    assert account.ignored_columns == ["title", "year"]
    assert str(account).endswith("; 1 items; columns left out: 'title', 'year'")
    frame.set_index(np.array([0.5, 1.5])).to_parquet(tmp_path / "raw.parquet")
    items, account = aggregate(tmp_path / "raw.parquet")
    assert list(items.columns) == ["item_id", "x"]
    assert account.ignored_columns == ["title", "year", "__index_level_0__"]


# --- What is returned and written


def test_kinds_of_tables(run):
    wanted, _ = aggregate(run)
    as_arrow, _ = aggregate(run, to="arrow")
    as_polars, _ = aggregate(run, to="polars")
    assert isinstance(as_arrow, pa.Table)
    assert isinstance(as_polars, pl.DataFrame)
    pd.testing.assert_frame_equal(as_arrow.to_pandas(), wanted)
    pd.testing.assert_frame_equal(as_polars.to_pandas(), wanted)


@pytest.mark.parametrize("held", [1, 1 << 30])
def test_files(run, tmp_path, held, monkeypatch, caplog):
    """As the source lays them out: item_id, then img_feature_0 and on."""
    monkeypatch.setattr("skimgfeat.jobs._aggregate._HELD_BYTES", held)
    wanted, told = aggregate(run, prefix="img_feature_")
    assert list(wanted.columns) == ["item_id", *(f"img_feature_{number}" for number in range(12))]
    with caplog.at_level(logging.INFO, "skimgfeat.jobs"):
        account = aggregate(run, prefix="img_feature_", output=tmp_path / "items.parquet")
    assert account == told
    assert str(account) in caplog.text
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "items.parquet"), wanted)
    aggregate(run, prefix="img_feature_", output=tmp_path / "items.csv")
    found = pd.read_csv(tmp_path / "items.csv", dtype=dict.fromkeys(wanted, np.float32) | {"item_id": str})
    pd.testing.assert_frame_equal(found, wanted)
    assert sorted(os.listdir(tmp_path)) == ["items.csv", "items.parquet"]


def test_csv_cells_are_no_formulas(tmp_path):
    aggregate(np.ones((2, 1)), names=["=1+1_a.png", "=1+1_b.png"], output=tmp_path / "items.csv")
    assert (tmp_path / "items.csv").read_text().splitlines() == ["item_id,feature_0", "'=1+1,1"]


def test_a_failure_leaves_no_file(run, tmp_path, monkeypatch):
    (tmp_path / "items.parquet").write_bytes(b"older")
    monkeypatch.setattr("skimgfeat.jobs._aggregate._HELD_BYTES", 1)
    chunk = max((run / "chunks").iterdir())
    data = chunk.read_bytes()
    try:
        os.truncate(chunk, 100)
        with pytest.raises((ValueError, OSError)):
            aggregate(run, output=tmp_path / "items.parquet")
    finally:
        chunk.write_bytes(data)
    assert (tmp_path / "items.parquet").read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["items.parquet"]


@pytest.mark.parametrize("method", ["mean", "median"])
def test_memory_does_not_grow_with_the_run(tmp_path, monkeypatch, method):
    """24 MB of features, the rows of every item as far apart as can be."""
    n_items, n_rows, n_columns = 1500, 6000, 1000
    X = np.random.default_rng(0).random((n_rows, n_columns), dtype=np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), n_columns)
    ids = np.arange(n_rows) % n_items
    pq.write_table(pa.table({"item_id": ids, "features": lists}), tmp_path / "raw.parquet", row_group_size=300)
    monkeypatch.setattr("skimgfeat.jobs._aggregate._HELD_BYTES", 1 << 21)
    monkeypatch.setattr("skimgfeat.jobs._row_tables._BATCH_BYTES", 1 << 18)
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        aggregate(tmp_path / "raw.parquet", method=method, output=tmp_path / "items.parquet")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert 0 < pool.max_memory() < X.nbytes / 3
    assert peak < X.nbytes / 3
    wanted = getattr(np, method)(X.reshape(-1, n_items, n_columns), axis=0)
    assert_allclose(pd.read_parquet(tmp_path / "items.parquet").iloc[:, 1:], wanted, rtol=1e-6)


def test_what_is_read(run, monkeypatch):
    """Features of a run once; those of parts that are not wanted never."""
    monkeypatch.setattr("skimgfeat.jobs._aggregate._HELD_BYTES", 20 * 12 * 3)
    read = []
    from skimgfeat.jobs._row_tables import RowTable

    original = RowTable.read_batches

    def spy(self, part, columns, *, with_features):
        read.append((part, with_features))
        return original(self, part, columns, with_features=with_features)

    monkeypatch.setattr(RowTable, "read_batches", spy)
    aggregate(run, by="image_path")
    parts = [part for part, with_features in read if with_features]
    assert parts == sorted(parts)
    # Parts meet in the middle of what is held together.
    assert len(parts) < 3 * len(set(parts))


# --- Mistakes


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": 3}, TypeError, "by must be the name of a column, a regular expression made with re.compile"),
        ({"by": re.compile(b"a")}, TypeError, "by must be the name of a column"),
        ({"by": "nope"}, ValueError, r"no column 'nope' tells the items; those beside the features are \['index',"),
        ({"by": "status", "on": "image_path"}, ValueError, "on goes with a regular expression or a callable"),
        ({"by": re.compile("a"), "on": 3}, TypeError, "on must be None or a string, got 3"),
        ({"by": re.compile("a"), "on": "index"}, ValueError, "column 'index' must hold texts, got int64"),
        ({"by": re.compile("zzz")}, ValueError, r"by=re.compile\('zzz'\) finds an item in none of the rows \('a/001"),
        ({"method": "sum"}, ValueError, r"method must be one of \['mean', 'max', 'first', 'median'\], got 'sum'"),
        ({"nan_policy": "skip"}, ValueError, "nan_policy must be one of"),
        ({"counts": 1}, TypeError, "counts must be True or False"),
        ({"prefix": 1}, TypeError, "prefix must be None or a string"),
        ({"to": "numpy"}, ValueError, "to must be one of"),
        ({"output": "items.txt"}, ValueError, r"the file must end in \.parquet or \.csv, got 'items.txt'"),
        ({"names": ["a"]}, TypeError, "names go with an array of numbers of shape"),
    ],
)
def test_wrong_parameters(run, options, error, message):
    with pytest.raises(error, match=f"^aggregate: {message}"):
        aggregate(run, **options)


def test_wrong_features(tmp_path):
    X = np.ones((3, 2))
    with pytest.raises(TypeError, match=r"features must be a job folder, .* got ndarray without names"):
        aggregate(X)
    with pytest.raises(TypeError, match="got list"):
        aggregate([[1.0]])
    with pytest.raises(ValueError, match="names must name each of the 3 rows, got 2"):
        aggregate(X, names=["a", "b"])
    with pytest.raises(TypeError, match=r"names go with an array .* got an array of shape \(3,\)"):
        aggregate(np.ones(3), names=["a", "b", "c"])
    with pytest.raises(FileNotFoundError, match=r"there is no job folder: job\.json is missing"):
        aggregate(tmp_path)
    with pytest.raises(FileNotFoundError):
        aggregate(tmp_path / "raw.parquet")
    (tmp_path / "raw.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match="not a Parquet file"):
        aggregate(tmp_path / "raw.parquet")
    with pytest.raises(ValueError, match=r"there are no features: .* the columns are \['item_id'\]"):
        aggregate(pd.DataFrame({"item_id": ["a"]}))
    with pytest.raises(ValueError, match=r"the lists of column 'features' must have one length, got \[1, 2\]"):
        aggregate(pd.DataFrame({"item_id": ["a", "b"], "features": [[1.0], [1.0, 2.0]]}))
    with pytest.raises(ValueError, match=r"the array must have columns of features, got shape \(3, 0\)"):
        aggregate(X[:, :0], names=["a", "b", "c"])
    twice = pa.table([["a"], [1.0], [2.0]], names=["item_id", "x", "x"])
    with pytest.raises(ValueError, match=r"columns must have different names, and there are several of \['x'\]"):
        aggregate(twice)
    frame = pd.DataFrame({"x": [1.0, 2.0], "n_images": [1.0, 1.0]})
    assert aggregate(frame.assign(item_id="a"))[0]["n_images"].tolist() == [1.0]
    with pytest.raises(
        ValueError, match=r"features are called \['n_images'\], as a column of the items is; give a prefix"
    ):
        aggregate(frame.assign(item_id="a"), counts=True)
    for wrong in ([0.5, 1.0], [True, False], [b"a", b"b"], pd.to_datetime(["2020-01-01", "2020-01-02"])):
        with pytest.raises(ValueError, match="column 'key' must tell items by texts or whole numbers, got"):
            aggregate(frame.assign(key=wrong), by="key")


def test_a_run_that_is_not_finished(photos, tmp_path):
    extract(Flatten(), photos, tmp_path / "out", chunk_size=5, progress=False)
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"aggregate: the run in .* is not finished"):
        aggregate(tmp_path / "out")


def test_account():
    account = AggregateAccount(rows=3, used=1, failed=0, unmatched=2, items=1, unmatched_names=["a", "b"])
    assert json.loads(json.dumps(account.to_dict()))["unmatched_names"] == ["a", "b"]
    for wrong in ({"used": 2}, {"unmatched_names": ["a"]}):
        with pytest.raises(ValueError, match="does not add up"):
            AggregateAccount(**(account.to_dict() | wrong))
