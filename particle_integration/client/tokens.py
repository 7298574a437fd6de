"""Where the access token comes from: a fixed one, or client credentials renewed in time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from particle_integration.client.transport import Transport, form_request
from particle_integration.errors import CloudBroken, CloudError, NotSent, TokenRefused

logger = logging.getLogger(__name__)

# The cloud allows 100 tokens per 5 minutes, and 10 failures in a row lock the address for half an
# hour: never ask again before a minute, and after five failures only every ten.
MIN_PAUSE_SECONDS = 60.0
ALARM_PAUSE_SECONDS = 600.0
ALARM_AFTER_FAILURES = 5
MAX_MARGIN_SECONDS = 3600.0  # renewed so long before it expires, or after nine tenths of its life


class TokenSource(Protocol):
    """Gives the token for a request. Safe from any thread."""

    def current(self) -> str:
        """Return a token believed to be valid. Raises CloudError when none is to be had."""

    def replacement_for(self, refused: str) -> str | None:
        """Return another token after a 401, or None when there is no other."""


class StaticToken:
    """An API user's token: it does not expire, so a refusal is final until the settings change."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        """Return the token."""
        return self._token

    def replacement_for(self, refused: str) -> str | None:
        """Return None: there is no other."""
        return None


class ClientCredentials:
    """Product tokens from a client's id and secret; at most one request for a token at a time."""

    def __init__(
        self,
        transport: Transport,
        *,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._clock = clock
        self._lock = threading.Lock()  # held while asking: whoever comes meanwhile waits for it
        self._token: str | None = None
        self._renew_at: float | None = None
        self._may_ask_at = clock()
        self._failure_count = 0
        self._failure: CloudError | None = None

    def current(self) -> str:
        """Return the token, asking for one when there is none or it is about to expire."""
        with self._lock:
            is_due = self._renew_at is not None and self._clock() >= self._renew_at
            if self._token is not None and not (is_due and self._clock() >= self._may_ask_at):
                return self._token
            try:
                return self._ask()
            except CloudError:
                if self._token is None:
                    raise
                # The old one still has its margin to live.
                logger.warning("the access token could not be renewed", exc_info=True)
                return self._token

    def replacement_for(self, refused: str) -> str | None:
        """Return what another thread got meanwhile, or a new token; None when it is too early."""
        with self._lock:
            if self._token is not None and self._token != refused:
                return self._token
            self._token = None
            return None if self._clock() < self._may_ask_at else self._ask()

    def _ask(self) -> str:
        now = self._clock()
        if now < self._may_ask_at:
            raise TokenRefused(
                f"no access token; asked for one lately ({self._failure or 'it was refused'})",
                retry_after_seconds=self._may_ask_at - now,
            )
        self._may_ask_at = now + MIN_PAUSE_SECONDS
        try:
            answer = self._transport.send(form_request("/oauth/token", self._form)).fields()
            token = answer.get("access_token")
            if not isinstance(token, str) or not token:
                raise CloudBroken("POST /oauth/token: the answer holds no access_token")
        except CloudError as error:
            raise self._note_failure(error) from error
        self._failure, self._failure_count = None, 0
        self._token = token
        self._renew_at = _renew_at(self._clock(), answer.get("expires_in"))
        logger.info("got a new access token")
        return token

    def _note_failure(self, error: CloudError) -> CloudError:
        self._failure = error
        if isinstance(error, NotSent):
            self._may_ask_at = self._clock()  # the cloud has not counted it
            return error
        self._failure_count += 1
        pause = MIN_PAUSE_SECONDS
        if self._failure_count >= ALARM_AFTER_FAILURES:
            pause = ALARM_PAUSE_SECONDS
            logger.error("no access token after %d tries: %s", self._failure_count, error)
        pause = max(pause, error.retry_after_seconds or 0.0)
        self._may_ask_at = self._clock() + pause
        if error.status is not None and 400 <= error.status < 429:
            return TokenRefused(str(error), status=error.status, retry_after_seconds=pause)
        return error


def _renew_at(now: float, expires_in: object) -> float | None:
    """Return when to renew a token; None for one that never expires (0, null or absent)."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or expires_in <= 0:
        return None
    return now + expires_in - min(expires_in * 0.1, MAX_MARGIN_SECONDS)
