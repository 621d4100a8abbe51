"""A rule as data: its code, why it is bad to break it and what to do; with these a check makes its findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .fact import Unread
from .finding import Finding, Mark

NO_SUCH_TOPIC = "UNKNOWN_TOPIC_OR_PARTITION"
"""What a broker says of a topic that is not there, or that we may not describe."""


class Area(StrEnum):
    """The heading that a rule stands under, in the order of the screen."""

    BROKERS = "Brokers"
    TOPICS = "Topics"
    ACCESS = "Access"
    TRANSACTIONS = "Transactions"
    GROUPS = "Groups"
    DATABASES = "Databases"
    PROCESSOR = "Processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that the doctor looks at.

    Attributes:
        code: its name; stable, and what `oncewhere explain` takes.
        area: where it stands.
        title: what must be so, in a few words.
        why: what happens otherwise, in sentences.
        remedy: what to do, in sentences.
    """

    code: str
    area: Area
    title: str
    why: str
    remedy: str

    def good(self, about: str, reason: str) -> Finding:
        """✓."""
        return Finding(rule=self.code, mark=Mark.GOOD, about=about, reason=reason)

    def warning(self, about: str, reason: str, fix: str | None = None) -> Finding:
        """!."""
        return Finding(rule=self.code, mark=Mark.WARNING, about=about, reason=reason, fix=fix)

    def fault(self, about: str, reason: str, fix: str | None = None) -> Finding:
        """✗."""
        return Finding(rule=self.code, mark=Mark.FAULT, about=about, reason=reason, fix=fix)

    def unknown(self, about: str, why: Unread | str, fix: str | None = None) -> Finding:
        """?; of a topic that is not there nothing can be looked at, and what to do is to make it."""
        if isinstance(why, Unread) and why.why == NO_SUCH_TOPIC:
            why, fix = "not looked at: the topic does not exist", fix or "Create the topic, or correct its name."
        reason = f"could not be read: {why.why}" if isinstance(why, Unread) else why
        return Finding(rule=self.code, mark=Mark.UNKNOWN, about=about, reason=reason, fix=fix)
