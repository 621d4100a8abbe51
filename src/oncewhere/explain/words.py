"""The words of a drill's output beside its verdicts: crashes, scenarios, states, events, messages, exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.drill.checks import CHECKS, HELD
from oncewhere.drill.phases import PHASES as PARTS
from oncewhere.drill.points import NamedCrash, Phase
from oncewhere.drill.scenarios import SCENARIOS, UPSTREAM_DUPLICATE

from .entry import Advice, Entry, Topic, sentence

CRASHES: Final[Mapping[NamedCrash, str]] = {
    NamedCrash.BEFORE_EFFECT: "Nothing had happened yet; the work is done once by the next life. What breaks here "
    "commits its offsets before the work.",
    NamedCrash.AFTER_EFFECT: "The gap that Kafka's transaction does not cover: the database has committed, Kafka has "
    "not, and the input is delivered again. What has no protection does the effect twice here.",
    NamedCrash.AFTER_COMMIT: "Everything was committed; the next life goes on behind it. What breaks here keeps its "
    "positions elsewhere, or does something after the commit.",
}
PHASES: Final[Mapping[Phase, str]] = {
    Phase.BEFORE: "The request was dropped at the proxy: the server never saw it, and the processor is dead.",
    Phase.DELIVERED: "The server has the request; the processor was dead before the answer.",
    Phase.REPLIED: "The server has answered; the processor died before it saw the answer.",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "violated": "Something was done twice, was lost, or differs. The verdict says which.",
    "open": "Neither held nor violated: the evidence does not reach. It counts as no pass (exit code 3).",
    "held": "At the crashes that were visited the work happened exactly once.",
    "inconclusive": "Nothing was proved: neither that it holds nor that it breaks; the reason stands with it.",
    "not reached again": "The processor did not come by the point again, so nothing was crashed there: batches depend "
    "on time. It was tried again, and then counted as unknown. To try once more: oncewhere replay POINT RUN.",
    "REPRODUCED": "A replay showed what the run showed: the bug is in your hands.",
    "NOT REPRODUCED": "A replay did not show what the run showed. It is no all-clear: how records are batched depends "
    "on time.",
    "NOT PROVED": "Nothing was violated there, and nothing is known to have held: the point was not visited or not "
    "reached, or the evidence does not reach. It counts as no pass (exit code 3).",
    "no crash": "The clean run: nothing is done to the processor, and what is wrong there is wrong without any crash.",
    "dropped": "The request never reached the server.",
    "forwarded": "The message passed the proxy.",
    "not done": "A message that changed nothing: it was dropped or refused, or its transaction was aborted.",
    "control": "In junit.xml, the failure of a drill whose control did not turn red: a version without protection was "
    "not violated anywhere, so what held beside it proves nothing.",
    "withheld": "The server answered, and the processor never saw the answer.",
    "Empty": "The cluster knows the transactional.id, and no transaction of it is open: nothing was sent into one.",
    "pending": "Offsets were sent into a transaction that is still open: they count once it is committed.",
    "offsets pending": "Behind a transaction: offsets were sent into it, and it was still open when the processor "
    "died. They count once it is committed.",
    "no transaction": "Nothing was known of a transaction of the processor's at the crash: it had begun none.",
    "Ongoing": "What the cluster said of the transaction after the kill: neither committed nor aborted. The next "
    "producer of that transactional.id aborts it, or transaction.timeout.ms does.",
    "PrepareCommit": "The cluster has decided to commit the transaction, and is writing its markers.",
    "CompleteCommit": "The transaction was committed.",
    "PrepareAbort": "The cluster has decided to abort the transaction, and is writing its markers.",
    "CompleteAbort": "The transaction was aborted: none of its records counts.",
}
TERMS: Final[Mapping[str, str]] = {
    "place": "Where work shows: an output topic, or an effect such as a database. Each place has a verdict of its own.",
    "effect": "What a processor does outside Kafka: a row, a call, a mail. Kafka's transaction does not cover it.",
    "policy": "How a duplicate of an effect is prevented, such as dedupe-table. There is no default.",
    "scenario": "What is done to the processor in a trial: crash (the default), clean-stop, zombie and others.",
    "phase": "Where a message was at the kill: before its server had it, delivered to it, or replied to.",
    "LSO": "Last stable offset: a read_committed reader sees up to there. An open transaction holds it back.",
    "point": "A message at which the processor is killed, and in which phase: before the server has it, delivered to "
    "the server, or replied to. Its name: place, message, commit interval, number in it, phase.",
    "identity": "What names the business event (processor.identity): by it an input is found again at each place.",
    "life": "The time from a start of the processor to its end. Life 1 is killed; life 2 is the restart.",
    "commit interval": "What a processor does from one commit of its positions to the next: mostly a batch.",
    "redelivered": "Kafka hands the input out once more, since its position was not committed before the crash.",
    "boundary": "Where a message leaves or enters the processor. At a message there it is killed.",
    "wire log": "wire.jsonl: every message between the processor and its servers, in order, and what was done to it.",
    "history": "A trial's wire log, read as evidence: oncewhere check judges it again.",
    "run": "One command's trials, in a folder of their own: .oncewhere/runs/.",
    "clean": "The run in which nothing is done to the processor: its messages are the points of the others.",
    "named crashes": "The three that a drill visits unless told otherwise: before-effect, after-effect, after-commit.",
    "effect commit": "What makes an effect durable, whatever Kafka does: COMMIT in a database, the answer to a call or "
    "to a mail. How many were confirmed before the crash, in its commit interval, stands in a trial's proof.",
    "whole batch": "One commit held the effects of all records of a batch, so all of them were durable at the crash.",
    "read_committed": "How a consumer (isolation.level) sees no record of a transaction that is open or was aborted. "
    "So a drill reads the output, and so must whoever reads it after the processor.",
    "noun": "What one input is called in sentences, in the plural, such as payments (drill.noun).",
    "version": "One of the processors that a declaration names.",
    "processor": "The program that is drilled: it reads the input, does the effects and writes the outputs.",
    "sweep": "A drill that visits more than the named crashes: --points boundaries, or all.",
    "a try": "One trial of a point. A point that was not reached is tried again, in a folder of its own (POINT-2, "
    "POINT-3): the run judges the last, and the others are not counted.",
    "boundary points": "The points of the clean run: its boundary messages, each in the phases in which a processor "
    "can die there.",
    "repeats": "Further messages of one kind in a commit interval. The first, the middle and the last are visited, "
    "unless it is --points all.",
    "not asked for": "Scenarios that were not played, since the command did not name them: --scenario NAME, or all.",
    "evidence": "What a verdict rests on: a trial's wire.jsonl, from which oncewhere check judges it again.",
    "owner": "Whom to tell, as the declaration says (document.owner).",
    "dedupe row": "The row that a policy such as dedupe-table writes with the effect, in one transaction: where it "
    "stands already, the effect is not done again.",
    "SIGKILL": "How a processor is killed: it is not asked, and cleans nothing up, as when memory runs out.",
}
STATES: Final[Mapping[str, str]] = {
    "running": "The run began, and has not said that it ended: it goes on, or it was cut off.",
    "finished": "The run came to its end: what stands in it is all.",
    "listed": "Only the points of clean runs were printed (--list); nothing was crashed.",
    "interrupted": "Somebody or something told the run to stop; what was judged until then stands in its folder.",
    "failed": "The run ended, since something that it needed was wrong or missing: `reason` says what.",
}
"""How far a run came; `inconclusive` stands above."""
EVENTS: Final[Mapping[str, str]] = {
    "trial": "What a history is about, and when it began.",
    "inputs": "Every input that was written, with its position.",
    "started": "A life of the processor begins.",
    "sprung": "The processor came by its point, and what the plan says was done there: mostly SIGKILL.",
    "killed": "The whole process group is dead.",
    "stopped": "A life was stopped (SIGSTOP): it lives, and does nothing.",
    "woken": "A life that was stopped goes on (SIGCONT).",
    "terminated": "The processor was told to stop (SIGTERM), and has ended.",
    "exited": "The processor ended by itself.",
    "ended": "A life is over; without a life, the trial is, and how far the group came stands there.",
    "evicted": "Dead members were removed from the consumer group, as the group's timeout would have done later.",
    "transactions": "What the cluster says of the processor's transactions.",
    "committed": "What the cluster says of the group's offsets, and whether they are stable or pending.",
    "unanswered": "A request had been sent on to its server, and no answer to it was seen.",
    "released": "What was held at the proxy goes on.",
    "rewound": "The group's offsets were set back to where the second half of the input begins: it comes again.",
    "purged": "An effect has forgotten what is older than the cutoff (purge): what the first half of the input left.",
    "recreated": "The input topic was deleted and made anew.",
    "broker back": "The broker that was killed is there again.",
    "aborted upstream": "Inputs were written in a transaction that was aborted: nobody may process them.",
    "elsewhere": "The processor has a connection that goes past the proxies.",
    "counted-blindly": "What `observe` counts is kept once by the database: no second time can show there.",
    "unique-keys": "What an SQL database says of the unique keys of the tables that were written.",
    "crossed": "How many connections and bytes crossed a proxy, of each place.",
    "complete": "The group has committed the whole input.",
    "found": "What stands at a place at the end: how often each identity.",
    "judged": "The verdicts.",
}
MESSAGES: Final[Mapping[str, str]] = {
    "InitProducerId": "A producer asks for its id, and fences whoever had the same transactional.id before; what that "
    "one left open is aborted.",
    "Produce": "Records are written. In a transaction they count only once it is committed.",
    "TxnOffsetCommit": "Positions of the group are sent into the transaction: they count once it is committed.",
    "OffsetCommit": "Positions of the consumer group are committed at once, outside of any transaction.",
    "OffsetFetch": "A consumer asks where to go on.",
    "AddPartitionsToTxn": "A producer names the partitions that it is about to write to in its transaction; no record "
    "is in it yet. Newer clients do not send it.",
    "AddOffsetsToTxn": "A producer says that it is about to send a group's positions into its transaction; none is in "
    "it yet. Newer clients do not send it.",
    "FindCoordinator": "A client asks which broker answers for a group or a transactional.id.",
    "ApiVersions": "The first message of a connection: a client asks which versions of which messages a broker knows, "
    "and most say what library they are. It changes nothing.",
    "Metadata": "A client asks for the topics, their partitions and who leads them. The wire log has it where a topic "
    "is missing.",
    "Fetch": "A consumer reads records. The wire log has it where it says something new, such as the isolation level.",
    "JoinGroup": "A consumer asks to be a member of its group; the members that are there begin anew, too.",
    "SyncGroup": "A member of a group learns which partitions are its own.",
    "LeaveGroup": "A consumer leaves its group, and its partitions go to others at once. A killed one sends none.",
    "Heartbeat": "A member of a group says that it lives. The wire log has it where the answer is an error.",
    "ConsumerGroupHeartbeat": "The same in Kafka's newer group protocol; its answer says which partitions are its own.",
    "StreamsGroupHeartbeat": "The same for a member of a Kafka Streams group.",
    "EndTxn": "The producer asks to commit (or abort) its transaction. Its field `committed` says what was asked "
    "for, and not what became of it.",
    "write": "A statement or command that changes something in a database.",
    "commit": "COMMIT in a database: behind it the effect is durable, whatever Kafka does.",
    "rollback": "ROLLBACK in a database.",
    "begin": "BEGIN in a database: what follows is durable together, at COMMIT, or not at all.",
    "query": "A statement that reads a database, and changes nothing.",
    "startup": "A connection to a database begins.",
    "DATA": "A mail's content: the server that confirms it has taken the mail.",
    "end-of-DATA": "The end of a mail's content: the server that confirms it has taken the mail.",
    "EXEC": "The end of a Redis transaction: its commands are done at once, or none is.",
    "EVALSHA": "A script that Redis holds is run, by its hash: its commands are done at once, or none is.",
    "POST": "A call that asks an HTTP service to do something; sent twice, it may do it twice, unless a key tells it.",
    "PUT": "A call that writes something at an HTTP service; the same once more leaves the same behind.",
    "PATCH": "A call that changes a part of something at an HTTP service.",
    "DELETE": "A call that removes something at an HTTP service.",
}
CODES: Final[Mapping[str, str]] = {
    "0": "Held; of `explain`, `config` and such: done.",
    "1": "Violated: something was done twice, was lost, or differs.",
    "2": "Usage or configuration: mend what the sentence names; trying again changes nothing.",
    "3": "Inconclusive: nothing was proved. Treat it like 1: what is unknown is no pass.",
    "4": "Of oncewhere run: a record, ledger or batch that a person must see to; the message names the error. "
    "Of any other command: a bug in oncewhere.",
    "5": "Nothing ran: a server could not be fetched, started or reached.",
    "6": "Fenced: another producer took the transactional.id. Do not restart blindly.",
    "130": "Interrupted by Ctrl-C or SIGTERM; what was judged until then stands in the run's folder.",
}
SCENARIOS_SAY: Final[Mapping[str, Advice]] = {
    UPSTREAM_DUPLICATE: Advice(
        why="Whoever writes the input may send an event again after a crash of its own. It stands at another offset "
        "then, so nothing is redelivered, and neither a transaction nor an offset ledger tells it from a new one. "
        "Who takes the recorded result for it and produces the output once more has done the event twice.",
        remedy="Keep beside the event's recorded result the position (topic, partition, offset) of the record that "
        "did it. Give the output again only to a redelivery of that same position; the same event at another "
        "position gives no output. The library's DedupeTable does that. Where a crash shows a duplicate without this "
        "scenario as well, mend that first: oncewhere explain duplicate.",
    ),
}
"""What a scenario shows and how to mend it, where that is not what its verdict says."""
NOT_AS_NAMED: Final = "What was to be tried did not come about: what seems to hold was not put to the test."
REPLAY: Final = "See it again: oncewhere replay POINT RUN."


def entries() -> Iterator[Entry]:
    """All of them."""
    for crash, why in CRASHES.items():
        yield _entry(crash, Topic.CRASH, f"The processor was killed {crash.words}.", why, REPLAY)
    for phase, what in PHASES.items():
        yield _entry(phase, Topic.CRASH, what, "", "")
    for name, scenario in SCENARIOS.items():
        said = SCENARIOS_SAY.get(name, Advice(why="", remedy=""))
        remedy = f"{said.remedy} Play it: oncewhere drill . --scenario {name}".lstrip()
        yield _entry(name, Topic.SCENARIO, sentence(scenario.words), said.why, remedy)
    for topic, table in (
        (Topic.WORD, OUTCOMES),
        (Topic.TERM, TERMS),
        (Topic.STATE, STATES),
        (Topic.EVENT, EVENTS),
        (Topic.MESSAGE, MESSAGES),
        (Topic.CODE, CODES),
    ):
        for code, what in table.items():
            yield _entry(code, topic, what, "", "")

    for part, what in PARTS.items():
        yield _entry(part, Topic.PART, sentence(what), "", "")
    for check in CHECKS:
        decides = (check.decide.__doc__ or "").strip().removeprefix("Decides ")
        yield _entry(f"check {check.number}", Topic.CHECK, f"{sentence(check.name)[:-1]}: it decides {decides}", "", "")
    yield _entry(f"check {HELD}", Topic.CHECK, "Once: no other check decided.", "", "")
    yield _entry("check 0", Topic.CHECK, NOT_AS_NAMED, "", "")


def _entry(code: str, topic: Topic, what: str, why: str, remedy: str) -> Entry:
    return Entry(code=str(code), topic=topic, what=what, why=why, remedy=remedy)
