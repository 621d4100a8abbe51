"""One line of an examination: a rule and what it was asked about in, a mark, a reason and a fix out. Data only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What is said of one thing, the worst first."""

    FAULT = "✗"
    """The guarantee does not hold, or something stands still."""
    UNKNOWN = "?"
    """It could not be read: neither good nor bad."""
    WARNING = "!"
    """It holds, and somebody should know."""
    GOOD = "✓"

    @property
    def word(self) -> str:
        """For JSON."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line.

    Attributes:
        rule: the rule's code.
        mark: what is said.
        about: what of: a topic, a broker, a table.
        reason: why, in words, without a full stop.
        fix: what to do here; None where the rule's own remedy says it.
    """

    rule: str
    mark: Mark
    about: str
    reason: str
    fix: str | None = None


def exit_code(findings: Iterable[Finding]) -> int:
    """0 good, 1 a fault, 3 where something could not be read."""
    marks = {finding.mark for finding in findings}
    return 1 if Mark.FAULT in marks else 3 if Mark.UNKNOWN in marks else 0
