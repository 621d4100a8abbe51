"""How long a start usually takes at most goes in; how long it may take here and now comes out.

On a machine that has more to do than processors, every server takes as many times longer. What a person says counts
more than what is guessed.
"""

from __future__ import annotations

import os

LONGEST_FACTOR = 5.0
"""However busy the machine is: so many times the usual limit."""
VARIABLE = "ONCEWHERE_START_LIMIT"
"""The environment variable in which the command line is told the limit, in seconds."""

_said_s: list[float] = []


def allow(seconds: float) -> None:
    """From now on every server of this process may take so long to start."""
    _said_s[:] = [seconds]


def start_limit_s(usual_s: float) -> float:
    """How long a server may take to start.

    Args:
        usual_s: the limit where the machine has nothing else to do.
    """
    if _said_s:
        return _said_s[0]
    return usual_s * min(LONGEST_FACTOR, max(1.0, _load() / _processors()))


def advice() -> str:
    """What may help where a server was not ready in time: with the machine's load, in words."""
    return (
        f"The machine's load is {_load():.0f} on {_processors()} processors. Try again when it has less to do, start "
        f"less at a time (-j 1), or wait longer: {VARIABLE}=600. The end of its log is below."
    )


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0


def _processors() -> int:
    return os.cpu_count() or 1
