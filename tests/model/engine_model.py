"""The real runtime on a simulated Kafka, explored: a size and planted mistakes in; the first violation out.

Nothing of `oncewhere.runtime` is replaced but confluent_kafka, the clock, and the thread that commits (its call runs
when a choice says so, so that reading ahead is explored too). The effect's place is a small one in memory, but its
decisions are those of `oncewhere.effects.ledger`. What happens in a run stands in `engine_world`, what must hold in
`invariants`, what is planted in `planted_mistakes`.

Run it by hand:  python engine_model.py [effects] [eager] [trickle] [faults=2 | throws=10000 seed=1] [mistake …]
"""

from __future__ import annotations

import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

from engine_world import Size, World
from exploration import Chooser, random_runs, runs
from planted_mistakes import Mistake, planted
from simulated_clients import AdminClient, Consumer, Producer
from simulated_threads import Caller, Committer

from oncewhere.runtime import agreement, attempts, ending, engine, growing, limits, pace, streaming
from oncewhere.runtime.kafka import reader, starts, writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHANCE = 0.15  # of a fault at each point, where they are thrown
TRICKLE_MS = 40  # from one commit to the next: some records, and a rebalance between them


@dataclass(frozen=True)
class Verdict:
    """What the exploration found.

    Attributes:
        runs: how many were made.
        violation: what the first bad one violated; None where all were good.
        trace: its faults, in order.
    """

    runs: int
    violation: str | None = None
    trace: tuple[str, ...] = ()


@contextmanager
def simulated(world: World) -> Iterator[None]:
    """confluent_kafka, the clock and the committing thread are this world's."""
    with ExitStack() as stack:
        for limit in ("MAX_BATCH_RECORDS", "MAX_STREAM_RECORDS"):
            stack.enter_context(patch.object(limits, limit, world.size.batch))
        stack.enter_context(patch.object(pace, "FIRST_RECORDS", 1))  # so that few records make several batches
        for module in (reader, starts, writer, engine, growing, ending, attempts, agreement, streaming):
            stack.enter_context(patch.object(module, "time", world.broker.clock))
        clients = {
            (reader, "Consumer"): lambda *_, **__: Consumer(
                world.process,
                cooperative=world.size.cooperative,
                trickle=world.size.trickle,
                steady=world.size.steady,
            ),
            (reader, "AdminClient"): lambda *_, **__: AdminClient(),
            (writer, "Producer"): lambda *_, **__: Producer(world.process),
            (ending, "Committer"): lambda: Committer(world),
            (writer, "Committer"): Caller,
        }
        for (module, name), made in clients.items():
            stack.enter_context(patch.object(module, name, made))
        yield


def explore(size: Size, mistakes: Iterable[Mistake] = (), *, seed: int = 0) -> Verdict:
    """All runs of this size, up to the first that violates something.

    Args:
        size: what is explored.
        mistakes: what is planted.
        seed: for faults that are thrown, and the order of combinations.
    """
    last: list[Chooser] = []

    def run(chooser: Chooser) -> None:
        last[:] = [chooser]
        world = World(size, chooser)
        with simulated(world), planted(world, mistakes):
            world.run()

    def explore_all() -> Verdict:
        count = 0
        try:
            every = runs(run, faults=size.faults, seed=seed)
            for _ in random_runs(run, count=size.throws, chance=CHANCE, seed=seed) if size.throws else every:
                count += 1
        except Exception as violation:  # noqa: BLE001 - what ought not to end a processor is a violation too
            where = "".join(traceback.format_tb(violation.__traceback__)[-1:]).strip()
            return Verdict(count + 1, f"{type(violation).__name__}: {violation}", (*last[0].trace, where))
        return Verdict(count)

    # In a thread of its own: the main thread's signals are none of the model's business.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(explore_all).result()


if __name__ == "__main__":
    logging.disable()
    _words = sys.argv[1:]
    _numbers = dict(word.split("=") for word in _words if "=" in word)
    _size = Size(
        effects="effects" in _words,
        cooperative="eager" not in _words,
        faults=int(_numbers.get("faults", 1)),
        throws=int(_numbers.get("throws", 0)),
        trickle="trickle" in _words,
        interval_ms=TRICKLE_MS if "trickle" in _words else 0,
    )
    _planted = [Mistake(word) for word in _words if word in set(Mistake)]
    _verdict = explore(_size, _planted, seed=int(_numbers.get("seed", 0)))
    print(f"{_verdict.runs} runs: {_verdict.violation or 'nothing violated'}")
    print("\n".join(_verdict.trace))
