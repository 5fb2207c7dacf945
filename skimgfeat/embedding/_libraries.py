"""The extras that networks need, imported when they are first used; one error for each that is not installed."""

from importlib.util import find_spec

_INSTALL = "which is not installed: pip install 'skimgfeat[{}]'."


def import_torch(owner):
    """Return the modules torch and torchvision."""
    try:
        import torch
        import torchvision
    except ImportError as error:
        raise ImportError(
            f"{owner}: networks need torch and torchvision, of which one is not installed: pip install "
            f"'skimgfeat[cnn]'. ({error})"
        ) from error
    return torch, torchvision


def import_timm(owner):
    """Return the module timm."""
    try:
        import timm
    except ImportError as error:
        raise ImportError(f"{owner}: models called timm/... need timm, {_INSTALL.format('timm')}") from error
    return timm


def import_openvino(owner):
    """Return the module openvino."""
    try:
        import openvino
    except ImportError as error:
        raise ImportError(f"{owner}: backend='openvino' needs openvino, {_INSTALL.format('openvino')}") from error
    return openvino


def import_onnxruntime(owner):
    """Return the module onnxruntime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"{owner}: backend='onnxruntime' needs onnxruntime, {_INSTALL.format('onnx')}") from error
    return onnxruntime


def is_installed(name):
    """Tell whether a module is there to be imported."""
    return find_spec(name) is not None
