# ruff: noqa: INP001  # a script, not a package
"""Write src/oncewhere/stack/kafka.lock anew: a Kafka version in, every jar of its broker with sha256 and size out.

    python tools/lock_kafka.py 4.3.1

Needs Maven (`mvn`) to work out the runtime closure; the jars themselves are fetched as the library fetches them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oncewhere.stack.artifacts import FETCH_THREADS, LOCK
from oncewhere.stack.maven import fetch

SCALA = "2.13"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>oncewhere</groupId><artifactId>lock</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_{scala}</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""
DEPENDENCY_LIST = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:list"
HEADER = """\
# Apache Kafka {version}: every jar that a broker needs, and slf4j-simple for its log.
# group:artifact:version sha256 bytes. Written by tools/lock_kafka.py; do not edit by hand.
"""


def closure(version: str, folder: Path) -> list[str]:
    """The coordinates of the runtime closure, and of the slf4j binding that fits its slf4j-api."""
    (folder / "pom.xml").write_text(POM.format(scala=SCALA, version=version))
    listing = folder / "list.txt"
    mvn = shutil.which("mvn")
    if mvn is None:
        sys.exit("Maven (mvn) is not installed.")
    subprocess.run(
        [mvn, "-q", "-B", DEPENDENCY_LIST, "-DincludeScope=runtime", f"-DoutputFile={listing}"],
        cwd=folder,
        check=True,
    )
    found = re.findall(r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):\w+", listing.read_text(), re.MULTILINE)
    coordinates = [":".join(parts) for parts in found]
    slf4j = next(parts[2] for parts in found if parts[:2] == ("org.slf4j", "slf4j-api"))
    return sorted([*coordinates, f"org.slf4j:slf4j-simple:{slf4j}"])


def line(coordinate: str, folder: Path) -> str:
    """One line of the lock."""
    content = fetch(coordinate, folder, lambda _: None).read_bytes()
    return f"{coordinate} {hashlib.sha256(content).hexdigest()} {len(content)}\n"


def main(version: str) -> None:
    """Write the lock."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(FETCH_THREADS) as threads:
        folder = Path(name)
        lines = list(threads.map(lambda coordinate: line(coordinate, folder), closure(version, folder)))
    LOCK.write_text(HEADER.format(version=version) + "".join(lines))
    sys.stderr.write(f"{len(lines)} jars in {LOCK}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
