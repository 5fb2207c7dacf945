"""What became of every item of a run."""

from collections import Counter
from dataclasses import asdict, dataclass, field

OK, PARTIAL, ERROR = "ok", "partial", "error"


@dataclass(frozen=True)
class Account:
    """What became of every item of a run: ``listed == ok + partial + error + skipped``.

    Attributes
    ----------
    output : str
        The job folder.
    listed : int
        How many items the run has.
    ok : int
        Items with a row of features.
    partial : int
        Items with a row of features and a reservation, which stands in the column ``message``.
    error : int
        Items without features.
    skipped : int
        Items that were not attempted, since the run was stopped before.
    codes : dict of str to int
        How many errors of each code; :class:`skimgfeat.io.ImageError` lists them.
    seconds : float, default=0.0
        How long this run took; earlier runs that it resumed are not counted.
    n_done : int, default=0
        How many items this run computed.

    Raises
    ------
    ValueError
        Where the numbers do not add up.

    Examples
    --------
    >>> from skimgfeat.jobs import Account
    >>> account = Account("features", listed=3, ok=2, partial=0, error=1, skipped=0, codes={"truncated": 1})
    >>> print(account)
    3 listed = 2 ok + 0 partial + 1 error (1 truncated) + 0 skipped
    >>> account.complete
    True
    """

    output: str
    listed: int
    ok: int
    partial: int
    error: int
    skipped: int
    codes: dict = field(default_factory=dict)
    seconds: float = 0.0
    n_done: int = 0

    def __post_init__(self):
        if self.listed != self.ok + self.partial + self.error + self.skipped or self.error != sum(self.codes.values()):
            raise ValueError(f"the account of {self.output!r} does not add up: {asdict(self)}")

    @property
    def complete(self):
        """Whether every item was attempted."""
        return self.skipped == 0

    @property
    def items_per_second(self):
        """The items that this run computed, over its seconds."""
        return self.n_done / self.seconds if self.seconds else 0.0

    def to_dict(self):
        """Return the numbers as a dictionary that JSON takes.

        Returns
        -------
        numbers : dict
            The parameters, ``complete`` and ``items_per_second``.
        """
        return {**asdict(self), "complete": self.complete, "items_per_second": self.items_per_second}

    def __str__(self):
        codes = ", ".join(f"{count} {code}" for code, count in sorted(self.codes.items()))
        return (
            f"{self.listed} listed = {self.ok} ok + {self.partial} partial + {self.error} error"
            f"{f' ({codes})' if codes else ''} + {self.skipped} skipped"
        )


def add_up(output, listed, chunks, **measured):
    """Return the account of the chunks that are written; what is in none of them was skipped.

    ``chunks`` are the summaries that stand in the chunk files.
    """
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for chunk in chunks:
        counts.update({name: chunk[name] for name in (OK, PARTIAL, ERROR)})
        codes.update(error["code"] for error in chunk["errors"])
    done = sum(counts.values())
    return Account(
        output=output,
        listed=listed,
        ok=counts[OK],
        partial=counts[PARTIAL],
        error=counts[ERROR],
        skipped=listed - done,
        codes=dict(codes),
        **measured,
    )


def sum_accounts(output, accounts):
    """Return the account of several runs together."""
    names = ("listed", "ok", "partial", "error", "skipped", "seconds", "n_done")
    codes: Counter[str] = Counter()
    for account in accounts:
        codes.update(account.codes)
    return Account(output, **{name: sum(getattr(each, name) for each in accounts) for name in names}, codes=dict(codes))


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; what it had written stays, and the same call goes on from there.

    Parameters
    ----------
    account : Account
        What became of the items until then.

    Examples
    --------
    >>> from skimgfeat.jobs import Account, Interrupted
    >>> try:
    ...     raise Interrupted(Account("features", listed=3, ok=1, partial=0, error=0, skipped=2))  # as extract does
    ... except Interrupted as interruption:
    ...     print(interruption.account.skipped, "items are left")
    2 items are left
    """

    def __init__(self, account):
        super().__init__(f"interrupted: {account}")
        self.account = account


class TooManyErrorsError(RuntimeError):
    """A run was stopped since more items failed than ``max_error_rate`` allows.

    Parameters
    ----------
    message : str
        What is wrong.
    account : Account
        What became of the items until then.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat import Flatten, extract
    >>> from skimgfeat.jobs import TooManyErrorsError
    >>> images = np.full((4, 2, 2), np.nan)
    >>> images[0] = 0.5
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         extract(Flatten(), images, os.path.join(folder, "pixels"), max_error_rate=0.5)
    ...     except TooManyErrorsError as error:
    ...         print(error.account)
    4 listed = 1 ok + 0 partial + 3 error (3 failed) + 0 skipped
    """

    def __init__(self, message, account):
        super().__init__(message)
        self.account = account
