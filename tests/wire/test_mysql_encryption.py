"""A login under TLS has the numbers that the server expects, and the client never notices; split anywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire.mysql.encryption import NoEncryptionError, Opening
from oncewhere.wire.mysql.handshake import PROTOCOL_41, SSL


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def greeting(offered: int) -> bytes:
    halves = (offered & 0xFFFF).to_bytes(2, "little"), (offered >> 16).to_bytes(2, "little")
    body = (
        b"\x0a10.11.6\0" + b"\x01\0\0\0" + b"saltsalt\0" + halves[0] + b"\x21\x02\0" + halves[1] + b"\x15" + bytes(10)
    )
    return packet(0, body + b"moresaltmore\0mysql_native_password\0")


LOGIN = packet(1, (PROTOCOL_41).to_bytes(4, "little") + bytes(28) + b"me\0\x14" + b"h" * 20)
SWITCH, ANSWER, OKAY = packet(2, b"\xfeplugin\0salt\0"), packet(3, b"h" * 20), packet(4, b"\0\0\0\2\0\0\0")


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [data[low:high] for low, high in itertools.pairwise(at)]


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_an_opening_is_numbered_one_higher_under_tls_until_the_server_accepts(cuts: list[int]) -> None:
    opening = Opening()
    hello = greeting(PROTOCOL_41 | SSL)
    assert b"".join(opening.from_server(piece) for piece in pieces(hello, cuts)) == hello
    *early, last = pieces(LOGIN, cuts)
    assert [opening.login(piece) for piece in early] == [None] * len(early)
    asked = opening.login(last)
    assert asked is not None
    request, login = asked
    assert request[:4] == b"\x20\0\0\x01"
    assert int.from_bytes(request[4:8], "little") == PROTOCOL_41 | SSL
    assert login[3] == 2
    assert login[4:36] == request[4:], "server and login agree on what is asked"
    assert login[36:] == LOGIN[36:]
    switch = packet(3, SWITCH[4:])
    assert b"".join(opening.from_server(piece) for piece in pieces(switch, cuts)) == SWITCH
    assert b"".join(opening.from_client(piece) for piece in pieces(ANSWER, cuts)) == packet(4, ANSWER[4:])
    okay = packet(5, OKAY[4:])
    assert b"".join(opening.from_server(piece) for piece in pieces(okay, cuts)) == OKAY
    assert opening.over
    command = packet(0, b"\x03select 1")
    assert opening.from_client(command[:3]) + opening.from_client(command[3:]) == command
    assert opening.from_server(command) == command


def test_what_follows_the_acceptance_in_the_same_bytes_is_left_as_it_is() -> None:
    opening = Opening()
    opening.from_server(greeting(PROTOCOL_41 | SSL))
    opening.login(LOGIN)
    rows = packet(1, b"row")
    assert opening.from_server(packet(3, OKAY[4:]) + rows) == packet(2, OKAY[4:]) + rows


def test_a_server_without_encryption_is_not_spoken_to() -> None:
    with pytest.raises(NoEncryptionError, match="does not offer"):
        Opening().from_server(greeting(PROTOCOL_41))


def test_a_server_that_refuses_at_once_is_heard() -> None:
    opening = Opening()
    refused = packet(0, b"\xff\x10\x04Too many connections")
    assert opening.from_server(refused) == refused
    assert opening.over


@pytest.mark.parametrize("said", [b"\xff\xff\xff\x01GET / HTTP/1.1", packet(1, b"short")])
def test_what_is_no_login_is_refused(said: bytes) -> None:
    opening = Opening()
    opening.from_server(greeting(PROTOCOL_41 | SSL))
    with pytest.raises(NoEncryptionError):
        opening.login(said)
