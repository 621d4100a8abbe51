"""What is declared of a processor, as frozen data: a `Declaration` has versions, each with its places.

The declaration says what a drill cannot see from outside: how to start the processor, which topics and databases it
uses, and which field names the business event. It is read by the drill for any language; nothing of it is read by the
runtime.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from .claims import Claims
from .effect import Effect, EffectChange
from .points import NamedCrash
from .verdict import Verdict

FILE_NAME = "oncewhere.toml"
INSTANCE = "instance"
"""The placeholder for an instance's number, from 0: what tells its transactional.id from another instance's."""


class Processor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to start the processor, and what it reads and writes in Kafka.

    Attributes:
        command: program and arguments; `{python}` is the interpreter that runs the drill.
        input: the topic that is consumed.
        output: the topics that are produced.
        group: the consumer group (`group.id`).
        identity: where the business identity stands in input and output: a JSON field, `key`, or `header:NAME`.
        environment: variables for the processor; `{kafka}` and `{EFFECT}` become the drill's addresses, `{instance}`
            the number of the instance, from 0.
    """

    command: list[str]
    input: str
    output: list[str]
    group: str
    identity: str
    environment: dict[str, str] = {}

    def consumes_as(self, other: Processor) -> bool:
        """True for the same topic and group: whoever consumes another, or in another, is another processor."""
        return (self.input, self.group) == (other.input, other.group)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the drill does to the processor.

    Attributes:
        inputs: a JSON Lines file, or a command that prints such lines: `key`, `value`, `headers`, `partition`.
        partitions: partitions of every topic that the drill makes.
        deadline_s: seconds without progress after which a life of the processor is over, and stuck; four times that in
            all, and where it still went on then, it is unknown.
        restart_limit: how often a processor that exits by itself is started again after the crash.
        noun: what one input is called in sentences, in the plural.
        control: a version with its protection off, or the command that starts one; `--control` drills it as well.
        sweep_inputs: how many of the inputs a sweep sends, from the first on; a few commit intervals are enough for it,
            and each further record costs time at every point. None sends all.
    """

    inputs: str | list[str]
    partitions: int = 3
    deadline_s: float = 30.0
    restart_limit: int = 3
    noun: str = "inputs"
    sweep_inputs: int | None = None
    control: str | list[str] | None = None

    def __post_init__(self) -> None:
        """Refuses numbers that would make a drill endless or empty."""
        if not 1 <= self.partitions <= 100:
            raise ValueError("partitions must be from 1 to 100")
        if not 1 <= self.deadline_s <= 3600:
            raise ValueError("deadline_s must be from 1 to 3600 seconds")
        if not 0 <= self.restart_limit <= 100:
            raise ValueError("restart_limit must be from 0 to 100")
        if self.sweep_inputs is not None and self.sweep_inputs < 1:
            raise ValueError("sweep_inputs must be at least 1")


class VersionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a version changes of the declaration, and what it is there to show.

    Attributes:
        about: one line for a reader.
        command: replaces the processor's command.
        effects: replaces parts of effects, by name.
        document: replaces parts of what is claimed.
        expect: per named crash, per place, the verdict that this version demonstrates; all others are `once`.
    """

    about: str = ""
    command: list[str] | None = None
    effects: dict[str, EffectChange] = {}
    document: Claims = Claims()
    expect: dict[NamedCrash, dict[str, Verdict]] = {}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One drillable processor: the declaration with one version's changes applied."""

    name: str
    about: str
    processor: Processor
    effects: dict[str, Effect]
    settings: Settings
    expect: dict[NamedCrash, dict[str, Verdict]]
    claims: Claims = Claims()

    @property
    def scales(self) -> bool:
        """True where the declaration says how a second instance is told from the first."""
        texts = (*self.processor.command, *self.processor.environment.values())
        return any(f"{{{INSTANCE}}}" in text for text in texts)

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that is judged: the output topics, then the effects."""
        return (*self.processor.output, *self.effects)

    def expected(self, crash: NamedCrash, place: str) -> Verdict:
        """The verdict that this version demonstrates at that crash and place."""
        return self.expect.get(crash, {}).get(place, Verdict.ONCE)


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A checked declaration file.

    Attributes:
        folder: where it stands.
        versions: in the file's order.
        demonstrates: True where it says what its versions are there to show.
        app: the processor that was named in its stead; None where the file names its own.
    """

    folder: Path
    versions: dict[str, Version]
    demonstrates: bool
    app: str | None = None
