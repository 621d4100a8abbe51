"""One measurement's session: a command line in; a broker, a folder, interleaved rounds of runs, and a report out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from measure.broker import broker
from measure.build import NotBuilt
from measure.environment import environment, sentence
from measure.figures import Row
from measure.folder import RunFolder
from measure.machine import NOTABLE_SHARE, Elsewhere
from measure.peers import PEERS
from measure.running import RunningPeer, command
from measure.spec import Spec, parse
from measure.topics import Topics

WARM_UP = -1
"""The round that is thrown away: the broker's JIT compiler needs one."""


class OutcomeError(Exception):
    """A run gave no figure. `outcome` is `bad` (it went wrong) or `unknown` (nobody can tell)."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass
class Session:
    """What a run needs to know of its surroundings.

    Attributes:
        bootstrap_servers: the broker's address.
        broker_pid: its process.
        topics: makes and removes topics.
        folder: rows, logs and the report.
        servers: process ids of other servers that are measured with it.
        rows: of the rounds that count.
        commands: what starts each spec, or why nothing does.
    """

    bootstrap_servers: str
    broker_pid: int | None
    topics: Topics
    folder: RunFolder
    environment: Mapping[str, str | int]
    servers: list[int | None] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    commands: dict[str, tuple[str, ...] | NotBuilt] = field(default_factory=dict)

    def prepare(self, spec: Spec) -> tuple[str, ...]:
        """Builds a peer, which may take minutes the first time; so do it before a clock runs.

        Raises:
            OutcomeError: it cannot be built here.
        """
        argv = self.commands.get(spec.peer)
        if argv is None:
            argv = self.commands[spec.peer] = command(spec)
        if isinstance(argv, NotBuilt):
            raise OutcomeError("not built", argv.reason)
        return argv

    def start(self, spec: Spec, tag: str, job: Mapping[str, object]) -> RunningPeer:
        """Starts one process of a peer.

        Args:
            spec: which one.
            tag: the name of its group, of its state folder and of its log.
            job: what to do; names without `PEER_`.

        Raises:
            OutcomeError: it cannot be built here.
        """
        argv = self.prepare(spec)
        state = self.folder.path / "state" / tag
        state.mkdir(parents=True, exist_ok=True)
        full = {
            "BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "GROUP": tag,
            "TRANSACTIONAL_ID": tag,
            "STATE_DIR": state,
            **job,
        }
        named = {f"PEER_{name}": str(value) for name, value in full.items()}
        log = self.folder.logs / f"{tag}.log"
        return RunningPeer(argv, {**PEERS[spec.peer].environment, **named, **spec.environment()}, log)

    def record(self, spec: Spec, number: int, measure: Callable[[], Mapping[str, Any]]) -> None:
        """Runs one measurement, and keeps its row whatever becomes of it.

        Args:
            spec: of what.
            number: of the round; `WARM_UP` is not kept.
            measure: gives the row's numbers, with `outcome` and `why`.
        """
        try:
            found = dict(measure())
        except OutcomeError as error:
            found = {"outcome": error.outcome, "why": str(error)}
        row: dict[str, Any] = {"spec": spec.text, "round": number, **found}
        _tell(row)
        if number != WARM_UP:
            self.rows.append(row)
            self.folder.add(row)

    def rounds(
        self, specs: Sequence[Spec], count: int, measure: Callable[[Spec, int], Mapping[str, Any]], *, warm_up: bool
    ) -> None:
        """Every spec once, then every spec again; each round begins with another one, so that none has the best place.

        Args:
            specs: what to run.
            count: how many rounds.
            measure: runs one spec in one round.
            warm_up: whether a round is thrown away first.
        """
        for number in range(WARM_UP if warm_up else 0, count):
            first = max(0, number) % max(1, len(specs))
            for spec in (*specs[first:], *specs[:first]):
                if number != WARM_UP and isinstance(self.commands.get(spec.peer), NotBuilt) and number > 0:
                    continue  # said once
                self.record(spec, number, partial(self._watched, measure, spec, number))

    def _watched(self, measure: Callable[[Spec, int], Mapping[str, Any]], spec: Spec, number: int) -> Mapping[str, Any]:
        elsewhere = Elsewhere([self.broker_pid, *self.servers])
        return {**measure(spec, number), "elsewhere": elsewhere.share()}

    def report(self, title: str, *parts: str) -> None:
        """Writes and prints the report."""
        head = [f"## {title}", sentence(dict(self.environment))]
        shares = [row["elsewhere"] for row in self.rows if row.get("elsewhere") is not None]
        if shares and max(shares) >= NOTABLE_SHARE:
            disturbed = sum(share >= NOTABLE_SHARE for share in shares)
            head.append(
                f"**Not to be trusted:** other programs used up to {max(shares):.0%} of the machine "
                f"({disturbed} of {len(shares)} runs: {NOTABLE_SHARE:.0%} or more)."
            )
        self.folder.report("\n\n".join(part for part in [*head, *parts] if part))


@contextmanager
def session(name: str, folder: Path | None = None) -> Iterator[Session]:
    """A broker and a folder, for as long as the block lasts.

    Args:
        name: what is measured.
        folder: another place than `.oncewhere/benchmarks`.
    """
    where = RunFolder(name, folder)
    with broker(where.kafka) as server:
        yield Session(
            bootstrap_servers=server.bootstrap_servers,
            broker_pid=server.pid,
            topics=Topics(server.bootstrap_servers),
            folder=where,
            environment=environment(server.version),
        )


def arguments(summary: str, default: Sequence[str], *, rounds: int) -> argparse.ArgumentParser:
    """The command line that the measurements share.

    Args:
        summary: the script's docstring; its first line is shown.
        default: the specs that run when none is named.
        rounds: how many by default.
    """
    parser = argparse.ArgumentParser(
        description=summary.partition("\n")[0],
        epilog=f"Peers: {', '.join(PEERS)}.",
    )
    parser.add_argument("specs", nargs="*", default=list(default), metavar="SPEC", help="peer[:option=value…]")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how many rounds count (default {rounds})")
    parser.add_argument("--folder", type=Path, help="where rows, logs and the report go")
    return parser


def parsed(texts: Sequence[str]) -> list[Spec]:
    """The specs that were named; a mistake ends the program with a sentence."""
    try:
        found = [parse(text) for text in texts]
    except ValueError as error:
        _refuse(str(error))
    if unknown := [spec.peer for spec in found if spec.peer not in PEERS]:
        _refuse(f"there is no peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    return found


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


def tag(spec: Spec) -> str:
    """A name that no other run has, for topics, groups and files."""
    return f"{spec.peer}-{time.time_ns() // 1_000_000:x}"


def _tell(row: Mapping[str, Any]) -> None:
    numbers = ", ".join(
        f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value:,}"
        for name, value in row.items()
        if isinstance(value, int | float) and name != "round"
    )
    which = "warm-up" if row["round"] == WARM_UP else f"round {row['round']}"
    print(f"{row['spec']} ({which}): {row['outcome']} {row['why']}; {numbers}", file=sys.stderr, flush=True)
