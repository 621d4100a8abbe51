"""Steps that a processor announces, where a place has no wire: lines of one connection go in, messages come out.

SQLite is a library: nothing passes that a proxy could stop. So whoever uses it may announce its steps to the drill, at
an address that the drill gives it (`{NAME.steps}`), over one TCP connection, a line each:

    processor   commit processed_event      the step, and the tables it is about; then nothing until it hears:
    drill       go                          the step may be done
    processor   done                        it is done (or `failed`); nothing answers that

Steps are `begin`, `write`, `commit` and `rollback`; what is not announced cannot be crashed at, so `commit` is the one
that matters. A processor that is not drilled has no such address, and announces nothing. One that hears anything but
`go`, or the end of the connection, is to end at once: it is being killed.

The crash *before* a commit withholds its line, and the processor waits until it is killed; *delivered* is the same,
since the doing comes behind the answer; *replied* is the kill at `done`: committed, and the processor knows nothing of
what follows.
"""

from oncewhere.wire.steps.acceptor import Acceptor
from oncewhere.wire.steps.link import StepsLink

__all__ = ["Acceptor", "StepsLink"]
