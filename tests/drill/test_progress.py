"""When an input is finished: all is committed, and on the wire nothing moves and nothing is waited for."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from oncewhere.drill.progress import QUIET_S, Progress
from oncewhere.proxy.crossing import ANSWER_LIMIT_S

BEGAN_S = 128.0


class Cluster:
    """Both records of the input are committed."""

    async def committed_offsets(self, _group: str, _topics: object) -> dict[tuple[str, int], int]:
        return {("in", 0): 2}


@pytest.mark.parametrize(
    ("still_s", "awaits", "finished"),
    [
        (0.0, False, False),
        (QUIET_S, False, True),
        (QUIET_S, True, False),
        (ANSWER_LIMIT_S - 1, True, False),
        (ANSWER_LIMIT_S, True, True),
    ],
)
def test_an_input_is_not_finished_while_an_answer_may_still_come(
    monkeypatch: pytest.MonkeyPatch, still_s: float, awaits: bool, finished: bool
) -> None:
    kafka = SimpleNamespace(group="g", input_topic="in", ends={0: 2}, written=[[(0, 0), (0, 1)]])
    trap = SimpleNamespace(kafka_commits_answered=1, last_boundary_s=BEGAN_S)
    parts: list[Any] = [Cluster(), kafka, trap, SimpleNamespace(awaits_answers=awaits)]
    progress = Progress(*parts)
    monkeypatch.setattr(time, "monotonic", lambda: BEGAN_S)
    assert not asyncio.run(progress.finished()), "that all is committed is news"
    monkeypatch.setattr(time, "monotonic", lambda: BEGAN_S + still_s)
    assert asyncio.run(progress.finished()) is finished
