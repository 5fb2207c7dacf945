"""What the commands print."""

import json
import sys


def show(text):
    """Print a line; what the terminal cannot write, such as names of files that are no text, comes as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def show_json(content):
    """Print one JSON object on one line."""
    show(json.dumps(content))


def show_account(args, account):
    """Print the account of a run as the options say."""
    if args.json:
        show_json(account.to_dict())
    elif not args.quiet:
        show(str(account))
        rate = f"{account.seconds:.2f} s, {account.items_per_second:,.0f} images/s"
        had_nothing_to_do = account.complete and not account.n_done
        show(f"{'nothing was left to do' if had_nothing_to_do else rate}: {account.output}")
