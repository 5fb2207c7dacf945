"""HandcraftedFeatures of as many images as EMNIST has, straight to a file: time, and memory beside the input.

    python tests/benchmarks/bench_memory.py --rst docs/benchmarks/memory.rst.inc

The images are shifted copies of the digits of bench_handcrafted.py. At full size the file takes 4.7 GB in --folder.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from _data import handwritten_digits
from _tables import print_tables

from skimgfeat import HandcraftedFeatures, transform_into

_EMNIST_IMAGES = 814_255
_SECONDS_BETWEEN_SAMPLES = 0.002
_LARGEST_SHIFT = 3  # pixels


def anonymous_bytes():
    """RssAnon of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status does not tell RssAnon: this benchmark needs Linux.")


class PeakMemory:
    """The most anonymous memory that the process holds while the block runs."""

    def __enter__(self):
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = anonymous_bytes()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.wait(_SECONDS_BETWEEN_SAMPLES):
            self.bytes = max(self.bytes, anonymous_bytes())


def shifted_copies(digits, count):
    """``count`` images: all digits, then again and again moved by some pixels, what leaves on one side lost."""
    rng = np.random.default_rng(0)
    images = np.zeros((count, *digits.shape[1:]), dtype=np.uint8)
    rows, cols = digits.shape[1:]
    for start in range(0, count, len(digits)):
        down, right = rng.integers(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1, size=2) if start else (0, 0)
        target = images[start : start + len(digits), max(0, down) : rows + down, max(0, right) : cols + right]
        target[...] = digits[: len(target), max(0, -down) : rows - down, max(0, -right) : cols - right]
    return images


def run(images, path, threads):
    """Return seconds until the rows stand in the memory map, seconds until they are on disk, and peak memory."""
    extractor = HandcraftedFeatures(n_jobs=threads).fit(images[:1])
    shape = (len(images), len(extractor.get_feature_names_out()))
    with PeakMemory() as memory:
        start = time.perf_counter()
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        transform_into(extractor, images, out)
        written = time.perf_counter() - start
        out.flush()
        flushed = time.perf_counter() - start
    return written, flushed, memory.bytes


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=_EMNIST_IMAGES, help="number of images")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--folder", type=Path, help="a folder on disk for the file; default: the system's for such")
    parser.add_argument("--rst", type=Path, help="also write the table to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about memory or speed")
    options = parser.parse_args(arguments)
    name, digits, _ = handwritten_digits()
    images = shifted_copies(digits, 3000 if options.quick else options.images)
    rows, before = [], anonymous_bytes()
    for threads in options.threads:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "features.npy"
            written, flushed, peak = run(images, path, threads)
            gigabytes = os.path.getsize(path) / 1e9
        seconds = (f"{written:.1f}", f"{flushed:.1f}")
        rows.append((threads, *seconds, len(images) / written, f"{gigabytes:.2f}", f"{(peak - before) / 1e6:.0f}"))
    header = ["threads", "seconds", "seconds, flushed to disk", "images/s", "file, GB", "peak memory, MB"]
    about = (
        f"{len(images):,} images made of the {name} by shifts, {images.nbytes / 1e9:.2f} GB, to a float32 memory map "
        "on disk. Peak memory is anonymous (RssAnon), above the input."
    )
    caption = "HandcraftedFeatures with transform_into"
    print_tables([(caption, header, rows)], options.rst, about=about, packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
