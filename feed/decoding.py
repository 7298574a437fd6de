"""Decode a stranger's picture and encode it anew: upright, in sRGB, without metadata. No Django.

The checks here keep the decoder away from what is known to be hostile. What is not known yet is
why this never runs in a process that matters: `feed.render_child` runs it under limits, and
`feed.rendering` runs that.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import (
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from feed.errors import InvalidPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTHS: Final = (320, 640, 1280)
MAX_BYTES: Final = 5 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
# libwebp holds the canvas several times over: 25 million pixels took 430 MiB, where a PNG takes 240
# (measured, Pillow 13).
MAX_WEBP_PIXELS: Final = 16_000_000
MAX_SIDE: Final = 65_535
# A tall strip's files get narrower beyond this: WebP itself ends at 16,383, and 1,280 × 8,192
# pixels take a second to encode (measured).
MAX_FILE_HEIGHT: Final = 4 * WIDTHS[-1]
# An encoder makes about ten. Each scan walks the whole picture again: a 58 kB file with thousands
# of them cost 14 seconds (measured).
MAX_JPEG_SCANS: Final = 100

# Half the time of Pillow's default method 4, for files 3 % larger (measured).
_WEBP_QUALITY: Final = 80
_WEBP_METHOD: Final = 2
_PLACEHOLDER_WIDTH: Final = 16

# Named here so that Image.open() never falls back to importing every plugin. Multi-picture JPEGs
# of phones come out of "JPEG" as format "MPO"; asking for "MPO" itself raises KeyError.
_PLUGINS: Final = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_JPEG_CLASSES: Final = (JpegImagePlugin.JpegImageFile, MpoImagePlugin.MpoImageFile)

_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS: Final = (5, 6, 7, 8)

# High byte of each 16-bit grey; convert("L") alone would clip all but the darkest 1/256 to white.
_GREY_16_TO_8: Final = [value >> 8 for value in range(65_536)]

_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# Only to name in a refusal what somebody sent; magic bytes prove nothing.
_KNOWN_STRANGERS: Final = (
    (rb"\A(?:\xef\xbb\xbf)?\s*<", "markup, such as SVG or HTML"),
    (rb"\A%PDF", "a PDF"),
    (rb"\A(?:%!|\xc5\xd0\xd3\xc6)", "PostScript"),
    (rb"\A(?:II\*\0|MM\0\*)", "a TIFF"),
    (rb"\ABM", "a BMP"),
    (rb"\A....ftyp", "a HEIC, AVIF or video"),
    (rb"\A\0\0\x01\0", "an icon"),
)


@dataclass(frozen=True, slots=True)
class RenditionFile:
    """One WebP file, ready to be served."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendition:
    """A picture made safe: `width` and `height` are the original's, upright.

    `files` go from small to large; `placeholder` is a data URL of a WebP about 16 pixels
    wide; `dominant_colour` is `#rrggbb`.
    """

    width: int
    height: int
    placeholder: str
    dominant_colour: str
    files: tuple[RenditionFile, ...]


def set_up_pillow() -> None:
    """Make Pillow strict for this whole process, which should do nothing but decode."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("ignore")
    # Raised for frames and chunks that turn out larger than the header said.
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode_and_encode(data: bytes) -> Rendition:
    """Make the rendition of a picture.

    Raises InvalidPicture, MemoryError, or whatever Pillow raises on broken data.
    """
    _refuse_by_header(data)
    try:
        opened = Image.open(io.BytesIO(data), formats=tuple(_PLUGINS))
    except UnidentifiedImageError as error:
        raise InvalidPicture(_unidentified(data)) from error
    with opened as image:
        _refuse_by_size(*image.size)
        upright, (width, height) = _load_upright(image)
    files, smallest = _encode_files(upright, file_sizes(width, height))
    return Rendition(
        width=width,
        height=height,
        placeholder=_placeholder(smallest),
        dominant_colour=_dominant_colour(smallest),
        files=files,
    )


def file_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return the sizes of the files, smallest first: never enlarged, never a side of zero."""
    sizes: dict[int, int] = {}
    for wanted_width in WIDTHS:
        file_width = min(wanted_width, width)
        file_height = max(1, round(height * file_width / width))
        if file_height > MAX_FILE_HEIGHT:
            file_height = MAX_FILE_HEIGHT
            file_width = max(1, round(width * file_height / height))
        sizes[file_width] = file_height
    return sorted(sizes.items())


def count_jpeg_scans(data: bytes) -> int:
    """Count the scans of the first picture, walking from marker to marker as a decoder does."""
    scans = 0
    position = 2
    # In coded data 0xFF is followed by 0x00 or a restart marker (0xD0 to 0xD7): neither ends it.
    while found := _JPEG_MARKER.search(data, position):
        marker = data[found.end() - 1]
        position = found.end()
        if marker == 0xD9:
            break
        if marker in (0x01, 0xD8):
            continue
        scans += marker == 0xDA
        position += int.from_bytes(data[position : position + 2], "big")
    return scans


_JPEG_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def _refuse_by_header(data: bytes) -> None:
    """Refuse what would cost the decoder dear even to open."""
    if not data:
        raise InvalidPicture("The picture is empty.")
    if len(data) > MAX_BYTES:
        raise InvalidPicture(f"The picture has {len(data):,} bytes, more than {MAX_BYTES:,}.")
    if data.startswith(b"\xff\xd8") and (scans := count_jpeg_scans(data)) > MAX_JPEG_SCANS:
        raise InvalidPicture(f"The JPEG has {scans:,} scans, more than {MAX_JPEG_SCANS}.")
    # Opening a WebP allocates its canvas: 36 bytes can ask for a gigabyte.
    if (size := _webp_canvas(data)) is not None:
        _refuse_by_size(*size, max_pixels=MAX_WEBP_PIXELS)


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Read a WebP's size from its first chunk (RFC 9649), or None when it is no WebP."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return (
            int.from_bytes(data[26:28], "little") & 0x3FFF,
            int.from_bytes(data[28:30], "little") & 0x3FFF,
        )
    return None


def _refuse_by_size(width: int, height: int, *, max_pixels: int = MAX_PIXELS) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise InvalidPicture(
            f"The picture is {width:,} × {height:,} pixels; a side has 1 to {MAX_SIDE:,}."
        )
    if width * height > max_pixels:
        raise InvalidPicture(
            f"The picture is {width:,} × {height:,} pixels, more than {max_pixels:,} in all."
        )


def _unidentified(data: bytes) -> str:
    for pattern, name in _KNOWN_STRANGERS:
        if re.match(pattern, data, re.DOTALL):
            return f"The data is {name}; only JPEG, PNG, GIF and WebP pictures are taken."
    for start, name in ((b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF")):
        if data.startswith(start):
            return f"The data begins like a {name}, but its header is broken."
    return "The data is not a JPEG, PNG, GIF or WebP picture."


def _load_upright(image: ImageFile.ImageFile) -> tuple[Image.Image, tuple[int, int]]:
    """Decode the first frame at the size of its largest file; also return its full size.

    The image is new, upright, RGB in sRGB. The full size is upright, too.
    """
    is_jpeg = isinstance(image, _JPEG_CLASSES)
    if not is_jpeg:
        image.load()  # a PNG's or WebP's EXIF may stand behind its pixels
    orientation = _orientation(image)
    is_sideways = orientation in _SIDEWAYS
    full_size = image.size[::-1] if is_sideways else image.size
    largest = file_sizes(*full_size)[-1]
    decode_size = largest[::-1] if is_sideways else largest
    if is_jpeg:
        # The decoder can leave out detail that the resize would throw away: 12 megapixels in a
        # third of the time and a fraction of the memory.
        image.draft(None, decode_size)
        image.load()
    profile = image.info.get("icc_profile")
    small = _resizable(image)
    if small.size != decode_size:
        small = small.resize(decode_size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    colours, alpha = _in_srgb(small, profile)
    # On white: a transparent black drawing would vanish on the dark theme. And on a new image, so
    # that nothing the old one carried can follow.
    fresh = Image.new("RGB", decode_size, "white")
    fresh.paste(colours, mask=alpha)
    if orientation in _TRANSPOSE:
        fresh = fresh.transpose(_TRANSPOSE[orientation])
    return fresh, full_size


def _orientation(image: Image.Image) -> int:
    # EXIF is a small TIFF with offsets of its own, so broken ones raise about anything. A picture
    # is still a picture without it.
    with suppress(Exception):
        value = image.getexif().get(ExifTags.Base.Orientation)
        if isinstance(value, int):
            return value
    return 1


def _resizable(image: Image.Image) -> Image.Image:
    """Return the image in a mode that can be resampled: L, LA, RGB, RGBA or CMYK."""
    if image.mode == "I;16B":
        image = image.convert("I;16")
    if image.mode == "I":
        # Older Pillow opens 16-bit greys so; their values still end at 65,535.
        return image.point(_GREY_16_TO_8, "L")
    if image.mode == "I;16":
        return image.convert("I").point(_GREY_16_TO_8, "L")
    if image.mode in ("LA", "RGBA", "CMYK"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _in_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours as sRGB, and the alpha channel where there is one."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if isinstance(profile, bytes) and profile:
        # A broken profile, or one for other channels than these, is as good as none.
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
                return converted or image.convert("RGB"), alpha
    return image.convert("RGB"), alpha


def _encode_files(
    picture: Image.Image, sizes: Sequence[tuple[int, int]]
) -> tuple[tuple[RenditionFile, ...], Image.Image]:
    """Return the files, smallest first, and the smallest one's picture."""
    files = []
    for size in reversed(sizes):
        # Each from the one above it: half the work, and no difference that an eye can see.
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        data = _webp(picture, quality=_WEBP_QUALITY, method=_WEBP_METHOD)
        files.append(RenditionFile(*size, data))
    return tuple(reversed(files)), picture


def _webp(picture: Image.Image, *, quality: int, method: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=method)
    return buffer.getvalue()


def _placeholder(picture: Image.Image) -> str:
    width, height = picture.size
    size = (min(_PLACEHOLDER_WIDTH, width), max(1, min(32, round(16 * height / width))))
    tiny = picture.resize(size, Image.Resampling.BOX)
    encoded = base64.b64encode(_webp(tiny, quality=40, method=4)).decode("ascii")
    return f"data:image/webp;base64,{encoded}"


def _dominant_colour(picture: Image.Image) -> str:
    """Return the most frequent of six colours. The mean of red and green would be mud."""
    sample = picture.resize((24, 24), Image.Resampling.BOX)
    reduced = sample.quantize(6, method=Image.Quantize.MEDIANCUT)
    counts: list[tuple[int, int]] = reduced.getcolors()  # type: ignore[assignment]
    index = max(counts)[1]
    red, green, blue = (reduced.getpalette() or [0, 0, 0])[index * 3 : index * 3 + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"
