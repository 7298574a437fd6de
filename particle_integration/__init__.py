"""Everything about the Particle cloud: reading it, calling it, and standing in for it."""

from __future__ import annotations
