"""Facts come in; what every statement of the document stands on goes out: each basis has a heading to link to."""

from __future__ import annotations

from oncewhere.document.claim import stale, unvisited_words
from oncewhere.document.facts import Facts
from oncewhere.document.statement import (
    Basis,
    Block,
    Code,
    Heading,
    Row,
    Section,
    Standing,
    Statement,
    Table,
    Text,
    listed,
)


def evidence(facts: Facts) -> Section:
    """Evidence, under one heading for each way of knowing."""
    blocks: list[Block] = [
        Heading(Basis.DECLARED.heading),
        Text(
            f"Read from {listed(facts.declared.sources)}. Nothing has checked it except where it is also observed "
            f"or drilled."
        ),
        Heading(Basis.OBSERVED.heading),
        *_observed(facts),
        Heading(Basis.DRILLED.heading),
        *_drilled(facts),
        Heading(Basis.NONE.heading),
        Text(
            "A statement with this mark is one that nobody has declared and that no run has shown. It is there "
            "because a "
            "reader would otherwise assume it."
        ),
    ]
    return Section("Evidence", tuple(blocks))


def _observed(facts: Facts) -> list[Block]:
    observed = facts.observed
    if observed is None:
        return [Text("Nothing: no run is at hand. `oncewhere observe` or `oncewhere drill` makes one.")]
    versions = "; ".join(f"{api} {', '.join(f'v{v}' for v in found)}" for api, found in observed.api_versions.items())
    rows = [
        Row(("histories", f"{observed.trials}, with {observed.starts} starts of the processor")),
        Row(("client", ", ".join(observed.clients) or "not told")),
        Row(("transactional APIs", versions or "none were used")),
    ]
    for name, level in observed.cluster_features.items():
        rows.append(Row((f"the cluster's {name}", str(level))))
    return [
        Text("The processor reached Kafka and its databases only through proxies that read the protocols."),
        Table(("run", observed.run), tuple(rows)),
    ]


def _drilled(facts: Facts) -> list[Block]:
    drilled = facts.drilled
    if drilled is None or not drilled.crashed:
        return [
            Statement("Nothing: it was never crashed.", Basis.NONE, Standing.UNKNOWN),
            Code("oncewhere drill .        # in this folder: kills it at its boundary messages, and judges each place"),
        ]
    blocks: list[Block] = [
        Text(
            "The process was killed (SIGKILL, the whole group) at messages of the wire, started again, and every "
            "place was "
            f"counted afterwards; {drilled.inputs} {drilled.noun} in each trial."
        )
    ]
    if others := stale(facts):
        text = f"It was another processor then: {'; '.join(others)}. This evidence proves nothing of today's."
        blocks.append(Statement(text, Basis.DRILLED, Standing.BROKEN))
    if drilled.unvisited:
        words = unvisited_words(drilled)
        blocks.append(
            Statement(
                f"{words[:1].upper()}{words[1:]}: nothing is proved until all are.", Basis.DRILLED, Standing.UNKNOWN
            )
        )
    if drilled.narrower:
        text = (
            f"It is the newest run that visited all named crashes. Newer ones visited fewer and found nothing worse: "
            f"{listed(drilled.narrower)}."
        )
        blocks.append(Statement(text, Basis.DRILLED))
    rows = [
        Row(("began", drilled.date or "not known")),
        Row(("crash points", f"{drilled.reached} of {drilled.chosen} chosen reached (set: {drilled.points})")),
        Row(("what was done", ", ".join(drilled.scenarios))),
    ]
    if drilled.control:
        rows.append(Row(("control turned red", drilled.control)))
    rows.append(Row(("with", ", ".join(f"{name} {version}" for name, version in drilled.made_with.items()))))
    blocks.append(Table(("run", drilled.run), tuple(rows)))
    blocks.append(
        Table(
            ("place", "verdict", "of the crashes", "what went wrong"),
            tuple(
                Row(
                    (
                        place.place,
                        f"**{place.verdict}**" if place.violated else place.verdict,
                        ", ".join(f"{number} {verdict}" for verdict, number in place.counts.items()) or "none",
                        "; ".join(place.violations),
                    ),
                    (Basis.DRILLED,),
                    Standing.HOLDS if place.once else Standing.BROKEN if place.violated else Standing.UNKNOWN,
                )
                for place in drilled.places
            ),
        )
    )
    for name, why in drilled.left_out.items():
        blocks.append(Statement(f"`{name}` was left out: {why}.", Basis.DRILLED, Standing.UNKNOWN))
    blocks += [Text("Again, in this folder:"), Code(drilled.command)]
    return blocks
