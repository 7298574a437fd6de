"""Access tokens: renewed in time, replaced after a 401, never a storm at the endpoint."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from particle_integration.client import (
    ClientCredentials,
    ParticleClient,
    StaticToken,
    Transport,
    build_client,
    build_session,
)
from particle_integration.errors import (
    TokenRefused,
)
from particle_integration.simulator.testing import RunningSimulator
from particle_integration.testing import json_answer, stub_cloud


def credentials(cloud: RunningSimulator, clock: Callable[[], float] = time.monotonic):
    transport = Transport(cloud.url, build_session())
    return ClientCredentials(
        transport,
        client_id="simulator-client",
        client_secret="simulator-secret",
        clock=clock,
    )


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_client_credentials_open_the_api(cloud):
    client = build_client(
        api_url=cloud.url,
        product=cloud.product_slug,
        client_id="simulator-client",
        client_secret="simulator-secret",
    )

    assert client.get_product().slug == cloud.product_slug
    client.close()


def test_many_threads_share_one_token_request():
    def reply(_: bytes, connection: socket.socket) -> None:
        time.sleep(0.1)
        connection.sendall(json_answer("200 OK", '{"access_token":"t1","expires_in":100}'))

    with stub_cloud(reply) as stub:
        tokens = ClientCredentials(
            Transport(stub.url, build_session()), client_id="c", client_secret="s"
        )
        got: list[str] = []
        threads = [threading.Thread(target=lambda: got.append(tokens.current())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert got == ["t1"] * 8
    assert len(stub.requests) == 1


def test_a_token_is_renewed_ahead_of_its_end(cloud):
    cloud.set_faults(token_life_seconds=1000)
    clock = Clock()
    tokens = credentials(cloud, clock)

    first = tokens.current()
    clock.now += 899
    same = tokens.current()
    clock.now += 2
    renewed = tokens.current()

    assert first == same != renewed


def test_a_refused_token_is_replaced_at_most_once_a_minute(cloud):
    clock = Clock()
    tokens = credentials(cloud, clock)
    first = tokens.current()

    too_early = tokens.replacement_for(first)
    clock.now += 61
    second = tokens.replacement_for(first)
    shared = tokens.replacement_for(first)

    assert too_early is None
    assert second not in (None, first)
    assert shared == second


def test_a_dead_token_endpoint_is_asked_at_a_falling_pace(cloud):
    cloud.set_faults(token_status=401)
    clock = Clock()
    tokens = credentials(cloud, clock)
    asked = []

    for second in range(3600):
        clock.now = 1000.0 + second
        with pytest.raises(TokenRefused) as caught:
            tokens.current()
        if caught.value.status is not None:
            asked.append(second)

    assert asked == [0, 60, 120, 180, 240, 840, 1440, 2040, 2640, 3240]


def test_an_expired_token_is_replaced_within_one_request(cloud):
    clock = Clock()
    tokens = credentials(cloud, clock)
    client = ParticleClient(api_url=cloud.url, product=cloud.product_slug, tokens=tokens)
    token = tokens.current()
    clock.now += 61
    cloud.on_loop(lambda state: state.tokens.revoke(token))

    product = client.get_product()

    client.close()
    assert product.slug == cloud.product_slug
    assert tokens.current() != token


def test_a_static_token_has_no_other(cloud):
    client = ParticleClient(
        api_url=cloud.url, product=cloud.product_slug, tokens=StaticToken("wrong")
    )

    with pytest.raises(TokenRefused):
        client.get_product()
    client.close()
