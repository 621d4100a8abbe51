"""`oncewhere effects`: a processor comes in; what a person must look at goes to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from oncewhere.effects.policy import AtMostOnce, Compensate
from oncewhere.errors import ConfigurationError

from .app import load

if TYPE_CHECKING:
    from oncewhere.effects.calls import CallJournal
    from oncewhere.effects.intents import IntentJournal
    from oncewhere.effects.place import Place

POLICIES = f"{AtMostOnce.name} or {Compensate.name}"
IN_DOUBT = 3
"""The exit code when calls are in doubt: nobody knows whether they happened."""


@click.group(short_help="Look after effects outside Kafka.")
def effects() -> None:
    """Look after effects outside Kafka.

    \b
    oncewhere effects in-doubt settlement:app
    """  # noqa: D301  # click keeps the lines below \b as they are


@effects.command("in-doubt")
@click.argument("app", metavar="MODULE:APP")
@click.option("--reviewed", metavar="KEY", help="Take this call off the list: somebody has looked, and seen to it.")
def in_doubt(app: str, *, reviewed: str | None) -> int:
    """List the calls that may or may not have happened; they are never repeated.

    Of policy at-most-once: a call that is `claimed` may be under way right now, or a crash left it so; `in-doubt` are
    those whose record was passed without output. Of policy compensate: those whose undo may or may not have happened.
    Exits 3 while there are any.

    \b
    oncewhere effects in-doubt settlement:app
    oncewhere effects in-doubt settlement:app --reviewed 5d8a5a0c-…
    """  # noqa: D301  # click keeps the lines below \b as they are
    processor = load(app)
    rows: list[tuple[str, ...]] = []
    found = False
    for place in processor.places().values():
        journal = _journal(place)
        if journal is None:
            continue
        try:
            journal.prepare()
            found = True
            if reviewed is not None and journal.review(reviewed):
                reviewed = None
            for entry in journal.in_doubt():
                record = f"{entry.topic}[{entry.partition}]@{entry.offset}"
                rows.append((entry.key, entry.state, entry.since, entry.place, entry.effect, record))
        finally:
            journal.close()
    if not found:
        raise ConfigurationError(f"{app} has no place with policy {POLICIES}, so nothing can be in doubt.")
    if reviewed is not None:
        raise ConfigurationError(f"No call {reviewed!r} is in doubt.", hint="Give a key as the list shows it.")
    if not rows:
        click.echo("Nothing is in doubt.")
        return 0
    # Whole lines, however narrow the terminal: a key is there to be copied.
    lines = [("key", "state", "since", "place", "effect", "record"), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return IN_DOUBT


def _journal(place: Place[Any]) -> CallJournal | IntentJournal | None:
    """The journal that a place's policy lists doubts in; None where it has none."""
    policy = place.policy
    if isinstance(policy, AtMostOnce):
        return policy.claims.call_journal(policy.table, create=False, place=place.name, group_id="")
    if isinstance(policy, Compensate):
        keeps = policy.journal
        return keeps.intent_journal(policy.table, policy.owners, create=False, place=place.name, group_id="")
    return None
