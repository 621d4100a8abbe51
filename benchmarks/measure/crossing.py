"""A broker's address comes in; the address of a drill's proxy in front of it goes out, in a process of its own.

    python -m measure.crossing BOOTSTRAP_SERVERS HISTORY

It is what a clean run goes through: the crossing, the trap with a plan without steps, the history on disk. It ends when
its standard input does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oncewhere.drill.history import History
from oncewhere.drill.scenario import CLEAN
from oncewhere.drill.trap import Trap
from oncewhere.proxy import Crossing

END_LIMIT_S = 10.0


@contextmanager
def crossing(bootstrap_servers: str, history: Path) -> Iterator[str]:
    """A proxy for as long as the block lasts.

    Args:
        bootstrap_servers: of the real broker.
        history: the file that every message is written to.

    Yields:
        The bootstrap servers for the processor.
    """
    argv = [sys.executable, "-m", "measure.crossing", bootstrap_servers, str(history)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            try:
                process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


async def _serve(bootstrap_servers: str, path: str) -> None:
    history = History(Path(path))
    trap = Trap(history, CLEAN, lambda _step: None)
    async with Crossing(trap) as open_crossing:
        print(await open_crossing.open_kafka(bootstrap_servers), flush=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)
    history.close()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:3]))
