"""Image data sets: packaged (``load_*``) and downloaded (``fetch_*``); tables of boxes."""

from skimgfeat.datasets._base import get_data_home
from skimgfeat.datasets._box_dataset import build_box_dataset, load_box_dataset
from skimgfeat.datasets._box_export import export_box_dataset
from skimgfeat.datasets._cifar10 import fetch_cifar10
from skimgfeat.datasets._coco import load_coco_boxes
from skimgfeat.datasets._download import download_images
from skimgfeat.datasets._mnist import fetch_emnist, fetch_mnist
from skimgfeat.datasets._open_images import OpenImages
from skimgfeat.datasets._packaged import load_digits, load_faces, load_textures
from skimgfeat.datasets._parquet import load_parquet_images
from skimgfeat.datasets._voc import load_voc_boxes

__all__ = [
    "OpenImages",
    "build_box_dataset",
    "download_images",
    "export_box_dataset",
    "fetch_cifar10",
    "fetch_emnist",
    "fetch_mnist",
    "get_data_home",
    "load_box_dataset",
    "load_coco_boxes",
    "load_digits",
    "load_faces",
    "load_parquet_images",
    "load_textures",
    "load_voc_boxes",
]
