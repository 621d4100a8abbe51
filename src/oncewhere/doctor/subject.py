"""What is to be examined: a declaration or a processor in, names of topics and groups out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A processor, as far as it is known; nothing is known where only a cluster is examined.

    Attributes:
        name: what it is called in sentences.
        group: its consumer group.
        inputs: the topics that it consumes.
        outputs: the topics that it produces to.
        transactional_ids: its identities, where they are known.
        transaction_timeout_ms: what its producer asks for, where that is known.
        isolation: by a reader's group, the isolation.level that it asked for where it was observed on the wire.
        unseen: what was not looked at, and why: sentences.
    """

    name: str = ""
    group: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    transactional_ids: tuple[str, ...] = ()
    transaction_timeout_ms: int | None = None
    isolation: Mapping[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
