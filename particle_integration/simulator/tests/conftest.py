"""A quiet simulated cloud per test, and streams that close themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import requests

from particle_integration.simulator.testing import RunningSimulator, running_simulator

READ_TIMEOUT_SECONDS = 8


class OpenStream:
    """One open event stream, read as bytes; each read is what one chunk of the server carried."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.opening = self.read()

    def read(self) -> bytes:
        return bytes(self.response.raw.read1())

    def read_until(self, ending: bytes) -> bytes:
        found = b""
        while not found.endswith(ending):
            chunk = self.read()
            if not chunk:
                raise EOFError(found)
            found += chunk
        return found


OpenStreamFunction = Callable[..., OpenStream]


@pytest.fixture
def cloud() -> Iterator[RunningSimulator]:
    with running_simulator(devices=5, seed=1) as simulator:
        yield simulator


@pytest.fixture
def open_stream(cloud: RunningSimulator) -> Iterator[OpenStreamFunction]:
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(requests.Session())

        def open_one(path: str = "/v1/products/rainbow-button/events") -> OpenStream:
            response = session.get(
                cloud.url + path,
                headers=cloud.headers,
                stream=True,
                timeout=READ_TIMEOUT_SECONDS,
            )
            stack.callback(response.close)
            assert response.status_code == 200, response.text
            return OpenStream(response)

        yield open_one


@pytest.fixture
def ask(cloud: RunningSimulator) -> Iterator[Callable[..., requests.Response]]:
    with requests.Session() as session:

        def request(method: str, path: str, **arguments: object) -> requests.Response:
            arguments.setdefault("headers", cloud.headers)
            return session.request(method, cloud.url + path, timeout=8, **arguments)  # type: ignore[arg-type]

        yield request
