"""What a drill made on a cluster is deleted on every ending, each thing by itself, and what remains is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from oncewhere.drill import kafka_world
from oncewhere.drill.kafka_world import KafkaWorld
from oncewhere.drill.lane import Lanes
from oncewhere.errors import InconclusiveError


class Admin:
    """Answers deletions, and refuses those it was told to refuse."""

    def __init__(self, refused: dict[str, int]) -> None:
        self.refused = refused
        self.asked: list[str] = []

    def delete_topics(self, names: Sequence[str]) -> dict[str, Future[None]]:
        return {name: self._answer(name) for name in names}

    delete_consumer_groups = delete_topics

    def _answer(self, name: str) -> Future[None]:
        self.asked.append(name)
        answer: Future[None] = Future()
        if name in self.refused:
            answer.set_exception(KafkaException(KafkaError(self.refused[name])))
        else:
            answer.set_result(None)
        return answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[KafkaWorld, Admin]]:
    """A world whose topics were made, on a cluster that refuses some deletions."""

    def make(*, made: bool = True, **refused: int) -> tuple[KafkaWorld, Admin]:
        admin = Admin(refused)
        monkeypatch.setattr(kafka_world, "AdminClient", lambda _: admin)
        monkeypatch.setattr(kafka_world, "RESET_LIMIT_S", 0.05)
        world = KafkaWorld(
            "127.0.0.1:1", input_topic="in", output_topics=["out"], group="g", partitions=1, recreate=False
        )
        world._made = made
        return world, admin

    return make


def test_a_group_that_cannot_be_deleted_keeps_no_topic(world: Callable[..., tuple[KafkaWorld, Admin]]) -> None:
    made, admin = world(g=KafkaError.NON_EMPTY_GROUP)
    with pytest.raises(InconclusiveError, match=r"on 127.0.0.1:1 remain group g\.$"):
        made.remove()
    assert admin.asked[:2] == ["in", "out"]


def test_topics_that_remain_are_named_and_the_others_are_deleted(
    world: Callable[..., tuple[KafkaWorld, Admin]],
) -> None:
    made, admin = world(**{"in": KafkaError.TOPIC_AUTHORIZATION_FAILED, "out": KafkaError.UNKNOWN_TOPIC_OR_PART})
    with pytest.raises(InconclusiveError, match=r"remain topic in\.$"):
        made.remove()
    assert admin.asked == ["in", "out", "g"]


def test_nothing_is_deleted_that_the_drill_did_not_make(world: Callable[..., tuple[KafkaWorld, Admin]]) -> None:
    somebodys, admin = world(made=False)
    somebodys.remove()
    assert admin.asked == []


def test_what_one_server_refuses_keeps_nobody_from_deleting_the_rest(
    world: Callable[..., tuple[KafkaWorld, Admin]], tmp_path: Path
) -> None:
    made, _ = world(out=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    other, admin = world()
    lanes = Lanes([], tmp_path, recreate_topics=False)
    lanes._kafkas.update({(0, ("a",)): made, (0, ("b",)): other})
    with pytest.raises(InconclusiveError, match="remain topic out"):
        lanes.remove()
    assert admin.asked == ["in", "out", "g"]
