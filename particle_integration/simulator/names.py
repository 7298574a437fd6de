"""What virtual devices are called, and what people write under a picture."""

from __future__ import annotations

import random

NAMES = (
    "kitchen shelf",
    "window sill",
    "the blue lamp",
    "hallway mirror",
    "garden shed",
    "reading corner",
    "bakery counter",
    "attic skylight",
    "piano top",
    "harbour office",
    "café veranda",
    "lighthouse stairs",
    "grandma's dresser",
    "workshop bench",
    "balcony rail",
    "night train",
    "orchard gate",
    "studio floor",
    "tea room",
    "boathouse",
    "mountain hut",
    "flower stall",
    "library ladder",
    "rooftop",
    "bedside table",
    "potting table",
    "fireplace",
    "camper van",
    "corner shop",
    "observatory",
    "treehouse",
    "laundry line",
    "record player",
    "spice rack",
    "ferry deck",
    "chess café",
)

_FOR_ANY = (
    "Look at this.",
    "For you, whoever you are.",
    "Just now.",
    "I stood here for a while.",
    "Nobody else saw it.",
    "Wish you were here!",
    "The light, though.",
    "One of those days ☀️",
    "Schöner wird’s heute nicht mehr.",
    "Pas mal, non ?",
    "今日もいい日。",
    "Mirá qué lindo 💛",
    "Good night, all.",
    "Third time this week and I still stop.",
    "No filter, cheap camera.",
)

_BY_SCENE = {
    "mountains": (
        "Seven ridges, I counted.",
        "The valley is still asleep.",
        "Föhn coming in over the pass.",
    ),
    "skyline": (
        "Somebody is still up on the ninth floor.",
        "City hum.",
        "All those kitchens 🌃",
    ),
    "sea": (
        "Salt on the lens, sorry.",
        "The sea did this all by itself.",
        "Last swim of the year?",
    ),
    "dunes": ("Sand everywhere, even in the tea.", "Wind drew these.", "Slow waves."),
    "aurora": ("They are back!", "Cold fingers, worth it.", "Revontulet 💚"),
    "shelf": ("Dusted it for the picture.", "Everything in its place.", "Tuesday, still life."),
    "rain": ("Umbrellas: the city in bloom.", "It never rains but it shines.", "☔️ again"),
    "balloons": ("Up, up.", "Where do they all go?", "We waved. Somebody waved back!"),
    "birches": ("First frost.", "Quiet out there.", "You can hear the leaves."),
    "lanterns": ("Festival night 🏮", "Made a wish, not telling.", "They float for an hour or so."),
}


def device_names(count: int, source: random.Random) -> list[str]:
    """Return as many different names, shuffled; numbered once the plain ones are used up."""
    shuffled = list(NAMES)
    source.shuffle(shuffled)
    rounds = (len(shuffled) + count - 1) // len(shuffled)
    names = [
        name if turn == 0 else f"{name} {turn + 1}" for turn in range(rounds) for name in shuffled
    ]
    return names[:count]


def caption(scene: str, source: random.Random) -> str:
    """Return a line that somebody might write under such a picture."""
    own = _BY_SCENE.get(scene, ())
    lines: tuple[str, ...] = (*own, *own, *_FOR_ANY)
    return source.choice(lines)
