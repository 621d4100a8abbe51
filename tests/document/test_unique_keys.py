"""The unique keys of a schema are read as PostgreSQL and MySQL would make them; what refuses only some rows is none."""

from __future__ import annotations

import math

import pytest

from oncewhere.document.unique_keys import is_unique, unique_keys
from oncewhere.drill.durations import seconds


@pytest.mark.parametrize(
    ("text", "system", "unique"),
    [
        ("create table t (event_id varchar(64) primary key, at timestamp)", "postgresql", True),
        ("create table t (event_id varchar(64) not null unique, at timestamp)", "postgresql", True),
        ("CREATE TABLE IF NOT EXISTS bank.T (at int, Event_Id text, primary key (event_id))", "postgresql", True),
        ("create table t (event_id text, constraint one unique (event_id));", "postgresql", True),
        ("create table t (event_id text); create unique index i on t (event_id)", "postgresql", True),
        (
            "create table t (event_id text); create unique index concurrently i on only t using btree (event_id desc)",
            "postgresql",
            True,
        ),
        (
            "create table t (event_id text); alter table only t add constraint k primary key (event_id)",
            "postgresql",
            True,
        ),
        ('create table "t" ("event_id" text primary key)', "postgresql", True),
        ("create table `t` (`event_id` varchar(64), UNIQUE KEY `k` (`event_id`)) engine=InnoDB", "mysql", True),
        ("create table t (event_id text not null, at timestamp)", "postgresql", False),
        ("create table t (event_id text, other int, primary key (event_id, other))", "postgresql", False),
        ("create table t (id int primary key, event_id text references e (event_id))", "postgresql", False),
        ("create table t (event_id text); create unique index i on t (event_id) where not done", "postgresql", False),
        ("create table t (event_id text); create unique index i on t (lower(event_id))", "postgresql", False),
        ("create table t (event_id text); create index i on t (event_id)", "postgresql", False),
        ("create table t (event_id text /* primary key */) -- unique (event_id)", "postgresql", False),
        ("create table other (event_id text primary key)", "postgresql", None),
        ("", "postgresql", None),
    ],
)
def test_a_key_of_the_column_alone(text, system, unique):
    assert is_unique(unique_keys(text, system), "public.t", "event_id") is unique


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 days", 30 * 86_400),
        ("7d", 7 * 86_400),
        ("12 h", 43_200),
        ("1.5 hours", 5_400),
        ("500 ms", 0.5),
        ("2 weeks", 1_209_600),
        ("forever", math.inf),
        ("until somebody cleans up", None),
        ("5 moons", None),
        (None, None),
    ],
)
def test_a_duration_in_words(text, expected):
    assert seconds(text) == expected
