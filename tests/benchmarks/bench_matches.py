"""Which descriptors to keep, and how short: correct matches between pairs of images whose geometry is known.

    python tests/benchmarks/bench_matches.py --rst docs/benchmarks/matches.rst.inc

Pairs are images and themselves warped by a random homography, dimmed and with noise, and scikit-image's stereo pair. A
match is a pair of descriptors each nearest to the other; it is correct where the geometry leads from one keypoint to
within 3 pixels of the other. Images are those that SKIMGFEAT_DATA names, without it some of scikit-image's. Codecs are
learned from images that no pair comes from.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from _data import data_folder, photo_tiles
from _tables import print_tables
from skimage import data

from skimgfeat import SIFT, DescriptorCodec
from skimgfeat.io import decode_image

_RANKINGS = ("response_size", "response", "size")
_LARGEST_ERROR = 3  # pixels
# What a descriptor becomes: its name, whether it is RootSIFT, and the parameters of its codec.
_CODECS = (
    ("SIFT, PCA 64, 8 bits", False, {"n_components": 64}),
    ("RootSIFT, PCA 64, 8 bits", True, {"n_components": 64}),
    ("RootSIFT, PCA 64, 4 bits", True, {"n_components": 64, "n_bits": 4}),
    ("RootSIFT, PCA 32, 8 bits", True, {"n_components": 32}),
    ("RootSIFT, PCA 32, 4 bits", True, {"n_components": 32, "n_bits": 4}),
)


class Pair(NamedTuple):
    """Two images, and the function that leads (x, y) in the first to (x, y) in the second, NaN where it is unknown."""

    first: np.ndarray
    second: np.ndarray
    carry: object


def warped(image, random):
    """Return the pair of an image and itself turned, scaled, tilted and dimmed, with noise."""
    rows, cols = image.shape[:2]
    angle, scale = np.deg2rad(random.uniform(-30, 30)), np.exp(random.uniform(-0.35, 0.35))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = np.array([cols, rows]) / 2
    homography = np.eye(3)
    homography[:2, :2] = turn
    homography[:2, 2] = center - turn @ center
    homography[2, :2] = random.uniform(-0.15, 0.15, 2) / [cols, rows]
    second = cv2.warpPerspective(image, homography, (cols, rows)) * random.uniform(0.7, 1)
    second = np.clip(second + random.normal(0, 4, second.shape), 0, 255).astype(np.uint8)

    def carry(points):
        return cv2.perspectiveTransform(points[:, np.newaxis], homography)[:, 0]

    return Pair(image, second, carry)


def stereo():
    """Return scikit-image's stereo pair."""
    left, right, disparity = data.stereo_motorcycle()

    def carry(points):
        cols, rows = np.rint(points).astype(int).T
        shift = disparity[rows, cols]
        return points - np.column_stack([np.where(np.isfinite(shift), shift, np.nan), np.zeros(len(points))])

    return Pair(left, right, carry)


def places(keypoints, image):
    """Return (x, y) in pixels."""
    return np.column_stack([keypoints["x"] * image.shape[1], keypoints["y"] * image.shape[0]]).astype(np.float32)


def correct_matches(pair, keypoints, descriptors):
    """Return how many descriptors of the first image match one of the second that lies where it must."""
    if min(map(len, descriptors)) == 0:
        return 0
    first, second = (np.asarray(each, dtype=np.float32) for each in descriptors)
    squares = (second**2).sum(axis=1) - 2 * first @ second.T
    nearest, back = squares.argmin(axis=1), (squares + (first**2).sum(axis=1)[:, np.newaxis]).argmin(axis=0)
    mutual = np.flatnonzero(back[nearest] == np.arange(len(first)))
    expected = pair.carry(places(keypoints[0], pair.first))[mutual]
    found = places(keypoints[1], pair.second)[nearest[mutual]]
    return int((np.hypot(*(expected - found).T) < _LARGEST_ERROR).sum())


def mean_matches(pairs, described, decode):
    """Return the mean number of correct matches; ``decode`` makes plain descriptors of structured ones."""
    counts = [
        correct_matches(pair, keypoints, [decode(each) for each in keypoints])
        for pair, keypoints in zip(pairs, described, strict=True)
    ]
    return float(np.mean(counts))


def describe(pairs, **parameters):
    sift = SIFT(geometry=True, **parameters)
    return [sift.fit_transform([pair.first, pair.second]) for pair in pairs]


def plain(keypoints):
    return keypoints["descriptor"]


def ranking_row(name, pairs, training, count, random):
    """Count the matches among ``count`` descriptors an image, chosen in each way; all as SIFT gives them."""
    everything = describe(pairs)
    row = [name, int(np.mean([len(each) for images in everything for each in images])), count]
    for rank_by in _RANKINGS:
        row.append(mean_matches(pairs, describe(pairs, n_features=count, rank_by=rank_by), plain))
    codec = DescriptorCodec(max_descriptors=count, select_by="norm").fit(training)
    farthest = [codec.inverse_transform(codec.transform(images)) for images in everything]
    row.append(mean_matches(pairs, farthest, plain))
    chosen = [[each[random.permutation(len(each))[:count]] for each in images] for images in everything]
    return [*row, mean_matches(pairs, chosen, plain), mean_matches(pairs, everything, plain)]


def codec_rows(name, pairs, training, counts):
    """Count the matches of the best ``counts`` descriptors an image, as floats and after each codec."""
    source = DescriptorCodec(max_descriptors=max(counts), select_by="norm").fit(training[False])
    everything = describe(pairs)
    by_norm = [source.inverse_transform(source.transform(images)) for images in everything]
    yield name, "notebook: norm, PCA 64, 8 bits", max(counts), 64 * max(counts), mean_matches(pairs, by_norm, plain)
    for count in counts:
        best = {root: describe(pairs, n_features=count, root=root) for root in (False, True)}
        yield name, "SIFT, 8 bits", count, 128 * count, mean_matches(pairs, best[False], plain)
        for what, root, parameters in _CODECS:
            codec = DescriptorCodec(max_descriptors=count, **parameters).fit(training[root])
            decoded = [codec.inverse_transform(codec.transform(images)) for images in best[root]]
            n_bytes = codec.transform(best[root][0][:1])[0]["descriptor"].shape[1]
            yield name, what, count, n_bytes * count, mean_matches(pairs, decoded, plain)


def load(folder, count):
    """Return ``count`` images of a folder, evenly from its sorted names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [decode_image(paths[index].read_bytes()) for index in chosen]


def image_sets(options):
    """Images by name, every other one for pairs and the rest to learn from."""
    folder = data_folder()
    if folder is None or options.quick:
        return {"pieces of photos": list(photo_tiles(200, options.images)[0])}
    return {name: load(folder / name, options.images) for name in ("paintings", "photos")}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=36, help="images of each set, half of them for pairs")
    parser.add_argument("--counts", type=int, nargs="+", default=[1800, 1440, 700], help="descriptors kept an image")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about quality")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.counts = 6, [200, 100]
    random = np.random.default_rng(0)
    rankings, codecs = [], []
    sets = image_sets(options)
    for name, images in sets.items():
        pairs = [warped(image, random) for image in images[::2]]
        training = {root: SIFT(root=root).fit_transform(images[1::2]) for root in (False, True)}
        for count in options.counts:
            rankings.append(ranking_row(name, pairs, training[False], count, random))
        codecs += codec_rows(name, pairs, training, options.counts)
    if not options.quick:
        for count in options.counts:
            rankings.append(ranking_row("stereo_motorcycle", [stereo()], training[False], count, random))
        codecs += codec_rows("stereo_motorcycle", [stereo()], training, options.counts)
    tables = [
        (
            "Correct matches a pair, mean, of descriptors kept by ...",
            ["images", "descriptors", "kept", *_RANKINGS, "norm", "random", "all kept"],
            rankings,
        ),
        (
            "Correct matches a pair, mean, after a codec; the best by response_size where nothing else is said",
            ["images", "codec", "kept", "bytes an image", "matches"],
            codecs,
        ),
    ]
    about = f"{options.images // 2} pairs of each set of images."
    print_tables(tables, options.rst, about=about, packages=("numpy", "opencv-python-headless"))


if __name__ == "__main__":
    main()
