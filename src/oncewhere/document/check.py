"""A committed document's facts and today's come in; what no longer agrees goes out, in sentences to act on.

Two questions are asked. Does the document still say what is so: what the code and the declaration say, and what the
newest run showed? And does what is so agree with itself: may a build go out whose wire contradicts its declaration?
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oncewhere.drill.observations import Kind

from .claim import claims, stale
from .compose import compose
from .declared import Declared, DeclaredEffect
from .drilled import Drilled
from .facts import Committed, Facts, digest_of
from .markdown import as_markdown
from .observed import Observed
from .promises import GUARANTEES, by_hand
from .statement import Standing, listed

LINES_SHOWN = 12
ONCE_ASSUMED = "event_id"
"""What an earlier version wrote down as the dedupe column where nobody had declared one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that does not agree.

    Attributes:
        subject: what it is about: `policy of bank`.
        sentence: what was, and what is.
        open: True where nothing is proved, neither way.
    """

    subject: str
    sentence: str
    open: bool = False


def differences(
    committed: Committed, text: str, now: Facts, *, today: datetime, max_age_days: float | None = None
) -> list[Difference]:
    """What no longer agrees.

    Args:
        committed: what stands beside the document.
        text: the document, as it is committed.
        now: the facts of today; what was not run again since is the committed one's.
        today: to tell the evidence's age by.
        max_age_days: how old a drill may be; None for no limit.
    """
    before = committed.facts
    return [
        *_declared(before.declared, now.declared),
        *_observed(before.observed, now.observed),
        *_drilled(before.drilled, now.drilled),
        *disagreements(now),
        *_age(now, today, max_age_days),
        *_edited(committed, text),
    ]


def disagreements(facts: Facts) -> Iterator[Difference]:
    """What does not agree with itself: the declaration with the code, the wire, or what a drill proved."""
    for text in facts.declared.contradictions:
        yield Difference(subject="the declaration and the code", sentence=text)
    for text in stale(facts):
        yield Difference(subject="the drill", sentence=f"When it was drilled, {text}: drill it again.")
    promised = {effect.name for effect in facts.declared.effects if effect.promise not in {None, "nothing"}}
    for claim in claims(facts):
        if claim.place != "Kafka" and claim.place not in promised and claim.standing is Standing.BROKEN:
            continue  # nothing was promised there, and the document says so
        if claim.standing is not Standing.HOLDS:
            yield Difference(
                subject=claim.place,
                sentence=f"{claim.words[:1].upper()}{claim.words[1:]} {claim.where}: {claim.why}.",
                open=claim.standing is Standing.UNKNOWN,
            )
    observed = facts.observed
    for seen in observed.undeclared if observed else ():
        if seen.kind == Kind.BLIND_COUNT:
            continue  # the claim of that place says it
        yield Difference(subject=f"seen at {seen.place}", sentence=f"{seen.sentence}.")
    if observed is not None:
        level = facts.declared.settings.get("isolation.level")
        for fetch in observed.fetches:
            if level and fetch.isolation_level != level and set(fetch.topics) & set(facts.declared.inputs):
                said = f"`isolation.level` is declared as `{level}`, and client {fetch.client_id} reads "
                yield Difference(
                    subject="isolation.level", sentence=f"{said}{listed(fetch.topics)} with `{fetch.isolation_level}`."
                )


# ---- what is declared

_PLAIN: tuple[tuple[str, Callable[[Declared], Any]], ...] = (
    ("the group", lambda d: d.group),
    ("the inputs", lambda d: d.inputs),
    ("the outputs", lambda d: d.outputs),
    ("the identity", lambda d: d.identity),
    ("transactional.id", lambda d: d.transactional_id),
    ("where transactional.id comes from", lambda d: d.identity_rule),
    ("whether transactional.id is stable", lambda d: d.stable),
    ("the replay horizon", lambda d: d.replay_horizon),
    ("the title", lambda d: d.title),
    ("the owner", lambda d: d.owner),
    ("what is outside", lambda d: d.outside),
    ("what becomes of poison records", lambda d: d.poison),
    ("the sources", lambda d: d.sources),
)

_OF_EFFECT: tuple[tuple[str, Callable[[DeclaredEffect], Any]], ...] = (
    ("system", lambda e: e.system),
    ("policy", lambda e: e.policy),
    ("promise", lambda e: e.promise),
    ("guarantee", lambda e: None if e.guarantee in {GUARANTEES.get(e.policy), by_hand(e.policy)} else e.guarantee),
    ("key", lambda e: e.key),
    ("retention", lambda e: e.retention),
    ("dedupe table", lambda e: e.dedupe_table),
    ("dedupe column", lambda e: None if e.dedupe_column == ONCE_ASSUMED else e.dedupe_column),
    ("reason for accepting it", lambda e: e.acknowledged),
    ("effects in the code", lambda e: e.functions),
    ("tables of the policy", lambda e: e.tables),
    ("idle limit in ms", lambda e: e.idle_limit_ms),
    ("unique keys in the schema", lambda e: e.keys),
)


def _declared(before: Declared, now: Declared) -> Iterator[Difference]:
    for subject, of in _PLAIN:
        if of(before) != of(now):
            yield _changed(subject, of(before), of(now))
    for name in sorted({*before.settings, *now.settings}):
        if before.settings.get(name) != now.settings.get(name):
            yield _changed(name, before.settings.get(name), now.settings.get(name))
    for name in dict.fromkeys(effect.name for effect in (*before.effects, *now.effects)):
        old, new = before.effect(name), now.effect(name)
        if old is None:
            sentence = f"An effect was added that the document does not know: {name} ({new.system if new else ''})."
            yield Difference(subject=f"effect {name}", sentence=sentence)
        elif new is None:
            yield Difference(
                subject=f"effect {name}", sentence=f"The document tells of an effect in {name}, which is gone."
            )
        else:
            for subject, part in _OF_EFFECT:
                if part(old) != part(new):
                    yield _changed(f"{subject} of {name}", part(old), part(new))
    readers = [[f"{r.name} {r.topic or ''} {r.isolation_level}" for r in d.readers] for d in (before, now)]
    if readers[0] != readers[1]:
        yield _changed("the readers", readers[0], readers[1])


# ---- what was seen

_SEEN: tuple[tuple[str, Callable[[Observed], Any]], ...] = (
    (
        "transactional.id on the wire",
        lambda o: o.transactional_ids if o.same_after_restart is not False else "changing",
    ),
    ("transactional.id after a restart", lambda o: o.same_after_restart),
    ("positions are committed in the transaction", lambda o: o.offsets_in_the_transaction),
    ("positions are sent with the member's generation", lambda o: o.offsets_with_generation),
    ("topics written outside of a transaction", lambda o: sorted(o.records_outside)),
    ("topics written inside a transaction", lambda o: sorted(o.records_inside)),
    ("versions of the transactional APIs", lambda o: o.api_versions),
    ("the client", lambda o: o.clients),
    ("transaction.timeout.ms on the wire", lambda o: o.transaction_timeout_ms),
    ("session.timeout.ms on the wire", lambda o: o.session_timeout_ms),
    ("max.poll.interval.ms on the wire", lambda o: o.max_poll_interval_ms),
    (
        "isolation levels on the wire",
        lambda o: sorted({f"{','.join(f.topics)} {f.isolation_level}" for f in o.fetches}),
    ),
)


def _observed(before: Observed | None, now: Observed | None) -> Iterator[Difference]:
    if before is None or now is None or before.run == now.run:
        if before is None and now is not None:
            yield Difference(subject="the wire", sentence=f"The document knows of no run, and there is one: {now.run}.")
        return
    for subject, of in _SEEN:
        old, new = of(before), of(now)
        if old != new and new is not None and not (old is None and new is True):
            yield _changed(subject, old, new, f" in {now.run}")
    for name in sorted({*before.places, *now.places}):
        one, other = before.places.get(name), now.places.get(name)
        if one is None or other is None:
            continue
        tables = [sorted({tuple(f.tables) for f in seen.footprints}) for seen in (one, other)]
        if tables[0] != tables[1]:
            yield _changed(f"tables written together in {name}", tables[0], tables[1], f" in {now.run}")
        if one.unique_keys and other.unique_keys and one.unique_keys != other.unique_keys:
            yield _changed(f"unique keys in {name}", one.unique_keys, other.unique_keys, f" in {now.run}")


# ---- what was proved


def _drilled(before: Drilled | None, now: Drilled | None) -> Iterator[Difference]:
    if now is None or (before is not None and before.run == now.run):
        return
    if before is None:
        yield Difference(subject="the drill", sentence=f"The document knows of no drill, and there is one: {now.run}.")
        return
    for place in now.places:
        old = before.at(place.place)
        was = "nothing" if old is None else old.verdict
        same_reach = (before.points, before.scenarios) == (now.points, now.scenarios)
        worse = place.violated and (old is None or not old.violated)
        better = old is not None and old.violated and place.once and same_reach
        if worse or better:
            why = f": {place.violations[0]}" if place.violations else ""
            sentence = f"The document says {was} of {place.place}, and {now.run} found {place.verdict}{why}."
            yield Difference(subject=f"verdict of {place.place}", sentence=sentence)


def _age(now: Facts, today: datetime, max_age_days: float | None) -> Iterator[Difference]:
    if max_age_days is None or now.drilled is None or not now.drilled.crashed:
        return
    if now.drilled.date is None:
        sentence = f"When {now.drilled.run} was made is not known, so its age is not."
        yield Difference(subject="age of the evidence", sentence=sentence, open=True)
        return
    age = today - datetime.fromisoformat(now.drilled.date)
    if age > timedelta(days=max_age_days):
        sentence = f"The drill is {age.days} days old, and may be {max_age_days:g}: drill it again."
        yield Difference(subject="age of the evidence", sentence=sentence)


def _edited(committed: Committed, text: str) -> Iterator[Difference]:
    """By its digest; a document that an earlier version of oncewhere worded otherwise is not edited."""
    if committed.digest == digest_of(text):
        return
    expected = as_markdown(compose(committed.facts))
    if text == expected:
        return
    lines = difflib.unified_diff(
        text.splitlines(), expected.splitlines(), "committed", "made of its facts", lineterm="", n=0
    )
    shown = list(lines)[2:]
    more = f"\n… and {len(shown) - LINES_SHOWN} lines more" if len(shown) > LINES_SHOWN else ""
    told = "\n".join(shown[:LINES_SHOWN])
    yield Difference(
        subject="the text",
        sentence=f"The document is not what is made of the facts beside it (edited by hand, or made by another "
        f"version):\n{told}{more}",
    )


def _changed(subject: str, before: Any, now: Any, where: str = "") -> Difference:
    return Difference(
        subject=subject,
        sentence=f"{subject}: was {_shown(before)}, is now {_shown(now)}{where}.",
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], {}):
        return "not stated"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(part)}" for name, part in sorted(value.items()))
    return _plain(value) if isinstance(value, list) else f"“{value}”"


def _plain(value: Any) -> str:
    """A list, and lists in it, as a person writes them."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    parts = [f"({_plain(part)})" if isinstance(part, list | tuple) else str(part) for part in value]
    return ", ".join(parts) or "none"
