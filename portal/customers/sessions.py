"""Sessions in the database; a key that we cannot have given is not even looked up.

PostgreSQL refuses a text with NUL, which a cookie may hold: the page would be an error.
"""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore


class SessionStore(DatabaseSessionStore):
    """Django's own, but for the keys that it takes."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and len(key) >= 8 and key.isascii() and key.isalnum()
