"""What the benchmarks run on: images, and the loop over scikit-image.

Images are real data where SKIMGFEAT_DATA names its folder, else what comes with the packages.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from skimgfeat import SIFT, Resize
from skimgfeat.datasets import load_digits, load_parquet_images
from skimgfeat.io import read_idx

# Photos that come with scikit-image.
_GRAY = ("astronaut", "brick", "camera", "grass", "gravel", "moon", "retina")
_COLOR = ("astronaut", "chelsea", "coffee", "retina", "rocket")


def data_folder():
    """The folder of the real data, or None."""
    folder = os.environ.get("SKIMGFEAT_DATA")
    return Path(folder) if folder else None


def handwritten_digits():
    """Digits of 28 x 28 pixels, uint8: a name, the images, their labels."""
    folder = data_folder()
    if folder is None:
        images, target = load_digits(return_X_y=True)
        images = Resize((28, 28)).fit_transform(images)
        return "scikit-learn's digits at 28 x 28", np.rint(images * 255).astype(np.uint8), target
    images = read_idx(folder / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(folder / "mnist" / "t10k-labels-idx1-ubyte.gz")
    return "MNIST test set", images, labels


def photo_tiles(side, count, *, color=False):
    """Square pieces of photos at random places, uint8: the images, and which photo each was cut from."""
    rng = np.random.default_rng(0)
    photos = [_load_photo(name, color) for name in (_COLOR if color else _GRAY)]
    source = np.arange(count) % len(photos)
    tiles = []
    for index in source:
        rows, cols = photos[index].shape[:2]
        top, left = rng.integers(rows - side + 1), rng.integers(cols - side + 1)
        tiles.append(photos[index][top : top + side, left : left + side])
    return np.stack(tiles), source


def _load_photo(name, color):
    return np.asarray(Image.fromarray(getattr(data, name)()).convert("RGB" if color else "L"))


def sift_descriptors(count):
    """Rows of 128 uint8: SIFT descriptors of the gray photos, drawn with replacement."""
    found = np.vstack(SIFT().fit_transform([_load_photo(name, color=False) for name in _GRAY]))
    return found[np.random.default_rng(0).integers(len(found), size=count)]


def color_photos():
    """Color photos of 32 x 32 pixels, uint8: a name, and images and labels to train and to test on."""
    folder = data_folder()
    if folder is None:
        images, target = photo_tiles(32, 600, color=True)
        return "pieces of five photos", images[:400], target[:400], images[400:], target[400:]
    parts = [load_parquet_images(folder / "cifar10" / f"{part}.parquet", return_X_y=True) for part in ("train", "test")]
    return "CIFAR-10", *parts[0], *parts[1]


def load_loop():
    """The loop over scikit-image that the tests compare with as well."""
    path = Path(__file__).parents[1] / "features" / "scikit_image_loop.py"
    spec = importlib.util.spec_from_file_location("scikit_image_loop", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
