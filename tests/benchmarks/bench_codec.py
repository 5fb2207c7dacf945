"""QuantizedPCA against IncrementalPCA and the quantization that everyone writes around it, in one process.

    python tests/benchmarks/bench_codec.py --rst docs/benchmarks/codec.rst.inc

OPENBLAS_NUM_THREADS=1 in the environment keeps both sides to one thread.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from _data import sift_descriptors
from _tables import print_tables
from _timing import measure
from sklearn.decomposition import PCA, IncrementalPCA

from skimgfeat import QuantizedPCA
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


def quantize(pca, low, high, rows):
    """The notebook's codes."""
    projected = pca.transform(rows.astype(np.float32)).astype(np.float32)
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
        "notebook": (partial(quantize, pca, *scale, image), len(image)),
        "ours": (partial(ours.transform, image), len(image)),
    }
    yield cost_row(f"codes of {len(image):,} rows", *measure(sides, 20 * repeats).values())


def cost_row(what, other, ours):
    return what, other.cpu * 1e6, ours.cpu * 1e6, other.cpu / ours.cpu, other.wall / ours.wall


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="number of descriptors")
    parser.add_argument("--components", type=int, default=64, help="number of principal components")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.components, options.repeats = 2000, 8, 1
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
    ]
    about = f"SIFT descriptors of scikit-image's gray photos, drawn {options.rows:,} times."
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
