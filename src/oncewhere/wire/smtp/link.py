"""One SMTP connection: its bytes go in, segments come out; the end of each mail and its reply come with a message.

Nothing has happened before the end of a mail's content: a server that lost its client forgets what it had (RFC 5321,
section 4.1.1.4). So content passes as it comes, and the message stands at the last bytes of it.

Two things are not as they came. The offer of STARTTLS is taken out of the reply to EHLO, and a STARTTLS that is sent
nevertheless is refused with 502 by the link itself, in its turn: behind it nothing could be read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from oncewhere.wire.identity import Identify
from oncewhere.wire.message import JSON, Direction, Message, Outbox, Segment
from oncewhere.wire.opacity import Opacity, shown
from oncewhere.wire.outcome import Outcome
from oncewhere.wire.smtp.commands import MAX_LINE_BYTES, Line, read
from oncewhere.wire.smtp.content import DotEnded, Header
from oncewhere.wire.smtp.envelope import Envelope, Recipient
from oncewhere.wire.smtp.replies import Replies, Reply, UnreadableError, outcome_of, without_encryption

SYSTEM: Final = "smtp"

MAX_PENDING_COMMANDS: Final = 10_000
"""Commands without a reply that are remembered; a stream with more of them is not understood."""

GREETING: Final = "greeting"
END_OF_DATA: Final = "end-of-DATA"
BDAT_LAST: Final = "BDAT LAST"
BURL_LAST: Final = "BURL LAST"

_REFUSAL: Final = b"502 5.5.1 Encryption is not available here\r\n"
_AWAITED: Final = frozenset({"AUTH", "DATA"})
"""Commands whose reply says what the client's next line is; whoever talks on before it cannot be understood."""

_GO_ON: Final = 334
_START_CONTENT: Final = 354
_CLOSING: Final = 421


@dataclass(slots=True)
class _Pending:
    """Something that the server is to reply to."""

    number: int
    kind: str
    boundary: bool = False
    recipient: Recipient | None = None


class SmtpLink:
    """The state of one connection between an SMTP client and a server.

    The boundary messages are `end-of-DATA` and `BDAT LAST` (`BURL LAST`); they tell the Message-ID, sender and
    recipients, those that the server has refused left out. A credential that passes (AUTH) is neither read nor kept.

    Args:
        identify: finds the business identity in a mail's header, for the field `identity`; no content is kept for it.
    """

    def __init__(self, identify: Identify | None = None) -> None:
        self._identify = identify
        self._opacity = Opacity(SYSTEM)
        self._replies = Replies()
        self._pending: deque[_Pending] = deque([_Pending(0, GREETING)])
        self._count = 1
        self._line = b""
        self._awaited: str | None = None
        self._secret = False  # the next line answers a challenge of AUTH
        self._dotted: DotEnded | None = None
        self._chunk = 0
        self._chunk_is_last = False
        self._envelope = Envelope()

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "read"
        return f"<SmtpLink {state} commands={self._count} pending={len(self._pending)}>"

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
        while data and not self._opacity.reason:
            if self._dotted:
                data = self._take_dotted(self._dotted, data, out)
            elif self._chunk:
                data = self._take_chunk(data, out)
            else:
                data = self._take_line(data, out)
        if self._opacity.reason:
            self._opacity.forward(self._take_held() + data, Direction.REQUEST, self._count, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        out = Outbox()
        if not self._opacity.reason:
            try:
                for reply in self._replies.feed(data):
                    self._reply(reply, out)
                    if self.opaque:
                        break
            except UnreadableError:
                self._turn("no reply")
            data = b""
        if self._opacity.reason:
            self._opacity.forward(self._replies.drain() + data, Direction.REPLY, self._count, out)
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            out.forward(self._take_held())
        elif held := self._replies.drain():
            pending = self._pending[0] if self._pending else None
            fields: dict[str, JSON] = {"outcome": Outcome.UNKNOWN.value, "partial": True}
            told = pending is not None and pending.boundary
            out.forward(held, _message(Direction.REPLY, pending, fields) if pending and told else None)
        return out.segments()

    def _turn(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._pending.clear()

    def _take_held(self) -> bytes:
        held, self._line = self._line, b""
        return (self._dotted.drain() if self._dotted else b"") + held

    # ---- the client's side

    def _take_line(self, data: bytes, out: Outbox) -> bytes:
        """Takes bytes up to the end of a line; returns those behind it."""
        end = data.find(b"\n") + 1
        self._line += data[: end or len(data)]
        rest = data[end:] if end else b""
        if self._awaited:
            self._turn(f"the client talks on before {self._awaited} is answered")
        elif self._secret and end:
            self._secret = False
            self._expect("AUTH", out, self._take_held())
        elif self._secret:
            pass
        elif not self._line[:1].isalpha() or len(self._line) > MAX_LINE_BYTES:
            self._turn("no command")
        elif end:
            self._command(out)
        return rest

    def _command(self, out: Outbox) -> None:
        line = read(self._line) if self._line.endswith(b"\r\n") else None
        if line is None or line.verb == "LHLO":
            self._turn("a command that is not understood" if line is None else "LMTP")
            return
        if line.verb == "STARTTLS":
            self._line = b""
            self._refuse(out)
            return
        data = self._take_held()
        recipient = None
        match line.verb:
            case "EHLO" | "HELO" | "RSET":
                self._envelope = Envelope()
            case "MAIL":
                self._envelope = Envelope(line.address or "", line.options)
            case "RCPT":
                recipient = self._envelope.add(line)
            case "BDAT":
                self._begin_chunk(line, data, out)
                return
            case "BURL" if line.last:
                self._end_mail(BURL_LAST, data, out)
                return
        self._expect(line.verb, out, data, recipient)

    def _expect(self, kind: str, out: Outbox, data: bytes, recipient: Recipient | None = None) -> None:
        """Forwards a command that one reply answers."""
        self._pending.append(_Pending(self._count, kind, recipient=recipient))
        self._count += 1
        self._awaited = kind if kind in _AWAITED else None
        out.forward(data)
        if len(self._pending) > MAX_PENDING_COMMANDS:
            self._turn("too many commands without a reply")

    def _refuse(self, out: Outbox) -> None:
        """Answers STARTTLS, once everything before it is answered."""
        if self._pending:
            self._pending.append(_Pending(self._count, "STARTTLS"))
        else:
            out.answer(_REFUSAL)
        self._count += 1

    def _take_dotted(self, dotted: DotEnded, data: bytes, out: Outbox) -> bytes:
        taken = dotted.feed(data)
        if taken.ambiguous:
            self._dotted = None
            self._line = taken.data
            self._turn("content with bare line feeds around a dot")
            return b""
        if taken.rest is None:
            self._keep(taken.data, stuffed=True)
            out.forward(taken.data)
            return b""
        self._keep(taken.data.removesuffix(b".\r\n"), stuffed=True)
        self._dotted = None
        self._end_mail(END_OF_DATA, taken.data, out)
        return taken.rest

    def _begin_chunk(self, line: Line, data: bytes, out: Outbox) -> None:
        self._chunk, self._chunk_is_last = line.chunk or 0, line.last
        if line.last and not self._chunk:
            self._end_mail(BDAT_LAST, data, out)
        elif line.last:
            out.forward(data)  # its reply is expected by the last bytes of the chunk
        else:
            self._expect("BDAT", out, data)

    def _take_chunk(self, data: bytes, out: Outbox) -> bytes:
        chunk, rest = data[: self._chunk], data[self._chunk :]
        self._chunk -= len(chunk)
        self._keep(chunk, stuffed=False)
        if self._chunk or not self._chunk_is_last:
            out.forward(chunk)
        else:
            self._end_mail(BDAT_LAST, chunk, out)
        return rest

    def _keep(self, content: bytes, *, stuffed: bool) -> None:
        if self._envelope.header is None:
            self._envelope.header = Header(stuffed=stuffed)
        self._envelope.header.take(content)

    def _end_mail(self, kind: str, data: bytes, out: Outbox) -> None:
        envelope, self._envelope = self._envelope, Envelope()
        header = envelope.header.fields() if envelope.header else []
        message_id = next((shown(value) for name, value in header if name == "message-id"), None)
        fields = envelope.fields(message_id)
        if self._identify:
            identity = self._identify(None, None, header)
            fields["identity"] = None if identity is None else shown(identity.encode(errors="replace"))
        pending = _Pending(self._count, kind, boundary=True)
        self._count += 1
        self._pending.append(pending)
        out.forward(data, _message(Direction.REQUEST, pending, fields))

    # ---- the server's side

    def _reply(self, reply: Reply, out: Outbox) -> None:
        if not self._pending:
            if reply.code != _CLOSING:  # which a server may say at any time (RFC 5321, section 3.8)
                self._turn("a reply to nothing")
                self._opacity.forward(reply.data, Direction.REPLY, self._count, out)
                return
            out.forward(reply.data)
            return
        pending = self._pending.popleft()
        data, message = reply.data, None
        if pending.boundary:
            fields = reply.fields() | {"outcome": outcome_of(reply.code).value}
            message = _message(Direction.REPLY, pending, fields)
        elif pending.kind == "EHLO" and reply.code == 250:
            data = without_encryption(data)
        self._settle(pending, reply.code)
        out.forward(data, message)
        while self._pending and self._pending[0].kind == "STARTTLS":
            self._pending.popleft()
            out.forward(_REFUSAL)

    def _settle(self, pending: _Pending, code: int) -> None:
        if pending.kind in _AWAITED:
            self._awaited = None
            self._secret = pending.kind == "AUTH" and code == _GO_ON
            if pending.kind == "DATA" and code == _START_CONTENT:
                self._dotted = DotEnded()
        if pending.recipient is not None:
            pending.recipient.refused = code // 100 != 2


def _message(direction: Direction, pending: _Pending, fields: dict[str, JSON]) -> Message:
    return Message(
        system=SYSTEM,
        kind=pending.kind,
        direction=direction,
        sequence=pending.number,
        boundary=pending.boundary,
        fields=fields,
    )
