"""The second processor of an outbox: the first one and a place in; a `Processor` that performs its letters out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from oncewhere.effects.outbox import Letter, Reply, performing
from oncewhere.effects.policy import Outbox
from oncewhere.errors import ConfigurationError, RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.outside import OutsidePlace
    from oncewhere.records import Records
    from oncewhere.runtime.processor import Processor
    from oncewhere.runtime.rejection import OnError
    from oncewhere.runtime.transaction import Transaction

PerformsLetters = Callable[[Any, Any], None]
Around = Callable[[PerformsLetters], PerformsLetters]
"""Takes a handler of letters and gives one that does more, such as one with spans."""


def declare(
    processor: Processor,
    place: OutsidePlace[Any],
    effects: Sequence[Effect[..., Any]],
    *,
    on_error: OnError | None,
    around: Around | None = None,
) -> None:
    """Declares at a new processor that it performs the letters to these effects.

    Args:
        processor: that one.
        place: with the outbox.
        effects: those of the first processor at that place.
        on_error: what becomes of a letter that cannot be performed.
        around: wraps the handler.

    Raises:
        ConfigurationError: the place has no outbox, or there are no effects.
    """
    performed = place.performing()
    policy = place.policy
    assert isinstance(policy, Outbox)  # noqa: S101 - `performing` has looked
    if not effects:
        raise ConfigurationError(
            f"No handler of this processor has an effect at {place.name!r}, so nothing would be performed.",
            hint="Call outbox after the handlers are declared.",
        )
    for effect in effects:
        _ = effect.codec
    perform, names = performing(effects, performed)

    def on_letters(records: Records[Letter], tx: Transaction) -> None:
        for record in records:
            if record.value.effect not in names:
                raise RecordError(
                    f"a letter to effect {record.value.effect!r}, and there are {', '.join(sorted(names))}.",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    hint="An effect that was renamed or taken away is kept until its letters are performed.",
                )
        for record, raw in tx.run_each(perform, records):
            if policy.answers is not None:
                letter = record.value
                reply = Reply(letter.id, letter.effect, msgspec.Raw(raw))
                tx.produce(policy.answers, reply, key=record.key)

    handler = on_letters if around is None else around(on_letters)
    processor.consume_batch(policy.topic, Letter, identity="id", effects=[perform], on_error=on_error)(handler)
