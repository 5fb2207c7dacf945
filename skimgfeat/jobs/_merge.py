"""Features of items beside what else is known of the items."""

from collections import Counter
from dataclasses import asdict, dataclass, field

from skimgfeat._validation import check_choice
from skimgfeat.jobs._aggregate import name_some
from skimgfeat.jobs._item_index import as_item_id

_OWNER = "merge_features"
_HOWS = ("left", "right", "inner", "outer")
_VALIDATIONS = ("one_to_one", "many_to_one", "one_to_many")
_KEY = "__item_id__"


@dataclass(frozen=True)
class MergeAccount:
    """Which rows of two tables found each other.

    Attributes
    ----------
    table_rows : int
        How many rows the table has.
    feature_rows : int
        How many rows of features there are.
    table_unmatched : list of tuple
        The rows of the table without features: place from 0, and what the row has in ``left_on``.
    features_unmatched : list of tuple
        The rows of features that belong to no row of the table: place from 0, and what the row has in ``right_on``.

    Examples
    --------
    >>> from skimgfeat.jobs import MergeAccount
    >>> print(MergeAccount(table_rows=3, feature_rows=2, table_unmatched=[(2, "4711")], features_unmatched=[]))
    3 rows of the table = 2 matched + 1 unmatched ('4711'); 2 rows of features = 2 matched + 0 unmatched
    """

    table_rows: int
    feature_rows: int
    table_unmatched: list = field(default_factory=list)
    features_unmatched: list = field(default_factory=list)

    def to_dict(self):
        """Return what it tells as a dictionary that JSON takes.

        Returns
        -------
        content : dict
            The attributes.
        """
        return asdict(self)

    def __str__(self):
        sides = [
            ("the table", self.table_rows, self.table_unmatched),
            ("features", self.feature_rows, self.features_unmatched),
        ]
        return "; ".join(
            f"{n_rows} rows of {side} = {n_rows - len(unmatched)} matched + {len(unmatched)} unmatched"
            f"{name_some([key for _, key in unmatched])}"
            for side, n_rows, unmatched in sides
        )


def merge_features(features, table, left_on, right_on="item_id", how="left", *, validate="one_to_one"):
    """Put the features of items beside the rows of another table.

    Parameters
    ----------
    features : pandas.DataFrame
        What :func:`aggregate` returns, or :func:`load_features` with ``to="pandas"``.
    table : pandas.DataFrame
        What else is known of the items.
    left_on : str
        The column of ``table`` that tells the item. Whole numbers and their digits are the same: 4711 and "4711".
    right_on : str, default="item_id"
        That of ``features``.
    how : {"left", "right", "inner", "outer"}, default="left"
        Which rows are kept: "left" those of the table, "right" those of the features, "inner" those that both have,
        "outer" all. What one side lacks is missing.
    validate : {"one_to_one", "many_to_one", "one_to_many"}, default="one_to_one"
        Where an item may stand more than once: nowhere, in the table, or in the features.

    Returns
    -------
    merged : pandas.DataFrame
        The columns of the table, then those of the features, and a new index. Rows in the order of the table, or of the
        features with ``how="right"``. A column that both tables tell the item by is there once, as texts.
    account : MergeAccount
        The rows that found none, on both sides, whether they are kept or not.

    Raises
    ------
    TypeError
        For tables of another kind.
    ValueError
        For a column that is not there, or is in both tables; an item that stands more than once where it must not;
        items told by fractions or truth values.
    ImportError
        Without pandas.

    See Also
    --------
    aggregate : Makes one row an item.

    Notes
    -----
    A row whose item is missing matches none, where pandas would match it with all others that are missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from skimgfeat import merge_features
    >>> features = pd.DataFrame({"item_id": ["7", "12", "30"], "img_feature_0": [0.5, 0.25, 1.0]})
    >>> prices = pd.DataFrame({"id": [12, 7, 8], "price": [90.0, 40.0, 65.0]})
    >>> merged, account = merge_features(features, prices, left_on="id")
    >>> merged[["id", "price", "img_feature_0"]]
       id  price  img_feature_0
    0  12   90.0           0.25
    1   7   40.0           0.50
    2   8   65.0            NaN
    >>> account.table_unmatched, account.features_unmatched
    ([(2, '8')], [(2, '30')])
    """
    check_choice(_OWNER, "how", how, _HOWS)
    check_choice(_OWNER, "validate", validate, _VALIDATIONS)
    _check_tables(features, table, left_on, right_on)
    left, right = _item_ids(table, left_on), _item_ids(features, right_on)
    one_left, one_right = (count == "one" for count in validate.split("_to_"))
    _check_unique("table", left_on, left, one_left, "many_to_one")
    _check_unique("features", right_on, right, one_right, "one_to_many")
    account = MergeAccount(
        table_rows=len(left),
        feature_rows=len(right),
        table_unmatched=_unmatched(left, right),
        features_unmatched=_unmatched(right, left),
    )
    # Numbers stand for items in the order in which they appear; a missing item is one that nothing else is.
    codes: dict = {}
    sides = [
        [codes.setdefault((place, name) if item is None else item, len(codes)) for place, item in enumerate(items)]
        for name, items in (("table", left), ("features", right))
    ]
    if left_on == right_on:
        features = features.drop(columns=right_on)
    merged = table.assign(**{_KEY: sides[0]}).merge(features.assign(**{_KEY: sides[1]}), on=_KEY, how=how)
    if left_on == right_on:
        items = [item if isinstance(item, str) else None for item in codes]
        merged[left_on] = [items[code] for code in merged[_KEY]]
    return merged.drop(columns=_KEY), account


def _check_tables(features, table, left_on, right_on):
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(f"{_OWNER} needs pandas, which is not installed: pip install pandas.") from error
    for name, frame, on, column in (("features", features, "right_on", right_on), ("table", table, "left_on", left_on)):
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"{_OWNER}: {name} must be a pandas DataFrame, got {type(frame).__name__}.")
        if column not in frame.columns:
            raise ValueError(f"{_OWNER}: {name} has no column {on}={column!r}; its columns are {list(frame.columns)}.")
        if not isinstance(frame[column], pd.Series):
            raise ValueError(f"{_OWNER}: {name} has more than one column {on}={column!r}; rename or drop the others.")
    both = [column for column in table.columns if column in features.columns and not column == left_on == right_on]
    if both:
        raise ValueError(f"{_OWNER}: table and features both have the columns {both}; rename those of one.")


def _item_ids(frame, column):
    return [as_item_id(_OWNER, column, value) for value in frame[column].tolist()]


def _check_unique(side, column, items, must_be_unique, alternative):
    """Raise ValueError where an item stands more than once, and must not."""
    if must_be_unique:
        repeated = [item for item, count in Counter(items).items() if count > 1 and item is not None]
        if repeated:
            raise ValueError(
                f"{_OWNER}: {len(repeated)} items stand in column {column!r} of {side} more than once"
                f"{name_some(repeated)}; validate={alternative!r} allows that."
            )


def _unmatched(items, others):
    """Return (place, item) of the items that are not among the others."""
    known = set(others) - {None}
    return [(place, item) for place, item in enumerate(items) if item not in known]
