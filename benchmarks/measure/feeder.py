"""A steady source: a topic and a rate in; payments, one after the other, until told to stop, out."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from confluent_kafka import Producer

from measure import payments
from measure.topics import QUIET

if TYPE_CHECKING:
    from types import TracebackType

STEP_S = 0.001  # where the moment of each record counts
COARSE_STEP_S = 0.01
FLUSH_LIMIT_S = 10.0


class Feeder:
    """Writes payments 0, 1, 2, … at a steady rate, in a thread of its own, for as long as the block lasts.

    Args:
        bootstrap_servers: the broker's address.
        topic: where they go.
        rate: how many a second.
        stamped: whether `ts` tells when each was sent, in microseconds since the epoch.
    """

    def __init__(self, bootstrap_servers: str, topic: str, rate: int, *, stamped: bool = False) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "linger.ms": 0,
                "enable.idempotence": True,
                "delivery.report.only.error": True,
                "log_level": QUIET,
            }
        )
        self._topic = topic
        self._rate = rate
        self._stamped = stamped
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Ends it; how many it has sent. Calling it again is harmless.

        Raises:
            RuntimeError: some could not be sent.
        """
        self._stop.set()
        self._thread.join()
        if left := self._producer.flush(FLUSH_LIMIT_S):
            raise RuntimeError(f"{left} records could not be sent")
        return self.sent

    def _run(self) -> None:
        since = time.perf_counter()
        while not self._stop.wait(STEP_S if self._stamped else COARSE_STEP_S):
            due = int((time.perf_counter() - since) * self._rate)
            for i in range(self.sent, due):
                ts = time.time_ns() // 1000 if self._stamped else None
                self._producer.produce(
                    self._topic, payments.authorized(i, ts), payments.key_of(i), payments.partition_of(i)
                )
                self.sent = i + 1
            self._producer.poll(0)
