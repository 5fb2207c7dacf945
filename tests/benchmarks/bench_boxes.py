"""Boxes: metadata of the size of Open Images, crops beside a loop over scikit-image, and what their features are worth.

    python tests/benchmarks/bench_boxes.py --rst docs/benchmarks/boxes.rst.inc

Crops and classifiers run on the blood cells that SKIMGFEAT_DATA names; without it, squares in made-up photos only show
that this file runs. At full size the metadata take 1.4 GB in --folder.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from _data import data_folder
from _tables import print_tables
from _timing import measure
from PIL import Image
from pyarrow import csv
from skimage.transform import resize
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from skimgfeat import HOG, BBoxCrop, ColorHistogram, Resize
from skimgfeat.datasets import OpenImages

_OPEN_IMAGES_BOXES = 14_610_229
_OPEN_IMAGES_PHOTOS = 1_743_042
_N_CLASSES = 601
_ROWS_AT_A_TIME = 1_000_000
_CELLS = ["RBC", "WBC", "Platelets"]
_CORNERS = ["x_min", "y_min", "x_max", "y_max"]
_CROP_SIZE = (128, 128)
# A process of its own, whose peak of memory is that of the selection.
_SELECT = """
import resource, sys, time
from skimgfeat.datasets import OpenImages
start = time.perf_counter()
boxes = OpenImages(sys.argv[1]).boxes(["Class 3", "Class 50", "Class 400"])
seconds = time.perf_counter() - start
print(len(boxes), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


# --- Metadata


def write_metadata(folder, n_boxes, n_photos):
    """Write metadata as Open Images publishes them, of made-up boxes; classes are as unequal as there."""
    rng = np.random.default_rng(0)
    names = "".join(f"/m/{number:06d},Class {number}\n" for number in range(_N_CLASSES))
    (folder / "class-descriptions-boxable.csv").write_text(names, encoding="utf-8")
    photos = np.char.add("f", np.char.zfill(np.arange(n_photos).astype(str), 15))
    urls = np.char.add(np.char.add("https://c1.staticflickr.com/1/234/", photos), "_0123456789_o.jpg")
    columns = {"ImageID": photos, "Subset": ["train"] * n_photos, "OriginalURL": urls}
    columns["Rotation"] = rng.choice([0.0, 90.0, 180.0, 270.0], n_photos, p=[0.97, 0.01, 0.01, 0.01])
    csv.write_csv(pa.table(columns), folder / "train-images-boxable-with-rotation.csv")
    labels = pa.array([f"/m/{number:06d}" for number in range(_N_CLASSES)])
    writer = None
    for start in range(0, n_boxes, _ROWS_AT_A_TIME):
        count = min(_ROWS_AT_A_TIME, n_boxes - start)
        table = make_boxes(rng, pa.array(photos), labels, start, count, n_boxes)
        if writer is None:
            writer = csv.CSVWriter(folder / "train-annotations-bbox.csv", table.schema)
        writer.write_table(table)
    writer.close()


def make_boxes(rng, photos, labels, start, count, n_boxes):
    places = np.arange(start, start + count) * len(photos) // n_boxes
    low, side = rng.random((2, count)).round(6) * 0.5, rng.random((2, count)).round(6) * 0.4 + 0.05
    columns = {
        "ImageID": photos.take(pa.array(places)),
        "Source": pa.array(["xclick"]).take(pa.array(np.zeros(count, dtype=int))),
        "LabelName": labels.take(pa.array((rng.random(count) ** 3 * len(labels)).astype(int))),
        "Confidence": np.ones(count, dtype=int),
    }
    for axis, name in enumerate("XY"):
        columns |= {f"{name}Min": low[axis], f"{name}Max": low[axis] + side[axis]}
    for name in ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside"):
        columns[name] = rng.choice([-1, 0, 1], count, p=[0.001, 0.899, 0.1])
    return pa.table(columns)


def metadata_table(folder, n_boxes, n_photos):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        write_metadata(Path(place), n_boxes, n_photos)
        gigabytes = sum(path.stat().st_size for path in Path(place).iterdir()) / 1e9
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _SELECT, place], check=True, capture_output=True, text=True)
        whole = time.perf_counter() - start
    n_selected, seconds, kilobytes = done.stdout.split()
    header = ["boxes", "photos", "files, GB", "boxes of 3 classes", "seconds", "with imports", "peak memory, GB"]
    row = (n_boxes, n_photos, f"{gigabytes:.2f}", int(n_selected), float(seconds), whole, f"{int(kilobytes) / 1e6:.2f}")
    return header, [row]


# --- Crops


def load_boxes(folder):
    """Return the folder of photos, and tables of boxes by name: of blood cells and of raccoons, or of squares."""
    data = data_folder()
    if data is None:
        return folder, {"made-up squares": make_squares(folder, n_photos=10)}
    metadata = OpenImages(data / "boxes" / "metadata")
    tables = {"blood cells": metadata.boxes(_CELLS), "raccoons": metadata.boxes(["Raccoon"])}
    return data / "boxes" / "images", tables


def make_squares(folder, n_photos):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_photos):
        photo = rng.integers(0, 60, (120, 160, 3), dtype=np.uint8)
        for place in range(6):
            top, left, side = 60 * (place // 3), 50 * (place % 3), 30 + rng.integers(10)
            photo[top : top + side, left : left + side, place % 3] += 150
            corners = (left / 160, top / 120, (left + side) / 160, (top + side) / 120)
            rows.append((f"{number}.png", str(number), _CELLS[place % 3], *corners))
        Image.fromarray(photo).save(folder / f"{number}.png")
    return pd.DataFrame(rows, columns=["path", "group", "label", *_CORNERS])


def crop_loop(boxes, folder):
    """The source's loop, its axes put right, without the noise of floats: a photo is read for each box."""
    crops = []
    for path, *corners in boxes[["path", *_CORNERS]].itertuples(index=False):
        photo = Image.open(folder / path)
        photo = np.asarray(photo if photo.mode == "RGB" else photo.convert("RGB"), dtype="int32")
        (x_min, y_min, x_max, y_max), (rows, cols) = corners, photo.shape[:2]
        top, bottom = int(np.floor(round(y_min * rows, 6))), int(np.ceil(round(y_max * rows, 6)))
        left, right = int(np.floor(round(x_min * cols, 6))), int(np.ceil(round(x_max * cols, 6)))
        crop = photo[top:bottom, left:right]
        resized = resize(crop, _CROP_SIZE, anti_aliasing=True, mode="reflect", preserve_range=True)
        crops.append(np.round(resized).astype(np.uint8))
    return np.stack(crops)


def crop_table(boxes, folder, repeats, sample):
    steps = {
        "exact": make_pipeline(BBoxCrop(root=folder), Resize(_CROP_SIZE, "exact")),
        "fast": make_pipeline(BBoxCrop(root=folder), Resize(_CROP_SIZE, "fast")),
        "fast, with draft": make_pipeline(BBoxCrop(root=folder, draft=_CROP_SIZE), Resize(_CROP_SIZE, "fast")),
    }
    paths = boxes["path"].unique()
    part = boxes[boxes["path"].isin(paths[:: max(1, len(paths) // sample)])]
    expected = crop_loop(part, folder).astype(int)
    sides = {"loop": (lambda: crop_loop(part, folder), len(part))}
    for name, pipeline in steps.items():
        sides[name] = (lambda pipeline=pipeline: np.asarray(pipeline.fit_transform(part)), len(part))
    costs = measure(sides, repeats)
    loop = costs.pop("loop")
    rows = []
    for name, cost in costs.items():
        differences = np.abs(sides[name][0]().astype(int) - expected)
        rows.append((name, loop.cpu * 1e3, cost.cpu * 1e3, loop.cpu / cost.cpu, differences.max(), differences.mean()))
    header = ["Resize after BBoxCrop", "loop, ms", "skimgfeat, ms", "ratio", "largest difference, levels", "mean"]
    return len(part), header, rows


# --- Classifiers


def classifiers():
    return (
        LinearSVC(C=0.1, dual=False),
        KNeighborsClassifier(weights="distance"),
        RandomForestClassifier(class_weight="balanced_subsample", min_samples_leaf=3, random_state=0),
    )


def classifier_table(boxes, folder, n_jobs):
    hog = HOG(orientations=8, cells_per_block=(2, 2), signed=True, interpolate=True)
    colors = ColorHistogram("lab", bins=16, joint=False)
    sets = {"HOG": ("hog", hog), "HOG + ColorHistogram": ("featureunion__hog", make_union(hog, colors))}
    rows = []
    for features, (step, extractor) in sets.items():
        for classifier in classifiers():
            pipeline = make_pipeline(BBoxCrop(root=folder), Resize((64, 64)), extractor, classifier)
            grid = {f"{step}__pixels_per_cell": [(8, 8), (16, 16)]}
            search = GridSearchCV(pipeline, grid, cv=GroupKFold(5), scoring="f1_macro", n_jobs=n_jobs, refit=False)
            search.fit(boxes, boxes["label"], groups=boxes["group"])
            deviation = search.cv_results_["std_test_score"][search.best_index_]
            side = search.best_params_[f"{step}__pixels_per_cell"][0]
            name = type(classifier).__name__
            rows.append((features, name, f"{side} x {side}", f"{search.best_score_:.4f}", f"{deviation:.4f}"))
    return ["features", "classifier", "cells", "macro F1", "standard deviation"], rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=_OPEN_IMAGES_BOXES, help="number of boxes in the metadata")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side, of which the median counts")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the search")
    parser.add_argument("--folder", type=Path, help="a folder on disk for files; default: the system's for such")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed or accuracy")
    options = parser.parse_args(arguments)
    if options.quick:
        options.boxes, options.repeats, options.jobs = 5_000, 1, 1
    n_photos = max(1, options.boxes * _OPEN_IMAGES_PHOTOS // _OPEN_IMAGES_BOXES)
    metadata = metadata_table(options.folder, options.boxes, n_photos)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder, boxes_by_name = load_boxes(Path(place))
        crops = [
            (name, *crop_table(boxes, folder, options.repeats, sample=3 if options.quick else 60))
            for name, boxes in boxes_by_name.items()
        ]
        name, boxes = next(iter(boxes_by_name.items()))
        scores = classifier_table(boxes, folder, options.jobs)
    photos = f"{len(boxes):,} boxes in {boxes['path'].nunique():,} photos of {name}"
    tables = [
        ("OpenImages(folder).boxes() of made-up metadata: 3 of 601 classes", *metadata),
        *(
            (f"{n_crops:,} {what} cut out and brought to 128 x 128 pixels, one thread: processor time of a crop", *crop)
            for what, n_crops, *crop in crops
        ),
        (f"{photos}: macro F1 over 5 folds by photo, the better of two sizes of cells", *scores),
    ]
    packages = ("numpy", "pandas", "pyarrow", "scikit-image", "scikit-learn")
    print_tables(
        tables, options.rst, about="Peak memory is that of a process of its own, imports included.", packages=packages
    )


if __name__ == "__main__":
    main()
