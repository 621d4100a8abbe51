"""Mail comes in over SMTP; what was accepted is recorded."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Final

from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope, Session

MAX_MAILS: Final = 1_000_000
MAX_MAIL_BYTES: Final = 16 * 1024 * 1024
NAME: Final = "stand-in.invalid"
"""How it greets; left to itself, aiosmtpd asks the name service who we are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that was accepted.

    Attributes:
        sender: the envelope's sender.
        recipients: the envelope's recipients.
        headers: names in lower case, values unfolded.
    """

    sender: str
    recipients: tuple[str, ...]
    headers: tuple[tuple[str, bytes], ...]


@dataclass  # not slotted: aiosmtpd reads every attribute, and one of them raises then (Debian 12 has Python 3.11.2)
class SmtpStandIn:
    """A mail server that keeps what it is given and delivers nothing; make `connection` the protocol of a server.

    It offers no encryption and asks for no credentials.

    Attributes:
        delay_s: seconds until it answers the end of a mail.
        fail_every: every nth mail is refused with 451 and not kept; 0: none.
        honours_ids: a mail whose Message-ID it has kept before is accepted, and not kept again.
    """

    delay_s: float = 0.0
    fail_every: int = 0
    honours_ids: bool = False
    _mails: list[Mail] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self) -> tuple[Mail, ...]:
        """Every mail that was accepted, in order."""
        with self._lock:
            return tuple(self._mails)

    def reset(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._mails.clear()
            self._known.clear()
            self._count = 0

    def connection(self) -> SMTP:
        """A new connection's protocol."""
        return SMTP(self, data_size_limit=MAX_MAIL_BYTES, hostname=NAME, loop=asyncio.get_running_loop())

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Takes a mail at its end; aiosmtpd sends what is returned."""
        with self._lock:
            self._count += 1
            if self.fail_every and self._count % self.fail_every == 0:
                return "451 4.3.0 Try again later"
            if len(self._mails) == MAX_MAILS:
                return "452 4.3.1 Too many mails"
            mail = _mail(envelope)
            own = dict(mail.headers).get("message-id") if self.honours_ids else None
            if own is None or own not in self._known:
                self._mails.append(mail)
            if own is not None:
                self._known.add(own)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return "250 2.0.0 Kept"


def _mail(envelope: Envelope) -> Mail:
    content = envelope.content or b""
    raw = content if isinstance(content, bytes) else content.encode()
    headers = BytesHeaderParser().parsebytes(raw)
    return Mail(
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        headers=tuple((name.lower(), str(value).encode()) for name, value in headers.items()),
    )
