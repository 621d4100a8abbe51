"""Every pair of policy and system as data: what is drilled, and what may be found where; a `Declaration` comes out.

A pair's own verdict is `once` everywhere, unless its policy says something else in its sentence. What may be found
besides is written down with it, and what must be: a drill in which AtLeastOnce never did anything twice has shown
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oncewhere.drill import Declaration, Phase, Verdict
from oncewhere.drill.declaration import Processor, Settings, Version
from oncewhere.drill.effect import Effect

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
SQL = ("postgresql", "mysql", "sqlite")
OUTSIDE = {"gateway": "http", "mail": "smtp", "machine": "callable", "hotel": "callable"}
"""What each place outside of databases is."""
OUTPUT = "pairs-out"
SQL_POLICIES = ("offset-ledger", "dedupe-table", "unique-constraint")
GAP = "after-effect"
NOWHERE = ""
"""No point in every run of the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the matrix: one policy at one place, or several places in one handler.

    Attributes:
        policies: by place.
        telling: the points at which it is drilled in every run of the tests, as an expression of `-k`; or `NOWHERE`.
        besides: by place, what its policy's sentence admits besides `once`; each must be found somewhere.
        stand_in: what the stand-in does with keys.
    """

    policies: Mapping[str, str]
    telling: str = GAP
    besides: Mapping[str, Verdict] = field(default_factory=dict)
    stand_in: str = "honours-keys"

    @property
    def name(self) -> str:
        """What it is called on screens, and by `-k`."""
        pairs = "+".join(f"{policy}@{place}" for place, policy in self.policies.items())
        return pairs if self.stand_in == "honours-keys" else f"{pairs}-{self.stand_in}"

    @property
    def claims(self) -> bool:
        """True where a database keeps its calls."""
        return not {"at-most-once", "recorded-answers"}.isdisjoint(self.policies.values())


def one(policy: str, place: str, *points: str, **besides: Verdict) -> Row:
    """A pair."""
    return Row(policies={place: policy}, telling=" or ".join(points or (GAP,)), besides=besides)


TWICE, NEVER = Verdict.DUPLICATE, Verdict.LOST
REQUEST, MAIL = "gateway.POST.1.1", "mail.end-of-DATA.1.1"

ROWS: tuple[Row, ...] = (
    # The payment example drills these two in the tests.
    one("offset-ledger", "postgresql", NOWHERE),
    one("dedupe-table", "postgresql", NOWHERE),
    one("unique-constraint", "postgresql"),
    *(one(policy, "mysql") for policy in SQL_POLICIES),
    one("offset-ledger", "sqlite", GAP, *(f"sqlite.commit.2.1.{phase}" for phase in Phase)),
    one("dedupe-table", "sqlite", "sqlite.commit.2.1.replied"),
    one("unique-constraint", "sqlite", "sqlite.commit.2.1.replied"),
    one("idempotency-key", "gateway", f"{REQUEST}.replied"),
    one("recorded-answers", "gateway", "claims.commit.1.2.replied"),
    one("idempotency-key", "mail", f"{MAIL}.replied"),
    one("idempotency-key", "machine", "machine.POST.1.1.replied"),
    one("at-most-once", "gateway", f"{REQUEST}.before", f"{REQUEST}.replied", gateway=NEVER),
    one("at-most-once", "mail", f"{MAIL}.before", f"{MAIL}.delivered", mail=NEVER),
    one("at-most-once", "machine", NOWHERE, machine=NEVER),
    one("at-least-once", "postgresql", postgresql=TWICE),
    *(one("at-least-once", place, NOWHERE, **{place: TWICE}) for place in ("mysql", "sqlite", "gateway")),
    # These are sent with the event's key all the same, so that it takes a downstream which does not look at it.
    Row(policies={"mail": "at-least-once"}, telling=NOWHERE, besides={"mail": TWICE}, stand_in="accepts"),
    Row(policies={"machine": "at-least-once"}, telling=NOWHERE, besides={"machine": TWICE}, stand_in="ignores-keys"),
    one("outbox", "gateway", f"{REQUEST}.delivered"),
    one("outbox", "mail", f"{MAIL}.replied"),
    one("outbox", "machine", NOWHERE),
    one("compensate", "hotel", GAP, "hotel.write.1.3.replied"),
    # Its undo is a request that carries a key; the journal is in the database of the other effect. The first interval
    # is the proof of ownership; one call is settled, and of the second nobody knows.
    Row(
        policies={"postgresql": "offset-ledger", "gateway": "compensate"},
        telling="gateway.POST.2.2.replied",
        stand_in="cancels-keys",
    ),
    # Drilled in the tests by `test_drilled`.
    one("dedupe-table", "redis", NOWHERE),
    one("at-least-once", "redis", NOWHERE, redis=TWICE),
    # Between any two of several places; each decides in the order of their names.
    Row(
        policies={"postgresql": "offset-ledger", "sqlite": "dedupe-table"},
        telling="sqlite.commit.2.1.before or sqlite.commit.2.1.replied",
    ),
    Row(policies={"mysql": "dedupe-table", "gateway": "idempotency-key"}, telling="mysql.commit.2.1.before"),
    Row(
        policies={"mysql": "offset-ledger", "sqlite": "unique-constraint", "mail": "idempotency-key"},
        telling="mysql.commit.2.1.before or sqlite.commit.2.1.before or sqlite.commit.2.1.replied",
    ),
    # The controls: the same key, and a downstream that does not keep its word.
    Row(policies={"gateway": "idempotency-key"}, stand_in="ignores-keys", besides={"gateway": TWICE}),
    Row(policies={"mail": "idempotency-key"}, stand_in="accepts", besides={"mail": TWICE}),
)


def declaration() -> Declaration:
    """The whole matrix, a version for each row."""
    return Declaration(folder=FOLDER, versions={row.name: _version(row) for row in ROWS}, demonstrates=False)


def _version(row: Row) -> Version:
    effects = {place: _effect(row, place) for place in row.policies}
    letters = "outbox" in row.policies.values()
    if row.claims:
        effects["claims"] = _CLAIMS
    environment = {name.upper(): f"{{{name}}}" for name in ("kafka", *effects)}
    environment |= {
        f"{name}_steps".upper(): f"{{{name}.steps}}" for name, effect in effects.items() if effect.system == "sqlite"
    }
    return Version(
        name=row.name,
        about="",
        processor=Processor(
            command=["{python}", "processor.py", *(f"{place}={policy}" for place, policy in row.policies.items())],
            input="pairs-in",
            output=[OUTPUT],
            group="pairs",
            identity="id" if letters else "event_id",
            environment=environment,
        ),
        effects=effects,
        settings=Settings(
            inputs=["{python}", "letters.py", *row.policies] if letters else "inputs.jsonl", partitions=2, noun="events"
        ),
        expect={},
    )


def _effect(row: Row, place: str) -> Effect:
    policy = row.policies[place]
    if place == "hotel":
        return Effect(
            system="postgresql",
            policy=policy,
            schema="reservation.sql",
            observe="select event_id, count(*) from reservation where event_id is not null group by event_id",
        )
    if place == "redis":
        return Effect(system="redis", policy=policy, observe="hgetall done")
    if place not in SQL:
        mail = place == "mail"
        return Effect(
            system="smtp" if mail else "http",
            policy=policy,
            identity="header:subject=Payment *" if mail else "event_id",
            stand_in=row.stand_in,  # type: ignore[arg-type]  # one of its words
        )
    # AtLeastOnce records no result that an output could be compared with.
    compared = place == next(name for name in row.policies if name in SQL) and policy != "at-least-once"
    return Effect(
        system=place,  # type: ignore[arg-type]  # likewise
        policy=policy,
        schema="unique.sql" if policy == "unique-constraint" else "plain.sql",
        observe=f"select event_id, count(*){', min(receipt)' if compared else ''} from done group by event_id",
        compare=place if compared else None,
    )


_CLAIMS = Effect(
    system="sqlite",
    policy="offset-ledger",
    schema="claims.sql",
    # An event's identity is its position (inputs.jsonl): each call is settled, or listed for a person, and never both.
    observe="""
        select 'p' || "partition" || '-' || record_offset, count(*) from oncewhere_calls
        where state in ('settled', 'in-doubt') group by 1
    """,
)
