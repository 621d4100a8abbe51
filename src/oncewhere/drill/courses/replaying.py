"""A finished input comes in; the world is changed while the processor is away, and it starts once more."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from oncewhere.drill.worlds import Forgetful

from .course import Course


class _Interlude(Course, ABC):
    """The processor ends, something happens to its world, and it begins again; once."""

    _over = False

    async def goes_on(self, *, finished: bool) -> bool:
        """Changes the world at the end of the input."""
        if self._over:
            return False
        if finished:
            self._over = True
            await self.lives.pause()
            await self.change()
            self.lives.watch.again()
            self.lives.start()
        return True

    @abstractmethod
    async def change(self) -> None:
        """What happens meanwhile."""


class Replay(_Interlude):
    """Effects forget what they may forget, and the group's positions are set back to the beginning."""

    async def change(self) -> None:
        """Purges, and sets the positions back."""
        for world in self.lives.lane.worlds:
            forgotten = await asyncio.to_thread(world.purge) if isinstance(world, Forgetful) else None
            if forgotten is not None:
                self.lives.history.happened("purged", place=world.name, rows=forgotten)
        await asyncio.to_thread(self.lives.lane.kafka.rewind_group)
        self.lives.history.happened("rewound", group=self.lives.lane.kafka.group)


class Recreation(_Interlude):
    """The input topic is made anew, with the same name, another id, and the rest of the inputs."""

    async def change(self) -> None:
        """Makes it anew."""
        kafka = self.lives.lane.kafka
        await asyncio.to_thread(kafka.recreate_input, self.lives.later)
        self.lives.history.happened("recreated", topic=kafka.input_topic, inputs=len(self.lives.later))
