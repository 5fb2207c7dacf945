"""The network: convolutions and pooling, then fully connected layers."""

from copy import deepcopy
from itertools import pairwise

import numpy as np

from skimgfeat._images import scaled_batch

_LARGEST = 1e15
# Images that go through the network together at prediction. The last block is filled up: how a product is rounded hangs
# on its size, and what an image gives must not depend on the images beside it.
_BLOCK_IMAGES = 64


def import_torch(owner):
    """Return torch, or say how to install it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"{owner} needs torch, which is not installed: pip install 'skimgfeat[cnn]'.") from error
    return torch


def find_device(owner, device):
    """Return the name of the device to run on; raise TypeError or ValueError for one that cannot be used."""
    torch = import_torch(owner)
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not isinstance(device, str):
        raise TypeError(f'{owner}: device must be None or a string such as "cpu", got {device!r}.')
    try:
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{owner}: device must be one that torch can use here, got {device!r}.") from error
    return device


def make_network(owner, image_shape, n_classes, *, conv_channels, kernel_size, pooling, pool_size, hidden, seed):
    """Return a ``torch.nn.Sequential`` from images (n, channels, rows, cols) to one number a class.

    The caller's random numbers go on as if nothing had been drawn.
    """
    torch = import_torch(owner)
    nn = torch.nn
    pool = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pooling]
    rows, cols, n_channels = (*image_shape, 1)[:3]
    layers: list = []
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the accelerators of the caller, too.
        torch.default_generator.manual_seed(seed)
        for n_filters in conv_channels:
            layers += [nn.Conv2d(n_channels, n_filters, kernel_size), nn.ReLU(), pool(pool_size)]
            n_channels = n_filters
            rows, cols = ((side - kernel_size + 1) // pool_size for side in (rows, cols))
            if min(rows, cols) < 1:
                raise ValueError(
                    f"{owner}: images of {image_shape[0]} x {image_shape[1]} pixels are too small for "
                    f"conv_channels={conv_channels}, kernel_size={kernel_size} and pool_size={pool_size}: nothing is "
                    "left of them; choose fewer convolutions or enlarge the images with Resize."
                )
        layers.append(nn.Flatten())
        for n_inputs, n_units in pairwise((rows * cols * n_channels, *hidden)):
            layers += [nn.Linear(n_inputs, n_units), nn.ReLU()]
        layers.append(nn.Linear(hidden[-1] if hidden else rows * cols * n_channels, n_classes))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def as_network_input(images, center, gain):
    """Return a batch of images as a float32 tensor (n, channels, rows, cols), each channel centered and scaled.

    Values are divided by the full scale of their type first, in float32, so that every type gives the same numbers.
    """
    import torch

    batch, full_scale = scaled_batch(images)
    if batch.dtype.kind == "f" and np.abs(batch).max() > _LARGEST:
        raise ValueError(f"X holds values too large to compute with, above {_LARGEST:g}; scale the pixels to [0, 1].")
    batch = batch.reshape(*images.shape[:3], -1).astype(np.float32)
    return torch.from_numpy((batch / np.float32(full_scale) - center) * gain).permute(0, 3, 1, 2)


def fill_outputs(network, images, out, *, center, gain, device):
    """Fill ``out``, float32 of shape (n, n_outputs), with what the network gives for each image.

    The fully connected layers are computed in float64, where the order of sums, which hangs on the place of an image in
    its block, is lost in the rounding to float32.
    """
    import torch

    (first_dense,) = (place for place, layer in enumerate(network) if isinstance(layer, torch.nn.Flatten))
    convolutions, dense = network[:first_dense].to(device), deepcopy(network[first_dense:]).double().to(device)
    with torch.inference_mode():
        for start in range(0, len(images), _BLOCK_IMAGES):
            block = images[start : start + _BLOCK_IMAGES]
            padded = np.zeros((_BLOCK_IMAGES, *block.shape[1:]), block.dtype)
            padded[: len(block)] = block
            outputs = dense(convolutions(as_network_input(padded, center, gain).to(device)).double())
            out[start : start + len(block)] = outputs[: len(block)].cpu().numpy()
