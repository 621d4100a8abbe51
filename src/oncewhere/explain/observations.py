"""What a drill or an observer may see on the wire that was not declared: what it is, why it is bad, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.drill.observations import Kind

from .entry import Advice, Entry, Topic

TEXTS: Final[Mapping[str, Advice]] = {
    "undeclared-topic": Advice(
        what="The processor produced to a topic that its declaration does not name.",
        why="What becomes of those records at a crash is not judged: they are outside of what may be claimed.",
        remedy="Add the topic to processor.output, or stop producing to it.",
    ),
    "outside-the-transaction": Advice(
        what="Records were produced outside any transaction.",
        why="A crash between them and the commit of the offsets doubles or loses them, and readers see them at once.",
        remedy="Produce with the transactional producer, between begin_transaction and commit_transaction.",
    ),
    "offsets-outside-the-transaction": Advice(
        what="Offsets were committed by OffsetCommit and not in a transaction.",
        why="Outputs and positions become final at different moments: a crash in between repeats or loses what lies "
        "there.",
        remedy="enable.auto.commit=false, no commit of the consumer's own, and send_offsets_to_transaction with the "
        "group's metadata.",
    ),
    "another-group": Advice(
        what="Positions were committed for another consumer group than the declared one.",
        why="The drill reads the declared group's positions to know what is done, and they are not the ones that "
        "count.",
        remedy="Correct processor.group, or the processor's group.id.",
    ),
    "unstable-transactional-id": Advice(
        what="No transactional.id of one life was used by the next.",
        why="What a crash leaves open stays open until transaction.timeout.ms: readers stand still. And the zombie's "
        "producer is not fenced by its successor's (KIP-98).",
        remedy="Take the id from what stays: a StatefulSet's ordinal, an instance's number.",
    ),
    "reads-uncommitted": Advice(
        what="A topic was read with isolation.level=read_uncommitted.",
        why="Records of aborted transactions are processed as if they counted.",
        remedy="isolation.level=read_committed, in words: Java's default is read_uncommitted.",
    ),
    "another-database": Advice(
        what="The effect wrote to another database than the drill's.",
        why="What happened there is neither seen nor undone between trials: the verdict does not speak of it.",
        remedy="Take the database's address from the environment, as the declaration says.",
    ),
    "writes-though-read-only": Advice(
        what="Writing requests reached a place whose declared policy is read-only.",
        why="Nothing protects these writes from happening twice.",
        remedy="Declare the policy that protects them, or remove them.",
    ),
    "never-used": Advice(
        what="Nothing was written to a declared place.",
        why="A verdict about a place that was never used proves nothing.",
        remedy="See whether the processor takes the address from its environment, and whether the inputs cause the "
        "effect.",
    ),
    "no-idempotency-key": Advice(
        what="Requests carried no Idempotency-Key, though that is the declared policy.",
        why="The downstream cannot tell a repeated request from a new one: it does the work again.",
        remedy="Send a key with every request, derived from the event.",
    ),
    "changing-idempotency-key": Advice(
        what="An event had another Idempotency-Key when it was sent again.",
        why="To the downstream it is another request: it does the work again.",
        remedy="Derive the key from the event's identity (or its topic, partition and offset), never from a clock "
        "or a random number.",
    ),
    "random-idempotency-key": Advice(
        what="The Idempotency-Keys look drawn at random.",
        why="Unless it is kept with the event, a redelivered event gets another key, and the downstream does the work "
        "again.",
        remedy="Derive the key from the event's identity. A drill at after-effect shows whether it changes.",
    ),
    "dedupe-row-apart": Advice(
        what="The dedupe row and the effect were written in different database transactions.",
        why="A crash between the two commits leaves an effect without its row (done twice), or a row without its "
        "effect (lost).",
        remedy="Write both in one database transaction.",
    ),
    "undeclared-connection": Advice(
        what="The processor was connected to an address that is neither Kafka's nor a declared effect's.",
        why="What it does there is neither seen nor judged: it may be an effect that happens twice after a crash.",
        remedy="Declare it as an effect, with its policy; or see that it only reads, and say so in document.outside.",
    ),
    "blind-count": Advice(
        what="The declared query counts rows of which the database keeps one for each event.",
        why="Whatever happens twice, the count stays one, so the verdict there is unknown. A dedupe row stands beside "
        "the effect; it is the effect that must not happen twice.",
        remedy="Let observe count the rows that the effect itself writes, in a table that takes a second one. Where "
        'the row is the effect, and the database refuses the second: policy = "unique-constraint".',
    ),
    "nothing-counted": Advice(
        what="Writes reached a place, and the declared query finds nothing there.",
        why="Every input is then lost there, in the clean run too, whatever the processor does: the verdict speaks "
        "of the query.",
        remedy="Let observe read the table that the processor writes, and give the identity in its first column.",
    ),
    "unread": Advice(
        what="A connection could not be read to its end.",
        why="No crash is placed behind that, and what happened there is not seen.",
        remedy="The observation says why. Switch off what hides the protocol for the drill (encryption by the "
        "processor itself, a compression of the protocol), or accept that this place is not judged.",
    ),
}
"""What it is, why it is bad, what to do."""


def entries() -> Iterator[Entry]:
    """All kinds that there are."""
    for kind in Kind:
        said = TEXTS[kind]
        yield Entry(code=kind, topic=Topic.OBSERVATION, what=said.what, why=said.why, remedy=said.remedy)
