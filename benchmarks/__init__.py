"""Benchmarks of the portal, each against a named alternative."""

from __future__ import annotations
