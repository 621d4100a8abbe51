"""What to run: `name[:option=value...]` as typed in; a `Spec` out.

kafka-streams                          the peer as it is
hand-written:values=bytes:records=1m   pass values on as they are; a million records
oncewhere:processes=2:commit_ms=20     two processes; a commit every 20 ms
hand-written:queue_backoff_ms=1000     any other option goes to the peer, as PEER_QUEUE_BACKOFF_MS
"""

from __future__ import annotations

from dataclasses import dataclass

UNITS = {"k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class Spec:
    """One thing to run.

    Attributes:
        text: as it was typed, less the number of records; what rows and tables call it.
        peer: the name in the table of peers.
        values: `json` or `bytes`.
        commit_ms: how long a transaction is filled, in milliseconds; None: the measurement's default.
        processes: how many at once, in one group.
        records: how many to consume; None: the peer's default.
        options: for the peer.
    """

    text: str
    peer: str
    values: str
    commit_ms: int | None
    processes: int
    records: int | None
    options: tuple[tuple[str, str], ...]

    def environment(self) -> dict[str, str]:
        """The options as the peer reads them."""
        return {"PEER_VALUES": self.values, **{f"PEER_{name.upper()}": value for name, value in self.options}}


def parse(text: str) -> Spec:
    """Reads a spec.

    Raises:
        ValueError: an option has no value, or a number is none.
    """
    name, *parts = text.split(":")
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not key or not equals or not value:
            raise ValueError(f"{text!r}: {part!r} is not option=value")
        options[key] = value
    commit_ms, records = options.pop("commit_ms", None), options.pop("records", None)
    return Spec(
        text=":".join([name, *(part for part in parts if not part.startswith("records="))]),
        peer=name,
        values=options.pop("values", "json"),
        commit_ms=None if commit_ms is None else int(commit_ms),
        processes=int(options.pop("processes", "1")),
        records=None if records is None else number(records),
        options=tuple(options.items()),
    )


def number(text: str) -> int:
    """`200k` is 200,000 and `2m` is 2,000,000.

    Raises:
        ValueError: it is no number.
    """
    unit = UNITS.get(text[-1:].lower())
    return int(text) if unit is None else int(float(text[:-1]) * unit)
