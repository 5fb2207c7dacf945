"""Stores of codes against compressed object arrays, the notebook's files: bytes, writing, and reading 50 images.

    python tests/benchmarks/bench_store.py --rst docs/benchmarks/store.rst.inc

The codes are those of SIFT descriptors, 1,800 at most, of the paintings and photos that SKIMGFEAT_DATA names, each
resized to 0.8 megapixels; without it, of pieces of scikit-image's photos. Both sides get them in memory and write a
new file for as many images; a chunk of a store is hashed and synced to the disk. Reading begins with opening, and ends
with arrays whose every byte was read.
"""

import argparse
import math
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from _data import data_folder, photo_tiles
from _tables import print_tables
from _timing import measure
from joblib import parallel_config

from skimgfeat import SIFT, DescriptorCodec, DescriptorStore, FlatDescriptors, extract
from skimgfeat.io import decode_image
from skimgfeat.io._parquet import side_by_side
from skimgfeat.jobs._folder import JobFolder
from skimgfeat.jobs._layouts import layout_of

_READ = 50
_FILES = ("paintings/*.jpg", "photos/*.JPEG", "boxes/images/raccoon*")
_PIXELS = 800_000


def chunks(arrays, size):
    return [arrays[start : start + size] for start in range(0, len(arrays), size)]


def write_npz(folder, codes, chunk_size):
    """Write as the notebook does, pickled objects in a compressed archive."""
    os.makedirs(folder)
    for number, part in enumerate(chunks(codes, chunk_size)):
        objects = np.empty(len(part), dtype=object)
        objects[:] = part
        names = np.array([f"{index}.jpg" for index in range(len(part))], dtype=object)
        np.savez_compressed(os.path.join(folder, f"{number}.npz"), descriptors_list=objects, filenames=names)


def read_npz(folder, wanted, chunk_size):
    """Read some images: all of the archives that they are in."""
    opened, found = {}, []
    for index in wanted:
        number, place = divmod(index, chunk_size)
        if number not in opened:
            with np.load(os.path.join(folder, f"{number}.npz"), allow_pickle=True) as file:
                opened[number] = file["descriptors_list"]
        found.append(opened[number][place])
    return found


def write_chunks(folder, codes, chunk_size, compression):
    """Write the chunk files of a store, as its workers do."""
    import pyarrow as pa

    layout, job = layout_of(codes[:1], "list", None), JobFolder(folder)
    Path(folder, "chunks").mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(chunks(codes, chunk_size)):
        n_items = len(part)
        items = pa.table({"image_path": [f"{index}.jpg" for index in range(n_items)], "status": ["ok"] * n_items})
        table = side_by_side(items, layout.table(layout.check(part, n_items)))
        job.write_chunk(number, table, {"ok": n_items}, group_rows=layout.group_rows(part), compression=compression)


def read_store(path, wanted):
    store = DescriptorStore(path)
    return [store[index] for index in wanted]


def read_flat(path, wanted):
    flat = FlatDescriptors(path)
    found = [flat[index] for index in wanted]
    for array in found:
        array.max(initial=0)  # what is mapped is read when somebody looks at it
    return found


def n_bytes(folder, pattern):
    return sum(path.stat().st_size for path in Path(folder).glob(pattern))


def images(options):
    folder = data_folder()
    if folder is None or options.quick:
        return list(photo_tiles(100, options.images)[0])
    paths = [path for pattern in _FILES for path in sorted(folder.glob(pattern))]
    return [resize(decode_image(path.read_bytes())) for path in paths[: options.images]]


def resize(image):
    factor = math.sqrt(_PIXELS / math.prod(image.shape[:2]))
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def compare(folder, descriptors, size, repeats):
    """Return the rows of the table, the notebook's files first."""
    codec = DescriptorCodec(random_state=0).fit(descriptors)
    codes = codec.transform(descriptors)
    wanted = np.random.default_rng(0).choice(len(codes), min(_READ, len(codes)), replace=False).tolist()
    places = {name: os.path.join(folder, name) for name in ("npz", "none", "zstd", "flat")}
    write_npz(places["npz"], codes, size)
    readers = {"npz": partial(read_npz, places["npz"], wanted, size)}
    for compression in ("none", "zstd"):
        with parallel_config("threading"):
            extract(codec, descriptors, places[compression], compression=compression, chunk_size=size, progress=False)
        readers[compression] = partial(read_store, places[compression], wanted)
    store = DescriptorStore(places["none"])
    store.export(places["flat"])
    readers["flat"] = partial(read_flat, places["flat"], wanted)
    # New files each time, as a run writes them.
    beside = os.path.join(folder, "written")
    writers = {
        "npz": partial(write_npz, beside, codes, size),
        "none": partial(write_chunks, beside, codes, size, "none"),
        "zstd": partial(write_chunks, beside, codes, size, "zstd"),
        "flat": partial(store.export, beside),
    }
    clear = partial(shutil.rmtree, beside, ignore_errors=True)
    written = measure({name: (function, 1) for name, function in writers.items()}, repeats, prepare=clear)
    for read in readers.values():
        for found, index in zip(read(), wanted, strict=True):
            np.testing.assert_array_equal(found, codes[index])
    read = measure({name: (function, 1) for name, function in readers.items()}, repeats)
    sizes = {name: n_bytes(place, "*.np*" if name in ("npz", "flat") else "chunks/*") for name, place in places.items()}
    names = {
        "npz": "compressed object npz",
        "none": "store",
        "zstd": "store with zstd",
        "flat": "flat export of a store",
    }
    for name, title in names.items():
        costs = (written[name], read[name])
        ratios = [f"{written['npz'].wall / written[name].wall:.1f}", f"{read['npz'].wall / read[name].wall:.1f}"]
        share = f"{sizes[name] / sizes['npz']:.3f}"
        yield title, f"{sizes[name] / 1e6:.2f}", share, *(f"{cost.wall * 1e3:.1f}" for cost in costs), *ratios


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=364, help="number of images")
    parser.add_argument("--chunk-size", type=int, nargs="+", default=[32, 1000], help="images of a file")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.chunk_size, options.repeats = 8, [4], 1
    descriptors = SIFT(n_features=1800, n_jobs=2).fit_transform(images(options))
    header = ["file", "MB", "of npz", "written, ms", "50 images read, ms", "times as fast written", "read"]
    tables = []
    for size in options.chunk_size:
        with tempfile.TemporaryDirectory() as folder:
            table = list(compare(folder, descriptors, size, options.repeats))
        tables.append((f"Codes of {len(descriptors)} images, files of up to {size}", header, table))
    about = f"By the clock, medians of {options.repeats} turns."
    print_tables(tables, options.rst, about=about, packages=("numpy", "pyarrow"))


if __name__ == "__main__":
    main()
