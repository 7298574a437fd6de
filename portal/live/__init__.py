"""The live wire: numbered updates, and the websockets that carry them."""

from __future__ import annotations
