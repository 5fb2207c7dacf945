"""What the commands share that write a store of descriptors."""

from skimgfeat.cli._arguments import CommandError, UsageError, first_line, jobs, positive_integer, seconds, share
from skimgfeat.cli._show import show_account

_ITEM_ERRORS = 3
_OPTIONS = ("chunk_size", "on_error", "max_error_rate", "item_timeout")


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
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="number of processes, -1 for all (-1)")
    add_output_options(group)


def add_output_options(parser):
    """Add the options that say what is printed."""
    parser.add_argument("--quiet", action="store_true", help="no progress and no account")
    parser.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def write_store(args, estimator, X, output):
    """Extract what is not in the store yet, show the account however it ends, and return the exit code."""
    from skimgfeat.io import ImageError
    from skimgfeat.jobs import Interrupted, extend_store, extract

    # Images that were arrays have no paths to be found again by.
    run = extend_store if all(X.names) else extract
    options = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    try:
        account = run(estimator, X, output, n_jobs=args.jobs, progress=not args.quiet, **options)
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
    return _ITEM_ERRORS if account.error else 0
