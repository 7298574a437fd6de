"""The token endpoint and the bearer check, with the recorded error texts."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import requests

Ask = Callable[..., requests.Response]

CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-secret"}
PERSON = {"grant_type": "password", "username": "dev@example.com", "password": "simulator-password"}
PUBLIC = {"client_id": "particle", "client_secret": "particle"}


def grant(ask: Ask, **fields: str) -> requests.Response:
    return ask("POST", "/oauth/token", data=fields, headers={})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_password_grant_gives_a_token_in_the_recorded_order(ask):
    response = grant(ask, **PERSON, **PUBLIC)

    body = response.json()
    assert list(body) == ["token_type", "access_token", "expires_in", "refresh_token"]
    assert (len(body["access_token"]), body["expires_in"]) == (40, 7_776_000)
    assert response.headers["Cache-Control"] == "no-store"
    assert ask("GET", "/v1/devices", headers=bearer(body["access_token"])).status_code == 200


def test_client_credentials_work_by_fields_and_by_basic(ask):
    by_fields = grant(ask, grant_type="client_credentials", **CLIENT)
    by_basic = ask(
        "POST",
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("simulator-client", "simulator-secret"),
        headers={},
    )

    assert by_fields.status_code == by_basic.status_code == 200


def test_refresh_replaces_a_product_token(ask):
    first = grant(ask, grant_type="client_credentials", **CLIENT).json()

    second = grant(ask, grant_type="refresh_token", refresh_token=first["refresh_token"], **CLIENT)
    again = grant(ask, grant_type="refresh_token", refresh_token=first["refresh_token"], **CLIENT)

    assert second.status_code == 200
    assert again.json()["error_description"] == "Invalid refresh token"
    assert ask("GET", "/v1/user", headers=bearer(first["access_token"])).status_code == 401


@pytest.mark.parametrize(
    ("fields", "error", "description"),
    [
        (PERSON | PUBLIC | {"password": "no"}, "invalid_grant", "User credentials are invalid"),
        (PERSON | PUBLIC | {"password": ""}, "invalid_client", "Missing parameters."),
        (PERSON | CLIENT | {"client_secret": "no"}, "invalid_client", "Client credentials are"),
        (PERSON, "invalid_client", "Invalid or missing client_id parameter"),
        (PERSON | {"client_id": "x"}, "invalid_client", "Missing client_secret parameter"),
        (PUBLIC, "invalid_request", "Invalid or missing grant_type parameter"),
        (PUBLIC | {"grant_type": "client_credentials"}, "invalid_client", "The grant type is un"),
        (CLIENT | {"grant_type": "refresh_token"}, "invalid_request", 'No "refresh_token"'),
        (
            CLIENT | {"grant_type": "client_credentials", "scope": "customer=jane@x.y"},
            "invalid_scope",
            "The requested scope",
        ),
        (PERSON | PUBLIC | {"expires_in": "soon"}, "invalid_request", "Invalid expires_in"),
    ],
)
def test_bad_request_for_a_token_is_refused_in_the_recorded_words(ask, fields, error, description):
    response = grant(ask, **fields)

    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.json()["error_description"].startswith(description)


def test_json_is_refused_by_the_token_endpoint(ask):
    response = ask("POST", "/oauth/token", json=PERSON | PUBLIC, headers={})

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


def test_wrong_client_is_told_to_authenticate(ask):
    response = grant(ask, **PERSON, client_id="x", client_secret="y")

    assert response.headers["WWW-Authenticate"] == 'Basic realm="Service"'


@pytest.mark.parametrize(
    ("headers", "query", "status", "description"),
    [
        ({}, "", 400, "The access token was not found"),
        (bearer("nonsense"), "", 401, "The access token provided is invalid."),
        ({}, "?access_token=simulator-token", 200, ""),
        (bearer("simulator-token"), "?access_token=simulator-token", 400, "Only one method"),
    ],
)
def test_bearer_is_demanded_with_the_recorded_answers(ask, headers, query, status, description):
    response = ask("GET", f"/v1/devices{query}", headers=headers)

    assert response.status_code == status
    if description:
        assert response.json()["error_description"].startswith(description)


def test_token_may_come_as_a_form_field(cloud, ask):
    path = f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/dance"

    response = ask("POST", path, data={"access_token": "simulator-token", "arg": "1"}, headers={})

    assert response.json()["return_value"] == 1


def test_token_expires_unless_it_was_asked_to_live_for_ever(cloud, ask):
    cloud.set_faults(token_life_seconds=0)
    short = grant(ask, **PERSON, **PUBLIC).json()
    endless = grant(ask, **PERSON, **PUBLIC, expires_in="0").json()

    response = ask("GET", "/v1/user", headers=bearer(short["access_token"]))

    assert response.status_code == 401
    assert response.json()["error_description"] == "The access token provided has expired."
    assert ask("GET", "/v1/user", headers=bearer(endless["access_token"])).status_code == 200
    assert (short["expires_in"], endless["expires_in"]) == (0, 0)


def test_all_issued_tokens_can_expire_at_once(cloud, ask):
    token = grant(ask, grant_type="client_credentials", **CLIENT).json()["access_token"]

    cloud.on_loop(lambda state: state.tokens.expire_all())

    assert ask("GET", "/v1/user", headers=bearer(token)).status_code == 401
    assert ask("GET", "/v1/user").status_code == 200


def test_dead_tokens_and_a_refusing_endpoint_are_faults(cloud, ask):
    cloud.set_faults(token_dead=True, token_status=429)

    assert ask("GET", "/v1/user").status_code == 401
    assert grant(ask, **PERSON, **PUBLIC).status_code == 429


def test_revoked_token_is_unknown(ask):
    token = grant(ask, **PERSON, **PUBLIC).json()["access_token"]

    revoked = ask("DELETE", "/v1/access_tokens/current", headers=bearer(token))

    assert revoked.json() == {"ok": True}
    assert ask("GET", "/v1/user", headers=bearer(token)).status_code == 401


def test_refresh_token_expires(cloud, ask, monkeypatch):
    token = grant(ask, grant_type="client_credentials", **CLIENT).json()["refresh_token"]
    now = time.monotonic()
    monkeypatch.setattr(
        "particle_integration.simulator.oauth.time.monotonic", lambda: now + 15 * 86_400
    )

    response = grant(ask, grant_type="refresh_token", refresh_token=token, **CLIENT)

    assert response.json()["error_description"] == "Refresh token has expired"


def test_tokens_do_not_fill_the_memory(cloud, ask, monkeypatch):
    monkeypatch.setattr("particle_integration.simulator.oauth.MAX_TOKENS", 3)
    tokens = [grant(ask, **PERSON, **PUBLIC).json()["access_token"] for _ in range(4)]

    statuses = [ask("GET", "/v1/user", headers=bearer(token)).status_code for token in tokens]

    assert statuses == [401, 401, 200, 200]
    assert ask("GET", "/v1/user").status_code == 200
