"""Names and values of a project's settings come in; the consumer group and the topics go out, as far as names tell.

A name that says it (`INPUT_TOPIC`, `KAFKA_GROUP_ID`) is believed. What only may be meant is a guess, and told as one:
one of several, or a topic whose name has no direction.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from .told import Told, first

_GROUP = re.compile(r"(^|_)(GROUP_?ID|CONSUMER_GROUP(_NAME)?|KAFKA_GROUP(_NAME)?|STREAMS_APPLICATION_ID)$|^GROUP$")
_SURELY_A_GROUP = re.compile(r"KAFKA|CONSUMER|STREAMS|^GROUP_?ID$")
_OTHER_GROUPS = frozenset({"SECURITY", "AWS", "LOG", "USER", "RESOURCE", "PERMISSION", "UNIX"})
_MAY_BE_A_GROUP = re.compile(r"\w_GROUP$")
_GROUPS_OF_ANYTHING_ELSE = _OTHER_GROUPS | frozenset(
    {"ACCESS", "AD", "ADMIN", "ADMINS", "AGE", "AUTOSCALING", "AZURE", "CUSTOMER", "DEPLOYMENT", "EXECUTION", "FILE"}
    | {"GCP", "HOST", "INSTANCE", "LDAP", "LOGGING", "METRICS", "NODE", "OS", "OWNER", "PLACEMENT", "PRODUCT", "RUN"}
    | {"PROCESS", "ROLE", "SCALING", "SERVER", "SUBNET", "TARGET", "TEST", "THREAD", "USERS", "WORK", "WORKER"}
)
_NO_GROUP_ID = frozenset({"default", "users", "admin", "admins", "root", "wheel", "staff", "public", "nobody", "none"})
_TOPICS = frozenset({"TOPIC", "TOPICS"})
_BINDING = re.compile(r"_(IN|OUT)_\d+_DESTINATION$")
"""Spring Cloud Stream: `spring.cloud.stream.bindings.settle-in-0.destination`."""
_NO_PART = frozenset(
    {"DLQ", "DLT", "DEAD", "DEADLETTER", "RETRY", "ERROR", "CHANGELOG", "PARTITIONS", "REPLICATION", "PREFIX", "SUFFIX"}
)
"""What is parked or kept for oneself is no output of a record; and what is said of a topic is none."""
_IN = frozenset({"IN", "INPUT", "INPUTS", "SOURCE", "FROM", "CONSUME", "CONSUMER", "READ", "SUBSCRIBE", "INCOMING"})
_OUT = frozenset(
    {"OUT", "OUTPUT", "OUTPUTS", "SINK", "TARGET", "TO", "PRODUCE", "PRODUCER", "WRITE", "PUBLISH", "OUTGOING"}
)
_NAME = re.compile(r"(?!(?:true|false|\d+)$)[A-Za-z0-9._-]{1,249}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaNames:
    """What a processor consumes and produces.

    Attributes:
        group: the consumer group.
        input: the topic that is consumed.
        outputs: the topics that are produced.
        settings: the names that said so.
    """

    group: Told[str] | None = None
    input: Told[str] | None = None
    outputs: Told[tuple[str, ...]] | None = None
    settings: tuple[str, ...] = ()

    def with_gaps_filled(self, others: KafkaNames) -> KafkaNames:
        """These names; where one is missing, that of others.

        Args:
            others: what counts less.
        """
        return replace(
            self,
            group=self.group or others.group,
            input=self.input or others.input,
            outputs=self.outputs or others.outputs,
        )


def kafka_names(given: Mapping[str, Told[str]]) -> KafkaNames:
    """The group and the topics.

    Args:
        given: by name, a variable's or a setting's value.
    """
    groups = _groups(given)
    said = {name: direction for name in given if (direction := _direction(name)) and _topics(given[name].value)}
    ins = [name for name, direction in said.items() if direction == "in"]
    outs = [name for name, direction in said.items() if direction == "out"]
    open_ones = [name for name, direction in said.items() if direction == "?"]
    guessed_in, guessed_out = _guessed(ins, outs, open_ones)
    return KafkaNames(
        group=_first(given, groups, sure=bool(groups) and _is_surely_a_group(groups[0])),
        input=_first(given, ins or guessed_in, sure=bool(ins)),
        outputs=_all(given, outs or guessed_out, sure=bool(outs)),
        settings=tuple(dict.fromkeys((*groups, *said))),
    )


def with_a_likely_group(names: KafkaNames, *told: Mapping[str, Told[str]]) -> KafkaNames:
    """These names; where nothing says the group, a guess from the one variable that may, such as `BOOKING_GROUP`.

    Args:
        names: what is known.
        told: by name, the values: first those that a project sets, then those that its code falls back on.
    """
    if names.group is not None:
        return names
    for given in told:
        if any(_names_a_group(name) for name in given):
            said = kafka_names(given)
            return replace(names, group=said.group and replace(said.group, sure=False))
        likely = [name for name in given if _may_name_a_group(name) and _may_be_a_group(given[name].value)]
        if likely:
            group = _first(given, likely, sure=False) if len(likely) == 1 else None
            return replace(names, group=group, settings=(*names.settings, *(likely if group else ())))
    return names


def without_unread_groups(given: Mapping[str, Told[str]], read: Collection[str]) -> dict[str, Told[str]]:
    """What a project sets, but for the variables that name a group and that nothing reads.

    Args:
        given: by name, a variable's value.
        read: the variables that the code reads.
    """
    unread = {*_groups(given)} - {*read}
    return {name: told for name, told in given.items() if name not in unread}


def _guessed(ins: list[str], outs: list[str], without_direction: list[str]) -> tuple[list[str], list[str]]:
    """What topics without a direction may be: the one that is missing, where only one is; the input, where both are."""
    if ins and outs:
        return [], []
    if ins:
        return [], without_direction
    return without_direction[:1], [] if outs else without_direction[1:]


def _groups(given: Mapping[str, Told[str]]) -> list[str]:
    """Settings that name a group, the surest first."""
    found = [name for name in given if _names_a_group(name)]
    return sorted((name for name in found if _is_plain(given[name].value)), key=lambda n: not _is_surely_a_group(n))


def _names_a_group(name: str) -> bool:
    return bool(_GROUP.search(_plain(name))) and not _OTHER_GROUPS & _words(name)


def _may_name_a_group(name: str) -> bool:
    return bool(_MAY_BE_A_GROUP.search(_plain(name))) and not _GROUPS_OF_ANYTHING_ELSE & _words(name)


def _may_be_a_group(value: str) -> bool:
    return _is_plain(value) and value[0].isalpha() and value.lower() not in _NO_GROUP_ID


def _is_surely_a_group(name: str) -> bool:
    return _SURELY_A_GROUP.search(_plain(name)) is not None


def _direction(name: str) -> str:
    """`in`, `out`, `?` for a topic of which the name says no more, or nothing for what is no topic."""
    if binding := _BINDING.search(_plain(name)):
        return binding[1].lower()
    words = _words(name)
    if not words & _TOPICS or words & _NO_PART:
        return ""
    comes, goes = bool(words & _IN), bool(words & _OUT)
    return "?" if comes == goes else "in" if comes else "out"


def _first(given: Mapping[str, Told[str]], names: list[str], *, sure: bool) -> Told[str] | None:
    values = [value for name in names for value in _topics(given[name].value)]
    return first(values, given[names[0]].by, sure=sure) if values else None


def _all(given: Mapping[str, Told[str]], names: list[str], *, sure: bool) -> Told[tuple[str, ...]] | None:
    values = tuple(dict.fromkeys(value for name in names for value in _topics(given[name].value)))
    return Told(values, ", ".join(given[name].by for name in names), sure) if values else None


def _topics(value: str) -> list[str]:
    """The names in a value; none where it is anything else."""
    found = re.split(r"[,\s]+", value.strip())
    return found if all(map(_is_plain, found)) else []


def _is_plain(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


def _plain(name: str) -> str:
    """`consumerGroupId`, `consumer.group-id` and `CONSUMER_GROUP_ID` are one name."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^A-Za-z0-9]+", "_", apart).strip("_").upper()


def _words(name: str) -> frozenset[str]:
    return frozenset(_plain(name).split("_"))
