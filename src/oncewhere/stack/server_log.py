"""The end of a server's log, for the error that says it did not come up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NO_SPACE = "No space left on device"
"""What every program writes when the disk is full (strerror of ENOSPC, in the C locale)."""
TAIL_LINES = 20
TAIL_BYTES = 16_384


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; a sentence when there are none."""
    try:
        with log.open("rb") as content:
            content.seek(0, 2)
            content.seek(max(0, content.tell() - TAIL_BYTES))
            text = content.read().decode(errors="replace")
    except OSError:
        text = ""
    return "\n".join(text.splitlines()[-lines:]) or "(it wrote nothing)"
