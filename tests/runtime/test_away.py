"""While Kafka is away nothing can be done, and the loop lives: each wait beats, so that nobody kills the instance."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer

from oncewhere.records import Partition
from oncewhere.runtime.kafka import starts, writer
from oncewhere.runtime.kafka.session import TransactSession
from oncewhere.runtime.settings import complete

NOBODY = {"bootstrap.servers": "127.0.0.1:1", "transaction.timeout.ms": 5_000}
"""Where no broker listens, and for how long it is waited for."""
ENOUGH = 3


class Beats:
    """Counts beats, and asks to stop after enough: without them a wait ends at its limit, by an error."""

    def __init__(self) -> None:
        self.count = 0

    def beat(self) -> None:
        self.count += 1

    def session(self) -> TransactSession:
        return TransactSession(
            complete(NOBODY, group_id="g", transactional_id="t"),
            ["input"],
            emit=lambda event: None,
            stopping=lambda: self.count >= ENOUGH,
            beat=self.beat,
        )


def test_asking_for_the_identity_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "REQUEST_LIMIT_S", 0.1)
    beats = Beats()
    beats.session().writer.open()
    assert beats.count == ENOUGH


def test_reading_the_committed_offsets_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "REQUEST_LIMIT_S", 0.1)
    monkeypatch.setattr(starts, "STABLE_MARGIN_S", 0.0)
    beats = Beats()
    reader = beats.session().reader
    reader._consumer = Consumer(complete(NOBODY, group_id="g", transactional_id="t").consumer)
    assert reader._read_starts([Partition("input", 0, "id")]) == {}
    assert beats.count == ENOUGH
