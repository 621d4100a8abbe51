"""The processor's clients: their settings against what the guarantee needs, their versions against known faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from oncewhere.doctor.facts import Chart, ClientFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.known_faults import JAVA, KNOWN_FAULTS, concerns, is_watched
from oncewhere.doctor.rule import Area, Rule
from oncewhere.runtime.settings import (
    ALIASES,
    CONSUMER_ONLY,
    FIXED_FOR_CONSUMER,
    FIXED_FOR_PRODUCER,
    PRODUCER_ONLY,
    Fixed,
)

SETTING = Rule(
    code="client-setting",
    area=Area.PROCESSOR,
    title="The clients are set as the guarantee needs",
    why="enable.auto.commit commits offsets outside the transaction: a crash loses or repeats records. "
    "isolation.level=read_uncommitted (Java's default) processes records that were aborted. acks below all loses "
    "outputs that were acknowledged. Without a transactional.id there is no transaction. What is left out is the "
    "client's default, which differs by client; Kafka Streams sets them all by processing.guarantee=exactly_once_v2.",
    remedy="Write each of them in words; a processor that is written with oncewhere has them set, and refuses others.",
)
VERSION = Rule(
    code="client-version",
    area=Area.PROCESSOR,
    title="The client library has no known fault that breaks the guarantee",
    why="A client library speaks the transaction protocol for you; what it does wrong, your code cannot mend.",
    remedy="Upgrade to the version that the finding names, or work around it as its issue says.",
)

RULES: Final = (SETTING, VERSION)

LIBRDKAFKA: Final = "librdkafka"

_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "enable.auto.commit": {JAVA: "true", LIBRDKAFKA: "true"},
    "isolation.level": {JAVA: "read_uncommitted", LIBRDKAFKA: "read_committed"},
}
"""What a setting is where it is left out, by client; of the others it is not known here."""

_NONE_WITHOUT: Final[Mapping[str, str]] = {"transactional.id": "there is no transaction without one"}
"""What no client has a default for."""

_IDENTITIES: Final = frozenset({"group.id", "transactional.id"})  # any value will do
_OURS: Final = frozenset({"enable.partition.eof", "enable.auto.offset.store"})  # matter to oncewhere's own loop only

_OF_LIBRDKAFKA: Final = frozenset({"max.in.flight.requests.per.connection"})  # other clients keep the order themselves
_OF_BOTH: Final = _OF_LIBRDKAFKA | {"request.timeout.ms", "retry.backoff.ms", "retry.backoff.max.ms"}
_HALVES: Final[Mapping[str, AbstractSet[str]]] = {
    "consumer": CONSUMER_ONLY | {"max.poll.records", "key.deserializer", "value.deserializer"},
    "producer": (PRODUCER_ONLY | {"key.serializer", "value.serializer"}) - _OF_BOTH,
}
"""Names that only stand in the settings of a consumer, or of a producer: by these it is known that a half was told."""

_TELL: Final = "Name it: --client librdkafka=VERSION, or kafka-clients=VERSION."

STREAMS: Final = "processing.guarantee"
_STREAMS_NAMES: Final = frozenset({STREAMS, "application.id"})
_STREAMS_ONCE: Final = frozenset({"exactly_once_v2", "exactly_once_beta", "exactly_once"})  # the last two before 4.0
_STREAMS_PREFIXES: Final = ("main.consumer.", "consumer.", "producer.")
_STREAMS_SETS: Final = frozenset({"enable.auto.commit", "isolation.level", "transactional.id", "enable.idempotence"})
"""What Kafka Streams sets in its clients by itself, whatever stands in its own settings (KIP-129)."""


def check(facts: Chart) -> Iterator[Finding]:
    """Examines settings and versions."""
    if facts.processor_settings is not None:
        yield from _settings(facts.processor_settings, {client.library for client in facts.clients})
    for client in facts.clients:
        yield from _versions(client)


def _settings(given: Mapping[str, str], libraries: AbstractSet[str]) -> Iterator[Finding]:
    streams = not _STREAMS_NAMES.isdisjoint(given)
    if streams:
        given, libraries = {_without_prefix(name): value for name, value in given.items()}, {JAVA}
        yield _guarantee(given.get(STREAMS))
    canonical = {ALIASES.get(name, name): value for name, value in given.items()}
    not_judged = _OURS | _STREAMS_SETS if streams else _OURS
    wrong = False
    for name, fixed in {**FIXED_FOR_CONSUMER, **FIXED_FOR_PRODUCER}.items():
        if name in not_judged:
            continue
        value = canonical.get(name)
        found = _missing(name, canonical, libraries) if value is None else _set(name, fixed, value, libraries)
        if found is not None:
            wrong = True
            yield found
    if not wrong and not streams:
        yield SETTING.good("the processor's settings", "what the guarantee needs is set")


def _without_prefix(name: str) -> str:
    """A setting of Kafka Streams for one of its clients, as that client calls it."""
    return next((name.removeprefix(prefix) for prefix in _STREAMS_PREFIXES if name.startswith(prefix)), name)


def _guarantee(value: str | None) -> Finding:
    """Of Kafka Streams, which makes its clients itself and lets nobody set what its guarantee needs."""
    said = (value or "").strip().lower()
    if said in _STREAMS_ONCE:
        return SETTING.good(STREAMS, f"{said}: Kafka Streams sets what the guarantee needs by itself")
    said = f"{value}, and must be exactly_once_v2" if value else "not set; Kafka Streams' default is at_least_once"
    return SETTING.fault(STREAMS, f"{said}: so there is no transaction", f"Set {STREAMS}=exactly_once_v2.")


def _missing(name: str, given: Mapping[str, str], libraries: AbstractSet[str]) -> Finding | None:
    """What is said of a setting that is left out: its client's default decides, where both are known."""
    if name not in _DEFAULTS and name not in _NONE_WITHOUT:
        return None
    half = "producer" if name in FIXED_FOR_PRODUCER else "consumer"
    if _HALVES[half].isdisjoint(given):
        said = f"not told, nor is any other setting of the {half}"
        return SETTING.unknown(name, said, f"Write the {half}'s settings into the same file: --client-settings FILE.")
    if name in _NONE_WITHOUT:
        return SETTING.fault(name, f"not set; {_NONE_WITHOUT[name]}")
    fixed = FIXED_FOR_CONSUMER[name]
    wanted = str(fixed.value).lower()
    defaults = {library: _DEFAULTS[name].get(library) for library in sorted(libraries)}
    right = {value == wanted for value in defaults.values() if value is not None}
    if not defaults:
        by_client = ", ".join(f"{library}: {value}" for library, value in _DEFAULTS[name].items())
        said = f"not set, and the default ({by_client}) is the client's, which was not told"
        return SETTING.unknown(name, said, _TELL)
    if None in defaults.values() or len(right) > 1:
        said = f"not set, and what {' or '.join(defaults)} does without it is not known here"
        return SETTING.unknown(name, said, f"Write it into the file as the code sets it; it must be {wanted}.")
    if right == {True}:
        return None
    library, default = next(iter(defaults.items()))
    return SETTING.fault(name, f"not set; the default of {library} is {default}: {fixed.why}")


def _set(name: str, fixed: Fixed, value: str, libraries: AbstractSet[str]) -> Finding | None:
    """What is said of a value that stands there; None where it is the one that is needed."""
    wanted = str(fixed.value).lower()
    found = {"-1": "all"}.get(value.strip().lower(), value.strip().lower())
    if name in _IDENTITIES or found == wanted:
        return None
    said = f"{value}, and must be {wanted}: {fixed.why}"
    if name not in _OF_LIBRDKAFKA:
        return SETTING.fault(name, said)
    if not libraries:
        return SETTING.unknown(name, f"{said}; so with {LIBRDKAFKA} only, and which client this is was not told", _TELL)
    return SETTING.warning(name, said) if LIBRDKAFKA in libraries else None


def _versions(client: ClientFacts) -> Iterator[Finding]:
    if not is_watched(client.library):
        return  # nobody has collected its faults here: there is nothing to be said of a version
    about = f"{client.library} {client.version}"
    concerned = [fault for fault in KNOWN_FAULTS if concerns(fault, client.library, client.version)]
    for fault in concerned:
        tell = VERSION.fault if fault.breaks else VERSION.warning
        fixed = f"Upgrade to {fault.fixed} or later. " if fault.fixed else ""
        yield tell(about, fault.what, f"{fixed}{fault.around}See {fault.reference}.")
    if not concerned:
        yield VERSION.good(about, "no fault is known of it that breaks the guarantee")
