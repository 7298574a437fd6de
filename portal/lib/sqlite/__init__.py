"""Database backend: Django's SQLite with a fair queue for writers."""

from __future__ import annotations
