"""Three brokers for the tests that kill one; started when a test asks for them, once per session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oncewhere.stack.kafka_cluster import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def kafka3(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[KafkaCluster]:
    """A cluster that a test may harm, if it leaves all brokers running and in sync; use topics of your own."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka3"), cache) as cluster:
        yield cluster
