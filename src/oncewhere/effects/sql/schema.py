"""All tables of ours: a dialect in, the script for the user's own migrations out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from oncewhere.effects.sql.call_journal import CALLS
from oncewhere.effects.sql.dedupe_table import RECORDED
from oncewhere.effects.sql.intent_journal import INTENTS, OWNERS
from oncewhere.effects.sql.ledger_table import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.effects.sql.table import Table


class Purpose(NamedTuple):
    """A table and what it is for.

    Attributes:
        table: what it looks like.
        policy: the policy that needs it.
        sentence: what it keeps.
    """

    table: Table
    policy: str
    sentence: str


TABLES: Mapping[str, Purpose] = {
    "oncewhere_ledger": Purpose(
        LEDGER, "OffsetLedger", "One row per group and partition: the position, and the last results."
    ),
    "oncewhere_recorded": Purpose(
        RECORDED,
        "DedupeTable",
        "One row per event, beside your dedupe table: where it was done, and its results. Purge both by the same rule.",
    ),
    "oncewhere_calls": Purpose(
        CALLS,
        "AtMostOnce, IdempotencyKey(answers=…)",
        "One row per call outside a transaction: a claim, or its answer. Never purge what is not settled.",
    ),
    "oncewhere_intents": Purpose(
        INTENTS, "Compensate", "One row per call whose Kafka transaction has not committed, or whose undo is in doubt."
    ),
    "oncewhere_owners": Purpose(
        OWNERS, "Compensate", "One row per group and partition: who may write intents, and how far it was committed."
    ),
}
"""By the name that a policy gives them unless told otherwise."""


def script(dialect: Dialect, names: Mapping[str, str] | None = None) -> str:
    """CREATE TABLE statements for all tables of ours, with comments.

    Args:
        dialect: in which SQL.
        names: other names, by the usual ones.

    Raises:
        ConfigurationError: a name is none.
    """
    parts = []
    for usual, (table, policy, sentence) in TABLES.items():
        parts.append(f"-- {policy}. {sentence}\n{table.ddl(dialect, (names or {}).get(usual, usual))};\n")
    return "\n".join(parts)
