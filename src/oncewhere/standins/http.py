"""Requests come in over HTTP/1.1; each that is not safe is performed, or answered by what its idempotency key says.

Source: the IETF draft on the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), section 2: the same
key with the same content is answered as before, with other content 422, while the first is being performed 409.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import h11

SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
MAX_CONTENT_BYTES: Final = 16 * 1024 * 1024
MAX_REQUESTS: Final = 1_000_000
"""Requests that one stand-in records; a drill has some thousand."""
READ_BYTES: Final = 64 * 1024
_KEY: Final = b"idempotency-key"


class KeyMode(StrEnum):
    """What a stand-in does with idempotency keys."""

    HONOURS = "honours-keys"
    """A key is performed once, for ever."""
    IGNORES = "ignores-keys"
    """Every request is performed."""
    FORGETS = "forgets-keys"
    """A key is remembered only while the connection that brought it is open: a window shorter than the replay."""
    CANCELS = "cancels-keys"
    """A key is performed once, and `DELETE …/KEY` takes that back: what comes under the key later is refused (410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that was performed.

    Attributes:
        method: such as `POST`.
        path: without the query.
        headers: names in lower case.
        content: its body.
        key: its idempotency key, if it has one.
    """

    method: str
    path: bytes
    headers: tuple[tuple[str, bytes], ...]
    content: bytes
    key: bytes | None


@dataclass(slots=True)
class _Known:
    """What is remembered of a key."""

    fingerprint: bytes
    finished: bool = False


@dataclass(slots=True)
class HttpStandIn:
    """An HTTP service that records what it performed; make `connection` the protocol of a server.

    A request is performed when all of it has arrived, whoever still waits for the answer.

    Attributes:
        mode: what it does with keys.
        answer: the body of its answers.
        delay_s: seconds until it answers.
        fail_every: every nth request is answered 503 and not performed; 0: none.
    """

    mode: KeyMode
    answer: bytes = b"{}"
    delay_s: float = 0.0
    fail_every: int = 0
    _performed: list[Request] = field(default_factory=list)
    _keys: dict[bytes, _Known] = field(default_factory=dict)
    _cancelled: set[bytes] = field(default_factory=set)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def performed(self) -> tuple[Request, ...]:
        """Every request that was performed, in order."""
        with self._lock:
            return tuple(self._performed)

    def reset(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._performed.clear()
            self._keys.clear()
            self._cancelled.clear()
            self._count = 0

    def connection(self) -> asyncio.Protocol:
        """A new connection's protocol."""
        return _Connection(self)

    def take(self, request: Request, keys: dict[bytes, _Known]) -> tuple[int, bool, _Known | None]:
        """Takes a request that is not safe, once all of it is there.

        Args:
            request: what was asked.
            keys: those of its connection.

        Returns:
            The status, whether the answer is one that was given before, and what is to be marked as finished with it.
        """
        with self._lock:
            self._count += 1
            if self.fail_every and self._count % self.fail_every == 0:
                return 503, False, None
            if self.mode is KeyMode.CANCELS and request.method == "DELETE":
                self._cancel(request.path.rpartition(b"/")[2])
                return 200, False, None
            if request.key is not None and _bare(request.key) in self._cancelled:
                return 410, False, None
            remembered = keys if self.mode is KeyMode.FORGETS else self._keys
            known = None if request.key is None or self.mode is KeyMode.IGNORES else remembered.get(request.key)
            fingerprint = _fingerprint(request)
            if known is not None:
                if known.fingerprint != fingerprint:
                    return 422, False, None
                return (200, True, None) if known.finished else (409, False, None)
            if len(self._performed) == MAX_REQUESTS:
                return 507, False, None
            self._performed.append(request)
            if request.key is None:
                return 200, False, None
            remembered[request.key] = known = _Known(fingerprint)
            return 200, False, known

    def _cancel(self, key: bytes) -> None:
        """Takes back what was performed under a key, if anything was; it is never performed again."""
        self._cancelled.add(key)
        self._performed = [one for one in self._performed if one.key is None or _bare(one.key) != key]


class _Connection(asyncio.Protocol):
    """One connection: requests are answered one after the other, as they come."""

    def __init__(self, stand_in: HttpStandIn) -> None:
        self._stand_in = stand_in
        self._http = h11.Connection(h11.SERVER)
        self._keys: dict[bytes, _Known] = {}
        self._request: h11.Request | None = None
        self._content = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for TCP
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._go_on()

    def eof_received(self) -> bool:
        self._http.receive_data(b"")
        self._go_on()
        return self._answering is not None and not self._answering.done()

    def _go_on(self) -> None:
        """Reads what is there, up to the end of one request."""
        try:
            while True:
                match self._http.next_event():
                    case h11.Request() as request:
                        self._request = request
                        self._content.clear()
                        if self._http.they_are_waiting_for_100_continue:
                            self._send(h11.InformationalResponse(status_code=100, headers=[]))
                    case h11.Data(data=data):
                        self._content += data
                        if len(self._content) > MAX_CONTENT_BYTES:
                            self._refuse(413)
                            return
                    case h11.EndOfMessage():
                        self._take()
                    case h11.ConnectionClosed():
                        self._close()
                        return
                    case _:  # NEED_DATA, or PAUSED until the answer is given
                        return
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _take(self) -> None:
        request = self._request
        assert request is not None  # noqa: S101 - h11 ends no message that it did not begin
        if bytes(request.method) in SAFE:
            self._answering = asyncio.ensure_future(self._answer(200, replayed=False, known=None))
            return
        headers = tuple((bytes(name).decode("latin-1").lower(), bytes(value)) for name, value in request.headers)
        taken = Request(
            method=bytes(request.method).decode("latin-1"),
            path=bytes(request.target).partition(b"?")[0],
            headers=headers,
            content=bytes(self._content),
            key=next((value for name, value in request.headers if name == _KEY), None),
        )
        status, replayed, known = self._stand_in.take(taken, self._keys)
        self._answering = asyncio.ensure_future(self._answer(status, replayed=replayed, known=known))

    async def _answer(self, status: int, *, replayed: bool, known: _Known | None) -> None:
        if self._stand_in.delay_s:
            await asyncio.sleep(self._stand_in.delay_s)
        if known is not None:
            known.finished = True
        if self._transport is None or self._http.our_state != h11.SEND_RESPONSE:
            return
        body = self._stand_in.answer if status == 200 else b""
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if replayed:
            headers.append(("Idempotent-Replayed", "true"))
        self._send(h11.Response(status_code=status, headers=headers))
        if body and self._request is not None and self._request.method != b"HEAD":
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        if self._http.our_state in {h11.MUST_CLOSE, h11.CLOSED, h11.ERROR}:
            self._close()
            return
        self._http.start_next_cycle()
        self._go_on()

    def _refuse(self, status: int) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [("Content-Length", "0"), ("Connection", "close")]
            self._send(h11.Response(status_code=status, headers=headers))
            self._send(h11.EndOfMessage())
        self._close()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data and self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _bare(key: bytes) -> bytes:
    """A key without the quotation marks of the header's form."""
    return key.strip(b'"')


def _fingerprint(request: Request) -> bytes:
    return hashlib.sha256(b"\0".join((request.method.encode(), request.path, request.content))).digest()
