"""Facts come in; what to do at night goes out: one entry for each situation that can arise in this processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oncewhere.document.declared import Declared
from oncewhere.document.facts import Facts
from oncewhere.document.statement import Block, Code, Heading, Section, Text

LEDGER = "offset-ledger"
IN_DOUBT = "at-most-once"
UNDONE = "compensate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One situation.

    Attributes:
        title: what is seen.
        arises: whether it can arise.
        means: what it means, in a sentence or two.
        act: what to do, step by step.
        commands: what to type; `APP`, `ID`, `BROKERS` and `GROUP` are filled in where they are known.
    """

    title: str
    arises: Callable[[Declared], bool]
    means: str
    act: tuple[str, ...]
    commands: str = ""


def _always(_: Declared) -> bool:
    return True


def _library(declared: Declared) -> bool:
    return declared.written_with_the_library


def _has(policy: str) -> Callable[[Declared], bool]:
    return lambda declared: any(effect.policy == policy for effect in declared.effects)


_HANGING = """\
kafka-transactions.sh --bootstrap-server BROKERS list
kafka-transactions.sh --bootstrap-server BROKERS describe --transactional-id ID
kafka-transactions.sh --bootstrap-server BROKERS find-hanging --broker-id N
kafka-transactions.sh --bootstrap-server BROKERS abort --topic TOPIC --partition P --start-offset N"""

ENTRIES = (
    Entry(
        title="An instance was fenced",
        arises=_always,
        means="Another producer took this instance's `transactional.id` (`ProducerFenced`, "
        "`InvalidProducerEpoch`), or a "
        "transaction was open for longer than `transaction.timeout.ms`. Nothing is lost: what the fenced "
        "instance had open "
        "is aborted, and its input is processed by the other one.",
        act=(
            (
                "Find out which of the two it was before anything is started again: two instances with one id "
                "fence each other for ever."
            ),
            "If two processes run with the same id, stop one and mend how ids are given.",
            (
                "If a transaction took too long, find what was slow (an effect, a database), and raise the timeout "
                "only then."
            ),
            (
                "If neither, it was a zombie that woke up after its successor had taken over: this is the "
                "protection at work."
            ),
        ),
        commands="kafka-transactions.sh --bootstrap-server BROKERS describe --transactional-id ID",
    ),
    Entry(
        title="Readers stand still: a transaction hangs",
        arises=_always,
        means="Readers with `read_committed` wait in front of the first open transaction (the last stable offset "
        "does not "
        "move), while the topic's end does. Either an instance is down and its transaction has not timed out yet, or a "
        "transaction is open that its coordinator does not know.",
        act=(
            "Start the instance with that `transactional.id` again: it ends the transaction at once.",
            "If no instance has that id any more, wait for `transaction.timeout.ms`.",
            (
                "If the coordinator does not know it (`find-hanging` lists it), abort it by hand, with the offset "
                "that is shown."
            ),
        ),
        commands=_HANGING,
    ),
    Entry(
        title="A call is in doubt",
        arises=_has(IN_DOUBT),
        means="The process died between the claim and the answer of a call that must not be repeated. It may "
        "have happened "
        "or not, and nobody but the other side knows. Its record was passed, without an output.",
        act=(
            "List what is in doubt, and ask the other side about each (its records, its support).",
            "If it happened, write down the output that is missing, if one is; if it did not, do it by hand.",
            "Take it off the list.",
        ),
        commands="oncewhere effects in-doubt APP\noncewhere effects in-doubt APP --reviewed KEY",
    ),
    Entry(
        title="An undo is in doubt",
        arises=_has(UNDONE),
        means="The process died while it took back something that Kafka had not committed, and the other side does not "
        "know an undo again by its key. It may be undone or not. Nothing else waits for it.",
        act=(
            "List what is in doubt, and ask the other side about each.",
            "If it still stands there, take it back by hand: its record was processed again, as another attempt.",
            "Take it off the list.",
        ),
        commands="oncewhere effects in-doubt APP\noncewhere effects in-doubt APP --reviewed KEY",
    ),
    Entry(
        title="The ledger refuses",
        arises=lambda declared: _library(declared) and _has(LEDGER)(declared),
        means="What the database has recorded and Kafka's committed position contradict each other "
        "(`LedgerRefusedError`): "
        "the group was reset, a backup was restored, or the topic was made anew. The processor stops rather than "
        "guess.",
        act=(
            "Read the message: it names the partition, both positions, and what they mean.",
            "If the group was reset by mistake, set its position back to the ledger's.",
            (
                "If a backup was restored, the database has forgotten effects whose outputs are published: decide "
                "whether they are to be done again, and only then move the ledger or the group."
            ),
            "Never delete the ledger's rows while an instance runs.",
        ),
        commands="kafka-consumer-groups.sh --bootstrap-server BROKERS --group GROUP --describe",
    ),
    Entry(
        title="The database was restored from a backup",
        arises=lambda declared: bool(declared.effects) and not (_library(declared) and _has(LEDGER)(declared)),
        means="The database has forgotten effects whose outputs are published and whose positions are committed. "
        "They will "
        "not come again by themselves.",
        act=(
            "Stop every instance before the restored database takes a write.",
            (
                "Reset the group to the position of the backup; what is replayed is refused where its row "
                "survived, and done where it did not. Its outputs are published a second time: tell the readers."
            ),
        ),
        commands="kafka-consumer-groups.sh --bootstrap-server BROKERS --group GROUP --reset-offsets "
        "--to-datetime TIME --topic TOPIC --dry-run",
    ),
    Entry(
        title="The same batch fails again and again",
        arises=_library,
        means="The processor gives up after some attempts at one batch (`NoProgressError`), or a record cannot "
        "be processed "
        "(`HandlerError`, `DeserializationError`). Nothing of that batch was committed; calls outside transactions "
        "stand, and are found again by their policy.",
        act=(
            (
                "The message names the record (topic, partition, offset) and the cause: mend the code, the "
                "database or the record."
            ),
            "Deploy with the same effect names and the same order of calls: results are recorded under them.",
        ),
    ),
)


def runbook(facts: Facts) -> Section:
    """Runbook."""
    declared = facts.declared
    names = {
        "APP": next((source for source in declared.sources if ":" in source), "MODULE:APP"),
        "ID": declared.transactional_id or "ID",
        "GROUP": declared.group or "GROUP",
    }
    blocks: list[Block] = []
    for entry in ENTRIES:
        if not entry.arises(declared):
            continue
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(entry.act, start=1))
        blocks += [Heading(entry.title), Text(entry.means), Text(steps)]
        if entry.commands:
            blocks.append(Code(_filled(entry.commands, names)))
    if not any(effect.policy in {IN_DOUBT, UNDONE} for effect in declared.effects):
        blocks.append(Text("No call can be in doubt here: no effect has a policy that leaves one so."))
    return Section("Runbook", tuple(blocks))


def _filled(commands: str, names: dict[str, str]) -> str:
    lines = (" ".join(names.get(word, word) for word in line.split(" ")) for line in commands.splitlines())
    return "\n".join(lines)
