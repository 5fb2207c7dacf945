"""Steps that turn images into images, or into rows of pixels."""

from skimgfeat.preprocessing._bbox_crop import BBoxCrop
from skimgfeat.preprocessing._flatten import Flatten
from skimgfeat.preprocessing._image_reader import ImageReader
from skimgfeat.preprocessing._resize import Resize

__all__ = ["BBoxCrop", "Flatten", "ImageReader", "Resize"]
