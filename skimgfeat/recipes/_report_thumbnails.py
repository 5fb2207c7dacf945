"""Small pictures of images, as texts that stand in a page."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from skimgfeat._images import scaled_batch
from skimgfeat.io import ImageCollection, ImageError, decode_image
from skimgfeat.io._decode import read_header

_QUALITY = 75
# What a side of a WebP may have, in pixels.
LARGEST = 16383
# Digits and the like are kept to the pixel: they are as small as their blurred copies.
_LOSSLESS_PIXELS = 48 * 48


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, or why there is none.

    Attributes
    ----------
    uri : str
        ``data:image/webp;base64,...``; empty where there is no picture.
    size : tuple (rows, cols) of int or None
        Of the image, as it stands in its file.
    kind : str
        The format and mode of the file, or the type of the array, such as "JPEG RGB".
    problem : str
        Why there is no picture.
    """

    uri: str = ""
    size: tuple[int, int] | None = None
    kind: str = ""
    problem: str = ""


def make_thumbnails(images, size, n_threads):
    """Return the Thumbnail of each image of a collection or of a sequence of arrays and ImageErrors.

    None is larger than ``size`` pixels a side.
    """
    # A pandas Series is read by its labels, not by place.
    images = list(images) if hasattr(images, "iloc") else images
    make = _of_file if isinstance(images, ImageCollection) and not images.functions else _of_array
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda place: _attempt(make, images, place, size), range(len(images))))


def _attempt(make, images, place, size):
    try:
        return make(images, place, size)
    except ImageError as error:
        return Thumbnail(problem=f"{error.code}: {error.message}")


def _of_file(images, place, size):
    data = images.read_encoded(place)
    # JPEGs are decoded at the smallest scale that is not below the size.
    half = max(1, size // 2)
    options = images.decoding | {"dtype": "uint8", "draft": (half, half)}
    del options["max_bytes"]
    image = decode_image(data, **options)
    form, mode, rows, cols = read_header(data)
    return Thumbnail(_encode(image, size), (rows, cols), f"{form} {mode}")


def _of_array(images, place, size):
    image = images.read(place) if isinstance(images, ImageCollection) else images[place]
    if isinstance(image, ImageError):
        raise image
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if not (image.ndim == 2 or image.shape[2:] in ((3,), (4,))) or image.size == 0 or image.dtype.kind not in "buif":
        raise ImageError("failed", f"an array of shape {image.shape} and dtype {image.dtype} is no image")
    channels = "RGB" if image.shape[2:] == (3,) else "RGBA" if image.ndim == 3 else "gray"
    return Thumbnail(_encode(_to_bytes(image), size), image.shape[:2], f"{image.dtype} {channels}")


def _to_bytes(image):
    """Return pixels from 0 to the full scale of their type, 1 for floats, as uint8."""
    pixels, scale = scaled_batch(image)
    if pixels.dtype == np.uint8 and scale == 255:
        return pixels
    return np.rint(255 * np.clip(np.nan_to_num(pixels.astype(np.float32)) / scale, 0, 1)).astype(np.uint8)


def _encode(image, size):
    """Return an image of uint8, reduced where it is larger, as a data URI."""
    picture = Image.fromarray(image)
    picture.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = io.BytesIO()
    lossless = picture.width * picture.height <= _LOSSLESS_PIXELS
    picture.save(buffer, "WEBP", quality=_QUALITY, lossless=lossless)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
