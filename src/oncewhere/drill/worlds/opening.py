"""A declared effect and the user's or the stack's server come in; the world of its system goes out, by one table.

Each system's module imports its driver, so it is imported here only when such an effect is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oncewhere.drill.effect import Effect
from oncewhere.errors import ConfigurationError

from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a world is made of.

    Attributes:
        name: the effect's name.
        effect: its declaration.
        folder: the declaration's folder.
        processor_identity: where the identity stands in the processor's input and output.
        dsn: the server's URL; None where none is there and a stand-in is used, or a file.
        tag: keeps what different versions and lanes make on one server apart.
    """

    name: str
    effect: Effect
    folder: Path
    processor_identity: str
    dsn: str | None
    tag: str

    @property
    def server(self) -> str:
        """The URL, where there must be one."""
        if self.dsn is None:
            raise ConfigurationError(
                f"effects.{self.name}: there is no {self.effect.system} server.",
                hint=f"Name one by --dsn {self.name}=…",
            )
        return self.dsn


def _postgresql(w: Wanted) -> World:
    from .postgresql import PostgresqlWorld  # noqa: PLC0415

    return PostgresqlWorld(w.name, w.effect, w.folder, w.server, w.tag)


def _mysql(w: Wanted) -> World:
    from .mysql import MysqlWorld  # noqa: PLC0415

    return MysqlWorld(w.name, w.effect, w.folder, w.server, w.tag)


def _redis(w: Wanted) -> World:
    from .redis import RedisWorld  # noqa: PLC0415

    return RedisWorld(w.name, w.effect, w.processor_identity, w.server)


def _http(w: Wanted) -> World:
    from .http import HttpWorld  # noqa: PLC0415

    return HttpWorld(w.name, w.effect, w.processor_identity, w.dsn)


def _smtp(w: Wanted) -> World:
    from .smtp import SmtpWorld  # noqa: PLC0415

    return SmtpWorld(w.name, w.effect, w.processor_identity, w.dsn)


def _sqlite(w: Wanted) -> World:
    from .sqlite import SqliteWorld  # noqa: PLC0415

    return SqliteWorld(w.name, w.effect, w.folder)


_WORLDS: dict[str, Callable[[Wanted], World]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "redis": _redis,
    "http": _http,
    "smtp": _smtp,
    "sqlite": _sqlite,
}


def open_world(wanted: Wanted) -> World:
    """Makes the world of an effect; nothing is touched before its `reset`.

    Raises:
        ConfigurationError: the declaration or the server's URL does not fit the system.
    """
    return _WORLDS[wanted.effect.system](wanted)
