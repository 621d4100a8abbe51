"""The one place that knows jgo: a Maven coordinate in, its jar in a folder of ours out.

jgo knows where Maven artifacts are and how to ask; that is why no repository address stands in this project.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READ_TIMEOUT_S = 30
"""How long a repository may stay silent."""


def fetch(coordinate: str, folder: Path, tell: Callable[[int], None]) -> Path:
    """Fetch one jar, and nothing that it depends on.

    Args:
        coordinate: `group:artifact:version`.
        folder: where jgo may keep its files; nothing outside of it is read or written.
        tell: called with the number of bytes whenever some have come.

    Returns:
        The file, unchecked.

    Raises:
        ConfigurationError: jgo is not installed.
        OSError: the network (requests' errors are OSErrors) or the disk failed.
        RuntimeError: no repository has it.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  # 250 ms that only a first start spends
    except ImportError as missing:
        raise ConfigurationError(
            "Fetching Apache Kafka needs jgo, which is not installed.",
            hint="pip install 'oncewhere[drill]'; or name a broker of your own with --bootstrap-servers.",
        ) from missing
    # Without a handler, Python would print jgo's warnings; what matters arrives as an exception or as a wrong sha256.
    logging.getLogger("jgo").addHandler(logging.NullHandler())

    @contextmanager
    def meter(_file_name: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        yield tell

    group, name, version = coordinate.split(":")
    context = MavenContext(
        resolver=PythonResolver(progress_callback=meter), repo_cache=folder, local_repos=[], timeout=READ_TIMEOUT_S
    )
    path: Path = context.project(group, name).at_version(version).artifact().resolve()
    return path
