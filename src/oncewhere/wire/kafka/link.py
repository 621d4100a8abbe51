"""One Kafka connection: its bytes go in, segments come out; boundary requests and their replies come with a message."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oncewhere.wire.frames import Frames, Front, Rest, Unframed
from oncewhere.wire.kafka.addresses import Advertise, clamp_versions, rewrite_addresses
from oncewhere.wire.kafka.apis import ADDRESSED, FETCH_WITHOUT_ADDRESSES, HIGHEST, READ, Api, Describe, Key
from oncewhere.wire.kafka.fields import Fields, Topics
from oncewhere.wire.kafka.refusal import refusal
from oncewhere.wire.kafka.schema import UnreadableError, Values, Walk, read_body
from oncewhere.wire.message import Direction, Message, Outbox, Segment
from oncewhere.wire.opacity import Opacity

SYSTEM: Final = "kafka"

MAX_FRAME_BYTES: Final = 256 * 1024 * 1024
"""A size above this is no size: the stream is something else (TLS, HTTP). Brokers take 100 MiB by default."""

MAX_COLLECTED_BYTES: Final = 8 * 1024 * 1024
"""Frames up to this size are collected before their message is told, so that *delivered* means the whole request.

Producers send at most 1 MiB by default. A larger boundary request is told by its header alone, with `partial`: dropping
it is still exact, but after a kill the rest of it may never come.
"""

MAX_REWRITTEN_BYTES: Final = 64 * 1024 * 1024
"""Replies with addresses are collected up to this size; above it they pass as they are, and are counted."""

MAX_PENDING_REQUESTS: Final = 100_000
"""Requests without a reply that are remembered; a stream with more of them is not understood."""

MAX_KNOWN_FACTS: Final = 10_000
"""Facts that are remembered of an API that repeats itself; a link with more of them tells no more."""

_REQUEST_HEAD: Final = struct.Struct(">ihhi")  # size, API key, API version, correlation id
_REPLY_HEAD: Final = struct.Struct(">ii")  # size, correlation id
_OnFront = Callable[[Front, Outbox], None]
_SIZE_BYTES: Final = 4
_UNSUPPORTED_VERSION: Final = 35


@dataclass(slots=True)
class _Pending:
    number: int
    key: int
    version: int
    correlation_id: int
    boundary: bool = False
    told: bool = False
    expects_reply: bool = True
    client_id: str | None = None
    refusal: bytes = b""


class KafkaLink:
    """The state of one connection between a Kafka client and a broker.

    Frames pass in both directions. A frame that means something is collected, read and told; of every other only the
    header is looked at, and its bytes pass as they come. Replies are matched with requests by correlation id, in order.

    Args:
        advertise: takes a broker's host and port, returns those that the processor is to use instead; called for every
            broker in Metadata, FindCoordinator, DescribeCluster and wherever else a reply names one.
        topics: topic names by id, learned from Metadata; to be shared by the links of one processor, since the
            connection that asks for Metadata need not be the one that uses the ids.
    """

    def __init__(self, advertise: Advertise, *, topics: Topics | None = None) -> None:
        self._advertise = advertise
        self._topics: Topics = {} if topics is None else topics
        self._requests = Frames(_REQUEST_HEAD.size, _measure_request, self._collect_request)
        self._replies = Frames(_REPLY_HEAD.size, _measure_reply, self._collect_reply)
        self._pending: deque[_Pending] = deque()
        self._count = 0
        self._unread_bytes = 0
        self._opacity = Opacity(SYSTEM)
        self._known: dict[str, set[object]] = {}
        self._overdue = False

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "framed"
        return f"<KafkaLink {state} requests={self._count} pending={len(self._pending)}>"

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""
        return self._unread_bytes + self._opacity.unknown_bytes

    @property
    def opaque(self) -> str | None:
        """Why nothing is read any more; None while everything is."""
        return self._opacity.reason

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the server, in order."""
        return self._feed(Direction.REQUEST, self._request, data)

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        return self._feed(Direction.REPLY, self._reply, data)

    def refuse(self, segment: Segment) -> None:
        """Takes a Produce that is not forwarded: its broker does not lead those partitions yet.

        Its answer keeps the order of the requests: it comes out in front of the next reply to a later one.

        Raises:
            ValueError: it is no whole Produce, or nobody waits for its answer.
        """
        message = segment.message
        pending = next((p for p in self._pending if message is not None and p.number == message.sequence), None)
        if pending is None or pending.key != Key.PRODUCE:
            raise ValueError(f"only a Produce can be refused, and one that waits for its answer: {message}")
        request, _ = read_body("request", pending.key, pending.version, segment.data, _REQUEST_HEAD.size)
        self._overdue = False
        pending.refusal = refusal(pending.version, pending.correlation_id, request)

    def overdue(self) -> list[Segment]:
        """Returns the refusals that have to wait for no earlier reply; the others come out right behind theirs."""
        out = Outbox()
        self._overdue = True
        self._answer_refused(out)
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns the beginning of the frame that is not going to be complete."""
        held = self._frames(direction).drain()
        return [Segment(held)] if held else []

    def _frames(self, direction: Direction) -> Frames:
        return self._requests if direction is Direction.REQUEST else self._replies

    def _feed(self, direction: Direction, front: _OnFront, data: bytes) -> list[Segment]:
        out = Outbox()
        for piece in self._frames(direction).feed(data):
            match piece:
                case Front():
                    front(piece, out)
                case Rest(more):
                    out.forward(more)
                case Unframed(more):
                    self._lose("bytes that are no frame of Kafka's, such as those of TLS")
                    self._opacity.forward(more, direction, self._count, out)
        return out.segments()

    def _lose(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._requests.lose()
        self._replies.lose()
        self._pending.clear()

    # ---- requests

    def _collect_request(self, head: bytes, size: int) -> int:
        _, key, _, _ = _REQUEST_HEAD.unpack(head)
        api = READ.get(key)
        return size if api and api.request and size <= MAX_COLLECTED_BYTES else 0

    def _request(self, front: Front, out: Outbox) -> None:
        _, key, version, correlation_id = _REQUEST_HEAD.unpack_from(front.data)
        pending = _Pending(self._count, key, version, correlation_id)
        self._count += 1
        message = None
        if (api := READ.get(key)) and api.request:
            values = self._read_request(front, pending)
            pending.boundary = api.boundary and not _is_merely_idempotent(key, values)
            pending.expects_reply = not (key == Key.PRODUCE and values.get("acks") == 0)
            message = self._tell_request(api, api.request, pending, values)
            pending.told = message is not None
        out.forward(front.data, message)
        if pending.expects_reply:
            self._pending.append(pending)
        if key == Key.SASL_HANDSHAKE and version == 0:
            self._lose("SASL tokens without Kafka's headers, as SaslHandshake 0 has them (KIP-43)")
        if len(self._pending) > MAX_PENDING_REQUESTS:
            self._lose("too many requests without an answer")

    def _read_request(self, front: Front, pending: _Pending) -> Values:
        if front.whole:
            try:
                values, _ = read_body("request", pending.key, pending.version, front.data, _REQUEST_HEAD.size)
            except UnreadableError:
                pass
            else:
                pending.client_id = values["client_id"]
                return values
        self._unread_bytes += front.size
        return {}

    def _tell_request(self, api: Api, describe: Describe, pending: _Pending, values: Values) -> Message | None:
        fields: Fields = {"client_id": pending.client_id, "api_version": pending.version}
        fields |= describe(values, self._topics) if values else {"partial": True}
        if not self._is_news(api, fields):
            return None
        return _message(api, Direction.REQUEST, pending, fields)

    # ---- replies

    def _collect_reply(self, head: bytes, size: int) -> int:
        _, correlation_id = _REPLY_HEAD.unpack(head)
        pending = self._match(correlation_id)
        if pending is None:
            return 0
        if _holds_addresses(pending) or pending.key == Key.API_VERSIONS:
            return size if size <= MAX_REWRITTEN_BYTES else 0
        api = READ.get(pending.key)
        return size if api and api.reply and size <= MAX_COLLECTED_BYTES else 0

    def _match(self, correlation_id: int) -> _Pending | None:
        return next((entry for entry in self._pending if entry.correlation_id == correlation_id), None)

    def _reply(self, front: Front, out: Outbox) -> None:
        _, correlation_id = _REPLY_HEAD.unpack_from(front.data)
        pending = self._match(correlation_id)
        if pending is None:
            self._lose("an answer that nothing asked for")
            self._opacity.forward(front.data, Direction.REPLY, self._count, out)
            return
        while self._pending[0] is not pending:
            if self._pending[0].refusal:
                self._answer_refused(out)
            else:
                self._pending.popleft()  # the broker was not to answer it, and its acks could not be read
        self._pending.popleft()
        self._pass_on(front, pending, out)
        if self._overdue:
            self._answer_refused(out)

    def _pass_on(self, front: Front, pending: _Pending, out: Outbox) -> None:
        api = READ.get(pending.key)
        addressed = _holds_addresses(pending) or pending.key == Key.API_VERSIONS
        if not addressed and not (api and api.reply):
            out.forward(front.data)
            return
        data, values = front.data, None
        try:
            values, walk = self._read_reply(front, pending)
        except UnreadableError:
            self._unread_bytes += front.size
        else:
            data = self._replace(pending, data, values, walk)
        out.forward(data, self._tell_reply(api, pending, values) if api and api.reply else None)

    def _answer_refused(self, out: Outbox) -> None:
        while self._pending and (answer := self._pending[0].refusal):
            self._pending[0].refusal = b""  # from here on it is an answer like any other
            self._reply(Front(answer, len(answer)), out)

    def _read_reply(self, front: Front, pending: _Pending) -> tuple[Values, Walk]:
        if not front.whole:
            raise UnreadableError("the reply is too large to be collected")
        version, at = pending.version, _REPLY_HEAD.size
        if pending.key == Key.API_VERSIONS and front.data[at : at + 2] == _UNSUPPORTED_VERSION.to_bytes(2, "big"):
            version = 0  # KIP-511: whatever was asked for, this answer has the oldest format
        return read_body("reply", pending.key, version, front.data, at)

    def _replace(self, pending: _Pending, data: bytes, values: Values, walk: Walk) -> bytes:
        if pending.key == Key.API_VERSIONS:
            return clamp_versions(data, walk, HIGHEST)
        if pending.key == Key.METADATA:
            for topic in values.get("topics") or ():
                if topic.get("name") and "topic_id" in topic:
                    self._topics[topic["topic_id"]] = topic["name"]
        if pending.key == Key.DESCRIBE_CLUSTER and values.get("endpoint_type", 1) != 1:
            return data  # controllers (KIP-919): clients of the group and transaction protocols never talk to them
        return rewrite_addresses(data, walk, self._advertise) if _holds_addresses(pending) else data

    def _tell_reply(self, api: Api, pending: _Pending, values: Values | None) -> Message | None:
        fields: Fields = {"client_id": pending.client_id, "api_version": pending.version}
        if values is None or api.reply is None:
            fields["partial"] = True
        else:
            fields |= api.reply(values, self._topics)
        is_news = self._is_news(api, fields)
        if not pending.told and not is_news:
            return None
        return _message(api, Direction.REPLY, pending, fields)

    def _is_news(self, api: Api, fields: Fields) -> bool:
        if api.news is None:
            return True
        known = self._known.setdefault(api.kind, set())
        new = api.news(fields) - known
        if len(known) >= MAX_KNOWN_FACTS:
            return False
        known |= new
        return bool(new)


def _message(api: Api, direction: Direction, pending: _Pending, fields: Fields) -> Message:
    return Message(
        system=SYSTEM,
        kind=api.kind,
        direction=direction,
        sequence=pending.number,
        boundary=pending.boundary,
        fields=fields,
        expects_reply=pending.expects_reply,
    )


def _is_merely_idempotent(key: int, values: Values) -> bool:
    """A producer id without a transactional.id belongs to one life of one process: nothing hangs on it afterwards."""
    return key == Key.INIT_PRODUCER_ID and bool(values) and values["transactional_id"] is None


def _holds_addresses(pending: _Pending) -> bool:
    if pending.key == Key.FETCH:
        return pending.version > FETCH_WITHOUT_ADDRESSES
    return pending.key in ADDRESSED


def _measure_request(head: bytes) -> int | None:
    size: int = _REQUEST_HEAD.unpack(head)[0]
    return size + _SIZE_BYTES if _REQUEST_HEAD.size - _SIZE_BYTES <= size <= MAX_FRAME_BYTES else None


def _measure_reply(head: bytes) -> int | None:
    size: int = _REPLY_HEAD.unpack(head)[0]
    return size + _SIZE_BYTES if _REPLY_HEAD.size - _SIZE_BYTES <= size <= MAX_FRAME_BYTES else None
