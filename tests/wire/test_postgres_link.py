"""PostgreSQL connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction
from oncewhere.wire.postgres import PostgresLink, framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Step, Wire


def opened(wire: Wire) -> list[Step]:
    """A connection's start: SCRAM would add messages of the same types."""
    return [
        (">>", wire.startup(user="app", database="bank", application_name="settlement", options="-c secret=4711")),
        ("<<", wire.pg("R", bytes(4)) + wire.pg("S", "TimeZone\0UTC\0") + wire.pg("K", bytes(8)) + wire.ready("I")),
    ]


def play(wire: Wire, *script: Step, link: PostgresLink | None = None) -> tuple[list[str], bytes]:
    transcript = wire.play(link or PostgresLink(), [*opened(wire), *script])
    return transcript.lines("verbs", "targets", "effect", "partial", "tags", "status", "outcome", "sqlstate")[
        2:
    ], transcript.to_server


def simple(wire: Wire) -> list[Step]:
    return [
        *opened(wire),
        (">>", wire.query("begin")),
        ("<<", wire.tag("BEGIN") + wire.ready("T")),
        (">>", wire.query("insert into processed_event values ('e-1')")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("T")),
        (">>", wire.query("commit")),
        ("<<", wire.tag("COMMIT") + wire.ready("I")),
        (">>", wire.query("update accounts set balance = 0")),
        ("<<", wire.tag("UPDATE 3") + wire.ready("I")),
    ]


def extended(wire: Wire) -> list[Step]:
    insert = wire.parse("insert into t values ($1)", "s1") + wire.bind("s1") + wire.pg("D", "P\0") + wire.execute()
    return [
        *opened(wire),
        (">>", insert + wire.sync()),
        ("<<", wire.pg("1") + wire.pg("2") + wire.pg("n") + wire.tag("INSERT 0 1") + wire.ready("I")),
        (">>", wire.bind("s1") + wire.execute() + wire.sync()),
        ("<<", wire.pg("2") + wire.tag("INSERT 0 1") + wire.ready("I")),
    ]


def pipelined(wire: Wire) -> list[Step]:
    """Three units before the first reply; the last is refused."""
    begin = wire.parse("BEGIN") + wire.bind() + wire.execute() + wire.sync()
    insert = wire.parse("insert into t values (1)") + wire.bind() + wire.execute() + wire.sync()
    commit = wire.parse("COMMIT") + wire.bind() + wire.execute() + wire.sync()
    done = wire.pg("1") + wire.pg("2")
    return [
        *opened(wire),
        (">>", begin + insert + commit + insert),
        ("<<", done + wire.tag("BEGIN") + wire.ready("T") + done + wire.tag("INSERT 0 1") + wire.ready("T")),
        ("<<", done + wire.tag("COMMIT") + wire.ready("I") + done + wire.error("23505", n="t_pkey") + wire.ready("I")),
    ]


def copied(wire: Wire) -> list[Step]:
    """psycopg's COPY: extended, so the Sync behind the COPY is void and the one behind the rows counts."""
    copy = wire.parse("copy t from stdin") + wire.bind() + wire.execute() + wire.sync()
    return [
        *opened(wire),
        (">>", copy),
        ("<<", wire.pg("1") + wire.pg("2") + wire.pg("G", bytes(3))),
        (">>", wire.pg("d", "secret row\n") + wire.pg("d", "another\n")),
        (">>", wire.pg("c") + wire.sync()),
        ("<<", wire.tag("COPY 2") + wire.ready("I")),
        (">>", wire.query("copy t from stdin")),
        ("<<", wire.pg("G", bytes(3))),
        (">>", wire.pg("d", "row\n") + wire.pg("c")),
        ("<<", wire.tag("COPY 1") + wire.ready("I")),
    ]


def copy_failed(wire: Wire) -> list[Step]:
    """The rows are still being sent; the server drops the rest of them, and their end."""
    return [
        *opened(wire),
        (">>", wire.query("copy t from stdin")),
        ("<<", wire.pg("G", bytes(3))),
        (">>", wire.pg("d", "secret row\n")),
        ("<<", wire.error("23505") + wire.ready("I")),
        (">>", wire.pg("d", "another\n") + wire.pg("c")),
        (">>", wire.query("select 1")),
        ("<<", wire.tag("SELECT 1") + wire.ready("I")),
        (">>", wire.query("begin; copy t from stdin")),
        ("<<", wire.tag("BEGIN") + wire.pg("G", bytes(3))),
        (">>", wire.pg("d", "secret row\n")),
        ("<<", wire.error("22P02") + wire.ready("E")),
        (">>", wire.pg("f", "secret\0") + wire.query("rollback")),
        ("<<", wire.tag("ROLLBACK") + wire.ready("I")),
        (">>", wire.query("insert into t values (1)")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("I")),
    ]


def extended_copy_failed(wire: Wire) -> list[Step]:
    """The server answers nothing more until a Sync, be it behind the end of the rows or in its place."""
    copy = wire.parse("copy t from stdin") + wire.bind() + wire.execute() + wire.sync()
    asked = wire.pg("1") + wire.pg("2") + wire.pg("G", bytes(3))
    failed = [(">>", copy), ("<<", asked), (">>", wire.pg("d", "secret row\n")), ("<<", wire.error("23505"))]
    return [
        *opened(wire),
        *failed,
        (">>", wire.pg("d", "another\n") + wire.pg("c") + wire.sync()),
        ("<<", wire.ready("I")),
        *failed,
        (">>", wire.sync()),
        ("<<", wire.ready("I")),
        *failed[:2],
        (">>", wire.pg("d", "secret row\n") + wire.pg("c")),  # its Sync crosses the error
        ("<<", wire.error("23505")),
        (">>", wire.sync()),
        ("<<", wire.ready("I")),
        (">>", copy + wire.pg("d", "secret row\n") + wire.pg("c") + wire.sync()),  # refused
        ("<<", wire.error("42P01") + wire.ready("I") + wire.ready("I")),
        (">>", wire.query("insert into t values (1)")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("I")),
    ]


def two_copies(wire: Wire) -> list[Step]:
    both, rows, asks = wire.query("copy a from stdin; copy b from stdin"), wire.pg("d", "1\n"), wire.pg("G", bytes(3))
    return [
        *opened(wire),
        (">>", both),
        ("<<", asks),
        (">>", rows + wire.pg("c")),
        ("<<", wire.tag("COPY 1") + asks),
        (">>", rows + wire.pg("c")),
        ("<<", wire.tag("COPY 1") + wire.ready("I")),
        (">>", both),
        ("<<", asks),
        (">>", rows + wire.pg("c")),
        ("<<", wire.tag("COPY 1") + asks),
        ("<<", wire.error("23505") + wire.ready("I")),
        (">>", rows + wire.pg("c") + both + rows + wire.pg("c") + rows + wire.pg("c")),
        ("<<", asks + wire.error("23505") + wire.ready("I")),
        (">>", wire.query("insert into t values (1)")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("I")),
    ]


def copied_unseen(wire: Wire) -> list[Step]:
    """A statement whose text is not known asks for rows."""
    return [
        *opened(wire),
        (">>", wire.bind("s") + wire.execute() + wire.sync()),
        ("<<", wire.pg("2") + wire.pg("G", bytes(3))),
        (">>", wire.pg("d", "secret row\n") + wire.pg("c") + wire.sync()),
        ("<<", wire.tag("COPY 1") + wire.ready("I")),
    ]


SCRIPTS: dict[str, Callable[[Wire], list[Step]]] = {
    script.__name__: script
    for script in (
        opened,
        simple,
        extended,
        pipelined,
        copied,
        copy_failed,
        extended_copy_failed,
        two_copies,
        copied_unseen,
    )
}


def test_a_connection_tells_who_connects_and_nothing_else(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), opened(wire))
    assert transcript.lines("user", "database", "application_name", "status") == [
        ">> startup#0 user=app database=bank application_name=settlement",
        "<< startup#0 status=I",
    ]
    assert "4711" not in str(transcript.messages)


def test_a_transaction_of_simple_queries(wire: Wire) -> None:
    assert wire.play(PostgresLink(), simple(wire)).lines("verbs", "targets", "effect", "tags", "status", "outcome")[
        2:
    ] == [
        ">> begin#1 verbs=['BEGIN'] targets=[] effect=reads",
        "<< begin#1 tags=['BEGIN'] status=T",
        ">> write#2! verbs=['INSERT'] targets=['processed_event'] effect=writes",
        "<< write#2! tags=['INSERT 0 1'] status=T outcome=open",
        ">> commit#3! verbs=['COMMIT'] targets=[] effect=writes",
        "<< commit#3! tags=['COMMIT'] status=I outcome=committed",
        ">> commit#4! verbs=['UPDATE'] targets=['accounts'] effect=writes",
        "<< commit#4! tags=['UPDATE 3'] status=I outcome=committed",
    ]


def test_extended_messages_become_one_unit_at_their_sync(wire: Wire) -> None:
    assert wire.play(PostgresLink(), extended(wire)).lines("verbs", "targets", "tags", "outcome")[2:] == [
        ">> commit#1! verbs=['INSERT'] targets=['t']",
        "<< commit#1! tags=['INSERT 0 1'] outcome=committed",
        ">> commit#2! verbs=['INSERT'] targets=['t']",
        "<< commit#2! tags=['INSERT 0 1'] outcome=committed",
    ]


def test_pipelined_units_are_told_before_any_reply(wire: Wire) -> None:
    assert wire.play(PostgresLink(), pipelined(wire)).lines("outcome", "sqlstate", "error", "constraint")[2:] == [
        ">> begin#1",
        ">> write#2!",
        ">> commit#3!",
        ">> commit#4!",
        "<< begin#1",
        "<< write#2! outcome=open",
        "<< commit#3! outcome=committed",
        "<< commit#4! outcome=failed sqlstate=23505 error=integrity constraint violation constraint=t_pkey",
    ]


def test_copy_is_durable_at_the_end_of_its_rows(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), copied(wire))
    assert transcript.lines("verbs", "targets", "tags", "outcome")[2:] == [
        ">> write#1! verbs=['COPY'] targets=['t']",
        "<< write#1! outcome=copying",
        ">> commit#2! verbs=['COPY DONE'] targets=['t']",
        "<< commit#2! tags=['COPY 2'] outcome=committed",
        ">> write#3! verbs=['COPY'] targets=['t']",
        "<< write#3! outcome=copying",
        ">> commit#4! verbs=['COPY DONE'] targets=['t']",
        "<< commit#4! tags=['COPY 1'] outcome=committed",
    ]
    assert "secret" not in str(transcript.messages)


def test_a_copy_that_fails_before_its_rows_end_is_told_and_leaves_no_reply_behind(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), copy_failed(wire))
    assert transcript.lines("verbs", "tags", "outcome", "sqlstate")[2:] == [
        ">> write#1! verbs=['COPY']",
        "<< write#1! outcome=copying",
        "<< write#1! tags=[] outcome=failed sqlstate=23505",
        ">> query#2 verbs=['SELECT']",
        "<< query#2 tags=['SELECT 1']",
        ">> write#3! verbs=['BEGIN', 'COPY']",
        "<< write#3! outcome=copying",
        "<< write#3! tags=['BEGIN'] outcome=failed sqlstate=22P02",
        ">> rollback#4 verbs=['ROLLBACK']",
        "<< rollback#4 tags=['ROLLBACK']",
        ">> commit#5! verbs=['INSERT']",
        "<< commit#5! tags=['INSERT 0 1'] outcome=committed",
    ]
    assert "secret" not in str(transcript.messages)


def test_an_extended_copy_that_fails_is_never_told_as_committed(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), extended_copy_failed(wire))
    assert transcript.lines("verbs", "outcome", "sqlstate")[2:] == [
        ">> write#1! verbs=['COPY']",
        "<< write#1! outcome=copying",
        ">> commit#2! verbs=['COPY DONE']",
        "<< commit#2! outcome=failed sqlstate=23505",
        ">> write#3! verbs=['COPY']",
        "<< write#3! outcome=copying",
        ">> rollback#4 verbs=['COPY FAIL']",
        "<< rollback#4 sqlstate=23505",
        ">> write#5! verbs=['COPY']",
        "<< write#5! outcome=copying",
        ">> commit#6! verbs=['COPY DONE']",
        "<< commit#6! outcome=failed sqlstate=23505",
        ">> write#7! verbs=['COPY']",
        ">> commit#8! verbs=['COPY DONE']",
        "<< write#7! outcome=failed sqlstate=42P01",
        "<< commit#8! outcome=failed sqlstate=42P01",
        ">> commit#9! verbs=['INSERT']",
        "<< commit#9! outcome=committed",
    ]


def test_each_copy_of_a_query_asks_for_its_own_rows(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), two_copies(wire))
    assert transcript.lines("verbs", "targets", "outcome")[2:] == [
        ">> write#1! verbs=['COPY', 'COPY'] targets=['a', 'b']",
        "<< write#1! outcome=copying",
        ">> write#2! verbs=['COPY DONE'] targets=['a']",
        "<< write#2! outcome=copying",
        ">> commit#3! verbs=['COPY DONE'] targets=['b']",
        "<< commit#3! outcome=committed",
        ">> write#4! verbs=['COPY', 'COPY'] targets=['a', 'b']",
        "<< write#4! outcome=copying",
        ">> write#5! verbs=['COPY DONE'] targets=['a']",
        "<< write#5! outcome=copying",
        "<< write#5! outcome=failed",
        ">> write#6! verbs=['COPY', 'COPY'] targets=['a', 'b']",
        ">> write#7! verbs=['COPY DONE'] targets=['a']",
        ">> commit#8! verbs=['COPY DONE'] targets=['b']",
        "<< write#6! outcome=copying",
        "<< write#7! outcome=failed",
        ">> commit#9! verbs=['INSERT'] targets=['t']",
        "<< commit#9! outcome=committed",
    ]


def test_rows_that_a_text_did_not_announce_are_waited_for(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), copied_unseen(wire))
    assert transcript.lines("verbs", "outcome")[2:] == [
        ">> commit#1! verbs=['UNKNOWN']",
        "<< commit#1! outcome=copying",
        ">> commit#2! verbs=['COPY DONE']",
        "<< commit#2! outcome=committed",
    ]


def test_an_answer_that_waits_for_the_client_is_not_held(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, [*opened(wire), (">>", wire.query("START_REPLICATION SLOT s LOGICAL 0/0"))])
    both = wire.pg("W", bytes(3))
    for at in range(len(both)):
        segments = link.from_server(both[at : at + 1])
    assert b"".join(segment.data for segment in segments) == both
    (row,) = link.from_server(wire.pg("d", "w"))
    assert row.data == wire.pg("d", "w")


@pytest.mark.parametrize("sql", ["call settle(1)", "do $$ begin insert into t values (1); commit; raise 'x'; end $$"])
def test_a_procedure_that_fails_outside_a_block_may_have_committed_before(wire: Wire, sql: str) -> None:
    alone = [(">>", wire.query(sql)), ("<<", wire.error("P0001") + wire.ready("I"))]
    inside = [(">>", wire.query(f"begin; {sql}")), ("<<", wire.tag("BEGIN") + wire.error("P0001") + wire.ready("E"))]
    assert "outcome=unknown" in play(wire, *alone)[0][-1]
    assert "outcome=failed" in play(wire, *inside)[0][-1]


def test_what_a_transaction_wrote_is_known_where_it_stays_open_unforeseen(wire: Wire) -> None:
    lines, _ = play(
        wire,
        (">>", wire.query("begin")),
        ("<<", wire.tag("BEGIN") + wire.ready("T")),
        (">>", wire.query("insert into t values (1); rollback to s; commit")),
        ("<<", wire.tag("INSERT 0 1") + wire.error("3B001") + wire.ready("E")),
        (">>", wire.query("commit")),
        ("<<", wire.tag("ROLLBACK") + wire.ready("I")),
    )
    assert lines[-2].startswith(">> commit#3! ")
    assert lines[-1].endswith("outcome=rolled back")


def test_the_rows_of_a_copy_pass_as_they_come(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, copied(wire)[:4])
    row = wire.pg("d", "x" * 1000)
    assert b"".join(segment.data for segment in link.from_processor(row[:100])) == row[:100]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(PostgresLink, SCRIPTS[name](wire))


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_byte_is_changed(wire: Wire, name: str) -> None:
    script = SCRIPTS[name](wire)
    transcript = wire.play(PostgresLink(), script)
    assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
    assert transcript.to_processor == b"".join(data for arrow, data in script if arrow == "<<")


def test_encryption_is_refused_by_the_link_itself(wire: Wire) -> None:
    link = PostgresLink()
    out = link.from_processor(wire.packet(80877104))
    out += link.from_processor(wire.packet(80877103))
    assert [(segment.data, segment.answer, segment.message) for segment in out] == [(b"N", True, None)] * 2
    assert wire.play(link, opened(wire)).lines() == [">> startup#0", "<< startup#0"]


def test_a_cancel_request_passes_without_its_key(wire: Wire) -> None:
    packet = wire.packet(80877102, b"\0\0\x12\x34secret-key")
    (segment,) = PostgresLink().from_processor(packet)
    assert segment.data == packet
    assert segment.message is not None
    assert (segment.message.kind, segment.message.boundary, dict(segment.message.fields)) == ("cancel", False, {})
    assert not segment.message.expects_reply


def test_nothing_of_an_extended_unit_is_forwarded_before_its_sync(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    unit = wire.parse("insert into t values (1)") + wire.bind() + wire.execute()
    assert link.from_processor(unit) == []
    (segment,) = link.from_processor(wire.sync())
    assert segment.data == unit + wire.sync()
    assert segment.message is not None
    assert segment.message.kind == "commit"


def test_nothing_of_the_reply_to_a_write_is_forwarded_before_ready_for_query(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    link.from_processor(wire.query("insert into t values (1) returning a"))
    rows = wire.pg("T", bytes(2)) + wire.pg("D", bytes(6)) + wire.tag("INSERT 0 1")
    assert link.from_server(rows) == []
    (segment,) = link.from_server(wire.ready("I"))
    assert segment.data == rows + wire.ready("I")
    assert segment.message is not None


def test_the_rows_of_a_select_pass_as_they_come(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    link.from_processor(wire.query("select * from t"))
    row = wire.pg("D", bytes(1000))
    assert b"".join(segment.data for segment in link.from_server(row[:7])) == row[:7]
    assert b"".join(segment.data for segment in link.from_server(row[7:])) == row[7:]


def test_flush_releases_what_is_held_and_the_sync_commits(wire: Wire) -> None:
    insert = wire.parse("insert into t values (1)") + wire.bind() + wire.execute()
    lines, _ = play(
        wire,
        (">>", insert + wire.pg("H")),
        ("<<", wire.pg("1") + wire.pg("2") + wire.tag("INSERT 0 1")),
        (">>", wire.sync()),
        ("<<", wire.ready("I")),
    )
    assert lines == [
        ">> write#1! verbs=['INSERT'] targets=['t'] effect=writes partial=True",
        ">> commit#1! verbs=[] targets=[] effect=writes",
        "<< commit#1! partial=True tags=['INSERT 0 1'] status=I outcome=committed",
    ]


def test_answers_to_a_flushed_part_pass_at_once(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    link.from_processor(wire.parse("insert into t values (1)") + wire.bind() + wire.execute() + wire.pg("H"))
    assert link.from_server(wire.pg("1")) != []


def test_a_flush_that_runs_nothing_is_not_told(wire: Wire) -> None:
    lines, sent = play(wire, (">>", wire.parse("insert into t values (1)", "s") + wire.pg("H")))
    assert lines == []
    assert sent.endswith(wire.pg("H"))


def test_a_unit_larger_than_the_limit_passes_in_parts(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_HELD_BYTES", 120)
    one = wire.bind("s") + wire.execute()
    lines, sent = play(wire, (">>", wire.parse("insert into t values (1)", "s") + one * 6 + wire.sync()))
    assert len(lines) > 1
    assert all(line.startswith(">> write#1! ") and "partial=True" in line for line in lines[:-1])
    assert lines[-1].startswith(">> commit#1! ")
    assert sum(line.count("INSERT") for line in lines) == 6
    assert sent.endswith(one * 6 + wire.sync())


def test_a_query_too_large_to_collect_is_decided_by_its_front(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_HELD_BYTES", 100)
    monkeypatch.setattr(framing, "MAX_READ_BYTES", 50)
    query = wire.query("insert into t values ('" + "x" * 200 + "')")
    lines, sent = play(wire, (">>", query))
    assert lines == [">> commit#1! verbs=['INSERT'] targets=['t'] effect=writes partial=True"]
    assert sent.endswith(query)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("begin; insert into t values (1); commit", "commit#1! effect=writes"),
        ("begin; insert into t values (1)", "write#1! effect=writes"),
        ("insert into t values (1); rollback", "write#1! effect=writes"),
        ("begin; select 1; commit", "begin#1 effect=reads"),
        ("select 1", "query#1 effect=reads"),
        ("commit", "query#1 effect=reads"),
        ("select settle(1)", "commit#1! effect=maybe"),
        ("begin; select settle(1)", "write#1! effect=maybe"),
        ("begin; select settle(1); commit", "commit#1! effect=maybe"),
        ("commit prepared 'x'", "commit#1! effect=writes"),
        ("begin; insert into t values (1); prepare transaction 'x'", "commit#1! effect=writes"),
        ("prepare p as insert into t values (1); execute p", "commit#1! effect=writes"),
        ("", "query#1 effect=reads"),
    ],
)
def test_what_a_unit_means(wire: Wire, sql: str, expected: str) -> None:
    transcript = wire.play(PostgresLink(), [*opened(wire), (">>", wire.query(sql))])
    assert transcript.lines("effect")[2:] == [f">> {expected}"]


def test_a_commit_after_nothing_but_selects_is_a_query(wire: Wire) -> None:
    lines, _ = play(
        wire,
        (">>", wire.query("begin")),
        ("<<", wire.tag("BEGIN") + wire.ready("T")),
        (">>", wire.query("select count(*) from t")),
        ("<<", wire.tag("SELECT 1") + wire.ready("T")),
        (">>", wire.query("commit")),
    )
    assert lines[-1].startswith(">> query#3 ")


def test_a_commit_of_a_failed_transaction_is_answered_rolled_back(wire: Wire) -> None:
    lines, _ = play(
        wire,
        (">>", wire.query("begin; insert into t values (1)")),
        ("<<", wire.tag("BEGIN") + wire.error("23505") + wire.ready("E")),
        (">>", wire.query("commit")),
        ("<<", wire.tag("ROLLBACK") + wire.ready("I")),
    )
    assert [line.split()[1] + " " + line.split("outcome=")[-1] for line in lines if line.startswith("<<")] == [
        "write#1! failed sqlstate=23505",
        "commit#2! rolled back",
    ]


def test_a_failed_begin_corrects_what_was_foreseen(wire: Wire) -> None:
    lines, _ = play(
        wire,
        (">>", wire.query("begin isolation level nonsense")),
        (">>", wire.query("insert into t values (1)")),
        ("<<", wire.error("42601") + wire.ready("I")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("I")),
        (">>", wire.query("insert into t values (2)")),
    )
    assert lines[1].startswith(">> write#2!"), "told before the BEGIN was known to have failed"
    assert "outcome=committed" in lines[3], "the outcome says what really happened"
    assert lines[4].startswith(">> commit#3!")


def test_an_error_names_the_constraint_and_quotes_no_value(wire: Wire) -> None:
    transcript = wire.play(PostgresLink(), pipelined(wire))
    assert "secret" not in str(transcript.messages)
    assert "4711" not in str(transcript.messages)


def test_a_refused_copy_leaves_no_reply_behind(wire: Wire) -> None:
    """The driver sends the rows without waiting; the server refuses the COPY and ignores them."""
    lines, _ = play(
        wire,
        (">>", wire.query("copy missing from stdin") + wire.pg("d", "row\n") + wire.pg("c")),
        ("<<", wire.error("42P01") + wire.ready("I")),
        (">>", wire.query("insert into t values (1)")),
        ("<<", wire.tag("INSERT 0 1") + wire.ready("I")),
    )
    assert lines[-1].startswith("<< commit#3!")


def test_a_failed_copy_is_told_by_its_reply(wire: Wire) -> None:
    lines, _ = play(
        wire,
        (">>", wire.query("copy t from stdin")),
        ("<<", wire.pg("G", bytes(3))),
        (">>", wire.pg("f", "gave up\0")),
        ("<<", wire.error("57014") + wire.ready("I")),
    )
    assert lines[2:] == [
        ">> rollback#2 verbs=['COPY FAIL'] targets=['t'] effect=writes",
        "<< rollback#2 tags=[] status=I sqlstate=57014",
    ]


def test_the_end_of_a_copy_that_was_not_seen_to_begin_passes_at_once(wire: Wire) -> None:
    lines, sent = play(
        wire,
        (">>", wire.query("START_REPLICATION SLOT s LOGICAL 0/0")),
        ("<<", wire.pg("W", bytes(3)) + wire.pg("d", "w")),
        (">>", wire.pg("d", "r") + wire.pg("c")),
        ("<<", wire.pg("c") + wire.tag("COPY 0") + wire.ready("I")),
        (">>", wire.query("select 1")),
        ("<<", wire.tag("SELECT 1") + wire.ready("I")),
    )
    assert wire.pg("c") in sent
    assert lines[-1] == "<< query#2 tags=['SELECT 1'] status=I"


def test_a_server_that_goes_away_in_a_commit_leaves_it_unknown(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    link.from_processor(wire.query("insert into t values (1)"))
    fatal = wire.error("57P01", S="FATAL", V="FATAL")
    assert link.from_server(fatal) == []
    (segment,) = link.ended(Direction.REPLY)
    assert segment.data == fatal
    assert segment.message is not None
    assert segment.message.fields["outcome"] == "unknown"
    assert segment.message.fields["sqlstate"] == "57P01"


def test_what_is_held_at_the_processors_end_is_told_and_given_back(wire: Wire) -> None:
    link = PostgresLink()
    wire.play(link, opened(wire))
    unit = wire.parse("insert into t values (1)") + wire.bind() + wire.execute()
    assert link.from_processor(unit) == []
    (segment,) = link.ended(Direction.REQUEST)
    assert segment.data == unit
    assert segment.message is not None
    assert (segment.message.kind, segment.message.fields["partial"]) == ("write", True)


def test_a_reply_longer_than_the_limit_is_no_longer_held(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_HELD_REPLY_BYTES", 100)
    link = PostgresLink()
    wire.play(link, opened(wire))
    link.from_processor(wire.query("delete from t returning *"))
    row = wire.pg("D", bytes(80))
    assert link.from_server(row) == []
    assert b"".join(segment.data for segment in link.from_server(row)) == row * 2
    (segment,) = link.from_server(wire.ready("I"))
    assert segment.message is not None
    assert segment.message.fields["partial"] is True


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", b"GET / HTTP/1.1\r\n", b"\0\0\0\x0c\0\x02\0\0rest"],
    ids=["TLS", "HTTP", "protocol 2"],
)
def test_a_stream_that_is_not_postgresql_passes_untouched(data: bytes) -> None:
    link = PostgresLink()
    out = link.from_processor(data) + link.from_processor(b"more")
    assert b"".join(segment.data for segment in out) == data + b"more"
    assert b"".join(segment.data for segment in link.from_server(b"an answer")) == b"an answer"
    assert link.unknown_bytes == len(data + b"more" + b"an answer")
    assert [segment.message.fields for segment in out if segment.message] == [{"reason": link.opaque}], "once"
    assert link.opaque


def _mutated(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    out = bytearray(data)
    for at, value in edits:
        out[at % len(out)] = value
    return bytes(out)


@given(
    name=st.sampled_from(sorted(set(SCRIPTS) - {"opened"})),
    step=st.integers(2, 30),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    extra=st.binary(max_size=30),
)
def test_mutated_messages_are_forwarded_untouched(
    wire: Wire, name: str, step: int, edits: list[tuple[int, int]], extra: bytes
) -> None:
    script = SCRIPTS[name](wire)
    at = 2 + step % (len(script) - 2)
    script[at] = (script[at][0], _mutated(script[at][1], edits) + extra)
    _assert_untouched(wire, script)


@given(data=st.lists(st.tuples(st.sampled_from([">>", "<<"]), st.binary(min_size=1, max_size=100)), max_size=10))
def test_random_bytes_behind_a_start_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    _assert_untouched(wire, [*opened(wire), *data])


@given(data=st.binary(max_size=100))
def test_a_random_start_never_fails(data: bytes) -> None:
    link = PostgresLink()
    link.from_processor(data)
    link.from_server(data)
    link.ended(Direction.REQUEST)
    link.ended(Direction.REPLY)


def _assert_untouched(wire: Wire, script: list[Step]) -> None:
    link = PostgresLink()
    transcript = wire.play(link, script)
    for direction in Direction:
        transcript.take(direction, link.ended(direction))
    assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
    assert transcript.to_processor == b"".join(data for arrow, data in script if arrow == "<<")
