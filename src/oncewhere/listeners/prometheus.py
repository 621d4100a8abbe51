"""The runtime's events as Prometheus metrics: events in, a registry and its text out. Needs `oncewhere[prometheus]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from oncewhere.errors import ConfigurationError
from oncewhere.listeners.metrics import BUCKETS_S, KNOWN, METRICS, Kind, Metric, Sample, Samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.runtime.events import Event


class PrometheusListener:
    """Keeps `oncewhere.listeners.metrics.METRICS` in a registry.

    Args:
        registry: where to keep them; None takes Prometheus' own, in which the process' memory and CPU stand as well.
        labels: constant labels of all of them, such as `{"group": "settlement"}`. (Prometheus itself adds `job` and
            `instance` to what it scrapes.)

    Raises:
        ConfigurationError: the registry has these metrics already, or a label is none.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, labels: Mapping[str, str] | None = None) -> None:
        self._registry = REGISTRY if registry is None else registry
        self._constant = dict(labels or {})
        self._samples = Samples()
        try:
            self._collectors = {metric: self._collector(metric) for metric in METRICS}
        except ValueError as error:
            raise ConfigurationError(
                f"The metrics cannot be registered: {error}.",
                hint="Make one PrometheusListener per registry; label names are letters, digits and underscores.",
            ) from error
        for metric in METRICS:
            for labels_ in _known(metric):
                self._child(metric, labels_)  # so that they stand at zero, and an alert on `rate` sees the first one

    def __call__(self, event: Event) -> None:
        """Takes one event of the runtime."""
        for sample in self._samples.of(event):
            self._take(sample)

    def text(self) -> bytes:
        """The whole registry in Prometheus' text format (version 0.0.4): what `Health(…, metrics=…)` takes."""
        return generate_latest(self._registry)

    def _take(self, sample: Sample) -> None:
        child = self._child(sample.metric, sample.labels)
        if isinstance(child, Counter):
            child.inc(sample.value)
        elif isinstance(child, Gauge):
            child.set(sample.value)
        else:
            child.observe(sample.value)

    def _collector(self, metric: Metric) -> Counter | Gauge | Histogram:
        names = (*self._constant, *metric.labels)
        if metric.kind is Kind.COUNTER:
            return Counter(metric.name, metric.help, names, registry=self._registry)
        if metric.kind is Kind.GAUGE:
            return Gauge(metric.name, metric.help, names, registry=self._registry)
        return Histogram(metric.name, metric.help, names, registry=self._registry, buckets=BUCKETS_S)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        collector = self._collectors[metric]
        values = (*self._constant.values(), *labels)
        return collector.labels(*values) if values else collector


def _known(metric: Metric) -> list[tuple[str, ...]]:
    """The label values that can be named before anything has happened."""
    if not metric.labels:
        return [()]
    if len(metric.labels) > 1:
        return []
    return [(value,) for value in KNOWN.get((metric, metric.labels[0]), ())]
