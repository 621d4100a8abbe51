"""Which table a declaration means by its dedupe table: the claimed one; else the observed one, as a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.doctor.places import Expected
from oncewhere.doctor.readers.subjects import of_declaration
from oncewhere.drill import load

FILE = """
[processor]
command = ["true"]
input = "payments"
output = ["settlements"]
group = "settlement"
identity = "paymentId"
[effects.payments]
system = "postgresql"
policy = "{policy}"
observe = "select payment_id, count(*) from settlement group by payment_id"
[drill]
inputs = "inputs.jsonl"
"""
CLAIMED = '[document.effects.payments]\ndedupe_table = "processed_payment"\n'


def expected(folder: Path, policy: str, claims: str) -> Expected:
    (folder / "oncewhere.toml").write_text(FILE.format(policy=policy) + claims)
    (folder / "inputs.jsonl").write_text("")
    (version,) = load(folder).versions.values()
    (database,) = of_declaration(version, {"payments": "postgresql://db/bank"}).databases
    (table,) = database.tables
    return table


@pytest.mark.parametrize(
    ("policy", "claims", "table", "column", "assumed"),
    [
        ("dedupe-table", "", "settlement", "payment_id", True),
        ("unique-constraint", "", "settlement", "payment_id", False),
        ("dedupe-table", CLAIMED, "processed_payment", "event_id", True),
        ("dedupe-table", CLAIMED + 'dedupe_column = "id"', "processed_payment", "id", False),
        ("a row of my own", CLAIMED + 'dedupe_column = "id"', "processed_payment", "id", False),
        ("dedupe-table", CLAIMED.replace("processed_payment", "settlement"), "settlement", "payment_id", False),
    ],
)
def test_the_claimed_dedupe_table_is_looked_at_and_the_observed_one_only_as_a_guess(
    tmp_path: Path, policy: str, claims: str, table: str, column: str, assumed: bool
) -> None:
    found = expected(tmp_path, policy, claims)
    assert (found.name, found.key, found.assumed) == (table, (column,), assumed)
