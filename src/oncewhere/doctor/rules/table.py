"""All rules, and the checks that make findings of them, in the order of the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from oncewhere.doctor.facts import Chart
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule

from . import access, brokers, databases, groups, processor, topics, transactions

_MODULES: Final = (brokers, topics, access, transactions, groups, databases, processor)

RULES: Final[Mapping[str, Rule]] = {rule.code: rule for module in _MODULES for rule in module.RULES}
"""By code."""

CHECKS: Final[Mapping[Area, Callable[[Chart], Iterator[Finding]]]] = {
    module.RULES[0].area: module.check for module in _MODULES
}
"""By area, what examines it."""


def examine(facts: Chart, areas: tuple[Area, ...] = tuple(Area)) -> tuple[Finding, ...]:
    """Asks every check.

    Args:
        facts: what was read.
        areas: which of them.
    """
    return tuple(finding for area in areas for finding in CHECKS[area](facts))
