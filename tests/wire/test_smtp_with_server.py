"""A real server and a real client through the real proxy: what is told, and what a stopped mail leaves."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from oncewhere.wire.smtp import SmtpLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Passage

    Through = Callable[..., Passage]

pytestmark = pytest.mark.servers

LIMIT_S = 20.0


class Sink:
    """Keeps what it is given; refuses one recipient, and mails with one subject."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        if b"Subject: refuse" in envelope.content:
            return "554 5.7.1 refused"
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 accepted"


class OnAnyPort(Controller):
    """A server on a port that the operating system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def sink() -> Iterator[tuple[int, Sink]]:
    handler = Sink()
    controller = OnAnyPort(
        handler,
        hostname="127.0.0.1",
        port=0,
        tls_context=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        authenticator=lambda *_: AuthResult(success=True),
        auth_require_tls=False,
        enable_SMTPUTF8=True,
        ready_timeout=LIMIT_S,
    )
    controller.start()
    yield controller.port, handler
    controller.stop()


def mail(number: int, subject: str = "settled", *, content: str = "secret\n.\n..two dots\n") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["Message-ID"] = f"<e-{number}@bank>"
    message["X-Event-ID"] = f"e-{number}"
    message["From"] = "bank@example.org"
    message["To"] = "payer@example.org"
    message.set_content(content)
    return message


def test_every_mail_of_a_connection_is_told(through: Through, sink: tuple[int, Sink]) -> None:
    port, handler = sink

    with smtplib.SMTP("127.0.0.1", port, timeout=LIMIT_S) as direct:
        direct.ehlo()
        assert direct.has_extn("starttls"), "the server does offer it"

    def work(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=LIMIT_S) as client:
            with pytest.raises(smtplib.SMTPNotSupportedError):
                client.starttls()
            assert client.docmd("STARTTLS")[0] == 502
            client.login("app", "secret")
            client.send_message(mail(1))
            with pytest.raises(smtplib.SMTPDataError):
                client.send_message(mail(2, "refuse"))
            client.send_message(mail(3), to_addrs=["payer@example.org", "nobody@example.org"])
            client.send_message(mail(4, content="x" * 70 + "\n" + "y\n" * 20_000))
            client.send_message(mail(5), from_addr="zahlung@bücher.example", to_addrs=["käufer@bücher.example"])

    def identity(_: object, __: object, headers: Any) -> str:
        return str(next(value for name, value in headers if name == "x-event-id").decode())

    passage = through(port, lambda: SmtpLink(identity), work)
    assert passage.unknown_bytes == 0
    assert passage.replies("code", "outcome") == [
        "end-of-DATA 250 done",
        "end-of-DATA 554 not done",
        "end-of-DATA 250 done",
        "end-of-DATA 250 done",
        "end-of-DATA 250 done",
    ]
    told = [message.fields for message in passage.messages[::2]]
    assert [fields["message_id"] for fields in told] == [f"<e-{number}@bank>" for number in range(1, 6)]
    assert [fields["identity"] for fields in told] == [f"e-{number}" for number in range(1, 6)]
    assert told[2]["recipients"] == ["payer@example.org"]
    assert told[2]["recipients_refused"] == 1
    assert told[4]["recipients"] == ["käufer@bücher.example"]
    assert "SMTPUTF8" in str(told[4]["options"])
    assert "secret" not in str(passage.messages)
    assert len(handler.mails) == 4
    assert handler.mails[0][2].endswith(b"secret\r\n.\r\n..two dots\r\n")


def test_a_mail_that_is_stopped_leaves_what_the_phase_says(
    through: Through, sink: tuple[int, Sink], phase: str
) -> None:
    port, handler = sink

    def work(port: int) -> None:
        client = smtplib.SMTP("127.0.0.1", port, timeout=LIMIT_S)
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            client.send_message(mail(1))
        client.close()

    assert through(port, SmtpLink, work, at=("end-of-DATA", phase)).unanswered == ()
    assert len(handler.mails) == (phase != "before")
