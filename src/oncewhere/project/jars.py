"""A folder of jars comes in; the one that can be started, as far as names tell, goes out."""

from __future__ import annotations

import re
from pathlib import Path

_NOT_STARTED = re.compile(r"^original-|-(sources|javadoc|tests|test|plain)\.jar$")


def built_jar(folder: Path, ending: str = "jar") -> str | None:
    """The name of the largest that is no source, test or plain jar; None where there is none."""
    jars = [jar for jar in folder.glob(f"*.{ending}") if not _NOT_STARTED.search(jar.name)]
    return max(jars, key=lambda jar: jar.stat().st_size).name if jars else None
