"""Images in, rows out: HOG and the handcrafted families."""

from skimgfeat.features._color_grid import ColorGrid
from skimgfeat.features._color_histogram import ColorHistogram
from skimgfeat.features._connectivity import Connectivity
from skimgfeat.features._contours import ContourFeatures
from skimgfeat.features._density import QuadrantDensity
from skimgfeat.features._geometry import GeometryFeatures
from skimgfeat.features._handcrafted import HandcraftedFeatures
from skimgfeat.features._hog import HOG
from skimgfeat.features._hu_moments import HuMoments
from skimgfeat.features._lbp import LBP
from skimgfeat.features._patch_features import PatchFeatures
from skimgfeat.features._projections import ProjectionHistograms
from skimgfeat.features._run_lengths import RunLengths
from skimgfeat.features._skeleton import SkeletonFeatures
from skimgfeat.features._zoning import Zoning

__all__ = [
    "HOG",
    "LBP",
    "ColorGrid",
    "ColorHistogram",
    "Connectivity",
    "ContourFeatures",
    "GeometryFeatures",
    "HandcraftedFeatures",
    "HuMoments",
    "PatchFeatures",
    "ProjectionHistograms",
    "QuadrantDensity",
    "RunLengths",
    "SkeletonFeatures",
    "Zoning",
]
