"""Pictures of what the estimators see."""

from skimgfeat.display._distance_matrix import DistanceMatrixDisplay
from skimgfeat.display._feature_importance import FeatureImportanceDisplay
from skimgfeat.display._hog import HOGDisplay
from skimgfeat.display._image_grid import ImageGridDisplay
from skimgfeat.display._keypoints import KeypointsDisplay
from skimgfeat.display._matches import MatchesDisplay
from skimgfeat.display._similarity import SimilarityDisplay
from skimgfeat.display._training_history import TrainingHistoryDisplay

__all__ = [
    "DistanceMatrixDisplay",
    "FeatureImportanceDisplay",
    "HOGDisplay",
    "ImageGridDisplay",
    "KeypointsDisplay",
    "MatchesDisplay",
    "SimilarityDisplay",
    "TrainingHistoryDisplay",
]
