"""extract from files to a job folder: one worker and two, the share of decoding, memory for few images and many.

    python tests/benchmarks/bench_extract.py --rst docs/benchmarks/extract.rst.inc

Images are written to files first: photos (those of scikit-image where SKIMGFEAT_DATA names no folder) again and again,
and 20,000 of CIFAR-10's. Each run is a process of its own.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _data import color_photos, data_folder, photo_tiles
from _tables import print_tables
from PIL import Image
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, ImageCollection, Resize, extract

_SECONDS_BETWEEN_SAMPLES = 0.01
_PAGE = os.sysconf("SC_PAGE_SIZE")


def pipeline():
    return make_pipeline(Resize((64, 64)), HOG())


def write_photos(folder, count):
    """Write files of photos, the same ones again where there are not so many."""
    source = data_folder()
    if source is None:
        originals = []
        for index, tile in enumerate(photo_tiles(250, 20, color=True)[0]):
            originals.append(folder / f"{index}.original")
            Image.fromarray(tile).save(originals[-1], format="jpeg", quality=90)
    else:
        originals = sorted((source / "photos").glob("*.JPEG"))
    for index, original in zip(range(count), itertools.cycle(originals), strict=False):
        (folder / f"{index:06d}.jpg").write_bytes(original.read_bytes())


def write_small_images(folder, count):
    images = color_photos()[1]
    for index in range(count):
        Image.fromarray(images[index % len(images)]).save(folder / f"{index:06d}.png")


def steady_rate(output, n_items, chunk_size, n_workers):
    """Images a second, from when every worker has written its first chunk until the last one."""
    ends = np.sort([path.stat().st_mtime for path in (output / "chunks").iterdir()])
    first = min(n_workers, len(ends) - 1)
    return (n_items - chunk_size * first) / max(1e-9, ends[-1] - ends[first - 1])


def resident_bytes(pid):
    """Resident memory of a process and of those that it started, together."""
    try:
        n_bytes = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        children = [
            child for path in Path(f"/proc/{pid}/task").iterdir() for child in (path / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return n_bytes + sum(map(resident_bytes, children))


def run(folder, output, n_jobs, chunk_size, count=None):
    """Run in a process of its own; return the most memory that it and its workers hold together."""
    arguments = [folder, output, n_jobs, chunk_size or 0, count or 0]
    process = subprocess.Popen([sys.executable, __file__, "--run", *map(str, arguments)])
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident_bytes(process.pid))
        time.sleep(_SECONDS_BETWEEN_SAMPLES)
    if process.returncode:
        raise RuntimeError(f"the run ended with {process.returncode}")
    return peak


def run_here(folder, output, n_jobs, chunk_size, count):
    """What the process of a run does."""
    X = ImageCollection.from_folder(folder)
    X = X[: int(count)] if int(count) else X
    extract(pipeline(), X, output, n_jobs=int(n_jobs), chunk_size=int(chunk_size) or None, progress=False)


def time_steps(folder, count):
    """Milliseconds an image for decoding, and for the pipeline, in one thread."""
    X = ImageCollection.from_folder(folder)[:count]
    start = time.perf_counter()
    images = list(X.read_ahead(n_jobs=1))
    decoded = time.perf_counter()
    pipeline().fit(images[:1]).transform(images)
    return (decoded - start) / count * 1e3, (time.perf_counter() - decoded) / count * 1e3


def compare_workers(folder, n_photos, chunk_size):
    write_photos(folder, n_photos)
    rates = {}
    for n_jobs in (1, 2):
        with tempfile.TemporaryDirectory() as outputs:
            output = Path(outputs) / "out"
            run(folder, output, n_jobs, chunk_size)
            rates[n_jobs] = steady_rate(output, n_photos, chunk_size, n_jobs)
    rows = [(n_jobs, rate, rate / rates[1]) for n_jobs, rate in rates.items()]
    return f"Decode, resize to 64 x 64, HOG: {n_photos:,} photos", ["workers", "images/s", "over one"], rows


def compare_steps(folder, n_photos):
    decode, transform = time_steps(folder, n_photos)
    rows = [
        ("decode", decode, decode / (decode + transform)),
        ("resize, HOG", transform, transform / (decode + transform)),
    ]
    return "Where the time goes, one thread", ["step", "ms an image", "share"], rows


def compare_memory(folder, counts):
    write_small_images(folder, max(counts))
    rows, fewest = [], None
    for count in counts:
        with tempfile.TemporaryDirectory() as outputs:
            peak = run(folder, Path(outputs) / "out", 2, None, count)
        fewest = fewest or peak
        rows.append((f"{count:,}", peak / 1e6, peak / fewest))
    header = ["images", "peak memory, MB", "over the first"]
    return "Resident memory of the run and its two workers, images of 32 x 32", header, rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=4000, help="number of photos")
    parser.add_argument("--small", type=int, nargs=2, default=[2000, 20_000], help="numbers of small images")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed or memory")
    parser.add_argument("--run", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        run_here(*options.run)
        return
    n_photos, small, chunk_size = (8, [8], 2) if options.quick else (options.photos, options.small, 25)
    with tempfile.TemporaryDirectory() as photos, tempfile.TemporaryDirectory() as images:
        tables = [
            compare_workers(Path(photos), n_photos, chunk_size),
            compare_steps(Path(photos), min(n_photos, 400)),
            compare_memory(Path(images), small),
        ]
    about = "Start-up is left out of images/s: they count from when each worker has written its first chunk."
    print_tables(tables, options.rst, about=about, packages=("numpy", "pillow", "pyarrow", "joblib"))


if __name__ == "__main__":
    main()
