"""What an SQL text means to MySQL and MariaDB, where that is not what it means to PostgreSQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire.mysql.dialect import MYSQL, MYSQL_WITHOUT_ESCAPES
from oncewhere.wire.sql.classify import classify
from oncewhere.wire.sql.lexer import words
from oncewhere.wire.sql.statement import Control, Effect, Statement

READS, MAYBE, WRITES = Effect.READS, Effect.MAYBE, Effect.WRITES
NONE, BEGIN, COMMIT, ROLLBACK = Control.NONE, Control.BEGIN, Control.COMMIT, Control.ROLLBACK


def one(sql: str) -> Statement:
    (statement,) = classify(sql, MYSQL)
    return statement


@pytest.mark.parametrize(
    ("sql", "effect", "control", "targets"),
    [
        ("insert ignore t values (1)", WRITES, NONE, ("t",)),
        ("INSERT INTO `bank`.`An Event` VALUES ('x') ON DUPLICATE KEY UPDATE a = 1", WRITES, NONE, ("bank.An Event",)),
        ("replace low_priority into t select * from s", WRITES, NONE, ("t",)),
        ("update ignore t set a = replace(a, 'x', 'y')", WRITES, NONE, ("t",)),
        ("delete quick from t where a = 1", WRITES, NONE, ("t",)),
        ("with x as (select 1) delete from t", WRITES, NONE, ("t",)),
        ("load data infile 'f' into table t", WRITES, NONE, ("t",)),
        ("call settle(1)", WRITES, NONE, ("settle",)),
        ("create table if not exists t (a int)", WRITES, COMMIT, ("t",)),
        ("create temporary table t (a int)", READS, NONE, ("t",)),
        ("truncate t", WRITES, COMMIT, ("t",)),
        ("rename table t to u", WRITES, COMMIT, ("t",)),
        ("select replace(a, 'x', 'y'), insert(a, 1, 1, 'z') from t", READS, NONE, ()),
        ("select a into @a from t", READS, NONE, ()),
        ("select a from t into outfile 'f'", WRITES, NONE, ()),
        ("select * from t where a in (1) and match (b) against ('x') for update", READS, NONE, ()),
        ("select bank.settle(1)", MAYBE, NONE, ("bank.settle",)),
        ("select settle(1)", MAYBE, NONE, ("settle",)),
        ("select last_insert_id(), get_lock('a', 1), now()", READS, NONE, ()),
        ("do release_lock('a')", READS, NONE, ()),
        ("do settle(1)", MAYBE, NONE, ("settle",)),
        ("/*!40101 insert into t values (1) */", WRITES, NONE, ("t",)),
        ("/*M!100100 delete from t */", WRITES, NONE, ("t",)),
        ("set autocommit = 0", READS, COMMIT, ()),
        ("SET @@session.autocommit = 1", READS, COMMIT, ()),
        ("set names utf8mb4", READS, NONE, ()),
        ("set statement max_statement_time = 1 for insert into t values (1)", WRITES, NONE, ("t",)),
        ("start transaction read only", READS, BEGIN, ()),
        ("begin work", READS, BEGIN, ()),
        ("start replica", READS, NONE, ()),
        ("rollback to savepoint s", READS, NONE, ()),
        ("rollback", READS, ROLLBACK, ()),
        ("xa start 'x'", READS, BEGIN, ()),
        ("xa end 'x'", READS, NONE, ()),
        ("xa prepare 'x'", READS, COMMIT, ()),
        ("xa commit 'x'", WRITES, COMMIT, ()),
        ("lock tables t write", READS, COMMIT, ()),
        ("flush privileges", READS, COMMIT, ()),
        ("analyze table t", READS, COMMIT, ()),
        ("analyze format=json update t set a = 1", WRITES, NONE, ()),
        ("explain update t set a = 1", READS, NONE, ()),
        ("execute s using @a", MAYBE, NONE, ()),
        ("frobnicate t", MAYBE, NONE, ()),
        ("show tables", READS, NONE, ()),
    ],
)  # fmt: skip
def test_what_a_statement_means(sql: str, effect: Effect, control: Control, targets: tuple[str, ...]) -> None:
    statement = one(sql)
    assert (statement.effect, statement.control, statement.targets) == (effect, control, targets)


@pytest.mark.parametrize(
    "sql",
    [
        "select 'delete from t; commit'",
        'select "delete from t; commit"',
        "select 'it\\'s; delete from t'",
        "select 'it''s; delete from t'",
        "select `delete from t; ``commit` from t",
        "select 1 -- ; delete from t",
        "select 1 # ; delete from t",
        "select 1 /* ; delete from t /* */",
        "select /*+ max_execution_time(1) */ 1",
        "select x'00', b'1', n'; delete from t'",
        "select 'a literal that is cut; delete from t\\",
    ],
)
def test_no_word_in_a_literal_or_a_comment_counts(sql: str) -> None:
    statement = one(sql)
    assert (statement.verb, statement.effect) == ("SELECT", READS)


def test_two_dashes_alone_begin_no_comment() -> None:
    assert [s.verb for s in classify("select 1--1; delete from t", MYSQL)] == ["SELECT", "DELETE"]


def test_without_escapes_a_backslash_is_a_character() -> None:
    sql = "select 'c:\\'; delete from t where a = 'x'"
    assert [s.verb for s in classify(sql, MYSQL_WITHOUT_ESCAPES)] == ["SELECT", "DELETE"]
    assert [s.verb for s in classify(sql, MYSQL)] == ["SELECT"]


@pytest.mark.parametrize(
    "sql",
    [
        "create procedure p() begin insert into t values (1); delete from t; end",
        "create definer = a@b trigger x before insert on t for each row begin set @a = 1; end",
        "begin not atomic insert into t values (1); end",
    ],
)
def test_a_body_is_one_statement_with_what_it_belongs_to(sql: str) -> None:
    assert one(sql).effect is not READS


def test_no_literal_survives_the_lexer() -> None:
    text = "insert into t values ('secret', \"secret\", x'secret', 4711) # secret"
    kept = " ".join(word.text for word in words(text, MYSQL.tokens))
    assert "secret" not in kept.lower()
    assert "4711" not in kept


@given(st.text(max_size=200))
def test_any_text_is_classified(text: str) -> None:
    for statement in classify(text, MYSQL):
        assert statement.verb
