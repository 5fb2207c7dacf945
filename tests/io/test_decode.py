import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skimgfeat.io import decode_image

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (9, 13), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)


def encode(image, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


@pytest.mark.parametrize("pixels", [GRAY, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("options", [{"format": "PNG"}, {"format": "TIFF"}, {"format": "BMP"}], ids=str)
def test_lossless_formats_come_back_exactly(pixels, options):
    decoded = decode_image(encode(pixels, **options))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_lossless_webp_and_jpeg():
    np.testing.assert_array_equal(decode_image(encode(COLOR, format="WEBP", lossless=True)), COLOR)
    smooth = np.linspace(0, 255, 256).astype(np.uint8).reshape(16, 16)
    assert np.abs(decode_image(encode(smooth, format="JPEG", quality=95)).astype(int) - smooth).max() <= 5


@pytest.mark.parametrize(("orientation", "turn"), [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1))])
def test_exif_orientation_is_applied(orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode_image(encode(COLOR, exif=exif)), turn(COLOR))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_modes_without_one_conversion_are_named(mode):
    image = Image.fromarray(GRAY).convert("RGB" if mode == "CMYK" else "L").convert(mode)
    with pytest.raises(ValueError, match=f"the image has mode '{mode}( with transparency)?'"):
        decode_image(encode(image, format="PNG" if mode in ("1", "P", "LA", "RGBA", "I;16") else "TIFF"))


def test_a_transparent_color_is_not_dropped_silently():
    with pytest.raises(ValueError, match="mode 'RGB with transparency'"):
        decode_image(encode(COLOR, transparency=(1, 2, 3)))


@pytest.mark.parametrize("data", [b"", b"not an image", encode(GRAY, format="PPM"), encode(GRAY, format="ICO")])
def test_other_bytes_and_formats_are_an_error(data):
    with pytest.raises(ValueError, match="the image cannot be decoded"):
        decode_image(data)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_files_are_an_error(image_format, share):
    data = encode(RNG.integers(0, 256, (64, 64), dtype=np.uint8), format=image_format)
    with pytest.raises(ValueError, match=r"cannot be decoded|has mode"):
        decode_image(data[: int(share * len(data))])


@settings(max_examples=150, deadline=None)
@given(image_format=st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"]), data=st.data())
def test_changed_bytes_are_an_error_or_pixels(image_format, data):
    encoded = bytearray(encode(COLOR, format=image_format))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode_image(bytes(encoded))
    except ValueError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
