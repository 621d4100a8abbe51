"""Mail as a place: their driver, smtplib; messages with a Message-ID out, and what became of each attempt in.

SMTP has one moment that decides: the reply to the end of DATA (RFC 5321, 4.1.1.4). Whatever fails before it was not
sent; where that reply is lost, the message may be on its way. A Message-ID that stays the same on every attempt
(RFC 5322, 3.6.4) is what a mailbox, or a relay that cares, can recognise a repetition by; plain SMTP promises nothing.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import smtplib
import ssl
import time
from email.utils import getaddresses
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from oncewhere.addresses import address_of
from oncewhere.effects.idempotency import nth_key
from oncewhere.effects.outside import Means, OutsidePlace, Terms
from oncewhere.effects.policy import AtMostOnce
from oncewhere.effects.repetition import Limits
from oncewhere.effects.timed_smtp import TimedSmtp, TimedSmtps
from oncewhere.errors import ConfigurationError, NotDone, OutcomeUnknown

if TYPE_CHECKING:
    from email.message import EmailMessage

    from oncewhere.effects.policy import Policy

_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_OK = 250
_PERMANENT = 500
MOST_REMEMBERED = 10_000
"""Mails that were taken; the oldest are forgotten. A batch has a thousand records."""
_OURS_OR_OF_THE_MOMENT = {"message-id", "date"}


class Smtp(OutsidePlace["Mailer"]):
    """A mail server that takes messages for delivery.

    Args:
        url: `smtp://`, `smtp+starttls://` or `smtps://`, then `user:password@host:port`.
        name: your name for this place, such as `post`.
        policy: how duplicates are prevented: `IdempotencyKey()` (the Message-ID), `AtMostOnce(claims=bank)`,
            `Outbox("mails", then=…)`, `Compensate(journal=bank)` (its undo is another mail) or
            `AtLeastOnce(acknowledged="why")`. There is no default.
        domain: the right side of the Message-IDs; a name of yours.
        limits: how often and how long a call is attempted.
        tls: for the encrypted schemes; Python's default, which checks certificates, when None.

    Raises:
        ConfigurationError: the URL cannot be read, the name is empty, or the policy is none that SMTP can honour.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        policy: Policy,
        domain: str,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(name=name, policy=policy, system="smtp", limits=limits or Limits())
        url = address_of(name, url)
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _unreadable(name) from error
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise _unreadable(name)
        self.scheme = parts.scheme
        self.host = parts.hostname
        self.port = port or _SCHEMES[parts.scheme]
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.domain = domain
        self.tls = tls

    def connection_type(self) -> type[Mailer]:
        """What an effect gets as its first argument."""
        return Mailer

    def means(self) -> SmtpMeans:
        """A connection, made when it is needed."""
        return SmtpMeans(self)


def _unreadable(name: str) -> ConfigurationError:
    # It may hold a password, so it is not shown.
    return ConfigurationError(
        f"The URL of place {name!r} cannot be read.",
        hint="It has the form smtp://host:25, smtp+starttls://user:password@host:587 or smtps://host.",
    )


class SmtpMeans(Means):
    """One connection, made anew where it was lost; and what the server has taken while this process lives."""

    def __init__(self, place: Smtp) -> None:
        self._place = place
        self._server: TimedSmtp | None = None
        self._taken: dict[bytes, None] = {}

    def given(self, terms: Terms) -> Mailer:
        """The mails of one attempt."""
        return Mailer(self, self._place, terms)

    def server(self, *, ends_at: float) -> smtplib.SMTP:
        """A connection that has answered just now.

        Args:
            ends_at: until when it waits for whatever it is asked, by the monotonic clock.

        Raises:
            OSError: there is none.
            smtplib.SMTPException: the server does not want us.
        """
        if self._server is not None:
            self._server.ends_at = ends_at
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if self._server.noop()[0] == _OK:
                    return self._server
            self.close()
        place = self._place
        if place.scheme == "smtps":
            server: TimedSmtp = TimedSmtps(place.host, place.port, ends_at=ends_at, context=self._trust())
        else:
            server = TimedSmtp(place.host, place.port, ends_at=ends_at)
        try:
            if place.scheme == "smtp+starttls":
                server.starttls(context=self._trust())
            if place.user:
                server.login(place.user, place.password)
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()  # half made, it would answer the next mail's NOOP
            raise
        self._server = server
        return server

    def _trust(self) -> ssl.SSLContext:
        return self._place.tls or ssl.create_default_context()  # smtplib's own default trusts whoever answers

    def took(self, mail: bytes) -> None:
        """The server took a mail; it is remembered by what `_what_it_says` gives."""
        self._taken[mail] = None
        if len(self._taken) > MOST_REMEMBERED:
            del self._taken[next(iter(self._taken))]

    def has_taken(self, mail: bytes) -> bool:
        """True where it did: an attempt that is made again for another mail's sake need not send this one."""
        return mail in self._taken

    def close(self) -> None:
        """Hangs up."""
        server, self._server = self._server, None
        if server is not None:
            server.close()


class Mailer:
    """The mails of one effect, in one attempt; each has a Message-ID of its own.

    Args:
        means: the connection.
        place: where to.
        terms: on what terms.
    """

    def __init__(self, means: SmtpMeans, place: Smtp, terms: Terms) -> None:
        self._means = means
        self._place = place
        self._terms = terms
        self._sent = 0

    def send(self, message: EmailMessage) -> str:
        """Sends one message to everybody that it names, and gives its Message-ID.

        One that the server took from this process before is not sent again: the same text, from the same sender to
        the same recipients, under the same Message-ID. Its Date may be another.

        Args:
            message: with From and To (Cc, Bcc). It stays as it is, so that it may be sent again: what goes out is a
                copy, with its Message-ID and without its Bcc.

        Raises:
            NotDone: the server certainly did not take it.
            OutcomeUnknown: the reply to the end of DATA was lost.
        """
        message_id = f"<{nth_key(self._terms.key, self._sent)}@{self._place.domain}>"
        self._sent += 1
        senders = [address for _, address in getaddresses(message.get_all("From", []))]
        named = [value for field in ("To", "Cc", "Bcc") for value in message.get_all(field, [])]
        recipients = [address for _, address in getaddresses(named)]
        if not senders or not recipients:
            raise self._as_far_as(NotDone("a message needs From and To", permanent=True))
        mail = _what_it_says(message, message_id, senders[0], recipients)
        if not self._means.has_taken(mail):
            self._transmit(senders[0], recipients, _content(message, message_id))
            self._means.took(mail)
        return message_id

    def _transmit(self, sender: str, recipients: list[str], content: bytes) -> None:
        try:
            server = self._means.server(ends_at=time.monotonic() + self._place.limits.attempt_timeout_s)
            _begin(server, sender, recipients)
        except NotDone as error:
            self._means.close()  # the rest of this transaction is forgotten with it
            raise self._as_far_as(error) from error
        except (OSError, smtplib.SMTPException) as error:
            self._means.close()
            raise self._as_far_as(NotDone(f"no server took the message ({type(error).__name__})")) from error
        try:
            reply = server.data(content)
        except smtplib.SMTPDataError as error:  # DATA itself was refused, before a byte of the message
            self._means.close()  # its mail transaction is open still, and would refuse the next MAIL
            raise self._as_far_as(_refused((error.smtp_code, b""), "DATA")) from error
        except (OSError, smtplib.SMTPException) as error:
            self._means.close()
            raise OutcomeUnknown(f"no reply to the end of DATA ({type(error).__name__})") from error
        if reply[0] != _OK:
            raise self._as_far_as(_refused(reply, "end of DATA"))

    def _as_far_as(self, error: NotDone) -> NotDone | OutcomeUnknown:
        """Not done, as far as it goes: an earlier mail of the same effect was sent.

        What is refused for good stays so, or each repetition would send the earlier ones again and be refused again;
        but for `AtMostOnce`, which would give its claim back.
        """
        if self._sent == 1:
            return error
        reason = f"{error.reason}, after {self._sent - 1} that were sent"
        if error.permanent and not isinstance(self._place.policy, AtMostOnce):
            return NotDone(reason, permanent=True)
        return OutcomeUnknown(reason)


def _content(message: EmailMessage, message_id: str) -> bytes:
    """What follows DATA: lines end by CRLF, and a lone LF ends none (RFC 5321, 2.3.8)."""
    sent = copy.copy(message)
    del sent["Message-ID"], sent["Bcc"]
    sent["Message-ID"] = message_id
    return sent.as_bytes(policy=sent.policy.clone(linesep="\r\n"))


def _what_it_says(message: EmailMessage, message_id: str, sender: str, recipients: list[str]) -> bytes:
    """A digest of a mail, the same whenever the same is said to the same people.

    The Message-ID alone does not tell: it counts an effect's mails, and the second attempt's first mail may be
    another one's. The boundaries between its parts are made by chance, so they do not count.
    """
    digest = hashlib.sha256(repr((message_id, sender, recipients)).encode())
    for part in message.walk():
        manifold = part.is_multipart()
        apart = {*_OURS_OR_OF_THE_MOMENT, "content-type"} if manifold else _OURS_OR_OF_THE_MOMENT
        fields = [(name, str(value)) for name, value in part.items() if name.lower() not in apart]
        payload = None if manifold else part.get_payload()
        digest.update(repr((part.get_content_type(), fields, payload)).encode())
    return digest.digest()


def _begin(server: smtplib.SMTP, sender: str, recipients: list[str]) -> None:
    """Says from whom a mail is, and to whom.

    Raises:
        NotDone: the server refuses one of them, or it is none that can be said to it.
    """
    try:
        _expect(server.mail(sender), "MAIL")
        for recipient in recipients:
            _expect(server.rcpt(recipient), "RCPT")
    except ValueError as error:  # a command of smtplib's is one line of ASCII; the error's own text quotes it
        raise NotDone(f"an address cannot be sent to a server ({type(error).__name__})", permanent=True) from None


def _expect(reply: tuple[int, bytes], what: str) -> None:
    if reply[0] // 100 != _OK // 100:
        raise _refused(reply, what)


def _refused(reply: tuple[int, bytes], what: str) -> NotDone:
    # Its text may quote an address, so only the code is shown.
    return NotDone(f"{reply[0]} to {what}", permanent=reply[0] >= _PERMANENT)
