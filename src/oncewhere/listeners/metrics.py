"""What is measured, as a table, and what each event means for it: an event in, samples out. No client library.

Nothing here is labelled with a key, an identity or an offset: each new value would be a new time series, and what
stands in a record is nobody's business who may read metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oncewhere.runtime import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.records import Partition


class Kind(StrEnum):
    """How samples of a metric are put together."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Prometheus' name for it, with the suffixes that its conventions ask for.
        kind: counter, gauge or histogram.
        labels: the names of its labels; each has few values, and none comes out of a record.
        help: one sentence.
        unit: in UCUM's spelling, as OpenTelemetry wants it.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    unit: str

    @property
    def dotted(self) -> str:
        """OpenTelemetry's name: dots, and no suffix, for an exporter to Prometheus adds them from kind and unit."""
        stem = self.name.removeprefix("oncewhere_").removesuffix("_total").removesuffix("_seconds")
        return f"oncewhere.{stem}"


RECORDS = Metric(
    "oncewhere_records_total",
    Kind.COUNTER,
    (),
    "Records consumed in committed transactions; duplicates and dead letters are among them.",
    "{record}",
)
OUTPUTS = Metric("oncewhere_outputs_total", Kind.COUNTER, (), "Records produced in committed transactions.", "{record}")
TRANSACTIONS = Metric(
    "oncewhere_transactions_total",
    Kind.COUNTER,
    ("outcome",),
    "Kafka transactions that were begun, by outcome: committed, aborted, or unconfirmed (nobody knows until the "
    "offsets are read back).",
    "{transaction}",
)
EFFECTS = Metric(
    "oncewhere_effects_total",
    Kind.COUNTER,
    ("place", "kind"),
    "Effects that a place committed (executed), and recorded results given to redelivered records instead (replayed).",
    "{effect}",
)
DUPLICATES = Metric(
    "oncewhere_duplicates_suppressed_total",
    Kind.COUNTER,
    (),
    "Business events published twice upstream, whose second effect and output were suppressed.",
    "{record}",
)
REJECTED = Metric(
    "oncewhere_rejected_records_total",
    Kind.COUNTER,
    ("action",),
    "Records that could not be processed, by what was done about them: dead-letter, skip, or stop (the process ends).",
    "{record}",
)
REBALANCES = Metric(
    "oncewhere_rebalances_total",
    Kind.COUNTER,
    ("kind",),
    "Changes of this instance's partitions: assigned, revoked, or lost (the group threw it out).",
    "{rebalance}",
)
REWINDS = Metric(
    "oncewhere_rewinds_total", Kind.COUNTER, (), "Returns to the group's committed offsets after a failure.", "{rewind}"
)
REPLACEMENTS = Metric(
    "oncewhere_producer_replacements_total",
    Kind.COUNTER,
    (),
    "Producers replaced by a new one with the same transactional.id, since the old one's state was unknown.",
    "{replacement}",
)
FENCED = Metric(
    "oncewhere_fenced_total",
    Kind.COUNTER,
    (),
    "Times that another producer took the transactional.id, or a transaction outlived its timeout; the run ended.",
    "{fencing}",
)
HANDLE = Metric(
    "oncewhere_handle_seconds",
    Kind.HISTOGRAM,
    (),
    "From a batch's first record to the end of its last handler, in committed transactions.",
    "s",
)
COMMIT = Metric(
    "oncewhere_commit_seconds",
    Kind.HISTOGRAM,
    (),
    "Sending the offsets and ending Kafka's transaction, where it committed.",
    "s",
)
PARTITIONS = Metric(
    "oncewhere_assigned_partitions", Kind.GAUGE, (), "Partitions that this instance processes.", "{partition}"
)

METRICS: tuple[Metric, ...] = (
    RECORDS,
    OUTPUTS,
    TRANSACTIONS,
    EFFECTS,
    DUPLICATES,
    REJECTED,
    REBALANCES,
    REWINDS,
    REPLACEMENTS,
    FENCED,
    HANDLE,
    COMMIT,
    PARTITIONS,
)
"""Every metric that there is."""

KNOWN: dict[tuple[Metric, str], tuple[str, ...]] = {
    (TRANSACTIONS, "outcome"): ("committed", "aborted", "unconfirmed"),
    (EFFECTS, "kind"): ("executed", "replayed"),
    (REJECTED, "action"): ("dead-letter", "skip", "stop"),
    (REBALANCES, "kind"): ("assigned", "revoked", "lost"),
}
"""The values of those labels that are closed vocabularies. (`place` is the name that the user gave to a place.)"""

BUCKETS_S: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Upper bounds of the histograms' buckets in seconds. The last two are defaults beyond which a batch is lost:
transaction.timeout.ms for its commit, max.poll.interval.ms for its handlers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one event means for one metric.

    Attributes:
        metric: which.
        value: what to add to a counter, to observe in a histogram, or to set a gauge to.
        labels: the labels' values, in the order of the metric's labels.
    """

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


class Samples:
    """Reads events; it remembers only which partitions are assigned."""

    def __init__(self) -> None:
        self._assigned: set[Partition] = set()

    def of(self, event: events.Event) -> Iterator[Sample]:
        """The samples of one event; none for an event that says nothing countable, or one that is new."""
        match event:
            case events.TransactionCommitted():
                yield Sample(RECORDS, event.records)
                yield Sample(OUTPUTS, event.outputs)
                yield Sample(TRANSACTIONS, 1, ("committed",))
                yield Sample(HANDLE, event.handle_s)
                yield Sample(COMMIT, event.commit_s)
            case events.TransactionAborted(begun=True):
                yield Sample(TRANSACTIONS, 1, ("unconfirmed" if event.unconfirmed else "aborted",))
            case events.BatchDecided():
                yield Sample(EFFECTS, event.executed, (event.place, "executed"))
                yield Sample(EFFECTS, event.replayed, (event.place, "replayed"))
            case events.DuplicateSuppressed():
                yield Sample(DUPLICATES, 1)
            case events.RecordRejected():
                yield Sample(REJECTED, 1, (event.action,))
            case events.Rewound():
                yield Sample(REWINDS, 1)
            case events.ProducerReplaced():
                yield Sample(REPLACEMENTS, 1)
            case _:
                yield from self._of_the_group(event)

    def _of_the_group(self, event: events.Event) -> Iterator[Sample]:
        match event:
            case events.Assigned():
                self._assigned.update(event.starts)
                yield Sample(REBALANCES, 1, ("assigned",))
            case events.Released():
                self._assigned.difference_update(event.partitions)
                yield Sample(REBALANCES, 1, ("lost" if event.lost else "revoked",))
            case events.Fenced():
                self._assigned.clear()
                yield Sample(FENCED, 1)
            case events.Stopped():
                self._assigned.clear()
            case _:
                return
        yield Sample(PARTITIONS, len(self._assigned))
