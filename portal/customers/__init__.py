"""People: users who sign in, customers who own devices and post pictures."""

from __future__ import annotations
