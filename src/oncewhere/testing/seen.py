"""What a handler did in a unit test, as frozen data: its outputs, and the effects that it asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.effect import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One record that a handler produced.

    Attributes:
        topic: where to.
        value: as the handler gave it; it can be encoded.
        key: as the handler gave it.
        headers: pairs of name and value, in order.
        partition: the partition's number; None: by key.
        timestamp_ms: milliseconds since the epoch; None: the time of producing.
    """

    topic: str
    value: Any
    key: bytes | str | None = None
    headers: tuple[tuple[str, bytes | str | None], ...] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One effect that a handler asked for.

    Attributes:
        effect: which.
        args: what `tx.run` was given after the effect.
        kwargs: likewise.
        result: what the handler got.
        recalled: True where it is the recorded result of an earlier delivery, and nothing ran.
    """

    effect: Effect[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    recalled: bool = False
