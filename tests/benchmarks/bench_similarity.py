"""Neighbors: SimilarityIndex beside scikit-learn and faiss, and what find_duplicates finds of planted copies.

    python tests/benchmarks/bench_similarity.py --rst docs/benchmarks/similarity.rst.inc

Pixels and copies are of CIFAR-10 where SKIMGFEAT_DATA names its folder, else pieces of scikit-image's photos. Rows as
long as a network's features are made up: in 500 clusters near a plane of 64 axes; and noise, of which no few axes keep
anything.
"""

import argparse
import io
import time
import tracemalloc
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from _data import color_photos
from _tables import print_tables
from _timing import Cost, measure
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits

from skimgfeat import HOG, Flatten, Resize, SimilarityIndex, find_duplicates

_N_COLUMNS = 1280
_BATCH = 256
_K = 10


# --- Pixels


def pixel_table(train_X, train_y, test_X, test_y, options):
    """Classify by the nearest image, fit included; every side must give the labels of the first."""
    rows, queries = (images.reshape(len(images), -1) for images in (train_X, test_X))

    def scikit_learn(queries):
        # In float64: its path for float32 is slower.
        model = KNeighborsClassifier(1, algorithm="brute", n_jobs=options.threads)
        return model.fit(rows.astype(float), train_y).predict(queries.astype(float))

    def flat(queries):
        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(rows.astype(np.float32))
        return train_y[index.search(queries.astype(np.float32), 1)[1][:, 0]]

    def ours(queries):
        index = SimilarityIndex(1, n_jobs=options.threads).fit(rows)
        return train_y[index.kneighbors(queries, return_distance=False)[:, 0]]

    sides = {
        "KNeighborsClassifier, brute, float64": scikit_learn,
        "faiss, IndexFlatL2": flat,
        "SimilarityIndex": ours,
    }
    found, table = None, []
    for name, predict in sides.items():
        predict(queries[:50])
        cpu, wall = time.process_time(), time.perf_counter()
        labels = predict(queries)
        cost = Cost(time.process_time() - cpu, time.perf_counter() - wall)
        found = (labels, cost) if found is None else found
        n_other = np.count_nonzero(labels != found[0])
        ratios = found[1].cpu / cost.cpu, found[1].wall / cost.wall
        table.append((name, cost.wall, cost.cpu, *ratios, f"{np.mean(labels == test_y):.4f}", n_other))
    header = [
        "1-NN",
        "seconds",
        "processor time",
        "processor time, ratio",
        "seconds, ratio",
        "accuracy",
        "other labels",
    ]
    return header, table


# --- Made-up rows


def make_rows(n, kind, seed):
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.standard_normal((n, _N_COLUMNS), dtype=np.float32)
    axes = np.random.default_rng(99).standard_normal((64, _N_COLUMNS), dtype=np.float32)
    centers = np.random.default_rng(98).standard_normal((500, 64), dtype=np.float32)
    near = centers[random.integers(500, size=n)] + 0.7 * random.standard_normal((n, 64), dtype=np.float32)
    return near @ axes / 8 + 0.1 * random.standard_normal((n, _N_COLUMNS), dtype=np.float32)


def embedding_tables(options):
    costs, graph = [], []
    for kind in ("near a plane", "noise"):
        rows, queries = make_rows(options.rows, kind, 0), make_rows(_BATCH, kind, 1)
        theirs = NearestNeighbors(n_neighbors=_K, metric="cosine", algorithm="brute", n_jobs=options.threads).fit(rows)
        start = time.process_time()
        ours = SimilarityIndex(_K, "cosine", n_jobs=options.threads).fit(rows)
        fitting = time.process_time() - start
        _, indices = ours.kneighbors(queries)
        same = np.mean(indices == theirs.kneighbors(queries)[1])
        for count in (1, _BATCH):
            sides = {
                "scikit-learn": (partial(theirs.kneighbors, queries[:count]), count),
                "ours": (partial(ours.kneighbors, queries[:count]), count),
            }
            other, own = measure(sides, options.repeats).values()
            memory = peak_memory(sides["ours"][0])
            row = (other.wall * 1e3, own.wall * 1e3, other.wall / own.wall, other.cpu / own.cpu)
            costs.append((kind, count, *row, f"{same:.2%}", fitting, memory / 1e6))
        if kind == "near a plane":
            graph = graph_rows(rows[: options.graph_rows], queries, options)
    header = ["rows", "queries at once", "scikit-learn, ms a query", "skimgfeat, ms", "ratio", "processor time, ratio"]
    header += ["same neighbors", "fit, s of processor time", "memory of a call, MB"]
    return (header, costs), (["search", "build, s of processor time", f"recall at {_K}", "ms a query"], graph)


def peak_memory(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def graph_rows(rows, queries, options):
    """Time and recall on the graph, one query at a time."""
    exact = SimilarityIndex(_K, "cosine").fit(rows)
    expected = exact.kneighbors(queries, return_distance=False)
    (cost,) = measure({"exact": (partial(exact.kneighbors, queries[:1]), 1)}, options.repeats).values()
    table = [("exact", 0.0, "1.0000", cost.wall * 1e3)]
    start = time.process_time()
    index = SimilarityIndex(_K, "cosine", "hnsw", n_links=16, ef_construction=100, n_jobs=options.threads).fit(rows)
    building = time.process_time() - start
    for ef_search in (16, 64, 128, 512):
        index.set_params(ef_search=ef_search)
        found = index.kneighbors(queries, return_distance=False)
        recall = np.mean([len(set(one) & set(other)) / _K for one, other in zip(found, expected, strict=True)])
        (cost,) = measure({"graph": (partial(index.kneighbors, queries[:1]), 1)}, options.repeats).values()
        table.append((f"hnsw, ef_search={ef_search}", building, f"{recall:.4f}", cost.wall * 1e3))
    return table


# --- Copies


def plant(images, n_copies, seed=0):
    """Return images with copies behind them, and the pairs: equal, JPEG of quality 75, shifted by a pixel, in turn."""
    random = np.random.default_rng(seed)
    sources = random.permutation(len(images))[:n_copies]
    ways = (lambda image: image, compress, lambda image: shift(image, random.integers(4)))
    copies = [ways[place % 3](images[source]) for place, source in enumerate(sources)]
    pairs = {(int(source), len(images) + place) for place, source in enumerate(sources)}
    return np.concatenate([images, copies]), pairs


def compress(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=75)
    return np.asarray(Image.open(buffer))


def shift(image, direction):
    """Shift by a pixel to one of four sides; the edge is repeated."""
    rows, cols = image.shape[:2]
    down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[direction]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[1 + down : 1 + down + rows, 1 + right : 1 + right + cols]


def copies_table(images, options):
    images, planted = plant(images[: options.images - options.copies], options.copies)
    hog = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2), signed=True, interpolate=True)
    small = Resize((8, 8)).fit_transform(images).reshape(len(images), -1)
    ways = [
        ("pixels", "euclidean", Flatten().fit_transform(images), (0, 300, 600)),
        ("pixels at 8 x 8", "euclidean", small, (50, 100, 150)),
        ("signed, interpolated HOG", "cosine", hog.fit_transform(images), (0.005, 0.01, 0.02, 0.03)),
    ]
    table = []
    for name, metric, rows, thresholds in ways:
        for threshold in thresholds:
            found = {tuple(pair) for pair in find_duplicates(rows, metric=metric, threshold=threshold).pairs.tolist()}
            right = len(found & planted)
            precision = right / len(found) if found else 1.0
            row = (f"{threshold:g}", len(found), f"{right / len(planted):.3f}", f"{precision:.3f}")
            table.append((name, metric, *row))
    return ["features", "metric", "threshold", "pairs found", "recall", "precision"], table


def audit_table(train_X, test_X):
    hog = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2), signed=True, interpolate=True)
    rows, queries = hog.fit_transform(train_X), hog.transform(test_X)
    table = []
    for threshold in (0.005, 0.01, 0.02, 0.03):
        pairs = find_duplicates(rows, queries, metric="cosine", threshold=threshold).pairs
        table.append((f"{threshold:g}", len(pairs), *(len(np.unique(side)) for side in pairs.T)))
    return ["threshold", "pairs", "training images", "test images"], table


def make_tables(name, train_X, train_y, test_X, test_y, options):
    asked_X, asked_y = test_X[: options.queries], test_y[: options.queries]
    embeddings, graph = embedding_tables(options)
    return [
        (
            f"Nearest image by raw pixels, {name}: {len(train_X):,} to fit, {len(asked_X):,} to classify, one run",
            *pixel_table(train_X, train_y, asked_X, asked_y, options),
        ),
        (f"{_K} nearest of {options.rows:,} x {_N_COLUMNS:,} float32 by cosine", *embeddings),
        (f"The graph over {options.graph_rows:,} of the rows near a plane, one query at a time", *graph),
        (f"{options.copies} copies planted among {options.images:,} images of {name}", *copies_table(train_X, options)),
        (f"{name}: training images beside test images, signed and interpolated HOG", *audit_table(train_X, test_X)),
    ]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=10_000, help="images to classify by their pixels")
    parser.add_argument("--rows", type=int, default=100_000, help="made-up rows to search")
    parser.add_argument("--graph-rows", type=int, default=100_000, help="how many of them make a graph")
    parser.add_argument("--images", type=int, default=10_000, help="images, copies included")
    parser.add_argument("--copies", type=int, default=200, help="copies planted among them")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads of either side")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    name, train_X, train_y, test_X, test_y = color_photos()
    if options.quick:
        options.rows = options.graph_rows = 1000
        options.images, options.copies, options.repeats = 300, 20, 1
        train_X, train_y, test_X, test_y = train_X[:400], train_y[:400], test_X[:100], test_y[:100]
    with threadpool_limits(options.threads):
        tables = make_tables(name, train_X, train_y, test_X, test_y, options)
    about = f"Either side on as many threads: {options.threads}."
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-learn", "faiss-cpu"))


if __name__ == "__main__":
    main()
