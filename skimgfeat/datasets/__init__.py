"""Image data sets: packaged (``load_*``) and downloaded (``fetch_*``)."""

from skimgfeat.datasets._base import get_data_home
from skimgfeat.datasets._cifar10 import fetch_cifar10
from skimgfeat.datasets._mnist import fetch_emnist, fetch_mnist
from skimgfeat.datasets._packaged import load_digits, load_faces, load_textures
from skimgfeat.datasets._parquet import load_parquet_images

__all__ = [
    "fetch_cifar10",
    "fetch_emnist",
    "fetch_mnist",
    "get_data_home",
    "load_digits",
    "load_faces",
    "load_parquet_images",
    "load_textures",
]
