"""Sightings in the order of the wire, for tests that need no server."""

from __future__ import annotations

from oncewhere.drill.itinerary import Sighting
from oncewhere.wire.message import Direction, Message


class Wire:
    """Builds what a clean run saw; a place that is not `kafka` is a PostgreSQL."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []

    def request(self, place: str, kind: str, *, expects_reply: bool = True, **fields: object) -> Wire:
        return self._add(place, kind, Direction.REQUEST, fields, expects_reply=expects_reply)

    def reply(self, place: str, kind: str, to: int | None = None, **fields: object) -> Wire:
        """The answer to the last request, or to the one that stands there in the script."""
        return self._add(place, kind, Direction.REPLY, fields, self._last(place, kind) if to is None else to)

    def asked(self, place: str, kind: str, **fields: object) -> Wire:
        """A request and its answer."""
        return self.request(place, kind, **fields).reply(place, kind)

    def commit_interval(self, effects: int = 1) -> Wire:
        for _ in range(effects):
            self.request("bank", "write").request("bank", "commit")
            self.reply("bank", "commit", outcome="committed")
        self.request("kafka", "Produce").request("kafka", "TxnOffsetCommit", transactional_id="t")
        return self.request("kafka", "EndTxn", transactional_id="t", committed=True).reply("kafka", "EndTxn")

    def _last(self, place: str, kind: str) -> int:
        found = [
            s.message.sequence
            for s in self.sightings
            if (s.place, s.message.kind, s.message.direction) == (place, kind, Direction.REQUEST)
        ]
        return found[-1] if found else 0

    def _add(
        self,
        place: str,
        kind: str,
        direction: Direction,
        fields: dict[str, object],
        sequence: int | None = None,
        *,
        expects_reply: bool = True,
    ) -> Wire:
        message = Message(
            system="kafka" if place == "kafka" else "postgresql",
            kind=kind,
            direction=direction,
            sequence=len(self.sightings) if sequence is None else sequence,
            boundary=True,
            fields=fields,
            expects_reply=expects_reply,
        )
        self.sightings.append(Sighting(place, f"{place}#1", message))
        return self
