"""Migrations of the inbox and the account of streams."""

from __future__ import annotations
