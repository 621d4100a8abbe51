"""The processor's clients: their settings against what the guarantee needs, their versions against known faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from oncewhere.doctor.facts import Chart, ClientFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.known_faults import KNOWN_FAULTS, concerns, is_watched
from oncewhere.doctor.rule import Area, Rule
from oncewhere.runtime.settings import ALIASES, FIXED_FOR_CONSUMER, FIXED_FOR_PRODUCER, Fixed

SETTING = Rule(
    code="client-setting",
    area=Area.PROCESSOR,
    title="The clients are set as the guarantee needs",
    why="enable.auto.commit commits offsets outside the transaction: a crash loses or repeats records. "
    "isolation.level=read_uncommitted (Java's default) processes records that were aborted. acks below all loses "
    "outputs that were acknowledged. Without a transactional.id there is no transaction.",
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

_DEFAULTS_BREAK: Final[Mapping[str, str]] = {
    "enable.auto.commit": "the default is true: offsets are committed outside the transaction",
    "isolation.level": "Java's default is read_uncommitted (librdkafka's is read_committed): write it in words",
    "transactional.id": "there is no transaction without one",
}
"""What is wrong where a setting is left out."""

_IDENTITIES: Final = frozenset({"group.id", "transactional.id"})  # any value will do
_OURS: Final = frozenset({"enable.partition.eof", "enable.auto.offset.store"})  # matter to oncewhere's own loop only

_OF_LIBRDKAFKA: Final = frozenset({"max.in.flight.requests.per.connection"})  # other clients keep the order themselves
_TELL: Final = "Name it: --client librdkafka=VERSION, or kafka-clients=VERSION."


def check(facts: Chart) -> Iterator[Finding]:
    """Examines settings and versions."""
    if facts.processor_settings is not None:
        yield from _settings(facts.processor_settings, {client.library for client in facts.clients})
    for client in facts.clients:
        yield from _versions(client)


def _settings(given: Mapping[str, str], libraries: AbstractSet[str]) -> Iterator[Finding]:
    canonical = {ALIASES.get(name, name): value for name, value in given.items()}
    wrong = False
    for name, fixed in {**FIXED_FOR_CONSUMER, **FIXED_FOR_PRODUCER}.items():
        said = None if name in _OURS else _setting(name, fixed, canonical.get(name))
        if said is None or (name in _OF_LIBRDKAFKA and libraries and LIBRDKAFKA not in libraries):
            continue
        wrong = True
        if name not in _OF_LIBRDKAFKA:
            yield SETTING.fault(name, said)
        elif libraries:
            yield SETTING.warning(name, said)
        else:
            yield SETTING.unknown(
                name, f"{said}; so with {LIBRDKAFKA} only, and which client this is was not told", _TELL
            )
    if not wrong:
        yield SETTING.good("the processor's settings", "what the guarantee needs is set")


def _setting(name: str, fixed: Fixed, value: str | None) -> str | None:
    if value is None:
        return f"not set; {_DEFAULTS_BREAK[name]}" if name in _DEFAULTS_BREAK else None
    if name in _IDENTITIES:
        return None
    wanted = str(fixed.value).lower()
    found = {"-1": "all"}.get(value.strip().lower(), value.strip().lower())
    return None if found == wanted else f"{value}, and must be {wanted}: {fixed.why}"


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
