"""What a document is made of: sentences that say how they are known, tables of them, and a diagram; all of it data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """How a statement is known; the text is its mark in the document."""

    DECLARED = "declared"
    OBSERVED = "observed"
    DRILLED = "drilled"
    NONE = "no evidence"

    @property
    def heading(self) -> str:
        """The heading of the evidence that it stands on."""
        return _HEADINGS[self]


_HEADINGS = {
    Basis.DECLARED: "What was declared",
    Basis.OBSERVED: "What the wire showed",
    Basis.DRILLED: "What the drill proved",
    Basis.NONE: "What has no evidence",
}


class Standing(StrEnum):
    """Whether a statement holds."""

    HOLDS = "holds"
    BROKEN = "broken"
    """The evidence contradicts what the guarantee needs, or what was declared."""
    UNKNOWN = "unknown"
    """Nobody has said it and nothing has shown it; never a pass."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One finished sentence.

    Attributes:
        text: the sentence; names of things stand in backticks.
        basis: how it is known.
        standing: whether it holds.
    """

    text: str
    basis: Basis = Basis.DECLARED
    standing: Standing = Standing.HOLDS


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph that states nothing of the processor: an explanation, an instruction."""

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        cells: as many as the table has columns.
        basis: how it is known; none where the row states nothing.
        standing: whether it holds.
    """

    cells: tuple[str, ...]
    basis: tuple[Basis, ...] = ()
    standing: Standing = Standing.HOLDS


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; in the document a last column says how each is known, if any row does."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be typed, or to be read as they are."""

    text: str
    language: str = "sh"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section, or an entry of the runbook."""

    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """A place in the diagram.

    Attributes:
        name: what it is called.
        about: a second line.
    """

    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The diagram: what is inside Kafka's transaction and what is outside.

    Attributes:
        inputs: topics that are consumed.
        outputs: topics that are produced in the transaction.
        offsets: the group whose offsets commit in it.
        processor: the processor.
        effects: places outside, each with what holds there.
        loose: outputs that were seen outside the transaction.
        readers: who reads the outputs.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    offsets: str
    processor: str
    effects: tuple[Box, ...] = ()
    loose: tuple[str, ...] = ()
    readers: tuple[Box, ...] = ()


Block = Statement | Text | Table | Code | Heading | Boundary


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


def listed(names: object) -> str:
    """Names as a sentence lists them: `a`, `b` and `c`; the names are put in backticks."""
    *most, last = [f"`{name}`" for name in names] or [""]  # type: ignore[attr-defined]  # any iterable of names
    return f"{', '.join(most)} and {last}" if most else last
