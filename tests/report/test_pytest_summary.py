"""What pytest's short summary says of a drill: the first line of the error."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from made_run import make_run

from oncewhere.pytest_plugin.drilling import Drilled
from oncewhere.pytest_plugin.summary import NOT_TO_THE_END, NOTHING_CRASHED, summary
from oncewhere.report import read_run

WORST = "bank duplicate: 4 inputs happened here more than once (after-effect)"


@pytest.mark.parametrize(("names", "said"), [(("naive",), WORST), (("sound", "naive"), f"naive: {WORST}")])
def test_the_error_begins_with_the_worst_finding_and_goes_on_with_the_screen(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    result = read_run(make_run(tmp_path, names=names)).result
    with pytest.raises(AssertionError) as failed:
        Drilled(result, "the screen").assert_once()
    assert str(failed.value) == f"{said}\n\nthe screen"


def test_without_a_finding_it_says_why_it_is_no_pass(tmp_path: Path) -> None:
    result = read_run(make_run(tmp_path, names=("sound",))).result
    Drilled(result, "").assert_once()
    (version,) = result.versions
    cut_off = dataclasses.replace(result, versions=(dataclasses.replace(version, cut_off="it was stopped"),))
    assert (cut_off.exit_code, summary(cut_off)) == (3, NOT_TO_THE_END)
    (clean,) = [trial for trial in version.trials if trial.plan.is_clean]
    uncrashed = dataclasses.replace(result, versions=(dataclasses.replace(version, trials=(clean,)),))
    with pytest.raises(AssertionError, match=NOTHING_CRASHED):
        Drilled(uncrashed, "").assert_once()
