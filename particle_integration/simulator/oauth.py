"""Access tokens: the token endpoint's decisions and the check of a bearer token. No HTTP.

Source: particle-cloud fact sheet, section 1; the texts are those recorded from the real cloud and,
where no recording exists, those of the library whose texts the recordings match word for word.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from particle_integration.simulator.chance import Chance, hex_text
from particle_integration.simulator.faults import Faults

PRODUCT_CLIENT = ("simulator-client", "simulator-secret")
# The published clients of the account holder's own tools; their secrets are their names.
PUBLIC_CLIENTS = {name: name for name in ("particle", "particle-api", "particle-cli")}
ACCOUNTS = {"dev@example.com": "simulator-password"}
REFRESH_LIFE_SECONDS = 14 * 86_400
MAX_TOKENS = 10_000


@dataclass(frozen=True)
class Refusal:
    """An answer of the error shape {error, error_description}."""

    status: int
    error: str
    description: str

    def body(self) -> dict[str, object]:
        """Return the JSON object of the answer."""
        return {"error": self.error, "error_description": self.description}


TOKEN_MISSING = Refusal(400, "invalid_request", "The access token was not found")
TOKEN_INVALID = Refusal(401, "invalid_token", "The access token provided is invalid.")
TOKEN_EXPIRED = Refusal(401, "invalid_token", "The access token provided has expired.")
TOKEN_TWICE = Refusal(
    400,
    "invalid_request",
    "Only one method may be used to authenticate at a time (Auth header, GET or POST).",
)
NOT_A_FORM = Refusal(
    400, "invalid_request", "Method must be POST with application/x-www-form-urlencoded encoding"
)
GRANT_UNKNOWN = Refusal(400, "invalid_request", "Invalid or missing grant_type parameter")
CLIENT_ID_MISSING = Refusal(400, "invalid_client", "Invalid or missing client_id parameter")
CLIENT_SECRET_MISSING = Refusal(400, "invalid_client", "Missing client_secret parameter")
CLIENT_INVALID = Refusal(400, "invalid_client", "Client credentials are invalid")
GRANT_NOT_ALLOWED = Refusal(
    400, "invalid_client", "The grant type is unauthorised for this client_id"
)
USER_FIELDS_MISSING = Refusal(
    400, "invalid_client", "Missing parameters. 'username' and 'password' are required"
)
USER_INVALID = Refusal(400, "invalid_grant", "User credentials are invalid")
REFRESH_MISSING = Refusal(400, "invalid_request", 'No "refresh_token" parameter')
REFRESH_INVALID = Refusal(400, "invalid_grant", "Invalid refresh token")
REFRESH_EXPIRED = Refusal(400, "invalid_grant", "Refresh token has expired")
SCOPE_INVALID = Refusal(400, "invalid_scope", "The requested scope is not available")
EXPIRY_INVALID = Refusal(400, "invalid_request", "Invalid expires_in parameter")

GRANTS = ("password", "client_credentials", "refresh_token")


@dataclass(frozen=True)
class Token:
    """What a token stands for: an account's view of its devices, and the product."""

    value: str
    kind: str
    """`api_user`, `developer` or `product`."""
    account_id: str
    expires_at: float | None
    """Seconds on the monotonic clock; None never expires."""


@dataclass(frozen=True)
class Granted:
    """A successful answer of the token endpoint."""

    access_token: str
    expires_in: int
    refresh_token: str

    def body(self) -> dict[str, object]:
        """Return the JSON object of the answer, its keys in the recorded order."""
        return {
            "token_type": "bearer",
            "access_token": self.access_token,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
        }


class Tokens:
    """Issues, checks and revokes tokens."""

    def __init__(
        self, *, faults: Faults, chance: Chance, api_user_token: str, developer_id: str
    ) -> None:
        self._faults = faults
        self._source = chance.purpose("tokens")
        self._developer_id = developer_id
        self._refresh: dict[str, tuple[Token, float]] = {}
        api_user = Token(api_user_token, "api_user", developer_id, None)
        self._tokens: dict[str, Token] = {api_user_token: api_user}

    def check(self, value: str) -> Token | Refusal:
        """Return the token of that value if it is good now."""
        token = self._tokens.get(value)
        if token is None or self._faults.token_dead:
            return TOKEN_INVALID
        if token.expires_at is not None and token.expires_at <= time.monotonic():
            return TOKEN_EXPIRED
        return token

    def grant(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> Granted | Refusal:
        """Answer a request to the token endpoint; `basic` is the client from HTTP Basic."""
        grant_type = form.get("grant_type", "")
        if grant_type not in GRANTS:
            return GRANT_UNKNOWN
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        refusal = _check_client(client_id, secret)
        if refusal:
            return refusal
        if grant_type == "password":
            return self._grant_password(form)
        if client_id != PRODUCT_CLIENT[0]:
            return GRANT_NOT_ALLOWED
        if grant_type == "client_credentials":
            return SCOPE_INVALID if form.get("scope") else self._issue("product", form)
        return self._grant_refresh(form)

    def revoke(self, value: str) -> bool:
        """Forget a token; say whether it was one."""
        return self._tokens.pop(value, None) is not None

    def expire_all(self) -> None:
        """Let every issued token have expired: a test's shortcut through ninety days."""
        for value, token in self._tokens.items():
            if token.kind != "api_user":
                self._tokens[value] = Token(value, token.kind, token.account_id, 0.0)

    def _grant_password(self, form: Mapping[str, str]) -> Granted | Refusal:
        username, password = form.get("username"), form.get("password")
        if not username or not password:
            return USER_FIELDS_MISSING
        if ACCOUNTS.get(username) != password:
            return USER_INVALID
        return self._issue("developer", form)

    def _grant_refresh(self, form: Mapping[str, str]) -> Granted | Refusal:
        value = form.get("refresh_token")
        if not value:
            return REFRESH_MISSING
        known = self._refresh.get(value)
        if known is None or known[0].kind != "product":
            return REFRESH_INVALID
        token, expires_at = known
        if expires_at <= time.monotonic():
            return REFRESH_EXPIRED
        del self._refresh[value]
        self._tokens.pop(token.value, None)
        return self._issue("product", form)

    def _issue(self, kind: str, form: Mapping[str, str]) -> Granted | Refusal:
        wanted = form.get("expires_in", "")
        if wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) < 12):
            return EXPIRY_INVALID
        life_seconds = int(wanted) if wanted else self._faults.token_life_seconds
        expires_at = None if wanted == "0" else time.monotonic() + life_seconds
        token = Token(hex_text(self._source, 40), kind, self._developer_id, expires_at)
        refresh = hex_text(self._source, 40)
        self._tokens[token.value] = token
        self._refresh[refresh] = (token, time.monotonic() + REFRESH_LIFE_SECONDS)
        self._forget_oldest()
        return Granted(token.value, life_seconds, refresh)

    def _forget_oldest(self) -> None:
        # A client that asks for a new token with each call must not fill the memory.
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.pop(
                next(value for value, t in self._tokens.items() if t.kind != "api_user")
            )
        while len(self._refresh) > MAX_TOKENS:
            self._refresh.pop(next(iter(self._refresh)))


def _check_client(client_id: str, secret: str) -> Refusal | None:
    if not client_id:
        return CLIENT_ID_MISSING
    if not secret:
        return CLIENT_SECRET_MISSING
    if (client_id, secret) != PRODUCT_CLIENT and PUBLIC_CLIENTS.get(client_id) != secret:
        return CLIENT_INVALID
    return None
