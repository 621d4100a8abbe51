"""`oncewhere explain`: a code comes in; what it is, why it is bad and what to do goes to standard output."""

from __future__ import annotations

import textwrap

import click
from rich.console import Console
from rich.text import Text

from oncewhere.errors import ConfigurationError
from oncewhere.explain.catalogue import CATALOGUE, find, near
from oncewhere.explain.entry import Entry, Topic

WIDTH = 100
NONE_NEAR = (
    "What the declaration calls something (a place, a version, a policy in its own words) has no entry. "
    "oncewhere explain lists all that have one."
)
WHY = {
    Topic.KAFKA: "What oncewhere does about it",
    Topic.ERROR: "Why it is raised",
    Topic.POLICY: "What it leaves open",
}


@click.command(short_help="Say what a verdict, rule, observation or error means.")
@click.argument(
    "code",
    required=False,
    shell_complete=lambda _context, _parameter, begun: [code for code in CATALOGUE if code.startswith(begun)],
)
def explain(code: str | None) -> int:
    """Say what a code means, why it is bad, and what to do.

    CODE is any word that stands in an output: a verdict, a policy, a crash, a scenario, a point's id, a message, an
    event of the wire log, an exit code, a rule of the doctor, something that was observed on the wire, an error of
    oncewhere or of Kafka. Without one, all of them are listed.

    \b
    oncewhere explain
    oncewhere explain duplicate
    oncewhere explain kafka.EndTxn.9.1.before
    oncewhere explain hanging-transaction
    oncewhere explain LedgerRefusedError
    oncewhere explain ILLEGAL_GENERATION
    """  # noqa: D301  # click keeps the lines below \b as they are
    console = Console(highlight=False)
    if code is None:
        _list(console)
        return 0
    entry = find(code)
    if entry is None:
        found = near(code)
        raise ConfigurationError(
            f"There is no code {code!r}.",
            hint=f"Did you mean {' or '.join(found)}?" if found else NONE_NEAR,
        )
    _show(entry, console)
    return 0


def _show(entry: Entry, console: Console) -> None:
    head = Text(entry.code, style="bold")
    head.append(f"  {entry.topic}", style="dim")
    console.print(head)
    width = min(console.width, WIDTH)
    for title, words in (
        ("", entry.what),
        (WHY.get(entry.topic, "Why it is bad"), entry.why),
        ("What to do", entry.remedy),
    ):
        if words:
            console.print()
            if title:
                console.print(Text(title, style="bold"))
            console.print(Text(_indented(words, width)), soft_wrap=True)


def _indented(words: str, width: int) -> str:
    """Lines of at most that width, without the blanks behind them that a copy would take along."""
    return textwrap.fill(
        words, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _list(console: Console) -> None:
    for topic in Topic:
        mine = [entry for entry in CATALOGUE.values() if entry.topic is topic]
        if not mine:
            continue  # points: there is one for every message
        console.print(Text(topic[0].upper() + topic[1:], style="bold"))
        if topic is Topic.KAFKA:
            words = ", ".join(entry.code for entry in mine)
            console.print(Text(_indented(words, min(console.width, WIDTH))), soft_wrap=True)
        else:
            width = max(len(entry.code) for entry in mine)
            for entry in mine:
                line = Text(f"  {entry.code:<{width}}  ")
                line.append(entry.what, style="dim")
                console.print(line, soft_wrap=True)
        console.print()
    console.print("oncewhere explain CODE says the rest.")
