"""One real MariaDB server on loopback: a folder in, `dsn(database)` out.

No wheel brings a MySQL or MariaDB server, so the programs are those of the operating system's package.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.processes import spawn
from oncewhere.stack import ports
from oncewhere.stack.folders import disk_full, writing_to
from oncewhere.stack.local_server import LocalServer
from oncewhere.stack.plain_user import PlainUser, plain_user
from oncewhere.stack.progress import Progress, Step, silent
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = "oncewhere"
INSTALL_TIMEOUT_S = 60.0
VERSION_TIMEOUT_S = 10.0
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
"""Where servers are installed, which a plain user's PATH often leaves out."""
_VERSION = re.compile(r"(\d+\.\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Programs:
    """The server, what makes its data, its version, and the plain user who runs them."""

    server: Path
    installer: Path
    version: str
    user: PlainUser


class MariadbServer(LocalServer):
    """A MariaDB server of our own, with one user, whose password is chosen at random; it listens on loopback only.

    Args:
        folder: where its data and log go; `stop` removes them.
        port: where clients connect; None: a free port.
        fsync: whether a commit waits for the disk; a drill that kills processes, not machines, may say no.
        progress: told what takes a moment.
    """

    name = "MariaDB"

    def __init__(
        self, folder: Path, *, port: int | None = None, fsync: bool = True, progress: Progress = silent
    ) -> None:
        super().__init__(folder, port=port, progress=progress)
        self.data = folder / "data"
        self._fsync = fsync
        self._password = secrets.token_hex(16)

    def dsn(self, database: str = "") -> str:
        """The address of a database, password included."""
        return f"mysql://{USER}:{self._password}@{ports.LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def prepare(self) -> str:
        """Makes the data folder, the first time."""
        self._programs = find_programs()
        if not (self.data / "mysql").exists():
            self._progress(Step(f"preparing MariaDB {self._programs.version}"))
            self._install(self._programs)
        return self._programs.version

    def command(self) -> Sequence[str]:
        """The server and its settings; nothing of the machine's own configuration is read."""
        programs = self._programs
        options = {
            "datadir": self.data,
            "bind-address": ports.LOOPBACK,
            "port": self.port,
            "socket": "socket",  # in the data folder: a long path would be refused
            "pid-file": "pid",
            "init-file": self._first_statements(programs),
            "innodb-buffer-pool-size": "32M",
            "innodb-log-file-size": "4M",
            "innodb-flush-log-at-trx-commit": 1 if self._fsync else 0,
            "max-connections": 100,
            "default-time-zone": "+00:00",
            "character-set-server": "utf8mb4",
        }
        given = [f"--{name}={value}" for name, value in options.items()]
        return [*programs.user.prefix, str(programs.server), "--no-defaults", *given, "--skip-name-resolve"]

    def _first_statements(self, programs: Programs) -> Path:
        """What the server runs before it accepts anybody: the only user who may come, with every right."""
        file = self.folder / "first.sql"
        with writing_to(self.folder):
            file.touch(mode=0o600)
            file.write_text(
                "delete from mysql.global_priv where User in ('root', '');\n"  # noqa: S608  # a password of our own, in hex
                "flush privileges;\n"
                f"create or replace user {USER}@'%' identified by '{self._password}';\n"
                f"grant all privileges on *.* to {USER}@'%' with grant option;\n"
            )
            programs.user.give_file(file)
        return file

    def _install(self, programs: Programs) -> None:
        log = self.folder / "install.log"
        with writing_to(self.folder):
            if programs.user.is_other:
                self.folder.chmod(0o711)
            self.data.mkdir(mode=0o700)
            programs.user.give(self.data)
        arguments = [
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=4M",
        ]
        child = spawn(
            [*programs.user.prefix, str(programs.installer), *arguments], stdout=log, stderr=log, cwd=Path("/")
        )
        code = child.finish(INSTALL_TIMEOUT_S)
        if code == 0:
            return
        said = tail(log)
        if NO_SPACE in said:
            raise disk_full(self.folder, said)
        ended = f"ended with {code}" if code is not None else f"took longer than {INSTALL_TIMEOUT_S:g} s"
        raise StackError(f"MariaDB's mariadb-install-db {ended}.", hint="It said what is below.", detail=said)


def find_programs() -> Programs:
    """Finds the programs of an installed MariaDB.

    Raises:
        ConfigurationError: there are none, or root has no way to become somebody else.
    """
    path = os.environ.get("PATH", os.defpath) + os.pathsep + _SYSTEM_FOLDERS
    server, installer = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if server is None or installer is None:
        raise ConfigurationError(
            "There is no MariaDB to start.",
            hint="Install it (as root: apt-get install -y --no-install-recommends mariadb-server), "
            "or name a MySQL or MariaDB of your own by a DSN.",
        )
    try:
        asked = subprocess.run(
            [server, "--no-defaults", "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
        found = _VERSION.search(asked.stdout)
    except (OSError, subprocess.TimeoutExpired):
        found = None
    version = found[1] if found else "of an unknown version"
    return Programs(Path(server), Path(installer), version, plain_user("MariaDB", Path(server)))
