"""The checks: the evidence of one trial goes in, the verdict about each place comes out. Nothing here asks a server.

`evidence` is what a check may look at, `finding` what it answers, `table` the order in which they are asked; every
other module is one check, or two that share their reasoning. They are numbered; a finding names the check that decided
it (0: what was to be tried did not come about).
"""

from .evidence import Evidence, InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from .finding import EXAMPLES_SHOWN, Finding
from .table import CHECKS, HELD, judge

__all__ = [
    "CHECKS",
    "EXAMPLES_SHOWN",
    "HELD",
    "Evidence",
    "Finding",
    "InputSeen",
    "OutputSeen",
    "PlaceSeen",
    "ProgressSeen",
    "judge",
]
