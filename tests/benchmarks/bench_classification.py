"""Accuracy of descriptors, codec and encoders in scikit-learn's pipelines, beside HOG.

    python tests/benchmarks/bench_classification.py --rst docs/benchmarks/classification.rst.inc

CIFAR-10 with dense SIFT, enlarged to 64 x 64, the number of components searched by GridSearchCV. Boxes cut out of
photos of raccoons and micrographs of blood, 4 classes, enlarged to 160 pixels across, with SIFT at keypoints of which
the best are kept in different ways; folds by the photo that a box is cut from. Without SKIMGFEAT_DATA, pieces of
scikit-image's photos.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
from _data import color_photos, data_folder, photo_tiles
from _tables import print_tables
from PIL import Image
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skimgfeat import HOG, SIFT, VLAD, BagOfVisualWords, DescriptorCodec, FisherVector, Resize
from skimgfeat.io import decode_image

_RANKINGS = ("response_size", "response", "size")
_ACROSS = 160


def ways(options):
    """Return encoder and classifier, by name."""
    words, few, components = (8, 4, 2) if options.quick else (256, 64, 16)
    shared = {"max_samples": 20_000, "random_state": 0}
    return {
        "VLAD + LinearSVC": (VLAD(few, **shared), LinearSVC()),
        "BagOfVisualWords + RandomForest": (
            BagOfVisualWords(words, **shared),
            RandomForestClassifier(200, random_state=0),
        ),
        # By the angle: rows are unit vectors, or zeros, which would be everyone's nearest neighbor.
        "FisherVector + kNN": (FisherVector(components, **shared), KNeighborsClassifier(10, metric="cosine")),
    }


def grid_rows(options):
    """Yield accuracies on images not trained on, the codec's components searched by cross-validation."""
    _, train_X, train_y, test_X, test_y = color_photos()
    train_X, train_y, test_X, test_y = (part[: options.images] for part in (train_X, train_y, test_X, test_y))
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    for name, (encoder, classifier) in ways(options).items():
        codec = DescriptorCodec(max_descriptors=None, random_state=0)
        model = make_pipeline(Resize((64, 64)), SIFT(dense_step=6, root=True), codec, encoder, classifier)
        grid = {"descriptorcodec__n_components": [32, 64]}
        search = GridSearchCV(model, grid, cv=folds, error_score="raise").fit(train_X, train_y)
        hog = make_pipeline(HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)), clone(classifier))
        found = search.score(test_X, test_y)
        beside = hog.fit(train_X, train_y).score(test_X, test_y)
        components = search.best_params_["descriptorcodec__n_components"]
        yield f"RootSIFT, codec, {name}", components, *(f"{score:.3f}" for score in (found, search.best_score_, beside))


def load_boxes(options):
    """Return pieces of images, their classes, and the image that each is cut from."""
    folder = data_folder()
    if folder is None or options.quick:
        images, source = photo_tiles(64, options.boxes)
        return list(images), source, np.arange(len(images))
    random = np.random.default_rng(0)
    with open(folder / "boxes/metadata/train-annotations-bbox.csv", encoding="utf-8", newline="") as file:
        boxes = list(csv.DictReader(file))
    labels = np.array([box["LabelName"] for box in boxes])
    chosen = [random.permutation(np.flatnonzero(labels == label))[: options.boxes // 4] for label in np.unique(labels)]
    pieces, y, groups = [], [], []
    for box in (boxes[index] for index in np.sort(np.concatenate(chosen))):
        (path,) = (folder / "boxes/images").glob(f"{box['ImageID']}.*")
        image = np.asarray(Image.fromarray(decode_image(path.read_bytes())).convert("RGB"))
        rows, cols = image.shape[:2]
        x_min, x_max = (int(float(box[name]) * cols) for name in ("XMin", "XMax"))
        y_min, y_max = (int(float(box[name]) * rows) for name in ("YMin", "YMax"))
        piece = image[y_min:y_max, x_min:x_max]
        if min(piece.shape[:2]) < 8:
            continue
        pieces.append(cv2.resize(piece, (_ACROSS, _ACROSS), interpolation=cv2.INTER_CUBIC))
        y.append(box["LabelName"])
        groups.append(box["ImageID"])
    return pieces, np.array(y), np.array(groups)


def ranking_rows(options):
    """Yield accuracies with the best descriptors by each ranking, and by the norm."""
    pieces, y, groups = load_boxes(options)
    folds = GroupKFold(5)

    def score(X, model):
        return f"{cross_val_score(model, X, y, groups=groups, cv=folds, error_score='raise').mean():.3f}"

    hog = make_pipeline(Resize((32, 32)), HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)))
    # SIFT learns nothing: its descriptors are the same in every fold.
    described = {rank_by: SIFT(contrast_threshold=0.01, rank_by=rank_by).fit_transform(pieces) for rank_by in _RANKINGS}
    for name, (encoder, classifier) in ways(options).items():
        beside = score(pieces, make_pipeline(hog, clone(classifier)))
        for count in options.kept:
            row = [name, count]
            for way in (*_RANKINGS, "norm"):
                codec = DescriptorCodec(
                    max_descriptors=count, select_by="norm" if way == "norm" else "rank", random_state=0
                )
                descriptors = described.get(way, described["response"])
                row.append(score(descriptors, make_pipeline(codec, clone(encoder), clone(classifier))))
            yield *row, beside


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="images of CIFAR-10 to train on, and to test on")
    parser.add_argument("--boxes", type=int, default=800, help="boxes, of all classes together")
    parser.add_argument("--kept", type=int, nargs="+", default=[25, 100], help="descriptors kept of a box")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about accuracy")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.boxes, options.kept = 60, 42, [10]
    header = [
        "model",
        "components chosen",
        "accuracy on test images",
        "in cross-validation",
        "HOG + the same classifier",
    ]
    tables = [
        ("CIFAR-10, dense SIFT", header, list(grid_rows(options))),
        (
            "Boxes of four classes: mean accuracy of 5 folds, descriptors kept by ...",
            ["model", "kept", *_RANKINGS, "norm", "HOG + the same classifier"],
            list(ranking_rows(options)),
        ),
    ]
    about = f"{options.images:,} images to train on and as many to test on; {options.boxes} boxes."
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
