"""Light at different times of day, shared by the scenes of mountains and sea."""

from __future__ import annotations

from particle_integration.simulator.scenes.canvas import Colour

# Sky from top to horizon, haze, the nearest land, the sun.
DAYTIMES: tuple[tuple[tuple[Colour, Colour, Colour], Colour, Colour, Colour], ...] = (
    (
        ((38, 44, 94), (186, 98, 120), (255, 190, 128)),
        (244, 172, 140),
        (26, 24, 54),
        (255, 226, 170),
    ),
    (
        ((74, 112, 160), (170, 194, 208), (250, 226, 190)),
        (226, 220, 212),
        (22, 48, 62),
        (255, 244, 214),
    ),
    (
        ((20, 28, 66), (70, 76, 140), (196, 142, 182)),
        (150, 124, 176),
        (14, 16, 42),
        (255, 214, 226),
    ),
    (
        ((210, 128, 92), (244, 178, 112), (255, 226, 158)),
        (252, 206, 150),
        (70, 34, 44),
        (255, 250, 220),
    ),
    (
        ((26, 70, 88), (92, 150, 150), (232, 220, 176)),
        (178, 200, 184),
        (10, 36, 40),
        (255, 246, 204),
    ),
)
