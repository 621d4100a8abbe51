"""How a server that refuses to be root is run by root: a program in, what stands before each call of it out.

Root runs it in a user namespace of its own, where root's files belong to `nobody`; where such namespaces are off, as
the real `nobody`, who must then own the data and be able to reach it.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oncewhere.errors import ConfigurationError

NOBODY = 65534
_PROBE_TIMEOUT_S = 10.0
IN_NAMESPACE = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


@dataclass(frozen=True, slots=True)
class PlainUser:
    """Who runs a server's programs, and what stands before each call.

    Attributes:
        server: the server's name, for errors.
        prefix: nothing, unless we are root.
    """

    server: str
    prefix: tuple[str, ...]

    @property
    def is_other(self) -> bool:
        """Whether they run as a user who does not own our files and cannot enter our private folders."""
        return self.prefix == AS_NOBODY

    def give(self, folder: Path) -> None:
        """Make an empty folder belong to whoever runs the programs."""
        folder.chmod(0o700)
        if not self.is_other:
            return
        os.chown(folder, NOBODY, NOBODY)
        self._check_reachable(folder)

    def give_file(self, file: Path) -> None:
        """Likewise a file, which only they may read."""
        if self.is_other:
            os.chown(file, NOBODY, NOBODY)

    def _check_reachable(self, folder: Path) -> None:
        for parent in folder.resolve().parents:
            if not parent.stat().st_mode & 0o001:
                raise ConfigurationError(
                    f"{self.server} cannot run as root, and the user nobody cannot enter {parent}.",
                    hint="Run oncewhere as a plain user, or in a folder that everybody may enter.",
                )


def plain_user(server: str, program: Path) -> PlainUser:
    """Find a way to run a server's programs as a plain user.

    Args:
        server: the server's name, for errors.
        program: one that answers `--version`.

    Raises:
        ConfigurationError: we are root, and have no way to become somebody else.
    """
    if os.geteuid() != 0:
        return PlainUser(server, ())
    found = prefix_for(program)
    if found is None:
        raise ConfigurationError(
            f"{server} does not run as root, and neither unshare nor setpriv (util-linux) can make us somebody else "
            "here.",
            hint=f"Run oncewhere as a plain user, or name a {server} server of your own by a DSN.",
        )
    return PlainUser(server, found)


@functools.cache
def prefix_for(program: Path) -> tuple[str, ...] | None:
    """What root puts before a call of the program; None where there is no way."""
    for prefix in (IN_NAMESPACE, AS_NOBODY):
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
    return None
