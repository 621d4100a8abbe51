"""A variable and its value come in, as a project sets them; what the drill must put there goes out.

A value that is an address of a system the drill understands becomes a placeholder: the drill stands between. Everything
else stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .jdbc import with_placeholders
from .told import GUESS, Told

SCHEMES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "redis": "redis",
    "rediss": "redis",
    "valkey": "redis",
    "http": "http",
    "https": "http",
    "smtp": "smtp",
    "smtps": "smtp",
}
"""Which system a URL's scheme is for."""
KAFKA = re.compile(r"kafka|bootstrap|broker", re.IGNORECASE)
SYSTEM_WORDS = {
    "mysql": re.compile(r"MYSQL|MARIADB"),
    "redis": re.compile(r"REDIS|VALKEY"),
    "smtp": re.compile(r"SMTP|(^|_)MAIL(_|$)"),
    "postgresql": re.compile(r"DATABASE|POSTGRES|JDBC|DATASOURCE|(^|_)(DB|PG)(_|$)"),
}
"""Which system a variable's name speaks of."""
_NO_EFFECT = re.compile(r"schema|registry|oauth|issuer|jwk|otel|zipkin|tracing|metrics|sentry|eureka", re.IGNORECASE)
"""What a processor asks or reports to, and does not change."""
_ADDRESSES = re.compile(r"[\w.-]+:\d{2,5}(,[\w.-]+:\d{2,5})*")
_UNSAFE = re.compile(r"[^a-z0-9_-]+")
ENDINGS = re.compile(r"_?(URL|URI|DSN|ADDRESS|ENDPOINT|HOST|HOSTNAME|BASE)$", re.IGNORECASE)
_SPRING = re.compile(r"^spring_(data_)?")
PARTS = {
    "PORT": "port",
    "NAME": "database",
    "DATABASE": "database",
    "DB": "database",
    "DBNAME": "database",
    "USER": "user",
    "USERNAME": "user",
    "PASSWORD": "password",
    "PASS": "password",
}
"""How the variables beside an address end, and which part of it they say."""
SQL = frozenset({"postgresql", "mysql"})
_OTHERS_LOGIN = re.compile(
    r"(^|_)(KAFKA|BROKERS?|SASL|SCRAM|SMTP|MAIL|EMAIL|REDIS|VALKEY|MONGO(DB)?|RABBIT(MQ)?|AMQP|ELASTIC(SEARCH)?|LDAP"
    r"|S?FTP|SSH|HTTPS?|API|PROXY|REGISTRY|BASIC|OAUTH|ADMIN|ROOT|REPLICATION|KEY_?STORE|TRUST_?STORE|SSL|TLS)(_|$)"
)
"""Whose login a name speaks of, where it is not that of a database's user."""


@dataclass(frozen=True, slots=True)
class Variable:
    """How a processor learns an address.

    Attributes:
        name: the environment variable.
        text: what the declaration writes there, with placeholders.
        effect: the effect's name; None for Kafka, and for what is no address.
        system: the effect's system.
        source: where it is from, in words; empty where nothing is said.
    """

    name: str
    text: str
    effect: str | None = None
    system: str | None = None
    source: str = ""


def read(name: str, value: str) -> Variable | None:
    """What a variable of a project means for a drill; None for one that is no address.

    Args:
        name: its name.
        value: its value, such as `jdbc:postgresql://db:5432/bank` or `kafka:9092`.
    """
    if KAFKA.search(name) and _ADDRESSES.fullmatch(value.strip()):
        return Variable(name, "{kafka}")
    jdbc = value.startswith("jdbc:")
    try:
        parts = urlsplit(value.removeprefix("jdbc:").strip())
    except ValueError:
        return None
    scheme, _, driver = parts.scheme.partition("+")
    system = SCHEMES.get(scheme.lower())
    if system is None or not parts.netloc or _NO_EFFECT.search(name):
        return None
    effect = effect_name(name, parts.path if system in {"postgresql", "mysql"} else "")
    if jdbc:
        text = with_placeholders(parts, effect)
    elif driver:
        where = f"{{{effect}.host}}:{{{effect}.port}}/{{{effect}.database}}"
        text = f"{parts.scheme}://{{{effect}.user}}:{{{effect}.password}}@{where}"
    else:
        text = f"{{{effect}}}"
    return Variable(name, text, effect, system)


def credentials(variables: list[Variable], given: Mapping[str, Told[str]]) -> list[Variable]:
    """Users and passwords that stand beside a database's address, such as DATABASE_USER."""
    found = []
    for variable in variables:
        if variable.effect is None or variable.system not in SQL:
            continue
        stem = ENDINGS.sub("", variable.name)
        for ending, part in PARTS.items():
            name = f"{stem}_{ending}"
            if part in {"user", "password"} and name in given:
                found.append(Variable(name, f"{{{variable.effect}.{part}}}", source=given[name].source))
    return found


def credentials_apart(
    variables: Sequence[Variable], given: Mapping[str, Told[str]], read_by_code: Mapping[str, object]
) -> list[Variable]:
    """The one user and password that can be the one SQL database's, where their names begin otherwise than its address.

    `BOOKING_DB_USER` stands beside `BOOKING_JDBC_URL`. Nothing where two may be meant, or the address says them.

    Args:
        variables: all that are known.
        given: what the project sets.
        read_by_code: by the name of each variable that the sources read, the file.
    """
    addresses = [variable for variable in variables if variable.system in SQL]
    effects = {variable.effect for variable in addresses}
    if len(effects) != 1:
        return []
    address = addresses[0]
    effect = address.effect
    said = {f"{{{effect}}}", f"{{{effect}.user}}", f"{{{effect}.password}}"}
    if any(placeholder in variable.text for placeholder in said for variable in variables):
        return []
    names = read_by_code if address.name in read_by_code else {**given, **read_by_code}
    pairs = _logins(set(names) - {variable.name for variable in variables}, {*given, *read_by_code} - {address.name})
    pairs = [pair for pair in pairs if _speaks_of_sql(pair[0])] or pairs
    if len(pairs) != 1:
        return []
    return [
        Variable(
            name,
            f"{{{effect}.{part}}}",
            source=f"{GUESS}: no other {part} stands beside {address.name}; "
            f"{given[name].by if name in given else f'{read_by_code[name]} reads it'}",
        )
        for name, part in zip(pairs[0], ("user", "password"), strict=True)
    ]


def _logins(names: Collection[str], others: Collection[str]) -> list[tuple[str, str]]:
    """A user's and a password's name that begin alike, but for those of a place that has an address of its own."""
    taken = {ENDINGS.sub("", name) for name in others if ENDINGS.search(name)}
    stems: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        stem, _, ending = name.rpartition("_")
        part = PARTS.get(ending)
        if stem and part in {"user", "password"} and stem not in taken and not _OTHERS_LOGIN.search(stem.upper()):
            stems.setdefault(stem, {})[part] = name
    return [(parts["user"], parts["password"]) for parts in stems.values() if len(parts) == len(("user", "password"))]


def _speaks_of_sql(name: str) -> bool:
    return any(SYSTEM_WORDS[system].search(name.upper()) for system in SQL)


def effect_name(variable: str, path: str) -> str:
    """The database's own name, or what the variable is called."""
    database = _UNSAFE.sub("_", path.strip("/").lower()).strip("_-")
    if database and database[0].isalpha() and database not in {"postgres", "mysql"}:
        return database
    stem = _UNSAFE.sub("_", ENDINGS.sub("", variable).lower()).strip("_-") or "place"
    stem = _SPRING.sub("", stem) or stem
    return f"{stem}_place" if stem in {"kafka", "python", "instance"} or not stem[0].isalpha() else stem
