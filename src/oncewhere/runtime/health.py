"""Whether an instance lives and is ready: heartbeats and events in; answers to whoever asks over HTTP out.

Three paths, off unless an address is given:

- `/livez`: has the processing loop come round lately? It never asks Kafka: a broker that is away for ten minutes would
  otherwise get every instance killed, each with its transaction open, and none of them would come back sooner for it.
- `/readyz`: has it joined its group, and will it go on? No traffic is steered by this (Kafka does that); a rolling
  update waits for it before it takes the next instance down.
- `/metrics`: whatever the given function returns, in Prometheus' text format.

The loop only stores a number (`beat`); every answer is computed in the asker's thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import msgspec

from oncewhere.errors import ConfigurationError
from oncewhere.runtime import events
from oncewhere.runtime.health_server import Answer, HealthServer

if TYPE_CHECKING:
    from types import TracebackType

    from oncewhere.records import Partition

logger = logging.getLogger("oncewhere.runtime.health")

LOOPBACK = "127.0.0.1"
"""Where a port without a host listens. Nobody is asked who they are, so the network must be named to be let in."""
HEARTBEAT_LIMIT_S = 300.0
"""librdkafka's default of max.poll.interval.ms: a loop that is silent for longer has lost its partitions anyway, and a
loop that is silent for less may only be slow. A lower limit kills work that would have committed."""
LONGEST_WAIT_S = 60.0
"""Calls to Kafka that nobody answers may take so long together before the next beat: those of a start 40 s. A limit
below that, taken from a short max.poll.interval.ms, would count an instance as dead because Kafka is away."""
CLOSE_LIMIT_S = 2.0
"""How long closing waits for the thread that accepts connections."""
MAX_PORT = 65_535

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: an address of this machine; `0.0.0.0` or `::` for all of them.
        port: 0 takes a free one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str | int) -> Address:
    """Reads `8080`, `0.0.0.0:8080` or `[::]:8080`.

    A port alone listens on 127.0.0.1 only. A kubelet or a Prometheus elsewhere asks the pod's own address and needs
    `0.0.0.0:8080`; that is said and not assumed, since the port answers everybody.

    Args:
        text: a port, or a host and a port.

    Raises:
        ConfigurationError: it is neither.
    """
    host, _, port = str(text).strip().rpartition(":")
    hint = "Write a port (8080, on 127.0.0.1 only), 0.0.0.0:8080 or [::]:8080."
    if not (port.isascii() and port.isdecimal()) or int(port) > MAX_PORT or (":" in host and not host.startswith("[")):
        raise ConfigurationError(f"{text!r} is no address for the health port.", hint=hint)
    return Address(host.strip("[]") or LOOPBACK, int(port))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the events told so far; replaced as a whole, so that no reader needs a lock."""

    joined: bool = False
    partitions: frozenset[Partition] = frozenset()
    ending: str | None = None


_ENDINGS: Mapping[type[events.Event], str] = {
    events.Draining: "It was asked to stop, and finishes what is open.",
    events.Fenced: "Another producer took its transactional.id, or its transaction timed out: it was fenced.",
    events.Stopped: "It has stopped.",
}
_NOT_JOINED = "It has not joined its consumer group yet."
_NO_METRICS = (
    "No metrics are kept. Run it with `oncewhere run --metrics`, or give Health(…, metrics=PrometheusListener().text); "
    "both need: pip install 'oncewhere[prometheus]'"
)
_NO_SUCH_PATH = "There are /livez, /readyz and /metrics here."


class Health:
    """The health of one instance, and the port that tells it. Also a listener of the runtime's events.

    Args:
        address: a port, or a host and a port (see `parse_address`).
        limit_s: for how long the loop may be silent before it counts as dead, in seconds; None: max.poll.interval.ms,
            and a minute at least.
        metrics: gives Prometheus' text, such as `PrometheusListener().text`; called in the asker's thread.
        clock: monotonic seconds.

    Raises:
        ConfigurationError: the address is none, or the limit is not positive.
    """

    def __init__(
        self,
        address: str | int,
        *,
        limit_s: float | None = None,
        metrics: Callable[[], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if limit_s is not None and limit_s <= 0:
            raise ConfigurationError(f"A loop cannot come round every {limit_s:g} s.", hint="Give more than 0 seconds.")
        self._asked = parse_address(address)
        self._asked_limit_s = limit_s
        self._limit_s = limit_s or HEARTBEAT_LIMIT_S
        self._metrics = metrics
        self._clock = clock
        self._beat_at = clock()
        self._seen = _Seen()
        self._server: HealthServer | None = None
        self._thread: threading.Thread | None = None

    # What the runtime calls.

    def beat(self) -> None:
        """The loop has come round. Costs one clock reading and one store: call it in each round, and in each wait."""
        self._beat_at = self._clock()

    def __call__(self, event: events.Event) -> None:
        """Takes one event of the runtime."""
        seen = self._seen
        match event:
            case events.Assigned(starts=starts):
                self._seen = replace(seen, joined=True, partitions=seen.partitions | starts.keys())
            case events.Released(partitions=partitions):
                self._seen = replace(seen, partitions=seen.partitions.difference(partitions))
            case events.Draining() | events.Fenced() | events.Stopped():
                self._seen = replace(seen, ending=_ENDINGS[type(event)])
            case _:
                pass

    # What is answered.

    def livez(self) -> Answer:
        """200 while the loop comes round within the limit, else 503."""
        silent_s = self._clock() - self._beat_at
        if silent_s <= self._limit_s:
            return _json(200, status="ok", silent_s=round(silent_s, 3), limit_s=self._limit_s)
        reason = f"The processing loop has been silent for {silent_s:.0f} s; the limit is {self._limit_s:.0f} s."
        return _json(503, status="dead", reason=reason, silent_s=round(silent_s, 3), limit_s=self._limit_s)

    def readyz(self) -> Answer:
        """200 once the group was joined and as long as the run is to go on, else 503."""
        seen = self._seen
        reason = seen.ending or (None if seen.joined else _NOT_JOINED)
        if reason is None:
            # An instance without a partition is ready too: there may be more instances than partitions.
            return _json(200, status="ok", partitions=len(seen.partitions))
        return _json(503, status="not ready", reason=reason, partitions=len(seen.partitions))

    def metrics(self) -> Answer:
        """200 with the metrics, or 404 with the sentence that says how to get them."""
        if self._metrics is None:
            return _json(404, status="not found", reason=_NO_METRICS)
        return Answer(200, METRICS_TYPE, self._metrics())

    def answer(self, path: str) -> Answer:
        """What a path answers."""
        match path:
            case "/livez":
                return self.livez()
            case "/readyz":
                return self.readyz()
            case "/metrics":
                return self.metrics()
        return _json(404, status="not found", reason=_NO_SUCH_PATH)

    # The port.

    @property
    def address(self) -> Address:
        """Where it listens; before `start`, where it is to."""
        return self._asked if self._server is None else Address(self._asked.host, self._server.port)

    def start(self, *, max_poll_interval_s: float = HEARTBEAT_LIMIT_S) -> None:
        """Listens, in a daemon thread: it never keeps a process alive.

        Args:
            max_poll_interval_s: of the consumer, in seconds: the limit, unless it was given one of its own, or this is
                shorter than `LONGEST_WAIT_S`.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        self._seen = _Seen()
        self._limit_s = self._asked_limit_s or max(max_poll_interval_s, LONGEST_WAIT_S)
        self._beat_at = self._clock()  # a start may take as long as a round
        try:
            self._server = HealthServer(self._asked.host, self._asked.port, self.answer)
        except OSError as error:
            raise ConfigurationError(
                f"The health port cannot listen on {self._asked}: {error.strerror or error}.",
                hint="Name another: --health-port [HOST:]PORT.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve, name="oncewhere-health", daemon=True)
        self._thread.start()
        logger.info("health port: http://%s/readyz", self.address)

    def close(self) -> None:
        """Listens no more; calling it again is harmless."""
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            server.close()
            thread.join(CLOSE_LIMIT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _json(code: int, /, **facts: Any) -> Answer:
    return Answer(code, JSON_TYPE, msgspec.json.encode(facts))
