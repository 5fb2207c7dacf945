"""Reading images and labels, writing features: files only, no estimator."""

from skimgfeat.io._collection import FailedImagesWarning, ImageCollection
from skimgfeat.io._decode import ImageError, decode_image
from skimgfeat.io._features import write_features
from skimgfeat.io._files import atomic_write
from skimgfeat.io._folders import list_images
from skimgfeat.io._idx import read_idx
from skimgfeat.io._object_npz import read_object_npz
from skimgfeat.io._parquet import read_class_names
from skimgfeat.io._readers import read_images, read_labels

__all__ = [
    "FailedImagesWarning",
    "ImageCollection",
    "ImageError",
    "atomic_write",
    "decode_image",
    "list_images",
    "read_class_names",
    "read_idx",
    "read_images",
    "read_labels",
    "read_object_npz",
    "write_features",
]
