"""Databases: whether they answer, and whether the tables that a policy stands on can hold it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import Chart
from oncewhere.doctor.finding import Finding, Mark
from oncewhere.doctor.places import Expected, PlaceFacts, Purpose, TableFacts
from oncewhere.doctor.rule import Area, Rule
from oncewhere.doctor.spans import moment, span
from oncewhere.effects.sql.dedupe_table import example_ddl, example_policy
from oncewhere.effects.sql.dialect import DIALECTS, Kind

from .ledgers import IN_DOUBT, LEDGER_POSITION, check_place

GROWTH_LIMIT_ROWS: Final = 10_000_000
IDENTITY_CHARACTERS: Final = 36
"""What a column must hold at least: a UUID, as it is written."""
SEGMENT_MS: Final = 604_800_000
"""Kafka's default of segment.ms, where a broker does not tell it: 7 d."""
HORIZON_SLACK_MS: Final = 3_600_000
"""How much later than its record a row may be written without anything having been purged: an hour."""

REACHED = Rule(
    code="place-reached",
    area=Area.DATABASES,
    title="The database answers",
    why="A processor that cannot reach the database of an effect processes nothing; a doctor that cannot says nothing.",
    remedy="Start it, mend the address (--dsn NAME=DSN), or grant CONNECT and SELECT.",
)
SHAPE = Rule(
    code="table-shape",
    area=Area.DATABASES,
    title="The policy's tables are there, with their columns",
    why="A missing or changed table ends the processor at its start at best; at worst a column cuts identities "
    "short or compares them without case, and two events are one (MySQL: its default collations do the second, and "
    "without strict mode it does the first).",
    remedy="oncewhere schema SYSTEM prints the tables of oncewhere's own; a dedupe table is yours: its column must "
    "hold the whole identity, and compare it byte by byte.",
)
KEY = Rule(
    code="table-key",
    area=Area.DATABASES,
    title="The policy's tables refuse a second row",
    why="A dedupe table without a primary key or unique constraint on the identity refuses nothing: two instances, "
    "or a redelivery, do the effect twice and write two rows. The same holds for the key of a ledger.",
    remedy="alter table T add primary key (COLUMN), or add unique (COLUMN) where T has a primary key; where there are "
    "duplicates already, this lists them: select COLUMN, count(*) from T group by COLUMN having count(*) > 1. Which "
    "table it is, document.effects.NAME.dedupe_table and dedupe_column say.",
)
HORIZON = Rule(
    code="replay-horizon",
    area=Area.DATABASES,
    title="A dedupe table remembers longer than Kafka can replay",
    why="A record whose row was purged is new again. As long as it is still in the topic, a reset of the group, a "
    "restored offset or a long outage delivers it again, and its effect happens a second time. Kafka deletes whole "
    "segments, retention.ms after their last record: their first one lives for up to segment.ms longer. A topic that "
    "is only compacted (cleanup.policy=compact) deletes nothing by age.",
    remedy="Purge rows later than the topic deletes records (retention.ms and segment.ms together), or lower the "
    "topic's. An offset ledger has no window at all.",
)
GROWTH = Rule(
    code="table-growth",
    area=Area.DATABASES,
    title="A table that keeps a row for each event is purged at some time",
    why="It grows with each event, and so does its unique index: inserts become slower when the index no longer "
    "fits in memory.",
    remedy="Purge rows that are older than the replay horizon, the dedupe table and its table of recorded results "
    "by the same rule; or use an offset ledger, one row per partition.",
)
RULES: Final = (REACHED, SHAPE, KEY, HORIZON, GROWTH, LEDGER_POSITION, IN_DOUBT)


def check(facts: Chart) -> Iterator[Finding]:
    """Examines the databases."""
    for place in facts.places:
        if isinstance(place.reached, Unread):
            yield REACHED.unknown(place.name, place.reached)
            continue
        yield REACHED.good(place.name, f"{place.system}, policy {place.policy}")
        for table in place.tables:
            yield from _table(facts, place, table)
        yield from check_place(facts, place)


def _table(facts: Chart, place: PlaceFacts, table: TableFacts) -> Iterator[Finding]:
    expected = table.expected
    about = f"{place.name}: {expected.name}"
    if isinstance(table.columns, Unread):
        yield SHAPE.unknown(about, table.columns)
        return
    if not table.columns:
        if expected.made_at_start:
            yield SHAPE.good(about, f"the {expected.purpose} is not there yet; the first start makes it")
        elif expected.assumed and not expected.claimed:
            yield SHAPE.unknown(
                about,
                f"there is no such table, and what the {expected.purpose} is called is not declared",
                _name_it(place, expected),
            )
        else:
            yield SHAPE.fault(
                about, f"there is no such table, and it is the {expected.purpose}", _make(place, expected)
            )
        return
    lacks = [
        f"{column} {kind}".strip()
        for column, kind in expected.columns.items()
        if column not in table.columns or (kind and table.columns[column] != kind)
    ]
    guessed = expected.assumed and expected.purpose is Purpose.DEDUPE
    if lacks and guessed:
        said = f"it has no {', '.join(lacks)}, and that it is the {expected.purpose}, by that column, is a guess"
        yield SHAPE.unknown(about, said, _name_it(place, expected))
        return
    if lacks:
        there = f"; it has {', '.join(table.columns)}" if expected.purpose is Purpose.DEDUPE else ""
        yield SHAPE.fault(about, f"the {expected.purpose} lacks {', '.join(lacks)}{there}", _name_column(place, table))
        if expected.purpose is Purpose.DEDUPE:
            return  # by a column that is not there, nothing is unique, and nothing has an age
    else:
        unfit = tuple(_unfit(place, about, table))
        yield from unfit or (SHAPE.good(about, f"the {expected.purpose} has its columns"),)
    key = _key(about, table)
    if key.mark is Mark.FAULT and guessed:
        by = ", ".join(expected.key)
        said = f"not unique by {by}, and that it is the {expected.purpose}, by that column, is a guess"
        yield KEY.unknown(about, said, _name_it(place, expected))
        return
    yield key
    if expected.purpose is Purpose.DEDUPE:
        # What cannot be read of a topic stands in the way of both.
        yield from dict.fromkeys((*_declared_horizon(facts, about, expected), *_horizon(facts, about, table)))
        yield _growth(facts, about, table)


def _unfit(place: PlaceFacts, about: str, table: TableFacts) -> Iterator[Finding]:
    """Where a dedupe column may take two identities for one: it depends on the identities whether it ever does."""
    column, identity = table.expected.key[0], table.identity
    if identity is None:
        return
    if isinstance(identity, Unread):
        yield SHAPE.unknown(f"{about}.{column}", identity)
        return
    dialect = DIALECTS.get(place.system)
    fix = f"Give the column the type {dialect.types[Kind.NAME]}." if dialect else None
    if identity.folds:
        said = f"compared by {identity.collation}: identities that differ only in case or accents are one event"
        yield SHAPE.warning(f"{about}.{column}", said, fix)
    if identity.length is not None and identity.length < IDENTITY_CHARACTERS:
        said = f"holds {identity.length} characters, and a UUID has {IDENTITY_CHARACTERS}: a longer identity is "
        cut = "refused, or cut short without strict mode" if place.system == "mysql" else "refused"
        yield SHAPE.warning(f"{about}.{column}", said + cut, fix)


def _make(place: PlaceFacts, expected: Expected) -> str | None:
    """What makes a dedupe table; our own, the remedy prints."""
    dialect = DIALECTS.get(place.system)
    if expected.purpose is not Purpose.DEDUPE or dialect is None:
        return None
    return f"Create it: {example_ddl(expected.name, expected.key[0], dialect)}"


def _name_column(place: PlaceFacts, table: TableFacts) -> str | None:
    """How a dedupe table's column is told, where it has another than the one that was looked for."""
    expected, columns = table.expected, table.columns
    if expected.purpose is not Purpose.DEDUPE or isinstance(columns, Unread):
        return None
    keys = () if isinstance(table.keys, Unread) else table.keys
    return (
        f"Name the one that holds the event identity: {example_policy(expected.name, list(columns), keys)}, or without "
        f"the library document.effects.{place.name}.dedupe_column."
    )


def _name_it(place: PlaceFacts, expected: Expected) -> str | None:
    """What tells a dedupe table's name and column; of our own tables there is nothing to tell."""
    told = f"name both: document.effects.{place.name}.dedupe_table, and dedupe_column"
    return told if expected.purpose is Purpose.DEDUPE else None


def _key(about: str, table: TableFacts) -> Finding:
    wanted = table.expected.key
    if isinstance(table.keys, Unread):
        return KEY.unknown(about, table.keys)
    columns = ", ".join(wanted)
    if any(set(key) == set(wanted) for key in table.keys):
        return KEY.good(about, f"unique by {columns}")
    there = "; ".join(", ".join(key) for key in table.keys)
    return KEY.fault(
        about,
        f"the {table.expected.purpose} has no primary key or unique constraint on {columns}"
        + (f" (only on {there})" if there else "")
        + ": it refuses no second row",
        f"alter table {table.expected.name} add {'unique' if table.keys else 'primary key'} ({columns});",
    )


def _declared_horizon(facts: Chart, about: str, expected: Expected) -> Iterator[Finding]:
    """What is said of the rows against what is said of the records, before anything was purged."""
    if expected.kept_s is None or math.isinf(expected.kept_s):
        return
    kept_ms = round(expected.kept_s * 1000)
    for name in facts.subject.inputs:
        topic = facts.topics.get(name, Unread("it was not looked at"))
        settings = topic if isinstance(topic, Unread) else topic.settings
        if isinstance(settings, Unread):
            yield HORIZON.unknown(f"{about}, {name}", settings)
            continue
        lives_ms, told = _life(settings)
        tell = HORIZON.good if lives_ms <= kept_ms else HORIZON.warning
        yield tell(about, f"rows are kept for {span(kept_ms)}, records of {name} {told}")


def _life(settings: Mapping[str, str]) -> tuple[float, str]:
    """How long a record may live in a topic, in milliseconds, and that in words."""
    retention_ms = int(settings.get("retention.ms", "-1"))
    if "delete" not in settings.get("cleanup.policy", "delete"):
        return math.inf, "for ever: with cleanup.policy=compact alone, retention.ms deletes nothing"
    if retention_ms < 0:
        return math.inf, "for ever"
    segment_ms = int(settings.get("segment.ms", SEGMENT_MS))
    lives_ms = retention_ms + segment_ms
    parts = f"retention.ms, {span(retention_ms)}, and segment.ms, {span(segment_ms)}"
    return lives_ms, f"for up to {span(lives_ms)} ({parts}: whole segments are deleted)"


def _horizon(facts: Chart, about: str, table: TableFacts) -> Iterator[Finding]:
    oldest = table.oldest_ms
    if isinstance(oldest, Unread):
        yield HORIZON.unknown(about, oldest)
        return
    if oldest is None:
        if table.rows == 0:
            yield HORIZON.good(about, "it is empty")
        else:
            yield HORIZON.unknown(about, "it has no column that says when a row was written")
        return
    older: list[tuple[str, int]] = []
    unread = facts.unread(facts.subject.inputs)
    for name, why in unread.items():
        yield HORIZON.unknown(f"{about}, {name}", why)
    complete = not unread
    for (topic, number), first in facts.first_records.items():
        if isinstance(first, Unread):
            complete = False
            yield HORIZON.unknown(f"{topic}[{number}]", first)
        elif first is not None and first[1] + HORIZON_SLACK_MS < oldest:
            older.append((f"{topic}[{number}]", first[1]))
    if not older:
        if complete:
            said = f"its oldest row, of {moment(oldest)}, is as old as the input that is still there"
            yield HORIZON.good(about, said)
        return
    place, since = min(older, key=lambda one: one[1])
    yield HORIZON.warning(
        about,
        f"its oldest row is of {moment(oldest)}, and {place} still holds records from {moment(since)} on: what is "
        f"replayed from those {span(oldest - since)} is done again, unless it was never processed",
    )


def _growth(facts: Chart, about: str, table: TableFacts) -> Finding:
    if isinstance(table.rows, Unread):
        return GROWTH.unknown(about, table.rows)
    said = f"about {table.rows:,} rows"
    if isinstance(table.oldest_ms, int) and table.rows:
        age = max(facts.transactions.looked_at_ms - table.oldest_ms, 1)
        said += f" in {span(age)}"
    if table.rows > GROWTH_LIMIT_ROWS:
        return GROWTH.warning(about, f"{said}: is it ever purged?")
    return GROWTH.good(about, said)
