"""One HTTP/1.1 connection: its bytes go in, segments come out; requests and the heads of answers come with a message.

A request that is not safe is held until it is complete, so that *delivered* means all of it. Above `MAX_HELD_BYTES`,
and where the client waits for 100 Continue, what is there passes, and the message comes with the last piece: a server
that lacks it does not have the request. An answer is told with its head; its content passes as it comes.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import h11

from oncewhere.wire.http.outcomes import SAFE, conflict_of, outcome_of
from oncewhere.wire.http.reading import Body, Head, Reading, UnreadableError
from oncewhere.wire.identity import Identify
from oncewhere.wire.message import JSON, Direction, Message, Outbox, Segment
from oncewhere.wire.opacity import Opacity, shown
from oncewhere.wire.outcome import Outcome

SYSTEM: Final = "http"

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a request that are held back; above it they pass in parts, the last piece last."""

MAX_CONTENT_BYTES: Final = 1024 * 1024
"""Bytes of a request's content in which an identity is looked for; a longer one has none."""

MAX_PENDING_REQUESTS: Final = 10_000
"""Requests without an answer that are remembered; a stream with more of them is not understood."""

_KEY_HEADERS: Final = (b"idempotency-key", b"x-idempotency-key")


@dataclass(slots=True)
class _Exchange:
    """A request and what is known of its answer."""

    number: int
    method: bytes
    boundary: bool
    fields: dict[str, JSON]
    headers: list[tuple[str, bytes]]
    path: bytes
    upgrades: bool = False
    waits: bool = False  # for 100 Continue, before it sends any content
    keyed: bool = False
    size: int = 0
    content_bytes: int = 0
    content: list[bytes] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    answered: bool = False
    held: list[bytes] = field(default_factory=list)


class HttpLink:
    """The state of one HTTP/1.1 connection between a client and a server.

    A message's kind is the request's method. Requests with any but a safe method are boundaries; their fields tell the
    target without its query, the idempotency key, and the content by its type, length and SHA-256, so that a repeated
    request can be recognised and no content is kept. Answers tell the status and the outcome.

    After an upgrade, in a tunnel, and behind anything that h11 refuses, the link is opaque.

    Args:
        identify: finds the business identity of a request that is not safe, for its field `identity`.
    """

    def __init__(self, identify: Identify | None = None) -> None:
        self._identify = identify
        self._opacity = Opacity(SYSTEM)
        self._pending: deque[_Exchange] = deque()
        self._count = 0
        self._request: Reading | None = None
        self._current: _Exchange | None = None  # the exchange whose request is being read
        self._answer: Reading | None = None
        self._refused = False

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "read"
        return f"<HttpLink {state} requests={self._count} pending={len(self._pending)}>"

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""
        return self._opacity.unknown_bytes

    @property
    def opaque(self) -> str | None:
        """Why nothing is read any more; None while everything is."""
        return self._opacity.reason

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the server, in order."""
        out = Outbox()
        if data and self._refused:
            self._turn("the content of a request that was answered before it was sent, or the next request")
        while data and not self._opacity.reason:
            data = self._read_request(data, out)
        self._pass(Direction.REQUEST, data, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        out = Outbox()
        while data and not self._opacity.reason:
            data = self._read_answer(data, out)
        self._pass(Direction.REPLY, data, out)
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            out.forward(self._take_held())
        elif self._answer and (held := self._answer.drain()):
            exchange = self._pending[0] if self._pending else None
            told = exchange is not None and exchange.boundary and not exchange.answered
            fields: dict[str, JSON] = {"status": None, "outcome": Outcome.UNKNOWN.value, "partial": True}
            out.forward(held, _message(Direction.REPLY, exchange, fields) if exchange and told else None)
        return out.segments()

    def _turn(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._pending.clear()

    def _pass(self, direction: Direction, data: bytes, out: Outbox) -> None:
        """Forwards what is not read any more; what was held of it goes first."""
        if not self._opacity.reason:
            return
        if direction is Direction.REQUEST:
            data = self._take_held() + data
        elif self._answer:
            data = self._answer.drain() + data
        self._opacity.forward(data, direction, self._count, out)

    def _take_held(self) -> bytes:
        held = b""
        if self._current:
            held = b"".join(self._current.held)
            self._current.held = []
        return held + (self._request.drain() if self._request else b"")

    # ---- requests

    def _read_request(self, data: bytes, out: Outbox) -> bytes:
        """Reads up to the end of one request; returns the bytes behind it."""
        if self._request is None:
            begun = data.lstrip(b"\r\n")  # old clients send an empty line behind a request (RFC 9112, section 2.2)
            out.forward(data[: len(data) - len(begun)])
            if not begun:
                return b""
            if self._pending and self._pending[-1].method == b"CONNECT":
                self._turn("bytes in a tunnel that is not open yet")
                return begun
            data = begun
            self._request = Reading.of_request(self._take_content)
        reading = self._request
        try:
            for piece in reading.feed(data):
                match piece:
                    case Head(h11.Request() as request, head):
                        self._begin(request, head, out)
                    case Body(more, ended):
                        self._take_body(more, out, ended=ended)
                    case _:
                        pass
        except UnreadableError as error:
            self._turn(f"no request: {error}")
            return b""
        return reading.rest

    def _begin(self, request: h11.Request, head: bytes, out: Outbox) -> None:
        headers = [(bytes(name), bytes(value)) for name, value in request.headers]
        first = dict(reversed(headers))
        method = bytes(request.method)
        name = shown(method)
        boundary = name not in SAFE and name != "CONNECT"
        fields: dict[str, JSON] = {"target": _target(bytes(request.target))}
        if key := next((first[header] for header in _KEY_HEADERS if header in first), None):
            fields["idempotency_key"] = shown(key)
        if kind := first.get(b"content-type"):
            fields["content_type"] = shown(kind.split(b";", 1)[0])
        path = bytes(request.target).partition(b"?")[0]
        named = [(shown(name), value) for name, value in headers]
        exchange = _Exchange(self._count, method, boundary, fields, named, path)
        exchange.upgrades = b"upgrade" in first
        has_content = b"transfer-encoding" in first or first.get(b"content-length", b"0") != b"0"
        exchange.waits = has_content and b"100-continue" in first.get(b"expect", b"").lower()
        exchange.keyed = key is not None
        self._count += 1
        self._current = exchange
        self._pending.append(exchange)
        exchange.size = len(head)
        if not boundary:
            out.forward(head, _message(Direction.REQUEST, exchange, fields))
        elif exchange.waits:
            out.forward(head)
        else:
            exchange.held.append(head)
        if len(self._pending) > MAX_PENDING_REQUESTS:
            self._turn("too many requests without an answer")

    def _take_content(self, content: bytes) -> None:
        if (exchange := self._current) is None or not exchange.boundary:
            return
        exchange.digest.update(content)
        exchange.content_bytes += len(content)
        if self._identify and exchange.content_bytes <= MAX_CONTENT_BYTES:
            exchange.content.append(content)
        else:
            exchange.content.clear()

    def _take_body(self, data: bytes, out: Outbox, *, ended: bool) -> None:
        exchange = self._current
        if exchange is None:  # cannot be: a body comes behind a head
            out.forward(data)
            return
        exchange.size += len(data)
        if not exchange.boundary:
            out.forward(data)
        elif data:
            exchange.held.append(data)
        if ended:
            self._request = self._current = None
            if exchange.boundary:
                self._tell(exchange, out)
        elif exchange.size > MAX_HELD_BYTES:
            out.forward(b"".join(exchange.held))
            exchange.held.clear()

    def _tell(self, exchange: _Exchange, out: Outbox) -> None:
        fields = exchange.fields
        if exchange.content_bytes:
            fields["content_bytes"] = exchange.content_bytes
            fields["content_sha256"] = exchange.digest.hexdigest()
        if self._identify and exchange.content_bytes <= MAX_CONTENT_BYTES:
            identity = self._identify(exchange.path, b"".join(exchange.content), exchange.headers)
            fields["identity"] = None if identity is None else shown(identity.encode(errors="replace"))
        exchange.content.clear()
        exchange.headers.clear()
        if exchange.size > MAX_HELD_BYTES or exchange.waits:
            fields["partial"] = True
        data = b"".join(exchange.held)
        exchange.held.clear()
        message = _message(Direction.REQUEST, exchange, fields, expects_reply=not exchange.answered)
        out.forward(data, message if data else None)

    # ---- answers

    def _read_answer(self, data: bytes, out: Outbox) -> bytes:
        """Reads up to the end of one answer; returns the bytes behind it."""
        if self._answer is None:
            if not self._pending:
                self._turn("an answer that nothing asked for")
                return data
            exchange = self._pending[0]
            self._answer = Reading.of_answer(exchange.method, upgrades=exchange.upgrades)
        reading, exchange = self._answer, self._pending[0]
        try:
            for piece in reading.feed(data):
                match piece:
                    case Head(event, head):
                        if self._take_head(exchange, event, head, out):
                            return b""
                    case Body(more, ended):
                        out.forward(more)
                        if ended:
                            self._answer = None
                            self._pending.popleft()
        except UnreadableError as error:
            self._turn(f"no answer: {error}")
            return b""
        return reading.rest

    def _take_head(
        self,
        exchange: _Exchange,
        event: h11.Request | h11.InformationalResponse | h11.Response,
        head: bytes,
        out: Outbox,
    ) -> bool:
        """Takes an answer's head; returns True where the link is opaque behind it."""
        if isinstance(event, h11.Request):  # cannot be: servers are read as such
            return False
        status = event.status_code
        if isinstance(event, h11.InformationalResponse):
            out.forward(head)
            if status == 101:
                self._turn("the connection was upgraded")
            return status == 101
        exchange.answered = True
        fields: dict[str, JSON] = {"status": status}
        if exchange.boundary:
            fields["outcome"] = outcome_of(status).value
            if exchange.keyed and (conflict := conflict_of(status)):
                fields["conflict"] = conflict
            if any(name == b"idempotent-replayed" and value == b"true" for name, value in event.headers):
                fields["replayed"] = True
        out.forward(head, _message(Direction.REPLY, exchange, fields))
        self._refused = exchange is self._current and exchange.waits and not exchange.content_bytes
        if exchange.method == b"CONNECT" and status // 100 == 2:
            self._turn("the connection is a tunnel")
            return True
        return False


def _target(target: bytes) -> str:
    """A target without what may be a secret in it: its query, and the user of an absolute one."""
    path, query, _ = target.partition(b"?")
    scheme, separator, rest = path.partition(b"://")
    if separator:
        path = scheme + separator + rest.rsplit(b"@", 1)[-1]
    return shown(path) + ("?…" if query else "")


def _message(
    direction: Direction, exchange: _Exchange, fields: dict[str, JSON], *, expects_reply: bool = True
) -> Message:
    return Message(
        system=SYSTEM,
        kind=shown(exchange.method),
        direction=direction,
        sequence=exchange.number,
        boundary=exchange.boundary,
        fields=fields,
        expects_reply=expects_reply,
    )
