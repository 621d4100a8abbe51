"""A place that cannot be asked is judged by the requests that reached it, and by what its server said of them."""

from __future__ import annotations

from typing import Any

import pytest

from oncewhere.drill.history import Happened
from oncewhere.drill.history import Wire as Event
from oncewhere.drill.worlds.wire_view import seen_on_the_wire

NOBODY_KNOWS = 1


def asked(
    sequence: int, identity: str | None = "e1", *, link: str = "place#1", moved: str = "forwarded", **more: Any
) -> Event:
    return _event(sequence, "request", link, moved, {"identity": identity} | more)


def answered(sequence: int, outcome: str, *, link: str = "place#1", moved: str = "forwarded", **more: Any) -> Event:
    return _event(sequence, "reply", link, moved, {"outcome": outcome} | more)


def _event(sequence: int, direction: str, link: str, moved: Any, fields: dict[str, Any]) -> Event:
    return Event(
        t=0, life=1, link=link, interval=1, system="http", kind=fields.pop("kind", "POST"), direction=direction,
        sequence=sequence, boundary=True, outcome=moved, fields=fields,
    )  # fmt: skip


def view(*events: Event | Happened, keys: bool = False) -> tuple[dict[str, int], int, str | int | None]:
    seen = seen_on_the_wire(events, "place", "http", keys_count_once=keys)
    return dict(seen.counts), seen.unidentified, seen.hidden or seen.in_doubt or None


def test_what_was_delivered_and_done_counts_even_if_the_processor_never_heard_of_it() -> None:
    script = [
        asked(0),
        answered(0, "done"),
        asked(0, link="place#2"),
        answered(0, "done", link="place#2", moved="withheld"),
    ]
    assert view(*script) == ({"e1": 2}, 0, None)


def test_what_was_dropped_or_refused_does_not_count() -> None:
    assert view(asked(0, moved="dropped"), asked(1), answered(1, "not done"), asked(1, link="other#1")) == ({}, 0, None)


def released(*, what: str = "released", link: str = "place#1", reached: bool = True) -> Happened:
    return Happened(t=0, what=what, fields={"link": link, "reached": reached})


@pytest.mark.parametrize("what", ["released", "woken"])
def test_what_was_held_and_released_counts_beside_what_was_done_meanwhile(what: str) -> None:
    zombie, successor = asked(0, moved="held"), [asked(0, link="place#2"), answered(0, "done", link="place#2")]
    assert view(zombie, *successor, released(what=what), answered(0, "done")) == ({"e1": 2}, 0, None)
    assert view(zombie, released(what=what)) == ({}, 0, NOBODY_KNOWS), "it left, and nobody answered"
    assert view(zombie, released(what=what), answered(0, "not done")) == ({}, 0, None)


def test_what_was_held_and_never_left_does_not_count() -> None:
    held = asked(0, moved="held")
    assert view(held) == ({}, 0, None)
    assert view(held, released(reached=False)) == ({}, 0, None), "its connection was gone"
    assert view(held, released(link="other#1")) == ({}, 0, None)


def test_an_answer_that_is_held_tells_what_was_done() -> None:
    assert view(asked(0), answered(0, "done", moved="held")) == ({"e1": 1}, 0, None)


@pytest.mark.parametrize("answer", [[], [answered(0, "unknown")]])
def test_an_outcome_that_nobody_knows_hides_the_truth(answer: list[Event]) -> None:
    assert view(asked(0), *answer) == ({}, 0, NOBODY_KNOWS)
    assert view(asked(0), *answer, asked(1), answered(1, "done")) == ({"e1": 1}, 0, NOBODY_KNOWS)


def test_requests_with_one_key_are_one_effect_where_that_is_the_policy() -> None:
    script = [asked(0, idempotency_key="k"), asked(1, idempotency_key="k"), answered(1, "done")]
    assert view(*script, keys=True) == ({"e1": 1}, 0, None)
    assert view(*script, keys=False) == ({"e1": 1}, 0, NOBODY_KNOWS)
    fresh = [asked(2, idempotency_key="l"), answered(2, "done")]
    assert view(*script, *fresh, keys=True) == ({"e1": 2}, 0, None)
    assert view(asked(0), answered(0, "done"), asked(1), answered(1, "done"), keys=True)[0] == {"e1": 2}


def test_a_transaction_counts_each_of_its_effects() -> None:
    script = [asked(0, identities=["e1", "e1", "e2", None]), answered(0, "done")]
    assert view(*script) == ({"e1": 2, "e2": 1}, 1, None)
    assert view(script[0], answered(0, "done", errors=1))[2] is not None


def test_an_identity_that_matches_nothing_is_no_proof_of_loss() -> None:
    other = _event(0, "request", "place#1", "forwarded", {"kind": "INCRBY", "keys": ["a"]})
    assert view(other, answered(0, "done"))[2] == (
        "nothing that was sent here matches the declared identity; there were: INCRBY"
    )


def test_a_connection_that_could_not_be_read_hides_the_truth() -> None:
    opaque = _event(1, "request", "place#1", "forwarded", {"kind": "opaque", "reason": "the connection was upgraded"})
    assert view(asked(0), answered(0, "done"), opaque)[2] == (
        "the connection could not be read to its end: the connection was upgraded"
    )
