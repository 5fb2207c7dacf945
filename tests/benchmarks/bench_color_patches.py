"""ColorGrid and PatchFeatures beside HOG on CIFAR-10: what they cost and what they are worth.

    python tests/benchmarks/bench_color_patches.py --rst docs/benchmarks/color_patches.rst.inc

The classifier is ridge on standardized columns. Its alpha is chosen on the last fifth of the training images and then
fitted on all; the test images are predicted once. Without SKIMGFEAT_DATA, pieces of photos only show that this runs.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import scipy.linalg
from _data import color_photos
from _tables import print_tables
from _timing import measure
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skimgfeat import HOG, ColorGrid, PatchFeatures

_BLOCK = 1000  # images whose features are held at once
_ALPHAS = (100, 300, 1000, 3000, 10_000)


class Sums:
    """What a ridge classifier needs of rows and labels, a block at a time: it holds no rows.

    The solution is that of ``make_pipeline(StandardScaler(), RidgeClassifier(alpha))`` on all rows added so far.
    """

    def __init__(self, n_classes):
        self.n_classes, self.n, self.products = n_classes, 0, None

    def add(self, rows, labels):
        if self.products is None:
            self.shift = rows.mean(axis=0)
            self.products = np.zeros((rows.shape[1],) * 2)
            self.sums, self.crossed = np.zeros(rows.shape[1]), np.zeros((rows.shape[1], self.n_classes))
            self.targets = np.zeros(self.n_classes)
        rows = rows - self.shift
        signs = np.where(labels[:, None] == np.arange(self.n_classes), 1, -1).astype(rows.dtype)
        self.n += len(rows)
        self.products += rows.T @ rows
        self.crossed += rows.T @ signs
        self.sums += rows.sum(axis=0, dtype=float)
        self.targets += signs.sum(axis=0, dtype=float)

    def solve(self, alpha):
        """Return the function from rows to classes."""
        mean = self.sums / self.n
        covariance = self.products - self.n * np.outer(mean, mean)
        spread = np.sqrt(np.maximum(np.diag(covariance) / self.n, 1e-12))
        spread[spread < 1e-6] = 1  # constant columns, as StandardScaler treats them
        covariance /= spread
        covariance /= spread[:, None]
        covariance[np.diag_indices_from(covariance)] += alpha
        crossed = (self.crossed - np.outer(mean, self.targets)) / spread[:, None]
        weights = scipy.linalg.solve(covariance, crossed, assume_a="pos", overwrite_a=True) / spread[:, None]
        intercept = self.targets / self.n - (mean + self.shift) @ weights
        weights = weights.astype(np.float32)
        return lambda rows: (rows @ weights + intercept).argmax(axis=1)


def recipes(options):
    """Return extractors by name, each from images to rows, and whether mirrored images are trained on as well."""
    n_components, orientations = (5, 1) if options.quick else (3000, 16)
    hog = HOG(orientations, pixels_per_cell=(4, 4), cells_per_block=(2, 2), signed=True, interpolate=True)
    color = ColorGrid()
    nystroem = make_pipeline(
        make_union(hog, color), StandardScaler(), Nystroem(n_components=n_components, random_state=0)
    )
    patches = patch_features(options)
    larger = patch_features(options, patch_size=(8, 8), pooling=(3, 3))
    return {
        "HOG": (hog, False),
        "HOG + ColorGrid": (make_union(hog, color), False),
        f"HOG + ColorGrid, Nystroem({n_components})": (nystroem, False),
        "HOG + ColorGrid + PatchFeatures": (make_union(hog, color, patches), False),
        "HOG + ColorGrid + PatchFeatures of 8 x 8, 3 x 3 cells": (make_union(hog, color, larger), False),
        "the same, and mirrored images to train on": (make_union(hog, color, larger), True),
    }


def patch_features(options, **parameters):
    return PatchFeatures(5 if options.quick else 400, random_state=0, **parameters)


def accuracy(extractor, mirrored, train_X, train_y, test_X, test_y):
    """Return the number of columns, the alpha chosen, and the accuracies on validation and test images."""
    extractor.fit(train_X[::5])
    sums, held_out = Sums(int(train_y.max()) + 1), len(train_X) * 4 // 5

    def add(block, rows):
        sums.add(rows, train_y[block])
        if mirrored:
            sums.add(extractor.transform(train_X[block][:, :, ::-1]), train_y[block])

    for block in blocks(0, held_out):
        add(block, extractor.transform(train_X[block]))
    predictors = {alpha: sums.solve(alpha) for alpha in _ALPHAS}
    hits = dict.fromkeys(_ALPHAS, 0)
    for block in blocks(held_out, len(train_X)):
        rows = extractor.transform(train_X[block])
        for alpha, predict in predictors.items():
            hits[alpha] += np.count_nonzero(predict(rows) == train_y[block])
        add(block, rows)
    alpha = max(hits, key=hits.get)
    predict = sums.solve(alpha)
    right = [predict(extractor.transform(test_X[block])) == test_y[block] for block in blocks(0, len(test_X))]
    validated = hits[alpha] / (len(train_X) - held_out)
    return len(sums.sums), alpha, f"{validated:.4f}", f"{np.concatenate(right).mean():.4f}"


def blocks(start, stop):
    return [slice(first, min(first + _BLOCK, stop)) for first in range(start, stop, _BLOCK)]


def accuracy_table(photos, options):
    rows = []
    for name, (extractor, mirrored) in recipes(options).items():
        rows.append((name, *accuracy(extractor, mirrored, *photos)))
        print(*rows[-1], flush=True)
    return ["features", "columns", "alpha", "accuracy on validation images", "on test images"], rows


def time_table(images, options):
    every = recipes(options)
    timed = {name: every[name][0] for name in ("HOG", "HOG + ColorGrid")} | {
        "ColorGrid()": ColorGrid(),
        'ColorGrid("hsv")': ColorGrid("hsv"),
        'ColorGrid("rgb")': ColorGrid("rgb"),
        "PatchFeatures()": patch_features(options),
        'PatchFeatures(encoding="triangle")': patch_features(options, encoding="triangle"),
        "PatchFeatures(patch_size=(8, 8), pooling=(3, 3))": patch_features(options, patch_size=(8, 8), pooling=(3, 3)),
    }
    images = images[: options.timed]
    sides = {name: (partial(each.fit(images).transform, images), len(images)) for name, each in timed.items()}
    costs = measure(sides, options.repeats)
    return ["features", "microseconds an image"], [(name, cost.cpu * 1e6) for name, cost in costs.items()]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timed", type=int, default=1000, help="images to time on")
    parser.add_argument("--repeats", type=int, default=5, help="turns of which the median counts")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about time or accuracy")
    options = parser.parse_args(arguments)
    name, *photos = color_photos()
    if options.quick:
        options.timed, options.repeats, photos = 10, 1, [part[:60] for part in photos]
    train_X, _, test_X, _ = photos
    tables = [
        ("Processor time on one core, 400 atoms", *time_table(test_X, options)),
        (
            f"{name}, {len(train_X):,} images to train and {len(test_X):,} to test on: accuracy of ridge",
            *accuracy_table(photos, options),
        ),
    ]
    print_tables(tables, options.rst, about=f"Medians of {options.repeats} turns.", packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
