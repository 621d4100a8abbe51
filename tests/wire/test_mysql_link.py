"""MySQL connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mysql_bytes as my
from oncewhere.wire import Direction
from oncewhere.wire.mysql import MysqlLink, framing, handshake

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Step, Wire


def opened() -> list[Step]:
    return [("<<", my.greeting()), (">>", my.login()), ("<<", my.ok(number=2))]


def autocommitted() -> list[Step]:
    return [
        *opened(),
        (">>", my.query("insert into processed_event values ('e-1')")),
        ("<<", my.ok()),
        (">>", my.query("select * from t")),
        ("<<", my.rows(b"secret", b"another")),
        (">>", my.query("insert into t values (1) returning a")),
        ("<<", my.rows(b"secret")),
    ]


def blocks() -> list[Step]:
    return [
        *opened(),
        (">>", my.query("begin")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("update accounts set balance = 'secret'")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("commit")),
        ("<<", my.ok()),
        (">>", my.query("start transaction")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("replace into t values (1)")),
        ("<<", my.error(1062)),
        (">>", my.query("rollback")),
        ("<<", my.ok()),
    ]


def without_autocommit() -> list[Step]:
    """As every Python driver does it: no block is opened, and each COMMIT ends what has begun by itself."""
    return [
        *opened(),
        (">>", my.query("SET AUTOCOMMIT = 0")),
        ("<<", my.ok(0)),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok(my.IN_TRANSACTION)),
        (">>", my.query("COMMIT")),
        ("<<", my.ok(0)),
        (">>", my.query("select 1")),
        ("<<", my.rows(b"1", status=0)),
        (">>", my.query("COMMIT")),
        ("<<", my.ok(0)),
    ]


def prepared() -> list[Step]:
    return [
        *opened(),
        (">>", my.prepare("insert into t values (?, ?)")),
        ("<<", my.prepared(7, parameters=2)),
        (">>", my.command(0x18, struct.pack("<IH", 7, 0) + b"secret")),
        (">>", my.execute(7)),
        ("<<", my.ok()),
        (">>", my.prepare("select a from t")),
        ("<<", my.prepared(8, columns=1)),
        (">>", my.execute(8)),
        ("<<", my.rows(b"secret")),
        (">>", my.command(0x19, struct.pack("<I", 8))),
        (">>", my.execute(8)),
        ("<<", my.error(1243, "HY000")),
    ]


def several_statements() -> list[Step]:
    return [
        *opened(),
        (">>", my.query("insert into t values (1); select 1; begin; insert into u values (2)")),
        ("<<", my.ok(my.IDLE | my.MORE) + my.rows(b"1", status=my.IDLE | my.MORE)),
        ("<<", my.ok(my.BUSY | my.MORE) + my.ok(my.BUSY)),
        (">>", my.query("commit")),
        ("<<", my.ok()),
    ]


def loaded() -> list[Step]:
    return [
        *opened(),
        (">>", my.query("load data local infile '/secret' into table t")),
        ("<<", my.packet(b"\xfb/secret", 1)),
        (">>", my.packet(b"secret row\n", 2) + my.packet(b"another\n", 3)),
        (">>", my.packet(b"", 4)),
        ("<<", my.ok(number=5)),
    ]


def with_a_timeout() -> list[Step]:
    """MariaDB's driver for Java sets a query's timeout in front of each statement."""
    prefix = "SET STATEMENT max_statement_time=30 FOR "
    return [
        *opened(),
        (">>", my.query(prefix + "insert into t values ('secret')")),
        ("<<", my.ok()),
        (">>", my.query("set autocommit = 0")),
        ("<<", my.ok(0)),
        (">>", my.query(prefix + "update t set a = (select 1 for update)")),
        ("<<", my.ok(my.IN_TRANSACTION)),
        (">>", my.query(prefix + "COMMIT")),
        ("<<", my.ok(0)),
        (">>", my.query("set statement sort_buffer_size = (select 1 for update) for select 1")),
        ("<<", my.rows(b"1", status=0)),
    ]


def left_open() -> list[Step]:
    """What the server says is open, where the text seems to have ended it."""
    insert = [(">>", my.query("insert into t values ('secret')")), ("<<", my.ok(my.BUSY))]
    commit = [(">>", my.query("commit")), ("<<", my.ok())]
    return [
        *opened(),
        (">>", my.query("call begin_and_settle('secret')")),
        ("<<", my.ok(my.BUSY)),
        *commit,
        *((">>", my.query("begin")), ("<<", my.ok(my.BUSY)), *insert),
        (">>", my.query("set autocommit = 1") + my.query("drop prepare s") + my.query("unlock tables")),
        ("<<", my.ok(my.BUSY) * 3),
        (">>", my.command(0x09)),
        ("<<", my.packet(b"Uptime: 1234  Threads: 2  Questions: 5", 1)),
        *commit,
    ]


SCRIPTS: dict[str, Callable[[], list[Step]]] = {
    script.__name__: script
    for script in (
        opened,
        autocommitted,
        blocks,
        without_autocommit,
        prepared,
        several_statements,
        loaded,
        with_a_timeout,
        left_open,
    )
}
NAMES = ("verbs", "targets", "effect", "partial", "in_transaction", "outcome", "errno")


def told(wire: Wire, script: list[Step], *names: str) -> list[str]:
    """What is told behind the opening of the connection."""
    return wire.play(MysqlLink(), script).lines(*(names or NAMES))[2:]


def test_a_connection_tells_who_connects_and_nothing_else(wire: Wire) -> None:
    transcript = wire.play(MysqlLink(), opened())
    assert transcript.lines("user", "database") == [">> startup#0 user=app database=bank", "<< startup#0"]
    assert "4711" not in str(transcript.messages)


def test_the_greeting_loses_what_could_not_be_read_and_keeps_the_salt(wire: Wire) -> None:
    received = wire.play(MysqlLink(), [("<<", my.greeting())]).to_processor
    assert received == my.greeting(my.OFFERED & ~handshake._NOT_OFFERED, handshake._MARIADB_KEPT)
    assert received.count(b"saltsalt") == my.greeting().count(b"saltsalt")


def test_a_mysql_server_has_no_extended_capabilities_to_lose(wire: Wire) -> None:
    offered = 0xFFFFFFFF
    received = wire.play(MysqlLink(), [("<<", my.greeting(offered, extended=0))]).to_processor
    assert received == my.greeting(offered & ~handshake._NOT_OFFERED, extended=0)


def test_without_a_block_each_statement_commits_itself(wire: Wire) -> None:
    assert told(wire, autocommitted()) == [
        ">> commit#1! verbs=['INSERT'] targets=['processed_event'] effect=writes",
        "<< commit#1! in_transaction=False outcome=committed",
        ">> query#2 verbs=['SELECT'] targets=[] effect=reads",
        "<< query#2 in_transaction=False",
        ">> commit#3! verbs=['INSERT'] targets=['t'] effect=writes",
        "<< commit#3! in_transaction=False outcome=committed",
    ]


def test_a_block_is_committed_or_rolled_back_at_its_end(wire: Wire) -> None:
    assert told(wire, blocks(), "outcome", "errno", "sqlstate") == [
        ">> begin#1",
        "<< begin#1",
        ">> write#2!",
        "<< write#2! outcome=open",
        ">> commit#3!",
        "<< commit#3! outcome=committed",
        ">> begin#4",
        "<< begin#4",
        ">> write#5!",
        "<< write#5! outcome=failed errno=1062 sqlstate=23000",
        ">> rollback#6",
        "<< rollback#6",
    ]


def test_without_autocommit_there_is_always_a_transaction(wire: Wire) -> None:
    assert told(wire, without_autocommit(), "outcome") == [
        ">> query#1",
        "<< query#1",
        ">> write#2!",
        "<< write#2! outcome=open",
        ">> commit#3!",
        "<< commit#3! outcome=committed",
        ">> query#4",
        "<< query#4",
        ">> query#5",
        "<< query#5",
    ]


def test_a_statement_with_a_timeout_means_what_it_runs(wire: Wire) -> None:
    assert told(wire, with_a_timeout(), "verbs", "effect", "outcome") == [
        ">> commit#1! verbs=['INSERT'] effect=writes",
        "<< commit#1! outcome=committed",
        ">> query#2 verbs=['SET'] effect=reads",
        "<< query#2",
        ">> write#3! verbs=['UPDATE'] effect=writes",
        "<< write#3! outcome=open",
        ">> commit#4! verbs=['COMMIT'] effect=writes",
        "<< commit#4! outcome=committed",
        ">> query#5 verbs=['SELECT'] effect=reads",
        "<< query#5",
    ]


def test_settings_for_a_statement_that_is_not_seen_may_write(wire: Wire) -> None:
    script = [*opened(), (">>", my.query("set statement max_statement_time = 30"))]
    assert told(wire, script, "verbs", "effect") == [">> commit#1! verbs=['SET STATEMENT'] effect=maybe"]


def test_a_prepared_statement_means_what_was_prepared(wire: Wire) -> None:
    assert told(wire, prepared(), "targets", "effect", "outcome", "errno") == [
        ">> commit#3! targets=['t'] effect=writes",
        "<< commit#3! outcome=committed",
        ">> query#5 targets=[] effect=reads",
        "<< query#5",
        ">> commit#7! targets=[] effect=maybe",
        "<< commit#7! outcome=unknown errno=1243",
    ]


def test_several_statements_have_several_results_and_one_end(wire: Wire) -> None:
    assert told(wire, several_statements(), "verbs", "outcome", "in_transaction") == [
        ">> commit#1! verbs=['INSERT', 'SELECT', 'BEGIN', 'INSERT']",
        "<< commit#1! outcome=committed in_transaction=True",
        ">> commit#2! verbs=['COMMIT']",
        "<< commit#2! outcome=committed in_transaction=False",
    ]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (my.error(1064), "failed"),
        (my.ok(my.IDLE | my.MORE) + my.error(1064), "committed"),
        (my.ok(my.IDLE | my.MORE) + my.ok(), "committed"),
    ],
)
def test_of_several_statements_those_before_an_error_have_happened(wire: Wire, answer: bytes, outcome: str) -> None:
    script = [*opened(), (">>", my.query("insert into t values (1); insert into t values (2)")), ("<<", answer)]
    assert told(wire, script, "outcome")[1] == f"<< commit#1! outcome={outcome}"


def test_a_procedure_that_fails_may_have_committed_before(wire: Wire) -> None:
    script = [*opened(), (">>", my.query("call settle(1)")), ("<<", my.rows(b"1", status=my.IDLE | my.MORE))]
    assert told(wire, [*script, ("<<", my.error(1644, "45000"))], "outcome")[1] == "<< commit#1! outcome=unknown"
    assert told(wire, [*script, ("<<", my.ok())], "outcome")[1] == "<< commit#1! outcome=committed"


def test_a_definition_commits_what_was_open_before_it(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.query("begin")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("create table u (a int)")),
        ("<<", my.ok()),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok()),
    ]
    assert told(wire, script, "outcome")[-4:] == [
        ">> commit#3!",
        "<< commit#3! outcome=committed",
        ">> commit#4!",
        "<< commit#4! outcome=committed",
    ]


def test_what_the_server_says_is_open_is_not_forgotten(wire: Wire) -> None:
    assert told(wire, left_open(), "verbs", "outcome") == [
        ">> commit#1! verbs=['CALL']",
        "<< commit#1! outcome=open",
        ">> commit#2! verbs=['COMMIT']",
        "<< commit#2! outcome=committed",
        ">> begin#3 verbs=['BEGIN']",
        "<< begin#3",
        ">> write#4! verbs=['INSERT']",
        "<< write#4! outcome=open",
        ">> query#5 verbs=['SET']",
        ">> query#6 verbs=['DROP PREPARE']",
        ">> commit#7! verbs=['UNLOCK']",
        "<< query#5",
        "<< query#6",
        "<< commit#7! outcome=open",
        ">> commit#9! verbs=['COMMIT']",
        "<< commit#9! outcome=committed",
    ]


@pytest.mark.parametrize(
    ("sql", "answer", "outcome", "then"),
    [
        ("commit", my.ok(my.BUSY), "committed", "query"),  # completion_type = CHAIN
        ("commit and chain", my.ok(my.BUSY), "committed", "query"),
        ("unlock tables", my.ok(), "committed", "query"),
        ("unlock tables", my.ok(my.BUSY), "open", "commit"),
        ("unlock tables; select 1", my.ok(my.BUSY | my.MORE) + my.rows(b"1", status=my.BUSY), "unknown", "commit"),
        ("commit; select 1", my.ok(my.BUSY | my.MORE) + my.rows(b"1", status=my.BUSY), "committed", "query"),
        ("create table u (a int)", my.error(1050), "committed", "query"),
        ("create table u (a int,,)", my.error(1064), "unknown", "commit"),
        ("select 1; drop table u", my.rows(b"1", status=my.BUSY | my.MORE) + my.error(1051), "committed", "query"),
        ("call settle(1)", my.error(1644), "unknown", "commit"),
        ("insert into t values (1)", my.error(1062), "failed", "commit"),
    ],
)
def test_what_became_of_the_writes_before_it(wire: Wire, sql: str, answer: bytes, outcome: str, then: str) -> None:
    script = [
        *opened(),
        (">>", my.query("begin; insert into t values (1)")),
        ("<<", my.ok(my.BUSY | my.MORE) + my.ok(my.BUSY)),
        (">>", my.query(sql)),
        ("<<", answer),
        (">>", my.query("commit")),
    ]
    *_, reply, last = told(wire, script, "outcome")
    assert reply.endswith(f" outcome={outcome}")
    assert last.startswith(f">> {then}#")


def test_without_autocommit_the_next_transaction_may_be_open_behind_a_commit(wire: Wire) -> None:
    script = [
        *without_autocommit()[:-6],
        (">>", my.query("lock tables t write")),
        ("<<", my.ok(my.IN_TRANSACTION)),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok(my.IN_TRANSACTION)),
        (">>", my.query("unlock tables")),
        ("<<", my.ok(my.IN_TRANSACTION)),
        (">>", my.query("commit")),
    ]
    assert [line for line in told(wire, script, "verbs", "outcome") if "commit" in line] == [
        ">> commit#3! verbs=['LOCK']",
        "<< commit#3! outcome=committed",
        ">> commit#5! verbs=['UNLOCK']",
        "<< commit#5! outcome=open",
        ">> commit#6! verbs=['COMMIT']",
    ]


def test_a_procedure_that_fails_may_have_left_a_transaction_open(wire: Wire) -> None:
    script = [*opened(), (">>", my.query("call begin_and_fail()")), ("<<", my.error(1644, "45000"))]
    assert told(wire, [*script, (">>", my.query("commit"))], "effect")[-1] == ">> commit#2! effect=maybe"


def test_a_second_begin_commits_the_first_block(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.query("begin") + my.query("insert into t values (1)") + my.query("begin")),
        ("<<", my.ok(my.BUSY) * 3),
    ]
    assert told(wire, script, "outcome")[-1] == "<< commit#3! outcome=committed"


def test_a_deadlock_leaves_nothing_to_commit(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.query("begin")),
        ("<<", my.ok(my.BUSY)),
        (">>", my.query("update t set a = 1")),
        ("<<", my.error(1213, "40001")),
        (">>", my.query("commit")),
        ("<<", my.ok()),
    ]
    assert told(wire, script, "outcome")[-4:] == [
        ">> write#2!",
        "<< write#2! outcome=failed",
        ">> query#3",
        "<< query#3",
    ]


def test_pipelined_commands_are_told_before_any_reply_and_corrected_by_it(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.query("begin") + my.query("insert into t values (1)") + my.query("commit")),
        ("<<", my.error(1205) + my.ok() + my.ok()),
        (">>", my.query("insert into t values (2)")),
        ("<<", my.ok()),
    ]
    assert told(wire, script, "outcome") == [
        ">> begin#1",
        ">> write#2!",
        ">> commit#3!",
        "<< begin#1",
        "<< write#2! outcome=committed",
        "<< commit#3! outcome=committed",
        ">> commit#4!",
        "<< commit#4! outcome=committed",
    ]


def test_a_local_file_is_a_unit_of_its_own(wire: Wire) -> None:
    assert told(wire, loaded(), "verbs", "targets", "outcome") == [
        ">> commit#1! verbs=['LOAD'] targets=['t']",
        "<< commit#1! outcome=copying",
        ">> commit#2! verbs=['LOAD DONE'] targets=['t']",
        "<< commit#2! outcome=committed",
    ]


def test_a_cursor_s_rows_come_when_they_are_fetched(wire: Wire) -> None:
    columns = my.packet(b"\x01") + my.packet(b"\x03def" + bytes(20)) + my.eof(my.IDLE | my.CURSOR)
    script = [
        *opened(),
        (">>", my.prepare("select a from t")),
        ("<<", my.prepared(8, columns=1)),
        (">>", my.execute(8)),
        ("<<", columns),
        (">>", my.command(0x1C, struct.pack("<II", 8, 10))),
        ("<<", my.packet(b"\0\0\x01a") + my.packet(b"\0\0\x01b") + my.eof()),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok()),
    ]
    assert told(wire, script, "outcome")[-1] == "<< commit#4! outcome=committed"


def test_a_change_of_user_is_an_exchange_of_its_own_and_rolls_back(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.query("set autocommit = 0")),
        ("<<", my.ok(0)),
        (">>", my.command(0x11, b"other\0")),
        ("<<", my.packet(b"\xfemysql_native_password\0saltsaltsaltsaltsalt\0", 1)),
        (">>", my.packet(b"4711" * 5, 2)),
        ("<<", my.ok(number=3)),
        (">>", my.query("insert into t values (1)")),
        ("<<", my.ok()),
    ]
    assert told(wire, script, "outcome")[-2:] == [">> commit#3!", "<< commit#3! outcome=committed"]


def test_commands_without_sql_are_not_told(wire: Wire) -> None:
    script = [
        *opened(),
        (">>", my.command(0x0E)),
        ("<<", my.ok()),
        (">>", my.command(0x02, b"bank")),
        ("<<", my.ok()),
        (">>", my.command(0x09)),
        ("<<", my.packet(b"Uptime: 1")),
        (">>", my.command(0x04, b"t\0")),
        ("<<", my.packet(b"\x03def" + bytes(30)) + my.eof()),
        (">>", my.command(0x1B, b"\0\0")),
        ("<<", my.eof()),
        (">>", my.command(0x01)),
    ]
    link = MysqlLink()
    assert wire.play(link, script).lines()[2:] == []
    assert link.unknown_bytes == 0


def test_the_reply_to_a_write_is_held_until_it_is_complete(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, [*opened(), (">>", my.query("insert into t values (1) returning a"))])
    answer = my.rows(b"1", b"2")
    assert link.from_server(answer[:-1]) == []
    (segment,) = link.from_server(answer[-1:])
    assert segment.data == answer
    assert segment.message is not None


def test_an_answer_that_never_comes_whole_is_unknown(wire: Wire) -> None:
    link = MysqlLink()
    wire.play(link, [*opened(), (">>", my.query("insert into t values (1) returning a"))])
    link.from_server(my.rows(b"1")[:-1])
    first, *_ = link.ended(Direction.REPLY)
    assert first.message is not None
    assert first.message.fields["outcome"] == "unknown"


def test_a_large_command_passes_in_parts_and_is_told_with_its_last(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(framing, "MAX_READ_BYTES", 100)
    link = MysqlLink()
    wire.play(link, opened())
    command = my.query("insert into t values ('" + "x" * 5000 + "')")
    segments = [s for at in range(0, len(command), 300) for s in link.from_processor(command[at : at + 300])]
    assert b"".join(segment.data for segment in segments) == command
    assert [segment.message is not None for segment in segments].count(True) == 1
    assert segments[-1].message is not None
    assert segments[-1].message.fields["partial"] is True
    assert segments[-1].message.kind == "commit"


def test_a_payload_that_fills_its_packet_goes_on_in_the_next(wire: Wire) -> None:
    text = b"\x03insert into t values ('" + b"x" * framing.FULL_PAYLOAD_BYTES + b"')"
    full, rest = text[: framing.FULL_PAYLOAD_BYTES], text[framing.FULL_PAYLOAD_BYTES :]
    row = b"\xfd\xff\xff\xff" + b"y" * 0xFFFFFF  # its second half begins with what would be a y, not a head
    big = my.packet(row[: framing.FULL_PAYLOAD_BYTES], 4) + my.packet(row[framing.FULL_PAYLOAD_BYTES :], 5)
    column = my.packet(b"\x03def" + bytes(20), 2)
    script = [
        *opened(),
        (">>", my.packet(full) + my.packet(rest, 1)),
        ("<<", my.ok()),
        (">>", my.query("select b from t")),
        ("<<", my.packet(b"\x01") + column + my.eof() + big + my.eof()),
        (">>", my.query("select 1")),
        ("<<", my.rows(b"1")),
    ]
    link = MysqlLink()
    transcript = wire.play(link, script)
    assert transcript.lines("outcome")[2:] == [
        ">> commit#1!",
        "<< commit#1! outcome=committed",
        ">> query#2",
        "<< query#2",
        ">> query#3",
        "<< query#3",
    ]
    assert link.unknown_bytes == 0


@pytest.mark.parametrize(
    "script",
    [
        [("<<", my.greeting()), (">>", my.packet(struct.pack("<I", 1 << 11 | 1 << 9) + bytes(28), 1))],
        [("<<", my.greeting()), (">>", my.login(capabilities=my.LOGIN_CAPABILITIES | 1 << 5))],
        [("<<", my.packet(b"\x09an old server\0"))],
        [(">>", b"GET / HTTP/1.1\r\n\r\n")],
        [*opened(), (">>", my.command(0x12, b"binlog"))],
    ],
    ids=["encryption", "compression", "old server", "another protocol", "replication"],
)
def test_what_cannot_be_read_is_passed_on_and_says_so(wire: Wire, script: list[Step]) -> None:
    link = MysqlLink()
    junk = [("<<", b"\x17\x03junk" * 50), (">>", b"\x17\x03junk" * 50)]
    transcript = wire.play(link, [*script, *junk])
    assert transcript.messages[-1].kind == "opaque"
    assert link.opaque
    assert transcript.to_processor.endswith(b"\x17\x03junk" * 50)
    assert transcript.to_server.endswith(b"\x17\x03junk" * 50)


def test_a_server_that_refuses_a_connection_says_why(wire: Wire) -> None:
    refusal = my.error(1040, "08004")
    assert wire.play(MysqlLink(), [("<<", refusal)]).to_processor == refusal


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_split_is_the_same(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(MysqlLink, SCRIPTS[name]())


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_value_is_kept(wire: Wire, name: str) -> None:
    assert "secret" not in str(wire.play(MysqlLink(), SCRIPTS[name]()).messages)


@given(
    name=st.sampled_from(sorted(SCRIPTS)),
    edits=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=5),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_broken_bytes_are_passed_on_unchanged(
    wire: Wire, name: str, edits: list[tuple[int, int]], sizes: list[int]
) -> None:
    """Behind an intact opening, whose greeting is the one thing that is changed."""
    link = MysqlLink()
    wire.play(link, opened())
    steps = [(arrow, wire.mutated(data, edits)) for arrow, data in SCRIPTS[name]()[3:] if data]
    cut = [
        (arrow, data[at : at + size])
        for arrow, data in steps
        for size in [sizes[len(data) % len(sizes)]]
        for at in range(0, len(data), size)
    ]
    wire.assert_untouched(link, cut)


@given(data=st.binary(max_size=300), arrow=st.sampled_from([">>", "<<"]))
def test_random_bytes_never_raise(wire: Wire, data: bytes, arrow: str) -> None:
    transcript = wire.play(MysqlLink(), [(arrow, data)])
    assert len(transcript.to_server) <= len(data)
