"""A declared effect comes in; an empty SQLite file goes out, and later what is found in it.

SQLite has no wire: nothing is seen of it while the processor runs, and no crash is placed at it. The file is judged.
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

from .counting import seen_in_rows
from .schema_file import read_schema

BUSY_LIMIT_S = 5.0
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
        self._file = self._folder / f"{_UNSAFE.sub('_', name)}.sqlite"

    def reset(self) -> None:
        """Makes the trial's file anew, with the schema and nothing else in it.

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

    def remove(self) -> None:
        """Removes the file."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def placeholders(self, _host: str, _port: int) -> Mapping[str, str]:
        """The file's path; `{NAME.url}` is it as SQLAlchemy writes it."""
        return {self.name: str(self._file), f"{self.name}.url": f"sqlite:///{self._file}"}

    def seen(self, _events: Iterable[Event]) -> PlaceSeen:
        """Runs the effect's `observe` query.

        Raises:
            ConfigurationError: the query is refused, or does not answer with two columns.
        """
        with closing(self._open()) as connection:
            try:
                rows = connection.execute(self._effect.observe or "").fetchall()
            except sqlite3.Error as error:
                raise ConfigurationError(f"effects.{self.name}.observe was refused: {error}.") from None
        return seen_in_rows(self.name, self._effect.system, rows)

    def purge(self) -> int | None:
        """Runs the effect's `purge`; see `Forgetful`."""
        if self._effect.purge is None:
            return None
        with closing(self._open()) as connection:
            try:
                rows = connection.execute(self._effect.purge).rowcount
                connection.commit()
            except sqlite3.Error as error:
                raise ConfigurationError(f"effects.{self.name}.purge was refused: {error}.") from None
        return rows

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=BUSY_LIMIT_S)
