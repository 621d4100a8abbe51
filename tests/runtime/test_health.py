"""The health port over real sockets: what it answers, and what it refuses to be held up by."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.records import Partition
from oncewhere.runtime import events, health_server
from oncewhere.runtime.health import LONGEST_WAIT_S, Address, Health, parse_address

ONE, TWO = Partition("payment", 0, "id"), Partition("payment", 1, "id")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Iterator[Health]:
    with Health(0, limit_s=30, clock=clock) as started:
        yield started


def get(health: Health, path: str) -> tuple[int, dict[str, Any]]:
    code, body = get_bytes(health, path)
    return code, json.loads(body)


def get_bytes(health: Health, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{health.address}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def exchange(health: Health, request: bytes) -> bytes:
    with socket.create_connection((health.address.host, health.address.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        return answer


def test_it_lives_until_the_loop_is_silent_for_longer_than_the_limit(health: Health, clock: Clock) -> None:
    clock.now_s += 30
    assert get(health, "/livez") == (200, {"status": "ok", "silent_s": 30.0, "limit_s": 30})
    clock.now_s += 1
    code, said = get(health, "/livez")
    assert code == 503
    assert said["reason"] == "The processing loop has been silent for 31 s; the limit is 30 s."
    health.beat()
    assert get(health, "/livez")[0] == 200


def test_it_is_ready_once_its_group_was_joined_even_without_a_partition(health: Health) -> None:
    code, said = get(health, "/readyz")
    assert (code, said["reason"]) == (503, "It has not joined its consumer group yet.")
    health(events.Assigned({}))
    assert get(health, "/readyz") == (200, {"status": "ok", "partitions": 0})


def test_it_stays_ready_while_partitions_come_and_go(health: Health) -> None:
    health(events.Assigned({ONE: 0, TWO: 5}))
    assert get(health, "/readyz") == (200, {"status": "ok", "partitions": 2})
    health(events.Released((ONE,), lost=False))
    assert get(health, "/readyz")[1]["partitions"] == 1
    health(events.Released((TWO,), lost=True))
    assert get(health, "/readyz") == (200, {"status": "ok", "partitions": 0})


@pytest.mark.parametrize(
    ("event", "word"),
    [(events.Draining(), "asked to stop"), (events.Stopped(), "has stopped"), (events.Fenced("why"), "fenced")],
)
def test_it_is_not_ready_when_it_is_ending_but_it_lives(health: Health, event: events.Event, word: str) -> None:
    health(events.Assigned({ONE: 0}))
    health(event)
    code, said = get(health, "/readyz")
    assert code == 503
    assert word in said["reason"]
    assert get(health, "/livez")[0] == 200


def test_what_an_event_says_about_records_is_never_shown(health: Health) -> None:
    health(events.RecordRejected("payment", 0, 7, "SECRET", 1, "stop"))
    health(events.Fenced("SECRET"))
    assert b"SECRET" not in get_bytes(health, "/readyz")[1]


def test_metrics_are_what_the_function_gives() -> None:
    with Health(0, metrics=lambda: b"oncewhere_records_total 7\n") as health:
        assert get_bytes(health, "/metrics") == (200, b"oncewhere_records_total 7\n")


def test_without_metrics_it_says_how_to_get_them(health: Health) -> None:
    code, said = get(health, "/metrics")
    assert code == 404
    assert "--metrics" in said["reason"]


def test_a_metric_that_fails_hurts_neither_the_port_nor_the_caller() -> None:
    def fail() -> bytes:
        raise ValueError("SECRET")

    with Health(0, metrics=fail) as health:
        code, body = get_bytes(health, "/metrics")
        assert code == 500
        assert b"SECRET" not in body
        assert get(health, "/livez")[0] == 200


def test_other_paths_and_methods_are_refused_in_one_line(health: Health) -> None:
    assert get(health, "/secrets")[0] == 404
    assert get(health, "/livez?x=1")[0] == 200
    answer = exchange(health, b"DELETE /livez HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 501 ")
    assert b"<" not in answer


def test_head_has_no_body(health: Health) -> None:
    head = exchange(health, b"HEAD /livez HTTP/1.0\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("start", [b"GET /", b"GET /livez HTTP/1.1\r\nX: "])
def test_a_request_longer_than_the_limit_is_refused(health: Health, start: bytes) -> None:
    answer = exchange(health, start + b"x" * (health_server.MAX_REQUEST_BYTES - len(start)))
    assert answer.startswith(b"HTTP/1.0 431 ")


def test_askers_that_never_finish_are_thrown_out_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "REQUEST_LIMIT_S", 1.0)
    monkeypatch.setattr(health_server, "MAX_CONNECTIONS", 2)
    with Health(0) as health, ExitStack() as stack:

        def connect() -> socket.socket:
            where = (health.address.host, health.address.port)
            return stack.enter_context(socket.create_connection(where, timeout=10))

        slow = [connect(), connect()]
        for connection in slow:
            connection.sendall(b"GET /livez HTTP/1.1\r\n")
        wait_for_free_slots(health, 0)  # both are being served
        assert closed(connect())
        assert [connection.recv(100) for connection in slow] == [b"", b""]
        wait_for_free_slots(health, 2)
        assert get(health, "/livez")[0] == 200


def wait_for_free_slots(health: Health, count: int) -> None:
    assert health._server is not None
    deadline = time.monotonic() + 10
    while health._server._slots._value != count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def test_a_request_that_trickles_in_is_cut_off_at_the_deadline(
    health: Health,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_server, "REQUEST_LIMIT_S", 0.3)
    with socket.create_connection((health.address.host, health.address.port), timeout=0.02) as connection:
        assert any(trickle(connection) for _ in range(1000))


def trickle(connection: socket.socket) -> bool:
    """Sends one byte more; True when the other side has had enough."""
    try:
        connection.sendall(b"G")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (ConnectionResetError, BrokenPipeError):
        return True


def test_closing_frees_the_port_and_may_be_repeated() -> None:
    health = Health(0)
    health.start()
    address = health.address
    health.close()
    health.close()
    again = Health(str(address))
    again.start()
    again.close()


def test_a_port_that_is_taken_is_a_configuration_error(health: Health) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        Health(str(health.address)).start()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (8080, Address("127.0.0.1", 8080)),
        ("8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080)),
        ("[::]:8080", Address("::", 8080)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_a_port_alone_is_for_this_machine_only(text: str | int, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "http", "0.0.0.0", "host:", "host:x", "1:2:3", "65536", "-1", "8080/metrics"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        parse_address(text)


def test_the_limit_is_the_consumers_unless_it_was_given_or_calls_to_kafka_may_take_longer(clock: Clock) -> None:
    for given, interval_s, expected in ((None, 90.0, 90.0), (None, 3.0, LONGEST_WAIT_S), (7.0, 90.0, 7.0)):
        health = Health(0, limit_s=given, clock=clock)
        health.start(max_poll_interval_s=interval_s)
        assert get(health, "/livez")[1]["limit_s"] == expected
        health.close()


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Health(0, limit_s=0)
