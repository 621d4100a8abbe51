"""The course in which nothing follows: the trial ends when the input is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung


class Course:
    """What follows the steps of one trial.

    Args:
        lives: the lives of the trial, and all that may be done to them.
    """

    def __init__(self, lives: Lives) -> None:
        self.lives = lives

    async def follow(self, sprung: Sprung) -> None:
        """A step's point was reached, and its action was done; it did not end the life."""

    async def goes_on(self, *, finished: bool) -> bool:
        """Does what is due; called again and again.

        Args:
            finished: True while every input is committed and the wire is quiet.

        Returns:
            True while something is still to come before the trial may end.
        """
        del finished
        return False
