"""Which table a declaration means by its dedupe table: the claimed one; else the observed one, as a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.doctor.places import Expected
from oncewhere.doctor.readers.databases import dedupe, spelt
from oncewhere.doctor.readers.subjects import DEDUPE_COLUMN, of_declaration
from oncewhere.drill import load
from oncewhere.effects.sql.dialect import DIALECTS

FILE = """
[processor]
command = ["true"]
input = "payments"
output = ["settlements"]
group = "settlement"
identity = "paymentId"
[effects.payments]
system = "{system}"
policy = "{policy}"
observe = '''{observe}'''
[drill]
inputs = "inputs.jsonl"
"""
DSNS = {"postgresql": "postgresql://db/bank", "mysql": "mysql://root@db/bank", "sqlite": "bank.db"}
CLAIMED = '[document.effects.payments]\ndedupe_table = "processed_payment"\n'


OBSERVE = "select payment_id, count(*) from settlement group by payment_id"


def expected(folder: Path, policy: str, claims: str, *, system: str = "postgresql", observe: str = OBSERVE) -> Expected:
    (folder / "oncewhere.toml").write_text(FILE.format(policy=policy, system=system, observe=observe) + claims)
    (folder / "inputs.jsonl").write_text("")
    (version,) = load(folder).versions.values()
    (database,) = of_declaration(version, {"payments": DSNS[system]}).databases
    (table,) = database.tables
    return table


@pytest.mark.parametrize(
    ("policy", "claims", "table", "column", "assumed"),
    [
        ("dedupe-table", "", "settlement", "payment_id", True),
        ("unique-constraint", "", "settlement", "payment_id", True),
        ("dedupe-table", CLAIMED, "processed_payment", "event_id", True),
        ("dedupe-table", CLAIMED + 'dedupe_column = "id"', "processed_payment", "id", False),
        ("a row of my own", CLAIMED + 'dedupe_column = "id"', "processed_payment", "id", False),
        ("dedupe-table", CLAIMED.replace("processed_payment", "settlement"), "settlement", "payment_id", True),
        (
            "dedupe-table",
            CLAIMED.replace("processed_payment", "settlement") + 'dedupe_column = "id"',
            "settlement",
            "id",
            False,
        ),
    ],
)
def test_the_claimed_dedupe_table_is_looked_at_and_the_observed_one_only_as_a_guess(
    tmp_path: Path, policy: str, claims: str, table: str, column: str, assumed: bool
) -> None:
    found = expected(tmp_path, policy, claims)
    assert (found.name, found.key, found.assumed) == (table, (column,), assumed)


@pytest.mark.parametrize(
    ("system", "grouped", "table", "column"),
    [
        ("postgresql", "from Settlement s group by s.Payment_Id", "settlement", "payment_id"),
        ("postgresql", 'from "Bank"."Settlement" group by "Payment_Id" order by 2', "Bank.Settlement", "Payment_Id"),
        ("mysql", "from bank.Settlement group by `Payment_Id`;", "bank.Settlement", "Payment_Id"),
        ("postgresql", "from settlement group by 1", "settlement", DEDUPE_COLUMN),
        ("postgresql", "from settlement group by payload->>'event_id'", "settlement", DEDUPE_COLUMN),
        ("postgresql", "from settlement group by payload::text", "settlement", DEDUPE_COLUMN),
        ("postgresql", "from settlement group by lower(payment_id)", "settlement", DEDUPE_COLUMN),
        ("postgresql", "from settlement group by payment_id, kind", "settlement", DEDUPE_COLUMN),
    ],
)
@pytest.mark.parametrize("policy", ["dedupe-table", "unique-constraint"])
def test_a_column_is_guessed_out_of_a_plain_name_alone_and_stays_a_guess(
    tmp_path: Path, policy: str, system: str, grouped: str, table: str, column: str
) -> None:
    found = expected(tmp_path, policy, "", system=system, observe=f"select x, count(*) {grouped}")
    assert (found.name, found.key, found.assumed) == (table, (column,), True)


def test_a_column_is_found_whatever_its_case_where_the_system_takes_no_notice_of_it() -> None:
    wanted = dedupe("settlement", "payment_id", None)
    there = ["Payment_Id", "amount"]
    assert spelt(wanted, there, DIALECTS["mysql"]).key == ("Payment_Id",)
    assert spelt(wanted, there, DIALECTS["sqlite"]).columns == {"Payment_Id": ""}
    assert spelt(wanted, there, DIALECTS["postgresql"]) == wanted
