"""Which rows are near each other: search, and duplicates."""

from skimgfeat.neighbors._duplicates import DuplicatePairs, find_duplicates
from skimgfeat.neighbors._similarity_index import SimilarityIndex

__all__ = ["DuplicatePairs", "SimilarityIndex", "find_duplicates"]
