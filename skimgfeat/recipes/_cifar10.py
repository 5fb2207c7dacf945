"""Classifiers of CIFAR-10, one a row: from chance to networks, each with its accuracy and its time."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skimgfeat._validation import check_integer
from skimgfeat.datasets import fetch_cifar10, load_parquet_images
from skimgfeat.features import HOG, ColorGrid, PatchFeatures
from skimgfeat.io import ImageCollection, atomic_write
from skimgfeat.neighbors import SimilarityIndex
from skimgfeat.neural import ConvNetClassifier
from skimgfeat.preprocessing import Flatten

_SUBSETS = ("train", "test")


@dataclass(frozen=True, eq=False)
class BenchmarkImages:
    """Images to train on and images to test on.

    Attributes
    ----------
    train_images : uint8 ndarray of shape (n, rows, cols, 3)
        What is trained on.
    train_labels : int64 ndarray of shape (n,)
        The class of each image.
    test_images : uint8 ndarray of shape (m, rows, cols, 3)
        What is tested on.
    test_labels : int64 ndarray of shape (m,)
        The class of each image.
    source : str
        Where they are from.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str

    def fingerprint(self):
        """Return a hash of the images and classes, by which results know what they were measured on."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class BenchmarkRow:
    """A classifier of images.

    Attributes
    ----------
    key : str
        Its short name.
    title : str
        What it is.
    estimator : estimator
        The classifier itself, not fitted.
    is_ours : bool
        Whether the workshop, which most rows are from, did without it.
    """

    key: str
    title: str
    estimator: BaseEstimator
    is_ours: bool = False


@dataclass(frozen=True)
class BenchmarkResult:
    """What a row gave.

    Attributes
    ----------
    key, title : str
        As in :class:`BenchmarkRow`.
    accuracy, macro_f1 : float
        On the test images; the F1 score is the mean over classes.
    fit_seconds, predict_seconds : float
        By the clock, on all training and all test images, features included.
    fit_cpu_seconds, predict_cpu_seconds : float
        Of processor time, all threads of the process together.
    is_ours : bool
        As in :class:`BenchmarkRow`.
    """

    key: str
    title: str
    accuracy: float
    macro_f1: float
    fit_seconds: float
    predict_seconds: float
    fit_cpu_seconds: float
    predict_cpu_seconds: float
    is_ours: bool


def load_benchmark_images(folder=None, *, n_images=None):
    """Load CIFAR-10, or other images laid out alike.

    Parameters
    ----------
    folder : path-like or None, default=None
        A folder with ``train.parquet`` and ``test.parquet``, as :func:`~skimgfeat.datasets.load_parquet_images` takes
        them, or with a folder ``train`` and a folder ``test`` that each have a folder of images for each class. None
        is :func:`~skimgfeat.datasets.fetch_cifar10`, which downloads it the first time.
    n_images : int or None, default=None
        How many images to train on, and a fifth of it to test on, each class its share; None takes all.

    Returns
    -------
    images : BenchmarkImages
        Training and test images.

    Raises
    ------
    ValueError
        For a folder that holds neither, classes that differ, or fewer images than are asked for.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skimgfeat.recipes import load_benchmark_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
    ...         os.makedirs(os.path.join(folder, name))
    ...         Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(os.path.join(folder, name, "1.png"))
    ...     images = load_benchmark_images(folder)
    >>> images.train_images.shape, images.test_labels
    ((2, 8, 8, 3), array([0, 1]))
    """
    owner = "load_benchmark_images"
    if n_images is not None:
        n_images = check_integer(owner, "n_images", n_images, minimum=100)
    if folder is None:
        parts, source = [fetch_cifar10(subset=subset, return_X_y=True) for subset in _SUBSETS], "CIFAR-10"
    else:
        parts, source = [_read(owner, Path(folder), subset) for subset in _SUBSETS], str(folder)
    classes, others = (np.unique(labels) for _, labels in parts)
    if not np.array_equal(classes, others):
        raise ValueError(f"{owner}: {source} has the classes {classes} to train on, but {others} to test on.")
    if classes.dtype.kind == "U":  # the names of folders, in both subsets numbered by one list
        parts = [(images, np.searchsorted(classes, labels)) for images, labels in parts]
    if n_images is not None:
        counts = n_images, max(n_images // 5, len(classes))
        parts = [_choose(owner, part, count) for part, count in zip(parts, counts, strict=True)]
    (train_images, train_labels), (test_images, test_labels) = parts
    return BenchmarkImages(train_images, train_labels, test_images, test_labels, source)


def _read(owner, folder, subset):
    """Return the images of a subset and their classes: numbers, or the names of folders."""
    path = folder / f"{subset}.parquet"
    if path.exists():
        return load_parquet_images(path, return_X_y=True)
    if (folder / subset).is_dir():
        collection, labels = ImageCollection.from_class_folders(folder / subset)
        return np.asarray(collection), labels
    raise ValueError(f"{owner}: {str(folder)!r} holds neither {path.name} nor a folder {subset!r} of classes.")


def _choose(owner, part, count):
    """Return some of the images and labels, each class its share, in order."""
    images, labels = part
    if count > len(images):
        raise ValueError(f"{owner}: n_images must be at most {len(images)}, got {count}.")
    if count > len(images) - len(np.unique(labels)):
        return images, labels
    chosen = np.sort(train_test_split(np.arange(len(images)), train_size=count, stratify=labels, random_state=0)[0])
    return images[chosen], labels[chosen]


def make_benchmark_rows():
    """Return the classifiers that are compared: those of the workshop, then others.

    Returns
    -------
    rows : list of BenchmarkRow
        In the order of the table.

    Examples
    --------
    >>> from skimgfeat.recipes import make_benchmark_rows
    >>> [row.key for row in make_benchmark_rows()][:3]
    ['random', 'raw-1nn', 'hog-1nn']
    """
    nearest, forest = KNeighborsClassifier(1, algorithm="brute"), RandomForestClassifier(random_state=0)
    index = [SimilarityIndex(1), KNeighborsClassifier(1, metric="precomputed")]
    perceptron = ConvNetClassifier((), hidden=(512, 120, 84), random_state=0, verbose=True)
    logistic = LogisticRegression(max_iter=1000)
    signed = HOG(16, (4, 4), (2, 2), signed=True, interpolate=True)
    colored = make_union(signed, ColorGrid())
    everything = make_union(signed, ColorGrid(), PatchFeatures(random_state=0))
    nystroem = [StandardScaler(), Nystroem(n_components=3000, random_state=0)]
    # The best alpha for signed HOG, and for it with colors, on the last fifth of the training images.
    stiff_ridge, ridge = ([StandardScaler(), RidgeClassifier(alpha=alpha)] for alpha in (3000, 1000))
    return [
        BenchmarkRow("random", "a class at random", DummyClassifier(strategy="uniform", random_state=0)),
        BenchmarkRow("raw-1nn", "pixels, nearest neighbor", make_pipeline(Flatten(), nearest)),
        BenchmarkRow("hog-1nn", "HOG, nearest neighbor", make_pipeline(HOG(), nearest)),
        BenchmarkRow("raw-forest", "pixels, random forest", make_pipeline(Flatten(), forest)),
        BenchmarkRow("hog-forest", "HOG, random forest", make_pipeline(HOG(), forest)),
        BenchmarkRow("hog-svc", "HOG, LinearSVC()", make_pipeline(HOG(), LinearSVC(random_state=0))),
        BenchmarkRow("mlp", "multilayer perceptron", perceptron),
        BenchmarkRow("cnn", "convolutional network", ConvNetClassifier(random_state=0, verbose=True)),
        BenchmarkRow("raw-1nn-index", "pixels, SimilarityIndex", make_pipeline(Flatten(), *index), True),
        BenchmarkRow("hog-logistic", "HOG, LogisticRegression", make_pipeline(HOG(), logistic), True),
        BenchmarkRow("signed-hog-ridge", "signed HOG, ridge", make_pipeline(signed, *stiff_ridge), True),
        BenchmarkRow("color-ridge", "signed HOG, color, ridge", make_pipeline(colored, *ridge), True),
        BenchmarkRow(
            "color-nystroem", "signed HOG, color, Nystroem, ridge", make_pipeline(colored, *nystroem, *ridge), True
        ),
        BenchmarkRow("patches-ridge", "signed HOG, color, patches, ridge", make_pipeline(everything, *ridge), True),
    ]


def run_benchmark_row(row, images, folder, *, n_jobs=None):
    """Fit a classifier, test it, and write what it gave to a file; or read that file, where there is one.

    Parameters
    ----------
    row : BenchmarkRow
        Of :func:`make_benchmark_rows`, or another.
    images : BenchmarkImages
        To train and to test on.
    folder : path-like
        Where the result is kept, as ``KEY.json``; created where missing.
    n_jobs : int or None, default=None
        Number of threads of the steps that have that parameter. Networks have those that torch takes.

    Returns
    -------
    result : BenchmarkResult
        Accuracy and time.

    Raises
    ------
    ValueError
        Where the file holds a result on other images.
    ImportError
        For networks without torch (the extra ``cnn``).

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skimgfeat.recipes import BenchmarkImages, make_benchmark_rows, run_benchmark_row
    >>> X, y = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), dtype=np.uint8), np.arange(100) % 10
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = run_benchmark_row(make_benchmark_rows()[1], BenchmarkImages(X, y, X, y, "noise"), folder)
    >>> result.key, result.accuracy
    ('raw-1nn', 1.0)
    """
    path = Path(folder) / f"{row.key}.json"
    fingerprint = images.fingerprint()
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("images") != fingerprint:
            raise ValueError(f"run_benchmark_row: {str(path)!r} is of other images; choose another folder.")
        return BenchmarkResult(**content | {"title": row.title, "is_ours": row.is_ours})
    result = _measure(row, images, n_jobs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(json.dumps({"images": fingerprint, **asdict(result)}, indent=1).encode())
    return result


def _measure(row, images, n_jobs):
    estimator = clone(row.estimator)
    n_components = estimator.get_params().get("nystroem__n_components", 0)
    if n_components > len(images.train_images):
        estimator.set_params(nystroem__n_components=len(images.train_images))
    moments = [(perf_counter(), process_time())]
    with parallel_config(n_jobs=n_jobs):
        estimator.fit(images.train_images, images.train_labels)
        moments.append((perf_counter(), process_time()))
        predicted = estimator.predict(images.test_images)
        moments.append((perf_counter(), process_time()))
    (fit, fit_cpu), (predict, predict_cpu) = np.diff(moments, axis=0).tolist()
    return BenchmarkResult(
        key=row.key,
        title=row.title,
        accuracy=float(accuracy_score(images.test_labels, predicted)),
        macro_f1=float(f1_score(images.test_labels, predicted, average="macro", zero_division=0)),
        fit_seconds=fit,
        predict_seconds=predict,
        fit_cpu_seconds=fit_cpu,
        predict_cpu_seconds=predict_cpu,
        is_ours=row.is_ours,
    )


def format_benchmark(results):
    """Return a table of results in Markdown.

    Parameters
    ----------
    results : list of BenchmarkResult
        A line each.

    Returns
    -------
    table : str
        Accuracy, F1 score, and seconds by the clock.

    Examples
    --------
    >>> from skimgfeat.recipes import BenchmarkResult, format_benchmark
    >>> results = [BenchmarkResult("cnn", "network", 0.6, 0.59, 300.0, 2.0, 300.0, 2.0, False)]
    >>> print(format_benchmark(results).splitlines()[-1])
    | network | 0.600 | 0.590 | 300.0 | 2.0 |
    """
    lines = ["| classifier | accuracy | macro F1 | fit, s | predict, s |", "| --- | ---: | ---: | ---: | ---: |"]
    for result in results:
        seconds = f"{result.fit_seconds:,.1f} | {result.predict_seconds:,.1f}"
        lines.append(f"| {result.title} | {result.accuracy:.3f} | {result.macro_f1:.3f} | {seconds} |")
    return "\n".join(lines) + "\n"
