"""Odd files, and damaged ones: each is pixels or an ImageError with a code, and none ends the run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skimgfeat
from skimgfeat import ImageCollection
from skimgfeat.io import ImageError, decode_image, list_images

# Pillow warns of damaged EXIF data and of images that are large.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")

CODES = set(re.findall(r"``(\w+)``", ImageError.__doc__))


@pytest.fixture(scope="module")
def folder(odd_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    return folder, odd_files.write_odd_files(folder)


def test_the_folder_holds_every_code_that_reading_gives(folder):
    codes = set(folder[1].values())
    assert len(folder[1]) >= 80
    assert codes - {""} <= CODES
    of_boxes = {"bad_box", "empty_box", "outside_image"}
    of_data_sets = {"duplicate", "placeholder", "unknown_class", "unknown_flag", "gray"}
    of_others = {"outside_root", "too_small", "failed", "crashed", "timeout", "permission"}
    assert codes | of_boxes | of_data_sets | of_others == CODES | {""}


def test_every_file_is_listed(folder):
    assert set(list_images(folder[0], "*")) == set(folder[1])


@pytest.mark.parametrize("mode", ["rgb", "gray"])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_check_gives_every_code(folder, mode, n_jobs):
    account = ImageCollection.from_folder(folder[0], "*", mode=mode).check(n_jobs=n_jobs)
    assert dict(zip(account["name"], account["code"], strict=True)) == folder[1]
    for code, message, rows, cols in zip(*(account[key] for key in ("code", "message", "rows", "cols")), strict=True):
        assert bool(code) == bool(message)
        assert (rows > 0 and cols > 0) == (code == "")


def test_read_gives_every_code_and_names_the_file(folder):
    strict = ImageCollection.from_folder(folder[0], "*")
    for index, name in enumerate(strict.names):
        code = folder[1][name]
        if code == "":
            assert strict[index].dtype == np.uint8
            continue
        with pytest.raises(ImageError) as refusal:
            strict.read(index)
        assert refusal.value.code == code
        with pytest.raises(ImageError, match=re.escape(f"image {index}, {name!r}: ")) as refusal:
            strict[index]
        assert refusal.value.code == code


@pytest.mark.parametrize("mode", ["rgb", "gray"])
def test_pixels(folder, odd_files, mode):
    collection = ImageCollection.from_folder(folder[0], "*", mode=mode)
    n_compared = 0
    for index, name in enumerate(collection.names):
        odd = odd_files.ENCODED.get(name)
        if odd is None or odd.pixels is None:
            continue
        expected = odd.pixels
        if mode == "gray" and expected.ndim == 3:
            expected = odd_files.to_gray(expected)
        if mode == "rgb" and expected.ndim == 2:
            expected = np.repeat(expected[..., None], 3, axis=2)
        pixels = collection[index]
        assert pixels.shape == expected.shape, name
        assert np.abs(pixels.astype(int) - expected).max() <= odd.tolerance, name
        n_compared += 1
    assert n_compared >= 100


def test_a_file_that_vanishes_is_missing(tmp_path, odd_files):
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(odd_files.ENCODED["gray_16.png"].data)
    collection = ImageCollection.from_folder(tmp_path)
    (tmp_path / "b.png").unlink()
    assert collection.check()["code"] == ["", "missing", ""]


def test_a_file_that_is_still_written_is_truncated_and_then_read(tmp_path, odd_files):
    data = odd_files.ENCODED["alpha.png"].data
    (tmp_path / "a.png").write_bytes(data[:700])
    collection = ImageCollection.from_folder(tmp_path)
    assert collection.check()["code"] == ["truncated"]
    (tmp_path / "a.png").write_bytes(data)
    assert collection.check()["code"] == [""]


def mutated(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(data)))
        kind = rng.integers(4)
        if kind == 0:
            data[place] = rng.integers(256)
        elif kind == 1:
            data[place] ^= 1 << rng.integers(8)
        elif kind == 2:
            data[place:place] = rng.bytes(int(rng.integers(1, 9)))
        else:
            del data[max(1, place) : place + int(rng.integers(1, 99))]
    return bytes(data)


MUTATED = [
    "plain.jpg",
    "progressive.jpg",
    "cmyk_adobe.jpg",
    "orientation_6.jpg",
    "orientation_6.png",
    "palette_transparent.png",
    "gray_16.png",
    "animated.png",
    "alpha.webp",
    "animated.webp",
    "orientation_6.tif",
    "float.tif",
    "one_bit.tif",
    "pages.tif",
    "palette.bmp",
    "palette_transparent.gif",
    "animated.gif",
    "plain.avif",
    "animated.avif",
    "lab.tif",
]


def decode_mutated(odd_files, n_images):
    """Decode images that are damaged at random; return how often each code came."""
    rng = np.random.default_rng(0)
    counts: dict[str, int] = {}
    for index in range(n_images):
        data = mutated(odd_files.ENCODED[MUTATED[index % len(MUTATED)]].data, rng)
        try:
            pixels = decode_image(data, mode=("rgb", "gray", None)[index % 3], draft=((4, 4), None)[index // 20 % 2])
        except ImageError as error:
            counts[error.code] = counts.get(error.code, 0) + 1
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
            assert pixels.size > 0
            counts[""] = counts.get("", 0) + 1
    return counts


def test_5000_damaged_images(odd_files):
    """libtiff says what it stumbles over on stderr, below Python, where pytest takes it."""
    counts = decode_mutated(odd_files, 5000)
    assert set(counts) <= CODES | {""}
    assert min(counts[code] for code in ("", "truncated", "unidentified")) > 500


# Threads that decode the first images of a process load Pillow's decoders together.
FIRST_IMAGES = """
import sys
from skimgfeat import ImageCollection
collection = ImageCollection(sys.argv[1:] * 4)
assert sum(1 for _ in collection.read_ahead(n_jobs=8)) == len(collection)
"""


def test_the_first_images_of_a_process_may_be_decoded_by_several_threads(folder):
    paths = [str(folder[0] / f"orientation_6.{suffix}") for suffix in ("tif", "webp", "png", "jpg")]
    paths += [str(folder[0] / "plain.avif"), str(folder[0] / "palette.gif")]
    environment = os.environ | {"PYTHONPATH": str(Path(skimgfeat.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", FIRST_IMAGES, *paths], env=environment, check=True, timeout=120)
