"""HOG and LBP against scikit-image at several sizes, and HOG's own variants, in one process.

    python tests/benchmarks/bench_hog.py --rst docs/benchmarks/hog.rst.inc

SKIMGFEAT_INSTRUCTION_SET=avx2 in the environment measures the kernels of another instruction set.
"""

from functools import partial

import numpy as np
from _data import handwritten_digits, load_loop, photo_tiles
from _tables import print_tables
from _timing import compare, comparison_table, measure, parse_options

from skimgfeat import HOG, LBP

# The parameters that scikit-image has too.
_SHARED = ("orientations", "pixels_per_cell", "cells_per_block", "block_norm", "transform_sqrt")
_VARIANTS = {
    "default": {},
    "signed": {"signed": True},
    "interpolate": {"interpolate": True},
    "signed, interpolate": {"signed": True, "interpolate": True},
}
_HOGS = {
    "HOG with default parameters": HOG(),
    "HOG with cells of 4 x 4 pixels, blocks of 2 x 2 cells": HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)),
}
_COLOR_SIDE = 32


def images_by_size(options):
    """Images by name: gray at every size, color at one."""
    sets = {}
    for side in options.sizes:
        if side == 28:
            images, what = handwritten_digits()[1][: options.images], "digits"
        else:
            images, what = photo_tiles(side, options.count(side))[0], "photos"
        sets[f"{len(images)} {what}, {side} x {side}"] = images
    images, _ = photo_tiles(_COLOR_SIDE, options.count(_COLOR_SIDE), color=True)
    return sets | {f"{len(images)} photos, {_COLOR_SIDE} x {_COLOR_SIDE} x 3": images}


def ratio_table(extractor, function, sets, options):
    """Compare the extractor with a loop that calls a function of one image."""
    assert_equal = partial(np.testing.assert_allclose, rtol=0, atol=1e-6)
    costs = {
        name: compare(extractor, lambda sample: [function(image) for image in sample], images, options, assert_equal)
        for name, images in sets.items()
    }
    return comparison_table(costs, options)


def variant_table(sets, options):
    rows = []
    for name, images in sets.items():
        sides = {
            variant: (partial(HOG(**parameters, n_jobs=1).fit(images).transform, images), len(images))
            for variant, parameters in _VARIANTS.items()
        }
        rows.append((name, *(1 / cost.cpu for cost in measure(sides, options.repeats).values())))
    return ["images", *_VARIANTS], rows


def main(arguments=None):
    options = parse_options(__doc__, arguments)
    loop = load_loop()
    sets = images_by_size(options)
    gray = {name: images for name, images in sets.items() if images.ndim == 3}
    tables = []
    for caption, hog in _HOGS.items():
        shared = {name: getattr(hog, name) for name in _SHARED}
        function = partial(loop.hog, mask=None, scale=255, **shared)
        tables.append((f"{caption}, against skimage.feature.hog", *ratio_table(hog, function, sets, options)))
    function = partial(loop.lbp, mask=None, scale=255)
    caption = "LBP, against skimage.feature.local_binary_pattern and a histogram"
    tables.append((caption, *ratio_table(LBP(), function, gray, options)))
    caption = "Images a second of processor time: HOG with default parameters, but ..."
    tables.append((caption, *variant_table(sets, options)))
    about = f"Microseconds of processor time an image on one core, medians of {options.repeats} turns."
    print_tables(tables, options.rst, about=about, packages=("numpy", "scikit-image", "scikit-learn"))


if __name__ == "__main__":
    main()
