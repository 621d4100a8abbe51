"""SMTP connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction
from oncewhere.wire.smtp import SmtpLink, commands, content

if TYPE_CHECKING:
    from conftest import Step, Wire

SHOWN = (
    *("message_id", "sender", "recipients", "recipients_left_out", "recipients_refused", "options", "content_bytes"),
    *("identity", "code", "enhanced", "outcome"),
)

HELLO: list[Step] = [
    ("<<", b"220 mail ESMTP\r\n"),
    (">>", b"EHLO app\r\n"),
    ("<<", b"250-mail\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 SMTPUTF8\r\n"),
]
MAIL = b"Subject: settled secret\r\nMessage-ID:\r\n <e-1@bank>\r\n\r\nYou paid.\r\n..\r\nMessage-ID: <no>\r\n"
OK = b"250 2.1.0 Ok\r\n"
GO = b"354 End with dot\r\n"

SCRIPTS: dict[str, list[Step]] = {
    "plain": [
        *HELLO,
        (">>", b"mail from:<bank@example.org> BODY=8BITMIME AUTH=<secret> SIZE=100\r\n"),
        ("<<", OK),
        (">>", b"RCPT TO:<@relay:a@example.org>\r\n"),
        ("<<", OK),
        (">>", b"DATA\r\n"),
        ("<<", GO),
        (">>", MAIL + b".\r\n"),
        ("<<", b"250 2.0.0 queued as secret\r\n"),
        (">>", b"QUIT\r\n"),
        ("<<", b"221 Bye\r\n"),
    ],
    "pipelined": [
        *HELLO,
        (">>", b'MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<"c>d"@x>\r\nDATA\r\n'),
        ("<<", OK * 2 + b"550-5.1.1 no\r\n550 5.1.1 secret\r\n" + OK + GO),
        (">>", b".\r\nRSET\r\nMAIL FROM:<a@x>\r\nRSET\r\nMAIL FROM:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"),
        ("<<", b"451 4.3.0 later\r\n" + OK * 5 + GO),
        (">>", b".leading dot\r\n.\r\n"),
        ("<<", b"554 no\r\n"),
    ],
    "chunked": [
        *HELLO,
        (">>", b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 5\r\nhello"),
        (">>", b"BDAT 31 LAST\r\nMessage-ID: <e-2@x>\r\n\r\n.\r\n\r\n.\r\n"),
        ("<<", OK * 4),
        (">>", b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 23\r\nMessage-ID: <e-3@x>\r\n\r\nBDAT 0 LAST\r\n"),
        ("<<", OK * 4),
    ],
    "authenticated": [
        *HELLO,
        (">>", b"AUTH LOGIN\r\n"),
        ("<<", b"334 VXNlcg==\r\n"),
        (">>", b"secret\r\n"),
        ("<<", b"334 UGFzcw==\r\n"),
        (">>", b"SECRET\r\n"),
        ("<<", b"235 ok\r\n"),
        (">>", b"AUTH PLAIN secret\r\n"),
        ("<<", b"503 already\r\n"),
        (">>", b"NOOP\r\n"),
        ("<<", OK),
    ],
    "not a mail": [
        *HELLO,
        (">>", b"DATA\r\n"),
        ("<<", b"503 MAIL first\r\n"),
        (">>", b"VRFY a\r\nNOOP\r\n"),
        ("<<", b"252 maybe\r\n250\r\n"),
        ("<<", b"421 4.4.2 idle\r\n"),
    ],
}  # fmt: skip

OPAQUE: dict[str, list[Step]] = {
    "tls": [(">>", b"\x16\x03\x01\0\0"), ("<<", b"\x15\x03")],
    "talks on": [*HELLO, (">>", b"MAIL FROM:<a@x>\r\nDATA\r\nFrom: a\r\n")],
    "bare feeds": [*HELLO, (">>", b"DATA\r\n"), ("<<", GO), (">>", b"hello\n.\r\nMAIL FROM:<evil@x>\r\n")],
    "half a bare feed": [*HELLO, (">>", b"DATA\r\n"), ("<<", GO), (">>", b"hello\r\n.\nMAIL FROM:<evil@x>\r\n")],
    "bare command": [*HELLO, (">>", b"NOOP\nNOOP\r\n")],
    "lmtp": [("<<", b"220 mail\r\n"), (">>", b"LHLO app\r\n"), ("<<", OK)],
    "no size": [*HELLO, (">>", b"BDAT many LAST\r\nhello")],
    "no reply": [("<<", b"220 mail\r\nhello there\r\n")],
    "nothing asked": [*HELLO, ("<<", OK)],
}


def play(wire: Wire, *script: Step) -> list[str]:
    return wire.play(SmtpLink(), script).lines(*SHOWN)


def test_the_end_of_a_mail_is_the_boundary(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["plain"]) == [
        (
            ">> end-of-DATA#5! message_id=<e-1@bank> sender=bank@example.org recipients=['a@example.org']"
            f" options=['BODY=8BITMIME'] content_bytes={len(MAIL)}"
        ),
        "<< end-of-DATA#5! code=250 enhanced=2.0.0 outcome=done",
    ]


def test_mails_of_one_connection_are_told_apart(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["pipelined"]) == [
        (
            ">> end-of-DATA#7! message_id=None sender= recipients=['a@x', '\"c>d\"@x'] recipients_refused=1"
            " content_bytes=0"
        ),
        "<< end-of-DATA#7! code=451 enhanced=4.3.0 outcome=not done",
        ">> end-of-DATA#14! message_id=None sender=b@x recipients=['c@x'] content_bytes=14",
        "<< end-of-DATA#14! code=554 outcome=not done",
    ]


def test_chunks_are_passed_over(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["chunked"]) == [
        ">> BDAT LAST#5! message_id=None sender=a@x recipients=['b@x'] content_bytes=36",
        "<< BDAT LAST#5! code=250 enhanced=2.1.0 outcome=done",
        ">> BDAT LAST#9! message_id=<e-3@x> sender=a@x recipients=['b@x'] content_bytes=23",
        "<< BDAT LAST#9! code=250 enhanced=2.1.0 outcome=done",
    ]


@pytest.mark.parametrize("name", ["authenticated", "not a mail"])
def test_what_is_no_mail_is_not_told(wire: Wire, name: str) -> None:
    smtp = SmtpLink()
    assert wire.play(smtp, SCRIPTS[name]).lines() == []
    assert smtp.opaque is None
    assert "pending=0" in repr(smtp)


@pytest.mark.parametrize("name", [*SCRIPTS, *OPAQUE])
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(SmtpLink, (SCRIPTS | OPAQUE)[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_byte_is_changed_and_no_content_is_told(wire: Wire, name: str) -> None:
    smtp = SmtpLink()
    transcript = wire.assert_untouched(smtp, SCRIPTS[name])
    assert smtp.unknown_bytes == 0
    assert "secret" not in str(transcript.messages).lower()


@pytest.mark.parametrize("name", OPAQUE)
def test_what_cannot_be_read_passes_untouched_and_says_why(wire: Wire, name: str) -> None:
    smtp = SmtpLink()
    transcript = wire.assert_untouched(smtp, OPAQUE[name])
    assert smtp.unknown_bytes > 0
    assert [message.fields["reason"] for message in transcript.messages] == [smtp.opaque]
    assert "opaque" in repr(smtp)


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        (b"250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n", b"250-mail\r\n250 SIZE\r\n"),
        (b"250-mail\r\n250-SIZE\r\n250 starttls\r\n", b"250-mail\r\n250 SIZE\r\n"),
        (b"250-mail\r\n250 STARTTLS\r\n", b"250 mail\r\n"),
        (b"250 STARTTLS\r\n", b"250 STARTTLS\r\n"),
        (b"250-mail\r\n250 CHUNKING\r\n", b"250-mail\r\n250 CHUNKING\r\n"),
    ],
)
def test_encryption_is_not_offered(wire: Wire, offered: bytes, kept: bytes) -> None:
    script: list[Step] = [*HELLO[:2], ("<<", offered)]
    assert wire.play(SmtpLink(), script).to_processor == HELLO[0][1] + kept
    wire.assert_every_split_is_the_same(SmtpLink, script)


def test_encryption_that_is_asked_for_is_refused_in_its_turn(wire: Wire) -> None:
    script: list[Step] = [
        *HELLO,
        (">>", b"STARTTLS\r\n"),
        (">>", b"NOOP\r\nSTARTTLS\r\n"),
        ("<<", OK),
        (">>", b"QUIT\r\n"),
        ("<<", b"221 Bye\r\n"),
    ]
    transcript = wire.play(SmtpLink(), script)
    refusal = b"502 5.5.1 Encryption is not available here\r\n"
    assert transcript.to_server == b"EHLO app\r\nNOOP\r\nQUIT\r\n"
    assert transcript.to_processor == HELLO[0][1] + HELLO[2][1] + refusal + OK + refusal + b"221 Bye\r\n"
    wire.assert_every_split_is_the_same(SmtpLink, script)


def to_content(wire: Wire) -> SmtpLink:
    smtp = SmtpLink()
    wire.play(smtp, SCRIPTS["plain"][:9])
    return smtp


def test_content_passes_as_it_comes_and_its_end_is_held(wire: Wire) -> None:
    smtp = to_content(wire)
    assert b"".join(segment.data for segment in smtp.from_processor(b"Subject: x\r\n\r\nhello\r\n.\r")) == (
        b"Subject: x\r\n\r\nhello"
    )
    (segment,) = smtp.from_processor(b"\n")
    assert segment.data == b"\r\n.\r\n"
    assert segment.message is not None
    assert segment.message.boundary


def test_a_large_mail_is_not_kept(wire: Wire) -> None:
    smtp = to_content(wire)
    for _ in range(100):
        smtp.from_processor(b"x" * 10_000)
    assert smtp._envelope.header is not None
    assert len(smtp._envelope.header._kept) <= content.MAX_HEADER_BYTES
    assert smtp._take_held() == b""


def test_a_line_without_an_end_is_not_waited_for(wire: Wire) -> None:
    smtp = SmtpLink()
    wire.assert_untouched(smtp, [*HELLO, (">>", b"NOOP " + b"x" * commands.MAX_LINE_BYTES)])
    assert smtp.opaque


def test_a_business_identity_is_found_in_the_header(wire: Wire) -> None:
    smtp = SmtpLink(lambda _, __, headers: next(value.decode() for name, value in headers if name == "message-id"))
    transcript = wire.play(smtp, SCRIPTS["plain"])
    assert transcript.messages[0].fields["identity"] == "<e-1@bank>"


def test_a_server_that_goes_away_in_its_reply_leaves_it_unknown(wire: Wire) -> None:
    smtp = to_content(wire)
    smtp.from_processor(b"\r\n.\r\n")
    assert smtp.from_server(b"250 2.0") == []
    (segment,) = smtp.ended(Direction.REPLY)
    assert segment.data == b"250 2.0"
    assert segment.message is not None
    assert segment.message.fields["outcome"] == "unknown"


@given(
    name=st.sampled_from(sorted(SCRIPTS | OPAQUE)),
    step=st.integers(0, 30),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    extra=st.binary(max_size=30),
)
def test_mutated_traffic_is_forwarded_untouched(
    wire: Wire, name: str, step: int, edits: list[tuple[int, int]], extra: bytes
) -> None:
    script = list((SCRIPTS | OPAQUE)[name])
    at = step % len(script)
    script[at] = (script[at][0], wire.mutated(script[at][1], edits) + extra)
    if not any(b"STARTTLS" in data.upper() for _, data in script):
        wire.assert_untouched(SmtpLink(), script)


def test_an_option_that_is_no_text_is_forwarded_untouched(wire: Wire) -> None:
    script = [(side, data.replace(b"BODY=8BITMIME", b"BODY=8BIT\x80")) for side, data in SCRIPTS["plain"]]
    assert script != SCRIPTS["plain"]
    wire.assert_untouched(SmtpLink(), script)


@given(data=st.lists(st.tuples(st.sampled_from([">>", "<<"]), st.binary(min_size=1, max_size=60)), max_size=10))
def test_random_bytes_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    wire.assert_untouched(SmtpLink(), data)
    wire.assert_untouched(SmtpLink(), [*SCRIPTS["plain"][:9], *data])


@given(
    pieces=st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n."]), max_size=30),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_any_content_ends_where_it_ends_however_it_is_split(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    whole = content.DotEnded().feed(data)
    dotted, passed, end = content.DotEnded(), b"", None
    for start, stop in itertools.pairwise(edges):
        taken = dotted.feed(data[start:stop])
        passed += taken.data
        if taken.ambiguous or taken.rest is not None:
            end = (taken.ambiguous, taken.rest + data[stop:] if taken.rest is not None and not taken.ambiguous else b"")
            break
    if end is None:
        assert whole.rest is None
        assert passed + dotted.drain() == data
    else:
        assert (whole.ambiguous, whole.rest) == end
        assert data.startswith(passed)
