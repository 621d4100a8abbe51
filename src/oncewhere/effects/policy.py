"""How duplicates of an effect are prevented: the user's choice in, frozen data with its guarantee in words out.

A policy says what, never how: the place that accepts it brings the statements. The document prints the sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Policy:
    """One way of preventing duplicates; see the subclasses. A place refuses a policy that it cannot honour."""

    name: ClassVar[str]
    """The policy's name in declarations and documents, such as `offset-ledger`."""
    guarantee: ClassVar[str]
    """What may be claimed, in one sentence."""
    needs_identity: ClassVar[bool] = False
    """True when the policy tells events apart by their business identity, so that `consume` must name one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetLedger(Policy):
    """The effect and the consumed position commit together, in the effect's own database.

    One row per group and partition: constant space, no retention window to outlive. It does not notice the same
    business event published twice upstream, at two offsets: that is `DedupeTable`.

    Args:
        table: name of the ledger table, `name` or `schema.name`. Ours alone: nothing else may write to it.
        create: True creates the table at the start where it is missing; False leaves that to your migrations (the
            statement is `oncewhere.effects.ledger_table.ddl(table)`).
    """

    name: ClassVar[str] = "offset-ledger"
    guarantee: ClassVar[str] = (
        "The effect and the consumed position commit in one database transaction; "
        "a redelivered record runs no effect and gets the result that was recorded."
    )

    table: str = "oncewhere_ledger"
    create: bool = True


@dataclass(frozen=True, slots=True)
class DedupeTable(Policy):
    """One row per business event, inserted in the effect's own transaction.

    The table is the user's, as it stands: `create table processed_event (event_id varchar(64) primary key, …)`.
    Beside it stands a table of ours that keeps the position and the results of each event, so that a redelivery of
    the same position (give the recorded result) is told from the same event at another position (an upstream
    duplicate: suppress it).

    Args:
        table: the dedupe table, `name` or `schema.name`; it must exist.
        column: its column of event identities, under a primary key or unique constraint of its own.
        recorded: name of our companion table, `name` or `schema.name`.
        create: True creates the companion table at the start where it is missing; False leaves that to your migrations.
    """

    name: ClassVar[str] = "dedupe-table"
    guarantee: ClassVar[str] = (
        "One row per event identity commits in the effect's own database transaction; a redelivered record gets the "
        "recorded result, and the same event at another position runs no effect and gives no output."
    )
    needs_identity: ClassVar[bool] = True

    table: str
    column: str = "event_id"
    recorded: str = "oncewhere_recorded"
    create: bool = True
