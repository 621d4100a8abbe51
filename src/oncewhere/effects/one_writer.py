"""Which places share a file that has one writer at a time: a run's places in; nothing, or a refusal, out.

A batch at such a place holds the file from its first effect until it is decided. Whatever else of the same run writes
to that file, or asks a journal in it, takes its lock on a connection of its own, and would wait for the batch, which
waits for it: a batch whose effects take turns at the two would never be decided. In which order the places decide does
not matter: a journal is asked before each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oncewhere.effects.place import Place


@runtime_checkable
class OneWriter(Protocol):
    """A place in a file that is written by one connection at a time."""

    @property
    def written_file(self) -> str:
        """The file, in the one spelling that all who mean it agree on."""


@runtime_checkable
class Journaled(Protocol):
    """A place whose calls or intents are kept in another place's database."""

    @property
    def journal(self) -> object | None:
        """Whose; None where its policy keeps none."""


def check_files(places: Iterable[Place[Any]]) -> None:
    """Refuses places of one run that would wait for each other.

    Args:
        places: all that the run uses.

    Raises:
        ConfigurationError: two of them, or one and the journal of another, are in one file.
    """
    used = list(places)
    holders: dict[str, str] = {}
    for place in used:
        if not isinstance(place, OneWriter):
            continue
        other = holders.setdefault(place.written_file, place.name)
        if other != place.name:
            raise ConfigurationError(
                f"Places {other!r} and {place.name!r} are in one file, {place.written_file}, which has one writer at a "
                "time: a batch that has an effect at both would wait for itself.",
                hint="Declare one place for both, or give each a file of its own.",
            )
    for place in used:
        journal = place.journal if isinstance(place, Journaled) else None
        if isinstance(journal, OneWriter) and (holder := holders.get(journal.written_file)) is not None:
            raise ConfigurationError(
                f"What policy {place.policy.name} of place {place.name!r} keeps is in the file of place {holder!r}, "
                f"{journal.written_file}, which has one writer at a time: a batch that has an effect at {holder!r} "
                "holds it until it is decided, and the journal would wait for it.",
                hint=f"Give the journal a file of its own: Sqlite('{place.name}-calls.db', name='calls', policy=…).",
            )
