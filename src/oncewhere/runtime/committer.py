"""One thread that ends transactions, so that the loop can read ahead meanwhile: a call in, its outcome out.

`send_offsets_to_transaction` and `commit_transaction` wait for the coordinator, some milliseconds each, and give
Python's lock away while they do.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Committer(Generic[T]):
    """Runs one call at a time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._ends: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        # A daemon: a coordinator that never answers must not keep a stopped process alive.
        self._thread = threading.Thread(target=self._run, name="oncewhere-commit", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> None:
        """Begins a call; the one before it has ended."""
        self._calls.put(call)

    def outcome(self, wait_s: float) -> tuple[bool, T | None]:
        """Whether the call has ended, and what it returned.

        Args:
            wait_s: how long to wait for that, in seconds.

        Raises:
            BaseException: what the call raised.
        """
        try:
            result, error = self._ends.get(timeout=wait_s) if wait_s else self._ends.get_nowait()
        except Empty:
            return False, None
        if error is not None:
            raise error
        return True, result

    def close(self) -> None:
        """Lets the thread end once its call has."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._ends.put((call(), None))
            except BaseException as error:  # noqa: BLE001 - the loop raises it
                self._ends.put((None, error))
