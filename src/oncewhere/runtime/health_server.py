"""A tiny HTTP port for probes: a path in, an `Answer` out. The only sockets that the runtime opens by itself.

HTTP is the standard library's; what stands here are the limits. Each connection carries one request, which must have
arrived as a whole by a deadline and may have so many bytes; so many connections are served at once, the rest is closed.
"""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

logger = logging.getLogger("oncewhere.runtime.health")

REQUEST_LIMIT_S = 5.0
"""From the connection to the end of the answer; probes give up after 1 s by default."""
MAX_REQUEST_BYTES = 8_192
"""The request line and all headers; a probe sends some 200."""
MAX_CONNECTIONS = 16
"""Served at the same time, each in a thread of its own."""
POLL_S = 0.1
"""How often the accepting thread looks whether it should end."""
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers.

    Attributes:
        status: HTTP's code.
        content_type: of the body.
        body: sent as it is.
    """

    status: int
    content_type: str
    body: bytes


class _TooLargeError(Exception):
    """The request is longer than `MAX_REQUEST_BYTES`."""


class _Incoming(io.RawIOBase):
    """The bytes of one request: so many at most, and none after the deadline, however slowly they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + REQUEST_LIMIT_S
        self._left = MAX_REQUEST_BYTES

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Waits for bytes, until the deadline.

        Raises:
            TimeoutError: the deadline has passed.
            _TooLargeError: there was as much as is allowed already.
        """
        if self._left == 0:
            raise _TooLargeError
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
        view = memoryview(buffer)
        count = self._connection.recv_into(view, min(len(view), self._left))
        self._left -= count
        return count


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the connection is closed (HTTP/1.0, as `BaseHTTPRequestHandler` begins)."""

    server: HealthServer
    timeout = REQUEST_LIMIT_S
    server_version = "oncewhere"
    sys_version = ""  # nobody needs to know which Python this is

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Incoming(self.connection))

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except _TooLargeError:
            self.requestline = self.request_version = self.command = ""
            self.send_error(431, "Request too large")

    def do_GET(self) -> None:
        """Answers with a body."""
        try:
            answer = self.server.answer(self.path.partition("?")[0])
        except Exception:
            # Whoever registered a metric of their own may have made a mistake in it; no probe must suffer from that.
            logger.exception("no answer could be given for %r", self.path)
            answer = Answer(500, TEXT_TYPE, b"no answer could be given; the log says why\n")
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815  # the standard library's name; `_send` leaves the body out

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself; it would answer with a page of HTML."""
        del explain
        self.log_error("code %d, message %s", code, message)
        self._send(Answer(code, TEXT_TYPE, f"{message or 'refused'}\n".encode()))

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(REQUEST_LIMIT_S)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the standard library's signature
        """One line per probe and second belongs into nobody's log."""
        logger.debug("%s: %r", self.client_address[0], format % args)


class HealthServer(ThreadingHTTPServer):
    """Accepts connections and serves each in a daemon thread.

    Args:
        host: an address of this machine.
        port: 0 takes a free one.
        answer: what a path answers; called in the connection's thread.

    Raises:
        OSError: the address cannot be listened on.
    """

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS  # 5 otherwise, and then the sixth waits a second for its SYN to be repeated
    block_on_close = False  # a slow asker must not delay the end of the process

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def serve(self) -> None:
        """Accepts until `close`."""
        self.serve_forever(POLL_S)

    def close(self) -> None:
        """Ends `serve` and frees the port; connections that are being served end by their own deadline."""
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """Binds; the standard library would ask the DNS for our own name here, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.port

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread of its own, or closes it when there are too many."""
        if self._slots.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except BaseException:  # no thread could be started
                self._slots.release()
                raise
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What the thread does."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that failed: an asker that went away; the standard library would print a traceback."""
        del request
        logger.debug("a connection of %s failed: %r", client_address[0], sys.exception())
