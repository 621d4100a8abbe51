"""What an SQL text means: whether it writes, what it does to the transaction, and what it touches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire.postgres.dialect import DIALECT
from oncewhere.wire.sql.lexer import MAX_TOKENS, Kind, Word
from oncewhere.wire.sql.lexer import words as words_of
from oncewhere.wire.sql.statements import Control, Effect, Statement
from oncewhere.wire.sql.statements import classify as classify_as

READS, MAYBE, WRITES = Effect.READS, Effect.MAYBE, Effect.WRITES


def classify(sql: str) -> tuple[Statement, ...]:
    return classify_as(sql, DIALECT)


def words(text: str) -> list[Word]:
    return list(words_of(text, DIALECT.lexis))


def one(sql: str) -> Statement:
    (statement,) = classify(sql)
    return statement


@pytest.mark.parametrize(
    ("sql", "effect", "targets"),
    [
        ("insert into t (a) values (1)", WRITES, ("t",)),
        ("INSERT INTO bank.\"Processed Event\" VALUES ('x')", WRITES, ("bank.Processed Event",)),
        ("update only accounts set balance = 1", WRITES, ("accounts",)),
        ("delete from t where a = 1", WRITES, ("t",)),
        ("merge into t using s on (a = b) when matched then update set x = 1", WRITES, ("t",)),
        ("insert into t select * from s on conflict (a) do update set b = 2", WRITES, ("t",)),
        ("with x as (insert into t values (1) returning a) select * from x", WRITES, ("t",)),
        ("with x as (select 1) update t set a = 1", WRITES, ("t",)),
        ("with x (a) as (select 1 for update) select * from x", READS, ()),
        ("with recursive x (a) as (select 1) select a from x", READS, ()),
        ("select * from t for no key update", READS, ()),
        ("select a into copy_of_t from t", WRITES, ("copy_of_t",)),
        ("copy t (a, b) from stdin", WRITES, ("t",)),
        ("copy t to stdout", READS, ()),
        ("copy (delete from t returning *) to stdout", WRITES, ("t",)),
        ("copy (select * from t) to stdout", READS, ()),
        ("call settle(1)", WRITES, ("settle",)),
        ("do $$ begin delete from t; end $$", WRITES, ()),
        ("notify settled, 'payload'", WRITES, ("settled",)),
        ("create table if not exists bank.t (a int)", WRITES, ("bank.t",)),
        ("create temporary table t (a int)", READS, ("t",)),
        ("truncate table t", WRITES, ("t",)),
        ("alter table only t add column b int", WRITES, ("t",)),
        ("explain insert into t values (1)", READS, ()),
        ("explain (analyze, buffers) insert into t values (1)", WRITES, ()),
        ("select 1", READS, ()),
        ("(select 1) union (select 2)", READS, ()),
        ("values (1)", READS, ()),
        ("table t", READS, ()),
        ("select count(*), coalesce(max(a), 0) from t where b in (1, 2) and c = any ($1)", READS, ()),
        ("select a::numeric(9, 2), cast(b as varchar(3)) from f as t (a, b)", READS, ()),
        ("select pg_advisory_xact_lock(1)", READS, ()),
        ("select settle($1)", MAYBE, ("settle",)),
        ("select pgmq.send('queue', $1)", MAYBE, ("pgmq.send",)),
        ('select "Settle"(1)', MAYBE, ("Settle",)),
        ("select pg_notify('a', 'b')", MAYBE, ("pg_notify",)),
        ("execute prepared_somewhere (1)", MAYBE, ()),
        ("frobnicate t", MAYBE, ()),
        ("set search_path = a", READS, ()),
        ("lock table t in exclusive mode", READS, ()),
        ("declare c cursor for select 1", READS, ()),
        ("fetch 5 from c", READS, ()),
    ],
)  # fmt: skip
def test_what_a_statement_writes(sql: str, effect: Effect, targets: tuple[str, ...]) -> None:
    statement = one(sql)
    assert (statement.effect, statement.targets, statement.control) == (effect, targets, Control.NONE)


@pytest.mark.parametrize(
    "sql",
    [
        "select 'delete from t; commit'",
        "select e'it\\'s; delete from t'",
        "select 'it''s; delete from t'",
        "select $$delete from t; commit$$",
        "select $tag$ $$ delete from t; $$ $tag$",
        'select "delete from t; ""commit" from t',
        "select 1 -- ; delete from t",
        "select /* ; /* delete */ from t; commit */ 1",
        "select u&'\\0041; commit'",
        "select 'a literal that is cut; delete from t",
    ],
)
def test_no_word_in_a_literal_or_a_comment_counts(sql: str) -> None:
    statement = one(sql)
    assert (statement.verb, statement.effect) == ("SELECT", READS)


@pytest.mark.parametrize(
    ("sql", "verb", "control", "chain"),
    [
        ("begin", "BEGIN", Control.BEGIN, False),
        ("start transaction isolation level serializable", "START", Control.BEGIN, False),
        ("commit", "COMMIT", Control.COMMIT, False),
        ("end work", "END", Control.COMMIT, False),
        ("commit and chain", "COMMIT", Control.COMMIT, True),
        ("commit and no chain", "COMMIT", Control.COMMIT, False),
        ("rollback", "ROLLBACK", Control.ROLLBACK, False),
        ("abort", "ABORT", Control.ROLLBACK, False),
        ("rollback and chain", "ROLLBACK", Control.ROLLBACK, True),
        ("rollback to savepoint s", "ROLLBACK TO", Control.NONE, False),
        ("savepoint s", "SAVEPOINT", Control.NONE, False),
        ("release s", "RELEASE", Control.NONE, False),
        ("prepare transaction 'x'", "PREPARE TRANSACTION", Control.COMMIT, False),
        ("commit prepared 'x'", "COMMIT PREPARED", Control.COMMIT, False),
        ("rollback prepared 'x'", "ROLLBACK PREPARED", Control.ROLLBACK, False),
    ],
)
def test_what_a_statement_does_to_the_transaction(sql: str, verb: str, control: Control, *, chain: bool) -> None:
    statement = one(sql)
    assert (statement.verb, statement.control, statement.chain) == (verb, control, chain)


def test_several_statements_are_told_apart() -> None:
    assert [s.verb for s in classify(";begin; insert into t values (';'); ; commit;")] == ["BEGIN", "INSERT", "COMMIT"]
    assert classify("") == classify(" ; -- nothing\n") == ()


def test_sqls_own_prepare_keeps_what_it_prepares() -> None:
    statement = one("prepare p (text) as insert into t values ($1)")
    assert statement.effect is READS
    assert statement.name == "p"
    assert statement.body is not None
    assert (statement.body.verb, statement.body.targets) == ("INSERT", ("t",))


def test_copy_from_stdin_waits_for_rows() -> None:
    assert one("copy t from stdin").copies_in
    assert not one("copy t from '/a/file'").copies_in


def test_what_stands_behind_too_many_tokens_may_write() -> None:
    long = "insert into t values " + ",".join(["(1)"] * MAX_TOKENS) + "; delete from u"
    assert [s.verb for s in classify(long)] == ["INSERT", "UNKNOWN"]
    assert classify(long)[1].effect is MAYBE


def test_no_literal_survives_the_lexer() -> None:
    text = "insert into t values ('secret', e'secret', $$secret$$, 4711, b'1', U&'secret') -- secret"
    kept = " ".join(word.text for word in words(text))
    assert "secret" not in kept.lower()
    assert "4711" not in kept
    assert {word.kind for word in words(text)} == {Kind.WORD, Kind.MARK, Kind.LITERAL}


@given(st.text(max_size=200))
def test_any_text_is_classified(text: str) -> None:
    for statement in classify(text):
        assert statement.verb
