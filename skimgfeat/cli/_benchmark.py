"""``skimgfeat benchmark``: classifiers of CIFAR-10, each with its accuracy and its time."""

import argparse
import csv
import io
import logging
import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from skimgfeat.cli._arguments import UsageError, first_line, jobs
from skimgfeat.cli._show import show

_FEWEST_IMAGES = 100
_RESULTS, _TABLE, _MARKDOWN, _FIGURE = "results", "results.csv", "results.md", "results.png"
_WIDTHS = (-20, -34, 8, 8, 10, 10)


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "benchmark",
        help="fit and test classifiers of CIFAR-10",
        description="Fit classifiers on CIFAR-10, from chance to networks, and show their accuracy on the test images, "
        "and their time. Each result is kept as soon as it is there: a run that is killed goes on with the next.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("data_set", choices=["cifar10"], help="what is classified")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder with train.parquet and test.parquet, or with train and test, each a folder of images a class; "
        "without it, CIFAR-10 is downloaded once",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="benchmark_output",
        help=f"folder for {_TABLE}, {_MARKDOWN}, {_FIGURE} and the results so far (%(default)s)",
    )
    parser.add_argument("--rows", metavar="A,B,...", help="which classifiers (all); --list names them")
    parser.add_argument("--list", action="store_true", help="name the classifiers, and stop")
    parser.add_argument(
        "--limit",
        type=_n_images,
        metavar="N",
        help=f"images to train on, at least {_FEWEST_IMAGES}; a fifth to test on (all)",
    )
    parser.add_argument(
        "--jobs", type=jobs, default=-1, metavar="N", help="number of threads, -1 for all (%(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="forget the results so far")
    parser.add_argument("--quiet", action="store_true", help="show the results only")


def _n_images(text):
    if int(text) < _FEWEST_IMAGES:
        raise argparse.ArgumentTypeError(f"must be at least {_FEWEST_IMAGES}, got {text}")
    return int(text)


def run(args):
    """Run the rows that have no result yet, and print them as they come."""
    from skimgfeat.recipes import load_benchmark_images, make_benchmark_rows

    rows = _chosen(args.rows, {row.key: row for row in make_benchmark_rows()})
    if args.list:
        for row in rows:
            show(f"{row.key:20}  {row.title}")
        return 0
    output = Path(args.output)
    if output.exists() and not output.is_dir():
        raise UsageError(f"{args.output!r} is a file: choose another folder with --output")
    output.mkdir(parents=True, exist_ok=True)
    if args.overwrite:
        shutil.rmtree(output / _RESULTS, ignore_errors=True)
    images = load_benchmark_images(args.data, n_images=args.limit)
    show(f"{images.source}: {len(images.train_images):,} images to train on, {len(images.test_images):,} to test on")
    with _epochs_shown(args.quiet):
        results = _run_rows(args, rows, images, output / _RESULTS)
    if results:
        _save(output, results)
    return 0


def _chosen(text, rows):
    if text is None:
        return list(rows.values())
    unknown = [key for key in text.split(",") if key not in rows]
    if unknown:
        raise UsageError(f"--rows: there is no {unknown[0]!r}; there are {', '.join(rows)}")
    return [rows[key] for key in text.split(",")]


@contextmanager
def _epochs_shown(quiet):
    """Show the epochs of the networks on the standard error stream."""
    logger = logging.getLogger("skimgfeat.neural")
    handler = logging.NullHandler() if quiet else logging.StreamHandler(sys.stderr)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _run_rows(args, rows, images, folder):
    from skimgfeat.recipes import run_benchmark_row

    _show_row("row", "classifier", "accuracy", "macro F1", "fit, s", "predict, s")
    results = []
    for number, row in enumerate(rows, start=1):
        if not args.quiet:
            print(f"[{number}/{len(rows)}] {row.key}: {row.title} ...", file=sys.stderr, flush=True)
        try:
            result = run_benchmark_row(row, images, folder, n_jobs=args.jobs)
        except ImportError as error:
            show(f"{row.key:20}  left out: {first_line(error)}")
            continue
        seconds = f"{result.fit_seconds:,.1f}", f"{result.predict_seconds:,.1f}"
        _show_row(row.key, row.title, f"{result.accuracy:.3f}", f"{result.macro_f1:.3f}", *seconds)
        results.append(result)
    return results


def _show_row(*cells):
    aligned = (f"{cell:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in zip(cells, _WIDTHS, strict=True))
    show("  ".join(aligned))


def _save(output, results):
    """Write the tables and the figure; without matplotlib, say so."""
    from skimgfeat.io import atomic_write
    from skimgfeat.recipes import draw_benchmark, format_benchmark

    text = io.StringIO()
    writer = csv.DictWriter(text, asdict(results[0]))
    writer.writeheader()
    writer.writerows(map(asdict, results))
    for name, content in ((_TABLE, text.getvalue()), (_MARKDOWN, format_benchmark(results))):
        with atomic_write(output / name) as file:
            file.write(content.encode())
        show(f"table: {output / name}")
    try:
        figure = draw_benchmark(results)
    except ImportError as error:
        show(f"no picture: {first_line(error)}")
        return
    with atomic_write(output / _FIGURE) as file:
        figure.savefig(file, format="png", dpi=120)
    show(f"picture: {output / _FIGURE}")
