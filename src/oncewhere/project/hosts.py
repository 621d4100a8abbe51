"""Variables that say an address in parts come in (DB_HOST, DB_PORT, DB_NAME); what the drill must put there goes out.

Which system it is, the name tells (`REDIS_HOST`), or the port, or the image of the Compose service of that name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .told import Told
from .variables import KAFKA, PARTS, SYSTEM_WORDS, Variable, effect_name

_HOST = re.compile(r"^(?P<stem>\w+?)(?P<between>_?)HOST(NAME)?$", re.IGNORECASE)
_PORTS = {
    "5432": "postgresql",
    "3306": "mysql",
    "6379": "redis",
    "25": "smtp",
    "587": "smtp",
    "1025": "smtp",
}
_IMAGES = {"postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql", "redis": "redis", "valkey": "redis"}
"""By what an image's name holds."""
_SQL = frozenset({"postgresql", "mysql"})


def hosts_of(given: Mapping[str, Told[str]], images: Mapping[str, str], known: Sequence[Variable]) -> list[Variable]:
    """The variables of each address that is said in parts.

    Args:
        given: what the project sets.
        images: by the name of a Compose service, its image.
        known: addresses that are said as a whole; parts that speak of the same system speak of the same place.
    """
    found: list[Variable] = []
    for name, told in given.items():
        match = _HOST.match(name)
        if match is None or KAFKA.search(name):
            continue
        before = f"{match['stem']}{match['between']}"
        beside = {part: f"{before}{ending}" for ending, part in PARTS.items() if f"{before}{ending}" in given}
        port = given[beside["port"]].value if "port" in beside else ""
        system = _system(match["stem"], port, images.get(told.value, ""))
        if system is None:
            continue
        database = given[beside["database"]].value if system in _SQL and "database" in beside else ""
        same = next((v.effect for v in known if v.system == system and v.effect is not None), None)
        effect = same or effect_name(name, database)
        found.append(Variable(name, f"{{{effect}.host}}", effect, system, told.source))
        found += [
            Variable(beside[part], f"{{{effect}.{part}}}", source=given[beside[part]].source)
            for part in beside
            if part == "port" or system in _SQL
        ]
        if "port" not in beside:
            source = f"a guess: nothing sets it, and {name} stands without a port"
            found.append(Variable(f"{before}PORT", f"{{{effect}.port}}", source=source))
    return found


def _system(stem: str, port: str, image: str) -> str | None:
    """What says it most surely comes first: an image, a port, a word."""
    by_image = next((system for word, system in _IMAGES.items() if word in image.rpartition("/")[2]), None)
    by_word = next((system for system, words in SYSTEM_WORDS.items() if words.search(stem.upper())), None)
    return by_image or _PORTS.get(port) or by_word
