"""``skimgfeat verify``: whether a job folder is what a run wrote."""

from skimgfeat.cli._show import show

_NOT_RIGHT = 1


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "verify",
        help="recompute the hashes of a job folder",
        description="Recompute the hash of each file in a job folder, read every page of it with its checksum, and "
        "compare the account with the rows. Prints a line a problem.",
        epilog="Exit codes: 0 right, 1 not right, or not finished.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("output", metavar="OUTPUT", help="a job folder that extract has written, or a store")


def run(args):
    """Print what is wrong."""
    from skimgfeat.jobs import load_account, verify

    problems = verify(args.output)
    for problem in problems:
        show(problem)
    if problems:
        return _NOT_RIGHT
    show(f"right: {load_account(args.output)}")
    return 0
