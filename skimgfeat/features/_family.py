"""What the handcrafted families share: parameters, the images they take, and the call of the kernel."""

from abc import abstractmethod

import numpy as np

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_choice, check_number
from skimgfeat.kernels import handcrafted


def check_mask_parameters(owner, threshold, polarity):
    """Return the kernel's keyword parameters for the mask: ``threshold`` (None for Otsu's) and ``dark``."""
    if isinstance(threshold, str):
        if threshold != "otsu":
            raise ValueError(f"{owner}: threshold must be a number or 'otsu', got {threshold!r}.")
        cut = None
    else:
        cut = check_number(owner, "threshold", threshold)
    return {"threshold": cut, "dark": check_choice(owner, "polarity", polarity, ("bright", "dark")) == "dark"}


def check_gray_or_rgb(owner, image_shape):
    """Return rows and columns of images that have one channel or three."""
    rows, cols, *channels = image_shape
    if channels and channels[0] not in (1, 3):
        raise ValueError(
            f"{owner}: X must hold gray images or RGB images with 3 channels, got images of shape {image_shape}. "
            "Channels come last: X.transpose(0, 2, 3, 1) moves them there. Drop an alpha channel with X[..., :3]."
        )
    return rows, cols


def handcrafted_arguments(images, columns, *, threshold, dark, hog=None):
    """Return the batch for the kernel ``handcrafted`` and its keyword parameters.

    ``columns`` maps each family to its first column.
    """
    if images.ndim == 4:
        # The gray of a color image is rounded: of 0 and 1, pure red and blue would be nothing.
        images = images[..., 0] if images.shape[-1] == 1 else images * np.uint8(255) if images.dtype == bool else images
    batch, scale = scaled_batch(images)
    if scale > 1 and threshold is not None and threshold > 1:
        raise ValueError(
            f"threshold={threshold:g} is above every pixel: of {images.dtype} images it is in scaled units, "
            f"such as {min(threshold, scale):g} / {scale:g}."
        )
    return batch, {"scale": scale, "columns": columns, "threshold": threshold, "dark": dark, "hog": hog}


class FamilyFeatures(ImageFeatures):
    """Base of the families of numbers about a mask; a subclass names its kernel family and its columns."""

    _family: str

    def __init__(self, image_shape=None, threshold=0, polarity="bright", n_jobs=None):
        self.image_shape = image_shape
        self.threshold = threshold
        self.polarity = polarity
        self.n_jobs = n_jobs

    @staticmethod
    @abstractmethod
    def _column_names(rows, cols):
        """Return the names of the columns for images of this size."""

    def _mask_parameters(self):
        return check_mask_parameters(type(self).__name__, self.threshold, self.polarity)

    def _check_parameters(self):
        self._mask_parameters()

    def _feature_names(self, image_shape):
        return self._column_names(*check_gray_or_rgb(type(self).__name__, image_shape))

    def _extract(self, images, out):
        batch, parameters = handcrafted_arguments(images, {self._family: 0}, **self._mask_parameters())
        handcrafted(batch, out, **parameters)
