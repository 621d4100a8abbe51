"""Where a run comes from, and how it stands: what a stranger must know who is handed nothing but its folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from oncewhere.drill.observation import listed
from oncewhere.masking import MASK

NEWLINE = "\n"
DIGITS_SHOWN = 10
"""Of a commit."""


class State(StrEnum):
    """How far a run came."""

    RUNNING = "running"
    """It began, and has not said that it ended: it goes on, or was cut off."""
    FINISHED = "finished"
    LISTED = "listed"
    """Only the points of clean runs were printed; nothing was crashed."""
    INTERRUPTED = "interrupted"
    INCONCLUSIVE = "inconclusive"
    """It ended by itself, before it could say anything: a clean run did not finish, for example."""
    FAILED = "failed"
    """Something that it needed was wrong or missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run stands.

    Attributes:
        state: how far it came.
        reason: why not to its end; empty where it finished.
        exit_code: of the command; None while it runs.
    """

    state: State = State.RUNNING
    reason: str = ""
    exit_code: int | None = None

    @property
    def words(self) -> str:
        """Why what stands in the run is not all; empty where it is."""
        match self.state:
            case State.FINISHED:
                return ""
            case State.RUNNING:
                return "this run has not ended: it goes on, or it was cut off"
            case State.LISTED:
                return "only the points were listed, and nothing was crashed"
            case _:
                return (
                    f"this run did not come to its end ({self.state}): {self.reason.partition(NEWLINE)[0].rstrip('.')}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What git says of the declaration's folder.

    Attributes:
        id: the commit that is checked out.
        changed: True where tracked files differ from it; None where git could not say in time.
    """

    id: str
    changed: bool | None = None

    @property
    def words(self) -> str:
        """Its first digits, and whether it is the whole truth."""
        told = {True: " with changes that are in no commit", False: "", None: ""}[self.changed]
        return f"commit {self.id[:DIGITS_SHOWN]}{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Which point of which run a run repeats.

    Attributes:
        run: the name of the earlier run's folder.
        version: what was crashed there.
        point: the plan's id.
        outcome: whether it showed the same, in words; empty until that is known.
        reproduced: the same as a value.
    """

    run: str
    version: str
    point: str
    outcome: str = ""
    reproduced: bool | None = None

    @property
    def words(self) -> str:
        """In a sentence."""
        return f"A replay of one point: {self.version}/{self.point} of the run {self.run}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOption:
    """An option that leads to a server of the user's, without its secrets.

    Attributes:
        flag: such as `-b` or `--dsn`.
        value: what was said behind it; a secret in it is masked.
    """

    flag: str
    value: str

    @property
    def is_secret(self) -> bool:
        """True where the value would not work as it stands here."""
        return MASK in self.value

    @property
    def words(self) -> str:
        """How it is spoken of: its name where the value begins with one, and never the value."""
        name, separator, _ = self.value.partition("=")
        return f"{self.flag} {name}=…" if separator and "://" not in name and " " not in name else self.flag


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a run comes from.

    Attributes:
        began: when, in UTC.
        command: the command line, without secrets.
        project: the name of the folder that it was given in; the declaration is named from there.
        machine: the name of the machine.
        commit: what git says of the declaration's folder; None where it says nothing.
        servers: what of the user's servers it used: `kafka`, or an effect's name. All others it started itself.
        options: of the command line, those that led to these servers.
        repeat: of a run that a test made, what runs the test again: the test holds the declaration. Else empty.
    """

    began: datetime = field(default_factory=_now)
    command: str = ""
    project: str = ""
    machine: str = ""
    commit: Commit | None = None
    servers: tuple[str, ...] = ()
    options: tuple[ServerOption, ...] = ()
    repeat: str = ""

    @property
    def all_points(self) -> str:
        """How whoever made the run asks for every point."""
        return "--oncewhere-points all" if self.repeat else "--points all"

    @property
    def all_scenarios(self) -> str:
        """How whoever made the run asks for every scenario."""
        return 'scenarios=["all"]' if self.repeat else "--scenario all"

    def safety(self, elsewhere: Sequence[str] = ()) -> str:
        """Whose servers were touched, in a sentence or two.

        Args:
            elsewhere: addresses that the processor was connected to past the proxies: whose they are nobody knows.
        """
        past = f" The processor was also connected to {listed(elsewhere)}: whose that is, a drill cannot know."
        if not self.servers:
            began = "A drill: real servers that it started itself, made-up inputs"
            return f"{began}.{past}" if elsewhere else f"{began}; nothing of production was touched."
        asked = "the test" if self.repeat else "the command line"
        told = f"A drill: made-up inputs. Servers of yours were used, as {asked} asked: {named(self.servers)}."
        return told + past if elsewhere else told

    def missing(self, *, printed: bool) -> str:
        """The options that whoever repeats the run must add, in words; empty where there are none.

        Args:
            printed: True where those that can be printed stand in the command already.
        """
        names = [option.words for option in self.options if option.is_secret or not printed]
        if not self.options:  # written down before options were
            names = ["-b" if name == "kafka" else f"--dsn {name}=…" for name in self.servers]
        return f"with the same {', '.join(dict.fromkeys(names))} as before" if names else ""


def named(servers: Iterable[str]) -> str:
    """Servers in a sentence, such as `Kafka, bank`."""
    return ", ".join("Kafka" if name == "kafka" else name for name in servers)
