"""All codes that oncewhere shows to anybody: a code in, its entry or the near ones out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Final

from . import errors, kafka_errors, observations, policies, rules, verdicts, words
from .entry import Entry, Topic
from .point import explain_point

NEAR_SHOWN: Final = 3
NEAR_CUTOFF: Final = 0.5
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
    version, _, rest = code.strip().rpartition("/")
    named = find(rest) if version else None
    if (point := explain_point(code, CATALOGUE.__contains__)) is not None:
        return point
    return named if named is not None and named.topic in OF_A_VERSION else None


def near(code: str) -> list[str]:
    """Codes that look like one that does not exist."""
    plain = code.strip().lower()
    found = difflib.get_close_matches(plain, list(_SPELLED), n=NEAR_SHOWN, cutoff=NEAR_CUTOFF)
    begun = [spelled for spelled in _SPELLED if plain and spelled.startswith(plain)]
    parts = [spelled for spelled in _SPELLED if plain and plain in spelled]
    return [_SPELLED[one] for one in dict.fromkeys((*begun, *found, *parts))][:NEAR_SHOWN]
