"""What the commands share that write a store of descriptors."""

from functools import partial

from skimgfeat.cli._arguments import jobs, positive_integer, seconds, share
from skimgfeat.cli._job import exit_code, run_job

_OPTIONS = ("chunk_size", "on_error", "max_error_rate", "item_timeout", "compression")


def add_store_options(parser):
    """Add the options of a run that writes a store."""
    group = parser.add_argument_group("run")
    group.add_argument("--chunk-size", type=positive_integer, metavar="N", help="images of a chunk (8 to 1024)")
    group.add_argument(
        "--on-error",
        choices=["record", "raise"],
        help="an image that fails: an entry without descriptors and the reason, or the end of the run (record)",
    )
    group.add_argument(
        "--max-error-rate", type=share, metavar="SHARE", help="end the run when more than this share of images failed"
    )
    group.add_argument(
        "--item-timeout", type=seconds, metavar="SECONDS", help="what an image may take before it counts as failed (60)"
    )
    group.add_argument("--compression", choices=["none", "zstd"], help="of the Parquet files (none)")
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="number of processes, -1 for all (-1)")
    add_output_options(group)


def add_output_options(parser):
    """Add the options that say what is printed."""
    parser.add_argument("--quiet", action="store_true", help="no progress and no account")
    parser.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def write_store(args, estimator, X, output):
    """Extract what is not in the store yet, show the account however it ends, and return the exit code."""
    from skimgfeat.jobs import extend_store, extract

    # Images that were arrays have no paths to be found again by.
    run = extend_store if all(X.names) else extract
    return exit_code(run_job(args, _OPTIONS, partial(run, estimator, X, output)))
