"""A finished input comes in; the world is changed, once or twice, and the processor has to stand it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from oncewhere.drill.worlds import Forgetful

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives

AGEING_S: Final = 1.0
"""Seconds on both sides of the cutoff: some columns keep times to the second."""


class Replay(Course):
    """The retention ends between two halves of the input; what the second half did must still be known.

    When the first half is finished, the cutoff is taken by each effect's own clock, and the second half is published
    while the processor is away: the next life has the whole time for it, also where the first had ended with its input.
    When that is finished, effects forget what is older than their cutoff, and the group's positions are set back to
    where the second half begins: a replay that stays within the retention.
    """

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._window: dict[int, int] | None = None
        self._forgetful = tuple(w for w in lives.lane.worlds if isinstance(w, Forgetful) and w.forgets)
        self._cutoffs: list[str] = []
        self._over = False

    async def goes_on(self, *, finished: bool) -> bool:
        """Lets time pass after the first half, and replays the second."""
        if self._over or not finished:
            return not self._over
        if self._window is None:
            self._window = await self._grow_old()
        else:
            self._over = True
            await self._replay(self._window)
        return True

    async def _grow_old(self) -> dict[int, int]:
        await self.lives.pause()
        await asyncio.sleep(AGEING_S)
        self._cutoffs = [await asyncio.to_thread(world.now) for world in self._forgetful]
        await asyncio.sleep(AGEING_S)
        kafka = self.lives.lane.kafka
        window = dict(kafka.ends)
        await asyncio.to_thread(kafka.publish, self.lives.later)
        self.lives.watch.again()
        self.lives.start()
        return window

    async def _replay(self, window: dict[int, int]) -> None:
        await self.lives.pause()
        for world, cutoff in zip(self._forgetful, self._cutoffs, strict=True):
            before = await asyncio.to_thread(world.seen, ())
            rows = await asyncio.to_thread(world.purge, cutoff)
            blinded = await asyncio.to_thread(world.seen, ()) != before
            self.lives.history.happened("purged", place=world.name, rows=rows, cutoff=cutoff, blinded=blinded)
        kafka = self.lives.lane.kafka
        await asyncio.to_thread(kafka.rewind_group, window)
        self.lives.history.happened("rewound", group=kafka.group, to={str(p): at for p, at in window.items()})
        self.lives.watch.again()
        self.lives.start()


class Recreation(Course):
    """While the processor is away, the input topic is made anew: the same name, another id, the rest of the inputs."""

    _over = False

    async def goes_on(self, *, finished: bool) -> bool:
        """Makes it anew at the end of the first half."""
        if self._over or not finished:
            return not self._over
        self._over = True
        await self.lives.pause()
        kafka = self.lives.lane.kafka
        await asyncio.to_thread(kafka.recreate_input, self.lives.later)
        self.lives.history.happened("recreated", topic=kafka.input_topic, inputs=len(self.lives.later))
        self.lives.watch.again()
        self.lives.start()
        return True
