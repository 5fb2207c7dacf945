"""What the commands share that run a job."""

from skimgfeat.cli._arguments import CommandError, UsageError, first_line
from skimgfeat.cli._show import show_account

_ITEM_ERRORS = 3


def run_job(args, names, job):
    """Run a job with the options of these names that were given, show its account however it ends, and return it."""
    from skimgfeat.io import ImageError
    from skimgfeat.io._files import DamagedError
    from skimgfeat.jobs import Interrupted

    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    try:
        account = job(n_jobs=args.jobs, progress=not args.quiet, **options)
    except Interrupted as interruption:
        show_account(args, interruption.account)
        raise KeyboardInterrupt("interrupted: the same command goes on from here") from interruption
    except RuntimeError as error:
        if hasattr(error, "account"):
            show_account(args, error.account)
        raise CommandError(first_line(error)) from error
    except (DamagedError, ImageError):
        raise
    except (FileExistsError, TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    show_account(args, account)
    return account


def exit_code(account):
    """Return the exit code of a job that has ended."""
    return _ITEM_ERRORS if account.error else 0
