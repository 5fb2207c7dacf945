"""ImageReader: paths in a pipeline."""

import io
import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC

from skimgfeat import HOG, LBP, FailedImagesWarning, Flatten, ImageCollection, ImageReader, Resize
from skimgfeat.io import ImageError, _collection, read_images, read_labels

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 20, 28, 3), dtype=np.uint8)
LABELS = np.arange(24) % 2
SMALL_HOG = HOG(cells_per_block=(1, 1))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """The images as files, an array of names; those of a class are darker."""
    return write_images(tmp_path_factory.mktemp("images"), IMAGES)


def write_images(folder, images):
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:05}.png", compress_level=1)
    return np.array([str(folder / f"{index:05}.png") for index in range(len(images))])


@pytest.fixture
def n_decoded(monkeypatch):
    """How often an image was decoded."""
    calls = []
    decode_image = _collection.decode_image

    def count(data, **options):
        calls.append(len(data))
        return decode_image(data, **options)

    monkeypatch.setattr(_collection, "decode_image", count)
    return calls


# --- What it takes


def containers(paths):
    polars = pytest.importorskip("polars")
    return [
        paths,
        paths.tolist(),
        tuple(paths),
        paths.astype(object),
        paths[:, None],
        list(map(Path, paths)),
        [Path(path).read_bytes() for path in paths],
        [io.BytesIO(Path(path).read_bytes()) for path in paths],
        pd.Series(paths),
        pd.Series(paths, index=range(24)[::-1]),
        pd.Series(paths, dtype="string"),
        pd.DataFrame({"path": paths}),
        polars.Series(paths.tolist()),
        polars.DataFrame({"path": paths.tolist()}),
    ]


@pytest.mark.parametrize("index", range(14))
def test_every_container_of_paths(paths, index):
    X = containers(paths)[index]
    collection = ImageReader().fit(X).transform(X)
    assert isinstance(collection, ImageCollection)
    assert_array_equal(np.asarray(collection), IMAGES)


def test_missing_paths_in_a_series(paths):
    for missing in (None, np.nan, pd.NA):
        X = pd.Series([paths[0], missing], dtype=object)
        assert ImageReader().fit_transform(X).check()["code"] == ["", "missing"]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a.png", TypeError, "must be a sequence of paths"),
        (np.zeros((3, 4)), ValueError, r"must be paths, one a row, got shape \(3, 4\)"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), ValueError, r"must be paths, one a row, got shape \(1, 2\)"),
        (np.zeros(3), TypeError, "source 0 must be a path, bytes or a binary file object, got float64"),
        (np.zeros((3, 4, 5)), ValueError, r"got shape \(3, 4, 5\)"),
        ([["a.png"], ["b.png"]], TypeError, "source 0 must be a path, .*, got list"),
        (ImageCollection([]), TypeError, "X is an ImageCollection, .*; leave ImageReader out"),
    ],
)
def test_other_input(X, error, message):
    for method in ("fit", "transform"):
        with pytest.raises(error, match=message):
            getattr(ImageReader(), method)(X)


def test_every_option_reaches_the_collection(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (320, 160)).save(tmp_path / "a.jpg", exif=exif)
    plain = ImageReader(root=tmp_path)
    assert plain.transform(["a.jpg"])[0].shape == (320, 160, 3)
    assert plain.transform(["../a.jpg"]).check()["code"] == ["outside_root"]
    changed = {
        "mode": ("gray", (320, 160)),
        "orientation": ("ignore", (160, 320, 3)),
        "draft": ((40, 20), (80, 40, 3)),
    }
    for name, (value, shape) in changed.items():
        assert clone(plain).set_params(**{name: value}).transform(["a.jpg"])[0].shape == shape
    assert clone(plain).set_params(dtype="float32").transform(["a.jpg"])[0].dtype == np.float32
    assert clone(plain).set_params(max_pixels=99).transform(["a.jpg"]).check()["code"] == ["too_many_pixels"]
    assert clone(plain).set_params(max_bytes=99).transform(["a.jpg"]).check()["code"] == ["too_many_bytes"]
    lenient = clone(plain).set_params(on_error="nan").transform(["b.jpg"])
    assert isinstance(lenient.read_or_error(0), ImageError)
    with pytest.raises(ImageError, match=r"image 0, 'b\.jpg'"):
        plain.transform(["b.jpg"])[0]


# --- What scikit-learn's checks ask of numbers, asked of paths


def test_nothing_is_learned(paths):
    reader = ImageReader(mode="gray")
    before = dict(vars(reader))
    assert reader.fit(paths) is reader
    assert reader.fit(paths[:3], LABELS[:3]) is reader
    reader.transform(paths)
    assert vars(reader) == before
    assert_array_equal(np.asarray(ImageReader().fit_transform(paths)), np.asarray(ImageReader().transform(paths)))


def test_the_input_stays_as_it_was(paths):
    X = paths.copy()
    X.flags.writeable = False
    ImageReader().fit_transform(X)[0]
    assert_array_equal(X, paths)


def test_order_and_subsets(paths):
    whole = np.asarray(ImageReader().transform(paths))
    order = RNG.permutation(24)
    assert_array_equal(np.asarray(ImageReader().transform(paths[order])), whole[order])
    assert_array_equal(np.concatenate([ImageReader().transform(paths[i : i + 1]) for i in range(24)]), whole)


def test_memory_mapped_paths(paths, tmp_path):
    np.save(tmp_path / "paths.npy", paths)
    assert_array_equal(np.asarray(ImageReader().transform(np.load(tmp_path / "paths.npy", mmap_mode="r"))), IMAGES)


def test_clone_and_pickle(paths):
    reader = ImageReader(mode="gray", draft=(8, 9), root=Path("/"), on_error="nan")
    for twin in (clone(reader), pickle.loads(pickle.dumps(reader.fit(["a"])))):
        assert twin.get_params() == reader.get_params()
    collection = pickle.loads(pickle.dumps(ImageReader().fit(paths).transform(paths)))
    assert_array_equal(np.asarray(collection), IMAGES)


def test_images_stay_images_whatever_container_is_asked_for(paths):
    pipeline = make_pipeline(ImageReader(), Resize((16, 16)), SMALL_HOG)
    expected = pipeline.fit_transform(paths)
    for container in ("pandas", "polars"):
        frame = clone(pipeline).set_output(transform=container).fit_transform(paths)
        assert type(frame).__module__.startswith(container)
        assert list(frame.columns) == list(pipeline[-1].get_feature_names_out())
        assert_array_equal(frame.to_numpy(), expected)
        with config_context(transform_output=container):
            assert isinstance(ImageReader().fit_transform(paths), ImageCollection)


# --- Beside other estimators


def test_the_same_rows_as_from_arrays(paths):
    for steps in ([Resize((16, 16)), SMALL_HOG], [LBP()], [Flatten()], [Resize((16, 16), "fast", True), Flatten()]):
        expected = make_pipeline(*map(clone, steps)).fit_transform(IMAGES)
        assert_array_equal(make_pipeline(ImageReader(), *steps).fit_transform(paths), expected)


def test_feature_union_and_column_transformer(paths):
    union = FeatureUnion([("hog", SMALL_HOG), ("lbp", LBP())])
    expected = clone(union).fit_transform(IMAGES)
    assert_array_equal(make_pipeline(ImageReader(), union).fit_transform(paths), expected)
    frame = pd.DataFrame({"age": np.arange(24.0), "path": paths})
    for column in ("path", ["path"]):
        columns = ColumnTransformer([("image", make_pipeline(ImageReader(), LBP()), column)], remainder="passthrough")
        assert_array_equal(columns.fit_transform(frame), np.column_stack([LBP().fit_transform(IMAGES), np.arange(24)]))


def test_cross_validation_in_processes(paths):
    pipeline = make_pipeline(ImageReader(), Resize((16, 16)), SMALL_HOG, LinearSVC())
    expected = cross_val_score(make_pipeline(*pipeline[1:]), IMAGES, LABELS, cv=3)
    assert_array_equal(cross_val_score(pipeline, paths, LABELS, cv=3, n_jobs=2), expected)
    with joblib.parallel_config("threading"):
        assert_array_equal(cross_val_score(pipeline, paths, LABELS, cv=3, n_jobs=2), expected)
    train, test, y_train, _ = train_test_split(pd.Series(paths), LABELS, random_state=0)
    assert len(pipeline.fit(train, y_train).predict(test)) == len(test)


def test_a_failed_image_is_a_nan_row(paths):
    broken = [*paths[:3], "nowhere.png"]
    pipeline = make_pipeline(ImageReader(on_error="nan"), Resize((16, 16)), SMALL_HOG)
    with pytest.warns(FailedImagesWarning, match=r"HOG: 1 of 4 images cannot be read \('nowhere\.png'\)"):
        rows = pipeline.fit_transform(broken)
    assert_array_equal(np.isnan(rows).all(axis=1), [False, False, False, True])
    assert_array_equal(rows[:3], pipeline.transform(paths[:3]))
    with pytest.raises(ImageError, match=r"image 3, 'nowhere\.png': "):
        pipeline.set_params(imagereader__on_error="raise").fit_transform(broken)


# --- How often files are read


def test_resize_needs_no_look(paths, n_decoded):
    pipeline = make_pipeline(ImageReader(), Resize((16, 16)), SMALL_HOG, LinearSVC())
    pipeline.fit(paths, LABELS)
    assert len(n_decoded) == 24
    pipeline.predict(paths[:5])
    assert len(n_decoded) == 24 + 5


def test_a_fit_without_a_size_looks_at_one_image(paths, n_decoded):
    pipeline = make_pipeline(ImageReader(), SMALL_HOG, LinearSVC())
    pipeline.fit(paths, LABELS)
    assert len(n_decoded) == 24 + 1
    pipeline.score(paths, LABELS)
    assert len(n_decoded) == 24 + 1 + 24


@pytest.mark.parametrize(("steps", "n_looks"), [([Resize((16, 16))], 0), ([], 1)], ids=["resized", "as they are"])
def test_a_search_decodes_an_image_once_a_pass(paths, n_decoded, steps, n_looks):
    pipeline = make_pipeline(ImageReader(), *steps, SMALL_HOG, LinearSVC())
    GridSearchCV(pipeline, {"linearsvc__C": [0.1, 1]}, cv=3).fit(paths, LABELS)
    n_fits = 2 * 3 + 1
    # Of each fold the parts to fit and to score make the whole; and the last fit is on the whole.
    assert len(n_decoded) == n_fits * (24 + n_looks)


def test_grid_search_over_2000_files_equals_that_over_arrays(data_dir, tmp_path):
    pytest.importorskip("pyarrow")
    file = data_dir / "cifar10" / "test.parquet"
    images = read_images(file)[:2000]
    labels = read_labels(file)[:2000]
    names = write_images(tmp_path, images)
    hog = HOG(pixels_per_cell=(16, 16), cells_per_block=(1, 1))
    searches = []
    for X, steps in ((names, [ImageReader()]), (images, [])):
        pipeline = make_pipeline(*steps, Resize((64, 64)), hog, LinearSVC(tol=0.01))
        search = GridSearchCV(pipeline, {"linearsvc__C": [0.01, 0.1]}, cv=2, n_jobs=2)
        searches.append(search.fit(X, labels))
    of_files, of_arrays = searches
    for key in ("split0_test_score", "split1_test_score", "rank_test_score"):
        assert_array_equal(of_files.cv_results_[key], of_arrays.cv_results_[key])
    assert of_arrays.best_score_ > 0.3
    assert_array_equal(of_files.best_estimator_[-1].coef_, of_arrays.best_estimator_[-1].coef_)
    assert_array_equal(of_files.predict(names[:200]), of_arrays.predict(images[:200]))
