"""Management commands of the whole portal."""

from __future__ import annotations
