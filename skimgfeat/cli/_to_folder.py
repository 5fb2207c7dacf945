"""Features of any number of images to a job folder, in a run that can die and go on."""

import os
import sys
from functools import partial

from skimgfeat.cli._arguments import UsageError
from skimgfeat.cli._job import exit_code, run_job

_OPTIONS = ("chunk_size", "on_error", "max_error_rate", "item_timeout", "layout", "prefix")


def extract_to_folder(args, pipeline, X, y):
    """Run the job, show its account however it ends, and return the exit code."""
    from skimgfeat.io._sources import is_address
    from skimgfeat.jobs import extract, write_csv

    if args.csv and is_address(args.output):
        raise UsageError(f"--csv writes to a disk, and {args.output!r} is an address")
    job = partial(extract, pipeline, X, args.output, y=y, resume=not args.no_resume)
    account = run_job(args, _OPTIONS, job)
    if account.listed != len(X):
        _note(
            f"{args.output!r} holds a job over {account.listed} images, and {len(X)} are chosen now: "
            "take another OUTPUT for these"
        )
    if args.csv:
        write_csv(args.output, os.path.join(args.output, "features.csv"))
    return exit_code(account)


def _note(text):
    print(f"skimgfeat: note: {text}", file=sys.stderr)
