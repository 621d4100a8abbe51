"""How duplicates of an effect are prevented: the user's choice in, frozen data with its guarantee in words out.

A policy says what, never how: the place that accepts it brings the statements. The document prints the sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from oncewhere.effects.idempotency import Derive
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from oncewhere.effects.calls import KeepsCalls
    from oncewhere.effects.intents import KeepsIntents


@dataclass(frozen=True, slots=True)
class Policy:
    """One way of preventing duplicates; see the subclasses. A place refuses a policy that it cannot honour."""

    name: ClassVar[str]
    """The policy's name in declarations and documents, such as `offset-ledger`."""
    guarantee: ClassVar[str]
    """What may be claimed, in one sentence."""
    records_results: ClassVar[bool] = False
    """True when a redelivered record gets the result that was recorded, and never runs the effect again."""

    @property
    def needs_identity(self) -> bool:
        """True when the policy tells events apart by their business identity, so that `consume` must name one."""
        return False

    def details(self) -> dict[str, str]:
        """What the policy was given, by the names of its arguments and in words, for the document."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _in_words(value) for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetLedger(Policy):
    """The effect and the consumed position commit together, in the effect's own database.

    One row per group and partition: constant space, no retention window to outlive. It does not notice the same
    business event published twice upstream, at two offsets: that is `DedupeTable`.

    Args:
        table: name of the ledger table, `name` or `schema.name`. Ours alone: nothing else may write to it.
        create: True creates the table at the start where it is missing; False leaves that to your migrations
            (`oncewhere schema` prints the statement).
    """

    name: ClassVar[str] = "offset-ledger"
    guarantee: ClassVar[str] = (
        "The effect and the consumed position commit in one database transaction; "
        "a redelivered record runs no effect and gets the result that was recorded."
    )
    records_results: ClassVar[bool] = True

    table: str = "oncewhere_ledger"
    create: bool = True


@dataclass(frozen=True, slots=True)
class DedupeTable(Policy):
    """One row per business event, inserted in the effect's own transaction.

    In a database the table is yours, as it stands:
    `create table processed_event (event_id varchar(64) primary key, …)`; in MySQL with `collate utf8mb4_bin`, since its
    default collations take `E1` and `e1` for one event.
    Beside it stands a table of ours that keeps the position and the results of each event, so that a redelivery of
    the same position (give the recorded result) is told from the same event at another position (an upstream
    duplicate: suppress it).

    Args:
        table: the dedupe table, `name` or `schema.name`; it must exist.
        column: its column of event identities, under a primary key or unique constraint of its own.
        recorded: name of our companion table, `name` or `schema.name`.
        create: True creates the companion table at the start where it is missing; False leaves that to your migrations
            (`oncewhere schema` prints the statement).
        retention_s: how long an event is remembered, in seconds; None for ever. Redis forgets a key by itself after it;
            in a database it says how old a row is that your own purge deletes. Longer than Kafka may redeliver.

    In Redis the table is the front of one key per event (`processed_event:ID`), and the other names mean nothing.
    """

    name: ClassVar[str] = "dedupe-table"
    guarantee: ClassVar[str] = (
        "One row per event identity commits in the effect's own database transaction; a redelivered record gets the "
        "recorded result, and the same event at another position runs no effect and gives no output."
    )
    records_results: ClassVar[bool] = True

    table: str
    column: str = "event_id"
    recorded: str = "oncewhere_recorded"
    create: bool = True
    retention_s: float | None = None

    def __post_init__(self) -> None:
        if self.retention_s is not None and self.retention_s <= 0:
            raise ConfigurationError("DedupeTable(retention_s=…) is above zero, or None.")

    @property
    def needs_identity(self) -> bool:
        """Always: it is what the rows are told apart by."""
        return True


@dataclass(frozen=True, slots=True, init=False)
class UniqueConstraint(Policy):
    """The effect's own rows carry a natural key, and a violation of it means that the effect was done.

    Nothing of ours is kept. The effect is always tried; where its key refuses it, what it did in that attempt is taken
    back, and the effect's `done` function reads from its rows what the first one returned: a redelivered record must
    still give its output. A redelivery cannot be told from the same event published twice upstream: both give the
    output again, and only the effect is once.

    Args:
        keys: the unique keys whose violation means done, as the system names them in its error: the constraint's name
            in PostgreSQL (`settlement_pkey`), the key's in MySQL (`settlement_event`; never `PRIMARY`, as every table's
            is called), `table.column` in SQLite (`settlement.event_id`). Where others bear that name, write it in full:
            with its schema in PostgreSQL (`bank.settlement_pkey`), with its table in MySQL
            (`settlement.settlement_event`). A violation of any other key is the effect's own failure.
    """

    name: ClassVar[str] = "unique-constraint"
    guarantee: ClassVar[str] = (
        "The effect's own unique key refuses it a second time, and what the first one returned is read back from its "
        "rows; a redelivered record gives its output, and so does the same event at another position."
    )

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        if not keys or not all(isinstance(key, str) and key for key in keys):
            raise ConfigurationError(
                "UniqueConstraint needs the name of at least one key.",
                hint="Write UniqueConstraint('settlement_pkey').",
            )
        object.__setattr__(self, "keys", keys)


@dataclass(frozen=True, slots=True)
class AtLeastOnce(Policy):
    """Nothing prevents a duplicate, and somebody has said why that is acceptable.

    Args:
        acknowledged: why; whoever reads the code or the document should be able to judge it.
    """

    name: ClassVar[str] = "at-least-once"
    guarantee: ClassVar[str] = "The effect happens at least once; after a crash it may happen again."

    acknowledged: str

    def __post_init__(self) -> None:
        if not isinstance(self.acknowledged, str) or not self.acknowledged.strip():
            raise ConfigurationError(
                "AtLeastOnce needs a reason.",
                hint="Write AtLeastOnce(acknowledged='why a duplicate does no harm').",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey(Policy):
    """Every attempt carries the same key, and the downstream does the work once for it.

    It holds as far as the downstream keeps its word, and as long as it keeps its keys: a replay from further back than
    that is done again. An answer that was recorded (`answers`) is given to a redelivered record without asking again.

    Args:
        derive: what the key is made of: `Derive.IDENTITY`, the event's business identity (the same event has the same
            key wherever it is read), or `Derive.POSITION`, where the record stands.
        answers: a place whose database records the answers (`Postgres`, `MySql` or `Sqlite`, whatever its own policy);
            None to ask the downstream again on redelivery, with the same key.
        table: name of the table of answers there, `name` or `schema.name`.
        create: True creates that table at the start where it is missing.
    """

    name: ClassVar[str] = "idempotency-key"
    guarantee: ClassVar[str] = (
        "Every attempt carries the same key, derived from the event, and the downstream does the work once for it, "
        "as long as it keeps the key."
    )

    derive: Derive = Derive.IDENTITY
    answers: KeepsCalls | None = None
    table: str = "oncewhere_calls"
    create: bool = True

    @property
    def needs_identity(self) -> bool:
        """True when the key is derived from it."""
        return self.derive is Derive.IDENTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMostOnce(Policy):
    """Claimed before, settled after, each in a commit of its own; what is claimed and not settled is never repeated.

    A crash in between leaves the call *in doubt*: it may have happened or not. Its record is passed without output, and
    the call is listed for a person (`oncewhere effects in-doubt`). A call that was settled gives its recorded result to
    a redelivered record.

    Args:
        claims: a place whose database keeps the claims (`Postgres`, `MySql` or `Sqlite`, whatever its own policy).
        derive: what a claim is made for: see `IdempotencyKey`.
        table: name of the table of claims there, `name` or `schema.name`.
        create: True creates that table at the start where it is missing.
    """

    name: ClassVar[str] = "at-most-once"
    guarantee: ClassVar[str] = (
        "The effect happens at most once: it is claimed before and settled after, and one that a crash left in between "
        "is never repeated, and listed for a person."
    )
    records_results: ClassVar[bool] = True

    claims: KeepsCalls
    derive: Derive = Derive.IDENTITY
    table: str = "oncewhere_calls"
    create: bool = True

    @property
    def needs_identity(self) -> bool:
        """True when a claim is made for an identity."""
        return self.derive is Derive.IDENTITY


@dataclass(frozen=True, slots=True)
class Outbox(Policy):
    """The effect is a record on a topic, in the same Kafka transaction as outputs and offsets; another one performs it.

    The handler's `tx.run` puts the call into the topic and returns None. A second processor (`Processor.outbox`) reads
    the topic and performs each call: so a slow or broken downstream holds up nobody else, and a record that is given up
    is never called for.

    Args:
        topic: the outbox.
        then: how duplicates are prevented when a call is performed: `IdempotencyKey()`, `AtMostOnce(claims=bank)` or
            `AtLeastOnce(acknowledged="why")`.
        answers: a topic that gets what the effects return; None where they return nothing.
    """

    name: ClassVar[str] = "outbox"
    guarantee: ClassVar[str] = (
        "The call is a record on a topic that commits with Kafka's transaction, once; a second processor performs it, "
        "by the policy that is named for it."
    )

    topic: str
    then: Policy
    answers: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.then, IdempotencyKey | AtMostOnce | AtLeastOnce):
            raise ConfigurationError(
                f"Outbox({self.topic!r}) needs the policy by which its calls are performed, and got {self.then!r}.",
                hint="Write Outbox('capture-requests', then=IdempotencyKey()); or AtMostOnce, AtLeastOnce.",
            )

    @property
    def needs_identity(self) -> bool:
        """Where the policy of performing does: a call's id is made of it."""
        return self.then.needs_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensate(Policy):
    """Done with an intent in a journal; undone where the Kafka transaction of its record did not commit.

    For effects that cannot be recognised a second time, and can be taken back: a reservation, an authorisation. Kafka's
    commit decides. What it has not passed is undone after a restart (and after every rewind), before any record is
    handled; a redelivered record does it again, as another attempt with a key of its own.

    An effect of this policy has an undo: `@effect(gateway, undo=release)`. It is given the attempt's key, what it
    returned (None where nobody knows whether it happened), and the effect's own arguments. Undoing what never happened
    must be no error, and what comes after its undo must be refused: cancel by key, and remember the cancelled key.

    Args:
        journal: a place whose database keeps the intents (`Postgres`, `MySql` or `Sqlite`, whatever its own policy).
        keyed_undo: True where the downstream does an undo once for its key, so that one that a crash interrupted may be
            repeated; False leaves such a one in doubt, for a person (`oncewhere effects in-doubt`).
        table: name of the table of intents there, `name` or `schema.name`.
        owners: name of the table that has a row for each partition.
        create: True creates both at the start where they are missing.
    """

    name: ClassVar[str] = "compensate"
    guarantee: ClassVar[str] = (
        "The effect's intent is written before it; an intent whose Kafka transaction did not commit is undone, once, "
        "after restart, and an undo that a crash interrupted is repeated under its key, or listed for a person."
    )

    journal: KeepsIntents
    keyed_undo: bool = False
    table: str = "oncewhere_intents"
    owners: str = "oncewhere_owners"
    create: bool = True


def _in_words(value: Any) -> str:
    """An argument of a policy: of another place its name, of several names all."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_in_words, value))
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else str(value)
