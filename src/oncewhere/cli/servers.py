"""What the user has comes in as options; the servers that a drill needs go out, started where they are missing."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from oncewhere.cluster import Access
from oncewhere.drill import Declaration, Servers, Version
from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest
from oncewhere.stack import Event, KafkaServer, Progress, Ready, Stack, Step
from oncewhere.stack.kafka_cluster import KafkaCluster

from .places import cache_folder, heed_start_limit, project_folder
from .stack_progress import StackProgress

LANES_DEFAULT = 3
"""With two lanes, two cores are idle for 40 % of a sweep: a trial often waits for a group or a timeout."""
LANES_OF_THREE_BROKERS = 2
"""Six brokers are enough for one machine."""
LANES_LIMIT = 8
SYSTEMS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "redis": "redis",
    "valkey": "redis",
    "rediss": "redis",
    "http": "http",
    "https": "http",
    "smtp": "smtp",
    "smtps": "smtp",
}
"""Which system a URL's scheme is for."""

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user said of servers.

    Attributes:
        bootstrap_servers: the user's Kafka; None: ours.
        dsns: `--dsn`, as they were given.
        recreate_topics: True allows deleting topics of the user's.
        java: runs our Kafka; None: what is found.
        brokers: of ours, for each lane.
        kafka_settings: how the user's brokers are spoken to.
        kafka_file: `-F`, of which some of these settings are.
        kafka_options: `-X`, as they were given.
    """

    bootstrap_servers: str | None = None
    dsns: tuple[str, ...] = ()
    recreate_topics: bool = False
    java: Path | None = None
    brokers: int = 1
    kafka_settings: Mapping[str, str] = field(default_factory=dict)
    kafka_file: Path | None = None
    kafka_options: tuple[str, ...] = ()


def read_settings(file: Path | None, given: Sequence[str]) -> dict[str, str]:
    """Kafka's settings, of a file's lines and then of `-X`.

    Raises:
        ConfigurationError: one of them is none.
    """
    lines = [] if file is None else file.read_text(encoding="utf-8").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    settings: dict[str, str] = {}
    for text in (*told, *given):
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise ConfigurationError(  # never the text itself: it may be a password
                "A setting of Kafka's is not NAME=VALUE.", hint="For example: -X security.protocol=sasl_ssl"
            )
        settings[name.strip()] = value.strip()
    return settings


def _wishes(  # one parameter for each option
    *,
    bootstrap_servers: str | None,
    dsns: tuple[str, ...],
    recreate_topics: bool,
    java: Path | None,
    brokers: str,
    kafka_file: Path | None,
    kafka_settings: tuple[str, ...],
) -> Wishes:
    settings = read_settings(kafka_file, kafka_settings)
    if settings and bootstrap_servers is None:
        raise ConfigurationError("-X and -F are for a Kafka of yours.", hint="Name it: -b HOST:PORT")
    if bootstrap_servers is not None and brokers != "1":
        raise ConfigurationError("--brokers starts brokers of ours; with -b there are none.")
    Access.from_settings(settings)  # what cannot be used is told before anything starts
    return Wishes(
        bootstrap_servers=bootstrap_servers,
        dsns=dsns,
        recreate_topics=recreate_topics,
        java=java,
        brokers=int(brokers),
        kafka_settings=settings,
        kafka_file=kafka_file,
        kafka_options=kafka_settings,
    )


def server_options(command: _F) -> _F:
    """The options of every command that drills; the command gets them as one parameter, `wishes`."""
    names = ("bootstrap_servers", "dsns", "recreate_topics", "java", "brokers", "kafka_file", "kafka_settings")

    @functools.wraps(command)
    def gathered(**arguments: Any) -> Any:
        wishes = _wishes(**{name: arguments.pop(name) for name in names})
        return command(wishes=wishes, **arguments)

    return _with_options(gathered)  # type: ignore[return-value]  # click takes any callable


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--java", type=click.Path(path_type=Path), help="Run Kafka on this Java (17 or later)."),
        click.option(
            "--recreate-topics",
            is_flag=True,
            help="With -b: delete the processor's topics where they exist already.",
        ),
        click.option(
            "--dsn",
            "dsns",
            metavar="[EFFECT=]DSN",
            multiple=True,
            help="Use this server: postgresql://…, mysql://…, redis://…, http://…, smtp://…",
        ),
        click.option(
            "--brokers",
            type=click.Choice(["1", "3"]),
            default="1",
            help="Start so many brokers for each lane; three are needed to kill one.",
        ),
        click.option(
            "-F",
            "kafka_file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="With -b: a file of NAME=VALUE lines, each like -X.",
        ),
        click.option(
            "-X",
            "kafka_settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="With -b: how the drill speaks to the brokers: security.protocol, sasl.…, ssl.…; librdkafka's names.",
        ),
        click.option("-b", "--bootstrap-servers", metavar="HOST:PORT", help="Use this Kafka instead of starting one."),
    ):
        command = option(command)
    return command


def choose_versions(declaration: Declaration, names: Sequence[str]) -> list[Version]:
    """The versions of these names, each once; all where none is named.

    Raises:
        ConfigurationError: a name that the declaration does not have.
    """
    for name in names:
        if name not in declaration.versions:
            near = nearest(name, declaration.versions)
            meant = f"Did you mean {near}? " if near else ""
            raise ConfigurationError(
                f"There is no version {name!r} in the declaration.",
                hint=f"{meant}It has {', '.join(declaration.versions)}.",
            )
    return [declaration.versions[name] for name in dict.fromkeys(names or declaration.versions)]


def with_deadline(version: Version, deadline_s: float | None) -> Version:
    """The version, with so many seconds for each life to finish all inputs; None leaves what it declares."""
    if deadline_s is None:
        return version
    return msgspec.structs.replace(version, settings=msgspec.structs.replace(version.settings, deadline_s=deadline_s))


def named_dsns(given: Sequence[str], versions: Sequence[Version]) -> dict[str, str]:
    """Which effect each `--dsn` is for; one without a name serves all whose system it is.

    Raises:
        ConfigurationError: one names no effect.
    """
    systems = {name: str(effect.system) for version in versions for name, effect in version.effects.items()}
    return dsns_of(given, systems, "effect of the declaration")


def dsns_of(given: Sequence[str], systems: Mapping[str, str], noun: str) -> dict[str, str]:
    """Which name each `--dsn` is for; one without a name serves all whose system it is.

    Args:
        given: as they were given, NAME=DSN or DSN.
        systems: by the names that there are, the system.
        noun: what these are names of, for the sentence.

    Raises:
        ConfigurationError: one names none of them.
    """
    found: dict[str, str] = {}
    for text in given:
        name, separator, dsn = text.partition("=")
        if separator and name in systems:
            found[name] = dsn
        elif "://" in name or " " in text or "=" in dsn:
            system = SYSTEMS.get(text.partition("://")[0].partition("+")[0].lower(), "postgresql")
            found.update({name: text for name, declared in systems.items() if declared == system})
        else:
            raise ConfigurationError(
                f"--dsn {name}=… names no {noun}.",
                hint=f"There are: {', '.join(sorted(systems))}." if systems else "There is none.",
            )
    return found


def default_lanes(
    wishes: Wishes, dsns: Mapping[str, str], versions: Sequence[Version], *, most: int | None = None
) -> int:
    """How many trials at a time: one on a cluster of the user's, and one on a Redis database of the user's.

    Args:
        wishes: the options about servers.
        dsns: the databases that the user has named.
        versions: that are drilled.
        most: no more than there are trials to make at a time, where that is known.
    """
    redis = any(e.system == "redis" and name in dsns for v in versions for name, e in v.effects.items())
    if wishes.bootstrap_servers or redis:
        return 1
    lanes = LANES_DEFAULT if wishes.brokers == 1 else LANES_OF_THREE_BROKERS
    return lanes if most is None else min(lanes, most)


@contextlib.contextmanager
def running_servers(
    versions: Sequence[Version], lanes: int, wishes: Wishes, dsns: Mapping[str, str]
) -> Iterator[list[Servers]]:
    """Starts what the user does not have: brokers for each lane, and one server of each other system for all."""
    missing = {name: e.system for version in versions for name, e in version.effects.items() if name not in dsns}
    systems = set(missing.values())
    cache = cache_folder()
    heed_start_limit()
    single = wishes.bootstrap_servers is None and wishes.brokers == 1
    with StackProgress(Console(stderr=True, highlight=False)) as progress, contextlib.ExitStack() as running:
        stacks = []
        for number in range(lanes):
            stack = Stack(
                project_folder(),
                cache,
                kafka=single,
                postgres=not number and "postgresql" in systems,
                mariadb=not number and "mysql" in systems,
                valkey=not number and "redis" in systems,
                java=wishes.java,
                fsync=False,  # it is the processor that dies, not the machine
                progress=_of_lane(progress, number, lanes),
            )
            running.push(stopping(stack))
            stack.launch()
            stacks.append(stack)
        clusters: list[KafkaCluster | None] = [None] * lanes
        if wishes.brokers > 1:
            clusters = [
                running.enter_context(
                    KafkaCluster(project_folder(), cache, brokers=wishes.brokers, java=wishes.java, progress=progress)
                )
                for _ in range(lanes)
            ]
        for stack in stacks:
            stack.wait_ready()
        progress.close()
        yield [
            Servers(
                bootstrap_servers=wishes.bootstrap_servers or (cluster or stack).bootstrap_servers,
                dsns={**dsns, **_own_dsns(stacks[0], missing, lane)},
                kafka_settings=wishes.kafka_settings,
                cluster=cluster,
            )
            for lane, (stack, cluster) in enumerate(zip(stacks, clusters, strict=True))
        ]


def stopping(stack: Stack) -> Callable[[type[BaseException] | None, object, object], None]:
    """Stops a stack; at an interrupt it keeps nothing that only the next start would want."""

    def stop(kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            stack.hurry()
        stack.stop()

    return stop


def _of_lane(progress: Progress, number: int, lanes: int) -> Progress:
    """The same, where each lane has a broker of its own: which one is told."""
    if lanes == 1:
        return progress
    lane = f", lane {number + 1} of {lanes}"

    def tell(event: Event) -> None:
        if isinstance(event, Step) and KafkaServer.name in event.text:
            event = Step(event.text + lane)
        elif isinstance(event, Ready) and event.name == KafkaServer.name:
            event = Ready(event.name + lane, event.address, event.took_s)
        progress(event)

    return tell


def _own_dsns(stack: Stack, missing: Mapping[str, str], lane: int) -> dict[str, str]:
    """Where the effects without a server of the user's are; Redis databases are one for each effect in each lane."""
    found: dict[str, str] = {}
    redis = sorted(name for name, system in missing.items() if system == "redis")
    for name, system in missing.items():
        match system:
            case "postgresql":
                found[name] = stack.dsn("postgres")
            case "mysql":
                found[name] = stack.mariadb.dsn()
            case "redis":
                found[name] = stack.valkey.dsn(redis.index(name) * LANES_LIMIT + lane)
            case _:
                pass  # a stand-in, or a file
    return found
