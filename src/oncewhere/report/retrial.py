"""The file of a history comes in; what it says goes out, judged again; where it breaks off, what is known so far."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec

from oncewhere.drill import Finding, UnreadableHistoryError, Verdict, findings, read, take_testimony, worst
from oncewhere.drill.history import Event, Happened
from oncewhere.drill.observations import connections, unread

BEGUN = "trial"
IDS_NAMED = 50
"""Identities of one finding, where the screen is about one trial alone: as many as the page lists."""
OTHER_TRY = (
    "this is a try that did not come by its point: the run judges the try after it (the folder with the next number)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrial:
    """One trial, judged again.

    Attributes:
        file: its history.
        version: what was drilled.
        plan: the plan's id.
        findings: about each place; of a history that breaks off, none.
        notes: what must be known beside them, in sentences.
        unjudged: what the processor did where nobody looks, in sentences.
        judged_instead: the history of the next try, where this one did not come by its point: the run judges that.
    """

    file: Path
    version: str
    plan: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    judged_instead: Path | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst at any place; of a history that breaks off, `unknown`."""
        return worst([finding.verdict for finding in self.findings])


def retried(file: Path) -> Retrial:
    """Judges a history again; its findings name up to `IDS_NAMED` identities each.

    Raises:
        OSError: the file cannot be read.
        UnreadableHistoryError: not even its beginning is a history's.
    """
    events, damage = _read(file)
    begun = next((e for e in events if isinstance(e, Happened) and e.what == BEGUN), None)
    if begun is None:
        raise UnreadableHistoryError(damage or "it does not begin like the history of a trial")
    version, plan = str(begun.fields.get("version", "?")), str(begun.fields.get("plan", "?"))
    try:
        testimony = take_testimony(events)
    except UnreadableHistoryError as error:
        why = damage or f"{error}"
        return Retrial(file=file, version=version, plan=plan, findings=(), notes=(why, _known(events)))
    judged = findings(testimony, named=IDS_NAMED)
    notes: list[str] = []
    if damage:
        # What lies behind the damage may be a second one of anything: what seems to have held is not known to.
        judged = tuple(
            f
            if f.verdict.violated
            else dataclasses.replace(f, check=0, verdict=Verdict.UNKNOWN, sentence="the history is damaged", chain=())
            for f in judged
        )
        notes.append(damage)
    instead = None if testimony.reached else _next_try(file)
    if instead is not None:
        notes.append(OTHER_TRY)
    return Retrial(
        file=file,
        version=version,
        plan=plan,
        findings=judged,
        notes=tuple(notes),
        unjudged=tuple(observation.sentence for observation in (*connections(events), *unread(events))),
        judged_instead=instead,
    )


def _read(file: Path) -> tuple[list[Event], str]:
    """The events up to the first line that is none, and which line that is."""
    events: list[Event] = []
    try:
        events.extend(read(file))
    except msgspec.DecodeError as error:
        return events, f"line {len(events) + 1} of {file.name} is damaged ({error}); what stands before it was read"
    return events, ""


def _known(events: list[Event]) -> str:
    """What the events say though the trial did not come to its end."""
    done = [event.what for event in events if isinstance(event, Happened)]
    crash = next((e.fields.get("point") for e in events if isinstance(e, Happened) and e.what == "sprung"), None)
    told = [f"{len(events)} events, the last at {events[-1].t:.3f} s"]
    told.append(f"the processor was started {done.count('started')} times")
    told.append(f"its point was reached: {crash}" if crash else "its point was not reached")
    told.append("the whole input was finished" if "complete" in done else "the input was not finished")
    return "; ".join(told)


def _next_try(file: Path) -> Path | None:
    """The history of the next try of the same point, in a sibling of the trial's folder; None where there is none."""
    folder = file.resolve().parent
    head, _, number = folder.name.rpartition("-")
    first, at = (head, int(number)) if number.isdigit() and head else (folder.name, 1)
    following = folder.parent / f"{first}-{at + 1}" / file.name
    return following if following.is_file() else None
