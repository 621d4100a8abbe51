"""`python tests/effects/pairs [WORD …]`: the rows whose names hold a word, or all; each at every crash point.

A table of what their places showed goes to standard output; 1 where one showed what its policy does not say.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from typing import TYPE_CHECKING

from expectation import surprises
from matrix import ROWS, declaration
from rich.console import Console
from rich.table import Table

from oncewhere.cli.places import project_folder
from oncewhere.cli.servers import LANES_DEFAULT, Wishes, running_servers
from oncewhere.drill import Choice, Drill, DrillEvent, DrillResult, PointSet
from oncewhere.report import DrillProgress, RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matrix import Row

    from oncewhere.drill import VersionResult


def drill(rows: Sequence[Row]) -> DrillResult:
    """Every point of these rows."""
    declared = declaration()
    versions = [declared.versions[row.name] for row in rows]
    folder = RunFolder(project_folder(), "pairs", declaration="tests/effects/pairs")
    progress = DrillProgress(Console(stderr=True, highlight=False))

    def tell(event: DrillEvent) -> None:
        progress(event)
        folder(event)

    with running_servers(versions, LANES_DEFAULT, Wishes(), {}) as servers, contextlib.closing(progress):
        work = Drill(
            declared,
            versions=versions,
            choice=Choice(points=PointSet.ALL),
            servers=servers,
            folder=folder.path,
            recreate_topics=False,
            demonstration=False,
            listener=tell,
        )
        return asyncio.run(work.run())


def shown(found: VersionResult) -> str:
    """How often each verdict was given, by place."""
    counts = Counter((finding.place, finding.verdict) for trial in found.crashes for finding in trial.findings)
    return ", ".join(f"{place} {verdict} {count}×" for (place, verdict), count in counts.items())


def main(words: Sequence[str]) -> int:
    """Drills the rows, and prints what each showed."""
    rows = [row for row in ROWS if not words or any(word in row.name for word in words)]
    result = drill(rows)
    table = Table("row", "points", "what its places showed", box=None, pad_edge=False)
    failed = []
    for row, found in zip(rows, result.versions, strict=True):
        told = surprises(row, found)
        table.add_row(("✗ " if told else "✓ ") + row.name, str(len(found.crashes)), shown(found))
        failed += [f"✗ {row.name} {line}" for line in told]
    console = Console(highlight=False)
    console.print(table)
    for line in failed:
        console.print(line, markup=False, soft_wrap=True)
    trials = sum(len(found.crashes) for found in result.versions)
    console.print(f"{len(rows)} rows, {trials} crashes, {result.duration_s:.0f} s; evidence in {result.folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
