"""What a processor claims, as plain data: for the document, and for a drill that is given the processor itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TopicDeclaration:
    """A topic that is consumed.

    Attributes:
        name: the topic's name.
        value_type: what its values decode to, by name.
        identity: the field or function that gives the business identity; None where none is named.
        handler: the handler's name.
        on_error: what becomes of a record that cannot be processed: `stop`, `skip`, or `dead-letter`.
        dead_letters: the topic that it goes to; None where it goes nowhere.
        sample: a JSON value that decodes to the type; None where none can be made.
    """

    name: str
    value_type: str
    identity: str | None
    handler: str
    on_error: str = "stop"
    dead_letters: str | None = None
    sample: Any = None


@dataclass(frozen=True, slots=True)
class EffectDeclaration:
    """An effect, as one topic's handler uses it.

    Attributes:
        name: the effect's name.
        topic: the topic whose handler uses it.
        place: the place's name.
        system: what the place is: `postgresql`.
        policy: the policy's name: `offset-ledger`, `dedupe-table`.
        guarantee: what the policy guarantees, in one sentence.
        identity: what tells events apart there; None where the policy goes by position.
        details: what else the policy was given, by its own names and in words: `table`, `column`, `acknowledged`.
        idle_limit_s: after how many seconds the system ends a transaction that stands still; None where it does not.
    """

    name: str
    topic: str
    place: str
    system: str
    policy: str
    guarantee: str
    identity: str | None
    details: Mapping[str, str] = field(default_factory=dict)
    idle_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A processor's claims.

    Attributes:
        group_id: its consumer group.
        transactional_id: its transactional identity.
        isolation_level: what it reads with; always `read_committed`.
        topics: what it consumes.
        effects: what it does outside Kafka.
        outputs: the topics that it produces to, as far as its code names them.
        instance_variable: the environment variable that tells the identity of an instance; None where it has one name.
        identity_rule: where the transactional identity comes from, in one sentence.
        stable: False where it is another one at each start.
        settings: librdkafka's settings that the guarantee hangs on, by name.
    """

    group_id: str
    transactional_id: str
    isolation_level: str
    topics: tuple[TopicDeclaration, ...]
    effects: tuple[EffectDeclaration, ...]
    outputs: tuple[str, ...] = ()
    instance_variable: str | None = None
    identity_rule: str = ""
    stable: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
