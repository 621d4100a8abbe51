"""The findings of one trial come in; how each came about goes out, and what is the same at two places is told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from oncewhere.drill import Finding


def told_once(findings: Iterable[Finding]) -> Iterator[tuple[Finding, Sequence[str]]]:
    """Each finding with its sentences; of a chain that stands above already, only its end and where that is."""
    told_at: dict[tuple[str, ...], str] = {}
    for finding in findings:
        *how, _ = finding.chain or ("",)
        above = told_at.setdefault(tuple(how), finding.place) if how else finding.place
        yield finding, finding.chain if above == finding.place else (f"as at {above}, above", finding.chain[-1])
