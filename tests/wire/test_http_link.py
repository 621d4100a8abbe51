"""HTTP/1.1 connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction
from oncewhere.wire.http import HttpLink, link, reading

if TYPE_CHECKING:
    from conftest import Step, Wire

SHOWN = (
    *("target", "idempotency_key", "content_type", "content_bytes", "partial"),
    *("status", "outcome", "conflict", "replayed", "reason"),
)

CHARGE = b'{"event_id": "e-1", "card": "secret"}'


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: gateway", *headers, "", ""]).encode() + body


def post(*headers: str, body: bytes = CHARGE, target: str = "/charges") -> bytes:
    return request(f"POST {target}", f"Content-Length: {len(body)}", *headers, body=body)


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


CREATED = answer("201 Created", body=b"{}")

SCRIPTS: dict[str, list[Step]] = {
    "keep_alive": [
        (">>", post("Idempotency-Key: e-1", "Content-Type: application/json; charset=utf-8", "Authorization: secret")),
        ("<<", answer("201 Created", "Set-Cookie: secret", body=b'{"secret": 1}')),
        (">>", request("GET /charges?token=secret")),
        ("<<", answer("200 OK", body=b"[]")),
        (">>", request("DELETE http://app:secret@gateway/charges/1?token=secret")),
        ("<<", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
    "pipelined": [
        (">>", post() + request("HEAD /a") + post(target="/b") + request("GET /c") + post(target="/d")),
        ("<<", CREATED + b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + answer("409 Conflict", body=b"no")),
        ("<<", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n" + answer("503 Service Unavailable")),
    ],
    "chunked": [
        (">>", request("PUT /files/1", "Transfer-Encoding: chunked")),
        (">>", b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n"),
        ("<<", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        (">>", b"\r\n" + post()),
        ("<<", CREATED),
    ],
    "continued": [
        (">>", request("POST /charges", "Content-Length: 37", "Expect: 100-continue")),
        ("<<", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        (">>", CHARGE),
        ("<<", CREATED),
        (">>", request("POST /nothing", "Content-Length: 0", "Expect: 100-continue")),
        ("<<", CREATED),
    ],
    "closing": [
        (">>", post("Connection: close")),
        ("<<", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nuntil the end, whatever it is: HTTP/1.1 500"),
    ],
    "idempotent": [
        (">>", post("Idempotency-Key: e-1") * 3),
        ("<<", answer("409 Conflict") + answer("422 Unprocessable") + answer("200 OK", "Idempotent-Replayed: true")),
    ],
}  # fmt: skip

OPAQUE: dict[str, list[Step]] = {
    "upgraded": [
        (">>", request("GET /socket", "Connection: Upgrade", "Upgrade: websocket")),
        ("<<", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"),
        (">>", b"\x81\x85\0\0\0\0hello"),
    ],
    "http2": [
        (">>", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ("<<", b"\0\0\0\x04\0\0\0\0\0"),
        (">>", b"\0\0\x05\x01\x05\0\0\0\x01abcde"),
    ],
    "tunnelled": [
        (">>", b"CONNECT bank:443 HTTP/1.1\r\nHost: bank:443\r\n\r\n"),
        ("<<", b"HTTP/1.1 200 OK\r\n\r\n\x15\x03"),
        (">>", b"\x16\x03\x01"),
    ],
    "refused": [
        (">>", request("POST /charges", "Content-Length: 37", "Expect: 100-continue")),
        ("<<", answer("417 Expectation Failed")),
        (">>", post()),
    ],
    "off": [
        (">>", b"POST / HTTP/1.1\r\nbad header line\r\n\r\n"),
        ("<<", answer("400 Bad Request")),
    ],
    "an umlaut": [(">>", request("GET /J\u00f6rg?api_key=secret")), ("<<", answer("400 Bad Request"))],
    "a blank": [(">>", request("POST /", "Authorization : Bearer secret")), ("<<", answer("400 Bad Request"))],
    "a NUL": [(">>", request("POST /", "X: secret" + "x" * 10_000 + "\0")), ("<<", answer("400 Bad Request"))],
    "no chunk": [(">>", request("POST /", "Transfer-Encoding: chunked") + b"secret\r\n"), ("<<", CREATED)],
    "no status": [(">>", post()), ("<<", b"HTTP/1.1 2O0 secret\r\n\r\n")],
    "no host": [(">>", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"), ("<<", CREATED)],
    "two lengths": [(">>", post("Content-Length: 3")), ("<<", CREATED)],
    "a long length": [(">>", request("POST /", "Content-Length: " + "9" * 5000)), ("<<", CREATED)],
    "http/2": [(">>", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("<<", bytes(9))],
    "tls": [(">>", b"\x16\x03\x01\x02\x00\x01"), ("<<", b"\x15\x03\x03\0\x02")],
    "odd answer": [(">>", post()), ("<<", b"ICY 200 OK\r\n\r\n")],
    "unasked answer": [("<<", answer("408 Request Timeout"))],
}


def play(wire: Wire, *script: Step, link: HttpLink | None = None) -> list[str]:
    return wire.play(link or HttpLink(), script).lines(*SHOWN)


def test_requests_that_are_not_safe_are_boundaries(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["keep_alive"]) == [
        ">> POST#0! target=/charges idempotency_key=e-1 content_type=application/json content_bytes=37",
        "<< POST#0! status=201 outcome=done",
        ">> GET#1 target=/charges?…",
        "<< GET#1 status=200",
        ">> DELETE#2! target=http://gateway/charges/1?…",
        "<< DELETE#2! status=204 outcome=done",
    ]


def test_answers_are_matched_in_order(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["pipelined"])[5:] == [
        "<< POST#0! status=201 outcome=done",
        "<< HEAD#1 status=200",
        "<< POST#2! status=409 outcome=not done",
        "<< GET#3 status=304",
        "<< POST#4! status=503 outcome=unknown",
    ]


def test_chunks_are_read_through(wire: Wire) -> None:
    transcript = wire.play(HttpLink(), SCRIPTS["chunked"])
    assert transcript.lines(*SHOWN) == [
        ">> PUT#0! target=/files/1 content_bytes=11",
        "<< PUT#0! status=200 outcome=done",
        ">> POST#1! target=/charges content_bytes=37",
        "<< POST#1! status=201 outcome=done",
    ]
    assert transcript.messages[0].fields["content_sha256"] == hashlib.sha256(b"hello world").hexdigest()


def test_a_client_that_waits_for_100_continue_gets_it(wire: Wire) -> None:
    http = HttpLink()
    head = SCRIPTS["continued"][0][1]
    assert [(segment.data, segment.message) for segment in http.from_processor(head)] == [(head, None)]
    assert play(wire, *SCRIPTS["continued"]) == [
        ">> POST#0! target=/charges content_bytes=37 partial=True",
        "<< POST#0! status=201 outcome=done",
        ">> POST#1! target=/nothing",
        "<< POST#1! status=201 outcome=done",
    ]


def test_a_conflict_of_idempotency_keys_has_a_name(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["idempotent"])[3:] == [
        "<< POST#0! status=409 outcome=not done conflict=a request with this key is being processed",
        "<< POST#1! status=422 outcome=not done conflict=this key was used with another request",
        "<< POST#2! status=200 outcome=done replayed=True",
    ]


@pytest.mark.parametrize("name", [*SCRIPTS, *OPAQUE])
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    script = (SCRIPTS | OPAQUE)[name]
    if name == "a long length":
        script = [(">>", request("POST /", "Content-Length: " + "9" * 30)), ("<<", CREATED)]
    wire.assert_every_split_is_the_same(HttpLink, script)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_byte_is_changed_and_no_content_is_told(wire: Wire, name: str) -> None:
    http = HttpLink()
    transcript = wire.assert_untouched(http, SCRIPTS[name])
    assert http.unknown_bytes == 0
    assert "secret" not in str(transcript.messages)


@pytest.mark.parametrize("name", OPAQUE)
def test_what_cannot_be_read_passes_untouched_and_says_why(wire: Wire, name: str) -> None:
    http = HttpLink()
    transcript = wire.assert_untouched(http, OPAQUE[name])
    assert http.opaque
    assert http.unknown_bytes > 0
    assert [message.fields["reason"] for message in transcript.messages if message.kind == "opaque"] == [http.opaque]
    assert "secret" not in str(transcript.messages)
    assert len(http.opaque) < 250
    assert "opaque" in repr(http)


def test_http2_is_told_as_unread_and_as_nothing_else(wire: Wire) -> None:
    transcript = wire.assert_untouched(HttpLink(), OPAQUE["http2"])
    assert [(message.kind, message.boundary) for message in transcript.messages] == [("opaque", False)]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("200 OK", "done"),
        ("202 Accepted", "done"),
        ("301 Moved", "unknown"),
        ("303 See Other", "done"),
        ("307 Temporary Redirect", "not done"),
        ("400 Bad Request", "not done"),
        ("404 Not Found", "not done"),
        ("429 Too Many Requests", "not done"),
        ("500 Internal Server Error", "unknown"),
        ("504 Gateway Timeout", "unknown"),
        ("999 What", "unknown"),
    ],
)
def test_what_a_status_means(wire: Wire, status: str, outcome: str) -> None:
    lines = wire.play(HttpLink(), [(">>", post()), ("<<", answer(status))]).lines("outcome")
    assert lines[1] == f"<< POST#0! outcome={outcome}"


def test_nothing_of_a_request_is_forwarded_before_it_is_complete() -> None:
    http = HttpLink()
    assert http.from_processor(post()[:-1]) == []
    (segment,) = http.from_processor(post()[-1:])
    assert segment.data == post()
    assert segment.message is not None


def test_a_safe_request_and_an_answers_content_pass_as_they_come() -> None:
    http = HttpLink()
    (segment,) = http.from_processor(request("GET /", "Content-Length: 10") + b"abc")[:1]
    assert segment.message is not None
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    assert b"".join(segment.data for segment in http.from_server(head + b"abc")) == head + b"abc"
    assert [segment.data for segment in http.from_server(b"def")] == [b"def"]


def test_a_large_request_passes_in_parts_and_is_told_with_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_HELD_BYTES", 100)
    sent = post(body=b"x" * 1000)
    http = HttpLink()
    assert [(segment.data, segment.message) for segment in http.from_processor(sent[:-1])] == [(sent[:-1], None)]
    (segment,) = http.from_processor(sent[-1:])
    assert segment.data == sent[-1:]
    assert segment.message is not None
    assert segment.message.fields["partial"] is True
    assert segment.message.fields["content_bytes"] == 1000


def test_a_large_body_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_HELD_BYTES", 10_000)
    monkeypatch.setattr(link, "MAX_CONTENT_BYTES", 10_000)
    http = HttpLink(lambda *_: "never asked")
    http.from_processor(request("POST /", f"Content-Length: {10**9}"))
    for _ in range(100):
        http.from_processor(bytes(5000))
        assert http._current is not None
        assert sum(map(len, http._current.held)) + sum(map(len, http._current.content)) <= 20_000
        assert http._request is not None
        assert http._request._raw == b""


def test_an_early_answer_to_a_request_that_goes_on_is_told_once(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_HELD_BYTES", 100)
    sent = post(body=b"x" * 1000)
    transcript = wire.play(
        HttpLink(), [(">>", sent[:-1]), ("<<", answer("413 Too Large")), (">>", sent[-1:] + post()), ("<<", CREATED)]
    )
    assert transcript.lines("outcome") == [
        "<< POST#0! outcome=not done",
        ">> POST#0!",
        ">> POST#1!",
        "<< POST#1! outcome=done",
    ]
    assert [message.expects_reply for message in transcript.messages] == [True, False, True, True]


def test_a_server_that_goes_away_in_its_answer_leaves_it_unknown() -> None:
    http = HttpLink()
    http.from_processor(post())
    assert http.from_server(b"HTTP/1.1 200 O") == []
    (segment,) = http.ended(Direction.REPLY)
    assert segment.data == b"HTTP/1.1 200 O"
    assert segment.message is not None
    assert segment.message.fields["outcome"] == "unknown"


def test_what_is_held_at_the_processors_end_is_given_back_untold() -> None:
    http = HttpLink()
    assert http.from_processor(post()[:-1]) == []
    (segment,) = http.ended(Direction.REQUEST)
    assert (segment.data, segment.message) == (post()[:-1], None)


def test_a_business_identity_is_found_in_the_content(wire: Wire) -> None:
    def identify(path: object, value: bytes | None, headers: object) -> str | None:
        assert path == b"/charges"
        assert ("content-length", b"37") in list(headers)  # type: ignore[call-overload]
        return str(json.loads(value or b"{}")["event_id"])

    transcript = wire.play(HttpLink(identify), [(">>", post())])
    assert transcript.messages[0].fields["identity"] == "e-1"


def test_a_head_without_an_end_is_not_waited_for(wire: Wire) -> None:
    http = HttpLink()
    wire.assert_untouched(http, [(">>", request("POST /", "X: " + "x" * reading.MAX_HEAD_BYTES)[:-4])])
    assert http.opaque


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
    wire.assert_untouched(HttpLink(), script)


@given(data=st.lists(st.tuples(st.sampled_from([">>", "<<"]), st.binary(min_size=1, max_size=60)), max_size=10))
def test_random_bytes_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    wire.assert_untouched(HttpLink(), data)
    wire.assert_untouched(HttpLink(), [(">>", post()), *data])
