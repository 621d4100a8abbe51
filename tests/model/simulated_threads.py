"""The runtime's threads, simulated: a call in; it runs when a choice says so, in the only thread that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine_world import World


class Committer:
    """Stands in for the thread that commits: the call runs when it is chosen to.

    Args:
        world: where its process runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._process = world.process
        self._call: Callable[[], Any] | None = None
        self._looks = 0
        self._result: tuple[Any, ...] = ()

    def submit(self, call: Callable[[], Any]) -> None:
        assert self._call is None, "one commit at a time"
        looks = {"": 1, "at once": 0, "later": 5}
        self._looks = looks[self._process.chooser.choose(f"{self._process.name} commit runs", list(looks))]
        self._call = call
        self._world.commits[self._process] = True

    def outcome(self, wait_s: float) -> tuple[bool, Any]:
        call = self._call
        if call is None:
            return False, None
        self._looks -= 1
        if self._looks >= 0 and not wait_s:
            return False, None
        self._call = None
        self._world.commits[self._process] = False
        return True, call()

    def close(self) -> None:
        pass


class Caller:
    """Stands in for the thread that `Writer` can leave alone: every call returns."""

    def submit(self, call: Callable[[], Any]) -> None:
        self._call = call

    def outcome(self, wait_s: float) -> tuple[bool, Any]:
        del wait_s
        return True, self._call()

    def close(self) -> None:
        pass
