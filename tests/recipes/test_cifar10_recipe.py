"""The benchmark of CIFAR-10: what is loaded, what a row gives, the figure."""

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score
from sklearn.utils import get_tags

from skimgfeat.recipes import (
    BenchmarkImages,
    BenchmarkResult,
    BenchmarkRow,
    draw_benchmark,
    format_benchmark,
    load_benchmark_images,
    make_benchmark_rows,
    run_benchmark_row,
)

RESULTS = [
    BenchmarkResult("slow", "what is slow", 0.25, 0.2, 120.0, 3.0, 110.0, 2.0, False),
    BenchmarkResult("none", "what takes no time", 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, True),
]


def make_images(n_images=40, seed=0):
    """Colors that tell the four classes apart, under noise."""
    labels = np.arange(n_images) % 4
    noise = np.random.default_rng(seed).integers(0, 40, (n_images, 12, 12, 3), dtype=np.uint8)
    return (noise + 50 * labels[:, None, None, None]).astype(np.uint8), labels


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def make_benchmark():
    return BenchmarkImages(*make_images(), *make_images(20, seed=1), "colors")


@pytest.fixture
def folder(tmp_path):
    images, labels = make_images(120)
    for part, first in (("train", 0), ("test", 100)):
        for index in range(first, first + (100 if part == "train" else 20)):
            path = tmp_path / part / f"class{labels[index]}" / f"{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[index]).save(path)
    return tmp_path


def test_folders_of_classes(folder):
    images, labels = make_images(120)
    loaded = load_benchmark_images(folder)
    order = np.concatenate([np.flatnonzero(labels[:100] == label) for label in range(4)])
    assert_array_equal(loaded.train_images, images[:100][order])
    assert_array_equal(loaded.train_labels, labels[:100][order])
    assert_array_equal(np.bincount(loaded.test_labels), [5] * 4)


def test_parquet_and_a_subset(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images, labels = make_images(400)
    for part, start in (("train", 0), ("test", 200)):
        table = {"image": [png(image) for image in images[start : start + 200]], "label": labels[:200]}
        parquet.write_table(pyarrow.table(table), tmp_path / f"{part}.parquet")
    whole = load_benchmark_images(tmp_path)
    assert_array_equal(whole.train_images, images[:200])
    assert_array_equal(whole.test_images, images[200:])
    part = load_benchmark_images(tmp_path, n_images=100)
    assert_array_equal(np.bincount(part.train_labels), [25] * 4)
    assert_array_equal(np.bincount(part.test_labels), [5] * 4)
    places = [int(np.flatnonzero((images[:200] == image).all(axis=(1, 2, 3)))[0]) for image in part.train_images]
    assert places == sorted(places)
    assert_array_equal(labels[places], part.train_labels)


def test_what_cannot_be_loaded(folder):
    with pytest.raises(ValueError, match="n_images must be at most 100, got 101"):
        load_benchmark_images(folder, n_images=101)
    with pytest.raises(ValueError, match="at least 100"):
        load_benchmark_images(folder, n_images=99)
    # As many classes, and others: the number 3 would mean two things.
    (folder / "test" / "class3").rename(folder / "test" / "fox")
    for others in ("'fox'", "'class2'"):
        with pytest.raises(ValueError, match=rf"has the classes .* 'class3'\] to train on, but .* {others}\] to test"):
            load_benchmark_images(folder)
        for path in (folder / "test" / "fox").iterdir():
            path.unlink()
    with pytest.raises(ValueError, match=r"holds neither train\.parquet nor a folder 'train'"):
        load_benchmark_images(folder / "train")


def test_a_row_by_hand(tmp_path):
    images = make_benchmark()
    classifier = DummyClassifier(strategy="constant", constant=2)
    result = run_benchmark_row(BenchmarkRow("two", "always 2", classifier), images, tmp_path / "new")
    assert result.accuracy == 0.25
    assert result.macro_f1 == f1_score(images.test_labels, [2] * 20, average="macro") == 0.1
    assert not hasattr(classifier, "classes_")
    # A second run reads the first one's file.
    other = BenchmarkRow("two", "now 3", DummyClassifier(strategy="constant", constant=3), True)
    assert run_benchmark_row(other, images, tmp_path / "new") == replace(result, title="now 3", is_ours=True)


def test_a_result_is_of_its_images(tmp_path):
    images, row = make_benchmark(), make_benchmark_rows()[0]
    run_benchmark_row(row, images, tmp_path)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        others = replace(images, **{name: getattr(images, name)[::-1]})
        with pytest.raises(ValueError, match=r"random\.json' is of other images"):
            run_benchmark_row(row, others, tmp_path)


def test_a_run_that_fails_leaves_no_result(tmp_path):
    row = BenchmarkRow("bad", "of a class that is not there", DummyClassifier(strategy="constant", constant=9))
    with pytest.raises(ValueError, match="constant"):
        run_benchmark_row(row, make_benchmark(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", make_benchmark_rows(), ids=lambda row: row.key)
def test_every_row_learns(row, tmp_path):
    if row.key in ("mlp", "cnn"):
        pytest.importorskip("skorch")
        row.estimator.set_params(max_epochs=3)
    images = BenchmarkImages(*make_32(80), *make_32(20), "edges")
    result = run_benchmark_row(row, images, tmp_path)
    assert 0 <= result.macro_f1 <= 1
    assert result.fit_seconds > 0
    if row.key not in ("random", "mlp", "cnn"):
        assert result.accuracy == 1


def make_32(n_images):
    """Bars that lie or stand, in the upper or the lower half."""
    labels = np.arange(n_images) % 4
    images = np.random.default_rng(n_images).integers(0, 30, (n_images, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        half = image[:16] if label < 2 else image[16:]
        (half if label % 2 else half.swapaxes(0, 1))[4:8] += 200
    return images, labels


def test_rows():
    rows = make_benchmark_rows()
    assert len({row.key for row in rows}) == len({row.title for row in rows}) == len(rows)
    workshop = ["random", "raw-1nn", "hog-1nn", "raw-forest", "hog-forest", "hog-svc", "mlp", "cnn"]
    assert [row.key for row in rows if not row.is_ours] == workshop
    assert all(get_tags(row.estimator).classifier_tags is not None for row in rows)


def test_table():
    header, rule, *lines = format_benchmark(RESULTS).splitlines()
    assert header.count("|") == rule.count("|") == 6
    assert lines[0] == "| what is slow | 0.250 | 0.200 | 120.0 | 3.0 |"


def test_figure():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = draw_benchmark(RESULTS)
    figure.canvas.draw()
    assert pyplot.get_fignums() == []
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["what is slow", "what takes no time"]
    assert sorted(bar.get_width() for bar in left.patches) == [0.25, 1.0]
    assert_array_equal(right.lines[0].get_xdata(), [120, 1e-3])


def test_figure_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"skimgfeat\[plot\]"):
        draw_benchmark(RESULTS)
