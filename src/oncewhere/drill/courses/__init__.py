"""What follows a step of a plan, and what must still happen before the trial may end: one course for each trial.

A course never blocks for long: `Lives` turns it every few milliseconds, beside looking after the processor.
"""

from .company import Company
from .course import Course
from .holding import Held, Patience
from .outage import Outage
from .replaying import Recreation, Replay
from .stopping import Stopping
from .zombie import Zombie

__all__ = ["Company", "Course", "Held", "Outage", "Patience", "Recreation", "Replay", "Stopping", "Zombie"]
