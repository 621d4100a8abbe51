"""The rules of the doctor: all is said beside them."""

from __future__ import annotations

from collections.abc import Iterator

from oncewhere.doctor.rules.table import RULES

from .entry import Entry, Topic, sentence


def entries() -> Iterator[Entry]:
    """All of them, in the order of the screen."""
    for rule in RULES.values():
        yield Entry(code=rule.code, topic=Topic.RULE, what=sentence(rule.title), why=rule.why, remedy=rule.remedy)
