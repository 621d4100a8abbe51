"""How fast a sweep is: a declaration in; points a minute, and where the time of a point goes, out.

    python benchmarks/sweep.py [PATH] [VERSION] [--points boundaries] [--lanes 2]

Servers are up before the clock runs. A point that was not reached took its time and counts as none.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from oncewhere.cli.places import cache_folder
from oncewhere.drill import Choice, Drill, PointSet, Servers, TrialResult, load
from oncewhere.drill.phases import PHASES
from oncewhere.stack import Stack

PER_MINUTE = 40.0  # points, at least
POINT_S = 3.0  # in one lane, at most, by the median


def figures(values: Sequence[float]) -> str:
    """Min / median / max."""
    return f"{min(values):6.2f} {statistics.median(values):6.2f} {max(values):6.2f}" if values else "     –"


def report(trials: Sequence[TrialResult], took_s: float, lanes: int) -> str:
    """The table, and the two promises."""
    lines = [f"{'s a point':10}    min median    max"]
    lines += [f"{name:10} {figures([t.phases_s[name] for t in trials if name in t.phases_s])}" for name in PHASES]
    lines.append(f"{'all':10} {figures([t.duration_s for t in trials])}")
    reached = sum(trial.reached for trial in trials)
    rate, point_s = reached / took_s * 60, statistics.median(t.duration_s for t in trials)
    lines.append("")
    lines.append(f"{reached} of {len(trials)} points in {took_s:.0f} s, {lanes} lanes: {rate:.0f} points a minute")
    lines.append(f"≥ {PER_MINUTE:.0f} points a minute: {'reached' if rate >= PER_MINUTE else 'missed'}")
    lines.append(f"≤ {POINT_S:.0f} s a point: {'reached' if point_s <= POINT_S else 'missed'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, nargs="?", default=Path("examples/payments"))
    parser.add_argument("version", nargs="?", default="naive")
    parser.add_argument("--points", type=PointSet, default=PointSet.BOUNDARIES)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--inputs", type=int, help="send only the first so many")
    parser.add_argument("--time-limit", type=float, default=240.0, help="seconds after which no point is begun")
    options = parser.parse_args()
    declaration = load(options.path)
    folder = Path(tempfile.mkdtemp(prefix="oncewhere-sweep-"))
    with ExitStack() as running:
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        stacks = []
        for number in range(options.lanes):
            stack = Stack(folder / str(number), cache_folder(), postgres=number == 0, fsync=False)
            running.callback(stack.stop)
            stack.launch()
            stacks.append(stack)
        for stack in stacks:
            stack.wait_ready()
        version = declaration.versions[options.version]
        dsns = dict.fromkeys(version.effects, stacks[0].dsn("postgres"))
        (folder / "run").mkdir()
        result = asyncio.run(
            Drill(
                declaration,
                versions=[version],
                choice=Choice(
                    points=options.points,
                    inputs_limit=options.inputs or version.settings.sweep_inputs,
                    time_limit_s=options.time_limit,
                ),
                servers=[Servers(bootstrap_servers=s.bootstrap_servers, dsns=dsns) for s in stacks],
                folder=folder / "run",
                recreate_topics=False,
                demonstration=False,
                listener=lambda _event: None,
            ).run()
        )
    print(report(result.versions[0].crashes, result.duration_s, options.lanes))


if __name__ == "__main__":
    main()
