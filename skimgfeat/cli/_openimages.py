"""``skimgfeat openimages``: the photos of Open Images."""

import argparse
import os
from argparse import RawDescriptionHelpFormatter

from skimgfeat.cli._arguments import CommandError, UsageError, first_line, index, positive_integer, seconds
from skimgfeat.cli._job import exit_code
from skimgfeat.cli._show import show_account

_FLAGS = ("occluded", "truncated", "group-of", "depiction", "inside")
_RUN_OPTIONS = ("max_rate", "max_rate_per_host", "max_retries", "timeout", "max_bytes")
_PATHS = {"originals": "url", "copies": "id"}
_EPILOG = """\
METADATA are the files that Open Images publishes at https://storage.googleapis.com/openimages/web/download.html:
class-descriptions-boxable.csv, SUBSET-annotations-bbox.csv and SUBSET-images-boxable-with-rotation.csv, whatever
version stands in their names.

The same command goes on where an earlier one was interrupted or killed, and adds photos of other classes.
OUT/downloads.csv lists what became of each photo: its address, its size and MD5 sum, or the code of what failed.

examples:
  skimgfeat openimages download Sandwich 'Hot dog' Hamburger data/images
  skimgfeat openimages download Cat cats --metadata metadata --source copies --limit 1000 --group-of no

exit codes: 0 done, 3 done and some photos could not be had, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser("openimages", help="download photos of Open Images")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="openimages_command", required=True)
    download = commands.add_parser(
        "download",
        usage="skimgfeat openimages download CLASS [CLASS ...] OUT [options]",
        help="download the photos that have boxes of some classes",
        description="Download the photos that have boxes of some classes.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    download.set_defaults(run=_download)
    download.add_argument("classes", metavar="CLASS", nargs="+", help="the name of a class, such as 'Hot dog'")
    download.add_argument("output", metavar="OUT", help="a folder, created where missing")
    _add_choice(download)
    _add_run(download)


def _add_choice(parser):
    group = parser.add_argument_group("which photos")
    group.add_argument("--metadata", metavar="DIR", help="folder of METADATA (the folder 'metadata' beside OUT)")
    group.add_argument("--subset", choices=["train", "validation", "test"], default="train", help="(train)")
    for flag in _FLAGS:
        group.add_argument(
            f"--{flag}",
            choices=["yes", "no"],
            help=f"only those of boxes whose Is{flag.title().replace('-', '')} is so",
        )
    group.add_argument("--limit", type=positive_integer, metavar="N", help="the first so many (all)")
    group.add_argument(
        "--source",
        choices=list(_PATHS),
        default="originals",
        help="from their authors, checked by MD5 sum and named by the last part of their address, or copies of at most "
        "1024 pixels a side, named by id (originals)",
    )
    group.add_argument("--base-url", metavar="URL", help="the folder on the web of copies SUBSET/ID.jpg")


def _add_run(parser):
    group = parser.add_argument_group("run; defaults are those of download_images")
    for name, kind, what in (
        ("jobs", positive_integer, "photos at a time (8)"),
        ("max-rate", _rate, "requests a second; 0 for no limit (0)"),
        ("max-rate-per-host", _rate, "requests a second to one host; 0 for no limit (10)"),
        ("max-retries", index, "of a photo whose host is busy or breaks off (5)"),
        ("timeout", seconds, "seconds without an answer (30)"),
        ("max-bytes", positive_integer, "of a photo (268435456)"),
    ):
        # What is not given is not there: None is no limit.
        group.add_argument(f"--{name}", type=kind, metavar="N", default=argparse.SUPPRESS, help=what)
    group.add_argument("--retry-failed", action="store_true", help="ask again for what could not be had for good")
    group.add_argument("--quiet", action="store_true", help="no progress and no account")
    group.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def _rate(text):
    number = float(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {text}")
    return number or None


def _download(args):
    """Download what is not there yet, show the account however it ends, and return the exit code."""
    from skimgfeat.datasets import download_images
    from skimgfeat.jobs import Interrupted

    photos = _choose(args)
    options = {name: getattr(args, name) for name in _RUN_OPTIONS if name in args}
    if "jobs" in args:
        options["n_jobs"] = args.jobs
    try:
        account = download_images(
            photos, args.output, retry_failed=args.retry_failed, progress=not args.quiet, **options
        )
    except Interrupted as interruption:
        show_account(args, interruption.account)
        raise KeyboardInterrupt("interrupted: the same command goes on from here") from interruption
    show_account(args, account)
    return exit_code(account)


def _choose(args):
    """Return the table of the photos that are asked for."""
    from skimgfeat.datasets import OpenImages

    folder = args.metadata or os.path.join(os.path.dirname(os.path.abspath(args.output)), "metadata")
    try:
        metadata = OpenImages(folder, args.subset, paths=_PATHS[args.source])
        flags = {f"is_{name.replace('-', '_')}": getattr(args, name.replace("-", "_")) for name in _FLAGS}
        flags = {name: flag == "yes" for name, flag in flags.items() if flag is not None}
        boxes = metadata.boxes(args.classes, to="arrow", **flags)
    except FileNotFoundError as error:
        raise CommandError(f"{first_line(error)} (see skimgfeat openimages download --help)") from error
    except ValueError as error:
        raise UsageError(first_line(error)) from error
    options = {"base_url": args.base_url} if args.base_url else {}
    photos = metadata.photos(boxes["image_id"].to_pylist(), to="arrow", **options)
    return photos if args.limit is None else photos[: args.limit]
