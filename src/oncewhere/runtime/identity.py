"""Who an instance is to the transaction coordinator: a name or a rule for one in, a stable `transactional.id` out.

The danger. A crash leaves a transaction open. Whoever starts again with the same `transactional.id` ends it at once
(InitProducerId, KIP-98); nobody else can before `transaction.timeout.ms` has passed, and until then every
`read_committed` reader stands still in front of it. With a new random name at each start that is what happens.

The rule. A name belongs to a slot, not to a process: the ordinal of a StatefulSet's pod, the number of an instance, a
line in a unit file. It is the same after a restart, and no two live instances share it.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_NUMBERED_UUID = re.compile(rf"-{_UUID.pattern}-\d+$", re.IGNORECASE)
# A Deployment's pods: name, ReplicaSet's hash, five letters of Kubernetes' own alphabet (it has no vowels).
_DEPLOYMENT_POD = re.compile(r"-[bcdf-hj-np-tv-z2456789]{6,10}-[bcdf-hj-np-tv-z2456789]{5}$")
_ORDINAL = re.compile(r"(?:^|[-_.@])(\d{1,6})$")


@dataclass(frozen=True, slots=True)
class StableOrdinal:
    """An identity from the ordinal that the platform gives to each instance.

    Attributes:
        prefix: what the instances share, such as `settlement`.
        variable: the environment variable that ends in the ordinal: a StatefulSet's pod name (`settlement-3`), or a
            plain number such as `ONCEWHERE_INSTANCE`, which `oncewhere run --instances` sets.
    """

    prefix: str
    variable: str = "ONCEWHERE_INSTANCE"

    def resolve(self, environment: Mapping[str, str]) -> str:
        """The name: `settlement-3`.

        Raises:
            ConfigurationError: the variable is not set, or does not end in an ordinal.
        """
        if not self.prefix:
            raise ConfigurationError("StableOrdinal needs a prefix.", hint="Write StableOrdinal('settlement').")
        value = environment.get(self.variable)
        if not value:
            raise ConfigurationError(
                f"{self.variable} is not set, and the transactional.id {self.prefix}-… is to be taken from it.",
                hint=f"Set it to this instance's number, such as {self.variable}=0.",
            )
        found = None if _looks_like_pod(value) else _ORDINAL.search(value)
        if found is None:
            raise ConfigurationError(
                f"{self.variable}={value!r} does not end in an ordinal, such as settlement-3.",
                hint="Run the instances as a StatefulSet (whose pods are numbered), or name another variable.",
            )
        return f"{self.prefix}-{int(found.group(1))}"


@dataclass(frozen=True, slots=True)
class RandomIdentity:
    """A new name at each start, for those who know what it costs.

    It keeps no place in the group either (KIP-345): nobody would come back for it.

    Attributes:
        acknowledged: why that is acceptable here, for whoever reads the code.
    """

    acknowledged: str


TransactionalId = str | StableOrdinal | RandomIdentity
"""A name, or a rule for one."""


def resolve(identity: TransactionalId, *, group_id: str, environment: Mapping[str, str] | None = None) -> str:
    """The `transactional.id` of this instance.

    Args:
        identity: what the user said.
        group_id: the consumer group; a random name begins with it.
        environment: where a `StableOrdinal` looks; the process's own when None.

    Raises:
        ConfigurationError: there is no name, or it is one that changes at each start.
    """
    if isinstance(identity, StableOrdinal):
        return identity.resolve(os.environ if environment is None else environment)
    if isinstance(identity, RandomIdentity):
        if not identity.acknowledged.strip():
            raise ConfigurationError("RandomIdentity needs a reason.", hint="Write RandomIdentity('why it is fine').")
        return f"{group_id}-{uuid.uuid4()}"
    if not isinstance(identity, str) or not identity:
        raise ConfigurationError(f"transactional_id must be a text that is not empty, and is {identity!r}.")
    what = (
        "a random UUID" if _UUID.search(identity) else "a Deployment's pod name" if _looks_like_pod(identity) else None
    )
    if what is not None:
        raise ConfigurationError(
            f"transactional_id={identity!r} looks like {what}, which changes at each start: what a crash leaves open "
            "would stay open until transaction.timeout.ms, and readers would stand still meanwhile (KIP-98).",
            hint="Write StableOrdinal('settlement', variable='POD_NAME') in a StatefulSet, a name of your own that "
            "stays, or RandomIdentity('why it is acceptable').",
        )
    return identity


def looks_random(identity: str) -> bool:
    """True for a name that looks as if another start had another one: with a UUID in it, or a Deployment's pod name."""
    return _UUID.search(identity) is not None or _looks_like_pod(identity)


def names_a_stream(identity: str) -> bool:
    """True for the form of a Kafka Streams thread's id, `application.id-UUID-N`: its state directory keeps the UUID."""
    return _NUMBERED_UUID.search(identity) is not None


def rule(identity: TransactionalId) -> str:
    """Where an identity comes from, in one sentence for the document."""
    if isinstance(identity, StableOrdinal):
        return (
            f"It is {identity.prefix}- and the ordinal at the end of the environment variable {identity.variable}, "
            "which the platform gives to each instance, and gives again after a restart."
        )
    if isinstance(identity, RandomIdentity):
        return f"It is random, and another one at each start. Why that was accepted: {identity.acknowledged}"
    return "It is a name that the code is given, and the same after a restart as long as it is given the same."


def _looks_like_pod(identity: str) -> bool:
    found = _DEPLOYMENT_POD.search(identity)
    # A hash has a digit somewhere in nearly all cases; plain words that happen to lack vowels do not.
    return found is not None and any(c.isdigit() for c in found.group())
