"""HandcraftedFeatures and each family alone against the loop over scikit-image, in one process.

    python tests/benchmarks/bench_handcrafted.py --rst docs/benchmarks/handcrafted.rst.inc

SKIMGFEAT_INSTRUCTION_SET=avx2 in the environment measures the kernels of another instruction set.
"""

import numpy as np
from _data import handwritten_digits, load_loop, photo_tiles
from _tables import print_tables
from _timing import compare, comparison_table, parse_options

from skimgfeat import HandcraftedFeatures

# Photos are bright nearly everywhere: half of full scale parts them into foreground and ground.
_PHOTO_THRESHOLD = 0.5


def cost_of(loop, families, images, options, threshold=0):
    extractor = HandcraftedFeatures(families=families, threshold=threshold)
    # Where symmetry makes one of Hu's moments vanish, its sign is a matter of rounding.
    names = extractor.fit(images[:1]).get_feature_names_out()
    stable = np.array([not name.startswith("hu_") for name in names])

    def assert_equal(actual, desired):
        np.testing.assert_allclose(actual[:, stable], desired[:, stable], rtol=1e-5, atol=1e-6)

    return compare(extractor, lambda sample: loop.extract(sample, families, threshold), images, options, assert_equal)


def family_table(loop, images, options):
    rows = []
    for name in (*loop.FAMILIES, "all"):
        families = tuple(loop.FAMILIES) if name == "all" else (name,)
        costs = cost_of(loop, families, images, options)
        own, other = costs["one"].cpu, costs["loop"].cpu
        rows.append((name, other * 1e6, own * 1e6, other / own))
    return ["family", "loop, µs", "skimgfeat, µs", "ratio"], rows


def size_table(loop, digits, options):
    costs = {}
    for side in options.sizes:
        what, images, threshold = "digits", digits, 0
        if side != digits.shape[1]:
            what, threshold = "photos", _PHOTO_THRESHOLD
            images, _ = photo_tiles(side, options.count(side))
        costs[f"{len(images)} {what}, {side} x {side}"] = cost_of(
            loop, tuple(loop.FAMILIES), images, options, threshold
        )
    return comparison_table(costs, options)


def main(arguments=None):
    options = parse_options(__doc__, arguments)
    loop = load_loop()
    name, digits, _ = handwritten_digits()
    digits = digits[: options.images]
    about = (
        f"Microseconds of processor time an image on one core, medians of {options.repeats} turns; digits are "
        f"{len(digits)} of the {name}, photos pieces of those of scikit-image with threshold={_PHOTO_THRESHOLD}."
    )
    tables = [
        ("Each family alone, and all in one pass, digits", *family_table(loop, digits, options)),
        ("All families by size", *size_table(loop, digits, options)),
    ]
    print_tables(tables, options.rst, about=about, packages=("numpy", "scipy", "scikit-image", "scikit-learn"))


if __name__ == "__main__":
    main()
