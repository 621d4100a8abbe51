"""Facts come in; the document goes out, as data: its title, its head, and its sections in order."""

from __future__ import annotations

from dataclasses import dataclass

from .facts import Facts
from .sections import SECTIONS
from .statement import Section, Statement, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A production document.

    Attributes:
        title: its heading.
        head: what stands above the first section.
        sections: in order.
        facts: what it was made of.
    """

    title: str
    head: tuple[Text, ...]
    sections: tuple[Section, ...]
    facts: Facts

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Every sentence that states something of the processor."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Statement))


def compose(facts: Facts) -> Document:
    """Makes the document; the same facts always make the same one."""
    declared = facts.declared
    owner = f" Owner: {declared.owner}." if declared.owner else ""
    return Document(
        title=f"{declared.title or declared.name}: exactly once, where?",
        head=(
            Text(
                "What may be relied on, and what may not, when a Kafka processor touches more than Kafka. Each "
                "statement "
                "says how it is known: *declared* by its owner, *observed* on the wire, or *drilled*: proved by "
                "killing the "
                f"process.{owner}"
            ),
            Text(
                "Made by `oncewhere document` and compared by `oncewhere document --check`, which fails a build "
                "when the "
                "code, the configuration or the newest run no longer agree with it. Do not edit it by hand."
            ),
        ),
        sections=tuple(section(facts) for section in SECTIONS),
        facts=facts,
    )
