"""Encoded bytes to pixels: the one function of the library that decodes an image."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from skimgfeat._validation import check_choice, check_integer, check_pair

_OWNER = "decode_image"
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF")
_ORIENTATION_TAG = 0x0112
_PHOTOMETRIC_TAG = 262
# The steps that rows and columns are taken in, after the two are swapped where the number is 5 or more.
_STEPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
# The orientations that another one undoes.
_BACK = {6: 8, 8: 6}
# Modes of Pillow that hold no color.
_GRAY_MODES = ("1", "L", "LA", "La", "F", "I;16", "I;16B", "I;16L", "I;16N")
_BAND_ROWS = 16
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

MODES = ("rgb", "gray", "color")
DTYPES = ("uint8", "uint16", "float32")
ORIENTATIONS = ("exif", "ignore")
#: Pillow's own limit: a quarter of a gigabyte of RGB.
MAX_PIXELS = 89_478_485


class ImageError(ValueError):
    """An image that cannot be had, and the code of the reason.

    Parameters
    ----------
    code : str
        One of

        - ``missing``, ``permission``, ``not_regular`` (a folder, named pipe or device), ``outside_root``: no file to
          read;
        - ``empty``, ``too_many_bytes``: not decoded, for its size;
        - ``unidentified``: no image of a format that is read;
        - ``truncated``: an image that is damaged, or ends too early, or whose file cannot be read to its end;
        - ``too_many_pixels``: refused by its header;
        - ``non_finite``, ``bad_range``: NaN, or numbers without a known full scale;
        - ``bad_box`` (NaN, or corners in the wrong order), ``empty_box``, ``outside_image``: nothing to cut out of it;
        - ``gray``: no color in it, where only color is wanted;
        - ``duplicate``, ``placeholder``, ``unknown_class``, ``unknown_flag``: left out of a data set of boxes;
        - ``too_small``, ``failed``: read, but a later step cannot use it;
        - ``crashed``, ``timeout``: the process that worked on it died, or had to be stopped.
    message : str
        What is wrong, in a sentence.

    Attributes
    ----------
    code, message : str
        As given.

    Examples
    --------
    >>> from skimgfeat.io import ImageError, decode_image
    >>> try:
    ...     decode_image(b"GIF? No.")
    ... except ImageError as error:
    ...     print(error.code)
    unidentified
    """

    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self):
        return f"{self.message} [{self.code}]"


def decode_image(data, *, mode=None, dtype="uint8", orientation="exif", draft=None, max_pixels=MAX_PIXELS):
    """Decode an image file, whole, with Pillow.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, WebP, TIFF, BMP, DIB (a BMP without the header of a file), GIF or AVIF file.
    mode : {"rgb", "gray", "color"} or None, default=None
        What every image becomes. Gray is ITU-R 601 luma, Pillow's mode "L". "color" is RGB, and an image whose red,
        green and blue are the same everywhere is an error. None leaves gray images gray and makes all others RGB.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        What the pixels are scaled to: 0 to 255, 0 to 65535, or 0 to 1. Files of 16 bits and floats keep more than 8
        bits only in gray; Pillow decodes color to 8 bits.
    orientation : {"exif", "ignore"}, default="exif"
        Whether the image is turned as its EXIF data say.
    draft : (rows, cols) or None, default=None
        Lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its sides, the smallest that is not below twice this size: quicker,
        and blurred a little otherwise than a full decode.
    max_pixels : int or None, default=89478485
        Images of more pixels are refused by their header. Pillow's own limit, twice ``PIL.Image.MAX_IMAGE_PIXELS``,
        holds besides.

    Returns
    -------
    image : ndarray of shape (rows, cols) or (rows, cols, 3)
        Gray, or RGB. Of an animation or a file of several pages, the first. Palettes, CMYK, YCbCr, LAB and 1-bit images
        are converted; what is transparent shows white.

    Raises
    ------
    ImageError
        With the code ``empty``, ``unidentified``, ``truncated``, ``too_many_pixels``, ``gray`` (with ``mode="color"``),
        ``non_finite`` (NaN or infinities) or ``bad_range`` (floats outside [0, 1], and integers of 32 bits or with a
        sign, which have no known full scale).
    TypeError, ValueError
        For a parameter that cannot be used.

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
    check_decoding(_OWNER, mode=mode, dtype=dtype, orientation=orientation, draft=draft, max_pixels=max_pixels)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(
            f"{_OWNER}: data must be the bytes of a file, got {type(data).__name__}; "
            "for paths there are pathlib.Path(path).read_bytes() and ImageCollection."
        )
    if len(data) == 0:
        raise ImageError("empty", "the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_pixels(image, max_pixels)
            number = _load(image, orientation, draft)
            pixels = _turn(_convert(image, mode), number)
    except ImageError:
        raise
    except Exception as error:  # damaged bytes make a decoder raise anything; this is the one place that turns it round
        if isinstance(error, MemoryError):
            raise ImageError("failed", "there is not enough memory to decode the image") from error
        if isinstance(error, _BOMB):
            raise ImageError("too_many_pixels", str(error)) from error
        if isinstance(error, UnidentifiedImageError):
            raise ImageError("unidentified", f"no image of the formats {', '.join(_FORMATS)}") from error
        raise ImageError("truncated", f"the image is damaged or truncated: {error}") from error
    return _scale(pixels, np.dtype(dtype))


def read_header(data):
    """Return (format, mode, rows, cols) of an image that can be decoded, as they stand in the file."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        return image.format, image.mode, image.height, image.width


def check_decoding(owner, *, mode, dtype, orientation, draft, max_pixels):
    """Raise TypeError or ValueError for a parameter of :func:`decode_image` that cannot be used."""
    if mode is not None:
        check_choice(owner, "mode", mode, MODES)
    check_choice(owner, "dtype", dtype, DTYPES)
    check_choice(owner, "orientation", orientation, ORIENTATIONS)
    if draft is not None:
        check_pair(owner, "draft", draft)
    if max_pixels is not None:
        check_integer(owner, "max_pixels", max_pixels, minimum=1)


def _check_pixels(image, max_pixels):
    n_pixels = image.width * image.height
    if max_pixels is not None and n_pixels > max_pixels:
        raise ImageError(
            "too_many_pixels", f"the image has {image.width} x {image.height} = {n_pixels} pixels, over {max_pixels}"
        )


def _load(image, orientation, draft):
    """Decode the pixels, and return the number of the orientation that they have to be turned by."""
    if image.format == "PNG":
        image.load()  # its EXIF data may stand behind the pixels, and damaged pixels are no damaged EXIF data
    number = _orientation(image)
    if draft is not None:
        rows, cols = draft
        if orientation == "exif" and number >= 5:
            rows, cols = cols, rows
        image.draft(None, (2 * cols, 2 * rows))
    image.load()
    if image.format == "TIFF":  # turned by Pillow by now, asked or not
        return _BACK.get(number, number) if orientation == "ignore" else 1
    return number if orientation == "exif" else 1


def _turn(pixels, number):
    row_step, col_step = _STEPS[number]
    pixels = pixels.swapaxes(0, 1) if number >= 5 else pixels
    return np.ascontiguousarray(pixels[::row_step, ::col_step])


def _orientation(image):
    """Return the number of the orientation, 1 to 8. EXIF data that cannot be read say nothing about the pixels."""
    try:
        number = image.getexif().get(_ORIENTATION_TAG)
        return number if number in _STEPS else 1
    except Exception:  # the decoder's parser of EXIF, on damaged bytes
        return 1


def _convert(image, mode):
    """Return the pixels as uint8, uint16 or float32, gray or RGB."""
    if mode == "color":
        pixels = _convert(image, "rgb")
        if not _has_color(pixels):
            raise ImageError("gray", "the image has no color")
        return pixels
    if mode is None:
        mode = "gray" if image.mode in _GRAY_MODES else "rgb"
    if image.mode == "I":
        raise ImageError(
            "bad_range", "the image has integers of 32 bits or with a sign, of which no full scale is known"
        )
    if image.mode == "F" or image.mode.startswith("I;16"):
        return _convert_deep(image, mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB" if mode == "rgb" or image.mode not in _GRAY_MODES else "L")
    wanted = "L" if mode == "gray" else "RGB"
    # Pillow copies an image that has its mode already.
    return np.array(image if image.mode == wanted else image.convert(wanted))


def _has_color(pixels):
    """Tell whether red, green and blue differ anywhere; most photos tell within their first rows."""
    bands = (pixels[start : start + _BAND_ROWS] for start in range(0, len(pixels), _BAND_ROWS))
    return any((band != band[..., :1]).any() for band in bands)


def _convert_deep(image, mode):
    """Convert gray pixels of 16 bits or floats, which Pillow's own conversions would clip."""
    pixels = np.array(image)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            raise ImageError("non_finite", "the image holds NaN or infinities")
        if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ImageError(
                "bad_range", f"the image holds floats from {pixels.min():g} to {pixels.max():g}, not in [0, 1]"
            )
    else:
        pixels = pixels.astype(np.uint16)
        if image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC_TAG) == 0:  # white is 0
            pixels = np.iinfo(np.uint16).max - pixels
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            pixels[pixels == transparent] = np.iinfo(np.uint16).max
    return pixels if mode == "gray" else np.repeat(pixels[..., None], 3, axis=2)


def _scale(pixels, dtype):
    """Scale pixels from the full range of their type to that of another."""
    if pixels.dtype == dtype:
        return pixels
    full = 1 if dtype.kind == "f" else np.iinfo(dtype).max
    own = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    scaled = pixels / np.float32(own) if dtype.kind == "f" else np.rint(pixels / (own / full))
    return scaled.astype(dtype)
