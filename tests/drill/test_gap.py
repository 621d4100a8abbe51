from __future__ import annotations

import pytest

from oncewhere.drill import Crash, Finding, NamedCrash, Verdict
from oncewhere.drill.judging import NOT_CROSSED, crossed_the_gap, not_proved


@pytest.mark.parametrize(
    ("name", "has_effects", "effects_before", "crossed"),
    [
        (NamedCrash.AFTER_EFFECT, True, 1, True),
        (NamedCrash.AFTER_EFFECT, True, 0, False),
        (NamedCrash.AFTER_EFFECT, False, 0, True),
        (NamedCrash.BEFORE_EFFECT, True, 0, True),
        (None, True, 0, True),
    ],
)
def test_a_crash_after_the_effect_without_an_effect_does_not_cross_the_gap(
    name: NamedCrash | None, has_effects: bool, effects_before: int, crossed: bool
) -> None:
    crash = Crash(message="EndTxn", outcome="dropped", effects_before=effects_before)
    assert crossed_the_gap(name, [crash], has_effects=has_effects) is crossed


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_pass_becomes_unknown_where_the_gap_was_not_tried(verdict: Verdict) -> None:
    finding = Finding(place="bank", system="postgresql", check=6, verdict=verdict, sentence="as judged")
    changed = not_proved(finding, NOT_CROSSED)
    assert changed.verdict is (Verdict.UNKNOWN if verdict is Verdict.ONCE else verdict)
