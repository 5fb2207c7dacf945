"""Features of any number of images to a job folder, in a run that can die and go on."""

import os
import sys
from functools import partial

from skimgfeat.cli._arguments import CommandError, UsageError, first_line
from skimgfeat.cli._show import show_account

_ITEM_ERRORS = 3
_OPTIONS = ("chunk_size", "on_error", "max_error_rate", "item_timeout", "layout", "prefix")


def extract_to_folder(args, pipeline, X, y):
    """Run the job, show its account however it ends, and return the exit code."""
    from skimgfeat.io._sources import is_address
    from skimgfeat.jobs import extract, write_csv

    if args.csv and is_address(args.output):
        raise UsageError(f"--csv writes to a disk, and {args.output!r} is an address")
    account = run_job(args, _OPTIONS, partial(extract, pipeline, X, args.output, y=y))
    if account.listed != len(X):
        _note(
            f"{args.output!r} holds a job over {account.listed} images, and {len(X)} are chosen now: "
            "take another OUTPUT for these"
        )
    if args.csv:
        write_csv(args.output, os.path.join(args.output, "features.csv"))
    return exit_code(account)


def run_job(args, names, job):
    """Run a job with the options of these names that were given, show its account however it ends, and return it."""
    from skimgfeat.io import ImageError
    from skimgfeat.jobs import Interrupted

    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    try:
        account = job(n_jobs=args.jobs, resume=not args.no_resume, progress=not args.quiet, **options)
    except Interrupted as interruption:
        show_account(args, interruption.account)
        raise KeyboardInterrupt("interrupted: the same command goes on from here") from interruption
    except RuntimeError as error:
        if hasattr(error, "account"):
            show_account(args, error.account)
        raise CommandError(first_line(error)) from error
    except ImageError:
        raise
    except (FileExistsError, TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    show_account(args, account)
    return account


def exit_code(account):
    """Return the exit code of a job that has ended."""
    return _ITEM_ERRORS if account.error else 0


def _note(text):
    print(f"skimgfeat: note: {text}", file=sys.stderr)
