"""A run that has not ended comes in; what of it was not masked, and must be read before it is sent, goes out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from oncewhere.drill import read
from oncewhere.drill.history import Happened

from .provenance import State
from .run_json import Run

HISTORY_NAME = "wire.jsonl"
LOGS = "life-*.log"
JUDGED = "judged"
"""A trial's last event: what the processor printed was masked before it."""
NAMED = 4


def unmasked(folder: Path, run: Run) -> list[str]:
    """The trials whose logs may hold secrets, in one sentence; none where the run has ended: it masked them itself.

    Args:
        folder: the run's.
        run: as far as it came.
    """
    if run.ending.state is not State.RUNNING:
        return []
    trials = sorted({log.parent for log in folder.rglob(LOGS)})
    found = [str(trial.relative_to(folder)) for trial in trials if not _is_judged(trial / HISTORY_NAME)]
    if not found:
        return []
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    told = (
        f"What the processor itself printed (life-N.log) was not masked in {', '.join(found[:NAMED])}{more}: this run "
        "has not ended, and passwords may stand there. Read it before you send it."
    )
    return [told]


def _is_judged(history: Path) -> bool:
    """True for a history that goes to its end."""
    try:
        return any(isinstance(event, Happened) and event.what == JUDGED for event in read(history))
    except (OSError, msgspec.DecodeError):
        return False
