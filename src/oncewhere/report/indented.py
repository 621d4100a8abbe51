"""Some words and how far to the right come in; lines that fit go out, and none ends in blanks: they will be copied."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Indented:
    """Words with the lines that they are wrapped into.

    Attributes:
        told: the words.
        columns: how far to the right; what it is wrapped into stands as far.
        head: what stands in front of the first line.
    """

    told: Text
    columns: int = 0
    head: Text = field(default_factory=Text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines; see rich's console protocol."""
        front = self.head
        for line in self.told.wrap(console, max(1, options.max_width - self.columns)):
            line.rstrip()
            yield Text.assemble(front, " " * (self.columns - front.cell_len), line)
            front = Text()
