"""What must hold whatever happens: the broker's state and what is about to happen in; nothing out, or a violation.

No output is lost, none is twice, none without its offset; committed offsets never go back, and positions never stand
ahead of them after a rewind; each effect happens once, and before the offsets pass its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulated_kafka import Broker, OpenTransaction

    from oncewhere.records import Partition


class ViolationError(AssertionError):
    """Something happened that must never happen."""


def commit_is_whole(broker: Broker, transaction: OpenTransaction) -> None:
    """A transaction that is about to be committed has the outputs of just those records that its offsets pass."""
    expected = []
    for partition, end in sorted(transaction.offsets.items()):
        start = broker.committed.get(partition, 0)
        if end < start:
            raise ViolationError(f"the committed offset of {partition} went back from {start} to {end}")
        expected += broker.inputs[partition][start:end]
    again = [value for value in transaction.outputs if value in broker.visible]
    if again or len(set(transaction.outputs)) != len(transaction.outputs):
        raise ViolationError(f"output twice: {again or transaction.outputs}")
    if missing := [value for value in expected if value not in transaction.outputs]:
        raise ViolationError(f"output lost: the committed offsets pass {missing}")
    if beyond := [value for value in transaction.outputs if value not in expected]:
        raise ViolationError(f"output without its offset: {beyond}")
    if broker.effects is not None and (early := [value for value in expected if not broker.effects.get(value)]):
        raise ViolationError(f"the committed offsets pass {early} without the effect")
    for partition in transaction.offsets:
        ours = [value for value in transaction.outputs if value in broker.inputs[partition]]
        if ours != [value for value in broker.inputs[partition] if value in ours]:
            raise ViolationError(f"out of order: {ours}")


def effect_is_new(broker: Broker, value: bytes) -> None:
    """An effect that has just happened did not happen before."""
    if broker.effects is not None and broker.effects.get(value, 0) > 1:
        raise ViolationError(f"effect twice: {value!r}")


def rewind_is_far_enough(broker: Broker, positions: Mapping[Partition, int]) -> None:
    """After a rewind nothing is read from beyond the committed offset."""
    for partition, position in positions.items():
        if position > broker.committed.get(partition.number, 0):
            raise ViolationError(f"after a rewind {partition} stands ahead of the committed offset")


def transactions_are_told_once(begun: int, told: float, *, ended_well: bool) -> None:
    """No end is told of a transaction that was never begun; where the run ended as it was asked to, each one's is."""
    if told > begun or (ended_well and told < begun):
        raise ViolationError(f"{begun} transactions were begun, and the ends of {told} were told")


def all_is_done_once(broker: Broker) -> None:
    """At the end every input has one output, and one effect where it has any."""
    every = [value for values in broker.inputs.values() for value in values]
    if sorted(broker.visible) != sorted(every):
        raise ViolationError(f"outputs {broker.visible}")
    if broker.effects is not None and broker.effects != dict.fromkeys(every, 1):
        raise ViolationError(f"effects {broker.effects}")
