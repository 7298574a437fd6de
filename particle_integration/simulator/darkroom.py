"""Develops the pictures of pressed devices in a thread, so that drawing never holds up the loop."""

from __future__ import annotations

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from particle_integration.simulator.chance import Chance
from particle_integration.simulator.scenes import take_picture

# The cloud carries 16,384 bytes of a typed publish; a picture inside JSON shares them, as text.
MAX_JPEG_BYTES = 16_384
MAX_JPEG_BYTES_IN_JSON = (MAX_JPEG_BYTES - 420) * 3 // 4
# Drawing takes tens of milliseconds; above this rate presses take their pictures from an album.
MAX_DRAWN_PER_MINUTE = 240.0
ALBUM_SIZE = 24
# Each page of the album is drawn after so many presses more, so that the first is out at once.
PRESSES_PER_PAGE = 8


@dataclass(frozen=True)
class Photo:
    """A developed picture, ready to publish."""

    scene: str
    jpeg: bytes
    data_url: str


class Darkroom:
    """Draws one picture per press, each following from the seed, the device and the count."""

    def __init__(self, *, chance: Chance, presses_per_minute: float) -> None:
        self.uses_album = presses_per_minute > MAX_DRAWN_PER_MINUTE
        self._chance = chance
        self._album: dict[int, Photo] = {}
        self._album_presses = 0
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="darkroom")

    async def photo(self, *, device_id: str, press: int, max_bytes: int) -> Photo:
        """Return the picture for the press; under load one of an album, drawn on first use."""
        if not self.uses_album:
            return await self._draw((device_id, press), max_bytes)
        pages = min(ALBUM_SIZE, 1 + self._album_presses // PRESSES_PER_PAGE)
        page = self._chance.purpose("album", self._album_presses).randrange(pages)
        self._album_presses += 1
        if page not in self._album:
            self._album[page] = await self._draw(("album", page), MAX_JPEG_BYTES_IN_JSON)
        return self._album[page]

    def close(self) -> None:
        """Finish the picture in hand and forget the rest."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _draw(self, key: tuple[object, ...], max_bytes: int) -> Photo:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._develop, key, max_bytes)

    def _develop(self, key: tuple[object, ...], max_bytes: int) -> Photo:
        picture = take_picture(self._chance.purpose("picture", *key), max_bytes=max_bytes)
        text = base64.b64encode(picture.jpeg).decode()
        return Photo(picture.scene, picture.jpeg, "data:image/jpeg;base64," + text)
