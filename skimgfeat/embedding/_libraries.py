"""The extras that networks need, imported when they are first used; one error for each that cannot be."""

from contextlib import contextmanager
from importlib.util import find_spec


@contextmanager
def _importing(owner, needed, name, extra):
    """Let the import of a module say what needs it, and whether it is missing or broken."""
    try:
        yield
    # A library of the system that is missing is an OSError to some of them.
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in (name, None):
            problem = f"{name} is not installed: pip install 'skimgfeat[{extra}]'."
        else:
            problem = f"{name} is installed and broken ({error}); try pip install --force-reinstall {name}."
        raise ImportError(f"{owner}: {needed}; {problem}") from error


def import_torch(owner):
    """Return the modules torch and torchvision."""
    needed = "networks need torch and torchvision"
    with _importing(owner, needed, "torch", "cnn"):
        import torch
    with _importing(owner, needed, "torchvision", "cnn"):
        import torchvision
    return torch, torchvision


def import_timm(owner):
    """Return the module timm."""
    with _importing(owner, "models called timm/... need timm", "timm", "timm"):
        import timm
    return timm


def import_openvino(owner):
    """Return the module openvino."""
    with _importing(owner, "backend='openvino' needs openvino", "openvino", "openvino"):
        import openvino
    return openvino


def import_onnxruntime(owner):
    """Return the module onnxruntime."""
    with _importing(owner, "backend='onnxruntime' needs onnxruntime", "onnxruntime", "onnx"):
        import onnxruntime
    return onnxruntime


def import_onnx(owner, backend):
    """Return the module onnx, which torch writes networks with."""
    with _importing(owner, f"backend={backend!r} needs onnx", "onnx", "openvino" if backend == "openvino" else "onnx"):
        import onnx
    return onnx


def is_installed(name):
    """Tell whether a module is there to be imported."""
    return find_spec(name) is not None
