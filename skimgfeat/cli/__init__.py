"""The command ``skimgfeat``.

Each command is a module with ``add_parser(subparsers)`` and ``run(args)``, which returns the exit code. Only argparse
and its like are imported until a command runs, so that ``skimgfeat --help`` answers at once.
"""

import signal
import sys
import threading
from contextlib import contextmanager

from skimgfeat import __version__
from skimgfeat.cli._aggregate import add_parser as add_aggregate
from skimgfeat.cli._arguments import ArgumentParser, CommandError, UsageError, first_line
from skimgfeat.cli._benchmark import add_parser as add_benchmark
from skimgfeat.cli._codec import add_parser as add_codec
from skimgfeat.cli._crop import add_parser as add_crop
from skimgfeat.cli._demo import add_parser as add_demo
from skimgfeat.cli._extract import add_parser as add_extract
from skimgfeat.cli._info import add_parser as add_info
from skimgfeat.cli._openimages import add_parser as add_openimages
from skimgfeat.cli._report import add_parser as add_report
from skimgfeat.cli._sift import add_parser as add_sift
from skimgfeat.cli._verify import add_parser as add_verify

__all__ = ["main"]

_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def main(argv=None):
    """Run the command ``skimgfeat``.

    Parameters
    ----------
    argv : list of str or None, default=None
        The arguments after the name of the program; None takes those of the process.

    Returns
    -------
    exit_code : int
        0: done. 3: done, and some of the images failed; the account tells how many, and why. 1: a file could not be
        read or written, an image could not be used, too many failed, or what was verified is not right. 2: the
        command line has to be changed: wrong options, options that do not suit the images, an output that is in the
        way. 130: interrupted, by SIGINT or SIGTERM. What is wrong stands in one line on the standard error stream.

    Examples
    --------
    >>> from skimgfeat.cli import main
    >>> main(["--version"])
    skimgfeat 0.1.0
    0
    """
    try:
        args = _make_parser().parse_args(argv)
    except UsageError as error:
        return _fail(error, _USAGE)
    except SystemExit:  # --help and --version end here
        return 0
    try:
        with _sigterm_interrupts():
            return args.run(args)
    except UsageError as error:
        return _fail(error, _USAGE)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", _INTERRUPTED)
    except (CommandError, ImportError, MemoryError, OSError, ValueError) as error:
        return _fail(error, _FAILED)


def _make_parser():
    parser = ArgumentParser(
        prog="skimgfeat",
        description="Turn images into features.",
        epilog="Exit codes: 0 done, 3 done and some images failed, 1 failed, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"skimgfeat {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for add_parser in (
        add_demo,
        add_extract,
        add_aggregate,
        add_crop,
        add_info,
        add_verify,
        add_report,
        add_sift,
        add_codec,
        add_openimages,
        add_benchmark,
    ):
        add_parser(subparsers)
    return parser


def _fail(error, exit_code):
    print(f"skimgfeat: error: {first_line(error)}", file=sys.stderr)
    return exit_code


@contextmanager
def _sigterm_interrupts():
    """Let SIGTERM end the block as SIGINT does, where signals are heard: in the main thread."""
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)
