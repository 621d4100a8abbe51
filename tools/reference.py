# ruff: noqa: INP001  # a script, not a package
"""Write `docs/reference/`: the runtime's own tables in, pages for people out. A test holds them together.

.venv/bin/python tools/reference.py            writes the pages
.venv/bin/python tools/reference.py --check    exits 1 where a page is not what the tables say
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from reference_people import PEOPLE_PAGES

from oncewhere.doctor.rule import Area
from oncewhere.doctor.rules.table import RULES
from oncewhere.drill import SCENARIOS, Phase, Scenario, Verdict
from oncewhere.drill.checks import CHECKS, HELD
from oncewhere.drill.scenarios import SECOND_CRASH
from oncewhere.explain import errors as explained_errors
from oncewhere.explain import observations as explained_observations
from oncewhere.explain import verdicts as explained_verdicts
from oncewhere.explain.entry import Entry
from oncewhere.explain.kafka_errors import MEANING
from oncewhere.report.run_schema import run_schema
from oncewhere.runtime.failures import CONSUMER_HEALS, FAILURES, Treatment
from oncewhere.runtime.states import TABLE, Call, Outcome, State

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
MARK = "<!-- Made by tools/reference.py from the code; edit that instead. -->\n\n"


def states() -> str:
    """The state machine as a Mermaid diagram, and as a table."""
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (state, call, outcome), after in TABLE.items():
        if call is not Call.CLOSE:
            arrows[state, after].append(call if outcome is Outcome.OK else f"{call} ({outcome})")
    lines = [f"    {before} --> {after}: {' | '.join(calls)}" for (before, after), calls in arrows.items()]
    rows = [
        f"| {state} | {call} | {outcome} | {after} |"
        for (state, call, outcome), after in TABLE.items()
        if call is not Call.CLOSE
    ]
    return "\n".join(
        [
            "# The states of a transaction session",
            "",
            "The runtime walks its producer through Kafka's transaction protocol along this table and no other way; a",
            "step that is not in it ends the run. `close` leads from every state to `closed`.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            "    [*] --> new",
            *lines,
            "    fenced --> [*]",
            "```",
            "",
            "Two rules are drawn into it. A producer whose EndTxn has an unknown outcome is never used again",
            "(`spent`): in the transaction protocol that librdkafka speaks, a late EndTxn could end the next",
            "transaction of the same producer (KIP-890). And whatever did not end well leads through `rewind`:",
            "positions follow the committed offsets, and nothing else.",
            "",
            "| state | call | outcome | next state |",
            "|---|---|---|---|",
            *rows,
            "",
        ],
    )


def failures() -> str:
    """Kafka's errors, as the runtime treats them."""
    parts = [
        "# Kafka's errors, and what becomes of them",
        "",
        "Codes are named as librdkafka names them; its own begin with an underscore. Where librdkafka marks an error",
        "as fatal, abortable or retriable, its word counts more than this table, except for fencing. A code that is",
        "in no table is fatal.",
        "",
    ]
    for treatment in Treatment:
        parts += [f"## {treatment}", "", MEANING[treatment], "", "| code | reason |", "|---|---|"]
        parts += [f"| `{code}` | {reason} |" for code, (found, reason) in FAILURES.items() if found is treatment]
        parts.append("")
    parts += ["## What a consumer mends by itself", "", "Reported as a message; the runtime waits.", ""]
    parts += ["| code | reason |", "|---|---|"]
    parts += [f"| `{code}` | {reason} |" for code, reason in CONSUMER_HEALS.items()]
    return "\n".join([*parts, ""])


def verdicts() -> str:
    """The drill's verdicts, and the checks in the order in which they are asked."""
    kind = {True: "violated", False: "open"}
    rows = [f"| `{v}` | {'held' if v is Verdict.ONCE else kind[v.violated]} | {v.meaning} |" for v in Verdict]
    asked = [
        f"| {check.number} | {check.name} | {(check.decide.__doc__ or '').strip().removeprefix('Decides ')} |"
        for check in CHECKS
    ]
    return "\n".join(
        [
            "# What a drill says of a place",
            "",
            "The worst comes first; a row of a table shows the worst of its trials. *Open* is neither a pass nor a",
            "violation: exit code 3.",
            "",
            "| verdict | | meaning |",
            "|---|---|---|",
            *rows,
            "",
            "## The checks, in the order in which they are asked",
            "",
            "The first that decides gives the verdict, and its number stands in the finding. What is a violation",
            "whatever else is open comes first; then what hides the truth; and only then what it may only seem.",
            "",
            "| check | name | decides |",
            "|---|---|---|",
            *asked,
            f"| {HELD} | once | where no other does |",
            "| 0 | | what was to be tried did not come about: what seems to hold was not put to the test |",
            "",
            "## What to do",
            "",
            *_sections(explained_verdicts.entries()),
        ],
    )


def observations() -> str:
    """What the wire shows that was not declared."""
    return "\n".join(
        [
            "# What may be observed on the wire",
            "",
            "A verdict says where the work happened; an observation says what the processor does that its declaration",
            "does not say, and that the guarantee hangs on.",
            "",
            *_sections(explained_observations.entries()),
        ],
    )


def errors() -> str:
    """The errors of oncewhere, and what to do about each."""
    return "\n".join(
        [PEOPLE_PAGES["errors.md"](), "## What to do", "", *_sections(explained_errors.entries())],
    )


def doctor() -> str:
    """The rules of the doctor."""
    parts = [
        "# What the doctor looks at",
        "",
        "`oncewhere doctor` asks each of these rules; `oncewhere explain CODE` prints one. How to use it:",
        "[The doctor](../guides/doctor.md).",
        "",
    ]
    for area in Area:
        parts += [f"## {area}", ""]
        for rule in RULES.values():
            if rule.area is area:
                parts += [
                    f"### `{rule.code}`",
                    "",
                    f"**{rule.title}.** {rule.why}",
                    "",
                    f"*What to do:* {rule.remedy}",
                    "",
                ]
    return "\n".join(parts)


def _sections(entries: Iterable[Entry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        why = f" {entry.why}" if entry.why else ""
        lines += [f"### `{entry.code}`", "", f"{entry.what}{why}", "", f"*What to do:* {entry.remedy}", ""]
    return lines


def scenarios() -> str:
    """What a drill can do to a processor, beside killing it once."""
    rows = [f"| `{name}` | {row.words} | {_where(row)} |" for name, row in SCENARIOS.items()]
    return "\n".join(
        [
            "# What a drill can do",
            "",
            "Each is chosen by `--scenario NAME`, or all of them by `--scenario all`; where one says nothing about a",
            "processor, it is left out, and the screen says why.",
            "",
            "| scenario | what is done | at which points of the set |",
            "|---|---|---|",
            *rows,
            "",
        ],
    )


def _where(row: Scenario) -> str:
    if row.name == SECOND_CRASH:
        return "`after-effect`, and then each message of the recovery"
    if row.action is None:
        return "none"
    if row.to is not None:
        return "the first Produce, whatever the set"
    phases = "" if row.phases == frozenset(Phase) else f", {', '.join(sorted(row.phases))}"
    named = "every one" if row.at is None else ", ".join(f"`{name}`" for name in row.at)
    return f"{'without any, and ' if row.unpointed else ''}{named}{phases}"


def run_json() -> str:
    """The JSON Schema of run.json."""
    return json.dumps(run_schema(), indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "states.md": states,
    "failures.md": failures,
    "verdicts.md": verdicts,
    "scenarios.md": scenarios,
    **PEOPLE_PAGES,
    "observations.md": observations,
    "errors.md": errors,
    "doctor.md": doctor,
}
DATA = {"run.schema.json": run_json}
"""Files for machines: without the mark."""


def main(arguments: list[str]) -> int:
    """Writes or checks the pages."""
    stale = []
    texts = {name: MARK + page() for name, page in PAGES.items()} | {name: page() for name, page in DATA.items()}
    for name, text in texts.items():
        path = FOLDER / name
        if "--check" in arguments:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale:
        sys.stderr.write(f"docs/reference: {', '.join(stale)} is not what the code says; run tools/reference.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
