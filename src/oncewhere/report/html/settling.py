"""Marks and transactions come in; marks go out with what the end of their transaction made of them.

A request that was taken within a transaction is neither done nor not done until the transaction ends; where nothing in
the history ends it, it stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .fates import Fate
from .marks import Mark, place_of
from .spans import Span


def settle(marks: Sequence[Mark], spans: Sequence[Span]) -> list[Mark]:
    """Every mark, with the number of its transaction, and settled where that has ended.

    Args:
        marks: in order.
        spans: the transactions, in the order in which they began.
    """
    by_name: dict[tuple[str, str], list[tuple[int, Span]]] = {}
    for number, span in enumerate(spans):
        by_name.setdefault((span.place, span.name), []).append((number, span))
    return [_settled(mark, by_name.get(_transaction(mark), [])) for mark in marks]


def _transaction(mark: Mark) -> tuple[str, str]:
    place = place_of(mark.request)
    if place == "kafka":
        return place, str(mark.request.fields.get("transactional_id") or "")
    return place, mark.request.link


def _settled(mark: Mark, spans: Sequence[tuple[int, Span]]) -> Mark:
    t = mark.request.t
    found = next(((n, s) for n, s in spans if s.began <= t and (s.ended is None or t <= s.ended)), None)
    if found is None:
        return mark
    number, span = found
    mark = replace(mark, span=number)
    if mark.fate is not Fate.OPEN:
        return mark
    if span.how.startswith("committed"):
        return replace(mark, fate=Fate.DONE, words=f"{mark.words}: it was")
    if span.how.startswith(("aborted", "rolled back")):
        return replace(mark, fate=Fate.NOT_DONE, words=f"{mark.words}: it was {span.how}")
    return mark
