"""The verdicts of a drill: why each is bad, and what to do; what it is, `Verdict.meaning` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.drill import Verdict

from .entry import Advice, Entry, Topic, sentence

TEXTS: Final[Mapping[Verdict, Advice]] = {
    Verdict.LOST: Advice(
        why="Nothing will ever do that work: Kafka believes that the input is done. Mostly an offset was committed "
        "before the work, or a redelivered record was skipped whole because its effect was done, and its output "
        "never came.",
        remedy="Commit offsets in the transaction of the outputs. On redelivery give the output again, from the "
        "recorded result; never skip the record. `oncewhere show` names the inputs, `oncewhere replay` repeats the "
        "crash.",
    ),
    Verdict.DUPLICATE: Advice(
        why="A payment is made twice. The effect was done in a system that Kafka's transaction does not cover, the "
        "process died before that transaction committed, and the redelivered input did it again.",
        remedy="Let the effect commit together with what is known of it: an offset ledger or a dedupe table in the "
        "effect's own database transaction, or an idempotency key that the downstream honours. "
        "`oncewhere explain offset-ledger`, `dedupe-table` and `idempotency-key` say what each guarantees; the guide "
        "Choose a policy has each by hand, in any language.",
    ),
    Verdict.ZOMBIE_WRITE: Advice(
        why="A process that was stopped and had a successor came back and wrote: nothing fenced it.",
        remedy="Send the offsets with the group's metadata (KIP-447), keep one transactional.id for one instance, "
        "and let the database decide between two instances: a compare-and-set on the ledger, or a unique key.",
    ),
    Verdict.ABORTED_READ: Advice(
        why="The input of an aborted transaction never counted: whatever was done for it should not be.",
        remedy="isolation.level=read_committed in every consumer, in words: Java's default is read_uncommitted.",
    ),
    Verdict.DIFFERENT: Advice(
        why="The database and Kafka now tell two stories of one event. The output was computed anew on redelivery, "
        "from a state that the effect itself had changed.",
        remedy="Record the result with the effect, and produce the output from the record.",
    ),
    Verdict.REORDERED: Advice(
        why="A reader that applies the outputs of a key in order ends in a wrong state.",
        remedy="Handle the records of a key one after the other, and produce outputs with the key of their input.",
    ),
    Verdict.TORN: Advice(
        why="One place has the work and the other does not, and nothing goes on: the effect without its output, or the "
        "output without its effect.",
        remedy="See why the processor stopped (its own log stands in the run's folder). On a redelivery it must "
        "finish at both places.",
    ),
    Verdict.STUCK: Advice(
        why="Nothing is lost yet, but nothing goes on either: after a crash somebody has to help.",
        remedy="Read the processor's log in the run's folder. Mostly it waits for a transaction of its dead "
        "predecessor (another transactional.id), for a lock in the database, or exits again and again; "
        "drill.deadline_s may be too short (--deadline).",
    ),
    Verdict.IN_DOUBT: Advice(
        why="The request may have been carried out or not, and no answer will come: only the other side knows.",
        remedy="Ask the other side, by the key that the request carried. A downstream that honours idempotency keys "
        "may be asked again safely.",
    ),
    Verdict.UNKNOWN: Advice(
        why="It is no pass: the evidence does not reach. Records may be hidden behind an open transaction, the crash "
        "may not have come about as named, or a connection could not be read.",
        remedy="The finding says what is missing. Give it more time (drill.deadline_s), or mend what keeps the "
        "evidence from being seen, and drill again.",
    ),
    Verdict.ONCE: Advice(
        why="",
        remedy="Nothing. It held at the crashes that were visited; it is no proof for those that were not.",
    ),
}
"""Why it is bad, and what to do."""


def entries() -> Iterator[Entry]:
    """All of them, the worst first."""
    for verdict in Verdict:
        said, meaning = TEXTS[verdict], sentence(verdict.meaning)
        yield Entry(code=verdict, topic=Topic.VERDICT, what=meaning, why=said.why, remedy=said.remedy)
