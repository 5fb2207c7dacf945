"""``skimgfeat demo``: accuracies, rates and a picture on packaged images."""

import argparse
import csv
import io
import time
from pathlib import Path

from skimgfeat import __version__
from skimgfeat.cli._arguments import UsageError, first_line, jobs

_FEWEST_IMAGES = 30
_FIGURE, _TABLE = "hog_examples.png", "results.csv"
# Of columns, negative where the text stands to the left.
_CASE_WIDTHS = (-8, -14, -11)
_ACCURACY_WIDTHS = (*_CASE_WIDTHS, 7, 12, 9)
_RATE_WIDTHS = (*_CASE_WIDTHS, 7, 9, 17, 5, 6)


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "demo",
        help="classify packaged images and compare speed with scikit-image",
        description="Classify packaged digits, faces and textures by their features, time the extractors beside a "
        "loop over scikit-image, and draw examples with their histograms of oriented gradients. Needs no download.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="demo_output",
        help=f"folder for {_FIGURE} and {_TABLE}, created where missing (%(default)s)",
    )
    parser.add_argument(
        "--limit", type=_n_images, metavar="N", help=f"images of each data set, at least {_FEWEST_IMAGES} (all)"
    )
    parser.add_argument(
        "--jobs",
        type=jobs,
        default=-1,
        metavar="N",
        help="number of threads, -1 for all (%(default)s); rates are always measured on one",
    )


def _n_images(text):
    if int(text) < _FEWEST_IMAGES:
        raise argparse.ArgumentTypeError(f"must be at least {_FEWEST_IMAGES}, got {text}")
    return int(text)


def run(args):
    """Run the recipe and print its results as they come."""
    output = Path(args.output)
    if output.exists() and not output.is_dir():
        raise UsageError(f"{args.output!r} is a file: choose another folder with --output")
    output.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    from skimgfeat.kernels import instruction_set
    from skimgfeat.recipes import load_demo_cases

    cases = load_demo_cases(args.limit)
    print(f"skimgfeat {__version__}, {instruction_set} kernels", flush=True)
    accuracies = _show_accuracies(cases, args.jobs)
    rates = _show_rates(cases)
    print()
    _save_table(output / _TABLE, cases, accuracies, rates)
    _save_figure(output / _FIGURE, cases)
    print(f"{time.perf_counter() - start:.1f} s")
    return 0


def _show_accuracies(cases, n_jobs):
    from skimgfeat.recipes import cross_validate_case

    print("\nCross-validated accuracy")
    _print_row(_ACCURACY_WIDTHS, "data set", "images", "features", "kNN", "RandomForest", "LinearSVC")
    results = []
    for case in cases:
        accuracies = cross_validate_case(case, n_jobs=n_jobs)
        _print_row(_ACCURACY_WIDTHS, *_describe(case), *(f"{accuracy:.3f}" for accuracy in accuracies.values()))
        results.append(accuracies)
    return results


def _show_rates(cases):
    from skimgfeat.recipes import measure_rates

    print("\nImages per second of processor time, one thread each")
    _print_row(
        _RATE_WIDTHS, "data set", "images", "features", "columns", "skimgfeat", "scikit-image loop", "ratio", "equal"
    )
    results = []
    for case in cases:
        rates = measure_rates(case)
        ours, theirs = rates.images_per_second, rates.loop_images_per_second
        speeds = (f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.0f}x")
        _print_row(_RATE_WIDTHS, *_describe(case), f"{rates.n_columns:,}", *speeds, f"{rates.share_equal:.1%}")
        results.append(rates)
    print("equal: values of both that agree within 1e-5")
    return results


def _describe(case):
    rows, cols = case.size or case.images.shape[1:]
    return case.data_set, f"{len(case.images):,} of {rows}x{cols}", case.features


def _print_row(widths, *cells):
    aligned = (f"{cell:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in zip(cells, widths, strict=True))
    print("  ".join(aligned), flush=True)


def _save_table(path, cases, accuracies, rates):
    from skimgfeat.io import atomic_write

    lines = [
        {
            "data_set": case.data_set,
            "features": case.features,
            "n_images": len(case.images),
            **accuracy,
            **vars(rate),
        }
        for case, accuracy, rate in zip(cases, accuracies, rates, strict=True)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0])
    writer.writeheader()
    writer.writerows(lines)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
    print(f"results: {path}")


def _save_figure(path, cases):
    """Draw the examples; without matplotlib, say so."""
    from skimgfeat.io import atomic_write
    from skimgfeat.recipes import draw_hog_examples

    try:
        figure = draw_hog_examples(cases)
    except ImportError as error:
        print(f"no picture: {first_line(error)}")
        return
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
    print(f"examples with their HOG: {path}")
