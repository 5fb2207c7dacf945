"""QuantizedPCA and DescriptorCodec against IncrementalPCA and what the notebook writes around it; SIFT on threads.

    python tests/benchmarks/bench_codec.py --rst docs/benchmarks/codec.rst.inc

OPENBLAS_NUM_THREADS=1 in the environment keeps both sides to one thread.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from _data import photo_tiles, sift_descriptors
from _tables import print_tables
from _timing import measure
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA

from skimgfeat import SIFT, DescriptorCodec, QuantizedPCA
from skimgfeat.descriptors._moments import Moments, principal_components

_BATCH_ROWS = 2000
_IMAGE_ROWS = 1800
_QUANTILE_RANGE = (0.1, 99.9)
_MARGIN = 0.01


def fit_incremental(rows, n_components):
    """The notebook's components."""
    pca = IncrementalPCA(n_components)
    for start in range(0, len(rows), _BATCH_ROWS):
        batch = rows[start : start + _BATCH_ROWS]
        if len(batch) >= n_components:
            pca.partial_fit(batch.astype(np.float32))
    return pca


def fit_scale(pca, rows):
    """The notebook's scale: percentiles of each image's rows, the lowest and the highest of them, and a margin."""
    images = [rows[start : start + _IMAGE_ROWS] for start in range(0, len(rows), _IMAGE_ROWS)]
    projected = [pca.transform(image.astype(np.float32)) for image in images]
    low, high = (
        np.vstack([np.percentile(image, percentage, axis=0) for image in projected]) for percentage in _QUANTILE_RANGE
    )
    low, high = low.min(axis=0), high.max(axis=0)
    margin = (high - low) * _MARGIN
    return (low - margin).astype(np.float32), (high + margin).astype(np.float32)


def quantize(projected, low, high):
    """The notebook's codes."""
    span = high - low
    scaled = (projected - low[np.newaxis]) / np.where(span == 0, 1, span)[np.newaxis]
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def fit_moments(rows, n_components):
    """The components of QuantizedPCA alone, its first pass."""
    moments = Moments(rows.shape[1])
    for start in range(0, len(rows), _BATCH_ROWS):
        moments.update(rows[start : start + _BATCH_ROWS])
    return principal_components(moments)[0][:n_components]


def component_rows(rows, n_components, repeats):
    """Compare the components alone, and say how far both are from those of the exact covariance."""
    exact = PCA(n_components, svd_solver="covariance_eigh").fit(rows.astype(float)).components_
    worst = np.abs(fit_moments(rows, n_components) - exact).max()
    cosine = np.abs((fit_incremental(rows, n_components).components_ * exact).sum(axis=1)).min()
    for dtype in (np.uint8, np.float32):
        typed = rows.astype(dtype)
        sides = {
            "incremental": (partial(fit_incremental, typed, n_components), len(rows)),
            "moments": (partial(fit_moments, typed, n_components), len(rows)),
        }
        incremental, moments = measure(sides, repeats).values()
        what = f"components, {len(rows):,} rows of {np.dtype(dtype)}"
        yield *cost_row(what, incremental, moments), f"{worst:.0e}", f"{cosine:.2f}"


def codec_rows(rows, n_components, repeats):
    """Compare the whole fit, and the codes of one image's descriptors."""
    pca = fit_incremental(rows, n_components)
    scale = fit_scale(pca, rows)
    ours = QuantizedPCA(n_components, _QUANTILE_RANGE, _MARGIN).fit(rows)
    image = rows[:_IMAGE_ROWS]

    def fit_both():
        fit_scale(fit_incremental(rows, n_components), rows)

    sides = {"notebook": (fit_both, len(rows)), "ours": (partial(ours.fit, rows), len(rows))}
    yield cost_row(f"fit, {len(rows):,} rows", *measure(sides, repeats).values())
    sides = {
        "notebook": (lambda: quantize(pca.transform(image.astype(np.float32)).astype(np.float32), *scale), len(image)),
        "ours": (partial(ours.transform, image), len(image)),
    }
    yield cost_row(f"codes of {len(image):,} rows", *measure(sides, 20 * repeats).values())


def notebook_codes(pca, low, high, rows):
    """The notebook's selection, projection and codes of one image."""
    projected = pca.transform(rows.astype(np.float32))
    norms = np.linalg.norm(projected, axis=1)
    count = min(_IMAGE_ROWS, len(norms))
    index = np.argsort(norms)[-count:]
    index = index[np.argsort(norms[index])[::-1]]
    return quantize(projected[index].astype(np.float32), low, high)


def selection_rows(rows, n_components, repeats):
    """Compare select, project and quantize, of images of one size each."""
    pca = fit_incremental(rows, n_components)
    scale = fit_scale(pca, rows)
    for count in (4000, 7000):
        images = [rows[start : start + count] for start in range(0, min(len(rows), 4 * count), count)]
        for select_by in ("norm", "rank"):
            codec = DescriptorCodec(n_components, select_by=select_by, random_state=0).fit(images)
            sides = {
                "notebook": (
                    lambda images=images: [notebook_codes(pca, *scale, image) for image in images],
                    len(images),
                ),
                "ours": (partial(codec.transform, images), len(images)),
            }
            what = f"{count:,} to {_IMAGE_ROWS:,} descriptors, {select_by}"
            yield cost_row(what, *measure(sides, 4 * repeats).values())


def thread_rows(n_images, repeats):
    """Compare SIFT on one thread and on two, by the clock; and what two threads cost of processor time."""
    images = list(photo_tiles(512 if n_images > 2 else 100, n_images)[0])
    for name, sift in {"SIFT()": SIFT(), "SIFT(n_features=1800)": SIFT(n_features=1800)}.items():
        steps = {n_jobs: clone(sift).set_params(n_jobs=n_jobs).fit(images) for n_jobs in (1, 2)}
        sides = {n_jobs: (partial(step.transform, images), len(images)) for n_jobs, step in steps.items()}
        costs = measure(sides, repeats)
        one, two = costs.values()
        yield name, one.wall * 1e3, two.wall * 1e3, one.wall / two.wall, two.cpu / one.cpu


def cost_row(what, other, ours):
    return what, other.cpu * 1e6, ours.cpu * 1e6, other.cpu / ours.cpu, other.wall / ours.wall


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="number of descriptors")
    parser.add_argument("--components", type=int, default=64, help="number of principal components")
    parser.add_argument("--images", type=int, default=12, help="images for SIFT on threads")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.components, options.images, options.repeats = 2000, 8, 2, 1
    rows = sift_descriptors(options.rows)
    header = ["what", "notebook, µs a row", "skimgfeat, µs a row", "ratio of processor time", "ratio by the clock"]
    tables = [
        (
            f"{options.components} components: IncrementalPCA, and QuantizedPCA's first pass",
            [*header, "largest error of an exact component's entry, skimgfeat", "smallest cosine, IncrementalPCA"],
            list(component_rows(rows, options.components, options.repeats)),
        ),
        (
            "QuantizedPCA against IncrementalPCA, percentiles of each image, and quantization",
            header,
            list(codec_rows(rows, options.components, options.repeats)),
        ),
        (
            "DescriptorCodec: select, project and quantize one image, against the notebook's way",
            [header[0], "notebook, µs an image", "skimgfeat, µs an image", *header[3:]],
            list(selection_rows(rows, options.components, options.repeats)),
        ),
        (
            "SIFT of pieces of photos of 512 x 512 pixels, milliseconds an image by the clock",
            ["what", "1 thread", "2 threads", "ratio", "processor time, 2 threads over 1"],
            list(thread_rows(options.images, options.repeats)),
        ),
    ]
    about = f"SIFT descriptors of scikit-image's gray photos, drawn {options.rows:,} times."
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
