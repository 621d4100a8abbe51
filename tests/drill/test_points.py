from __future__ import annotations

import pytest

from oncewhere.drill.points import CrashPoint, NamedCrash, Phase, parse_id
from oncewhere.errors import ConfigurationError

SYSTEMS = {"kafka": "kafka", "bank": "postgresql", "cache": "redis"}


@pytest.mark.parametrize(
    "text",
    [
        "kafka.EndTxn.2.1.before",
        "bank.commit.12.3.replied",
        "cache.JSON.SET.1.1.delivered",
        "cache.XGROUP|CREATE.1.4.before",
    ],
)
def test_an_id_is_read_back_as_it_was_written(text: str) -> None:
    point = parse_id(text, SYSTEMS)
    assert point.id == text
    assert point.system == SYSTEMS[point.place]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kafka",
        "kafka.EndTxn",
        "kafka.EndTxn.1.1",
        "kafka.EndTxn.1.1.later",
        "kafka.EndTxn.0.1.before",
        "kafka.EndTxn.1.-1.before",
        "kafka.EndTxn.one.1.before",
        "elsewhere.commit.1.1.before",
        "kafka..1.1.before",
    ],
)
def test_what_is_no_id_is_refused_in_a_sentence_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no crash point") as caught:
        parse_id(text, SYSTEMS)
    assert "kafka.EndTxn.2.1.before" in str(caught.value.hint)


def test_a_named_point_goes_by_its_name_and_keeps_its_id() -> None:
    point = CrashPoint(
        place="kafka",
        system="kafka",
        kind="EndTxn",
        interval=9,
        nth=1,
        phase=Phase.REPLIED,
        name=NamedCrash.AFTER_COMMIT,
    )
    assert (point.label, point.id) == ("after-commit", "kafka.EndTxn.9.1.replied")
    assert parse_id(point.id, SYSTEMS).label == point.id


def test_every_crash_is_told_in_words() -> None:
    assert all(name.words for name in NamedCrash)
    assert all(phase.words for phase in Phase)
