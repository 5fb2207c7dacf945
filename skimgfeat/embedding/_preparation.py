"""An image as a network wants it: resized, cropped; and what its weights say about that."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from PIL import Image

from skimgfeat._validation import check_choice, check_integer, check_number, check_pair

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Of a long thin image, so many times the crop, only the crop is resized: Pillow rounds its place in single precision,
# and some pixels differ by a level.
_MUCH = 16
_KEYS = ("resize_size", "crop_size", "interpolation", "mean", "std")


@dataclass(frozen=True)
class Preparation:
    """What happens to an image before a network sees it.

    Called with an image, it resizes and crops as torchvision's presets do on images of Pillow. Subtracting ``mean`` and
    dividing by ``std`` is left to the network, which does it in one go with its first layer.

    Attributes
    ----------
    resize_size : int, (rows, cols) or None
        The length of the shorter side, both sides, or None to leave the size.
    crop_size : (rows, cols)
        What is cut out of the center; where the image is smaller, black is added around it.
    interpolation : str
        A filter of Pillow's, antialiased.
    mean, std : tuple of 3 floats
        Of red, green and blue, in [0, 1].
    """

    resize_size: int | tuple | None
    crop_size: tuple
    interpolation: str
    mean: tuple
    std: tuple

    def __call__(self, image):
        """Return the image as (rows, cols, 3) of ``crop_size``, uint8 (bool, too) or uint16, else float32.

        Parameters
        ----------
        image : ndarray of shape (rows, cols), (rows, cols, 1) or (rows, cols, 3)
            Gray or RGB.
        """
        if image.dtype == bool:
            image = image.astype(np.uint8) * np.uint8(255)
        image = image.astype(image.dtype.newbyteorder("="), copy=False)
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[:, :, 0]
        if image.dtype == np.uint8:
            prepared = np.asarray(self._scale(Image.fromarray(np.ascontiguousarray(image))))
        else:
            planes = [image] if image.ndim == 2 else np.moveaxis(image, 2, 0)
            floats = [Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)) for plane in planes]
            prepared = np.stack([np.asarray(self._scale(plane)) for plane in floats], axis=2)
            if image.dtype == np.uint16:
                prepared = np.rint(prepared).clip(0, 65535).astype(np.uint16)
        return np.broadcast_to(prepared.reshape(*self.crop_size, -1), (*self.crop_size, 3))

    def _scale(self, image):
        """Resize and crop an image of Pillow's."""
        (cols, rows), (crop_rows, crop_cols) = image.size, self.crop_size
        kernel = _FILTERS[self.interpolation]
        new_rows, new_cols = self._resized(rows, cols)
        top, left = _margin(new_rows, crop_rows), _margin(new_cols, crop_cols)
        bottom, right = top + crop_rows, left + crop_cols
        if min(top, left) >= 0 and new_rows * new_cols > _MUCH * crop_rows * crop_cols:
            down, across = rows / new_rows, cols / new_cols
            box = (left * across, top * down, min(cols, right * across), min(rows, bottom * down))
            return image.resize((crop_cols, crop_rows), kernel, box)
        if (new_rows, new_cols) != (rows, cols):
            image = image.resize((new_cols, new_rows), kernel)
        return image.crop((left, top, right, bottom))

    def _resized(self, rows, cols):
        if self.resize_size is None:
            return rows, cols
        if isinstance(self.resize_size, tuple):
            return self.resize_size
        # As torchvision rounds.
        if rows <= cols:
            return self.resize_size, int(self.resize_size * cols / rows)
        return int(self.resize_size * rows / cols), self.resize_size


def _margin(size, crop):
    """Return where a crop begins, below 0 where it is the larger; as torchvision rounds."""
    return round((size - crop) / 2) if size >= crop else -((crop - size) // 2)


def check_preparation(owner, published, given):
    """Return the Preparation that weights were published with, changed as ``given`` says.

    Parameters
    ----------
    owner : str
        Whose parameter ``preprocessing`` it is.
    published : dict
        Of the weights.
    given : dict or None
        The entries to replace.
    """
    if given is not None and not isinstance(given, dict):
        raise TypeError(f"{owner}: preprocessing must be None or a dict with some of {list(_KEYS)}, got {given!r}.")
    given = given or {}
    unknown = [key for key in given if key not in _KEYS]
    if unknown:
        raise ValueError(f"{owner}: preprocessing must hold some of {list(_KEYS)}, got {unknown[0]!r} in {given!r}.")
    wanted = published | given
    resize_size, crop_size = wanted["resize_size"], wanted["crop_size"]
    if isinstance(resize_size, Integral):
        resize_size = check_integer(owner, "preprocessing['resize_size']", resize_size, minimum=1)
    elif resize_size is not None:
        resize_size = check_pair(owner, "preprocessing['resize_size']", resize_size)
    if isinstance(crop_size, Integral):
        crop_size = (crop_size, crop_size)
    return Preparation(
        resize_size,
        check_pair(owner, "preprocessing['crop_size']", crop_size),
        check_choice(owner, "preprocessing['interpolation']", wanted["interpolation"], tuple(_FILTERS)),
        _check_colors(owner, "mean", wanted["mean"]),
        _check_colors(owner, "std", wanted["std"]),
    )


def _check_colors(owner, name, values):
    name = f"preprocessing[{name!r}]"
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) != 3:
        raise ValueError(f"{owner}: {name} must hold a number for red, green and blue, got {values!r}.")
    colors = tuple(check_number(owner, name, value) for value in values)
    if "std" in name and min(colors) <= 0:
        raise ValueError(f"{owner}: {name} must be positive, got {values!r}.")
    return colors
