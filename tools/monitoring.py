# ruff: noqa: INP001  # a script, not a package
"""Write a Grafana dashboard and Prometheus alert rules: the table of metrics in, `examples/deploy/monitoring/` out.

    .venv/bin/python tools/monitoring.py            writes the files
    .venv/bin/python tools/monitoring.py --check    exits 1 where a file is not what the table says

Each metric has one panel; each alert names the metric that it watches and what a person should do. A test holds both to
the table.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oncewhere.listeners import metrics
from oncewhere.listeners.metrics import METRICS, Kind, Metric

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "deploy" / "monitoring"
SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS, WIDTH, HEIGHT = 3, 8, 8
UNITS = {"s": "s", "{partition}": "short"}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: what is wrong.
        metric: what is watched.
        condition: PromQL, with `{name}` for the metric's name.
        lasting: how long it must hold, as Prometheus writes it.
        severity: `page`: a person is needed now; `ticket`: today.
        summary: what is wrong, in a sentence.
        next_step: what to do.
    """

    name: str
    metric: Metric
    condition: str
    lasting: str
    severity: str
    summary: str
    next_step: str


ALERTS = (
    Alert(
        "OncewhereFenced",
        metrics.FENCED,
        "max_over_time({name}[10m]) > 0",  # its process ends with it: there is no second sample to see an increase in
        "0m",
        "page",
        "Another producer took this instance's transactional.id, and the instance ended with exit code 6.",
        "Find the second instance with the same identity. Do not just start it again: they would fence each other. "
        "(Where metrics are scraped, OncewhereDown tells it: exit code 6.)",
    ),
    Alert(
        "OncewhereDown",
        metrics.PARTITIONS,
        # What ends by itself ends before it is scraped, and its counters with it: what shows is the absence.
        "avg_over_time(up[10m]) < 0.5 and on (job, instance) count_over_time({name}[1d]) > 0",
        "0m",
        "page",
        "An instance was away for most of the last ten minutes: it ends again and again, or nobody starts it.",
        "Its exit code says why, and so does the end of its log. 4: a record cannot be processed and on_error is Stop "
        "(mend the handler or the record, or give the topic a DeadLetter), or a batch never commits. 6: another "
        "instance has its identity. 2: its configuration is wrong. 5: Kafka or a database does not answer. 137: it was "
        "killed, perhaps for its memory.",
    ),
    Alert(
        "OncewhereStopped",
        metrics.REJECTED,
        'max_over_time({name}{{action="stop"}}[10m]) > 0',
        "0m",
        "page",
        "A record cannot be processed and on_error is Stop, so its partition does not go on.",
        "Its position is in the log. Mend the handler or the record; or give the topic a DeadLetter. (It needs "
        "metrics that are pushed, as OpenTelemetry's are when a process ends. Where they are scraped, OncewhereDown "
        "tells it: exit code 4.)",
    ),
    Alert(
        "OncewhereNoCommit",
        metrics.REWINDS,  # not aborts: where a handler or a place fails, no transaction was begun
        "sum by (instance) (rate({name}[10m])) > 0 and "
        f'sum by (instance) (rate({metrics.TRANSACTIONS.name}{{{{outcome="committed"}}}}[10m])) == 0',
        "10m",
        "page",
        "Batches begin again and none commits.",
        "Read the log: each TransactionAborted says why. After twenty attempts at one batch, or the fourth new "
        "producer in a row, the run ends.",
    ),
    Alert(
        "OncewhereProducersReplaced",
        metrics.REPLACEMENTS,
        "increase({name}[30m]) > 5",
        "0m",
        "ticket",
        "Producers are replaced again and again: answers to EndTxn are lost, or brokers restart.",
        "Look at the brokers and at the network between them and the instance.",
    ),
    Alert(
        "OncewhereReplays",
        metrics.EFFECTS,
        'sum by (instance, place) (rate({name}{{kind="replayed"}}[15m])) > 0.1 * '
        'sum by (instance, place) (rate({name}{{kind="executed"}}[15m]))',
        "15m",
        "ticket",
        "More than a tenth of the effects are recorded results given to redelivered records.",
        "Nothing happens twice, but batches are lost between the database's commit and Kafka's. Look for crashes.",
    ),
    Alert(
        "OncewhereDuplicatesUpstream",
        metrics.DUPLICATES,
        "increase({name}[1h]) > 0",
        "0m",
        "ticket",
        "The same business event was published twice upstream; it was suppressed.",
        "Tell the producer's owner. If the group uses an offset ledger elsewhere, that one does not notice.",
    ),
    Alert(
        "OncewhereThrownOut",
        metrics.REBALANCES,
        'increase({name}{{kind="lost"}}[30m]) > 1',
        "0m",
        "ticket",
        "The group threw this instance out more than once.",
        "Its handlers take longer than max.poll.interval.ms, or it gets too little CPU.",
    ),
    Alert(
        "OncewhereSlowCommits",
        metrics.COMMIT,
        "histogram_quantile(0.99, sum by (instance, le) (rate({name}_bucket[10m]))) > 10",
        "10m",
        "ticket",
        "One commit in a hundred takes longer than 10 s.",
        "Readers of the output see it that much later. Look at the transaction coordinator.",
    ),
)


def dashboard() -> str:
    """Grafana's JSON: a panel for each metric."""
    panels = [_panel(number, metric) for number, metric in enumerate(METRICS)]
    data = {
        "title": "oncewhere",
        "uid": "oncewhere",
        "tags": ["kafka", "exactly-once"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
                {
                    "name": "instance",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": f"label_values({metrics.RECORDS.name}, instance)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                },
            ]
        },
        "panels": panels,
    }
    return json.dumps(data, indent=1) + "\n"


def _panel(number: int, metric: Metric) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": metric.name.removeprefix("oncewhere_").removesuffix("_total").replace("_", " "),
        "description": metric.help,
        "datasource": SOURCE,
        "gridPos": {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": _unit(metric), "min": 0}, "overrides": []},
        "targets": [
            {"refId": ref, "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for ref, (query, legend) in zip("ABC", _queries(metric), strict=False)
        ],
    }


def _unit(metric: Metric) -> str:
    return UNITS.get(metric.unit, "cps")


def _queries(metric: Metric) -> list[tuple[str, str]]:
    """PromQL and legend, by the metric's kind."""
    chosen = '{instance=~"$instance"}'
    labels = ", ".join(metric.labels)
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels)
    match metric.kind:
        case Kind.COUNTER:
            by = f" by ({labels})" if labels else ""
            return [(f"sum{by} (rate({metric.name}{chosen}[$__rate_interval]))", legend or "all")]
        case Kind.GAUGE:
            return [(f"sum by (instance) ({metric.name}{chosen})", "{{instance}}")]
        case Kind.HISTOGRAM:
            rate = f"sum by (le) (rate({metric.name}_bucket{chosen}[$__rate_interval]))"
            return [(f"histogram_quantile({share}, {rate})", f"{share:.0%}") for share in (0.5, 0.99)]


def rules() -> str:
    """Prometheus' YAML: a rule for each alert."""
    lines = ["# Made by tools/monitoring.py from the table of metrics; edit that instead.", "groups:"]
    lines += ["  - name: oncewhere", "    rules:"]
    for alert in ALERTS:
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {json.dumps(alert.condition.format(name=alert.metric.name))}",
            f"        for: {alert.lasting}",
            f"        labels: {{severity: {alert.severity}}}",
            "        annotations:",
            f"          summary: {json.dumps(alert.summary)}",
            f"          next_step: {json.dumps(alert.next_step)}",
        ]
    return "\n".join([*lines, ""])


FILES = {"dashboard.json": dashboard, "alerts.yaml": rules}


def main(arguments: list[str]) -> int:
    """Writes or checks the files."""
    stale = []
    for name, make in FILES.items():
        path, text = FOLDER / name, make()
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"{FOLDER.name}: {', '.join(stale)} is not what the metrics say; run tools/monitoring.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
