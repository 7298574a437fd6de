"""What comes out of the decoder: the right way up, in the right colours, and nothing else.

Only pictures that harm nobody are decoded in the test's own process.
"""

from __future__ import annotations

import base64
import io
import itertools
import re

import pytest
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from feed.decoding import WIDTHS, count_jpeg_scans, decode_and_encode, file_sizes
from feed.errors import InvalidPicture

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 160, 60), (40, 60, 200), (255, 255, 255)
SECRET = b"52.520008 N 13.404954 E, Ada's home"


def encoded(image, picture_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


def quarters(mode="RGB", size=(96, 64)):
    """Red and green above, blue and white below."""
    image = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(image)
    x, y = max(1, size[0] // 2), max(1, size[1] // 2)
    draw.rectangle((0, 0, x - 1, y - 1), RED)
    draw.rectangle((x, 0, size[0], y - 1), GREEN)
    draw.rectangle((0, y, x - 1, size[1]), BLUE)
    return image.convert(mode)


def decoded(rendition, index=-1):
    return Image.open(io.BytesIO(rendition.files[index].data))


def corners(image):
    """The colours in the middle of the four quarters, row by row."""
    width, height = image.size
    rgb = image.convert("RGB")
    return [
        rgb.getpixel((width * x // 4, height * y // 4))
        for y, x in itertools.product((1, 3), repeat=2)
    ]


def assert_close(found, wanted, tolerance=24):
    for one, other in zip(found, wanted, strict=True):
        assert all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True)), (
            found,
            wanted,
        )


@pytest.mark.parametrize(
    ("size", "files"),
    [
        ((1, 1), [(1, 1)]),
        ((200, 100), [(200, 100)]),
        ((320, 240), [(320, 240)]),
        ((321, 240), [(320, 239), (321, 240)]),
        ((500, 250), [(320, 160), (500, 250)]),
        ((640, 480), [(320, 240), (640, 480)]),
        ((4000, 3000), [(320, 240), (640, 480), (1280, 960)]),
        ((65_535, 2), [(320, 1), (640, 1), (1280, 1)]),
        ((2, 65_535), [(1, 5120)]),
        ((1000, 20_000), [(256, 5120)]),
        ((400, 5120), [(320, 4096), (400, 5120)]),
    ],
)
def test_files_are_never_enlarged_and_never_flat(size, files):
    assert file_sizes(*size) == files


@pytest.mark.parametrize("width", [1, 16, 200, 500, 1280, 2000])
def test_rendition_holds_a_webp_of_each_width_and_a_tiny_placeholder(width):
    rendition = decode_and_encode(encoded(quarters(size=(width, width))))

    assert (rendition.width, rendition.height) == (width, width)
    assert [file.width for file in rendition.files] == sorted(
        {min(wanted, width) for wanted in WIDTHS}
    )
    for index, file in enumerate(rendition.files):
        assert decoded(rendition, index).format == "WEBP"
        assert decoded(rendition, index).size == (file.width, file.height)
    head, _, body = rendition.placeholder.partition(",")
    assert head == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(body))).width == min(16, width)
    assert len(rendition.placeholder) < 700
    assert re.fullmatch("#[0-9a-f]{6}", rendition.dominant_colour)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
        (0, [RED, GREEN, BLUE, WHITE]),
        (99, [RED, GREEN, BLUE, WHITE]),
    ],
)
@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(orientation, expected, picture_format):
    exif = Image.Exif()
    exif[0x0112] = orientation

    rendition = decode_and_encode(encoded(quarters(), picture_format, exif=exif))

    sideways = orientation in (5, 6, 7, 8)
    assert (rendition.width, rendition.height) == ((64, 96) if sideways else (96, 64))
    assert decoded(rendition).size == (rendition.width, rendition.height)
    assert_close(corners(decoded(rendition)), expected)


def test_large_sideways_jpeg_keeps_its_full_width():
    exif = Image.Exif()
    exif[0x0112] = 6

    rendition = decode_and_encode(encoded(quarters(size=(2000, 3000)), "JPEG", exif=exif))

    assert (rendition.width, rendition.height) == (3000, 2000)
    assert [(file.width, file.height) for file in rendition.files] == [
        (320, 213),
        (640, 427),
        (1280, 853),
    ]
    assert_close(corners(decoded(rendition)), [BLUE, RED, WHITE, GREEN])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_no_reason_to_refuse():
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(40))

    assert_close(corners(decoded(decode_and_encode(data))), [RED, GREEN, BLUE, WHITE])


GREY_16 = quarters("L").convert("I").point(lambda value: value * 257).convert("I;16")


@pytest.mark.parametrize(
    "data",
    [
        encoded(quarters("CMYK"), "JPEG"),
        encoded(quarters(), "JPEG", progressive=True, subsampling=2),
        encoded(quarters("RGBA")),
        encoded(quarters("P")),
        encoded(quarters().quantize(4)),
        encoded(quarters("P"), "GIF"),
        encoded(quarters(), "WEBP"),
        encoded(quarters("RGBA"), "WEBP", lossless=True),
    ],
)
def test_every_coloured_mode_keeps_its_colours(data):
    found = corners(decoded(decode_and_encode(data)))

    assert_close(found, [RED, GREEN, BLUE, WHITE], tolerance=32)


@pytest.mark.parametrize(
    "data",
    [
        encoded(quarters("L"), "JPEG"),
        encoded(quarters("L")),
        encoded(quarters("LA")),
        encoded(GREY_16),
        encoded(quarters("L"), "GIF"),
    ],
)
def test_every_grey_mode_keeps_its_shades(data):
    found = corners(decoded(decode_and_encode(data)))

    assert_close(found, [(shade,) * 3 for shade in (87, 110, 70, 255)], tolerance=12)


def test_black_and_white_stays_black_and_white():
    data = encoded(Image.linear_gradient("L").convert("1", dither=Image.Dither.NONE))

    found = corners(decoded(decode_and_encode(data)))

    assert_close(found, [(0, 0, 0)] * 2 + [WHITE] * 2, tolerance=4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_white(mode):
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 64))
    data = encoded(image.convert(mode) if mode != "PA" else image.quantize(2))

    found = corners(decoded(decode_and_encode(data)))

    assert_close(found, [(0, 0, 0), WHITE] * 2, tolerance=6)


def test_transparent_colour_of_a_gif_is_white():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.putpixel((7, 7), 0)

    found = decoded(decode_and_encode(encoded(image, "GIF", transparency=1)))

    assert_close([found.convert("RGB").getpixel((1, 1))], [WHITE], tolerance=60)


def test_first_frame_of_an_animation_is_the_picture():
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, GREEN, BLUE)]
    for picture_format in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], picture_format, save_all=True, append_images=frames[1:])

        found = decoded(decode_and_encode(data))

        assert getattr(found, "n_frames", 1) == 1
        assert_close([found.convert("RGB").getpixel((20, 20))], [RED])


def test_multi_picture_jpeg_of_a_phone_is_its_first_picture():
    data = encoded(quarters(), "MPO", save_all=True, append_images=[quarters().rotate(180)])
    assert Image.open(io.BytesIO(data)).format == "MPO"

    assert_close(corners(decoded(decode_and_encode(data))), [RED, GREEN, BLUE, WHITE])


def profile_bytes(name):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def swapped_profile():
    """An RGB profile in which red and blue are each other: its effect cannot be overlooked."""
    profile = bytearray(profile_bytes("sRGB"))
    profile[:] = profile.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ")
    profile[:] = profile.replace(b"tXYZ", b"bXYZ")
    profile[:] = profile.replace(b"s\0R\0G\0B", b"m\0i\0n\0e").replace(b"sRGB", b"mine")
    return bytes(profile)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
def test_colour_profile_is_applied_and_gone(picture_format):
    image = Image.new("RGB", (32, 32), (250, 10, 10))
    data = encoded(image, picture_format, icc_profile=swapped_profile())

    found = decoded(decode_and_encode(data))

    assert_close([found.convert("RGB").getpixel((16, 16))], [(10, 10, 250)], tolerance=40)
    assert "icc_profile" not in found.info


@pytest.mark.parametrize(
    "profile",
    [b"", b"no profile at all", profile_bytes("sRGB")[:200], profile_bytes("LAB"), bytes(4096)],
    ids=["empty", "text", "cut", "lab", "zeros"],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_profile_that_is_broken_or_for_another_mode_is_ignored(profile, mode):
    data = encoded(Image.new(mode, (32, 32)), "JPEG", icc_profile=profile)

    assert decode_and_encode(data).files


def with_metadata(picture_format):
    exif = Image.Exif()
    exif[0x010E] = exif[0x9286] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: SECRET.decode()})
    xmp = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    if picture_format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return encoded(quarters(), "PNG", exif=exif, pnginfo=text)
    if picture_format == "GIF":
        return encoded(quarters("P"), "GIF", comment=SECRET)
    return encoded(quarters(), picture_format, exif=exif, xmp=xmp, comment=SECRET)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_nothing_said_beside_the_picture_survives(picture_format):
    data = with_metadata(picture_format) + SECRET
    assert data.count(SECRET) > 1

    rendition = decode_and_encode(data)

    placeholder = base64.b64decode(rendition.placeholder.partition(",")[2])
    for made in (placeholder, *(file.data for file in rendition.files)):
        assert SECRET[:12] not in made
        # A lossy picture and not one chunk more; VP8X would announce extras.
        assert made[12:16] == b"VP8 "
        assert int.from_bytes(made[16:20], "little") + 20 == len(made)
        assert set(Image.open(io.BytesIO(made)).info) <= {"loop", "background", "timestamp"}


def test_dominant_colour_is_the_most_frequent_one():
    image = Image.new("RGB", (90, 90), RED)
    image.paste(GREEN, (0, 0, 90, 30))

    red, green, blue = bytes.fromhex(decode_and_encode(encoded(image)).dominant_colour[1:])

    assert_close([(red, green, blue)], [RED])


def test_scans_are_counted_as_a_decoder_meets_them():
    baseline, progressive = encoded(quarters(), "JPEG"), encoded(quarters(), "JPEG", progressive=1)
    hidden = encoded(quarters(), "JPEG", comment=b"\xff\xda" * 200) + b"\xff\xda" * 200

    assert count_jpeg_scans(baseline) == 1
    assert 2 < count_jpeg_scans(progressive) < 12
    assert count_jpeg_scans(hidden) == 1
    assert count_jpeg_scans(b"\xff\xd8" + b"\xff\xda\0\x02" * 500) == 500
    assert count_jpeg_scans(b"\xff\xd8\xff\xda") == 1


def test_picture_that_is_too_large_is_refused_before_it_is_decoded():
    with pytest.raises(InvalidPicture, match=r"5,001 × 5,000 pixels, more than 25,000,000"):
        decode_and_encode(encoded(Image.new("1", (5001, 5000))))
