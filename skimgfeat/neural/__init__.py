"""Small networks as scikit-learn classifiers of images."""

from skimgfeat.neural._conv_net_classifier import ConvNetClassifier

__all__ = ["ConvNetClassifier"]
