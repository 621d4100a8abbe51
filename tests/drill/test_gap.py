from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oncewhere.drill import Crash, CrashPoint, Finding, NamedCrash, Phase, Verdict
from oncewhere.drill.trial import Lane, Trial, _not_proved


def trial(folder: Path, name: NamedCrash, databases: tuple[Any, ...]) -> Trial:
    point = CrashPoint(name=name, system="kafka", kind="EndTxn", interval=1, nth=1, phase=Phase.BEFORE)
    nothing: Any = None
    made = Trial(
        version=nothing,
        folder=folder,
        inputs=(),
        lane=Lane(kafka=nothing, databases=databases),
        point=point,
        logs=folder,
        name="t",
    )
    made._history.close()
    return made


@pytest.mark.parametrize(
    ("name", "databases", "effects_before", "crossed"),
    [
        (NamedCrash.AFTER_EFFECT, ("bank",), 1, True),
        (NamedCrash.AFTER_EFFECT, ("bank",), 0, False),
        (NamedCrash.AFTER_EFFECT, (), 0, True),
        (NamedCrash.BEFORE_EFFECT, ("bank",), 0, True),
    ],
)
def test_a_crash_after_the_effect_without_an_effect_does_not_cross_the_gap(
    tmp_path: Path, name: NamedCrash, databases: tuple[Any, ...], effects_before: int, crossed: bool
) -> None:
    crash = Crash(message="EndTxn", outcome="dropped", effects_before=effects_before)
    assert trial(tmp_path, name, databases)._crossed_the_gap(crash) is crossed


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_pass_becomes_unknown_where_the_gap_was_not_tried(verdict: Verdict) -> None:
    finding = Finding(place="bank", system="postgresql", check=6, verdict=verdict, sentence="as judged")
    assert _not_proved(finding).verdict is (Verdict.UNKNOWN if verdict is Verdict.ONCE else verdict)
