"""``skimgfeat aggregate``: features of images to features of the items that they show."""

import os
import re
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter

from skimgfeat.cli._arguments import UsageError, first_line
from skimgfeat.cli._show import show, show_json

_ROW_ERRORS = 3
_SUFFIXES = (".parquet", ".csv")

_EPILOG = """\
FEATURES is a job folder that extract has finished, or a Parquet file with a column of floating-point numbers a feature.

OUT ends in .parquet or .csv: the column item_id, then a column a feature.

examples:
  skimgfeat aggregate features items.parquet
  skimgfeat aggregate features items.csv --regex '^([0-9]+)-' --method max --prefix img_feature_
  skimgfeat aggregate features folders.parquet --regex '^([^/]+)/' --on image_path --counts

exit codes: 0 done, 3 done and some rows failed or belong to no item, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "aggregate",
        usage="skimgfeat aggregate FEATURES OUT [options]",
        help="make one row an item out of the features of its images",
        description="Make one row of features an item out of the rows of its images.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("features", metavar="FEATURES", help="a job folder or a Parquet file: see below")
    parser.add_argument("output", metavar="OUT", help="a .parquet or .csv file")
    group = parser.add_argument_group("which rows belong together")
    told = group.add_mutually_exclusive_group()
    told.add_argument("--by", default="item_id", metavar="COLUMN", help="those with the same value there (item_id)")
    told.add_argument(
        "--regex", type=_regex, metavar="REGEX", help="those whose names have the same first group, or the same match"
    )
    group.add_argument("--on", metavar="COLUMN", help="--regex: where to look for it (image_name)")
    group = parser.add_argument_group("what becomes of them")
    group.add_argument(
        "--method",
        choices=["mean", "max", "first", "median"],
        default="mean",
        help="column by column; first is the row of the first name, 2 before 10 (mean)",
    )
    group.add_argument(
        "--nan-policy",
        choices=["omit", "propagate", "raise"],
        default="omit",
        help="a row without features: take the others, make the item NaN, or end the command (omit)",
    )
    group = parser.add_argument_group("OUT")
    group.add_argument("--prefix", metavar="TEXT", help="call the features this and a number, such as img_feature_")
    group.add_argument("--counts", action="store_true", help="add the columns n_images and n_failed")
    group.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")
    group = parser.add_argument_group("run")
    group.add_argument("--quiet", action="store_true", help="no account")
    group.add_argument("--json", action="store_true", help="print the account as one JSON object, with all names")


def _regex(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"is no regular expression, {error}: {text!r}") from error


def run(args):
    """Aggregate into the file, show the account, and return the exit code."""
    _check_output(args)
    if args.on is not None and args.regex is None:
        raise UsageError("--on says where --regex looks: give that, too")

    from skimgfeat.jobs import aggregate

    try:
        account = aggregate(
            args.features,
            by=args.by if args.regex is None else args.regex,
            method=args.method,
            on=args.on,
            nan_policy=args.nan_policy,
            counts=args.counts,
            prefix=args.prefix,
            output=args.output,
        )
    except (TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    _show_account(args, account)
    return _ROW_ERRORS if account.failed or account.unmatched else 0


def _check_output(args):
    if not args.output.lower().endswith(_SUFFIXES):
        raise UsageError(f"OUT must end in {' or '.join(_SUFFIXES)}, got {args.output!r}")
    if os.path.exists(args.output):
        if os.path.exists(args.features) and os.path.samefile(args.output, args.features):
            raise UsageError(f"{args.output!r} is read from: choose another OUT")
        if not args.overwrite:
            raise UsageError(f"{args.output!r} exists: choose another OUT, or replace it with --overwrite")


def _show_account(args, account):
    if args.json:
        show_json({"output": args.output, **account.to_dict()})
    elif not args.quiet:
        show(str(account))
        show(args.output)
