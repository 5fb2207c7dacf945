"""extract: what is written, for which items and estimators. On threads, since chunks are the same bytes anywhere."""

import json
import logging
import os

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from odd_steps import HUGE, INFINITE, RAISE, Drops, Moody, Sparse
from PIL import Image
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skimgfeat import HOG, LBP, SIFT, Flatten, ImageCollection, ImageReader, Resize, extract, load_features
from skimgfeat.io import ImageError
from skimgfeat.jobs import Account, TooManyErrorsError, load_account, verify, write_csv
from skimgfeat.jobs._folder import ITEM_COLUMNS
from skimgfeat.jobs._layouts import layout_of

pytestmark = pytest.mark.usefixtures("threads")


def read_table(output):
    return pq.read_table(os.path.join(output, "chunks"))


def test_folder_of_images(folder, images, tmp_path, caplog):
    output = tmp_path / "out"
    estimator = make_pipeline(Resize((24, 24)), HOG())
    with caplog.at_level(logging.INFO, "skimgfeat.jobs"):
        account = extract(estimator, folder, output, chunk_size=7, progress=False)
    assert (account.listed, account.ok, account.complete, account.n_done) == (60, 60, True, 60)
    assert str(account) in caplog.text
    assert account.seconds > 0
    expected = estimator.fit_transform(np.asarray(ImageCollection.from_folder(folder)))
    features, items = load_features(output, return_items=True)
    assert_array_equal(features, expected)
    assert items["image_path"][[0, 59]].tolist() == ["cats/00_front.png", "dogs/59_front.png"]
    assert items["image_name"][0] == "00_front.png"
    assert items["item_id"][59] == "59"
    assert_array_equal(items["index"], np.arange(60))
    assert set(items["status"]) == {"ok"}
    assert len(os.listdir(output / "chunks")) == 9
    assert sorted(os.listdir(output)) == [
        ".lock",
        "chunks",
        "errors.csv",
        "items.parquet",
        "job.json",
        "manifest.json",
    ]
    assert (output / "errors.csv").read_text().splitlines() == ["index,image_path,code,message"]
    assert verify(output) == []


ARRAYS = {
    "array": lambda X: X,
    "memory map": None,
    "list": list,
    "images of two shapes": lambda X: [image[: 7 + index % 2] for index, image in enumerate(X)],
    "rows": lambda X: X.reshape(len(X), -1).astype(float),
    "nested lists": lambda X: X.reshape(len(X), -1).tolist(),
    "sparse": lambda X: sparse.csr_array(X.reshape(len(X), -1)),
    "pandas": lambda X: pd.DataFrame(X.reshape(len(X), -1)).rename(columns=str).set_index(np.arange(len(X))[::-1]),
    "polars": lambda X: pl.DataFrame(X.reshape(len(X), -1), schema=[f"p{i}" for i in range(64)]),
}


@pytest.mark.parametrize("form", ARRAYS)
def test_arrays(images, tmp_path, form):
    if form == "memory map":
        np.save(tmp_path / "images.npy", images)
        X = np.load(tmp_path / "images.npy", mmap_mode="r")
    else:
        X = ARRAYS[form](images)
    if form in ("array", "memory map", "list"):
        estimator = HOG(pixels_per_cell=(2, 2)).fit(images)
    elif form == "images of two shapes":
        estimator = make_pipeline(Resize((6, 6)), Flatten()).fit(X[:1])
    else:
        estimator = StandardScaler(with_mean=False).fit(X)
    account = extract(estimator, X, tmp_path / "out", chunk_size=13, progress=False)
    assert account.ok == 60
    rows = estimator.transform(X)
    rows = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    assert_array_equal(load_features(tmp_path / "out"), rows.astype(np.float32))
    # The same values are the same input, wherever they stand.
    assert extract(estimator, X, tmp_path / "out", progress=False).n_done == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_images(folder, tmp_path, dtype):
    (folder / "dogs" / "31_front.png").write_bytes(b"no image")
    pipeline = make_pipeline(ImageReader(mode="gray"), Resize((4, 6)))
    if dtype is not np.uint8:
        pipeline.steps.append(("as_type", FunctionTransformer(np.ndarray.astype, kw_args={"dtype": dtype})))
    for on_error, n_rows in (("record", 60), ("skip", 59)):
        output = tmp_path / on_error
        account = extract(pipeline, folder, output, chunk_size=13, layout="images", on_error=on_error, progress=False)
        assert account.codes == {"unidentified": 1}
        X, items = load_features(output, return_items=True)
        assert (X.shape, X.dtype, len(items["index"])) == ((n_rows, 4, 6), dtype, n_rows)
        paths = [folder / path for path in items["image_path"][items["status"] == "ok"]]
        assert_array_equal(
            X[items["status"] == "ok"],
            np.asarray(Resize((4, 6)).fit_transform(ImageCollection(paths, mode="gray"))).astype(dtype),
        )
        assert not X[items["status"] != "ok"].any()
        mapped = load_features(output, to="memmap")
        assert isinstance(mapped, np.memmap)
        assert_array_equal(mapped, X)
        images = pd.read_parquet(output / "chunks")["image"]
        assert images.isna().sum() == n_rows - 59
        assert images[0] == X[0].tobytes()
        with pytest.raises(ValueError, match="holds images"):
            write_csv(output, tmp_path / "images.csv")


def test_images_that_are_not_finite(tmp_path):
    X = np.zeros((9, 4, 4))
    X[3, 1, 1] = np.inf
    identity = FunctionTransformer()
    account = extract(identity, X, tmp_path / "out", layout="images", progress=False)
    assert account.codes == {"non_finite": 1}
    for estimator in (Flatten(), SIFT()):
        with pytest.raises(TypeError, match="layout='images' is for steps that give an image for an image"):
            extract(estimator, np.zeros((9, 40, 40), np.uint8), tmp_path / "rows", layout="images", progress=False)
    with pytest.raises(TypeError, match="or give layout='images'"):
        extract(Resize((3, 3)), np.zeros((9, 4, 4)), tmp_path / "rows", progress=False)


def test_repeated_images_share_a_chunk(folder, tmp_path):
    paths = sorted(folder.glob("*/*.png"))[:10]
    extract(Flatten(), [path for path in paths for _ in range(3)], tmp_path / "out", chunk_size=8, progress=False)
    counts = [len(pq.read_table(path)) for path in sorted((tmp_path / "out" / "chunks").iterdir())]
    assert counts == [6] * 5


def test_fitted_pipeline_of_scikit_learn(images, tmp_path):
    pipeline = make_pipeline(HOG(pixels_per_cell=(2, 2)), StandardScaler(), PCA(5)).fit(images)
    extract(pipeline, images, tmp_path / "out", chunk_size=20, layout="wide", progress=False)
    frame = pd.read_parquet(tmp_path / "out" / "chunks")
    assert list(frame.columns) == ["index", "status", "code", "message", *(f"pca{number}" for number in range(5))]
    assert_allclose(frame.filter(like="pca"), pipeline.transform(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "estimator",
    [
        HOG(pixels_per_cell=(2, 2)),
        make_pipeline(Resize((6, 6)), HOG(pixels_per_cell=(2, 2))),
        make_union(HOG(pixels_per_cell=(2, 2)), LBP()),
        make_pipeline(Flatten(), FunctionTransformer(np.sqrt)),
        make_pipeline(Flatten(), "passthrough"),
        make_pipeline(Flatten(), Sparse()),
        HOG(pixels_per_cell=(2, 2), n_jobs=-1).set_output(transform="pandas"),
        make_pipeline(Flatten()).set_output(transform="polars"),
        Moody(),
    ],
    ids=lambda estimator: repr(estimator)[:40],
)
def test_estimators_that_need_no_fit_or_learn_a_shape(images, tmp_path, estimator):
    before = joblib.hash(estimator)
    extract(estimator, images, tmp_path / "out", progress=False)
    assert joblib.hash(estimator) == before
    rows = estimator.fit(images[:1]).transform(images)
    rows = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    assert_array_equal(load_features(tmp_path / "out"), rows.astype(np.float32))


@pytest.mark.parametrize("estimator", [PCA(), make_pipeline(Flatten(), make_union(SelectKBest(), StandardScaler()))])
def test_estimators_that_must_be_fitted_before(images, tmp_path, estimator):
    with pytest.raises(NotFittedError, match=r"extract: (PCA|SelectKBest) is not fitted, and learns more than"):
        extract(estimator, images, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (LogisticRegression(), TypeError, "must have a transform method.*Its last step predicts"),
        (Resize((2, 2)), TypeError, r"an array of shape \(1, 2, 2\) for one item; only rows"),
        (make_pipeline(ImageReader()), TypeError, "the pipeline only reads images"),
        (FunctionTransformer(lambda X: X), TypeError, "cannot be pickled.*in place of lambdas"),
        (HOG(orientations=0), ValueError, "works on none of the first images: HOG: orientations must be"),
        (make_pipeline(Flatten(), Drops(), Drops()), ValueError, None),
    ],
    ids=["classifier", "images", "reader", "lambda", "invalid", "no rows"],
)
def test_estimators_that_cannot_be_run(images, tmp_path, estimator, error, message):
    images[:, 0, 0] = 0
    with pytest.raises(error, match=message):
        extract(estimator, images, tmp_path / "out", progress=False)


@pytest.mark.filterwarnings("ignore:No features were selected", "ignore:Features .* are constant")
@pytest.mark.parametrize("chunk_size", [None, 4])
def test_features_without_numbers_are_refused(images, tmp_path, chunk_size):
    y = np.arange(60) % 2
    no_columns = make_pipeline(Flatten(), SelectKBest(f_classif, k=0))
    no_columns.fit(images, y)
    with pytest.raises(ValueError, match=r"extract: .* shape \(0,\).* hold no numbers"):
        extract(no_columns, images, tmp_path / "out", chunk_size=chunk_size, progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [(np.zeros((3, 0)), ValueError, "hold no numbers"), (np.array([["a", None]]), TypeError, "dtype object")],
)
def test_descriptors_that_cannot_be_written(array, error, message):
    with pytest.raises(error, match=f"extract: .*{message}"):
        layout_of([array], "list", None)


def test_pipeline_that_reads_files(folder, tmp_path):
    reader = make_pipeline(ImageReader(mode="gray"), Resize((6, 6)), Flatten())
    expected = np.asarray(Resize((6, 6)).fit_transform(ImageCollection.from_folder(folder, mode="gray")))
    extract(reader, folder, tmp_path / "folder", progress=False)
    assert_array_equal(load_features(tmp_path / "folder"), expected.reshape(60, 36))
    paths = sorted(folder.glob("*/*.png"))
    extract(reader, paths, tmp_path / "paths", progress=False)
    features, items = load_features(tmp_path / "paths", return_items=True)
    assert_array_equal(features, expected.reshape(60, 36))
    assert items["image_path"][0] == str(paths[0])


def test_wide_columns_and_prefix(images, tmp_path):
    hog = HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2))
    extract(hog, images, tmp_path / "list", progress=False)
    extract(hog, images, tmp_path / "wide", layout="wide", progress=False)
    extract(hog, images, tmp_path / "prefix", layout="wide", prefix="img_feature_", progress=False)
    lists, wide, prefix = (read_table(tmp_path / name) for name in ("list", "wide", "prefix"))
    names = hog.fit(images).get_feature_names_out().tolist()
    assert wide.column_names[4:] == names
    assert prefix.column_names[4:] == [f"img_feature_{number}" for number in range(36)]
    rows = hog.transform(images)
    assert_array_equal(np.stack(lists["features"].to_pylist()).astype(np.float32), rows)
    for table in (wide, prefix):
        assert_array_equal(np.column_stack(table.columns[4:]), rows)
    assert str(lists.schema.field("features").type).startswith("fixed_size_list<element: float")


@pytest.mark.parametrize("y", [np.arange(60) % 3, np.array(["cat", "dog"] * 30), np.linspace(0, 1, 60)])
def test_labels(images, tmp_path, y):
    extract(Flatten(), images, tmp_path / "out", y=y, chunk_size=7, progress=False)
    items = load_features(tmp_path / "out", return_items=True)[1]
    assert items["label"].tolist() == y.tolist()
    with pytest.raises(ValueError, match="y is not what the job folder was made with"):
        extract(Flatten(), images, tmp_path / "out", y=y[::-1], progress=False)
    with pytest.raises(ValueError, match="y is not what the job folder was made with"):
        extract(Flatten(), images, tmp_path / "out", progress=False)


@pytest.mark.parametrize(
    "y", [np.array([1] * 30 + [2.5] * 30, dtype=object), np.arange(60, dtype=">i8"), np.array(["a", "bc"] * 30, ">U2")]
)
def test_labels_have_one_type_in_all_chunks(images, tmp_path, y):
    extract(Flatten(), images, tmp_path / "out", y=y, chunk_size=7, progress=False)
    assert load_features(tmp_path / "out", return_items=True)[1]["label"].tolist() == y.tolist()
    assert read_table(tmp_path / "out")["label"].to_pylist() == y.tolist()


@pytest.mark.parametrize("y", [[1] * 59, [[1]] * 60, [None] + ["a"] * 59, [np.nan] + [1.0] * 59])
def test_labels_that_cannot_be_used(images, tmp_path, y):
    with pytest.raises(ValueError, match="extract: y must hold a label for each"):
        extract(Flatten(), images, tmp_path / "out", y=y, progress=False)


def test_names_of_any_bytes(tmp_path, images):
    root = os.fsencode(tmp_path / "images")
    os.mkdir(root)
    names = [b"\xff_1.png", b"=1+1.png", "größe_2.png".encode(), b"a b_3_4.png", b"_5.png"]
    for name in names:
        with open(os.path.join(root, name), "wb") as file:
            Image.fromarray(images[0]).save(file, format="png")
    with open(os.path.join(root, b"@broken\xfe.png"), "wb") as file:
        file.write(b"no image")
    account = extract(Flatten(), os.fsdecode(root), tmp_path / "out", progress=False)
    assert (account.ok, account.codes) == (5, {"unidentified": 1})
    items = load_features(tmp_path / "out", return_items=True)[1]
    assert items["image_path"].tolist() == [
        "=1+1.png",
        r"@broken\udcfe.png",
        "_5.png",
        "a b_3_4.png",
        "größe_2.png",
        r"\udcff_1.png",
    ]
    assert items["item_id"].tolist() == ["=1+1", r"@broken\udcfe", "", "a b", "größe", r"\udcff"]
    frozen = pq.read_table(tmp_path / "out" / "items.parquet")
    assert sorted(frozen["path"].to_pylist()) == sorted([*names, b"@broken\xfe.png"])
    assert (tmp_path / "out" / "errors.csv").read_text().splitlines()[1].startswith(r"1,'@broken\udcfe.png,unidentif")


def test_failures_are_recorded_with_the_item(images, tmp_path):
    for index, mood in ((3, RAISE), (17, INFINITE), (18, HUGE), (59, RAISE)):
        images[index, 0, 0] = mood
    account = extract(Moody(), images, tmp_path / "out", chunk_size=20, progress=False)
    assert str(account) == "60 listed = 56 ok + 0 partial + 4 error (2 failed, 2 non_finite) + 0 skipped"
    features, items = load_features(tmp_path / "out", return_items=True)
    failed = np.isin(np.arange(60), (3, 17, 18, 59))
    assert_array_equal(np.isnan(features).all(axis=1), failed)
    assert_array_equal(features[~failed], Moody().transform(images[~failed]).astype(np.float32))
    assert_array_equal(items["status"] == "error", failed)
    assert items["code"][[3, 17, 18, 59]].tolist() == ["failed", "non_finite", "non_finite", "failed"]
    assert items["message"][3] == "RuntimeError: it does not like this image"
    lines = (tmp_path / "out" / "errors.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["3", "17", "18", "59"]


def complain(X):
    if (X[:, 0, 0] == RAISE).any():
        raise RuntimeError("no such file: \udcff.png")
    return X.reshape(len(X), -1)


def test_a_message_of_any_characters_is_recorded(images, tmp_path):
    images[3, 0, 0] = RAISE
    account = extract(FunctionTransformer(complain), images, tmp_path / "out", progress=False)
    assert (account.complete, account.error) == (True, 1)
    assert r"no such file: \udcff.png" in (tmp_path / "out" / "errors.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", ["list", "wide"])
def test_schema_says_that_no_feature_is_null(images, tmp_path, layout):
    images[3, 0, 0] = RAISE
    extract(Moody(), images, tmp_path / "out", layout=layout, progress=False)
    table = read_table(tmp_path / "out")
    fields = [field for field in table.schema if field.name not in ITEM_COLUMNS]
    assert len(fields) == (1 if layout == "list" else Moody().transform(images[:1]).shape[1])
    assert not any(field.nullable or table[field.name].null_count for field in fields)
    assert table["status"].to_pylist().count("error") == 1


def test_a_transformer_that_drops_rows_fails_for_those_only(images, tmp_path):
    images[:, 0, 0] = 7
    images[[4, 5, 40], 0, 0] = 0
    account = extract(make_pipeline(Flatten(), Drops()), images, tmp_path / "out", chunk_size=20, progress=False)
    assert account.codes == {"failed": 3}
    features, items = load_features(tmp_path / "out", return_items=True)
    assert np.flatnonzero(items["status"] == "error").tolist() == [4, 5, 40]
    assert_array_equal(features[6:40], images[6:40].reshape(34, 64))


def test_failed_items_can_be_left_out(images, tmp_path):
    images[20:41, 0, 0] = RAISE  # a whole chunk among them
    account = extract(Moody(), images, tmp_path / "out", chunk_size=20, on_error="skip", progress=False)
    assert (account.ok, account.error, account.complete) == (39, 21, True)
    features, items = load_features(tmp_path / "out", return_items=True)
    assert items["index"].tolist() == [*range(20), *range(41, 60)]
    assert_array_equal(features, Moody().transform(np.delete(images, np.s_[20:41], 0)).astype(np.float32))
    assert_array_equal(load_features(tmp_path / "out", to="memmap"), features)
    assert len(pd.read_parquet(tmp_path / "out" / "chunks")) == len(load_features(tmp_path / "out", to="pandas")) == 39
    assert load_account(tmp_path / "out").error == 21
    assert verify(tmp_path / "out") == []


def test_an_error_can_end_the_run(folder, tmp_path):
    (folder / "cats" / "07_front.png").write_bytes(b"")
    X = ImageCollection.from_folder(folder)
    with pytest.raises(ImageError, match=r"item 7, 'cats/07_front.png': .*empty") as caught:
        extract(Flatten(), X, tmp_path / "out", chunk_size=5, on_error="raise", progress=False)
    assert caught.value.code == "empty"
    Image.new("RGB", (8, 8)).save(folder / "cats" / "07_front.png")
    assert extract(Flatten(), X, tmp_path / "out", on_error="raise", progress=False).ok == 60


def test_too_many_errors_end_the_run(tmp_path):
    images = np.zeros((400, 2, 2), dtype=np.uint8)
    images[::10, 0, 0] = RAISE
    account = extract(Moody(), images, tmp_path / "enough", chunk_size=10, max_error_rate=0.1, progress=False)
    assert account.error == 40
    with joblib.parallel_config("threading", n_jobs=1):
        with pytest.raises(TooManyErrorsError, match=r"10 of 100 items failed, over max_error_rate=0\.09") as caught:
            extract(Moody(), images, tmp_path / "out", chunk_size=10, max_error_rate=0.09, progress=False)
        account = caught.value.account
        assert account.error >= 10
        assert account.skipped > 0
        assert account.error == load_account(tmp_path / "out").error
        assert len((tmp_path / "out" / "errors.csv").read_text().splitlines()) == account.error + 1
        # A higher share is no other configuration.
        assert extract(Moody(), images, tmp_path / "out", max_error_rate=None, progress=False).error == 40


def test_images_of_different_shapes_need_a_resize(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8 + index % 3, 9), dtype=np.uint8) for index in range(20)]
    with pytest.raises(ValueError, match=r"images of different shapes \(\(8, 9\), \(9, 9\).*--size 128x128") as caught:
        extract(HOG(pixels_per_cell=(2, 2)), images, tmp_path / "out", progress=False)
    assert "Resize((128, 128))" in str(caught.value)
    account = extract(make_pipeline(Resize((8, 8)), Flatten()), images, tmp_path / "out", progress=False)
    assert account.ok == 20


def test_nothing_that_can_be_read(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    with pytest.raises(ValueError, match="X holds no items"):
        extract(Flatten(), root, tmp_path / "out", progress=False)
    (root / "a.png").touch()
    with pytest.raises(ValueError, match="none of the 1 items can be read"):
        extract(Flatten(), root, tmp_path / "out", progress=False)


def test_first_images_that_cannot_be_used(images, folder, tmp_path):
    for index in range(5):
        (folder / "cats" / f"{index:02d}_front.png").write_bytes(b"?")
    assert extract(Flatten(), folder, tmp_path / "out", progress=False).codes == {"unidentified": 5}
    images[:5, 0, 0] = RAISE
    assert extract(Moody(), images, tmp_path / "moody", progress=False).codes == {"failed": 5}
    images[:11, 0, 0] = RAISE
    with pytest.raises(ValueError, match="works on none of the first images: it does not like"):
        extract(Moody(), images, tmp_path / "never", progress=False)


def test_a_file_that_vanishes_is_an_error_of_its_own(folder, tmp_path):
    X = ImageCollection.from_folder(folder)
    (folder / "dogs" / "44_front.png").unlink()
    account = extract(Flatten(), X, tmp_path / "out", progress=False)
    assert (account.ok, account.codes) == (59, {"missing": 1})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"chunk_size": 0}, ValueError),
        ({"chunk_size": 1.5}, TypeError),
        ({"n_jobs": 0}, ValueError),
        ({"n_jobs": "2"}, TypeError),
        ({"on_error": "ignore"}, ValueError),
        ({"max_error_rate": -0.1}, ValueError),
        ({"max_error_rate": "10%"}, TypeError),
        ({"item_timeout": 0}, ValueError),
        ({"layout": "long"}, ValueError),
        ({"prefix": "f_"}, ValueError),
        ({"prefix": 1, "layout": "wide"}, ValueError),
        ({"compression": "gzip"}, ValueError),
        ({"resume": 1}, TypeError),
    ],
    ids=str,
)
def test_parameters_that_cannot_be_used(images, tmp_path, changed, error):
    with pytest.raises(error, match=next(iter(changed))):
        extract(Flatten(), images, tmp_path / "out", progress=False, **changed)
    assert not (tmp_path / "out").exists()


def test_names_that_are_taken(tmp_path):
    frame = pd.DataFrame({"label": [1.0, 2.0], "b": [3.0, 4.0]})
    with pytest.raises(ValueError, match=r"features cannot be called \['label'\]"):
        extract(StandardScaler().fit(frame), frame, tmp_path / "out", progress=False)
    scaler = StandardScaler().fit(frame)
    assert extract(scaler, frame, tmp_path / "out", layout="wide", prefix="x", progress=False).ok == 2


def test_output_that_is_something_else(images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="must be a folder, and this is a file"):
        extract(Flatten(), images, tmp_path / "file", progress=False)
    for name in ("notes.txt", "chunks/c-000000.parquet"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with pytest.raises(FileExistsError, match="holds something else"):
            extract(Flatten(), images, tmp_path / "folder", progress=False)
        path.unlink()
    # What a run leaves that was killed before it had written its configuration.
    for name in (".lock", ".skimgfeat-1234.tmp", "items.parquet"):
        (tmp_path / "folder" / name).touch()
    assert extract(Flatten(), images, tmp_path / "folder", progress=False).ok == 60
    assert not (tmp_path / "folder" / ".skimgfeat-1234.tmp").exists()


def test_progress_is_shown_on_a_terminal_only(images, tmp_path, capfd):
    extract(Flatten(), images, tmp_path / "out")
    assert capfd.readouterr() == ("", "")


def test_an_account_adds_up():
    numbers = {"listed": 5, "ok": 2, "partial": 1, "error": 1, "skipped": 1, "codes": {"failed": 1}}
    account = Account("out", **numbers, seconds=2.0, n_done=4)
    assert (account.complete, account.items_per_second) == (False, 2)
    assert json.loads(json.dumps(account.to_dict()))["codes"] == {"failed": 1}
    for changed in ({"listed": 6}, {"error": 0, "ok": 3}, {"codes": {}}):
        with pytest.raises(ValueError, match="does not add up"):
            Account("out", **(numbers | changed))


def test_default_chunks(tmp_path, monkeypatch):
    for n_items, chunk_bytes, size in ((40, 64 << 20, 8), (6400, 64 << 20, 100), (6400, 1000, 62)):
        monkeypatch.setattr("skimgfeat.jobs._layouts.Rows.chunk_bytes", chunk_bytes)
        output = tmp_path / str(size)
        with pytest.raises(ImageError):
            extract(Fails(), np.zeros((n_items, 4), dtype=np.float32), output, on_error="raise", progress=False)
        assert json.loads((output / "job.json").read_text())["chunk_size"] == size


class Fails(Moody):
    """Fails for more than one item, and for a second time."""

    def transform(self, X):
        if len(X) > 1:
            raise MemoryError
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls > 9:
            raise RuntimeError("enough")
        return np.asarray(X)


@pytest.mark.parametrize("is_there", [False, True])
def test_nothing_is_left_of_a_run_that_does_not_begin(images, tmp_path, is_there):
    output = tmp_path / "out"
    if is_there:
        output.mkdir()
    with pytest.raises(ValueError, match="works on none of the first images"):
        extract(HOG(orientations=0), images, output, n_jobs=1, progress=False)
    assert output.exists() == is_there
    assert not is_there or os.listdir(output) == []
