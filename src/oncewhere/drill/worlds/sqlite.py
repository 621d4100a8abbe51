"""A declared effect comes in; an empty SQLite file goes out, and later what is found in it.

SQLite has no wire. Where the processor announces its steps (`wire.steps`), it can be killed at them like at any other
message; where it does not, no crash is placed at SQLite. The file is judged in either case.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event
from oncewhere.errors import ConfigurationError
from oncewhere.standins import Host, StepsStandIn
from oncewhere.wire.steps import StepsLink

from .counting import first_words, refused_observe, rows_forgotten, seen_in_rows
from .schema_file import read_schema
from .world import Server

BUSY_LIMIT_S = 5.0
LOOPBACK = "127.0.0.1"
_COLUMNS = """
    select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c
    where t.type = 'table' and t.name not like 'sqlite_%' order by t.name, c.cid
"""
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class SqliteWorld:
    """The file of one effect, in a temporary folder of its own.

    Args:
        name: the effect's name.
        effect: its declaration.
        folder: where the schema file's path starts.
    """

    def __init__(self, name: str, effect: Effect, folder: Path) -> None:
        self.name = name
        self._effect = effect
        self._schema = read_schema(name, effect, folder)
        self._folder = Path(tempfile.mkdtemp(prefix="oncewhere-"))
        self._host: Host | None = None
        self._port = 0
        self._file = self._folder / f"{_UNSAFE.sub('_', name)}.sqlite"

    def reset(self) -> Server:
        """Makes the trial's file anew, with the schema and nothing else in it; steps are announced to a port of ours.

        Raises:
            ConfigurationError: the schema is refused.
        """
        for file in self._folder.iterdir():  # its journals too
            file.unlink()
        with closing(self._open()) as connection:
            try:
                connection.executescript(self._schema)
            except sqlite3.Error as error:
                raise ConfigurationError(f"effects.{self.name}.schema was refused: {error}.") from None
        if self._host is None:
            self._host = Host()
            self._port = self._host.serve(StepsStandIn)
        return Server(host=LOOPBACK, port=self._port, link=StepsLink)

    def remove(self) -> None:
        """Removes the file."""
        if self._host is not None:
            self._host.close()
            self._host = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """The file's path; `{NAME.url}` is it as SQLAlchemy writes it, `{NAME.steps}` where steps are announced."""
        steps = f"{host}:{port}"
        return {self.name: str(self._file), f"{self.name}.url": f"sqlite:///{self._file}", f"{self.name}.steps": steps}

    def seen(self, _events: Iterable[Event]) -> PlaceSeen:
        """Runs the effect's `observe` query.

        Raises:
            ConfigurationError: the query is refused, or does not answer with two columns.
        """
        with closing(self._open()) as connection:
            try:
                rows = connection.execute(self._effect.observe or "").fetchall()
            except sqlite3.Error as error:
                columns = connection.execute(_COLUMNS).fetchall()
                raise refused_observe(self.name, str(error), columns) from None
        return seen_in_rows(self.name, self._effect.system, rows, compare=self._effect.compare is not None)

    @property
    def forgets(self) -> bool:
        """See `Forgetful`."""
        return self._effect.purge is not None

    def now(self) -> str:
        """The time as `datetime('now')` writes it, with milliseconds; see `Forgetful`."""
        with closing(self._open()) as connection:
            return str(connection.execute("select strftime('%Y-%m-%d %H:%M:%f', 'now')").fetchone()[0])

    def purge(self, cutoff: str) -> int | None:
        """Runs the effect's `purge`; see `Forgetful`."""
        statement = self._effect.purge_before(cutoff)
        with closing(self._open()) as connection:
            try:
                rows = connection.execute(statement).rowcount
                connection.commit()
            except sqlite3.Error as error:
                raise ConfigurationError(f"effects.{self.name}.purge was refused: {error}.") from None
        return rows_forgotten(zip(first_words(statement), [rows], strict=False))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=BUSY_LIMIT_S)
