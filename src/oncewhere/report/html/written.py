"""A run folder comes in; its `report.html` is written: the only module here that touches files.

A page must stay one that a browser opens at once. So the marks of all trials together have a limit, and so has the
file; what is left out is counted, and the page says it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from oncewhere.drill import TrialResult, read
from oncewhere.drill.history import Event
from oncewhere.report.run_json import Run, read_run

from .facts import run_facts, trial_facts
from .packing import pack, squeeze
from .page import write_page
from .timeline import read_timeline

FILE_NAME: Final = "report.html"
HISTORY_NAME: Final = "wire.jsonl"
MARKS_LIMIT: Final = 400_000
"""Marks of all timelines together; shared out evenly among the points."""
MARKS_PER_TRIAL_LIMIT: Final = 2_000
MARKS_PER_TRIAL_LEAST: Final = 60
TIMELINES_LIMIT_BYTES: Final = 16_000_000
"""Of all timelines together; the page's file stays below 25 MB with it."""
EVENTS_LIMIT: Final = 200_000
"""Events of one history that are read; the rest of a longer one is not shown, and the page says so."""


def write_report(folder: Path) -> Path:
    """Writes the report of a run into its folder, from what is in the folder alone.

    Args:
        folder: the run's folder, from this machine or another.

    Returns:
        The file.

    Raises:
        ConfigurationError: the folder holds no run that this version reads.
        OSError: the file cannot be written.
    """
    text = report_of(folder)
    path = folder / FILE_NAME
    fresh = path.with_name(f".{FILE_NAME}-{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def lost_histories(folder: Path, run: Run) -> dict[str, str]:
    """The histories of a run that are gone or damaged: by their trial's folder, a sentence.

    Args:
        folder: the run's.
        run: what was found.
    """
    found: dict[str, str] = {}
    for version in run.result.versions:
        for trial in version.trials:
            try:
                if not sum(1 for _ in read(folder / trial.folder / HISTORY_NAME)):
                    found[trial.folder] = f"{trial.folder}/{HISTORY_NAME} is empty."
            except OSError as error:
                found[trial.folder] = f"{trial.folder}/{HISTORY_NAME} cannot be read ({error.strerror})."
            except msgspec.DecodeError as error:
                found[trial.folder] = f"{trial.folder}/{HISTORY_NAME} is damaged ({error})."
    return found


def report_of(folder: Path) -> str:
    """The text of a run folder's report.

    Raises:
        ConfigurationError: the folder holds no run that this version reads.
    """
    run = read_run(folder)
    name = folder.resolve().name
    trials = [(version, trial) for version in run.result.versions for trial in version.trials]
    limit = _limit(len(trials))
    squeezed, spent, left_out = [""] * len(trials), 0, 0
    for number in sorted(range(len(trials)), key=lambda n: _interest(trials[n][1])):
        version, trial = trials[number]
        told = trial_facts(run, version, trial) | {"files": _sizes(folder, trial)}
        if spent < TIMELINES_LIMIT_BYTES:
            told |= {"timeline": _timeline(folder, trial, limit)}
        else:
            left_out += 1
        squeezed[number] = squeeze(told)
        spent += len(squeezed[number])
    return write_page(run_facts(run, name) | {"without_timeline": left_out}, squeezed)


def _sizes(folder: Path, trial: TrialResult) -> dict[str, int]:
    """The files of a trial that are there, with their bytes: an empty one need not be opened to be known."""
    names = (HISTORY_NAME, *(f"life-{life}.log" for life in range(1, trial.lives + 1)))
    place = folder / trial.folder
    return {name: (place / name).stat().st_size for name in names if (place / name).is_file()}


def _interest(trial: TrialResult) -> int:
    """Smaller comes first: what the page has no room for is what nobody asks for."""
    return 0 if trial.verdict.violated else 1 if trial.verdict.open else 2


def _limit(points: int) -> int:
    """Marks that each timeline may keep."""
    return max(MARKS_PER_TRIAL_LEAST, min(MARKS_PER_TRIAL_LIMIT, MARKS_LIMIT // max(1, points)))


def _timeline(folder: Path, trial: TrialResult, limit: int) -> dict[str, Any]:
    events, unread = _events(folder, trial)
    return pack(read_timeline(events, trial.findings, limit=limit, unread=unread))


def _events(folder: Path, trial: TrialResult) -> tuple[list[Event], str]:
    """A trial's history as far as it can be read, and why not further."""
    path = folder / trial.folder / HISTORY_NAME
    found: list[Event] = []
    if not path.resolve().is_relative_to(folder.resolve()):
        return found, f"The history is outside the run's folder: {trial.folder}."
    try:
        for event in read(path):
            found.append(event)
            if len(found) == EVENTS_LIMIT:
                return found, f"Only the first {EVENTS_LIMIT} events of the history were read."
    except OSError as error:
        return found, f"The history cannot be read: {error.strerror}."
    except msgspec.DecodeError as error:
        return found, f"The history breaks off after {len(found)} events: {error}."
    return found, ""
