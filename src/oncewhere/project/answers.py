"""What a declaration says, found or asked; frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectAnswer:
    """One effect.

    Attributes:
        name: what it is called.
        system: the protocol that the drill understands.
        policy: what is believed to prevent duplicates; None where an app says it.
        schemas: the SQL files that make its tables, in the order in which they are run.
        observe: how it is asked what happened.
    """

    name: str
    system: str
    policy: str | None = None
    schemas: tuple[str, ...] = ()
    observe: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All of it; either `app`, or a command with its topics and group.

    Attributes:
        app: `MODULE:APP`.
        command: program and arguments.
        input: the topic that is consumed.
        output: the topics that are produced.
        group: the consumer group.
        identity: where the business identity stands.
        environment: by variable, what the drill writes there.
        effects: in order.
        inputs: a JSON Lines file.
        sample: a value of the input, where the code tells what one looks like.
        sources: by the key in the declaration (`processor.group`), where its value is from, in words.
    """

    app: str | None = None
    command: tuple[str, ...] = ()
    input: str = ""
    output: tuple[str, ...] = ()
    group: str = ""
    identity: str = "event_id"
    environment: dict[str, str]
    effects: tuple[EffectAnswer, ...]
    inputs: str
    sample: Mapping[str, object] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
