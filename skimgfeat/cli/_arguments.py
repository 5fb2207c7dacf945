"""What the commands share: the parser, their errors, the types of arguments."""

import argparse
import math


class UsageError(Exception):
    """The command line has to be changed."""


class CommandError(Exception):
    """The command failed, and it is no mistake of this package."""


class ArgumentParser(argparse.ArgumentParser):
    """argparse's, which raises :class:`UsageError` instead of printing the usage and leaving the process."""

    def error(self, message):
        """Raise the error, with a pointer to the help."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def first_line(error):
    """Return what an error says in one line: libraries go on with advice that is not about this command."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return next(iter(str(error).splitlines()), type(error).__name__)


def positive_integer(text):
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def index(text):
    """Read the place of an item: at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {text}")
    return number


def share(text):
    """Read a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return number


def seconds(text):
    """Read a time above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return number


def jobs(text):
    """Read a number of threads or processes as scikit-learn's n_jobs: not 0."""
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must not be 0: 1 is one of them, -1 one for every processor")
    return number


def sides(text):
    """Read (rows, cols) from a text such as 28x28."""
    numbers = image_sides(text)
    if len(numbers) != 2:
        raise argparse.ArgumentTypeError(f"must be ROWSxCOLS, such as 28x28, got {text!r}")
    return numbers


def image_sides(text):
    """Read (rows, cols) or (rows, cols, channels) from a text such as 28x28 or 32x32x3."""
    parts = text.split("x")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"must be ROWSxCOLS or ROWSxCOLSxCHANNELS, such as 28x28, got {text!r}")
    return tuple(map(int, parts))
