"""Garbage is collected while records are processed, and what was there before is not looked at."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
from scene import Running, Topics, eventually

from oncewhere import Processor, Record, Transaction
from oncewhere.runtime.collecting import only_what_is_new

if TYPE_CHECKING:
    from collections.abc import Iterator


class Node:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_made_meanwhile_is_collected_and_what_was_there_is_later() -> None:
    before = weakref.ref(Node())
    with only_what_is_new():
        meanwhile = weakref.ref(Node())
        gc.collect()
        assert meanwhile() is None
        assert before() is not None
    gc.collect()
    assert before() is None


def test_what_a_program_has_frozen_itself_stays_so() -> None:
    gc.freeze()
    with only_what_is_new():
        assert gc.get_freeze_count()
    assert gc.get_freeze_count()


@pytest.mark.servers
def test_a_processor_does_so_and_gives_back_when_it_ends(topics: Topics) -> None:
    frozen: list[int] = []
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=f"{topics.group}-0")

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        frozen.append(gc.get_freeze_count())
        tx.produce(topics.output, record.value)

    topics.send(b"1")
    running = Running(app)
    eventually(lambda: running.error is not None or frozen)
    assert running.stop() is None
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0
