"""The page of a report: what it says, against the definitions, and that it can neither run nor fetch anything else."""

import base64
import hashlib
import io
import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import permutations, product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from skimgfeat import Flatten, ImageCollection, Resize, extract
from skimgfeat.io import write_features
from skimgfeat.recipes import write_report
from skimgfeat.recipes._report_data import _sort_labels, label_text
from skimgfeat.recipes._report_page import number as page_number
from skimgfeat.recipes._report_page import visible
from skimgfeat.recipes._report_statistics import ColumnStatistics, Sample, family_of

pytest.importorskip("pyarrow")

SIX_DIGITS = 5e-6  # that numbers of the page have
EVIL = "<img src=x onerror=alert(1)>.png"
LABELS = ["\"double\" & 'single'", "</script><script>alert(2)</script>", "שלום", "a\u2028b\u202ec"]


class Page(HTMLParser):
    """The tags of a page, and the text within each of its scripts and styles."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.inside, self._open = [], [], None
        self.text = Path(path).read_text("utf-8")
        self.feed(self.text)
        self.data = json.loads(self.inside[[attributes.get("id") for _, attributes in self.holders()].index("data")])

    def holders(self):
        return [(tag, attributes) for tag, attributes in self.tags if tag in ("script", "style")]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._open = tag
            self.inside.append("")

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, text):
        if self._open:
            self.inside[-1] += text


def report(features, tmp_path, **options):
    path = tmp_path / "report.html"
    account = write_report(features, path, **options)
    assert account.n_bytes == path.stat().st_size
    return account, Page(path).data


def picture(uri):
    head, _, encoded = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(3, [1, 5, 0.1, 40], (50, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 25 images with names that are traps, and two broken files."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(20):
        pixels = rng.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    names = [EVIL, "\u202egnp.evil\u2028.png", "n" * 200 + ".png", "a\\b.png", os.fsdecode(b"latin-\xe9.png")]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8)).save(folder / name)
    (folder / "empty.png").write_bytes(b"")
    (folder / "text<b>.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """A finished run over those, with labels."""
    output = tmp_path_factory.mktemp("run") / "features"
    collection = ImageCollection.from_folder(photos)
    y = [LABELS[index % 4] for index in range(len(collection))]
    with joblib.parallel_config("threading", n_jobs=1):
        extract(Resize((4, 4)), collection, output.with_name("crops"), y=y, layout="images", progress=False)
        extract(_pipeline(), collection, output, y=y, progress=False)
    return output


def _pipeline():
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Resize((4, 4)), Flatten())


# --- What it says


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbors_are_those_of_all_distances(rows, tmp_path, metric, standardize):
    _, data = report(rows, tmp_path, metric=metric, standardize=standardize, n_neighbors=5, n_farthest=3)
    X = rows.astype(np.float64)
    if standardize:
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    if metric == "euclidean":
        distances = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    else:
        unit = X / np.linalg.norm(X, axis=1, keepdims=True)
        distances = 1 - unit @ unit.T
    for index in range(50):
        others = np.delete(np.arange(50), index)
        order = others[np.argsort(distances[index, others], kind="stable")]
        for name, expected in (("nearest", order[:5]), ("farthest", order[::-1][:3])):
            assert data[name]["indices"][index] == expected.tolist()
            assert_allclose(data[name]["distances"][index], distances[index, expected], rtol=SIX_DIGITS, atol=1e-12)
    assert data["subtitle"].startswith(f"Neighbors by {metric} distance")
    assert ("standardized" in data["subtitle"]) == standardize


def test_neighbors_of_columns_far_from_zero_are_found_soon(tmp_path):
    """float32 would bound none of these distances."""
    X = (4096 + np.random.default_rng(0).normal(size=(300, 50))).astype(np.float32)
    _, data = report(X, tmp_path, n_neighbors=1)
    distances = np.linalg.norm(X.astype(float)[:, None] - X.astype(float)[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert [found[0] for found in data["nearest"]["indices"]] == distances.argmin(axis=1).tolist()


def test_statistics_are_of_all_rows(tmp_path, rows):
    rows[3] = np.nan  # no features
    rows[5, 1] = np.inf
    rows[7:20, 2] = 0
    rows[:, 3] = 2
    rows[3, 3] = np.nan
    names = ["hog_a", "hog_b", "lbp_0", "lbp_1"]
    frame = pd.DataFrame(rows, columns=names)
    account, data = report(frame, tmp_path, max_images=10)
    assert (account.rows, account.shown, account.failed) == (50, 10, 1)
    there = np.delete(rows, 3, axis=0).astype(np.float64)
    for at, (name, mean, std, low, high, zeros, missing, constant) in enumerate(data["columns"]):
        values = there[np.isfinite(there[:, at]), at]
        assert name == names[at]
        assert_allclose(
            [mean, std, low, high], [values.mean(), values.std(), values.min(), values.max()], rtol=SIX_DIGITS
        )
        assert (zeros, missing) == ((values == 0).sum(), len(there) - len(values))
        assert constant == (at == 3)
    family, n_columns, n_constant, *moments = data["families"][1]
    both = there[:, 2:]
    assert (family, n_columns, n_constant) == ("lbp", 2, 1)
    assert_allclose(moments[:4], [both.mean(), both.std(), both.min(), both.max()], rtol=SIX_DIGITS)
    assert moments[4:] == [13, 0]
    assert any("10 of 48 rows, drawn at random (random_state=0)" in note for note in data["notes"])
    assert dict(dict(data["about"])["This page"])["max_images"] == "10"
    assert any("infinities: 1 rows" in note for note in data["notes"])


def test_moments_do_not_depend_on_batches():
    X = np.random.default_rng(0).normal(1e6, 1, (100, 3))
    X[::7, 1] = np.nan
    parts = ColumnStatistics(3)
    for part in np.split(X, [1, 1, 40, 99]):
        parts.add(part)
    assert_allclose(parts.mean, np.nanmean(X, axis=0), rtol=1e-14)
    assert_allclose(parts.std, np.nanstd(X, axis=0), rtol=1e-7)
    assert_array_equal(parts.n_finite, [100, 85, 100])


def test_a_sample_depends_on_the_seed_alone():
    X, usable = np.arange(60.0)[:, None], np.arange(60) % 3 > 0

    def draw(seed, cuts):
        sample = Sample(7, 60, np.random.RandomState(seed))
        for part in np.split(np.arange(60), cuts):
            sample.add({"index": part.tolist()}, X[part], usable[part])
        columns, rows = sample.take()
        assert sample.n_offered == 40
        assert columns["index"] == [int(row[0]) for row in rows] == sorted(columns["index"])
        return columns["index"]

    assert draw(0, []) == draw(0, [1, 2, 30]) == draw(0, np.arange(1, 60))
    counts = Counter(index for seed in range(600) for index in draw(seed, [20, 40]))
    assert set(counts) == set(np.flatnonzero(usable))
    # 105 times each, give or take five standard deviations of a binomial.
    assert max(abs(count - 105) for count in counts.values()) < 5 * np.sqrt(600 * 7 / 40 * 33 / 40)


def test_a_seed_repeats_the_page_and_another_changes_it(tmp_path, rows):
    places = [report(rows, tmp_path, max_images=9, random_state=seed)[1]["images"]["places"] for seed in (1, 1, 2)]
    assert len(set(places[0])) == 9
    assert places[0] == places[1] != places[2]


def test_map_is_the_plane_of_the_first_two_principal_components(tmp_path, rows):
    _, data = report(rows, tmp_path)
    centered = rows - rows.mean(axis=0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centered, full_matrices=False)
    for axis, expected in zip("xy", (left * values).T, strict=False):
        got = np.array(data["map"][axis])
        assert_allclose(got * np.sign(got @ expected), expected, atol=1e-3)
    assert_allclose(data["map"]["shares"], (values**2 / (values**2).sum())[:2], rtol=1e-4)


@pytest.mark.parametrize(("n_columns", "has_map"), [(1, False), (2, True)])
def test_two_columns_spread_in_a_plane(tmp_path, n_columns, has_map):
    _, data = report(np.random.default_rng(0).random((30, n_columns)), tmp_path)
    assert (data["map"] is not None) == has_map
    assert not has_map or sum(data["map"]["shares"]) == pytest.approx(1)


@pytest.mark.parametrize("size", [1.0, 1e-160])
def test_map_of_columns_far_from_zero(tmp_path, size):
    X = np.random.default_rng(0).normal(0, [10, 5, 1], (40, 3))
    places = []
    for rows in (X, (1.7e9 + X) * size):
        _, data = report(rows, tmp_path)
        places.append(np.array([data["map"]["x"], data["map"]["y"]]))
        places[-1] *= np.sign(places[-1][:, :1])
    assert_allclose(places[1] / size, places[0], atol=1e-4)


def test_rows_whose_squares_are_too_large_are_compared_when_standardized(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 4))
    _, expected = report(X, tmp_path, standardize=True)
    _, data = report(X * 1e300, tmp_path, standardize=True)
    assert data["nearest"]["indices"] == expected["nearest"]["indices"]
    assert_allclose(data["map"]["x"], expected["map"]["x"], atol=1e-5)
    assert data["columns"][0][2] is None  # the standard deviation


def test_agreement_of_labels(tmp_path):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200], y[:200]
    _, data = report(X, tmp_path, y=y)
    distances = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    same = y[:, None] == y[None]
    np.fill_diagonal(same, False)
    expected = (y == y[distances.argmin(axis=1)]).mean(), same.sum() / (200 * 199)
    assert_allclose(data["agreement"], expected)
    assert data["labels"] == [str(digit) for digit in range(10)]
    assert [data["labels"][label] for label in data["images"]["labels"]] == y.astype(str).tolist()
    assert {label: n for label, n, _ in data["classes"]} == Counter(y.astype(str).tolist())


def test_agreement_where_labels_are_missing(tmp_path):
    rows = np.array([[0.0], [1], [3], [10], [11.5], [50]])
    # Nearest: 0-1, 1-0, 2-1, 3-4, 4-3, 5-4. Known on both sides: 0, 1, 2 with "a", "a", "b" beside "a", "a", "a".
    _, data = report(rows, tmp_path, y=["a", "a", "b", None, "b", None])
    assert_allclose(data["agreement"], [2 / 3, (2 * 1 + 2 * 1) / (4 * 3)])
    _, data = report(rows, tmp_path, y=["a", None, None, None, "b", None])
    assert data["agreement"] is None


@pytest.mark.parametrize("missing", [np.nan, None])
def test_labels_of_a_list_may_be_missing(tmp_path, rows, missing):
    _, data = report(rows, tmp_path, y=["a", missing] * 25)
    assert data["labels"] == ["a"]
    assert data["images"]["labels"] == [0, -1] * 25


@pytest.mark.parametrize(
    "expected", [["01", "1", "1.0", "2", "10"], ["-inf", "-1", "0"], ["10", "2", "a"], ["10", "2", "9", "nan"]]
)
def test_labels_have_one_order(expected):
    assert all(_sort_labels(labels) == expected for labels in permutations(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1234567, 1234567),
        (np.int64(-1234567), -1234567),
        (np.float32(1234567), 1234567),
        (2**53 - 1, 2**53 - 1),
        (1234567.5, 1234570),
        (1 / 3, 0.333333),
        (np.nan, None),
        (-np.inf, None),
    ],
)
def test_numbers_of_the_page(value, expected):
    assert page_number(value) == expected


@pytest.mark.parametrize("n_rows", [1, 2])
def test_few_rows(tmp_path, n_rows):
    account, data = report(np.eye(3)[:n_rows], tmp_path, y=["a", "b"][:n_rows])
    assert account.shown == n_rows
    assert [len(found) for found in data["nearest"]["indices"]] == [n_rows - 1] * n_rows
    assert data["map"] is None


def test_no_row_that_can_be_compared(tmp_path):
    account, data = report(np.full((4, 3), np.nan), tmp_path)
    assert (account.shown, account.failed) == (0, 4)
    assert "No row can be compared." in data["notes"]
    assert data["columns"][0][1] is None


def test_equal_rows(tmp_path):
    _, data = report(np.ones((6, 4)), tmp_path, standardize=True)
    assert data["map"] is None
    assert set(np.ravel(data["nearest"]["distances"])) == {0}


# --- Runs and files


def test_run(run, tmp_path):
    account, data = report(run, tmp_path)
    assert (account.rows, account.shown, account.failed, account.without_picture) == (27, 25, 2, 0)
    assert data["errors"]["codes"] == [["empty", 1], ["unidentified", 1]]
    assert {row[1]: row[2] for row in data["errors"]["rows"]} == {"empty.png": "empty", "text<b>.png": "unidentified"}
    assert all(row[3] for row in data["errors"]["rows"])
    assert dict(data["summary"])["images"] == "27"
    sections = {title: dict(facts) for title, facts in data["about"]}
    assert "Flatten()" in sections["Run"]["estimator"]
    assert "27 listed = 25 ok" in sections["Run"]["account"]
    assert "numpy" in sections["Versions"]
    assert dict(data["facts"])["PNG RGB"] == "25"
    assert sum(n for _, n, _ in data["classes"]) == 27
    assert sum(failed for *_, failed in data["classes"]) == 2


def test_run_without_rows_for_failed_images(photos, tmp_path):
    with joblib.parallel_config("threading", n_jobs=1):
        extract(_pipeline(), photos, tmp_path / "out", y=["a"] * 27, on_error="skip", progress=False)
    account, data = report(tmp_path / "out", tmp_path)
    assert (account.rows, account.shown, account.failed) == (25, 25, 2)
    assert len(data["errors"]["rows"]) == 2
    assert data["classes"] == [["a", 25, None]]  # of those that failed, no label is told


def test_run_of_images(run, tmp_path):
    account, data = report(run.with_name("crops"), tmp_path)
    assert (account.rows, account.shown, account.without_picture) == (27, 25, 0)
    assert data["columns"][0][0] == "pixel_r0_c0_ch0"
    assert picture(data["images"]["thumbnails"][0]).size == (4, 4)
    assert data["images"]["kinds"][0] == "uint8 RGB"


def test_files(rows, tmp_path):
    names, y = ["a", "b", "c", "d"], np.array(["x", "y"] * 25)
    seen = []
    for name in ("rows.npz", "rows.parquet", "rows.npy"):
        labels = None if name.endswith("npy") else y
        path = tmp_path / name
        write_features(path, [rows[:30], rows[30:]], feature_names=names, n_samples=50, y=labels)
        account, data = report(path, tmp_path, y=y if labels is None else None)
        assert account.rows == 50
        assert data["labels"] == ["x", "y"]
        assert data["images"]["labels"] == [0, 1] * 25
        assert data["images"]["names"][3] == "item 3"
        assert not any(data["images"]["thumbnails"])
        assert "no images were given" in data["images"]["problems"][0]
        assert "no images were given" in data["notes"][0]
        seen.append([column[0] for column in data["columns"]])
    assert seen == [names, names, [f"feature_{number}" for number in range(4)]]


def test_table_finds_images_in_its_own_folder_only(photos, rows, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    Image.new("RGB", (9, 7), "red").save(folder / "red.png")
    Image.new("RGB", (9, 7), "red").save(tmp_path / "outside.png")
    paths = ["red.png", "../outside.png", str(tmp_path / "outside.png"), "http://localhost/a.png"]
    frame = pd.DataFrame(rows[:4], columns=list("abcd")).assign(image_path=paths)
    frame.to_parquet(folder / "rows.parquet", index=False)
    account, data = report(folder / "rows.parquet", tmp_path)
    assert account.without_picture == 3
    assert data["images"]["names"] == paths
    assert [problem.split(":")[0] for problem in data["images"]["problems"]] == ["", *["outside_root"] * 3]


def test_a_data_frame_finds_images_in_the_folder_that_is_given(rows, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (9, 7), "red").save(folder / "red.png")
    Image.new("RGB", (9, 7), "red").save(tmp_path / "outside.png")
    frame = pd.DataFrame(rows[:2], columns=list("abcd")).assign(image_path=["red.png", "../outside.png"])
    account, data = report(frame, tmp_path, images=folder)
    assert [problem.split(":")[0] for problem in data["images"]["problems"]] == ["", "outside_root"]
    assert data["notes"] == []
    account, data = report(frame, tmp_path)
    assert account.without_picture == 2
    assert data["notes"] == ["The features tell paths of images, and no folder of them was given."]
    _, data = report(rows, tmp_path, images=folder)
    assert data["notes"] == ["The features tell no paths, so nothing says which images of the folder they are of."]
    assert data["images"]["problems"][0].endswith(data["notes"][0])


def test_an_item_may_be_called_0(rows, tmp_path):
    frame = pd.DataFrame(rows[:3], columns=list("abcd")).assign(image_path=["", None, "x.png"], item_id=[2, 0, 1])
    _, data = report(frame, tmp_path)
    assert data["images"]["names"] == ["2", "0", "x.png"]


class Embedding(Flatten):
    """A step that has a model to tell of."""

    def model_info(self):
        return {"model": "tiny_v1", "weights": {"sha256": "ab" * 32, "file": "</script>.pth"}}


def test_the_model_of_a_run_is_named(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4), dtype=np.uint8)
    with joblib.parallel_config("threading", n_jobs=1):
        extract(Embedding(), images, tmp_path / "out", progress=False)
    _, data = report(tmp_path / "out", tmp_path)
    facts = dict(dict(data["about"])["Model of Embedding"])
    assert facts == {"model": "tiny_v1", "weights": f"sha256 {'ab' * 32}, file </script>.pth"}
    assert data["notes"] == ["The run read an array, no files of images."]


@pytest.mark.parametrize(
    ("name", "family"), [("hog_r0_c1", "hog"), ("feature12", "feature"), ("12", "no letter"), ("größe_1", "größe")]
)
def test_families_of_columns(name, family):
    assert family_of(name) == family


# --- Pictures


def test_pictures_are_of_the_size_and_turned_as_exif_says(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    half = np.zeros((120, 240, 3), np.uint8)
    half[:, :120] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    Image.fromarray(half).save(photos / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(half[:20, 110:130]).save(photos / "small.png")
    with joblib.parallel_config("threading", n_jobs=1):
        extract(_pipeline(), photos, tmp_path / "out", progress=False)
    _, data = report(tmp_path / "out", tmp_path, thumbnail_size=60)
    images = data["images"]
    small, turned = map(picture, images["thumbnails"])
    assert_array_equal(np.asarray(small.convert("RGB")), half[:20, 110:130])
    assert turned.size == (30, 60)
    pixels = np.asarray(turned.convert("RGB")).astype(int)
    assert_allclose(pixels[5:25].mean(axis=(0, 1)), [255, 0, 0], atol=12)
    assert_allclose(pixels[35:55].mean(axis=(0, 1)), [0, 0, 0], atol=12)
    assert (images["sizes"], images["kinds"]) == ([[20, 20], [120, 240]], ["PNG RGB", "JPEG RGB"])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float64"])
def test_pictures_of_arrays(tmp_path, dtype):
    full = {"bool": 1, "uint8": 255, "uint16": 65535, "float64": 1}[dtype]
    images = np.zeros((3, 10, 12), dtype)
    images[1] = full
    images[2, :5] = full
    _, data = report(images.reshape(3, -1), tmp_path, images=images)
    for image, uri in zip(images, data["images"]["thumbnails"], strict=True):
        assert_array_equal(np.asarray(picture(uri).convert("L")), np.where(image == full, 255, 0))
    assert data["notes"] == []
    np.save(tmp_path / "images.npy", images)
    _, again = report(images.reshape(3, -1), tmp_path, images=tmp_path / "images.npy")
    assert again["images"]["thumbnails"] == data["images"]["thumbnails"]


def test_pictures_of_a_series_are_taken_by_place(tmp_path):
    images = np.stack([np.full((4, 4), value, np.uint8) for value in (0, 100, 200)])
    series = pd.Series(list(images), index=[2, 0, 1])
    _, data = report(images.reshape(3, -1), tmp_path, images=series)
    pixels = [picture(uri).convert("L").getpixel((0, 0)) for uri in data["images"]["thumbnails"]]
    assert pixels == [0, 100, 200]


def test_pictures_of_the_largest_size(tmp_path):
    images = np.zeros((1, 1, 17000), np.uint8)
    _, data = report(np.eye(1, 3), tmp_path, images=images, thumbnail_size=16383)
    assert picture(data["images"]["thumbnails"][0]).size == (16383, 1)


def test_images_that_were_moved_or_are_gone(tmp_path):
    photos, moved = tmp_path / "photos", tmp_path / "moved"
    photos.mkdir()
    for side in (5, 6):
        Image.new("L", (side, side), 10 * side).save(photos / f"{side}.png")
    with joblib.parallel_config("threading", n_jobs=1):
        extract(_pipeline(), photos, tmp_path / "out", progress=False)
    photos.rename(moved)
    account, data = report(tmp_path / "out", tmp_path)
    assert account.without_picture == 2
    assert data["images"]["problems"][0].startswith("missing: the file cannot be read")
    account, data = report(tmp_path / "out", tmp_path, images=moved)
    assert account.without_picture == 0
    (moved / "6.png").unlink()
    _, data = report(tmp_path / "out", tmp_path, images=moved)
    assert [bool(uri) for uri in data["images"]["thumbnails"]] == [True, False]


# --- What it is made of


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(run, path, title="<b>&\"'</title><script>alert(3)</script>\u2028")
    return Page(path)


def test_texts_are_data_and_never_markup(page):
    data = page.data
    assert EVIL in data["images"]["names"]
    assert data["labels"] == sorted([*LABELS[:3], "a\\u2028b\\u202ec"])
    assert "\\u202egnp.evil\\u2028.png" in data["images"]["names"]
    assert "n" * 200 + ".png" in data["images"]["names"]
    assert r"latin-\udce9.png" in data["images"]["names"]
    assert all(data["images"]["thumbnails"])
    assert not re.search("[\u2028\u202a-\u202e\ud800-\udfff]", json.dumps(data, ensure_ascii=False))
    # What a browser would see: no tag but those of the template, and its two scripts.
    assert Counter(tag for tag, _ in page.tags)["script"] == 2
    assert not {"img", "b", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert page.text.count("alert(1)") == page.text.count("\\u003cimg src=x onerror=alert(1)>")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("hidden", "\xad\u061c\u180e\u200b\u200e\u200f\u2060\u2065\ufeff\U000e0000\U000e007f")
def test_characters_that_show_nothing_are_escaped(hidden):
    assert visible(f"cat{hidden}s").isprintable()
    assert visible(f"cat{hidden}s") == f"cat{hidden.encode('unicode_escape').decode()}s"


@pytest.mark.parametrize(
    "text", ["👩\u200d🚀", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "größe\\d", "C:\\x"]
)
def test_characters_that_words_need_stay(text):
    assert visible(text) == visible(text, distinct=True) == text


def test_labels_never_become_one():
    parts = ["\\", "\n", "n", "\u200b", "u200b", "x0", "0", "\x00"]
    labels = {"".join(chosen) for length in range(5) for chosen in product(parts, repeat=length)}
    assert len({label_text(label) for label in labels}) == len(labels)
    assert label_text(b"\xff") != label_text(b"\\xff")


def test_the_policy_lets_nothing_else_run_and_nothing_be_fetched(page):
    (policy,) = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    hashes = {
        f"{tag}-src": f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for (tag, attributes), text in zip(page.holders(), page.inside, strict=True)
        if "type" not in attributes
    }
    assert rules.pop("script-src") == [hashes["script-src"]]
    assert rules.pop("style-src") == [hashes["style-src"]]
    nothing = ["'none'"]
    assert rules == {"default-src": nothing, "img-src": ["data:"], "base-uri": nothing, "form-action": nothing}


def test_the_page_names_no_other_file(page):
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            target = attributes.get(name)
            assert target is None or target.startswith("#") or target == "data:,", (tag, target)
        assert "style" not in attributes
    script, style = page.inside[-1], page.inside[0]
    assert re.findall(r"https?://[^\"]*", script) == ["http://www.w3.org/2000/svg"]  # the name of a namespace
    assert not re.search(r"url\(|@import|https?:", style)
    forbidden = "innerHTML|outerHTML|insertAdjacent|document.write|eval|Function|fetch|XMLHttp|import|setTimeout"
    assert not re.search(rf"\b({forbidden})\b", script)


# --- Mistakes


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "manhattan"}, ValueError, "metric must be one of"),
        ({"metric": None}, TypeError, "metric must be a string"),
        ({"standardize": 1}, TypeError, "standardize must be True or False"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1"),
        ({"n_farthest": 1.5}, TypeError, "n_farthest must be an integer"),
        ({"max_images": 0}, ValueError, "max_images must be at least 1"),
        ({"thumbnail_size": 0}, ValueError, "thumbnail_size must be at least 1"),
        ({"thumbnail_size": 16384}, ValueError, "thumbnail_size must be at most 16383, .*, got 16384"),
        ({"random_state": -1}, ValueError, "random_state must be from 0"),
        ({"title": 3}, TypeError, "title must be None or a string"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"y": [1, 2]}, ValueError, r"y must hold a label for each of 50 items, got shape \(2,\)"),
        ({"images": np.zeros((2, 4, 4))}, ValueError, "images must be one for each of 50 items, got 2"),
    ],
)
def test_mistakes_leave_nothing(rows, tmp_path, options, error, message):
    with pytest.raises(error, match=f"^write_report: {message}"):
        write_report(rows, tmp_path / "report.html", **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("of_images", [False, True])
def test_the_page_replaces_none_of_its_inputs(rows, tmp_path, of_images):
    path, link = tmp_path / "rows.npy", tmp_path / "link.html"
    np.save(path, np.zeros((50, 4, 4), np.uint8) if of_images else rows)
    link.symlink_to(path)
    before = path.read_bytes()
    for output in (path, link):
        with pytest.raises(ValueError, match=f"is the file of {'images' if of_images else 'features'}"):
            write_report(rows if of_images else path, output, images=path if of_images else None)
    assert path.read_bytes() == before


def test_the_page_replaces_no_file_of_a_run_or_of_images(tmp_path):
    images, run = tmp_path / "images", tmp_path / "run"
    images.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(images / name)
    extract(make_pipeline(Resize((2, 2)), Flatten()), images, run, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name, output in (("features", run / "manifest.json"), ("images", images / "a.png")):
        with pytest.raises(ValueError, match=f"is a file in the folder of {name}"):
            write_report(run, output, images=images)
    assert {path: path.read_bytes() for path in before} == before
    for _ in range(2):
        assert write_report(run, run / "report.html").shown == 2


def test_an_output_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    # Features that would be refused later.
    with pytest.raises(FileNotFoundError, match=r"^write_report: cannot write output .* Create the folder first\.$"):
        write_report("nowhere.npy", tmp_path / "none" / "report.html")
    with pytest.raises(IsADirectoryError, match=r"^write_report: output .* is a folder"):
        write_report("nowhere.npy", tmp_path)
    with pytest.raises(TypeError, match=r"^write_report: output must be the path of a file, got None"):
        write_report("nowhere.npy", None)


def test_features_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path / "nowhere", tmp_path / "report.html")
    with pytest.raises(FileNotFoundError, match="no job folder"):
        write_report(tmp_path, tmp_path / "report.html")
    with pytest.raises(ValueError, match=r"must be rows of numbers, got an array of shape \(3,\)"):
        write_report(np.zeros(3), tmp_path / "report.html")
    (tmp_path / "rows.npz").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"damaged \.npz"):
        write_report(tmp_path / "rows.npz", tmp_path / "report.html")
    with pytest.raises(TypeError, match="features must be a job folder"):
        write_report([[1.0]], tmp_path / "report.html")


def test_a_page_that_is_there_is_replaced_whole(rows, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("older")
    with pytest.raises(ValueError, match="y must hold"):
        write_report(rows, path, y=[1])
    assert path.read_text() == "older"
    write_report(rows, path)
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")
    assert path.read_bytes().endswith(b"</html>\n")
