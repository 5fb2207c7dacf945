"""Linear classifiers on HOG of color photos: accuracy, and processor time of fitting.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_linear.py --rst docs/benchmarks/linear.rst.inc

CIFAR-10 where SKIMGFEAT_DATA names its folder. ``LinearSVC()`` itself takes two to eight minutes there: name it
by --svc. ``squared hinge`` is its objective, minimized for all classes at once by L-BFGS.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from _data import color_photos
from _tables import print_tables
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.svm import LinearSVC

from skimgfeat import HOG


class SquaredHinge:
    """What LinearSVC(C=1) minimizes: half the squared norm of the weights, and the squared hinge losses."""

    def fit(self, X, y):
        X = np.column_stack([X, np.ones(len(X), X.dtype)])
        self.classes = np.unique(y)
        signs = np.where(y[:, None] == self.classes, 1, -1).astype(X.dtype)

        def loss(flat):
            weights = flat.reshape(X.shape[1], -1)
            hinge = np.maximum(1 - signs * (X @ weights.astype(X.dtype)), 0)
            gradient = weights - 2 * (X.T @ (signs * hinge))
            return flat @ flat / 2 + np.square(hinge, dtype=np.float64).sum(), gradient.ravel()

        start = np.zeros(X.shape[1] * signs.shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-6})
        self.weights = found.x.reshape(X.shape[1], -1)
        return self

    def score(self, X, y):
        scores = X @ self.weights[:-1] + self.weights[-1]
        return float((self.classes[scores.argmax(axis=1)] == y).mean())


def sides(options):
    """Return classifiers by name."""
    svc = {"LinearSVC()": LinearSVC()} if options.svc or options.quick else {}
    return svc | {
        "squared hinge by L-BFGS": SquaredHinge(),
        "LogisticRegression()": LogisticRegression(max_iter=1000),
        'SGDClassifier("squared_hinge", average=True)': SGDClassifier(
            "squared_hinge", alpha=1 / 50_000, average=True, max_iter=20, tol=None, random_state=0
        ),
        "RidgeClassifier()": RidgeClassifier(),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svc", action="store_true", help="LinearSVC() too")
    parser.add_argument("--rst", type=Path, help="also write the table to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="a few images only, which says nothing")
    options = parser.parse_args(arguments)
    name, train_X, train_y, test_X, test_y = color_photos()
    if options.quick:
        train_X, train_y, test_X, test_y = (part[:100] for part in (train_X, train_y, test_X, test_y))
    hog = HOG().fit(train_X)
    train_rows, test_rows = hog.transform(train_X), hog.transform(test_X)
    rows = []
    for title, classifier in sides(options).items():
        start = time.process_time()
        classifier.fit(train_rows, train_y)
        rows.append((title, time.process_time() - start, f"{classifier.score(test_rows, test_y):.4f}"))
    caption = f"{name}, {len(train_X):,} rows of HOG(), {train_rows.shape[1]} columns, {len(test_X):,} to test on"
    header = ["classifier", "processor seconds to fit", "test accuracy"]
    print_tables([(caption, header, rows)], options.rst, about="One run.", packages=("numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
