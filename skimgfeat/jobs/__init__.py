"""Long runs: more images than fit in memory, over hours and crashes."""

from skimgfeat.jobs._account import Account, Interrupted, TooManyErrorsError
from skimgfeat.jobs._aggregate import AggregateAccount, aggregate
from skimgfeat.jobs._extend_store import extend_store
from skimgfeat.jobs._extract import extract
from skimgfeat.jobs._merge import MergeAccount, merge_features
from skimgfeat.jobs._readers import load_account, load_features, verify, write_csv
from skimgfeat.jobs._store import DescriptorStore, FlatDescriptors
from skimgfeat.jobs._transform_into import transform_into

__all__ = [
    "Account",
    "AggregateAccount",
    "DescriptorStore",
    "FlatDescriptors",
    "Interrupted",
    "MergeAccount",
    "TooManyErrorsError",
    "aggregate",
    "extend_store",
    "extract",
    "load_account",
    "load_features",
    "merge_features",
    "transform_into",
    "verify",
    "write_csv",
]
