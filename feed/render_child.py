"""The child that decodes pictures: frames in, frames out, under limits. No Django, no pickles.

A request is 4 bytes of length (big-endian) and the picture. An answer is 4 bytes of length, 4 bytes
of header length, the header (JSON) and the files' bytes one after another. The first answer, sent
unasked, says that the child is ready. End of input ends the child, so it dies with its parent.

The limits are for a decoder that has gone mad or been taken over: it gets little memory and
processor time, and can open no file, no socket and no process. The parent adds a deadline.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import struct
import sys
from contextlib import suppress
from typing import Any, Final

from PIL import Image, ImageCms

from feed.decoding import MAX_BYTES, Rendition, decode_and_encode, set_up_pillow
from feed.errors import InvalidPicture

LENGTH: Final = struct.Struct(">I")
MAX_REASON_CHARACTERS: Final = 300


def main(*, memory_bytes: int, cpu_seconds: int, pictures: int) -> None:
    """Serve pictures from standard input until it ends or `pictures` are done."""
    # Whatever prints must not end up in a frame: the pipe moves to a number nobody else knows.
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    set_up_pillow()
    warm_up()
    _send(answers, {"ready": True}, [])
    # Until here an ImportError may be read in the log; from here on a stranger's data could be.
    os.dup2(nothing, 2)
    os.close(nothing)
    _restrain(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds * (pictures + 1), last_fd=answers)
    for _ in range(pictures):
        data = _receive(0)
        if data is None:
            return
        _allow_cpu_seconds(cpu_seconds)
        _answer(answers, data, memory_bytes)


def warm_up() -> None:
    """Use every decoder once: what they import late must be there before files are out of reach."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    for picture_format in ("JPEG", "PNG", "GIF", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (400, 8)).save(buffer, picture_format, exif=exif, icc_profile=profile)
        decode_and_encode(buffer.getvalue())
    # The text of the error, too, may be made by something that is imported late.
    for broken in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "):
        with suppress(Exception):
            decode_and_encode(broken)


def _answer(descriptor: int, data: bytes, memory_bytes: int) -> None:
    try:
        rendition = decode_and_encode(data)
    except InvalidPicture as error:
        refusal = error.reason
    except MemoryError:
        refusal = f"Decoding the picture needs more than {memory_bytes // 2**20} MiB of memory."
    except ImportError:
        raise  # our own mistake: warm_up() missed something, and the picture may be good
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        refusal = f"The picture is broken: {error} ({type(error).__name__})."
    else:
        _send(descriptor, _header(rendition), [file.data for file in rendition.files])
        return
    _send(descriptor, {"refusal": _readable(refusal)}, [])


def _header(rendition: Rendition) -> dict[str, Any]:
    return {
        "width": rendition.width,
        "height": rendition.height,
        "placeholder": rendition.placeholder,
        "dominant_colour": rendition.dominant_colour,
        "files": [
            {"width": file.width, "height": file.height, "length": len(file.data)}
            for file in rendition.files
        ],
    }


def _readable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:MAX_REASON_CHARACTERS]


def _restrain(*, memory_bytes: int, cpu_seconds: int, last_fd: int) -> None:
    # Where memory runs out, the kernel shall look here first and spare the parent (Linux only).
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("500")
    _lower("RLIMIT_CORE", 0)  # a core dump would keep what was to be thrown away
    _lower("RLIMIT_FSIZE", 0)
    _lower("RLIMIT_NPROC", 0)
    # Every number below this one is taken, so no file and no socket can be opened any more.
    _lower("RLIMIT_NOFILE", last_fd + 1)
    _lower("RLIMIT_CPU", cpu_seconds)
    # macOS takes this limit and does not enforce it; there the pixel limits have to do.
    _lower("RLIMIT_AS", memory_bytes)


def _lower(name: str, wanted: int) -> None:
    """Set a limit, soft and hard, where the platform has it and allows it; never raise one."""
    number = getattr(resource, name, None)
    if number is None:
        return
    _, hard = resource.getrlimit(number)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(number, (limit, limit))


def _allow_cpu_seconds(seconds: int) -> None:
    """Let the next picture have its seconds: the limit counts from the start of the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _receive(descriptor: int) -> bytes | None:
    """Read one request, or None at the end of input."""
    prefix = _read_exactly(descriptor, LENGTH.size)
    if prefix is None:
        return None
    (length,) = LENGTH.unpack(prefix)
    if length > MAX_BYTES:
        return None  # only a parent out of step sends this
    return _read_exactly(descriptor, length)


def _read_exactly(descriptor: int, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = os.read(descriptor, min(length - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _send(descriptor: int, header: dict[str, Any], blobs: list[bytes]) -> None:
    encoded = json.dumps(header).encode("ascii")
    body = b"".join((LENGTH.pack(len(encoded)), encoded, *blobs))
    rest = memoryview(LENGTH.pack(len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        sys.exit(0)  # the parent is gone, and nobody waits for an answer
