"""A trial's testimony, its findings and marks come in; each violation, joined to its records and their marks, goes out.

Where a message names its records (an output's offset, an identity in a request), the join is exact. SQL on the wire
names nobody: there the join goes to the effects of the commit intervals that processed the record, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from oncewhere.drill import Finding, Testimony, Verdict
from oncewhere.drill.checks import InputSeen
from oncewhere.drill.history import Wire

from .coverage import COMMITS, Covered, Interval, intervals_of, read_coverage
from .fates import Fate
from .marks import Mark

RECORDS_LIMIT: Final = 50
"""Records of one violation that are shown one by one."""
TWICE: Final = frozenset({Verdict.DUPLICATE, Verdict.ZOMBIE_WRITE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One record of a violation.

    Attributes:
        identity: its business identity.
        position: `topic-partition @ offset` of the input.
        times: how often it was found at the place.
        outputs: its positions in the output topic, where the place is one.
        marks: which marks show it, by number.
        exact: True where the messages name it; False where only their commit interval is known.
    """

    identity: str
    position: str
    times: int
    outputs: tuple[str, ...]
    marks: tuple[int, ...]
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """One violation.

    Attributes:
        place: where.
        verdict: what.
        total: how many records it is about.
        records: the first `RECORDS_LIMIT` of them.
        bands: by commit interval that had a part in it, the first and the last mark at the place.
    """

    place: str
    verdict: Verdict
    total: int
    records: tuple[Shown, ...]
    bands: tuple[tuple[Interval, int, int], ...]


class Joiner:
    """Finds the marks of the records of a trial.

    Args:
        testimony: the trial's history.
        marks: its marks.
    """

    def __init__(self, testimony: Testimony, marks: Sequence[Mark]) -> None:
        self._testimony = testimony
        self._marks = marks
        self._covered: dict[Interval, Covered] = read_coverage(testimony.events, testimony.subject.input_topic)
        self._by_interval: dict[Interval, list[int]] = {}
        self._by_identity: dict[tuple[str, str], list[int]] = {}
        for number, mark in enumerate(marks):
            self._by_interval.setdefault(mark.group, []).append(number)
            for identity in _identities(mark.request):
                self._by_identity.setdefault((mark.request.place, identity), []).append(number)

    def join(self, finding: Finding) -> Join | None:
        """The join of a finding; None where nothing is wrong, or no record is known to be concerned."""
        affected = self._affected(finding)
        if not affected:
            return None
        intervals = dict.fromkeys(i for entry in affected for i in intervals_of(entry, self._covered))
        bands = [
            (interval, found[0], found[-1])
            for interval in intervals
            if (found := [n for n in self._by_interval.get(interval, ()) if self._is_work(self._marks[n], finding)])
        ]
        return Join(
            place=finding.place,
            verdict=finding.verdict,
            total=len(affected),
            records=tuple(self._shown(entry, finding) for entry in affected[:RECORDS_LIMIT]),
            bands=tuple(bands),
        )

    def _affected(self, finding: Finding) -> list[InputSeen]:
        evidence = self._testimony.evidence
        seen = evidence.at(finding.place)
        if seen is None or not finding.verdict.violated:
            return []
        if finding.verdict in TWICE:
            return [entry for name, entry in evidence.expected.items() if seen.counts.get(name, 0) > 1]
        if finding.verdict is Verdict.LOST:
            return [e for n, e in evidence.expected.items() if not seen.counts.get(n, 0) and evidence.passed(e)]
        return [evidence.expected[name] for name in finding.examples if name in evidence.expected]

    def _shown(self, entry: InputSeen, finding: Finding) -> Shown:
        seen = self._testimony.evidence.at(finding.place)
        assert seen is not None  # noqa: S101  # it has affected records
        outputs = [(r.partition, r.offset) for r in seen.records if r.identity == entry.identity]
        named = self._by_identity.get((finding.place, entry.identity), [])
        written = [n for position in outputs for n in self._wrote(finding.place, *position)]
        marks = sorted({*named, *written})
        exact = bool(marks)
        if not exact:
            marks = [
                n
                for interval in intervals_of(entry, self._covered)
                for n in self._by_interval.get(interval, ())
                if self._is_work(self._marks[n], finding)
            ]
        closing = [n for n in self._called_done(entry) if n not in marks]
        return Shown(
            identity=entry.identity,
            position=f"{self._testimony.subject.input_topic}-{entry.partition} @ {entry.offset}",
            times=seen.counts.get(entry.identity, 0),
            outputs=tuple(f"{finding.place}-{partition} @ {offset}" for partition, offset in outputs),
            marks=tuple(sorted([*marks, *closing])),
            exact=exact,
        )

    def _wrote(self, topic: str, partition: int, offset: int) -> Iterator[int]:
        """The Produce that the broker put a record's position in."""
        for number, mark in enumerate(self._marks):
            if mark.request.kind != "Produce" or mark.reply is None:
                continue
            counts = {(e["topic"], e["partition"]): e["records"] for e in mark.request.fields.get("partitions", ())}
            for entry in mark.reply.fields.get("partitions", ()):
                first, records = entry.get("base_offset", -1), counts.get((topic, partition)) or 0
                if (entry["topic"], entry["partition"]) == (topic, partition) and first <= offset < first + records:
                    yield number

    def _called_done(self, entry: InputSeen) -> Iterator[int]:
        """The first commit of offsets of each interval that covers a record."""
        for interval in intervals_of(entry, self._covered):
            for number in self._by_interval.get(interval, ()):
                if self._marks[number].request.kind in COMMITS:
                    yield number
                    break

    def _is_work(self, mark: Mark, finding: Finding) -> bool:
        """True for a mark that could have done the work at the finding's place."""
        if finding.system != "kafka":
            return mark.request.place == finding.place and mark.fate in {Fate.DONE, Fate.UNKNOWN}
        return mark.request.kind == "Produce" and any(
            entry["topic"] == finding.place for entry in mark.request.fields.get("partitions", ())
        )


def _identities(request: Wire) -> list[str]:
    """The business identities that a request names, where its protocol's layer was told how to find them."""
    several = request.fields.get("identities")
    named = [request.fields.get("identity"), *(several if isinstance(several, list) else ())]
    return [name for name in named if isinstance(name, str)]
