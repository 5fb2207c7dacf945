"""Encoded bytes to pixels: the one function of the library that decodes an image."""

import io

import numpy as np
from PIL import Image, ImageOps

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


def decode_image(data):
    """Decode an 8-bit gray or color image.

    Pillow decodes it, whole; EXIF orientation is applied; of an animation the first frame is taken.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, WebP, TIFF, BMP or GIF file.

    Returns
    -------
    image : uint8 ndarray of shape (rows, cols) or (rows, cols, 3)
        Gray, or RGB.

    Raises
    ------
    ValueError
        For bytes that are no image of these formats, are damaged or truncated, hold more pixels than Pillow allows, or
        an image of another mode (palette, transparency, CMYK, 1-bit, 16-bit), which has no one conversion to gray or
        RGB.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skimgfeat.io import decode_image
    >>> buffer = io.BytesIO()
    >>> Image.fromarray(np.eye(4, dtype=np.uint8)).save(buffer, format="PNG")
    >>> decode_image(buffer.getvalue()).shape
    (4, 4)
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            mode = image.mode + (" with transparency" if image.has_transparency_data else "")
            pixels = np.array(ImageOps.exif_transpose(image)) if mode in ("L", "RGB") else None
    except Exception as error:  # damaged bytes make a decoder raise anything; this is the one place that turns it round
        raise ValueError(f"the image cannot be decoded: {error}") from error
    if pixels is None:
        raise ValueError(f"the image has mode {mode!r}; convert it to 8-bit gray ('L') or 'RGB' first.")
    return pixels
