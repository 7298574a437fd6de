"""What a customer owns, and what we may ask of it."""

from __future__ import annotations
