"""Encoded bytes to pixels; files of every other kind stand in test_odd_files.py."""

import io
import pickle
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skimgfeat.io import ImageError, decode_image, list_images

# Pillow warns of damaged EXIF data and of images that are large.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (9, 13), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)


def encode(image, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


@pytest.mark.parametrize("pixels", [GRAY, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize(
    "options", [{"format": "PNG"}, {"format": "TIFF"}, {"format": "BMP"}, {"format": "DIB"}], ids=str
)
def test_lossless_formats_come_back_exactly(pixels, options):
    decoded = decode_image(encode(pixels, **options))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_lossless_webp_and_jpeg():
    np.testing.assert_array_equal(decode_image(encode(COLOR, format="WEBP", lossless=True)), COLOR)
    smooth = np.linspace(0, 255, 256).astype(np.uint8).reshape(16, 16)
    assert np.abs(decode_image(encode(smooth, format="JPEG", quality=95)).astype(int) - smooth).max() <= 5


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F", "L", "RGB"])
def test_gray_files_stay_gray_without_a_mode(mode):
    """None is for what is gray: palettes, RGB and inks are color whatever their values."""
    image = Image.fromarray((GRAY > 99) * np.float32(0.5)) if mode == "F" else Image.fromarray(GRAY)
    image = image.convert("RGB" if mode == "CMYK" else "L").convert(mode) if mode != "F" else image
    data = encode(image, format="TIFF" if mode in ("CMYK", "F") else "PNG")
    is_gray = mode in ("1", "LA", "I;16", "F", "L")
    assert decode_image(data).shape == (GRAY.shape if is_gray else (*GRAY.shape, 3))
    assert decode_image(data, mode="gray").shape == GRAY.shape
    rgb = decode_image(data, mode="rgb")
    assert rgb.shape == (*GRAY.shape, 3)
    if is_gray:
        np.testing.assert_array_equal(rgb, np.repeat(decode_image(data)[..., None], 3, axis=2))


@pytest.mark.parametrize("rows", [9, 400])
def test_color_refuses_what_has_none(rows):
    gray = RNG.integers(0, 256, (rows, 13), dtype=np.uint8)
    for pixels in (gray, np.repeat(gray[..., None], 3, axis=2), gray.astype(np.uint16) * 257):
        with pytest.raises(ImageError, match="no color") as caught:
            decode_image(encode(pixels), mode="color")
        assert caught.value.code == "gray"
    pixels = np.repeat(gray[..., None], 3, axis=2)
    pixels[-1, -1, 2] ^= 1  # the last value there is
    np.testing.assert_array_equal(decode_image(encode(pixels), mode="color"), pixels)


def test_gray_is_itu_r_601():
    gray = decode_image(encode(COLOR), mode="gray")
    np.testing.assert_array_equal(gray, (COLOR.astype(int) @ [19595, 38470, 7471] + 32768) >> 16)


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_dtypes_scale_from_the_type_of_the_file(mode):
    """16 bits: 65535 is 255 and 1.0; 8 bits: 255 is 65535 and 1.0."""
    deep = np.array([[0, 1, 257, 32768, 65534, 65535]], dtype=np.uint16)
    expected = {"uint8": [0, 0, 1, 128, 255, 255], "uint16": deep[0], "float32": (deep[0] / 65535).astype(np.float32)}
    for dtype, values in expected.items():
        pixels = decode_image(encode(deep), mode=mode, dtype=dtype)
        assert pixels.dtype == dtype
        for channel in [pixels] if mode == "gray" else np.moveaxis(pixels, 2, 0):
            np.testing.assert_array_equal(channel, [values])
    np.testing.assert_array_equal(decode_image(encode(GRAY), mode="gray", dtype="uint16"), GRAY * np.uint16(257))
    np.testing.assert_allclose(decode_image(encode(GRAY), mode="gray", dtype="float32"), GRAY / 255, atol=1e-7)
    floats = np.array([[0, 0.25, 1]], dtype=np.float32)
    for dtype, values in {"uint8": [0, 64, 255], "uint16": [0, 16384, 65535], "float32": floats[0]}.items():
        np.testing.assert_array_equal(decode_image(encode(floats, format="TIFF"), dtype=dtype), [values])


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_on_request(odd_files, image_format, orientation):
    """Turned as EXIF says, or as stored, though Pillow turns TIFFs by itself."""
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95}}.get(image_format, {})
    data = encode(odd_files.SMOOTH, format=image_format, exif=exif(orientation), **options)
    stored = decode_image(data, orientation="ignore")
    assert np.abs(stored.astype(int) - odd_files.SMOOTH).mean() < 4
    np.testing.assert_array_equal(decode_image(data), odd_files.TURNS[orientation](stored))


def test_an_orientation_found_in_metadata_behind_the_pixels(odd_files):
    plain = encode(COLOR)
    tags = exif(6).tobytes().removeprefix(b"Exif\0\0")
    behind = plain[:-12] + odd_files.chunk(b"eXIf", tags) + plain[-12:]
    np.testing.assert_array_equal(decode_image(behind), np.rot90(COLOR, -1))


# --- draft


@pytest.mark.parametrize(
    ("draft", "shape"),
    [
        ((30, 40), (60, 80)),  # 1/8
        ((31, 40), (120, 160)),  # 60 rows are fewer than 62
        ((30, 41), (120, 160)),
        ((100, 50), (240, 320)),
        ((241, 1), (480, 640)),
        ((1000, 1000), (480, 640)),
        ([1, 1], (60, 80)),
    ],
)
def test_draft_is_never_below_twice_the_size(draft, shape):
    photo = np.add.outer(np.arange(480) // 4, np.arange(640) // 5).astype(np.uint8)
    data = encode(photo, format="JPEG")
    assert decode_image(data, draft=draft).shape == shape
    step = 480 // shape[0]
    means = photo.reshape(shape[0], step, shape[1], step).mean(axis=(1, 3))
    assert np.abs(decode_image(data, draft=draft) - means).max() < 3


def test_draft_counts_rows_and_columns_of_the_image_as_it_is_turned():
    data = encode(np.zeros((160, 640), np.uint8), format="JPEG", exif=exif(6))
    assert decode_image(data).shape == (640, 160)
    assert decode_image(data, draft=(80, 20)).shape == (160, 40)
    assert decode_image(data, draft=(20, 80)).shape == (640, 160)
    assert decode_image(data, draft=(20, 80), orientation="ignore").shape == (40, 160)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP", "BMP", "DIB", "GIF", "AVIF"])
def test_draft_changes_jpegs_only(image_format):
    data = encode(np.zeros((64, 64), np.uint8), format=image_format)
    assert decode_image(data, draft=(2, 2)).shape[:2] == (64, 64)


# --- errors


def code_of(data, **options):
    with pytest.raises(ImageError) as refusal:
        decode_image(data, **options)
    return refusal.value.code


def test_errors_are_value_errors_that_survive_pickling():
    error = pickle.loads(pickle.dumps(ImageError("empty", "the file is empty")))
    assert isinstance(error, ValueError)
    assert (error.code, error.message, str(error)) == ("empty", "the file is empty", "the file is empty [empty]")


@pytest.mark.parametrize("data", [b"not an image", encode(GRAY, format="PPM"), encode(GRAY, format="ICO")])
def test_other_bytes_and_formats(data):
    assert code_of(data) == "unidentified"


def test_every_suffix_that_is_listed_is_of_a_format_that_is_decoded(tmp_path):
    """By Pillow's own table of suffixes."""
    for suffix in Image.registered_extensions():
        (tmp_path / f"image{suffix}").touch()
    for name in list_images(tmp_path):
        Image.fromarray(COLOR).save(tmp_path / name)
        assert decode_image((tmp_path / name).read_bytes()).shape == COLOR.shape, name


def test_no_bytes():
    assert code_of(b"") == "empty"


def test_max_pixels():
    data = encode(GRAY)
    assert decode_image(data, max_pixels=GRAY.size).shape == GRAY.shape
    assert code_of(data, max_pixels=GRAY.size - 1) == "too_many_pixels"
    assert decode_image(data, max_pixels=None).shape == GRAY.shape


def test_nothing_is_decoded_of_an_image_with_too_many_pixels(odd_files):
    """675 megabytes of pixels, which would show."""
    tracemalloc.start()
    try:
        assert code_of(odd_files.ENCODED["bomb_225_megapixels.png"].data, max_pixels=None) == "too_many_pixels"
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert code_of(odd_files.ENCODED["bomb_225_megapixels.png"].data, max_pixels=10**9) == "too_many_pixels"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mode": "RGB"}, ValueError),
        ({"mode": 3}, TypeError),
        ({"dtype": "float64"}, ValueError),
        ({"dtype": np.uint8}, TypeError),
        ({"orientation": None}, TypeError),
        ({"orientation": "EXIF"}, ValueError),
        ({"draft": 64}, TypeError),
        ({"draft": (0, 64)}, ValueError),
        ({"max_pixels": 0}, ValueError),
        ({"max_pixels": 1e6}, TypeError),
    ],
)
def test_parameters_that_cannot_be_used(options, error):
    (name,) = options
    with pytest.raises(error, match=rf"^decode_image: {name} must") as refusal:
        decode_image(encode(GRAY), **options)
    assert refusal.type is error


@pytest.mark.parametrize("data", ["photo.png", Path("photo.png"), None, 3, io.BytesIO(), GRAY])
def test_what_is_no_bytes(data):
    """It is no damaged image."""
    with pytest.raises(
        TypeError, match=rf"^decode_image: data must be the bytes of a file, got {type(data).__name__};"
    ):
        decode_image(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_bytes(kind):
    np.testing.assert_array_equal(decode_image(kind(encode(GRAY))), GRAY)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "AVIF"])
def test_no_cut_is_taken_for_the_whole(image_format):
    """Cut anywhere, a file is refused, or all of its pixels are there."""
    whole = encode(np.random.default_rng(1).integers(0, 256, (24, 24), dtype=np.uint8), format=image_format)
    expected = decode_image(whole)
    codes = []
    for end in range(1, len(whole), 7):
        try:
            pixels = decode_image(whole[:end])
        except ImageError as error:
            codes.append(error.code)
        else:
            np.testing.assert_array_equal(pixels, expected)
    assert set(codes) <= {"truncated", "unidentified"}
    assert len(codes) >= 0.9 * len(whole) / 7
