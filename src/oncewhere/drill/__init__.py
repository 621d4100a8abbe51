"""A drill kills a real processor at a real message, restarts it, and says where its work happened once.

The nouns, in the order in which data flows through them:

- `Declaration`: what cannot be seen from outside, read from `oncewhere.toml`; it has one or more `Version`.
- `Input`: a record to feed the processor; `Identity` says where its business identity stands.
- `Lane`: the worlds (`KafkaWorld`, `DatabaseWorld`) that one trial at a time has for itself.
- `CrashPoint`: the message at which the processor dies, found in a clean run; three of them are a `NamedCrash`.
- `Itinerary`: the points that are visited, of all that the clean run recorded; `Choice` is what the user asked for.
- `Plan`: what is done in one trial: each `Step` is an `Action` at a point; a clean run has none.
- `Trial`: a fresh world, a `Victim` with one or more lives, a `Trap` at the proxies, a `History` on disk.
- `Finding`: the `Verdict` about one place, with the number of the check that decided it.
- `DrillResult`: the findings of all trials of all versions; events tell of it while it grows.

What drives a drill (`Drill`, `Servers`) is imported when it is first asked for: who shows a run needs no Kafka client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .checks import Finding
from .choice import Choice
from .declaration import Declaration, Version
from .declaration_file import load
from .events import DrillBegan, DrillEnded, DrillEvent, Listener, PlansMade, TrialBegan, TrialJudged, VersionJudged
from .history import read
from .itinerary import Itinerary, PointSet
from .judging import findings
from .keyword import Keyword
from .observations import Observation
from .points import CrashPoint, NamedCrash, Phase, parse_id
from .result import OUT_OF_TIME, Coverage, Crash, DrillResult, TrialResult, VersionResult
from .scenario import CLEAN, CRASH, Action, Plan, Step
from .scenarios import EVERY, SCENARIOS, Scenario, scenarios_named
from .testimony import Testimony, UnreadableHistoryError, take_testimony
from .verdict import Verdict, worst

if TYPE_CHECKING:
    from .engine import Drill
    from .lane import Servers

__all__ = [
    "CLEAN",
    "CRASH",
    "EVERY",
    "OUT_OF_TIME",
    "SCENARIOS",
    "Action",
    "Choice",
    "Coverage",
    "Crash",
    "CrashPoint",
    "Declaration",
    "Drill",
    "DrillBegan",
    "DrillEnded",
    "DrillEvent",
    "DrillResult",
    "Finding",
    "Itinerary",
    "Keyword",
    "Listener",
    "NamedCrash",
    "Observation",
    "Phase",
    "Plan",
    "PlansMade",
    "PointSet",
    "Scenario",
    "Servers",
    "Step",
    "Testimony",
    "TrialBegan",
    "TrialJudged",
    "TrialResult",
    "UnreadableHistoryError",
    "Verdict",
    "Version",
    "VersionJudged",
    "VersionResult",
    "findings",
    "load",
    "parse_id",
    "read",
    "scenarios_named",
    "take_testimony",
    "worst",
]

_HOMES = {"Drill": "engine", "Servers": "lane"}


def __getattr__(name: str) -> object:
    """Imports a name that needs servers when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
