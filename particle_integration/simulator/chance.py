"""Random choices that follow the seed: one generator per purpose, apart."""

from __future__ import annotations

import random
import string

HEX_DIGITS = string.digits + "abcdef"


class Chance:
    """Hands out generators derived from the seed and the name of what they are for.

    The third picture of a device is the same whether or not another device danced in between.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def purpose(self, *names: object) -> random.Random:
        """Return a fresh generator that always starts the same for this seed and these names."""
        text = "/".join(str(name) for name in (self.seed, *names))
        return random.Random(text)  # noqa: S311 - reproducible by seed is the point; guards no secret


def hex_text(source: random.Random, length: int) -> str:
    """Return as many hexadecimal digits in lower case, as cloud ids and tokens have."""
    return "".join(source.choices(HEX_DIGITS, k=length))
