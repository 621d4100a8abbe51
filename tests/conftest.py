"""Real servers for every test that makes a claim; a server that does not start fails the test, it never skips it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from oncewhere.cli.places import cache_folder
from oncewhere.stack import KafkaServer, MariadbServer, PostgresServer, Stack, ValkeyServer

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: `kafka3`, `chromium` and `soak` are found here

from kafka3 import kafka3  # noqa: F401  # a fixture in a file of its own

if TYPE_CHECKING:
    from collections.abc import Iterator


LONGEST_FIRST = (
    "drill/test_scenarios.py",
    "cli/test_drill_command.py",
    "drill/test_bait.py",
    "drill/test_trial.py",
    "soak/test_soak.py",
    "cli/test_sweep_command.py",
    "runtime/test_transactions.py",
    "effects/test_pairs.py",
    "effects/test_drilled.py",
    "pytest_plugin/test_plugin.py",
    "runtime/test_brokers.py",
    "examples/test_languages.py",
    "runtime/test_lifecycle.py",
    "model/test_engine_model.py",
    "cli/test_observe_command.py",
    "docs/test_tutorial.py",
    "stack/test_local.py",
    "stack/test_supervisor.py",
    "stack/test_kafka.py",
    "test_processes.py",
    "cli/test_run_command.py",
)
"""Files that take a minute and more, or nearly: a worker that gets one of them last keeps the others waiting."""

WORKER_SILENCE_S = 0.5
"""Seconds after its last test in which pytest has given a worker its real stderr back."""

# A busy machine is no failure of a property.
hypothesis.settings.register_profile(
    "unhurried", hypothesis.settings.get_profile("ci" if os.environ.get("CI") else "default"), deadline=None
)
hypothesis.settings.load_profile("unhurried")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and children inherit it: every test of Ctrl-C would test nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first (stably: the tests of a file keep their order)."""
    rank = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_unconfigure() -> None:
    """The summary is the last line: clients that crashed processors left behind go on complaining of their brokers."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    atexit.register(os.dup2, silent, 2)  # pytest gives the real one back after this
    if "PYTEST_XDIST_WORKER" in os.environ:  # and a worker then waits for the others, which may take minutes
        threading.Timer(WORKER_SILENCE_S, os.dup2, (silent, 2)).start()


@pytest.fixture(scope="session")
def cache() -> Path:
    """The user's own cache, so that jars are fetched once per machine and not once per run."""
    return cache_folder()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[KafkaServer]:
    """A Kafka broker for the whole session; give your topics and groups names of their own."""
    with Stack(tmp_path_factory.mktemp("kafka"), cache, postgres=False) as stack:
        yield stack.kafka


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session; create a database of your own with `create_database`."""
    with Stack(tmp_path_factory.mktemp("postgres"), cache, kafka=False) as stack:
        yield stack.postgres


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[MariadbServer]:
    """A MariaDB server for the whole session; make a database of your own."""
    with Stack(tmp_path_factory.mktemp("mariadb"), cache, kafka=False, postgres=False, mariadb=True) as stack:
        yield stack.mariadb


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[ValkeyServer]:
    """A Valkey server for the whole session; take a database (0 to 63) of your own."""
    with Stack(tmp_path_factory.mktemp("valkey"), cache, kafka=False, postgres=False, valkey=True) as stack:
        yield stack.valkey
