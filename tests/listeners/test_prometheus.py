"""Events in, Prometheus' own parser over what comes out: what a scrape would see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from oncewhere.errors import ConfigurationError
from oncewhere.listeners.metrics import KNOWN, METRICS, Kind
from oncewhere.listeners.prometheus import PrometheusListener
from oncewhere.records import Partition
from oncewhere.runtime import events

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, TWO = Partition("payment", 0, "id"), Partition("payment", 1, "id")

RUN: tuple[events.Event, ...] = (
    events.Assigned({ONE: 0, TWO: 40}),
    events.BatchDecided("bank", executed=3, replayed=2),
    events.Replayed("bank", 2),
    events.TransactionBegun(5, 4),
    events.TransactionCommitted(5, 4, {ONE: 5}, handle_s=0.03, commit_s=0.004),
    events.TransactionAborted("why", unconfirmed=False),
    events.Rewound("why", {ONE: 5}),
    events.TransactionAborted("a handler failed", unconfirmed=False, begun=False),
    events.Rewound("why", {ONE: 5}),
    events.TransactionAborted("the answer to a database's COMMIT was lost", unconfirmed=True, begun=False),
    events.Rewound("why", {ONE: 5}),
    events.TransactionAborted("why", unconfirmed=True),
    events.ProducerReplaced("why"),
    events.Rewound("why", {ONE: 5}),
    events.DuplicateSuppressed("payment", 0, 7),
    events.RecordRejected("payment", 0, 8, "ValueError", 3, "dead-letter"),
    events.Released((TWO,), lost=False),
    events.Released((ONE,), lost=True),
    events.Assigned({ONE: 5}),
)

SEEN = {
    "oncewhere_records_total": 5,
    "oncewhere_outputs_total": 4,
    "oncewhere_transactions_total{outcome=committed}": 1,
    "oncewhere_transactions_total{outcome=aborted}": 1,
    "oncewhere_transactions_total{outcome=unconfirmed}": 1,
    "oncewhere_effects_total{kind=executed,place=bank}": 3,
    "oncewhere_effects_total{kind=replayed,place=bank}": 2,
    "oncewhere_duplicates_suppressed_total": 1,
    "oncewhere_rejected_records_total{action=dead-letter}": 1,
    "oncewhere_rejected_records_total{action=skip}": 0,
    "oncewhere_rejected_records_total{action=stop}": 0,
    "oncewhere_rebalances_total{kind=assigned}": 2,
    "oncewhere_rebalances_total{kind=revoked}": 1,
    "oncewhere_rebalances_total{kind=lost}": 1,
    "oncewhere_rewinds_total": 4,
    "oncewhere_producer_replacements_total": 1,
    "oncewhere_fenced_total": 0,
    "oncewhere_handle_seconds_sum": 0.03,
    "oncewhere_handle_seconds_count": 1,
    "oncewhere_commit_seconds_sum": 0.004,
    "oncewhere_commit_seconds_count": 1,
    "oncewhere_assigned_partitions": 1,
}


def scraped(listener: PrometheusListener) -> dict[str, float]:
    """Every sample by its name and labels; without buckets and times of creation."""
    return {
        _name(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(listener.text().decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def _name(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


def after(*happened: events.Event) -> PrometheusListener:
    listener = PrometheusListener(CollectorRegistry())
    for event in happened:
        listener(event)
    return listener


def test_a_scrape_shows_what_happened() -> None:
    assert scraped(after(*RUN)) == pytest.approx(SEEN)


def test_what_has_not_happened_stands_at_zero_so_that_its_first_time_is_seen() -> None:
    expected = {name: 0 for name in SEEN if "place=" not in name}
    assert scraped(after()) == expected


@pytest.mark.parametrize("end", [events.Stopped(), events.Fenced("why")])
def test_an_instance_that_ended_has_no_partitions(end: events.Event) -> None:
    listener = after(*RUN, end)
    assert scraped(listener)["oncewhere_assigned_partitions"] == 0


def test_being_fenced_is_counted() -> None:
    assert scraped(after(events.Fenced("why")))["oncewhere_fenced_total"] == 1


def test_a_record_that_stops_the_run_is_counted() -> None:
    stopped = events.RecordRejected("payment", 0, 8, "ValueError", 1, "stop")
    assert scraped(after(stopped))["oncewhere_rejected_records_total{action=stop}"] == 1


def test_times_fall_into_buckets() -> None:
    text = after(events.TransactionCommitted(1, 1, {}, handle_s=0.03, commit_s=400)).text().decode()
    assert 'oncewhere_handle_seconds_bucket{le="0.025"} 0.0' in text
    assert 'oncewhere_handle_seconds_bucket{le="0.05"} 1.0' in text
    assert 'oncewhere_commit_seconds_bucket{le="300.0"} 0.0' in text


def test_constant_labels_stand_at_every_sample() -> None:
    listener = PrometheusListener(CollectorRegistry(), labels={"group": "settlement"})
    for event in RUN:
        listener(event)
    found = scraped(listener)
    assert all("group=settlement" in name for name in found)
    assert found["oncewhere_effects_total{group=settlement,kind=executed,place=bank}"] == 3


def test_an_event_that_nobody_counts_changes_nothing() -> None:
    class Unheard(events.Event):
        pass

    assert scraped(after(Unheard(), events.Draining())) == scraped(after())


def test_no_series_depends_on_what_stands_in_a_record() -> None:
    records = [events.RecordRejected(f"t{n}", n, n, f"E{n}", n, "skip") for n in range(50)]
    duplicates = [events.DuplicateSuppressed(f"t{n}", n, n) for n in range(50)]
    assert scraped(after(*records, *duplicates)).keys() == scraped(after()).keys()


def test_two_listeners_on_one_registry_are_refused() -> None:
    registry = CollectorRegistry()
    PrometheusListener(registry)
    with pytest.raises(ConfigurationError, match="one PrometheusListener per registry"):
        PrometheusListener(registry)


def test_the_table_keeps_the_conventions() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"oncewhere_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.name.endswith("_seconds") == (metric.unit == "s")
        assert metric.help.endswith(".")
        assert not {"key", "offset", "identity", "event_id", "partition", "topic"} & set(metric.labels)
    assert {metric for metric, _ in KNOWN} <= set(METRICS)
