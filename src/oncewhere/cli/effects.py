"""`oncewhere effects`: a processor comes in; what a person must look at goes to standard output."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from oncewhere.effects.policy import AtMostOnce
from oncewhere.errors import ConfigurationError

from .app import load

IN_DOUBT = 3
"""The exit code when calls are in doubt: nobody knows whether they happened."""


@click.group(short_help="Look after effects outside Kafka.")
def effects() -> None:
    """Look after effects outside Kafka."""


@effects.command("in-doubt")
@click.argument("app", metavar="MODULE:APP")
@click.option("--reviewed", metavar="KEY", help="Take this call off the list: somebody has looked, and seen to it.")
def in_doubt(app: str, *, reviewed: str | None) -> int:
    """List the calls of policy at-most-once that may or may not have happened; they are never repeated.

    A call that is `claimed` may be under way right now, or a crash left it so; `in-doubt` are those whose record was
    passed without output. Exits 3 while there are any.

    \b
    oncewhere effects in-doubt settlement:app
    oncewhere effects in-doubt settlement:app --reviewed 5d8a5a0c-…
    """  # noqa: D301  # click keeps the lines below \b as they are
    processor = load(app)
    table = Table(*("key", "state", "since", "place", "effect", "record"), box=None, pad_edge=False, show_edge=False)
    found = False
    for place in processor.places().values():
        if not isinstance(place.policy, AtMostOnce):
            continue
        policy = place.policy
        journal = policy.claims.call_journal(policy.table, create=False, place=place.name, group_id="")
        try:
            journal.prepare()
            found = True
            if reviewed is not None and journal.review(reviewed):
                reviewed = None
            for entry in journal.in_doubt():
                record = f"{entry.topic}[{entry.partition}]@{entry.offset}"
                table.add_row(entry.key, entry.state, entry.since, entry.place, entry.effect, record)
        finally:
            journal.close()
    if not found:
        raise ConfigurationError(f"{app} has no place with policy at-most-once, so nothing can be in doubt.")
    if reviewed is not None:
        raise ConfigurationError(f"No call {reviewed!r} is in doubt.", hint="Give a key as the list shows it.")
    if not table.row_count:
        click.echo("Nothing is in doubt.")
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    return IN_DOUBT
