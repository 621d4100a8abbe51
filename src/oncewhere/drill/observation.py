"""What is said of a processor that it did not say itself: the vocabulary of observations, and how they are worded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .effect import Effect
from .history import Wire

EXAMPLES_SHOWN = 5
KAFKA = "kafka"
Requests = Sequence[Wire]
"""What a processor sent in one trial, in order."""


class Kind(StrEnum):
    """What was observed; the text is its name in reports."""

    UNDECLARED_TOPIC = "undeclared-topic"
    OUTSIDE_THE_TRANSACTION = "outside-the-transaction"
    OFFSETS_OUTSIDE_THE_TRANSACTION = "offsets-outside-the-transaction"
    ANOTHER_GROUP = "another-group"
    UNSTABLE_IDENTITY = "unstable-transactional-id"
    READS_UNCOMMITTED = "reads-uncommitted"
    ANOTHER_DATABASE = "another-database"
    WRITES_THOUGH_READ_ONLY = "writes-though-read-only"
    NEVER_USED = "never-used"
    NO_IDEMPOTENCY_KEY = "no-idempotency-key"
    CHANGING_IDEMPOTENCY_KEY = "changing-idempotency-key"
    RANDOM_IDEMPOTENCY_KEY = "random-idempotency-key"
    DEDUPE_ROW_APART = "dedupe-row-apart"
    UNDECLARED_CONNECTION = "undeclared-connection"
    UNREAD = "unread"
    BLIND_COUNT = "blind-count"
    NOTHING_COUNTED = "nothing-counted"


UNJUDGED = frozenset(
    {
        Kind.UNDECLARED_TOPIC,
        Kind.ANOTHER_DATABASE,
        Kind.UNDECLARED_CONNECTION,
        Kind.UNREAD,
        Kind.DEDUPE_ROW_APART,
        Kind.NOTHING_COUNTED,
    }
)
"""Kinds that no verdict covers, so that they are told beside each: something was done where nobody looks, or would go
wrong at a crash that the three named ones are not; or the verdict is about what the declaration looks at in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something that was seen and not declared.

    Attributes:
        kind: what.
        place: where: `kafka`, or an effect's name.
        sentence: what was seen, and why it matters.
        count: how often.
        examples: names worth showing (topics, groups, tables), each once.
    """

    kind: Kind
    place: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the declaration says of what can be seen on the wire.

    Attributes:
        input_topic: the topic that is consumed.
        output_topics: the topics that are produced.
        group: the consumer group.
        effects: by name.
        databases: by effect, the name of the trial's database, where it has one.
        identity: where the business identity stands: a JSON field, `key` or `header:NAME`.
        dedupe_tables: by effect, the table whose unique key is to prevent the duplicate, where one is declared.
    """

    input_topic: str
    output_topics: Sequence[str]
    group: str
    effects: Mapping[str, Effect]
    databases: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""
    dedupe_tables: Mapping[str, str] = field(default_factory=dict)


def at(requests: Requests, place: str) -> Iterator[Wire]:
    """The requests to one place."""
    return (request for request in requests if request.link.rpartition("#")[0] == place)


def n_of(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def topics(found: Iterable[str]) -> str:
    """Topics in a sentence."""
    return f"topic {listed(found)}"


def listed(found: Iterable[str]) -> str:
    """Some names in a sentence."""
    names = list(found)
    shown = ", ".join(names[:EXAMPLES_SHOWN])
    return f"{shown} and {len(names) - EXAMPLES_SHOWN} more" if len(names) > EXAMPLES_SHOWN else shown


def examples(found: Iterable[str]) -> tuple[str, ...]:
    """Some names, each once."""
    return tuple(dict.fromkeys(found))[:EXAMPLES_SHOWN]
