"""What the features are worth: accuracies on MNIST's test set and on CIFAR-10.

    python tests/benchmarks/bench_accuracy.py --rst docs/benchmarks/accuracy.rst.inc

Both need the real data that SKIMGFEAT_DATA names; without it, stand-ins only show that this file runs.
"""

import argparse
from pathlib import Path

import numpy as np
from _data import color_photos, handwritten_digits
from _tables import print_tables
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC

from skimgfeat import HOG, HandcraftedFeatures

_FINE = {"pixels_per_cell": (4, 4), "cells_per_block": (2, 2)}
_HOGS = {
    "HOG()": HOG(),
    "HOG(interpolate=True)": HOG(interpolate=True),
    "4 x 4 cells, 2 x 2 blocks": HOG(**_FINE),
    "4 x 4 cells, 2 x 2 blocks, interpolate": HOG(**_FINE, interpolate=True),
    "4 x 4 cells, 2 x 2 blocks, 16 signed orientations, interpolate": HOG(
        **_FINE, orientations=16, signed=True, interpolate=True
    ),
}


def ridge():
    """The linear classifier for every HOG, the same for all."""
    return RidgeClassifier(alpha=10)


def handcrafted_classifiers():
    return {
        "MinMaxScaler, LinearSVC(C=0.1)": make_pipeline(MinMaxScaler(), LinearSVC(C=0.1, random_state=0)),
        "RandomForestClassifier()": RandomForestClassifier(random_state=0),
    }


def cross_validate(classifier, rows, target):
    scores = cross_val_score(classifier, rows, target, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    return f"{scores.mean():.4f}", f"{scores.std():.4f}"


def digit_table(images, target):
    rows = []
    features = HandcraftedFeatures().fit_transform(images)
    for name, classifier in handcrafted_classifiers().items():
        rows.append(("HandcraftedFeatures()", features.shape[1], name, *cross_validate(classifier, features, target)))
    for name, hog in _HOGS.items():
        features = hog.fit_transform(images)
        accuracy = cross_validate(ridge(), features, target)
        rows.append((name, features.shape[1], "RidgeClassifier(alpha=10)", *accuracy))
    return ["features", "columns", "classifier", "accuracy", "standard deviation"], rows


def photo_table(train_images, train_target, test_images, test_target):
    rows = []
    for name, hog in _HOGS.items():
        features = hog.fit_transform(train_images)
        accuracy = ridge().fit(features, train_target).score(hog.transform(test_images), test_target)
        rows.append((name, features.shape[1], f"{accuracy:.4f}"))
    return ["features", "columns", "accuracy"], rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="a few images only, which says nothing about accuracy")
    options = parser.parse_args(arguments)
    digits_name, images, target = handwritten_digits()
    photos_name, *photos = color_photos()
    if options.quick:
        images, target = images[:100], target[:100]
        photos = [part[:60] for part in photos]
    caption = f"{digits_name}, {len(images):,} images: mean accuracy and standard deviation over 5 folds"
    photo_caption = (
        f"{photos_name}, RGB, {len(photos[0]):,} images to train and {len(photos[2]):,} to test on: "
        "test accuracy of RidgeClassifier(alpha=10)"
    )
    tables = [
        (caption, *digit_table(images, np.asarray(target))),
        (photo_caption, *photo_table(*photos)),
    ]
    print_tables(tables, options.rst, about="Classifiers as named.", packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
