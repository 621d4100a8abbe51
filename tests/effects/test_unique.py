"""Which violation of a unique key means that an effect was done: a policy's name and an error's in; yes, no, doubt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pymysql
import pytest

from oncewhere import ConfigurationError, UniqueConstraint
from oncewhere.effects.mysql import MySql, MySqlConnection
from oncewhere.effects.sql.connection import Cause, Fault
from oncewhere.effects.sql.dialect import MYSQL, SQLITE, Dialect
from oncewhere.effects.sql.unique import UniquePage

TWO = ["other.k", "settlement.k"]


class Catalog:
    """A database that has these keys."""

    def __init__(self, bearers: list[str], dialect: Dialect = MYSQL) -> None:
        self.dialect = dialect
        self.bearers = bearers
        self.asked = 0

    def execute(self, statement: str, parameters: Any = ()) -> list[Any]:
        assert list(parameters) == ["k"]
        self.asked += 1
        return [(bearer,) for bearer in self.bearers]

    def execute_many(self, statement: str, rows: Any) -> int:
        raise AssertionError(statement)


def judged(named: str, violated: str, bearers: list[str]) -> str:
    """What a violation means where the effect reads nothing back: done, not done, or nobody knows."""
    page = UniquePage(frozenset([named]), place="bank")
    owner, _, key = violated.rpartition(".")
    cause = Cause(Fault.TAKEN, "a unique key is taken", key, owner)
    if not page.means_done(cause):
        return "not done"
    try:
        page.doubt(Catalog(bearers), cause)
    except ConfigurationError as refused:
        return "unknown" if all(bearer in str(refused) for bearer in bearers) else str(refused)
    return "done"


@pytest.mark.parametrize(
    ("named", "violated", "bearers", "means"),
    [
        ("k", "k", ["settlement.k"], "done"),
        ("k", "settlement.k", ["settlement.k"], "done"),
        ("settlement.k", "k", ["settlement.k"], "done"),
        ("k", "k", TWO, "unknown"),
        ("k", "settlement.k", TWO, "unknown"),
        ("settlement.k", "k", TWO, "unknown"),
        ("settlement.k", "k", ["other.k"], "unknown"),
        ("settlement.k", "settlement.k", TWO, "done"),
        ("settlement.k", "other.k", TWO, "not done"),
        ("k", "l", TWO, "not done"),
        ("settlement.k", "settlement.l", TWO, "not done"),
    ],
)
def test_a_name_that_is_not_whole_on_both_sides_proves_nothing_where_another_key_bears_it(
    named: str, violated: str, bearers: list[str], means: str
) -> None:
    assert judged(named, violated, bearers) == means


def test_the_catalog_is_asked_once_for_a_batch_and_never_where_names_are_always_whole() -> None:
    page = UniquePage(frozenset(["k", "t.c"]), place="bank")
    catalog, whole = Catalog(["settlement.k"]), Catalog([], SQLITE)
    for _ in range(3):
        page.doubt(catalog, Cause(Fault.TAKEN, "", "k"))
        page.doubt(whole, Cause(Fault.TAKEN, "", "t.c"))
    assert (catalog.asked, whole.asked) == (1, 0)


@pytest.mark.parametrize(
    ("said", "key", "owner"),
    [
        ("Duplicate entry 'e1' for key 'settlement_event'", "settlement_event", ""),
        ("Duplicate entry 'a.b' for key 'settlement.settlement_event'", "settlement_event", "settlement"),
    ],
)
def test_mysql_names_the_table_of_a_key_and_mariadb_does_not(said: str, key: str, owner: str) -> None:
    native: Any = SimpleNamespace(open=True)
    cause = MySqlConnection(native).cause(pymysql.err.IntegrityError(1062, said))
    assert (cause.fault, cause.key, cause.owner) == (Fault.TAKEN, key, owner)
    assert "e1" not in cause.reason


@pytest.mark.parametrize("key", ["PRIMARY", "settlement.primary"])
def test_a_primary_key_is_refused_where_every_table_calls_it_so(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"primary key of every table.*add unique key"):
        MySql("mysql://localhost/bank", name="bank", policy=UniqueConstraint(key))
