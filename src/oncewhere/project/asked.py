"""What a person asked for by options; frozen data, None where an option was left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `oncewhere init`.

    Attributes:
        app: `MODULE:APP`.
        command: how the processor is started.
        input: the topic that it consumes.
        outputs: the topics that it produces to.
        group: its consumer group.
        identity: what names the business event.
        effects: NAME=SYSTEM, each.
        yes: True asks nothing.
        force: True writes over what is there.
    """

    app: str | None
    command: str | None
    input: str | None
    outputs: tuple[str, ...]
    group: str | None
    identity: str | None
    effects: tuple[str, ...]
    yes: bool
    force: bool
