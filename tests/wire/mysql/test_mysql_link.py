"""MySQL connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction
from oncewhere.wire.mysql import MysqlLink, handshake, packets

if TYPE_CHECKING:
    from conftest import Step, Wire

SHOWN = ("user", "database", "verbs", "targets", "effect", "partial", "status", "outcome", "errno", "sqlstate", "error")

CAPABILITIES = 0xFFFFFFFF & ~(1 << 0)  # MariaDB: the lowest bit is not set
CHOSEN = CAPABILITIES & ~handshake.HIDDEN
IDLE, INSIDE, MANUAL = 2, 3, 0  # AUTOCOMMIT, with IN_TRANS, neither
MORE = 8


def packet(sequence: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("<I", len(body))[:3] + bytes([sequence]) + body


def greeted(capabilities: int = CAPABILITIES) -> bytes:
    low, high = struct.pack("<I", capabilities)[:2], struct.pack("<I", capabilities)[2:]
    return packet(
        0, b"\x0a5.5.5-10.11-MariaDB\0", bytes(4), b"12345678\0", low, b"\x2d\x02\0", high,
        b"\x15", bytes(6), b"\xff" * 4, b"123456789012\0mysql_native_password\0",
    )  # fmt: skip


def login(capabilities: int) -> bytes:
    head = struct.pack("<IIB", capabilities, 1 << 24, 45) + bytes(23)
    return packet(1, head, b"app\0", b"\x14" + b"secret4711" * 2, b"bank\0mysql_native_password\0")


def ok(status: int = IDLE, *, affected: int = 0, sequence: int = 1, header: int = 0) -> bytes:
    return packet(sequence, bytes([header, affected, 0]), struct.pack("<HH", status, 0))


def eof(status: int = IDLE, sequence: int = 9) -> bytes:
    return packet(sequence, b"\xfe", struct.pack("<HH", 0, status))


def error(code: int, state: str = "HY000") -> bytes:
    return packet(1, b"\xff", struct.pack("<H", code), f"#{state}secret value".encode())


def query(text: str) -> bytes:
    return packet(0, b"\x03", text.encode())


def column() -> bytes:
    return packet(2, b"\x03def\0\0\0\x01a\x01a\x0c" + bytes(12))


def rows(*values: bytes, status: int = IDLE, short: bool, columns: int = 1) -> bytes:
    """A result set with as many columns, one value a row."""
    between = b"" if short else eof(status)
    end = ok(status, header=0xFE) if short else eof(status)
    found = b"".join(packet(3, bytes([len(value)]) + value) for value in values)
    return packet(1, bytes([columns])) + column() * columns + between + found + end


def prepared(number: int, *, parameters: int, columns: int, short: bool) -> bytes:
    end = b"" if short else eof()
    return (
        packet(1, b"\0", struct.pack("<IHHBH", number, columns, parameters, 0, 0))
        + (column() * parameters + end if parameters else b"")
        + (column() * columns + end if columns else b"")
    )


def opened(*, short: bool = True) -> list[Step]:
    chosen = CHOSEN if short else CHOSEN & ~handshake.DEPRECATE_EOF
    return [
        ("<<", greeted()),
        (">>", login(chosen)),
        ("<<", packet(2, b"\xfecaching_sha2_password\0challenge")),
        (">>", packet(3, b"secret4711")),
        ("<<", packet(4, b"\x01\x04")),
        (">>", packet(5, b"\x02")),
        ("<<", ok()),
    ]


def scripts(*, short: bool) -> dict[str, list[Step]]:
    return {
        "transaction": [
            (">>", query("begin")),
            ("<<", ok(INSIDE)),
            (">>", query("insert into processed_event values ('secret')")),
            ("<<", ok(INSIDE, affected=1)),
            (">>", query("select * from processed_event")),
            ("<<", rows(b"secret", b"\xfe", status=INSIDE, short=short)),
            (">>", query("commit")),
            ("<<", ok()),
            (">>", query("update `accounts` set note = 'it\\'s; commit'")),
            ("<<", error(1062, "23000")),
        ],
        "manual": [
            (">>", query("set autocommit = 0")),
            ("<<", ok(MANUAL)),
            (">>", query("insert ignore into t values (1)")),
            ("<<", ok(MANUAL | 1)),
            (">>", query("commit")),
            ("<<", ok(MANUAL)),
            (">>", query("commit")),
            ("<<", ok(MANUAL)),
            (">>", query("create table u (a int)")),
            ("<<", ok(MANUAL)),
        ],
        "prepared": [
            (">>", packet(0, b"\x16insert into t values (?, ?)")),
            ("<<", prepared(7, parameters=2, columns=0, short=short)),
            (">>", packet(0, b"\x17", struct.pack("<IBI", 7, 0, 1), b"secret")),
            ("<<", ok(affected=1)),
            (">>", packet(0, b"\x18", struct.pack("<IH", 7, 0), b"secret") + packet(0, b"\x19", struct.pack("<I", 7))),
            (">>", packet(0, b"\x17", struct.pack("<IBI", 7, 0, 1))),
            ("<<", error(1243)),
            (">>", packet(0, b"\x16select ?") + packet(0, b"\x17", struct.pack("<IBI", 0xFFFFFFFF, 0, 1))),
            ("<<", prepared(8, parameters=1, columns=1, short=short) + rows(b"secret", short=short)),
        ],
        "several": [
            (">>", query("insert into t values (1); select 1; begin; insert into u values (2)")),
            ("<<", ok(IDLE | MORE) + rows(b"1", status=IDLE | MORE, short=short) + ok(INSIDE | MORE) + ok(INSIDE)),
            (">>", query("rollback; insert into t values (1); insert into t values (1)")),
            ("<<", ok(IDLE | MORE) + ok(IDLE | MORE) + error(1062, "23000")),
            (">>", query("call settle(1)")),
            ("<<", rows(b"1", status=IDLE | MORE, short=short) + ok()),
        ],
        "file": [
            (">>", query("load data local infile 'secret.csv' into table t")),
            ("<<", packet(1, b"\xfbsecret.csv")),
            (">>", packet(2, b"secret row\n") + packet(3, b"another") + packet(4)),
            ("<<", ok(affected=2)),
        ],
        "others": [
            (">>", packet(0, b"\x0e") + packet(0, b"\x02bank") + packet(0, b"\x09")),
            ("<<", ok() + ok() + packet(1, b"Uptime: 1")),
            (">>", packet(0, b"\x04t\0")),
            ("<<", column() * 2 + eof()),
            (">>", packet(0, b"\x1f")),
            ("<<", ok()),
            (">>", packet(0, b"\x11other\0secret")),
            ("<<", packet(1, b"\xfemysql_native_password\0x")),
            (">>", packet(2, b"secret")),
            ("<<", ok()),
            (">>", packet(0, b"\x1b\0\0") + packet(0, b"\x01")),
            ("<<", eof()),
        ],
    }


SCRIPTS = {
    f"{name}, {'short' if short else 'classic'}": [*opened(short=short), *script]
    for short in (True, False)
    for name, script in scripts(short=short).items()
}


def play(wire: Wire, name: str, *, short: bool = True) -> list[str]:
    script = [*opened(short=short), *scripts(short=short)[name]]
    return wire.play(MysqlLink(), script).lines(*SHOWN)[2:]


def after_login(wire: Wire, *script: Step) -> list[str]:
    return wire.play(MysqlLink(), [*opened(), *script]).lines(*SHOWN)[2:]


def test_a_connection_tells_who_connects_and_nothing_else(wire: Wire) -> None:
    transcript = wire.play(MysqlLink(), opened())
    assert transcript.lines(*SHOWN) == [
        ">> startup#0 user=app database=bank",
        "<< startup#0 status=idle",
    ]
    assert "4711" not in str(transcript.messages)


@pytest.mark.parametrize("short", [True, False])
def test_a_transaction_is_durable_at_its_commit(wire: Wire, *, short: bool) -> None:
    assert play(wire, "transaction", short=short) == [
        ">> begin#1 verbs=['BEGIN'] targets=[] effect=reads",
        "<< begin#1 status=in transaction",
        ">> write#2! verbs=['INSERT'] targets=['processed_event'] effect=writes",
        "<< write#2! status=in transaction outcome=open",
        ">> query#3 verbs=['SELECT'] targets=[] effect=reads",
        "<< query#3 status=in transaction",
        ">> commit#4! verbs=['COMMIT'] targets=[] effect=writes",
        "<< commit#4! status=idle outcome=committed",
        ">> commit#5! verbs=['UPDATE'] targets=['accounts'] effect=writes",
        "<< commit#5! outcome=failed errno=1062 sqlstate=23000 error=integrity constraint violation",
    ]


def test_without_autocommit_every_statement_opens_a_transaction(wire: Wire) -> None:
    assert play(wire, "manual") == [
        ">> query#1 verbs=['SET AUTOCOMMIT'] targets=[] effect=reads",
        "<< query#1 status=idle",
        ">> write#2! verbs=['INSERT'] targets=['t'] effect=writes",
        "<< write#2! status=in transaction outcome=open",
        ">> commit#3! verbs=['COMMIT'] targets=[] effect=writes",
        "<< commit#3! status=idle outcome=committed",
        ">> query#4 verbs=['COMMIT'] targets=[] effect=reads",
        "<< query#4 status=idle",
        ">> commit#5! verbs=['CREATE'] targets=['u'] effect=writes",
        "<< commit#5! status=idle outcome=committed",
    ]


@pytest.mark.parametrize("short", [True, False])
def test_prepared_statements_are_known_by_their_numbers(wire: Wire, *, short: bool) -> None:
    assert play(wire, "prepared", short=short) == [
        ">> commit#2! verbs=['INSERT'] targets=['t'] effect=writes",
        "<< commit#2! status=idle outcome=committed",
        ">> commit#5! verbs=['UNKNOWN'] targets=[] effect=maybe",
        "<< commit#5! outcome=unknown errno=1243 sqlstate=HY000 error=error",
        ">> query#7 verbs=['SELECT'] targets=[] effect=reads",
        "<< query#7 status=idle",
    ]


@pytest.mark.parametrize("short", [True, False])
def test_of_several_statements_each_is_a_transaction_of_its_own(wire: Wire, *, short: bool) -> None:
    assert play(wire, "several", short=short) == [
        ">> commit#1! verbs=['INSERT', 'SELECT', 'BEGIN', 'INSERT'] targets=['t', 'u'] effect=writes",
        "<< commit#1! status=in transaction outcome=committed",
        ">> commit#2! verbs=['ROLLBACK', 'INSERT', 'INSERT'] targets=['t'] effect=writes",
        "<< commit#2! status=idle outcome=committed errno=1062 sqlstate=23000 error=integrity constraint violation",
        ">> commit#3! verbs=['CALL'] targets=['settle'] effect=writes",
        "<< commit#3! status=idle outcome=committed",
    ]


def test_a_local_file_is_durable_at_its_end(wire: Wire) -> None:
    assert play(wire, "file") == [
        ">> write#1! verbs=['LOAD DATA'] targets=['t'] effect=writes",
        "<< write#1! outcome=copying",
        ">> commit#2! verbs=['LOAD END'] targets=['t'] effect=writes",
        "<< commit#2! status=idle outcome=committed",
    ]


@pytest.mark.parametrize("short", [True, False])
def test_what_runs_no_sql_is_not_told(wire: Wire, *, short: bool) -> None:
    assert play(wire, "others", short=short) == [
        ">> rollback#5 verbs=['RESET CONNECTION'] targets=[] effect=reads",
        "<< rollback#5 status=idle",
        ">> startup#6 user=other",
        "<< startup#6 status=idle",
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(MysqlLink, SCRIPTS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_the_greeting_is_changed_and_no_value_is_told(wire: Wire, name: str) -> None:
    link, script = MysqlLink(), SCRIPTS[name]
    transcript = wire.play(link, script)
    assert link.unknown_bytes == 0
    assert "pending=0" in repr(link)
    assert "secret" not in str(transcript.messages)
    assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
    received = b"".join(data for arrow, data in script if arrow == "<<")
    size = len(greeted())
    assert transcript.to_processor[size:] == received[size:]
    assert transcript.to_processor[:size] == greeted(CHOSEN).replace(b"\xff" * 4, b"\xed\xff\xff\xff")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([(">>", query("call settle(1)")), ("<<", error(1644, "45000"))], "commit#1! outcome=unknown"),
        ([(">>", query("select settle(1)")), ("<<", error(1644, "45000"))], "commit#1! outcome=unknown"),
        ([(">>", query("insert into t values (1)")), ("<<", error(1213, "40001"))], "commit#1! outcome=failed"),
        (
            [
                (">>", query("begin; insert into t values (1)")),
                ("<<", ok(INSIDE | MORE) + ok(INSIDE)),
                (">>", query("commit")),
                ("<<", error(1317, "70100")),
            ],
            "commit#2! outcome=unknown",
        ),
        (
            [
                (">>", query("begin; insert into t values (1)")),
                ("<<", ok(INSIDE | MORE) + ok(INSIDE)),
                (">>", query("create table t (a int)")),
                ("<<", error(1050, "42S01")),
            ],
            "commit#2! outcome=unknown",
        ),
        (
            [
                (">>", query("begin; insert into t values (1)")),
                ("<<", ok(INSIDE | MORE) + ok(INSIDE)),
                (">>", query("begin")),
                ("<<", ok(INSIDE)),
            ],
            "commit#2! outcome=committed",
        ),
        (
            [
                (">>", query("begin; insert into t values (1); rollback")),
                ("<<", ok(INSIDE | MORE) + ok(INSIDE | MORE) + ok()),
            ],
            "write#1! outcome=rolled back",
        ),
        (
            [
                (">>", query("begin; insert into t values (1)")),
                ("<<", ok(INSIDE | MORE) + ok(INSIDE)),
                (">>", query("set autocommit = 0")),
                ("<<", ok(MANUAL | 1)),
            ],
            "commit#2! outcome=open",
        ),
    ],
)
def test_how_a_unit_ended(wire: Wire, script: list[Step], expected: str) -> None:
    lines = wire.play(MysqlLink(), [*opened(), *script]).lines("outcome")
    assert lines[-1] == f"<< {expected}"


def test_a_deadlock_ends_the_transaction(wire: Wire) -> None:
    lines = after_login(
        wire,
        (">>", query("begin")),
        ("<<", ok(INSIDE)),
        (">>", query("update t set a = 1")),
        ("<<", error(1213, "40001")),
        (">>", query("update t set a = 1")),
    )
    assert lines[-1].startswith(">> commit#3!")


def test_a_status_that_was_not_foreseen_corrects_what_follows(wire: Wire) -> None:
    lines = after_login(
        wire,
        (">>", query("select 1")),
        ("<<", rows(b"1", status=MANUAL | 1, short=True)),
        (">>", query("insert into t values (1)")),
        ("<<", ok(MANUAL | 1)),
        (">>", query("commit")),
    )
    assert [line.split(" ")[1] for line in lines] == ["query#1", "query#1", "write#2!", "write#2!", "commit#3!"]


def test_a_cursor_has_no_rows_until_they_are_fetched(wire: Wire) -> None:
    execute = packet(0, b"\x17", struct.pack("<IBI", 1, 1, 1))
    for short in (True, False):
        end = ok(IDLE | 64, header=0xFE) if short else eof(IDLE | 64)
        fetched = packet(1, b"\0\0\x01a") + (ok(header=0xFE) if short else eof())
        link = MysqlLink()
        wire.play(
            link,
            [
                *opened(short=short),
                (">>", packet(0, b"\x16select 1")),
                ("<<", prepared(1, parameters=0, columns=1, short=short)),
                (">>", execute),
                ("<<", packet(1, b"\x01") + column() + end),
                (">>", packet(0, b"\x1c", struct.pack("<II", 1, 10))),
                ("<<", fetched),
            ],
        )
        assert "pending=0" in repr(link)
        assert link.unknown_bytes == 0


def test_a_report_of_progress_is_no_error(wire: Wire) -> None:
    progress = packet(1, b"\xff\xff\xff\x01\x01\x02\0\0\0")
    lines = after_login(wire, (">>", query("alter table t add b int")), ("<<", progress * 2), ("<<", ok()))
    assert lines[-1] == "<< commit#1! status=idle outcome=committed"


def test_nothing_of_a_command_is_forwarded_before_it_is_complete(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, opened())
    sent = query("insert into t values (1)")
    assert link.from_processor(sent[:-1]) == []
    (segment,) = link.from_processor(sent[-1:])
    assert segment.data == sent
    assert segment.message is not None


def test_nothing_of_the_answer_to_a_write_is_forwarded_before_its_end(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, opened())
    link.from_processor(query("insert into t values (1) returning a"))
    answer = rows(b"1", b"2", short=True)
    assert link.from_server(answer[:-11]) == []
    (segment,) = link.from_server(answer[-11:])
    assert segment.data == answer


def test_the_rows_of_a_select_pass_as_they_come(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, opened())
    link.from_processor(query("select * from t"))
    answer = rows(*[b"x" * 200] * 100, short=True)
    assert b"".join(segment.data for segment in link.from_server(answer[:5000])) != b""
    assert "state" not in repr(link)


def test_a_command_of_several_packets_is_one(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "MAX_HELD_BYTES", 10_000)
    text = b"\x03insert into t values ('" + b"x" * packets.LARGEST + b"')"
    sent = packet(0, text[: packets.LARGEST]) + packet(1, text[packets.LARGEST :])
    script: list[Step] = [(">>", sent), ("<<", ok()), (">>", query("insert into t values (1)")), ("<<", ok())]
    transcript = wire.play(MysqlLink(), [*opened(), *script])
    assert transcript.lines("partial", "outcome")[2:] == [
        ">> commit#1! partial=True",
        "<< commit#1! partial=True outcome=committed",
        ">> commit#2!",
        "<< commit#2! outcome=committed",
    ]
    assert transcript.to_server.endswith(sent + query("insert into t values (1)"))
    link = MysqlLink()
    wire.play(link, opened())
    for at in range(0, len(sent) - 5, 65536):
        out = link.from_processor(sent[at : min(at + 65536, len(sent) - 5)])
        assert not any(segment.message for segment in out), "told with its last piece"
        assert sum(map(len, link._held)) <= 70_000
    assert any(segment.message for segment in link.from_processor(sent[-5:]))


def test_a_long_row_is_no_end(wire: Wire) -> None:
    long = packet(3, b"\xfe" + struct.pack("<Q", 1 << 24) + b"x" * (packets.LARGEST - 9)) + packet(
        4, b"\xfe" + b"y" * 8
    )
    script: list[Step] = [
        (">>", query("select a from t")),
        ("<<", packet(1, b"\x01") + column() + long + ok(header=0xFE)),
    ]
    link = MysqlLink()
    assert wire.play(link, [*opened(), *script]).lines()[-1] == "<< query#1"
    assert "pending=0" in repr(link)


def test_a_long_answer_to_a_write_is_no_longer_held(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "MAX_HELD_REPLY_BYTES", 1000)
    link = MysqlLink()
    wire.play(link, opened())
    link.from_processor(query("delete from t returning a"))
    answer = rows(*[b"x" * 200] * 10, short=True)
    assert link.from_server(answer[:-11]) != []
    (segment,) = link.from_server(answer[-11:])
    assert segment.message is not None
    assert segment.message.fields["partial"] is True


def test_a_server_that_goes_away_in_a_commit_leaves_it_unknown(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, opened())
    link.from_processor(query("insert into t values (1)"))
    assert link.from_server(ok()[:-2]) == []
    (segment,) = link.ended(Direction.REPLY)
    assert segment.data == ok()[:-2]
    assert segment.message is not None
    assert segment.message.fields["outcome"] == "unknown"


OPAQUE: dict[str, list[Step]] = {
    "encryption": [("<<", greeted()), (">>", packet(1, struct.pack("<IIB", CAPABILITIES, 1 << 24, 45), bytes(23)))],
    "compression": [("<<", greeted()), (">>", login(CHOSEN | handshake.COMPRESS))],
    "old protocol": [("<<", greeted()), (">>", login(CHOSEN & ~handshake.PROTOCOL_41))],
    "replication": [*opened(), (">>", packet(0, b"\x12" + bytes(10)))],
    "compressed": [*opened(), (">>", b"\x10\0\0\5\0\0\0")],
    "unasked": [*opened(), ("<<", ok())],
    "not mysql": [("<<", b"220 mail ESMTP\r\n"), (">>", b"EHLO\r\n")],
    "client first": [(">>", b"\x16\x03\x01\0\0" * 5), ("<<", greeted())],
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_cannot_be_read_passes_untouched_and_says_why(wire: Wire, name: str) -> None:
    link = MysqlLink()
    transcript = wire.play(link, OPAQUE[name])
    for direction in Direction:
        transcript.take(direction, link.ended(direction))
    assert link.opaque
    assert link.unknown_bytes > 0
    assert transcript.messages[-1].fields["reason"] == link.opaque
    assert_same_bytes(OPAQUE[name], transcript.to_server, transcript.to_processor)


def test_an_error_without_a_question_ends_an_idle_connection(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, [*opened(), ("<<", error(4031))])
    assert link.opaque is None


def assert_same_bytes(script: list[Step], to_server: bytes, to_processor: bytes) -> None:
    """All bytes, but for the capabilities in a greeting."""
    assert to_server == b"".join(data for arrow, data in script if arrow == ">>")
    received = b"".join(data for arrow, data in script if arrow == "<<")
    assert len(to_processor) == len(received)
    if to_processor != received:
        given = handshake.greeting(received[: packets.measure(received[:4])])
        assert given is not None
        assert to_processor == given.data + received[len(given.data) :]


@given(
    name=st.sampled_from(sorted(SCRIPTS)),
    step=st.integers(0, 30),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    extra=st.binary(max_size=30),
)
def test_mutated_traffic_is_forwarded_untouched(
    wire: Wire, name: str, step: int, edits: list[tuple[int, int]], extra: bytes
) -> None:
    script = list(SCRIPTS[name])
    at = step % len(script)
    script[at] = (script[at][0], wire.mutated(script[at][1], edits) + extra)
    assert_untouched(wire, script)


@given(data=st.lists(st.tuples(st.sampled_from([">>", "<<"]), st.binary(min_size=1, max_size=60)), max_size=10))
def test_random_bytes_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    assert_untouched(wire, data)
    assert_untouched(wire, [*opened(), *data])


def assert_untouched(wire: Wire, script: list[Step]) -> None:
    link = MysqlLink()
    transcript = wire.play(link, script)
    for direction in Direction:
        transcript.take(direction, link.ended(direction))
    assert_same_bytes(script, transcript.to_server, transcript.to_processor)
