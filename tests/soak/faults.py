"""What goes wrong, and when: a seed goes in, faults come out and are done to instances and brokers."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.stack.kafka import KafkaServer
    from oncewhere.stack.kafka_cluster import KafkaCluster
    from soak.fleet import Instance

SESSION_TIMEOUT_S = 3.0
"""`session.timeout.ms` of the instances; a stop is longer, so that the group gives the zombie's partitions away."""
PAUSE_S = (1.5, 4.5)
"""Between two faults: at least, at most."""
DOWN_S = (0.0, 0.0, 0.0, 4.0)
"""Until a killed instance is started again: at once, mostly; else long enough for the group to notice."""
WEIGHTS: Mapping[str, int] = {"kill": 9, "stop": 5, "broker": 6}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that was done, at a time on the clock of `time.monotonic`."""

    kind: str
    target: str
    at: float


class Faults:
    """Chooses and does them, one at a time.

    Args:
        seed: decides what happens in which order; not to the millisecond, for the machine decides that.
        instances: the instances.
        cluster: the brokers. Of several, one is killed; a lone one is asked to end, for a lone broker that is killed
            may leave a hanging transaction behind (see `hanging`).
    """

    def __init__(self, seed: int, instances: Sequence[Instance], cluster: KafkaCluster) -> None:
        self.done: list[Fault] = []
        self.broker_error: BaseException | None = None
        self._random = random.Random(seed)
        self._instances = instances
        self._cluster = cluster
        self._broker: threading.Thread | None = None
        self._next_at = time.monotonic() + PAUSE_S[1]

    def count(self, kind: str) -> int:
        """How many of a kind were done."""
        return sum(fault.kind == kind for fault in self.done)

    def tick(self, now: float) -> Fault | None:
        """Does a fault when it is time."""
        if now < self._next_at:
            return None
        self._next_at = now + self._random.uniform(*PAUSE_S)
        (kind,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        target = self._restart_broker() if kind == "broker" else self._harm(kind, now)
        if target is None:
            return None
        self.done.append(Fault(kind, target, now))
        return self.done[-1]

    def settle(self) -> None:
        """Everything comes back: brokers, instances."""
        if self._broker is not None:
            self._broker.join()
        for instance in self._instances:
            if instance.resume_at is not None:
                instance.resume()
            if instance.start_at is not None:
                instance.start_at = 0.0

    def _harm(self, kind: str, now: float) -> str | None:
        running = [instance for instance in self._instances if instance.runs]
        if not running:
            return None
        instance = self._random.choice(running)
        down_s = self._random.uniform(0, self._random.choice(DOWN_S))
        stop_s = SESSION_TIMEOUT_S + self._random.uniform(1.0, 4.0)
        if kind == "kill":
            instance.kill(now + down_s)
        else:
            instance.pause(now + stop_s)
        return instance.work.name

    def _restart_broker(self) -> str | None:
        broker = self._random.choice(self._cluster.brokers)
        down_s = self._random.uniform(0, 2.0)
        if self._broker is not None and self._broker.is_alive():
            return None
        # In a thread: instances are to be harmed meanwhile too.
        self._broker = threading.Thread(target=self._bounce, args=(broker, down_s), name="broker", daemon=True)
        self._broker.start()
        return f"broker {broker.node_id}"

    def _bounce(self, broker: KafkaServer, down_s: float) -> None:
        try:
            if len(self._cluster.brokers) > 1:
                broker.kill()
            else:
                broker.shut_down()
            time.sleep(down_s)
            broker.start()
            self._cluster.wait_in_sync()
        except Exception as error:  # noqa: BLE001 - the soak ends with it
            self.broker_error = error
