"""Local descriptors of images, their compression, and their encoding as rows."""

from skimgfeat.descriptors._bag_of_words import BagOfVisualWords
from skimgfeat.descriptors._codec import DescriptorCodec
from skimgfeat.descriptors._fisher_vector import FisherVector
from skimgfeat.descriptors._quantized_pca import QuantizedPCA
from skimgfeat.descriptors._sift import SIFT
from skimgfeat.descriptors._vlad import VLAD

__all__ = ["SIFT", "VLAD", "BagOfVisualWords", "DescriptorCodec", "FisherVector", "QuantizedPCA"]
