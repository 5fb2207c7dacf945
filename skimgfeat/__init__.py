"""scikit-learn transformers that turn images into features."""

from importlib import import_module

# Every public name and the module that defines it; resolved at first use (PEP 562), so that importing is instant.
_PUBLIC = {
    "HOG": "skimgfeat.features",
    "LBP": "skimgfeat.features",
    "SIFT": "skimgfeat.descriptors",
    "VLAD": "skimgfeat.descriptors",
    "BBoxCrop": "skimgfeat.preprocessing",
    "BagOfVisualWords": "skimgfeat.descriptors",
    "CNNEmbedding": "skimgfeat.embedding",
    "ColorGrid": "skimgfeat.features",
    "ColorHistogram": "skimgfeat.features",
    "Connectivity": "skimgfeat.features",
    "ContourFeatures": "skimgfeat.features",
    "ConvNetClassifier": "skimgfeat.neural",
    "DescriptorCodec": "skimgfeat.descriptors",
    "DescriptorStore": "skimgfeat.jobs",
    "DistanceMatrixDisplay": "skimgfeat.display",
    "DuplicatePairs": "skimgfeat.neighbors",
    "FailedImagesWarning": "skimgfeat.io",
    "FeatureImportanceDisplay": "skimgfeat.display",
    "FisherVector": "skimgfeat.descriptors",
    "FlatDescriptors": "skimgfeat.jobs",
    "Flatten": "skimgfeat.preprocessing",
    "GeometryFeatures": "skimgfeat.features",
    "HOGDisplay": "skimgfeat.display",
    "HandcraftedFeatures": "skimgfeat.features",
    "HuMoments": "skimgfeat.features",
    "ImageCollection": "skimgfeat.io",
    "ImageGridDisplay": "skimgfeat.display",
    "ImageReader": "skimgfeat.preprocessing",
    "KeypointsDisplay": "skimgfeat.display",
    "MatchesDisplay": "skimgfeat.display",
    "PatchFeatures": "skimgfeat.features",
    "ProjectionHistograms": "skimgfeat.features",
    "QuadrantDensity": "skimgfeat.features",
    "QuantizedPCA": "skimgfeat.descriptors",
    "Resize": "skimgfeat.preprocessing",
    "RunLengths": "skimgfeat.features",
    "SimilarityDisplay": "skimgfeat.display",
    "SimilarityIndex": "skimgfeat.neighbors",
    "SkeletonFeatures": "skimgfeat.features",
    "TrainingHistoryDisplay": "skimgfeat.display",
    "Zoning": "skimgfeat.features",
    "aggregate": "skimgfeat.jobs",
    "check_image_estimator": "skimgfeat.testing",
    "extract": "skimgfeat.jobs",
    "find_duplicates": "skimgfeat.neighbors",
    "load_features": "skimgfeat.jobs",
    "merge_features": "skimgfeat.jobs",
    "transform_into": "skimgfeat.jobs",
}

_SUBMODULES = (
    "datasets",
    "descriptors",
    "display",
    "embedding",
    "features",
    "io",
    "jobs",
    "kernels",
    "neighbors",
    "neural",
    "preprocessing",
    "recipes",
    "testing",
)

__version__ = "0.1.0"
__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _SUBMODULES:
        return import_module(f"skimgfeat.{name}")
    raise AttributeError(f"module 'skimgfeat' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBMODULES, "__version__"])
