"""A version's result comes in; the answer to "exactly once where?" goes out, as one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from oncewhere.drill import CRASH, DrillResult, Finding, NamedCrash, PointSet, Verdict, VersionResult

GAP = {
    NamedCrash.BEFORE_EFFECT: "before the external effect",
    NamedCrash.AFTER_EFFECT: "between the database commit and the Kafka commit",
    NamedCrash.AFTER_COMMIT: "after the Kafka commit",
    None: "in the clean run, without any crash",
}

NOTHING = "NOT PROVED: nothing was judged"


def is_sweep(result: DrillResult) -> bool:
    """True where more was visited than the named crashes: the answer is then given in numbers."""
    swept_points = any(v.coverage is not None and v.coverage.points is not PointSet.MISSION for v in result.versions)
    return swept_points or any(trial.plan.scenario != CRASH for v in result.versions for trial in v.crashes)


def answer(result: DrillResult, version: VersionResult) -> str:
    """The answer about a version, in the form that suits the drill."""
    return swept(version) if is_sweep(result) else sentence(version)


def sentence(result: VersionResult) -> str:
    """The answer, without the version's name.

    Places where everything held come first; each place where something did not follows with how many, what, and when.
    """
    outputs = set(result.version.processor.output)
    whole = [place for place in result.version.places if _worst(result, place) is Verdict.ONCE]
    parts: list[str] = []
    if whole:
        names = ["Kafka"] if outputs <= set(whole) else [p for p in whole if p in outputs]
        names += [_with_policy(result, place) for place in whole if place not in outputs]
        parts.append(_held(result, _listed(names), _where_tried(result)))
    for place in result.version.places:
        if told := _told(result, place):
            label = f"Kafka ({place})" if place in outputs else place
            word = "NOT" if _worst(result, place).violated else "NOT PROVED"
            parts.append(f"{word} in {label}: {', and '.join(told)}")
    return _answered(result, parts)


def _answered(result: VersionResult, parts: list[str]) -> str:
    """The parts as one answer: what held, what is red, what is open; and the named crashes that were not visited."""
    parts = sorted(parts, key=lambda part: (part.startswith("NOT "), part.startswith("NOT PROVED")))
    if parts and result.crashes and result.not_tried:
        several = "crashes" if len(result.not_tried) > 1 else "crash"
        parts = [*parts, f"the drill did not visit the {several} {_listed(result.not_tried)}"]
    return "; ".join(parts) or NOTHING


def _where_tried(result: VersionResult) -> str:
    """At which of the named crashes, where not all were asked for."""
    if not result.not_tried or not result.tried:
        return ""
    several = "crashes that were" if len(result.tried) > 1 else "crash that was"
    return f" at the {several} tried: {_listed(result.tried)}"


def swept(result: VersionResult) -> str:
    """The answer of a sweep: where everything held at every point, and where not, at how many."""
    outputs = set(result.version.processor.output)
    whole = [place for place in result.version.places if _worst(result, place) is Verdict.ONCE]
    parts: list[str] = []
    total = len(result.crashes)
    if whole:
        names = ["Kafka"] if outputs <= set(whole) else [p for p in whole if p in outputs]
        names += [_with_policy(result, place) for place in whole if place not in outputs]
        parts.append(_held(result, _listed(names), " in the one trial" if total == 1 else f" in all {total} trials"))
    for place in result.version.places:
        worst = _worst(result, place)
        if worst is Verdict.ONCE:
            continue
        label = f"Kafka ({place})" if place in outputs else place
        numbers = Counter(verdict for trial in result.crashes if (verdict := trial.verdict_at(place)))
        told = [f"{verdict} at {numbers[verdict]}" for verdict in Verdict if numbers[verdict] and verdict.violated]
        clean = next((trial for trial in result.trials if trial.plan.is_clean), None)
        told += [f"{verdict} at {numbers[verdict]}" for verdict in Verdict if numbers[verdict] and verdict.open]
        counted = [f"{', '.join(told)} of {total} trials"] if told else []
        if clean is not None and (verdict := clean.verdict_at(place)) is not None and verdict is not Verdict.ONCE:
            counted.append(f"{verdict} in the clean run")
        if counted:
            word = "NOT" if worst.violated else "NOT PROVED"
            parts.append(f"{word} in {label}: {', '.join(counted)}")
    return _answered(result, parts)


def _held(result: VersionResult, names: str, where: str) -> str:
    """What is said of places where nothing went wrong: that they held, where all was visited that was to be."""
    if not result.unvisited and result.crashes:
        return f"exactly once in {names}{where}"
    if not result.crashes:
        return f"NOT PROVED in {names}: nothing was crashed"
    chosen = result.coverage.chosen if result.coverage else len(result.crashes)
    return f"NOT PROVED in {names}: no violation at the {len(result.crashes)} of {chosen} points that were visited"


def _told(result: VersionResult, place: str) -> list[str]:
    """What went wrong at a place, each with when; what is the same at several crashes is said once."""
    found: dict[str, list[NamedCrash | None]] = {}
    for name in dict.fromkeys(_names(result)):
        finding = _at(result, place, name)
        if finding is not None and finding.verdict is not Verdict.ONCE:
            found.setdefault(_wrong(finding, result.version.settings.noun), []).append(name)
    return [f"{wrong}{_when(result, names)}" for wrong, names in found.items()]


def _wrong(finding: Finding, noun: str) -> str:
    """What went wrong, up to the words that say when."""
    match finding.verdict:
        case Verdict.DUPLICATE:
            times = "twice" if finding.most == 2 else f"up to {finding.most} times"
            verb = "produced" if finding.system == "kafka" else "applied"
            return f"{_counted(finding.duplicates, noun)} {verb} {times} "
        case Verdict.LOST:
            return f"{_counted(finding.missing, noun)} lost "
        case _:
            return f"{finding.sentence}, "


def _when(result: VersionResult, names: Sequence[NamedCrash | None]) -> str:
    """When it went wrong: in the clean run, at which crashes, or at every one."""
    crashes = [name for name in names if name is not None]
    if len(crashes) < 2 or len(crashes) < len(result.crashes):
        return ", and ".join(GAP[name] if name is None else f"when the process died {GAP[name]}" for name in names)
    clean = "in the clean run and " if None in names else ""
    return f"{clean}at every crash{' that was tried' if result.not_tried else ''}"


def _counted(number: int, noun: str) -> str:
    """How many of what a declaration calls its events, in the plural: `3 payments`, `1 of the payments`."""
    return f"{number} {noun}" if number != 1 else f"1 of the {noun}"


def _names(result: VersionResult) -> list[NamedCrash | None]:
    return [trial.point.name if trial.point else None for trial in result.trials]


def _at(result: VersionResult, place: str, name: NamedCrash | None) -> Finding | None:
    return next((t.at(place) for t in result.trials if (t.point.name if t.point else None) is name), None)


def _worst(result: VersionResult, place: str) -> Verdict:
    found = [verdict for trial in result.trials if (verdict := trial.verdict_at(place))]
    return min(found, key=list(Verdict).index, default=Verdict.UNKNOWN)


def _with_policy(result: VersionResult, place: str) -> str:
    policy = result.version.effects[place].policy
    return place if policy in {"undeclared", "none"} else f"{place} (by {policy})"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
