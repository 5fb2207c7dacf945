"""merge_features, beside pandas' merge on keys that are texts."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skimgfeat import merge_features

FEATURES = pd.DataFrame({"item_id": ["7", "12", "30"], "x": np.float32([0.5, 0.25, 1.0])})
TABLE = pd.DataFrame({"id": [12, 7, 8], "price": [90.0, 40.0, 65.0]}, index=["r", "s", "t"])
UNMATCHED = ([(2, "8")], [(2, "30")])


@pytest.mark.parametrize("how", ["left", "right", "inner", "outer"])
def test_as_pandas(how):
    merged, account = merge_features(FEATURES, TABLE, left_on="id", how=how)
    wanted = TABLE.assign(key=TABLE["id"].astype(str)).merge(FEATURES, how=how, left_on="key", right_on="item_id")
    wanted = wanted.drop(columns="key")
    if how == "outer":  # which pandas sorts by the texts
        wanted = wanted.iloc[[0, 2, 3, 1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(merged, wanted)
    assert (account.table_unmatched, account.features_unmatched) == UNMATCHED
    assert (account.table_rows, account.feature_rows) == (3, 3)
    assert str(account) == (
        "3 rows of the table = 2 matched + 1 unmatched ('8'); 3 rows of features = 2 matched + 1 unmatched ('30')"
    )
    assert json.loads(json.dumps(account.to_dict()))["table_unmatched"] == [[2, "8"]]


@pytest.mark.parametrize(
    "ids",
    [
        [12, 7, 8],
        ["12", "7", "8"],
        np.array([12, 7, 8], dtype=np.uint8),
        [12.0, 7.0, 8.0],
        pd.array([12, 7, 8], dtype="Int64"),
        pd.Categorical(["12", "7", "8"]),
        np.array([np.int64(12), "7", np.float32(8)], dtype=object),
    ],
    ids=lambda ids: f"{type(ids).__name__} of {type(ids[0]).__name__}",
)
def test_numbers_and_their_digits_are_the_same(ids):
    merged, account = merge_features(FEATURES, TABLE.assign(id=ids), left_on="id")
    assert merged["x"].tolist()[:2] == [0.25, 0.5]
    assert merged["id"].tolist() == list(ids)
    assert (account.table_unmatched, account.features_unmatched) == UNMATCHED


@pytest.mark.parametrize("ids", [[12, np.nan, np.nan], ["12", None, ""], pd.array([12, pd.NA, pd.NA], dtype="Int64")])
@pytest.mark.parametrize("how", ["left", "right", "inner", "outer"])
def test_a_missing_item_matches_none(ids, how):
    features = FEATURES.assign(item_id=["12", None, None])
    merged, account = merge_features(features, TABLE.assign(id=ids), left_on="id", how=how)
    assert account.table_unmatched == [(1, None), (2, None)]
    assert account.features_unmatched == [(1, None), (2, None)]
    assert len(merged) == {"left": 3, "right": 3, "inner": 1, "outer": 5}[how]
    assert merged.dropna(subset=["price", "x"])[["price", "x"]].to_numpy().tolist() == [[90.0, 0.5]]


@pytest.mark.parametrize(("how", "wanted"), [("left", "12 7 8"), ("right", "7 12 30"), ("outer", "12 7 8 30")])
def test_columns_of_one_name(how, wanted):
    merged, _ = merge_features(FEATURES, TABLE.rename(columns={"id": "item_id"}), left_on="item_id", how=how)
    assert list(merged.columns) == ["item_id", "price", "x"]
    assert merged["item_id"].tolist() == wanted.split()
    assert merged.set_index("item_id")["x"].dropna().to_dict() == {
        item: x for item, x in {"7": 0.5, "12": 0.25, "30": 1.0}.items() if item in wanted.split()
    }


def test_items_that_stand_more_than_once():
    twice = pd.concat([TABLE, TABLE.iloc[:1].assign(id="12", price=1.0)])
    with pytest.raises(
        ValueError, match=r"1 items stand in column 'id' of table more than once \('12'\); validate='many"
    ):
        merge_features(FEATURES, twice, left_on="id")
    with pytest.raises(ValueError, match="of table more than once"):
        merge_features(FEATURES, twice, left_on="id", validate="one_to_many")
    merged, account = merge_features(FEATURES, twice, left_on="id", validate="many_to_one")
    assert merged["x"].tolist()[:2] == [0.25, 0.5]
    assert merged["x"].tolist()[3] == 0.25
    assert (account.table_unmatched, account.features_unmatched) == UNMATCHED
    images = pd.concat([FEATURES, FEATURES.iloc[:1]])
    with pytest.raises(ValueError, match=r"in column 'item_id' of features .* \('7'\); validate='one_to_many' allows"):
        merge_features(images, TABLE, left_on="id")
    merged, _ = merge_features(images, TABLE, left_on="id", validate="one_to_many")
    assert merged["id"].tolist() == [12, 7, 7, 8]
    with pytest.raises(ValueError, match="more than once"):
        merge_features(images, twice, left_on="id", validate="many_to_one")


def test_nothing_given_is_changed():
    features, table = FEATURES.copy(), TABLE.copy()
    merge_features(FEATURES, TABLE, left_on="id")
    pd.testing.assert_frame_equal(FEATURES, features)
    pd.testing.assert_frame_equal(TABLE, table)


@pytest.mark.parametrize(
    ("features", "table", "options", "error", "message"),
    [
        (pl.DataFrame({"item_id": ["7"]}), TABLE, {}, TypeError, "features must be a pandas DataFrame, got DataFrame"),
        (FEATURES, {"id": [7]}, {}, TypeError, "table must be a pandas DataFrame, got dict"),
        (
            FEATURES,
            TABLE,
            {"left_on": "key"},
            ValueError,
            r"table has no column left_on='key'; its columns are \['id',",
        ),
        (FEATURES, TABLE, {"right_on": "id"}, ValueError, "features has no column right_on='id'"),
        (FEATURES, TABLE.rename(columns={"price": "x"}), {}, ValueError, r"both have the columns \['x'\]; rename"),
        (
            FEATURES,
            TABLE.rename(columns={"price": "id"}),
            {},
            ValueError,
            "table has more than one column left_on='id'",
        ),
        (FEATURES, TABLE, {"how": "cross"}, ValueError, "how must be one of"),
        (FEATURES, TABLE, {"validate": "m:m"}, ValueError, "validate must be one of"),
        (
            FEATURES,
            TABLE.assign(id=[0.5, 1, 2]),
            {},
            ValueError,
            "column 'id' must tell items by texts or whole numbers",
        ),
    ],
)
def test_mistakes(features, table, options, error, message):
    with pytest.raises(error, match=f"merge_features: .*{message}"):
        merge_features(features, table, **({"left_on": "id"} | options))
