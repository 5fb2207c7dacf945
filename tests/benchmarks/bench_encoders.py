"""The encoders against a loop over images of NumPy, scikit-learn and scikit-image, in one process.

python tests/benchmarks/bench_encoders.py --rst docs/benchmarks/encoders.rst.inc
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from _data import sift_descriptors
from _tables import print_tables
from _timing import measure
from skimage.feature import fisher_vector
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skimgfeat import VLAD, BagOfVisualWords, FisherVector, QuantizedPCA


def encoders(options):
    words, vlad_words, components = (8, 4, 2) if options.quick else (256, 64, 32)
    return {
        f"BagOfVisualWords, {words} words": BagOfVisualWords(words, use_idf=False, norm="l1", random_state=0),
        f"VLAD, {vlad_words} words": VLAD(vlad_words, random_state=0),
        f"FisherVector, {components} components": FisherVector(components, max_iter=500, random_state=0),
    }


def frequencies(bag, image):
    words = bag.kmeans_.predict(image.astype(np.float32))
    return np.bincount(words, minlength=bag.n_words) / len(image)


def vlad(encoder, image):
    """A sum for each word, as everyone writes it, but for the rounding of words in the middle of their descriptors."""
    kmeans, image = encoder.kmeans_, image.astype(np.float32)
    words = kmeans.predict(image)
    sums = np.zeros(kmeans.cluster_centers_.shape)
    for word in np.unique(words):
        total = (image[words == word].astype(float) - kmeans.cluster_centers_[word]).sum(axis=0)
        if np.abs(total).max() > 1e-2:
            sums[word] = total
    sums = np.sign(sums) * np.sqrt(np.abs(sums))
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return sums.ravel() / np.linalg.norm(sums)


def improved_fisher_vector(encoder, image):
    """scikit-image's plain vector, less its weights, with the sign of the deviations turned."""
    row = fisher_vector(image.astype(float), encoder.mixture_)[encoder.n_components :]
    row[row.size // 2 :] *= -1
    row = np.sign(row) * np.sqrt(np.abs(row))
    return row / np.linalg.norm(row)


_LOOPS = {BagOfVisualWords: frequencies, VLAD: vlad, FisherVector: improved_fisher_vector}


def compare_rates(encoder, images, options):
    """Return descriptors a second in the loop, on one thread and on several, by the clock, and the ratios."""
    one = clone(encoder).set_params(n_jobs=1, max_samples=options.max_samples).fit(images)
    several = clone(one).set_params(n_jobs=options.threads).fit(images)
    function = partial(_LOOPS[type(encoder)], one)
    expected = [function(image) for image in images]
    differs = np.abs(one.transform(images) - expected).max(axis=1) > 1e-5
    # A descriptor midway between two words goes to either, by rounding.
    assert differs.mean() <= 0.05
    count = sum(map(len, images))
    sides = {
        "loop": (lambda: [function(image) for image in images], count),
        "one": (lambda: one.transform(images), count),
        "several": (lambda: several.transform(images), count),
    }
    loop, one_cost, several_cost = measure(sides, options.repeats).values()
    rates = [float(round(1 / cost.wall, -3)) for cost in (loop, one_cost, several_cost)]
    return *rates, loop.cpu / one_cost.cpu, one_cost.wall / several_cost.wall


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descriptors", type=int, default=100_000, help="number of descriptors, all images together")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000], help="descriptors an image")
    parser.add_argument("--max-samples", type=int, default=10_000, help="descriptors to learn from")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads beside one")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.descriptors, options.max_samples, options.repeats = 600, 600, 1
    return options


def main(arguments=None):
    options = parse_options(arguments)
    descriptors = sift_descriptors(options.descriptors)
    header = ["encoder", "loop", "1 thread", f"{options.threads} threads", "ratio, 1 thread", "threads over 1"]
    tables = []
    sets = {"128 columns, SIFT": descriptors, "64 columns, QuantizedPCA": QuantizedPCA(64).fit_transform(descriptors)}
    # Both sides on one thread of BLAS.
    with threadpool_limits(1, user_api="blas"):
        for columns, rows in sets.items():
            for count in options.counts:
                images = np.split(rows, range(count, len(rows), count))
                table = [
                    (name, *compare_rates(encoder, images, options)) for name, encoder in encoders(options).items()
                ]
                tables.append((f"{len(images):,} images of {count} descriptors of {columns}", header, table))
    about = (
        f"Descriptors a second by the clock, medians of {options.repeats} turns; the ratio is that of processor time."
    )
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-image", "scikit-learn"))


if __name__ == "__main__":
    main()
