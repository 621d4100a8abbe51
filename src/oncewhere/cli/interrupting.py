"""A coroutine comes in, its result goes out; at Ctrl-C a person is told at once, while it ends what it has started."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")

STOPPING = "Stopping: what was started is being ended …\n"


def run(work: Coroutine[object, None, Result]) -> Result:
    """`asyncio.run`, which says at the first interrupt that it was heard.

    Raises:
        KeyboardInterrupt: it was interrupted, and has ended in order.
    """
    return asyncio.run(_telling(work))


async def _telling(work: Coroutine[object, None, Result]) -> Result:
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            sys.stderr.write(STOPPING)
            task.cancel()
        return await task
