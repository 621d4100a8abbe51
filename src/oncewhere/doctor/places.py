"""What was found in a database that effects write to, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oncewhere.effects.calls import Entry

from .fact import Fact, Unread


class Purpose(StrEnum):
    """What a table is there for."""

    LEDGER = "ledger"
    DEDUPE = "dedupe table"
    RECORDED = "table of recorded results"
    CALLS = "table of calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a table must look like for its policy to hold.

    Attributes:
        purpose: what it is there for.
        name: its name, as the policy has it.
        columns: names and types; an empty type where any will do.
        key: the columns that must be unique together.
        made_at_start: True where a processor makes it at its first start.
        assumed: True where its name, or its column's, is only our guess.
        claimed: True where its name was told, though its column may be a guess.
        stamp: the column that says when a row was written; empty where it is not known.
        kept_s: how long a row is kept at least, in seconds, as declared; None where nobody has said it.
    """

    purpose: Purpose
    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    made_at_start: bool = False
    assumed: bool = False
    claimed: bool = False
    stamp: str = ""
    kept_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """How a column of text keeps an identity.

    Attributes:
        length: how many characters fit; None where there is no limit.
        collation: what compares it, by name.
        folds: True where that takes two spellings for one: it ignores case, or accents.
    """

    length: int | None
    collation: str
    folds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table.

    Attributes:
        expected: what it must look like.
        columns: the columns that it has, and their types; none where there is no such table.
        keys: its unique keys, those that are checked at once and for every row.
        rows: how many rows it has, as the database estimates it.
        oldest_ms: when its oldest row was written, Unix time; None where it has none, or does not say.
        identity: of a dedupe table, the column of the identity; None where it is not of text, or not there.
    """

    expected: Expected
    columns: Fact[Mapping[str, str]]
    keys: Fact[tuple[tuple[str, ...], ...]]
    rows: Fact[int]
    oldest_ms: Fact[int | None]
    identity: Fact[TextColumn | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPosition:
    """One row of an offset ledger."""

    topic_id: str
    topic: str
    partition: int
    next_offset: int
    covered_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """One database.

    Attributes:
        name: the user's name for it.
        system: `postgresql`, `mysql`, `sqlite`.
        policy: how duplicates are prevented there, by name.
        reached: True, or why it could not be reached.
        tables: those that the policy needs.
        ledger: the group's rows; None where the policy keeps none.
        unsettled: calls that are claimed or in doubt; None where the policy makes none.
    """

    name: str
    system: str
    policy: str
    reached: Fact[bool]
    tables: tuple[TableFacts, ...] = ()
    ledger: Fact[tuple[LedgerPosition, ...]] | None = None
    unsettled: Fact[tuple[Entry, ...]] | None = None


def unreached(name: str, system: str, policy: str, why: str) -> PlaceFacts:
    """A database that could not be reached."""
    return PlaceFacts(name=name, system=system, policy=policy, reached=Unread(why))
