"""Odd and hostile pictures, made here byte by byte: each is taken or refused as listed.

All go through the children, as in life: whatever the decoder does about them, it does it there.
"""

from __future__ import annotations

import functools
import io
import struct
import time
import zlib

import pytest
from PIL import Image

from feed.rendering import InvalidPicture, RenderPool


@pytest.fixture(scope="module")
def pool():
    with RenderPool(children=2) as opened:
        yield opened


def encoded(image, picture_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


@functools.cache
def photo(size=(120, 80), picture_format="JPEG", **options):
    image = Image.radial_gradient("L").resize(size)
    return encoded(image.convert("RGB"), picture_format, **options)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows=b"", *, depth=8, colour=0, interlace=0, before=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + before
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def jpeg_segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(segment):
    return b"\xff\xd8" + segment + photo()[2:]


def jpeg_sized(width, height, source=None):
    """A JPEG that claims another size than it has."""
    data = bytearray(source or photo())
    frame = data.index(b"\xff\xc0") if b"\xff\xc0" in data else data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_with_scans(count, *, width=120, height=80):
    """A progressive JPEG whose last scan is repeated."""
    data = photo(progressive=True)
    last = data.rindex(b"\xff\xda")
    return jpeg_sized(width, height, data[:-2] + data[last:-2] * count + b"\xff\xd9")


def webp_chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(width, height, flags=0):
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


def gif(width, height, *frames):
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\xff\0\0\0\0\xff"
    return b"GIF89a" + screen + b"".join(frames) + b";"


def gif_frame(width, height, data=b"\x02\x02\x44\x01\0"):
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + data


def gif_of_many_frames():
    return gif(1, 1, *[gif_frame(1, 1)] * 10_000)


def huge_text_png():
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9))
    return png(1, 1, b"\0\x80", before=text)


def zlib_bomb_png():
    return png(10, 10, b"\0" * 60_000_000)


PLAIN_WEBP = photo(picture_format="WEBP")

TAKEN = {
    "baseline jpeg": photo(),
    "progressive jpeg": photo(progressive=True),
    "png": photo(picture_format="PNG"),
    "gif": photo(picture_format="GIF"),
    "webp": PLAIN_WEBP,
    "one pixel": png(1, 1, b"\0\x80"),
    "strip 65,535 wide": png(65_535, 2, bytes(2 * 65_536)),
    "strip 65,535 high": png(2, 65_535, bytes(3 * 65_535)),
    "jpeg 65,500 wide": encoded(Image.new("L", (65_500, 2)), "JPEG"),
    "25 million pixels in 25 kB": png(5_000, 5_000, bytes(5_001 * 5_000)),
    "webp of 16 million pixels": encoded(
        Image.new("RGB", (4_000, 4_000)), "WEBP", lossless=True, method=0, quality=0
    ),
    "16-bit png": png(2, 1, b"\0\x10\0\xff\xff", depth=16),
    "16-bit colour png": png(1, 1, b"\0" + b"\x80\0" * 3, depth=16, colour=2),
    "interlaced png": png(1, 1, b"\0\x80", interlace=1),
    "polyglot: jpeg with a zip behind": photo() + b"PK\x03\x04" + bytes(100),
    "polyglot: jpeg with script in a comment": jpeg_with(jpeg_segment(0xFE, b"<script>1</script>")),
    "polyglot: gif beginning like JavaScript": photo(picture_format="GIF") + b"*/=1;alert(1)",
    "polyglot: png with html in a text chunk": png(
        1, 1, b"\0\x80", before=png_chunk(b"tEXt", b"Comment\0<html><script>1</script>")
    ),
    "jpeg with a broken exif": jpeg_with(jpeg_segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")),
    "jpeg with exif in a circle": jpeg_with(
        jpeg_segment(
            0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"
        )
    ),
    "jpeg with a broken profile": jpeg_with(
        jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(99))
    ),
    "jpeg with profile piece 7 of 3": jpeg_with(jpeg_segment(0xE2, b"ICC_PROFILE\0\x07\x03abc")),
    "jpeg with a broken picture index": jpeg_with(jpeg_segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff")),
    "jpeg with markers hidden in a comment": jpeg_with(jpeg_segment(0xFE, b"\xff\xda" * 500)),
    "jpeg that claims more rows than it has, filled up by the decoder": jpeg_sized(120, 4_000),
    "jpeg with a hundred kB of scans behind its end": photo() + b"\xff\xda" * 50_000,
    "gif of 10,000 frames": gif_of_many_frames(),
    "gif whose screen is larger than its frame": gif(9, 9, gif_frame(1, 1)),
    "png with a duration of nothing": png(1, 1, b"\0\x80", before=png_chunk(b"tIME", b"")),
    "png with more rows than it has room for": zlib_bomb_png(),
}

REFUSED = {
    "nothing": (b"", "empty"),
    "one byte": (b"\xff", "not a JPEG"),
    "zeros": (bytes(1_000), "not a JPEG"),
    "text": (b"once upon a time", "not a JPEG"),
    "svg with script": (b"<svg xmlns='x' onload='alert(1)'/>", "markup"),
    "svg behind a byte order mark": (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", "markup"),
    "html named .png": (b"<!doctype html><script>alert(1)</script>", "markup"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "tiff": (encoded(Image.new("L", (9, 9)), "TIFF"), "TIFF"),
    "bmp": (encoded(Image.new("L", (9, 9)), "BMP"), "BMP"),
    "ico": (encoded(Image.new("L", (16, 16)), "ICO"), "icon"),
    "avif": (b"\0\0\0\x1cftypavif" + bytes(50), "HEIC"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "not a JPEG"),
    "ppm": (b"P6 9 9 255 " + bytes(243), "not a JPEG"),
    "more bytes than allowed": (photo() + bytes(5 * 1024 * 1024), "bytes, more than"),
    "jpeg, only its start": (b"\xff\xd8\xff", "JPEG"),
    "jpeg, cut in its header": (photo()[:150], "JPEG|broken"),
    "jpeg, cut in its pixels": (photo((400, 300))[:-900], "broken.*truncated"),
    "jpeg of no height": (jpeg_sized(120, 0), "JPEG|broken|pixels"),
    "jpeg that claims 65,535 squared": (jpeg_sized(65_535, 65_535), "pixels"),
    "jpeg that claims 25 million and one": (jpeg_sized(5_001, 5_000), "pixels"),
    "jpeg of 101 scans": (jpeg_with_scans(101), "scans"),
    "jpeg of 5,000 scans": (jpeg_with_scans(5_000), "scans"),
    "arithmetic nonsense": (b"\xff\xd8" + jpeg_segment(0xC9, bytes(9)), "JPEG|broken"),
    "png, only its signature": (b"\x89PNG\r\n\x1a\n", "PNG|broken"),
    "png without pixels": (png(9, 9), "broken"),
    "png cut in its pixels": (photo(picture_format="PNG")[:-300], "broken"),
    "png with a wrong checksum": (png(1, 1, b"\0\x80")[:-20] + bytes(20), "PNG|broken"),
    "png that claims 10^9 pixels": (png(40_000, 25_000), "pixels"),
    "png that claims 2^31 squared": (png(2**31 - 1, 2**31 - 1), "pixels|PNG"),
    "png one pixel high, 25 million wide": (png(25_000_000, 1), "a side has"),
    "png of no width": (png(0, 5), "pixels|PNG|broken"),
    "png with 80 MB of compressed text": (huge_text_png(), "broken"),
    "png of a depth that does not exist": (png(1, 1, b"\0\0", depth=3), "PNG|broken"),
    "gif, only its header": (b"GIF89a", "GIF"),
    "gif without a frame": (gif(9, 9), "GIF|broken"),
    "gif that claims 65,535 squared": (gif(65_535, 65_535, gif_frame(1, 1)), "pixels"),
    "gif with a frame larger than its screen": (gif(1, 1, gif_frame(65_535, 65_535)), "."),
    "gif with broken codes": (gif(9, 9, gif_frame(9, 9, b"\x0d\x02\xff\xff\0")), "broken"),
    "36 bytes of webp that want a gigabyte": (webp(vp8x(16_384, 16_384))[:36], "pixels"),
    "webp that claims 2^24 squared": (webp(vp8x(2**24, 2**24)), "pixels"),
    "webp that claims 16,383 squared, lossless": (
        webp(webp_chunk(b"VP8L", b"\x2f\xfe\xff\xff\x0f" + bytes(20))),
        "pixels",
    ),
    "webp that claims 16,383 squared": (
        webp(webp_chunk(b"VP8 ", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20))),
        "pixels",
    ),
    "webp, only its canvas": (webp(vp8x(9, 9)), "broken|not a"),
    "webp whose frame is larger than its canvas": (
        webp(vp8x(9, 9), PLAIN_WEBP[12:]),
        "broken|not a",
    ),
    "webp cut in its pixels": (PLAIN_WEBP[:-100], "broken|not a"),
}


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN.keys())
def test_odd_picture_is_taken(pool, data):
    started = time.perf_counter()

    rendition = pool.render(data, None)

    assert time.perf_counter() - started < 3
    assert min(rendition.width, rendition.height, *(file.height for file in rendition.files)) >= 1
    assert rendition.files[-1].width <= min(rendition.width, 1280)
    made = b"".join(file.data for file in rendition.files)
    assert b"script" not in made
    assert b"PK\x03\x04" not in made


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_hostile_picture_is_refused_with_a_reason(pool, data, reason):
    started = time.perf_counter()

    with pytest.raises(InvalidPicture, match=reason) as refusal:
        pool.render(data, "image/png")

    assert time.perf_counter() - started < 3
    assert refusal.value.reason.isprintable()


def test_children_outlive_the_whole_collection(pool):
    pids = pool.pids

    for data, _ in REFUSED.values():
        with pytest.raises(InvalidPicture):
            pool.render(data, None)

    assert pool.pids == pids
    assert pool.render(photo(), None).files
