"""The proxy: every connection of one processor crosses it, and it can stop them all between two messages.

The nouns, in the order in which data flows through them:

- A `Crossing` owns every listener and every connection of one processor (the *victim* of a drill).
- Each connection has a `LinkName` and a wire layer's link, which turns its bytes into segments.
- Before a segment with a message is forwarded, the `Observer` is asked; its `Decision` forwards, or freezes.
- A *cut* ends one connection alone; a *held* message waits, with all behind it in its direction, until its release.
- A *frozen* crossing forwards nothing, on any link, in either direction. It goes on reading what servers answer, so
  that the fate of what had already left is known, until `reset` closes everything for the victim's next life.

`decision` is the vocabulary, `crossing` the life of the whole, `connection` what passes, `tls` how a server is spoken
to; only `sockets` has sockets. The `Crossing`, and with it every wire layer, is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from oncewhere.proxy.decision import Counters, Decision, LinkName, Observer, Unanswered
from oncewhere.proxy.tls import POSTGRES, Tls

if TYPE_CHECKING:
    from oncewhere.proxy.crossing import Crossing

__all__ = ["POSTGRES", "Counters", "Crossing", "Decision", "LinkName", "Observer", "Tls", "Unanswered"]


def __getattr__(name: str) -> object:
    """Imports the crossing when it is first asked for."""
    if name != "Crossing":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oncewhere.proxy.crossing import Crossing  # noqa: PLC0415  # who only decides needs no wire layer

    globals()[name] = Crossing
    return Crossing
