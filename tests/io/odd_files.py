"""A folder of files that readers stumble over, and what must become of each.

``write_odd_files(folder)`` writes them and returns {name: code}, the code "" for one that is read. What pixels those
must give stands in ``ENCODED``, by the definition of each format and not by any reader.
"""

import io
import os
import socket
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

SHAPE = (18, 26)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
GRAY = NOISE[..., 0]
DEEP = RNG.integers(0, 65536, SHAPE, dtype=np.uint16)
# What codecs that lose something keep to a few levels.
SMOOTH = np.add.outer(np.arange(18) * 6, np.arange(26) * 4)[..., None].astype(np.uint8) + np.array(
    [0, 20, 40], np.uint8
)
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@dataclass
class Odd:
    """The bytes of a file, the code it must get, and where it is read, its pixels and how far they may differ."""

    data: bytes
    code: str = ""
    pixels: np.ndarray | None = None
    tolerance: int = 0


def encode(image, image_format, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def merge(mode, channels):
    return Image.merge(mode, [Image.fromarray(channel) for channel in np.moveaxis(channels, 2, 0)])


def to_gray(rgb):
    """ITU-R 601 luma, in the integers of Pillow's mode L."""
    return ((rgb.astype(np.int64) @ [19595, 38470, 7471] + 32768) >> 16).astype(np.uint8)


def over_white(rgb, alpha):
    alpha = alpha[..., None] / 255
    return np.rint(rgb * alpha + 255 * (1 - alpha)).astype(np.uint8)


def scaled(deep):
    return np.rint(deep / 257).astype(np.uint8)


# --- Files that Pillow does not write, byte by byte


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, bit_depth, color_type, *chunks, width=None, compressed=None):
    """A PNG of rows of bytes, or of pixels that are compressed already."""
    if compressed is None:
        compressed = zlib.compress(b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width or SHAPE[1], len(rows), bit_depth, color_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", compressed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_bomb(side):
    """An RGB PNG of side x side black pixels: a block of compressed zeros, again and again."""
    n_bytes = side * (3 * side + 1)
    block = 1 << 20
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(n_bytes % block)) + packer.flush()
    adler = ((n_bytes % 65521) << 16) | 1
    compressed = b"\x78\xda" + whole * (n_bytes // block) + rest + struct.pack(">I", adler)
    return png(np.zeros((side, 0), np.uint8), 8, 2, width=side, compressed=compressed)


def tiff(width, height, data, *, bits=8, samples=1, photometric=1, sample_format=1, offset=None, next_ifd=0, more=()):
    """A little-endian TIFF of one uncompressed strip, bits of several samples beside one another included."""
    tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [offset]),
        277: (3, [samples]),
        278: (4, [height]),
        279: (4, [len(data)]),
        339: (3, [sample_format] * samples),
        **dict(more),
    }
    table_end = 8 + 2 + 12 * len(tags) + 4
    outside = b"".join(
        struct.pack(f"<{len(v)}{'H' if kind == 3 else 'I'}", *v)
        for kind, v in tags.values()
        if v != [None] and len(v) * (2 if kind == 3 else 4) > 4
    )
    if offset is None:
        tags[273] = (4, [table_end + len(outside)])
    entries, place = b"", table_end
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            entries += struct.pack("<HHII", tag, kind, len(values), place)
            place += len(packed)
        else:
            entries += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_ifd) + outside + data


def gif_header(width, height):
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


def webp_header(width, height):
    """A lossless WebP of which there is little more than the header."""
    sides = (width - 1) | (height - 1) << 14
    picture = b"\x2f" + struct.pack("<I", sides) + bytes(31)
    body = b"WEBP" + b"VP8L" + struct.pack("<I", len(picture)) + picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def without_segment(jpeg, marker):
    start = jpeg.index(marker)
    return jpeg[:start] + jpeg[start + 2 + struct.unpack(">H", jpeg[start + 2 : start + 4])[0] :]


# --- The kinds


def _no_images():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", encode(GRAY, "PNG"))
    yield "empty.png", Odd(b"", "empty")
    others = {
        "one_byte.jpg": b"\xff",
        "text.jpg": b"Not an image at all.\n",
        "page.jpg": b"<!DOCTYPE html><html><title>404 Not Found</title></html>",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "heic_header.jpg": struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(40),
        "archive.png": archive.getvalue(),
        "document.tif": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "program.bmp": b"\x7fELF" + bytes(60),
        "array.png": b"\x93NUMPY\x01\0",
        "zeros.gif": bytes(4096),
        "portable.png": encode(GRAY, "PPM"),
        "icon.png": encode(GRAY, "ICO"),
        "photoshop.png": b"8BPS\0\x01" + bytes(20),
        "jpeg2000.jpg": encode(GRAY, "JPEG2000"),
        "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "git_lfs.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "resource_fork.jpg": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(40),
    }
    for name, data in others.items():
        yield name, Odd(data, "unidentified")


def _truncated():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    files = {
        image_format.lower(): encode(noise, image_format) for image_format in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
    }
    files["gif"] = encode(noise[..., 0], "GIF")
    files["avif"] = encode(noise, "AVIF")
    files["lzw.tif"] = encode(noise, "TIFF", compression="tiff_lzw")
    files["progressive.jpg"] = encode(noise, "JPEG", progressive=True)
    for name, data in files.items():
        for percent in (60, 95):
            code = "unidentified" if name == "avif" and percent == 60 else "truncated"
            # Compressed TIFFs have their directory behind the pixels.
            code = "unidentified" if name == "lzw.tif" else code
            yield f"cut_at_{percent}.{name}", Odd(data[: len(data) * percent // 100], code)
    yield "cut_in_header.jpg", Odd(files["jpeg"][:300], "truncated")
    yield "cut_in_header.png", Odd(files["png"][:20], "truncated")
    yield "cut_behind_signature.gif", Odd(files["gif"][:9], "unidentified")
    broken = bytearray(files["png"])
    broken[len(broken) // 2] ^= 0xFF
    yield "flipped_bit.png", Odd(bytes(broken), "truncated")
    yield "without_end.png", Odd(files["png"][:-12], "", noise)


def _bombs():
    yield "bomb_225_megapixels.png", Odd(png_bomb(15000), "too_many_pixels")
    yield "bomb_100_megapixels.png", Odd(png_bomb(10000), "too_many_pixels")
    yield "giant.gif", Odd(gif_header(65535, 65535), "too_many_pixels")
    yield "giant.tif", Odd(tiff(100_000, 100_000, bytes(100)), "too_many_pixels")
    yield "giant.webp", Odd(webp_header(16384, 16384), "too_many_pixels")
    bmp = bytearray(encode(GRAY, "BMP"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    yield "giant.bmp", Odd(bytes(bmp), "too_many_pixels")
    jpeg = bytearray(encode(SMOOTH, "JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    yield "giant.jpg", Odd(bytes(jpeg), "too_many_pixels")
    yield "no_rows.png", Odd(png(np.zeros((0, 26), np.uint8), 8, 0), "unidentified")


def _depths():
    big_endian = DEEP.astype(">u2")
    rgb = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], axis=2)
    floats = RNG.random(SHAPE).astype(np.float32)
    yield "gray_16.png", Odd(encode(DEEP, "PNG"), "", scaled(DEEP))
    yield "gray_16.tif", Odd(encode(DEEP, "TIFF"), "", scaled(DEEP))
    motorola = tiff(26, 18, DEEP.tobytes(), bits=16, photometric=0)
    yield "white_is_zero_16.tif", Odd(motorola, "", scaled(65535 - DEEP))
    # Pillow keeps the upper 8 bits of color.
    yield "rgb_16.png", Odd(png(rgb.astype(">u2").view(np.uint8), 16, 2), "", scaled(rgb), 1)
    yield "rgb_16.tif", Odd(tiff(26, 18, rgb.tobytes(), bits=16, samples=3, photometric=2), "", scaled(rgb), 1)
    transparent = chunk(b"tRNS", struct.pack(">H", int(DEEP[3, 4])))
    key = DEEP[3, 4]
    expected = np.where(key == DEEP, 255, scaled(DEEP))
    yield "gray_16_transparent.png", Odd(png(big_endian.view(np.uint8), 16, 0, transparent), "", expected)
    yield "float.tif", Odd(encode(floats, "TIFF"), "", np.rint(floats * 255).astype(np.uint8))
    yield "float_to_255.tif", Odd(encode(floats * 255, "TIFF"), "bad_range")
    yield "float_negative.tif", Odd(encode(floats - 0.5, "TIFF"), "bad_range")
    for name, value in {"nan": np.nan, "infinite": np.inf}.items():
        pixels = floats.copy()
        pixels[5, 7] = value
        yield f"float_{name}.tif", Odd(encode(pixels, "TIFF"), "non_finite")
    yield "int_32.tif", Odd(encode(DEEP.astype(np.int32), "TIFF"), "bad_range")
    yield "int_16.tif", Odd(tiff(26, 18, DEEP.tobytes(), bits=16, sample_format=2), "bad_range")
    bits = GRAY > 127
    yield "one_bit.png", Odd(encode(Image.fromarray(bits), "PNG"), "", bits * np.uint8(255))
    yield "one_bit.tif", Odd(encode(Image.fromarray(bits), "TIFF", compression="group4"), "", bits * np.uint8(255))
    nibbles = GRAY >> 4
    yield "four_bits.png", Odd(png((nibbles[:, ::2] << 4) | nibbles[:, 1::2], 4, 0), "", nibbles * np.uint8(17))
    yield "white_is_zero.tif", Odd(tiff(26, 18, GRAY.tobytes(), photometric=0), "", 255 - GRAY)


def _colors():
    alpha = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
    hidden = np.where(np.arange(26) % 2, 255, 0).astype(np.uint8) * np.ones((18, 1), np.uint8)
    for name, image_format, options in (
        ("png", "PNG", {}),
        ("webp", "WEBP", {"lossless": True, "exact": True}),
        ("tif", "TIFF", {}),
    ):
        data = encode(np.dstack([NOISE, alpha]), image_format, **options)
        yield f"alpha.{name}", Odd(data, "", over_white(NOISE, alpha), 1)
        data = encode(np.dstack([NOISE, hidden]), image_format, **options)
        yield f"hidden_colors.{name}", Odd(data, "", over_white(NOISE, hidden))
    yield (
        "gray_alpha.png",
        Odd(encode(merge("LA", np.dstack([GRAY, alpha])), "PNG"), "", over_white(GRAY[..., None], alpha)[..., 0], 1),
    )
    palette = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    indexed = Image.fromarray(GRAY)
    indexed.putpalette(palette.tobytes())
    plain = palette[GRAY]
    yield "palette.png", Odd(encode(indexed, "PNG"), "", plain)
    yield "palette.gif", Odd(encode(indexed, "GIF"), "", plain)
    yield "palette.bmp", Odd(encode(indexed, "BMP"), "", plain)
    yield "palette.tif", Odd(encode(indexed, "TIFF"), "", plain)
    key = int(GRAY[0, 0])
    one = np.where(np.isin(GRAY, key)[..., None], 255, plain)
    white = np.where(np.isin(GRAY, [9, key])[..., None], 255, plain)
    yield "palette_transparent.gif", Odd(encode(indexed, "GIF", transparency=key), "", one)
    alphas = bytes(0 if index in (9, key) else 255 for index in range(256))
    yield "palette_transparent.png", Odd(encode(indexed, "PNG", transparency=alphas), "", white)
    value = int(GRAY[2, 2])
    yield "gray_transparent.png", Odd(encode(GRAY, "PNG", transparency=value), "", np.where(value == GRAY, 255, GRAY))
    color = tuple(map(int, NOISE[2, 2]))
    expected = np.where(np.equal(NOISE, NOISE[2, 2]).all(axis=2, keepdims=True), 255, NOISE)
    yield "rgb_transparent.png", Odd(encode(NOISE, "PNG", transparency=color), "", expected)


def _inks():
    cmyk = np.dstack([SMOOTH, SMOOTH[..., 0] // 2])
    ink = merge("CMYK", cmyk)
    printed = np.rint((255.0 - cmyk[..., :3]) * (255.0 - cmyk[..., 3:]) / 255).astype(np.uint8)
    adobe = encode(ink, "JPEG", quality=100)
    yield "cmyk.tif", Odd(encode(ink, "TIFF"), "", printed, 2)
    yield "cmyk_adobe.jpg", Odd(adobe, "", printed, 6)
    # Without Adobe's segment, readers assume its inverted inks all the same.
    yield "cmyk_plain.jpg", Odd(without_segment(adobe, b"\xff\xee"), "", printed, 6)
    flat = np.zeros((*SHAPE, 4), np.uint8) + np.array([100, 127, 127, 0], np.uint8)
    ycck = bytearray(encode(merge("CMYK", flat), "JPEG", quality=100))
    ycck[ycck.index(b"Adobe") + 11] = 2
    # Stored are Y = 155, Cb = Cr = 128 and K = 255: inks of 100.
    yield "ycck.jpg", Odd(bytes(ycck), "", np.full((*SHAPE, 3), 100, np.uint8), 3)
    # L* = 136 / 255 * 100 and a* = b* = 0 is the gray 127 of sRGB.
    neutral = tiff(26, 18, bytes([136, 0, 0]) * (26 * 18), samples=3, photometric=8)
    yield "lab.tif", Odd(neutral, "", np.full((*SHAPE, 3), 127, np.uint8), 3)
    # Pillow before 13 refuses YCbCr that is not compressed.
    data = encode(Image.fromarray(SMOOTH).convert("YCbCr"), "TIFF", compression="jpeg", quality=95)
    yield "ycbcr.tif", Odd(data, "", SMOOTH, 8)


def _jpegs():
    plain = encode(SMOOTH, "JPEG", quality=95, subsampling=0)
    yield "plain.jpg", Odd(plain, "", SMOOTH, 8)
    yield "progressive.jpg", Odd(encode(SMOOTH, "JPEG", quality=95, subsampling=0, progressive=True), "", SMOOTH, 8)
    yield "gray.jpg", Odd(encode(SMOOTH[..., 1], "JPEG", quality=95), "", SMOOTH[..., 1], 8)
    yield "trailing_garbage.jpg", Odd(plain + b"garbage" * 99, "", SMOOTH, 8)
    yield "two_in_one.jpg", Odd(plain + plain, "", SMOOTH, 8)
    yield "restarts.jpg", Odd(encode(SMOOTH, "JPEG", quality=95, subsampling=0, restart_marker_rows=1), "", SMOOTH, 8)
    several = [Image.fromarray(255 - SMOOTH)]
    yield "several.mpo", Odd(encode(SMOOTH, "MPO", save_all=True, append_images=several, quality=95), "", SMOOTH, 20)
    deep = bytearray(plain)
    deep[deep.index(b"\xff\xc0") + 4] = 12
    yield "twelve_bits.jpg", Odd(bytes(deep), "unidentified")
    yield "no_tables.jpg", Odd(without_segment(without_segment(plain, b"\xff\xdb"), b"\xff\xdb"), "truncated")
    yield "wrong_suffix.png", Odd(plain, "", SMOOTH, 8)
    yield "wrong_suffix.jpg", Odd(encode(NOISE, "PNG"), "", NOISE)
    yield "no_suffix", Odd(encode(NOISE, "PNG"), "", NOISE)
    yield "CAPITALS.JPEG", Odd(plain, "", SMOOTH, 8)
    yield "plain.avif", Odd(encode(SMOOTH, "AVIF", quality=95, subsampling="4:4:4"), "", SMOOTH, 12)


def _several_frames():
    others = [Image.fromarray(255 - NOISE)]
    more = {"save_all": True, "append_images": others}
    yield "pages.tif", Odd(encode(NOISE, "TIFF", **more), "", NOISE)
    yield "animated.png", Odd(encode(NOISE, "PNG", **more), "", NOISE)
    yield "animated.webp", Odd(encode(NOISE, "WEBP", lossless=True, **more), "", NOISE)
    grays = [Image.fromarray(255 - GRAY)]
    yield "animated.gif", Odd(encode(GRAY, "GIF", save_all=True, append_images=grays), "", GRAY)
    yield "animated.avif", Odd(encode(SMOOTH, "AVIF", quality=95, **more), "", SMOOTH, 20)
    endless = tiff(26, 18, GRAY.tobytes(), next_ifd=8)
    yield "endless_pages.tif", Odd(endless, "", GRAY)
    yield "strip_outside.tif", Odd(tiff(26, 18, GRAY.tobytes(), offset=1 << 30), "truncated")


def _orientations():
    lossless = {"png": ("PNG", {}), "webp": ("WEBP", {"lossless": True}), "tif": ("TIFF", {})}
    for number, turn in TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = number
        for suffix, (image_format, options) in lossless.items():
            data = encode(NOISE, image_format, exif=exif, **options)
            yield f"orientation_{number}.{suffix}", Odd(data, "", turn(NOISE))
        data = encode(SMOOTH, "JPEG", quality=95, subsampling=0, exif=exif)
        yield f"orientation_{number}.jpg", Odd(data, "", turn(SMOOTH), 8)
    nine = Image.Exif()
    nine[0x0112] = 9
    yield "orientation_9.png", Odd(encode(NOISE, "PNG", exif=nine), "", NOISE)
    corrupt = b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(20)
    yield "corrupt_exif.jpg", Odd(encode(SMOOTH, "JPEG", quality=95, subsampling=0, exif=corrupt), "", SMOOTH, 8)
    yield "corrupt_exif.png", Odd(encode(NOISE, "PNG", exif=b"no EXIF at all"), "", NOISE)


def _names():
    names = [
        "two\nlines.png",
        'a "quoted" name.png',
        "it's.png",
        "=1+1.png",
        "-rf.png",
        "back\\slash.png",
        "s3:.png",
        "comma, semicolon;.png",
        "tab\there.png",
        "100%41.png",
        "<b>&amp;.png",
        " leading space.png",
        "line\u2028separator.png",
        "ﬁgure Ω 猫.png",
        "e\u0301 combined.png",
        "\u202egnp.png",
        "n" * 251 + ".png",
        "[a-z]*?.png",
        "$(touch planted).png",
        os.fsdecode(b"not \xff\xfe UTF-8.png"),
    ]
    for name in names:
        yield name, Odd(encode(NOISE, "PNG"), "", NOISE)


def _all():
    for kind in (
        _no_images,
        _truncated,
        _bombs,
        _depths,
        _colors,
        _inks,
        _jpegs,
        _several_frames,
        _orientations,
        _names,
    ):
        yield from kind()


#: {name: Odd} of all that are bytes in a regular file.
ENCODED = dict(_all())


def _write_special(folder):
    """Write what stands in folders and is no plain file; return {name: code}."""
    target = os.path.join(folder, "gray_16.png")
    os.mkfifo(os.path.join(folder, "pipe.jpg"))
    os.symlink("nowhere.png", os.path.join(folder, "dangling.png"))
    os.symlink("circle.png", os.path.join(folder, "circle.png"))
    os.symlink("/dev/zero", os.path.join(folder, "device.png"))
    os.symlink(target, os.path.join(folder, "link.png"))
    os.mkdir(os.path.join(folder, "folder.jpg"))
    with open(os.path.join(folder, "folder.jpg", "within.png"), "wb") as file:
        file.write(encode(NOISE, "PNG"))
    with open(os.path.join(folder, "sparse.png"), "wb") as file:
        file.truncate((1 << 30) + 1)
    codes = {
        "pipe.jpg": "not_regular",
        "dangling.png": "missing",
        "circle.png": "missing",
        "device.png": "not_regular",
        "link.png": "",
        "folder.jpg/within.png": "",
        "sparse.png": "too_many_bytes",
    }
    if _write_socket(os.path.join(folder, "socket.png")):
        codes["socket.png"] = "not_regular"
    closed = os.path.join(folder, "closed.png")
    with open(closed, "wb") as file:
        file.write(encode(NOISE, "PNG"))
    os.chmod(closed, 0)
    # The superuser may read everything.
    codes["closed.png"] = "" if os.access(closed, os.R_OK) else "permission"
    return codes


def _write_socket(path):
    """Bind a socket by a relative name, since its whole path may be longer than sockets take."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.basename(path))
        return stat.S_ISSOCK(os.stat(os.path.basename(path)).st_mode)
    finally:
        os.fchdir(here)
        os.close(here)


def write_odd_files(folder):
    """Write every kind of odd file into an empty folder; return {path in it: the code it must get}."""
    for name, odd in ENCODED.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(odd.data)
    return {name: odd.code for name, odd in ENCODED.items()} | _write_special(os.fspath(folder))
