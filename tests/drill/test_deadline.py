"""A life's time counts from its last progress, up to a limit; and whether it still went on is told."""

from __future__ import annotations

from oncewhere.drill.deadline import LIMIT_FACTOR, Deadline


def begun(at_s: float = 100.0) -> Deadline:
    deadline = Deadline(30.0)
    deadline.begin(at_s)
    return deadline


def test_a_life_without_progress_has_its_time_and_no_more() -> None:
    deadline = begun()
    deadline.committed(73, 101.0)
    assert not deadline.over(129.9)
    assert deadline.over(130.0), "what was committed before it began is no progress of its own"
    assert deadline.going_on(130.0) is None


def test_progress_gives_the_whole_time_again() -> None:
    deadline = begun()
    for at_s, count in ((101.0, 0), (125.0, 20), (126.0, 15), (127.0, 20)):
        deadline.committed(count, at_s)
    assert not deadline.over(154.9)
    assert deadline.over(155.0), "a position that was set back and came again is no progress"
    assert deadline.going_on(155.0) is None, "it has stopped"


def test_however_steadily_it_goes_on_there_is_a_limit_and_it_is_not_stuck_then() -> None:
    deadline = begun()
    now_s = 100.0
    while not deadline.over(now_s):
        deadline.committed(int(now_s), now_s)
        now_s += 1.0
    assert now_s == 100.0 + LIMIT_FACTOR * 30.0
    assert deadline.going_on(now_s) == "5 in the last 5 s"
    assert deadline.going_on(now_s + 9) == "the last one 10 s ago"
    assert deadline.spent_s(now_s) == LIMIT_FACTOR * 30.0


def test_what_a_scenario_takes_is_given_back_and_a_new_life_begins_anew() -> None:
    deadline = begun()
    deadline.grant(20.0)
    assert not deadline.over(149.0)
    assert deadline.over(150.0)
    deadline.begin(150.0)
    assert not deadline.over(179.0)
    assert deadline.over(180.0)


def test_a_life_that_took_nearly_all_of_its_time_to_start_is_not_called_stuck() -> None:
    deadline = begun()
    assert deadline.over(130.0)
    assert deadline.going_on(130.0, None) is None, "it never came"
    assert deadline.going_on(130.0, 101.0) is None, "it came, and did nothing"
    assert deadline.going_on(130.0, 129.0) == "its first message came 29 s after its start, 1 s before the end"
