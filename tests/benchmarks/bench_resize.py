"""Resize beside a loop over scikit-image, one image at a time.

    python tests/benchmarks/bench_resize.py --rst docs/benchmarks/resize.rst.inc

Crops and photos are those that SKIMGFEAT_DATA names, or come with scikit-image. The loop is what everyone writes:
pixels as int32, antialiased resize, rounding.
"""

import argparse
from pathlib import Path

import numpy as np
from _data import data_folder, photo_tiles
from _tables import print_tables
from _timing import measure
from PIL import Image
from skimage import data
from skimage.transform import resize

from skimgfeat import BBoxCrop, Resize
from skimgfeat.datasets import OpenImages

_SIZE = (128, 128)
_CELLS = ["RBC", "WBC", "Platelets"]


def load_sets(n_images):
    """Return lists of color images by name: crops, then photos."""
    folder = data_folder()
    if folder is None:
        pieces = list(photo_tiles(200, n_images, color=True)[0])
        photos = [getattr(data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")]
        return {"pieces of photos": pieces, "photos": photos, "a photo of 2 megapixels": [data.retina()]}
    boxes = {name: OpenImages(folder / "boxes" / "metadata").boxes(classes) for name, classes in _box_sets().items()}
    crop = BBoxCrop(root=folder / "boxes" / "images")
    sets = {
        name: [np.asarray(image) for image in crop.fit_transform(spread(table, n_images))]
        for name, table in boxes.items()
    }
    for name in ("photos", "paintings"):
        files = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        sets[name] = [np.asarray(Image.open(path).convert("RGB")) for path in files[:: max(1, len(files) // n_images)]]
    return sets


def _box_sets():
    return {"crops of blood cells": _CELLS, "crops of raccoons": ["Raccoon"]}


def spread(table, n_rows):
    return table.iloc[:: max(1, len(table) // n_rows)]


def loop(images):
    resized = [resize(image, _SIZE, anti_aliasing=True, mode="reflect", preserve_range=True) for image in images]
    return np.round(resized).astype(np.uint8)


def compare_methods(images, repeats):
    """Return a row of figures: costs of the loop, of both methods, and how far they are from the loop."""
    wide = [image.astype(np.int32) for image in images]
    steps = {method: Resize(_SIZE, method).fit(images) for method in ("exact", "fast")}
    sides = {"loop": (lambda: loop(wide), len(images))}
    sides |= {method: (lambda step=step: step.transform(images), len(images)) for method, step in steps.items()}
    costs = {name: cost.cpu * 1e3 for name, cost in measure(sides, repeats).items()}
    expected = loop(wide).astype(int)
    far = {method: np.abs(step.transform(images).astype(int) - expected) for method, step in steps.items()}
    megapixels = np.mean([image.shape[0] * image.shape[1] for image in images]) / 1e6
    return (
        len(images),
        f"{megapixels:.3f}",
        costs["loop"],
        costs["exact"],
        costs["loop"] / costs["exact"],
        far["exact"].max(),
        costs["fast"],
        costs["loop"] / costs["fast"],
        f"{far['fast'].mean():.2f}",
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=30, help="about how many of each kind")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--rst", type=Path, help="also write the table to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.repeats = 2, 1
    rows = [(name, *compare_methods(images, options.repeats)) for name, images in load_sets(options.images).items()]
    header = ["images", "number", "megapixels", "loop, ms", "exact, ms", "ratio", "largest difference, levels"]
    header += ["fast, ms", "ratio", "mean difference, levels"]
    caption = "Resize((128, 128)) of color images, one thread: processor time of an image"
    about = "The loop is over skimage.transform.resize."
    print_tables([(caption, header, rows)], options.rst, about=about, packages=("numpy", "scipy", "scikit-image"))


if __name__ == "__main__":
    main()
