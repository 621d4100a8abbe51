"""What the loop asks of the interpreter while records are processed: less garbage to look at, and its lock sooner."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.0005  # Python's own 5 ms is longer than a coordinator takes to answer

_runs = itertools.count()


@contextmanager
def only_what_is_new() -> Iterator[None]:
    """Keeps what exists at the block's begin out of full collections until its end; what is made in it is collected.

    Each full collection walks all modules, classes and functions that were ever imported, for nothing: 3 % of the rate
    of a processor that does little for a record. Only the first run of a process does so: what one run leaves behind
    would be kept out together with the rest in the next, and a program that runs one processor after the other grow.
    Where a program has frozen objects itself (`gc.freeze`), they stay.
    """
    if next(_runs) or gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def lock_given_soon() -> Iterator[None]:
    """Lets a thread that waits for the interpreter's lock have it after half a millisecond, until the block's end.

    A transaction is ended in a second thread, which needs the lock some six times on its way, for a moment each; while
    handlers compute, each time took up to 5 ms, and all outputs of that while had to wait. Where nothing waits, this
    changes nothing; a program that has chosen a shorter interval itself keeps it.
    """
    before = sys.getswitchinterval()
    if before <= SWITCH_S:
        yield
        return
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
