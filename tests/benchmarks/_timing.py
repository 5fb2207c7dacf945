"""Both sides of a comparison measured in one process, turn by turn; and the command line for it."""

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from sklearn.base import clone

_DIGIT_PIXELS = 28 * 28
# The loop takes some hundred times as long: with so many images the fewer, both sides have turns of similar length.
_LOOP_SHARE = 100
# Turns of threads are short, and need more of them for a steady median.
_THREAD_TURNS = 3


class Cost(NamedTuple):
    """Seconds an image: of processor time, all threads together, and by the clock."""

    cpu: float
    wall: float


def measure(sides, repeats, prepare=lambda: None):
    """Return the median cost of each side.

    ``sides`` maps a name to (function, number of images the function works on). Every side is run once unmeasured;
    then they take turns, so that a change in what else the machine does meets all of them. ``prepare()`` is called
    before each turn, unmeasured.
    """
    for function, _ in sides.values():
        prepare()
        function()
    costs = {name: [] for name in sides}
    for _ in range(repeats):
        for name, (function, count) in sides.items():
            prepare()
            cpu, wall = time.process_time(), time.perf_counter()
            function()
            costs[name].append(((time.process_time() - cpu) / count, (time.perf_counter() - wall) / count))
    return {name: Cost(*map(statistics.median, zip(*runs, strict=True))) for name, runs in costs.items()}


def compare(extractor, loop, images, options, assert_equal):
    """Return the costs of ``loop(images)`` and of the extractor on one thread, then on one and on several.

    The loop works on a part of the images, for which both sides must give the same rows.
    """
    sample = images[:: max(1, len(images) // options.loop_count(images.shape[1]))]
    one = clone(extractor).set_params(n_jobs=1).fit(images)
    several = clone(extractor).set_params(n_jobs=options.threads).fit(images)
    assert_equal(one.transform(sample), loop(sample))
    loop_side = (lambda: loop(sample), len(sample))
    one_side = (lambda: one.transform(images), len(images))
    several_side = (lambda: several.transform(images), len(images))
    costs = measure({"loop": loop_side, "one": one_side}, options.repeats)
    # Processors that idle while the loop runs are slow at first: threads are compared without it between.
    return costs | measure({"single": one_side, "several": several_side}, _THREAD_TURNS * options.repeats)


def comparison_table(costs, options):
    """Return header and rows of a table of what :func:`compare` returned, by what it was measured on."""
    threads = options.threads
    header = ["images", "loop, µs", "skimgfeat, µs", "ratio", "images/s, 1 thread", f"images/s, {threads} threads"]
    rows = [
        (
            name,
            loop.cpu * 1e6,
            one.cpu * 1e6,
            loop.cpu / one.cpu,
            1 / single.wall,
            1 / several.wall,
            single.wall / several.wall,
        )
        for name, (loop, one, single, several) in ((name, sides.values()) for name, sides in costs.items())
    ]
    return [*header, f"{threads} threads over 1"], rows


class Options(argparse.Namespace):
    """What the command line says."""

    def count(self, side):
        """How many images of this side hold as many pixels as --images digits."""
        return max(2, self.images * _DIGIT_PIXELS // side**2)

    def loop_count(self, side):
        """How many of them the loop works on in one turn."""
        return max(1, self.count(side) // _LOOP_SHARE)


def parse_options(description, arguments=None):
    """Read --sizes, --images, --repeats, --threads, --rst and --quick."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[28, 64, 128, 256, 512], help="sides of the images in pixels"
    )
    parser.add_argument("--images", type=int, default=10_000, help="number of digits; larger images are fewer")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each side, of which the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads beside one")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments, Options())
    if options.quick:
        options.sizes, options.images, options.repeats = options.sizes[:2], 20, 1
    return options
