"""A run comes in; what a stranger must know of it before its verdicts goes out, a line each."""

from __future__ import annotations

from .run_json import Run


def heading(run: Run) -> list[str]:
    """When and how it was drilled; project, commit and versions; whose servers; how far it came, where that is not all.

    Args:
        run: as far as it came.
    """
    told = run.provenance
    lines = [f"{told.began:%Y-%m-%d %H:%M:%S} UTC  {told.command}".rstrip()]
    at = f" ({run.path})" if run.path not in {"", "."} else ""
    where = [f"project {told.project}{at}"] if told.project else []
    where += [told.commit.words] if told.commit else []
    where += [f"{name} {run.made_with[name]}" for name in ("oncewhere", "kafka") if name in run.made_with]
    where += [f"on {told.machine}"] if told.machine else []
    lines.append(", ".join(where))
    lines.append(told.safety(run.result.elsewhere))
    if run.replayed is not None:
        lines.append(f"{run.replayed.words} {run.replayed.outcome}".rstrip())
    if run.ending.words:
        lines.append(f"{run.ending.words[:1].upper()}{run.ending.words[1:]}.")
        lines += [f"  {line}" for line in run.ending.reason.splitlines()[1:]]
    return [line for line in lines if line]
