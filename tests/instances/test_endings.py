"""The table of endings: what follows from an exit code, and when patience ends."""

from __future__ import annotations

import pytest

from oncewhere.errors import ConfigurationError, FencedError, OncewhereError
from oncewhere.instances.endings import FENCED, Decision, Limits, Then, decide, shell_code

LIMITS = Limits(first_pause_s=1, longest_pause_s=8, settled_s=60, max_restarts=5)


def decision(code: int, *, lived_s: float = 1.0, restarts: int = 0) -> Decision:
    return decide(code, lived_s=lived_s, restarts=restarts, limits=LIMITS)


def test_an_instance_that_finished_is_left_alone() -> None:
    assert decision(0, restarts=5).then is Then.LEAVE


def test_a_wrong_configuration_ends_all_of_them() -> None:
    assert decision(2).then is Then.END_ALL


def test_a_fenced_instance_is_never_started_again() -> None:
    assert decision(FENCED, lived_s=1e6).then is Then.LEAVE


def test_being_fenced_has_an_exit_code_of_its_own() -> None:
    others = {0, 1, 2, 3, 5, 130, OncewhereError.exit_code}
    assert FencedError.exit_code not in others, "then nobody can tell it from an error that a restart may mend"


@pytest.mark.parametrize("code", [1, 3, 5, 130, -9, -11])
def test_a_crash_is_answered_by_a_pause_that_doubles_up_to_a_limit(code: int) -> None:
    found = [decision(code, restarts=restarts) for restarts in range(6)]
    assert [one.then for one in found] == [Then.AGAIN] * 5 + [Then.END_ALL]
    assert [one.pause_s for one in found] == [1, 2, 4, 8, 8, 0]
    assert [one.restarts for one in found[:5]] == [1, 2, 3, 4, 5]


def test_an_instance_that_has_lived_long_starts_to_count_anew() -> None:
    assert decision(5, lived_s=60, restarts=5) == decision(5, restarts=0)


def test_it_says_what_happened() -> None:
    assert decision(-9).why == "was killed by signal 9; it is started again in 1 s"
    assert decision(5, restarts=5).why == "ended with exit code 5, and 5 restarts in a row did not help"


def test_a_signal_becomes_a_shells_exit_code() -> None:
    assert [shell_code(code) for code in (0, 5, -9)] == [0, 5, 137]


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Limits(drain_s=-1)
