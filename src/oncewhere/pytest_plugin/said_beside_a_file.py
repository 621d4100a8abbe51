"""What a test says beside the path of a declaration comes in; it is refused, with what to write instead.

The file declares the processor alone. What stood in the test beside it would change nothing, and a test whose deadline
or query is not heeded passes where it should fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from oncewhere.errors import ConfigurationError

STANDS_AT: Final[Mapping[str, str]] = {
    "inputs": "drill.inputs",
    "observe": "effects.NAME.observe",
    "schema": "effects.NAME.schema",
    "identity": "processor.identity",
    "output": "processor.output",
    "effects": "[effects.NAME]",
    "processor": "[processor]",
    "drill": "[drill]",
}
"""Where a declaration in a file holds what a test says with each argument."""


def refuse_beside_a_file(path: str, said: Mapping[str, Any]) -> None:
    """Refuses what a test says of a processor that a file declares.

    Args:
        path: of the declaration, as the test names it.
        said: the test's arguments by name; one that is None or empty says nothing.

    Raises:
        ConfigurationError: there is something; it names each argument, and where that stands in the file.
    """
    beside = [name for name in STANDS_AT if said.get(name) is not None and said[name] != {}]
    if not beside:
        return
    arguments = ", ".join(f"{name}=" for name in beside)
    places = ", ".join(dict.fromkeys(place for name in beside for place in _places(name, said[name])))
    raise ConfigurationError(
        f"oncewhere_drill({path!r}, …) takes what is declared from the file, and {arguments} would change nothing.",
        hint=f"Write it into the file ({places}). Or drill the processor without the file, by its Processor, "
        "'module:app' or command, and say all of it in the test.",
    )


def _places(name: str, given: Any) -> list[str]:
    """Where it stands in the file, as exactly as the test says it."""
    place = STANDS_AT[name]
    if not isinstance(given, Mapping):
        return [place]
    if "NAME" in place:
        return [place.replace("NAME", str(effect)) for effect in given]
    return [f"{place.strip('[]')}.{key}" for key in given]
