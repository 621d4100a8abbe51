"""The events of a trial come in as they are written; how long each part of the trial took goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .history import Event, Happened, Wire

PHASES: Final[Mapping[str, str]] = {
    "reset": "fresh topics, group and databases, the inputs written",
    "start": "from the start of the program to its first message",
    "join": "to its first boundary message after InitProducerId: it connects, joins the group, fetches",
    "work": "up to the point (in a clean run: up to the last commit)",
    "kill": "from the signal to the end of the whole process group",
    "settle": "the servers are heard out, the cluster is asked, the dead member is evicted",
    "restart": "from the last life's start to its first message",
    "rejoin": "to that life's first boundary message after InitProducerId",
    "rest": "up to the last commit of the input",
    "stop": "the wire stays quiet, the last life is ended, its member is evicted",
    "check": "the places are read and judged",
}
"""The parts of a trial, in their order, and what happens in each."""


class Phases:
    """Adds up where the time of a trial goes."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._now = "reset"
        self._since_s = 0.0
        self._first_life = True

    def take(self, event: Event) -> None:
        """Takes the next event."""
        following = self._on_wire(event) if isinstance(event, Wire) else self._on_event(event)
        if following is not None:
            self._turn(following, event.t)

    def durations_s(self) -> dict[str, float]:
        """Seconds by phase, of the phases that there were."""
        return {name: round(self._seconds[name], 3) for name in PHASES if name in self._seconds}

    def _on_wire(self, event: Wire) -> str | None:
        if self._now in {"start", "restart"}:
            return "join" if self._first_life else "rejoin"
        if self._now in {"join", "rejoin"} and event.boundary and event.kind != "InitProducerId":
            return "work" if self._first_life else "rest"
        return None

    def _on_event(self, event: Happened) -> str | None:
        match event.what:
            case "started":
                return "start" if self._first_life else "restart"
            case "sprung":
                self._first_life = False
                return "kill"
            case "killed":
                return "settle"
            case "complete":
                return "stop"
            case "ended":
                return "check"
            case "judged":
                return "done"
        return None

    def _turn(self, phase: str, t: float) -> None:
        self._seconds[self._now] = self._seconds.get(self._now, 0.0) + t - self._since_s
        self._now, self._since_s = phase, t
