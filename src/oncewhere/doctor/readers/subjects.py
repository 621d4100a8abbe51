"""A processor or a declaration comes in; what is to be examined of it goes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import confluent_kafka

from oncewhere.doctor.facts import ClientFacts
from oncewhere.doctor.places import Expected
from oncewhere.doctor.subject import Subject
from oncewhere.drill import Version
from oncewhere.drill.claims import EffectClaims
from oncewhere.drill.durations import seconds
from oncewhere.drill.effect import SQL_SYSTEMS, Effect
from oncewhere.effects.policy import AtLeastOnce
from oncewhere.effects.sql.dialect import DIALECTS
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.errors import ConfigurationError
from oncewhere.runtime.processor import Processor

from .databases import Database, database_of, dedupe, ledger

LEDGER_NAME: Final = "oncewhere_ledger"
DEDUPE_COLUMN: Final = "event_id"

_NAME: Final = r'(?:[A-Za-z_]\w*|"[^"]+"|`[^`]+`)'
_QUALIFIED: Final = rf"{_NAME}(?:\.{_NAME})*"
_TABLE: Final = re.compile(rf"\bfrom\s+({_QUALIFIED})", re.IGNORECASE)
_GROUPED: Final = re.compile(
    rf"\bgroup\s+by\s+(?:({_QUALIFIED})\s*(?:$|[;)]|having\b|order\b|limit\b))?", re.IGNORECASE
)
"""A column by its name alone: a position, an expression, or several columns tell no column of the table."""

_LOOKED_AT: Final = AtLeastOnce(acknowledged="it is only looked at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """All that is known beforehand of what is examined.

    Attributes:
        subject: names.
        databases: where its effects are.
        clients: its client libraries.
        settings: those of its clients; None where nobody has said them.
        kafka: how its brokers are found and spoken to; empty where it does not say.
    """

    subject: Subject
    databases: tuple[Database, ...] = ()
    clients: tuple[ClientFacts, ...] = ()
    settings: Mapping[str, str] | None = None
    kafka: Mapping[str, str]

    def told(
        self, *, clients: tuple[ClientFacts, ...], settings: Mapping[str, str] | None, unseen: tuple[str, ...]
    ) -> Patient:
        """The same, with what the user said of its clients."""
        return replace(self, clients=clients, settings=settings, subject=replace(self.subject, unseen=unseen))

    def read_by(self, isolation: Mapping[str, str]) -> Patient:
        """The same, with what the readers of its output were seen to ask for, by group."""
        return replace(self, subject=replace(self.subject, isolation=isolation))


def of_processor(
    processor: Processor, *, name: str, outputs: Iterable[str], dsns: Mapping[str, str] | None = None
) -> Patient:
    """A processor that is written with the library.

    Args:
        processor: the object itself.
        name: what it is called on the command line.
        outputs: topics that it produces to, beside those that its code names.
        dsns: by the name of a database, where it is looked for instead of where the code says.
    """
    declared = processor.declaration()
    settings = processor.settings
    given = tuple(dict.fromkeys((*declared.outputs, *outputs)))
    unseen = [] if given else [f"the code of {name} names no output topics; name them: --output TOPIC"]
    databases = []
    for place in processor.places().values():
        database = database_of(place)
        if database is None:
            unseen.append(f"{place.name} ({place.system}, policy {place.policy.name}) keeps nothing in a database")
        else:
            databases.append(_moved(database, dsns or {}))
    known = {**settings.consumer, **settings.producer}
    return Patient(
        subject=Subject(
            name=name,
            group=declared.group_id,
            inputs=tuple(topic.name for topic in declared.topics),
            outputs=given,
            transactional_ids=(declared.transactional_id,),
            transaction_timeout_ms=round(settings.transaction_timeout_s * 1000),
            unseen=tuple(unseen),
        ),
        databases=tuple(databases),
        clients=(ClientFacts(library="librdkafka", version=str(confluent_kafka.libversion()[0])),),
        settings={key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in known.items()},
        kafka={key: str(value) for key, value in settings.common.items()},
    )


def databases_of(processor: Processor) -> dict[str, str]:
    """By name, the system of each database that a processor's places are, or keep something in."""
    found = (database_of(place) for place in processor.places().values())
    return {database.place.name: database.place.system for database in found if database is not None}


def of_declaration(version: Version, dsns: Mapping[str, str], *, outputs: Iterable[str] = ()) -> Patient:
    """A processor in any language, as its oncewhere.toml declares it.

    Args:
        version: which one.
        dsns: by effect, where its database is.
        outputs: further topics that it produces to.
    """
    databases: list[Database] = []
    unseen: list[str] = []
    for name, effect in version.effects.items():
        if effect.system not in SQL_SYSTEMS:
            unseen.append(f"effects.{name}: nothing is kept in a database ({effect.system}, policy {effect.policy})")
        elif name not in dsns:
            unseen.append(f"effects.{name}: no server is named; name it: --dsn {name}=…")
        else:
            expected = tuple(_expected(effect, version.claims.effects.get(name, EffectClaims())))
            if not expected:
                unseen.append(f"effects.{name}: policy {effect.policy} names no table to look at")
            place = open_place(effect.system, dsns[name], name)
            databases.append(
                Database(
                    name=name,
                    policy=effect.policy,
                    place=place,
                    tables=expected,
                    ledger=LEDGER_NAME if effect.policy == "offset-ledger" else "",
                )
            )
    processor = version.processor
    return Patient(
        subject=Subject(
            name=version.name,
            group=processor.group,
            inputs=(processor.input,),
            outputs=tuple(dict.fromkeys((*processor.output, *outputs))),
            unseen=(*unseen, "which transactional.ids it uses is not declared"),
        ),
        databases=tuple(databases),
        kafka={},
    )


def of_cluster() -> Patient:
    """A whole cluster, and no processor."""
    return Patient(subject=Subject(), kafka={})


def _moved(database: Database, dsns: Mapping[str, str]) -> Database:
    """The same, where the user says that it is."""
    name = database.place.name
    if name not in dsns:
        return database
    return replace(database, place=open_place(database.place.system, dsns[name], name))


def _expected(effect: Effect, claims: EffectClaims) -> Iterator[Expected]:
    """The tables of a policy that is only known by its name, and the dedupe table that is claimed or guessed."""
    if effect.policy == "offset-ledger":
        yield ledger(LEDGER_NAME, DIALECTS[effect.system])
    observed, grouped = _observed(effect)
    kept_s, column = seconds(claims.retention), claims.dedupe_column
    if claims.dedupe_table is not None:
        by_observe = grouped if observed == claims.dedupe_table else ""
        guess = by_observe or DEDUPE_COLUMN
        yield dedupe(claims.dedupe_table, column or guess, kept_s, assumed=not column, claimed=True)
    elif effect.policy in {"dedupe-table", "unique-constraint"} and observed:
        known = bool(column) and effect.policy == "unique-constraint"
        yield dedupe(observed, column or grouped or DEDUPE_COLUMN, kept_s, assumed=not known)


def _observed(effect: Effect) -> tuple[str, str]:
    """The table that shows what was done, and the column it is counted by; a dedupe table is often another one.

    The column is empty where rows are not counted by a plain column. It may be an alias all the same: so it is a guess.
    """
    table, grouped = _TABLE.search(effect.observe or ""), _GROUPED.search(effect.observe or "")
    if not (table and grouped):
        return "", ""
    columns = _parts(grouped.group(1) or "", effect.system)
    return ".".join(_parts(table.group(1), effect.system)), columns[-1] if columns else ""


def _parts(name: str, system: str) -> list[str]:
    """A name's parts as the catalog has them: PostgreSQL folds what is not quoted to lower case."""
    found = re.findall(_NAME, name)
    return [part[1:-1] if part[0] in '"`' else part.lower() if system == "postgresql" else part for part in found]


def open_place(system: str, dsn: str, name: str) -> SqlPlace[Any]:
    """A place that is only looked at.

    Raises:
        ConfigurationError: the DSN cannot be read, or the driver is not installed.
    """
    if system == "postgresql":
        from oncewhere.effects.postgres import Postgres  # noqa: PLC0415 - its driver is an extra

        return Postgres(dsn, name=name, policy=_LOOKED_AT)
    if system == "mysql":
        from oncewhere.effects.mysql import MySql  # noqa: PLC0415 - its driver is an extra

        return MySql(dsn, name=name, policy=_LOOKED_AT)
    if system == "sqlite":
        from oncewhere.effects.sqlite import Sqlite  # noqa: PLC0415

        return Sqlite(dsn.removeprefix("sqlite:///").removeprefix("sqlite:"), name=name, policy=_LOOKED_AT)
    raise ConfigurationError(f"{name}: a database of kind {system!r} cannot be looked at.")
