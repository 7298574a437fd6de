"""One child process that decodes pictures, seen from the parent: start it, ask it, end it.

The child is a stranger as soon as it has seen a stranger's picture: its answer is read under a
deadline and a size limit, and checked like any other input. A `RenderChild` belongs to one thread
at a time; only `kill()` may be called by others.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from feed.decoding import MAX_FILE_HEIGHT, MAX_SIDE, WIDTHS, Rendition, RenditionFile
from feed.errors import InvalidPicture, RenderingFailed

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_MAX_HEADER_BYTES: Final = 16 * 1024
_START_SECONDS: Final = 30.0
_LENGTH: Final = struct.Struct(">I")

# The child finds our package where we found it, and nothing by PYTHONPATH or working directory.
_PACKAGE_ROOT: Final = str(Path(__file__).resolve().parent.parent)
_PROGRAM: Final = (
    "import json, sys; sys.path.insert(0, sys.argv[1]); from feed.render_child import main; "
    "main(**json.loads(sys.argv[2]))"
)
# Where Python itself may need them to find its libraries. Nothing else of our environment, which
# holds tokens and passwords, is a child's business.
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# Let the child keep what a picture of our sizes takes for the next one (glibc; others ignore it).
# Asking the kernel for it anew each time cost 3 of 25 milliseconds (measured).
_ALLOCATOR: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(8 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
}

# A decoder that ran into one of these did so by itself. Others, SIGKILL above all, come from
# outside: the picture may be good.
_CRASHES: Final = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGSYS", "SIGTRAP")
_CPU_SIGNAL: Final = "SIGXCPU"


class ChildLost(Exception):
    """The child went away without a verdict on the picture."""


class RenderChild:
    """A running child. It serves one picture after another until `is_spent`."""

    def __init__(self, *, memory_bytes: int, cpu_seconds: int, pictures: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._pictures_left = pictures
        limits = {"memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds, "pictures": pictures}
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # A session of its own: Ctrl-C in a terminal is for the parent, which decides.
        self._process = subprocess.Popen(  # noqa: S603 -- nothing in it comes from outside
            [sys.executable, "-I", "-c", _PROGRAM, _PACKAGE_ROOT, json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            close_fds=True,
            cwd="/",
            env=passed_on | _ALLOCATOR,
            start_new_session=True,
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:  # pragma: no cover -- for the type checker
            raise RenderingFailed("A render child was started without pipes.")
        self._pipes = (stdin, stdout)
        self._requests, self._answers = stdin.fileno(), stdout.fileno()
        for descriptor in (self._requests, self._answers):
            os.set_blocking(descriptor, False)
        self._is_in_step = False
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except InvalidPicture as error:  # it crashed, and has not seen a picture yet
            self.end()
            raise ChildLost(f"A render child did not start: {error}") from error
        except BaseException:
            self.end()
            raise
        self._is_in_step = True

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_spent(self) -> bool:
        """Whether another picture must go to another child, and this one be ended."""
        return not self._is_in_step or self._pictures_left < 1 or self._process.poll() is not None

    def render(self, data: bytes, *, deadline_seconds: float) -> Rendition:
        """Have one picture rendered.

        Raises InvalidPicture, RenderingFailed at the deadline, and ChildLost.
        """
        self._pictures_left -= 1
        # Until the whole answer is here: at the deadline, and when our thread is interrupted by a
        # signal, the answer to this picture must not be taken for the next one's.
        self._is_in_step = False
        deadline = time.monotonic() + deadline_seconds
        try:
            self._send(data, deadline)
            answer = self._receive(deadline)
        except TimeoutError as error:
            raise RenderingFailed(
                f"Rendering got no answer within {deadline_seconds:g} seconds."
            ) from error
        try:
            rendition = _rendition(answer)
        except InvalidPicture:
            self._is_in_step = True
            raise
        self._is_in_step = True
        return rendition

    def kill(self) -> None:
        """End the child at once, from any thread; whoever waits for its answer gets ChildLost."""
        self._process.kill()

    def end(self) -> None:
        """Kill the child, wait for it, close the pipes. It holds nothing that needs more care."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def forget(self) -> None:
        """Let go of a child of the process that we were forked from, without touching it."""
        self._close_pipes()
        self._process.returncode = 0

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()

    def _send(self, data: bytes, deadline: float) -> None:
        for part in (_LENGTH.pack(len(data)), data):
            rest = memoryview(part)
            while rest:
                _wait(self._requests, select.POLLOUT, deadline)
                try:
                    rest = rest[os.write(self._requests, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise self._verdict_on_exit() from error

    def _receive(self, deadline: float) -> bytes:
        (length,) = _LENGTH.unpack(self._read_exactly(_LENGTH.size, deadline))
        if length > MAX_ANSWER_BYTES:
            raise ChildLost(f"A render child announced an answer of {length:,} bytes.")
        return self._read_exactly(length, deadline)

    def _read_exactly(self, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            _wait(self._answers, select.POLLIN, deadline)
            try:
                piece = os.read(self._answers, length - len(data))
            except BlockingIOError:
                continue
            if not piece:
                raise self._verdict_on_exit()
            data += piece
        return bytes(data)

    def _verdict_on_exit(self) -> Exception:
        """Say whose fault it was that the child went away."""
        # Its pipe is closed, so it is gone or about to be; one that lingers is helped along.
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        name = _signal_name(code)
        if name == _CPU_SIGNAL:
            return InvalidPicture(
                f"Decoding the picture takes over {self._cpu_seconds} seconds of processor time."
            )
        if name in _CRASHES:
            return InvalidPicture(f"The picture crashes the decoder ({name}).")
        return ChildLost(f"A render child ended with {name or f'exit code {code}'}.")


def _signal_name(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return ""


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Wait until the descriptor is ready. Raises TimeoutError."""
    # poll, as select ends at descriptor 1,023, which a busy web process passes.
    poll = select.poll()
    poll.register(descriptor, event)
    left_ms = (deadline - time.monotonic()) * 1000
    if left_ms <= 0 or not poll.poll(left_ms):
        raise TimeoutError


_Colour = Annotated[str, msgspec.Meta(pattern=r"\A#[0-9a-f]{6}\Z")]
_Placeholder = Annotated[
    str,
    msgspec.Meta(pattern=r"\Adata:image/webp;base64,[A-Za-z0-9+/]+={0,2}\Z", max_length=4096),
]
_Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]


class _FileHeader(msgspec.Struct, forbid_unknown_fields=True):
    width: Annotated[int, msgspec.Meta(ge=1, le=WIDTHS[-1])]
    height: Annotated[int, msgspec.Meta(ge=1, le=MAX_FILE_HEIGHT)]
    length: Annotated[int, msgspec.Meta(ge=12, le=MAX_ANSWER_BYTES)]


class _Made(msgspec.Struct, forbid_unknown_fields=True):
    width: _Side
    height: _Side
    placeholder: _Placeholder
    dominant_colour: _Colour
    files: Annotated[list[_FileHeader], msgspec.Meta(min_length=1, max_length=len(WIDTHS))]


class _Refused(msgspec.Struct, forbid_unknown_fields=True):
    # Its text ends up in the database and on a page for staff: no NUL, no other control.
    refusal: Annotated[str, msgspec.Meta(max_length=300, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]


def _rendition(answer: bytes) -> Rendition:
    """Read an answer. Raises InvalidPicture for a refusal, ChildLost for nonsense."""
    try:
        (length,) = _LENGTH.unpack_from(answer)
        start = _LENGTH.size + length
        if length > _MAX_HEADER_BYTES or start > len(answer):
            raise ChildLost("A render child's answer has a header of impossible length.")
        header = answer[_LENGTH.size : start]
        if header.startswith(b'{"refusal"'):
            raise InvalidPicture(msgspec.json.decode(header, type=_Refused).refusal)
        made = msgspec.json.decode(header, type=_Made)
    except (struct.error, msgspec.DecodeError) as error:
        raise ChildLost(f"A render child's answer makes no sense: {error}.") from error
    return Rendition(
        width=made.width,
        height=made.height,
        placeholder=made.placeholder,
        dominant_colour=made.dominant_colour,
        files=_files(made.files, answer[start:]),
    )


def _files(headers: list[_FileHeader], blobs: bytes) -> tuple[RenditionFile, ...]:
    files = []
    position = 0
    for header in headers:
        data = blobs[position : position + header.length]
        position += header.length
        # The one thing that browsers will be told these bytes are.
        if len(data) != header.length or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise ChildLost("A render child's answer holds a file that is no WebP.")
        files.append(RenditionFile(header.width, header.height, data))
    widths = [file.width for file in files]
    if position != len(blobs) or widths != sorted(set(widths)):
        raise ChildLost("A render child's answer does not add up.")
    return tuple(files)
