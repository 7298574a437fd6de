"""The portal: composition of all apps, and the people who use it."""

from __future__ import annotations
