"""``skimgfeat report``: features as a page to look at."""

import os
from argparse import RawDescriptionHelpFormatter

from skimgfeat.cli._arguments import UsageError, first_line, index, jobs, positive_integer
from skimgfeat.cli._show import show, show_json

_SUFFIXES = (".html", ".htm")
# By their names here, those of write_report.
_OPTIONS = {
    "images": "images",
    "title": "title",
    "metric": "metric",
    "neighbors": "n_neighbors",
    "farthest": "n_farthest",
    "max_images": "max_images",
    "thumbnail_size": "thumbnail_size",
    "seed": "random_state",
}

_EPILOG = """\
FEATURES is what extract or crop has written, a job folder or a file, or any .npy, .npz or Parquet file of rows.

OUT is one .html file, which needs no other and fetches none. Without it, FEATURES/report.html, or the name of the file
with .html at its end.

examples:
  skimgfeat report features
  skimgfeat report features page.html --metric cosine --max-images 5000
  skimgfeat report train.npz --images train-images-idx3-ubyte.gz --standardize
  skimgfeat report features --images /mnt/photos   where the images have been moved to

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "report",
        usage="skimgfeat report FEATURES [OUT] [options]",
        help="write a page of similar images, statistics and failures",
        description="Write one HTML file that shows which images are similar by their features, how the features "
        "spread, and which images failed.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("features", metavar="FEATURES", help="a job folder or a file: see below")
    parser.add_argument("output", metavar="OUT", nargs="?", help="an .html file (report.html in the job folder)")
    group = parser.add_argument_group("which images")
    group.add_argument(
        "--images", metavar="PATH", help="the folder that the images are in now, or a file of arrays, one an item"
    )
    group.add_argument("--labels", metavar="FILE", help="labels, one an item, in place of those in FEATURES")
    group.add_argument("--labels-key", metavar="KEY", help="--labels: which array or column")
    group.add_argument(
        "--max-images", type=positive_integer, metavar="N", help="of more, draw so many at random (1000)"
    )
    group.add_argument("--seed", type=index, metavar="N", help="which are drawn (0)")
    group = parser.add_argument_group("how they are compared")
    group.add_argument("--metric", choices=["euclidean", "cosine"], help="the distance (euclidean)")
    group.add_argument("--standardize", action="store_true", help="bring columns to mean 0 and variance 1 first")
    group.add_argument("--neighbors", type=positive_integer, metavar="N", help="how many are shown with each (12)")
    group.add_argument("--farthest", type=positive_integer, metavar="N", help="how many of the least similar (6)")
    group = parser.add_argument_group("OUT")
    group.add_argument("--title", metavar="TEXT", help="of the page (the name of FEATURES)")
    group.add_argument(
        "--thumbnail-size", type=positive_integer, metavar="N", help="sides of pictures, in pixels (128)"
    )
    group.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")
    group = parser.add_argument_group("run")
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="number of threads, -1 for all (-1)")
    group.add_argument("--quiet", action="store_true", help="print nothing")
    group.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def run(args):
    """Write the page, say what it shows, and return the exit code."""
    output = _check_output(args)

    from skimgfeat.io import read_labels
    from skimgfeat.recipes import write_report

    options = {name: getattr(args, here) for here, name in _OPTIONS.items() if getattr(args, here) is not None}
    if args.labels is not None:
        options["y"] = read_labels(args.labels, key=args.labels_key)
    try:
        account = write_report(args.features, output, standardize=args.standardize, n_jobs=args.jobs, **options)
    except (TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    if args.json:
        show_json(account.to_dict())
    elif not args.quiet:
        show(str(account))
        show(output)
    return 0


def _check_output(args):
    """Return where the page is to be written; raise UsageError where it cannot or must not be."""
    from skimgfeat.io._sources import is_address

    if args.labels_key is not None and args.labels is None:
        raise UsageError("--labels-key names a part of a file: give that with --labels")
    output = args.output
    if output is None:
        if is_address(args.features):
            raise UsageError(f"{args.features!r} is an address, and the page is written to a disk: give OUT")
        is_folder = os.path.isdir(args.features)
        output = (
            os.path.join(args.features, "report.html") if is_folder else f"{os.path.splitext(args.features)[0]}.html"
        )
    elif not output.lower().endswith(_SUFFIXES):
        raise UsageError(f"OUT must end in {' or '.join(_SUFFIXES)}, got {output!r}")
    if os.path.exists(output) and not args.overwrite:
        raise UsageError(f"{output!r} exists: choose another OUT, or replace it with --overwrite")
    return output
