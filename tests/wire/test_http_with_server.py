"""A real server and a real client through the real proxy: what is told, and what a stopped request leaves."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from oncewhere.wire.http import HttpLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Passage

    Through = Callable[..., Passage]

pytestmark = pytest.mark.servers

LIMIT_S = 20.0


class Gateway(ThreadingHTTPServer):
    """Keeps the content of each POST; a key that it has seen is answered without another charge."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.charges: dict[str, bytes] = {}
        self.port = self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        self.answer(200, b"[]")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        key = self.headers.get("Idempotency-Key", str(len(self.server.charges)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            content = self.rfile.read(int(self.headers["Content-Length"]))
        if b"broken" in content:
            self.answer(500, b"")
        elif key in self.server.charges:
            self.answer(409, b"again")
        else:
            self.server.charges[key] = content
            self.answer(201, b"charged")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_way_of_asking_is_told(through: Through, gateway: Gateway) -> None:
    def work(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LIMIT_S) as client:
            assert client.get("/charges", params={"token": "secret"}).status_code == 200
            assert client.head("/charges").status_code == 200
            assert (
                client.post("/charges", json={"card": "secret"}, headers={"Idempotency-Key": "e-1"}).text == "charged"
            )
            assert (
                client.post("/charges", json={"card": "secret"}, headers={"Idempotency-Key": "e-1"}).status_code == 409
            )
            assert client.post("/charges", content=(b"x" * 50_000 for _ in range(10))).text == "charged"
            assert client.post("/charges", content=b"broken", headers={"Connection": "close"}).status_code == 500
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as waiting:
            waiting.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert waiting.recv(1000).startswith(b"HTTP/1.1 100 ")
            waiting.sendall(b"hello")
            assert waiting.recv(1000).startswith(b"HTTP/1.1 201 ")

    passage = through(gateway.port, HttpLink, work)
    assert passage.unknown_bytes == 0
    assert passage.replies("status", "outcome") == [
        "GET 200 None",
        "HEAD 200 None",
        "POST 201 done",
        "POST 409 not done",
        "POST 201 done",
        "POST 500 unknown",
        "POST 201 done",
    ]
    assert "secret" not in str(passage.messages)
    charged = [message.fields for message in passage.messages if message.fields.get("idempotency_key") == "e-1"]
    assert charged[0]["content_sha256"] == charged[1]["content_sha256"]
    assert sorted(map(len, gateway.charges.values())) == [5, 17, 500_000]


def test_a_request_that_is_stopped_leaves_what_the_phase_says(through: Through, gateway: Gateway, phase: str) -> None:
    def work(port: int) -> None:
        with pytest.raises(httpx.TransportError):
            httpx.post(f"http://127.0.0.1:{port}/charges", json={"event_id": "e-1"}, timeout=LIMIT_S)

    passage = through(gateway.port, HttpLink, work, at=("POST", phase))
    assert passage.unanswered == ()
    assert len(gateway.charges) == (phase != "before")
    assert passage.replies("outcome") == ["POST done"] * (phase != "before")
