"""One Apache Kafka of our own: a folder in; a broker with a production broker's JVM (G1, C2, one gigabyte) out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oncewhere.cli.places import cache_folder
from oncewhere.stack import Fetching, KafkaServer, Ready, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oncewhere.stack import Event

SETTINGS = {
    # The output of a run is gone a second after its topic: a minute's worth of them would fill the disk and its cache.
    "log.segment.delete.delay.ms": "1000",
}


@contextmanager
def broker(folder: Path) -> Iterator[KafkaServer]:
    """A broker on loopback, for as long as the block lasts; its data is removed afterwards.

    Args:
        folder: where its data and its log go.

    Raises:
        OncewhereError: it cannot be had; the sentence says what to do.
    """
    server = KafkaServer(folder, cache_folder(), profile="benchmark", settings=SETTINGS, progress=_tell)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _tell(event: Event) -> None:
    match event:
        case Step(text):
            print(f"{text} ...", file=sys.stderr)
        case Ready(name, address, seconds):
            print(f"{name} is ready at {address} ({seconds:.1f} s)", file=sys.stderr)
        case Fetching():
            pass
