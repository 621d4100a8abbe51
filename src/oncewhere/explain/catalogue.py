"""All codes that oncewhere shows to anybody: a code in, its entry or the near ones out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from oncewhere.drill.points import Phase

from . import errors, kafka_errors, observations, policies, rules, verdicts, words
from .entry import Entry, Topic
from .point import explain_point

NEAR_SHOWN: Final = 3
NEAR_CUTOFF: Final = 0.6
PART_LEAST_CHARACTERS: Final = 5
"""What is shorter stands in too many words to mean one of them: `bank` in `rollback`."""
OF_A_VERSION: Final = frozenset({Topic.CRASH, Topic.SCENARIO, Topic.POINT})
"""What is printed with a version in front: `naive/after-effect`."""


def _all() -> Iterator[Entry]:
    for module in (verdicts, observations, policies, words, rules, errors, kafka_errors):
        yield from module.entries()


def _by_code() -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in _all():
        found.setdefault(entry.code, entry)
    return found


def _without_case() -> dict[str, str]:
    """Of two codes that differ in nothing but case, the earlier one: the verdict, and not an error of Kafka."""
    found: dict[str, str] = {}
    for code in CATALOGUE:
        found.setdefault(code.lower(), code)
    return found


CATALOGUE: Final[Mapping[str, Entry]] = _by_code()
"""By code."""

_AT_A_PLACE: Final = re.compile(rf"(?P<place>[^\s./]+)\.(?P<kind>[^.]+?)(?:\s+(?P<phase>{'|'.join(Phase)}))?")
_FURTHER_TRY: Final = re.compile(r"(?P<first>.+)-(?P<number>[2-9]|[1-9]\d+)")
_INSIDE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPELLED: Final = _without_case()


def find(code: str) -> Entry | None:
    """The entry of a code, however it is spelled: in any case, with `_` or a blank for `-`, a policy by its class.

    As it is printed it counts first: `unknown` is the verdict, `UNKNOWN` is Kafka's error.
    """
    if (exact := CATALOGUE.get(code.strip())) is not None:
        return exact
    plain = code.strip().lower()
    parted = _INSIDE.sub("-", code.strip()).lower()
    for spelling in (plain, plain.replace("_", "-"), plain.replace(" ", "-"), plain.replace("-", "_"), parted):
        if spelling in _SPELLED:
            return CATALOGUE[_SPELLED[spelling]]
    if (other := _at_a_place(code.strip()) or _further_try(code.strip())) is not None:
        return other
    version, _, rest = code.strip().rpartition("/")
    named = find(rest) if version else None
    if (point := explain_point(code, CATALOGUE.__contains__)) is not None:
        return point
    return named if named is not None and named.topic in OF_A_VERSION else None


def _at_a_place(code: str) -> Entry | None:
    """The entry of a message behind its place, perhaps with a phase: `bank.commit`, `kafka.EndTxn before`."""
    found = _AT_A_PLACE.fullmatch(code)
    entry = find(found["kind"]) if found else None
    if found is None or entry is None or entry.topic is not Topic.MESSAGE:
        return None
    phase = f" {CATALOGUE[found['phase']].what}" if found["phase"] else ""
    return replace(entry, code=code, what=f"{entry.code}, at the place {found['place']}. {entry.what}{phase}")


def _further_try(code: str) -> Entry | None:
    """The entry of the folder of a further try: `after-effect-2`."""
    found = _FURTHER_TRY.fullmatch(code)
    entry = find(found["first"]) if found else None
    if found is None or entry is None or entry.topic not in OF_A_VERSION:
        return None
    told = f"Try {found['number']} of {found['first']}, since the try before did not come by its point."
    return replace(entry, code=code, what=f"{told} {entry.what}")


def near(code: str) -> list[str]:
    """Codes that look like one that does not exist."""
    plain = code.strip().lower()
    found = difflib.get_close_matches(plain, list(_SPELLED), n=NEAR_SHOWN, cutoff=NEAR_CUTOFF)
    begun = [spelled for spelled in _SPELLED if plain and spelled.startswith(plain)]
    parts = [spelled for spelled in _SPELLED if len(plain) >= PART_LEAST_CHARACTERS and plain in spelled]
    return [_SPELLED[one] for one in dict.fromkeys((*begun, *found, *parts))][:NEAR_SHOWN]
