"""Bytes of SIFT descriptors before and after the codec, and what is left of their nearest neighbors.

    python tests/benchmarks/bench_sizes.py --rst docs/benchmarks/sizes.rst.inc

Images are those that SKIMGFEAT_DATA names, as they are and enlarged until SIFT finds as many descriptors as the
notebook that the codec comes from had; without it, some of scikit-image's. Half of a set teaches the codec, the other
half is measured for matches; bytes are those of all.
"""

import argparse
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
from _data import data_folder, photo_tiles
from _tables import print_tables
from bench_matches import load, warped
from joblib import parallel_config
from PIL import Image

from skimgfeat import SIFT, DescriptorCodec, DescriptorStore, extract

_WANTED = 7000
_LARGEST_PIXELS = 12_000_000
# Name, whether RootSIFT, parameters of the codec.
_CODECS = (
    ("notebook: norm, 8 bits", False, {"select_by": "norm"}),
    ("8 bits", False, {}),
    ("RootSIFT, 4 bits", True, {"n_bits": 4}),
)


def enlarge(image, wanted=_WANTED, largest_pixels=_LARGEST_PIXELS):
    """Return the image, gray and enlarged (bicubic) until SIFT finds ``wanted`` descriptors; None where it does not."""
    image = small = np.asarray(Image.fromarray(image).convert("L"))
    while True:
        found = len(SIFT().fit_transform([image])[0])
        if found >= wanted:
            return image
        if image.size >= 0.99 * largest_pixels:
            return None
        factor = np.clip(np.sqrt(1.2 * wanted / max(found, 1)), 1.2, 2) * image.shape[0] / small.shape[0]
        factor = min(factor, np.sqrt(largest_pixels / small.size))
        rows, cols = (int(side * factor) for side in small.shape[:2])
        image = cv2.resize(small, (cols, rows), interpolation=cv2.INTER_CUBIC)


def nearest(first, second):
    """Return, for each row of the first, the nearest row of the second, -1 where that has a nearer one itself."""
    first, second = (np.asarray(rows, dtype=np.float32) for rows in (first, second))
    squares = (second**2).sum(axis=1) - 2 * first @ second.T
    found, back = squares.argmin(axis=1), (squares + (first**2).sum(axis=1)[:, np.newaxis]).argmin(axis=0)
    return np.where(back[found] == np.arange(len(first)), found, -1)


def matches_kept(codec, pairs):
    """Return the fraction of mutual nearest neighbors, among descriptors kept, that the codec leaves as they are."""
    kept = total = 0
    for pair in pairs:
        selected = [_selected(codec, rows) for rows in pair]
        if min(map(len, selected)) == 0:
            continue
        before = nearest(*selected)
        after = nearest(*codec.inverse_transform(codec.transform(selected)))
        kept += np.count_nonzero((before == after) & (before >= 0))
        total += np.count_nonzero(before >= 0)
    return kept / total


def _selected(codec, rows):
    """Return the descriptors that the codec keeps, in its order."""
    return rows[codec._selection(rows, codec.pca_)]


def stored_bytes(codec, descriptors, compression):
    """Return the bytes of the chunk files of a store of codes."""
    # In this process: it is the bytes that count.
    with tempfile.TemporaryDirectory() as folder, parallel_config("threading"):
        output = os.path.join(folder, "codes")
        extract(codec, descriptors, output, compression=compression, progress=False)
        assert sum(map(len, DescriptorStore(output))) == sum(map(len, codec.transform(descriptors)))
        return sum(path.stat().st_size for path in Path(output, "chunks").iterdir())


def size_rows(name, images, random):
    """Yield a row of bytes for each codec, and one of what is left of matches."""
    pairs = [(pair.first, pair.second) for pair in (warped(image, random) for image in images[::2])]
    described = {root: SIFT(root=root).fit_transform(images) for root in (False, True)}
    for what, root, parameters in _CODECS:
        descriptors = described[root]
        codec = DescriptorCodec(random_state=0, **parameters).fit(descriptors[1::2])
        count = sum(map(len, descriptors))
        codes = sum(each.nbytes for each in codec.transform(descriptors))
        zstd = stored_bytes(codec, descriptors, "zstd")
        described_pairs = [SIFT(root=root).fit_transform(list(pair)) for pair in pairs]
        yield (
            name,
            what,
            count / len(images),
            *(f"{n_bytes / 1e6:.2f}" for n_bytes in (512 * count, 128 * count, codes, zstd)),
            512 * count / codes,
            512 * count / zstd,
            f"{matches_kept(codec, described_pairs):.3f}",
            codec.pca_.reconstruction_error_,
            f"{codec.pca_.clipped_fraction_:.4f}",
        )


def image_sets(options):
    folder = data_folder()
    if folder is None or options.quick:
        return {"pieces of photos": list(photo_tiles(200, options.images)[0])}
    sets = {}
    for name in ("paintings", "photos"):
        images = load(folder / name, options.images)
        sets[f"{len(images)} {name}"] = images
        large = [enlarge(image) for image in load(folder / name, options.enlarged)]
        enough = [image for image in large if image is not None]
        sets[f"{len(enough)} of {len(large)} {name}, enlarged"] = enough
    return sets


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=18, help="images of each set")
    parser.add_argument("--enlarged", type=int, default=6, help="images of each set to enlarge")
    parser.add_argument("--rst", type=Path, help="also write the table to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images = 6
    random = np.random.default_rng(0)
    header = [
        "images",
        "codec, 64 components, 1,800 kept",
        "descriptors an image",
        "float32, MB",
        "uint8, MB",
        "codes, MB",
        "store with zstd, MB",
        "times smaller than float32",
        "with zstd",
        "matches kept",
        "mean squared error",
        "clipped",
    ]
    rows = [row for name, images in image_sets(options).items() for row in size_rows(name, images, random)]
    about = (
        "Matches kept: of the pairs of descriptors kept, in an image and its warped copy, each nearest to the other, "
        "the share that are still so after the codec. Enlarged images are those in which SIFT then finds "
        f"{_WANTED:,} descriptors within {_LARGEST_PIXELS // 10**6} megapixels."
    )
    print_tables([("Bytes of descriptors", header, rows)], options.rst, about=about, packages=("numpy", "pyarrow"))


if __name__ == "__main__":
    main()
