"""Steps that turn images into images, or into rows of pixels."""

from skimgfeat.preprocessing._flatten import Flatten
from skimgfeat.preprocessing._resize import Resize

__all__ = ["Flatten", "Resize"]
