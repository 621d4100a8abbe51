"""Where reading goes on: what places have recorded and what Kafka has committed in; starts on which both agree out.

The two cannot be read in one moment. An instance that has lost a partition without knowing it yet may see its
successor's progress in one and not in the other.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from oncewhere.effects.place import OwesUndo, UndecidedError
from oncewhere.errors import LedgerRefusedError
from oncewhere.runtime import events
from oncewhere.runtime.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oncewhere.effects.place import OpenPlace, Start
    from oncewhere.records import Partition
    from oncewhere.runtime.kafka.session import TransactSession

MAX_READINGS = 20  # of the committed offsets, until two of them agree
PAUSE_S = 0.2


def agree(
    session: TransactSession,
    places: Mapping[str, OpenPlace],
    uses: Mapping[str, frozenset[str]],
    starts: Mapping[Partition, Start],
    *,
    stopping: Callable[[], bool],
    emit: events.Listener,
) -> tuple[Mapping[Partition, Start], bool]:
    """Asks each place what it has done of these partitions.

    A refusal counts only when the committed offsets are read again and are still the same: then, since they only grow,
    they were the same when the ledger was read. (The mistake `refuse-at-once` of `tests/model`.)

    Args:
        session: rewinds, and reads the committed offsets again.
        places: by name.
        uses: the names of the places that each topic's handler uses.
        starts: where the partitions are read from.
        stopping: True when nobody will read on.
        emit: takes events.

    Returns:
        Where they are read from, and whether all assigned partitions had to be rewound for it.

    Raises:
        LedgerRefusedError: what a place has recorded contradicts the committed offset.
        UndecidedError: a place does not answer, or other instances are at work.
    """
    reason = ""
    for nth in range(MAX_READINGS):
        try:
            for name, place in places.items():
                place.assigned({p: s for p, s in starts.items() if name in uses[p.topic]})
        except LedgerRefusedError as error:
            before, starts = starts, session.recover("a ledger is refused only after a second reading")
            if starts and all(starts.get(p) == s for p, s in before.items()):
                raise
            reason = str(error)
            if stopping():
                break  # that it was refused once accuses nobody
        else:
            _undo(session, {n: p for n, p in places.items() if isinstance(p, OwesUndo)}, uses, starts, emit=emit)
            return starts, nth > 0
        time.sleep(PAUSE_S)
    raise UndecidedError(f"other instances move the ledger: {reason}")


def _undo(
    session: TransactSession,
    places: Mapping[str, OwesUndo],
    uses: Mapping[str, frozenset[str]],
    starts: Mapping[Partition, Start],
    *,
    emit: events.Listener,
) -> None:
    """Has undone what Kafka did not commit, once it is proved that these partitions are ours.

    A committed offset alone proves nothing: whoever reads it may have lost the partition, and his successor may be
    about to commit what would be undone here. (The mistake `undo-unproved` of `tests/model`.)

    Raises:
        UndecidedError: it is not proved, or a place does not get as far.
    """
    mine = {p: start.offset for p, start in starts.items() if not uses[p.topic].isdisjoint(places)}
    if not mine:
        return
    if (metadata := session.reader.metadata()) is None:
        raise UndecidedError("this process is no member of its group any more")
    failure = session.writer.begin() or session.send_offsets(mine, metadata) or session.commit()
    if failure is not None:
        raise UndecidedError(str(failure), unknown=session.writer.state is State.SPENT)
    for name, place in places.items():
        undone, in_doubt = place.undo()
        if undone or in_doubt:
            emit(events.Compensated(name, undone, in_doubt))
