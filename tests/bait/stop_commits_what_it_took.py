"""Told to stop, it commits the positions of what it has taken, and leaves the work undone."""

import signal
from typing import Any

from skeleton import SOUND, Bait

bait = Bait()
stopping = False


def stop(*_: Any) -> None:
    global stopping  # noqa: PLW0603  # a signal handler has nowhere else to say it
    stopping = True


signal.signal(signal.SIGTERM, stop)
for batch in bait.batches():
    if stopping and not SOUND:
        bait.consumer.commit(offsets=bait.consumer.position(bait.consumer.assignment()), asynchronous=False)
        break
    bait.effect_once(batch)
    bait.settle(batch)
    if stopping and SOUND:
        break
bait.consumer.close()
