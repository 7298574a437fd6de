"""A server of odd answers: what no cloud should say, said over a real socket. For tests.

with stub_cloud(json_answer("200 OK", "{}")) as stub:
    stub.client.get_product()
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

from particle_integration.client import build_client

TOKEN = "secret-token"  # noqa: S105 - opens nothing
TLS_HELLO = b"\x16\x03"
Reply = Callable[[bytes, socket.socket], None]


class Stub:
    """Answers each connection's request with whatever bytes a test wants."""

    def __init__(self, reply: Reply) -> None:
        self.requests: list[bytes] = []
        stub = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                received = b""
                while b"\r\n\r\n" not in received and not received.startswith(TLS_HELLO):
                    piece = self.request.recv(65536)
                    if not piece:
                        return
                    received += piece
                stub.requests.append(received)
                with contextlib.suppress(OSError):
                    reply(received, self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.client = build_client(api_url=self.url, product="p", access_token=TOKEN)


@contextlib.contextmanager
def stub_cloud(reply: Reply | bytes) -> Iterator[Stub]:
    answer = reply if callable(reply) else (lambda _, connection: connection.sendall(reply))
    stub = Stub(answer)
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        stub.client.close()
        stub.server.shutdown()
        stub.server.server_close()
        thread.join()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_answer(status: str, body: str, *headers: str) -> bytes:
    return http(status, body.encode(), "Content-Type: application/json", *headers)
