"""A topic pair and a bank for each test; what they are stands in `scene`."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: `scene` is found beside them

from scene import Bank, Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.stack import KafkaServer, PostgresServer


@pytest.fixture
def topics(kafka: KafkaServer) -> Topics:
    return Topics(kafka.bootstrap_servers)


@pytest.fixture
def two_partitions(kafka: KafkaServer) -> Topics:
    return Topics(kafka.bootstrap_servers, partitions=2)


@pytest.fixture
def bank(postgres: PostgresServer) -> Iterator[Bank]:
    name = f"bank_{uuid.uuid4().hex[:8]}"
    yield Bank(postgres.create_database(name))
    postgres.drop_database(name)
