"""The errors of oncewhere: why each is raised, and what to do; what it is, its own docstring says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere import errors
from oncewhere.errors import OncewhereError

from .entry import Advice, Entry, Topic, sentence

TEXTS: Final[Mapping[str, Advice]] = {
    "OncewhereError": Advice(
        why="The parent of all errors that a user can act on: catch it to catch them all.",
        remedy="Its message says what is wrong, and its hint what to do.",
    ),
    "ConfigurationError": Advice(
        why="A wrong setting is refused at the start: at the first crash it would have cost the guarantee.",
        remedy="The message names the setting or declaration, the hint what to write instead. Exit code 2.",
    ),
    "StackError": Advice(
        why="Without its servers nothing was run, so nothing was shown.",
        remedy="Read the end of the server's log below the message. Exit code 5.",
    ),
    "InconclusiveError": Advice(
        why="It is neither a pass nor a violation: whoever counts it as one of them is guessing.",
        remedy="The hint says what kept the evidence away; mend it and run again. Exit code 3.",
    ),
    "UnreachableError": Advice(
        why="A processor that cannot reach Kafka or a place of its effects does nothing rather than half of it.",
        remedy="Start the server, or mend the address. Exit code 5.",
    ),
    "FencedError": Advice(
        why="Two producers had one transactional.id, or a transaction outlived its timeout. Started again blindly, two "
        "instances would fence each other for ever.",
        remedy="Find the other instance with that transactional.id, or the handler that took longer than "
        "transaction.timeout.ms. A supervisor should not restart at exit code 6.",
    ),
    "LedgerRefusedError": Advice(
        why="The database and Kafka disagree about what was done: a backup was restored, a group was reset, a table "
        "was changed. To go on would repeat effects or lose them.",
        remedy="The hint names the choices, with the offsets. `oncewhere doctor` shows the same from outside "
        "(ledger-position).",
    ),
    "NoProgressError": Advice(
        why="The same batch was attempted as often as the limit allows; to go on would repeat it for ever.",
        remedy="The message names the last cause: a database that rolls back, a broker without enough replicas, a "
        "group that rebalances again and again. Mend that.",
    ),
    "RecordError": Advice(
        why="The parent of the errors of one record; nothing of its batch was committed. Calls outside transactions "
        "(HTTP, mail, Function) stand, and are found again by their policy.",
        remedy="It has topic, partition and offset. on_error=DeadLetter(topic) or Skip() lets others go on.",
    ),
    "HandlerError": Advice(
        why="Your handler, or an effect that it ran, raised; the record will be delivered again.",
        remedy="`__cause__` is what was raised: mend the code or the record, or give consume an on_error.",
    ),
    "DeserializationError": Advice(
        why="A record that cannot be read cannot be processed, and skipping it silently would lose it.",
        remedy="Mend the declared type or whoever wrote the record; on_error=DeadLetter(topic) puts it aside.",
    ),
    "ReplayError": Advice(
        why="The effects of the first delivery are committed. A handler that now asks for another effect would do "
        "something that was never done for this record.",
        remedy="Deploy the handler that made the recorded effects until the group has passed this offset. A handler "
        "must ask for the same effects in the same order when it sees the same record again.",
    ),
    "NotDone": Advice(
        why="An effect raises it to say that nothing has happened: so it may be repeated.",
        remedy="Raise it in effects of your own, and only where it is certain; else raise OutcomeUnknown.",
    ),
    "OutcomeUnknown": Advice(
        why="A request left, and its answer never came: to repeat it may do it twice, not to repeat it may lose it.",
        remedy="Raise it in effects of your own where the answer is lost. With IdempotencyKey the effect is "
        "repeated with the same key, with AtMostOnce it never is.",
    ),
    "EffectInDoubt": Advice(
        why="A crash left the call claimed and not settled: it may have happened or not.",
        remedy="Nothing, in a handler: the runtime drops the record's outputs and lists the call. A person looks: "
        "oncewhere effects in-doubt MODULE:APP.",
    ),
    "DuplicateEvent": Advice(
        why="At its second position the event runs no effect and gives no output: else a payment would be made twice.",
        remedy="Nothing, in a handler: the runtime drops the record's outputs and counts the duplicate. Never catch "
        "it.",
    ),
}
"""Why it is there, and what to do; by the class's name."""


def classes() -> dict[str, type[BaseException]]:
    """Every error that the module of errors defines, by name."""
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, BaseException) and kind.__module__ == errors.__name__
    }


def entries() -> Iterator[Entry]:
    """All of them, parents before children."""
    for name in sorted(classes(), key=list(TEXTS).index):
        kind, advice = classes()[name], TEXTS[name]
        said = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
        remedy = advice.remedy
        if issubclass(kind, OncewhereError) and "xit code" not in remedy:
            remedy = f"{remedy} Exit code {kind.exit_code}."
        yield Entry(code=name, topic=Topic.ERROR, what=sentence(said), why=advice.why, remedy=remedy)
