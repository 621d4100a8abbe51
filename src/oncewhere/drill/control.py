"""A declaration and the versions to drill come in; the control goes out: a version that the same drill must turn red.

A drill that finds nothing proves something only if it would have found it. The control is the same processor with its
protection off: a version of the declaration, or another command with everything else the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oncewhere.errors import ConfigurationError

from .declaration import Declaration, Version

NAME = "control"


def with_control(declaration: Declaration, chosen: Sequence[Version]) -> tuple[list[Version], str]:
    """Adds the control to the versions that are drilled.

    Args:
        declaration: says what the control is (`drill.control`).
        chosen: the versions to drill.

    Returns:
        The versions, the control last; and its name.

    Raises:
        ConfigurationError: no control is declared, its version does not exist, or nothing else is to be drilled.
    """
    said = chosen[0].settings.control
    if said is None:
        raise ConfigurationError(
            "The declaration names no control.",
            hint='Say in [drill] which version has its protection off, control = "naive", or how to start one: '
            'control = ["java", "-jar", "settlement.jar", "--no-dedupe"].',
        )
    if isinstance(said, list):
        first = chosen[0]
        processor = msgspec.structs.replace(first.processor, command=said)
        about = f"the control: {first.name} with its protection off"
        control = msgspec.structs.replace(first, name=NAME, about=about, processor=processor, expect={})
        return [*chosen, control], NAME
    if said not in declaration.versions:
        raise ConfigurationError(
            f"drill.control names the version {said!r}, which the declaration does not have.",
            hint=f"It has {', '.join(declaration.versions)}.",
        )
    others = [version for version in chosen if version.name != said]
    if not others and len(declaration.versions) == 1:
        raise ConfigurationError(
            f"{said} is the control, and the declaration has no other version.",
            hint="Add the version that it is the control of, [versions.NAME], which may be empty but for `about`: "
            "[processor] alone is no version once there are versions.",
        )
    if not others:
        raise ConfigurationError(f"{said} is the control itself.", hint="Name a version that it is the control of.")
    return [*others, declaration.versions[said]], said


def but_the_control(declaration: Declaration) -> list[str]:
    """The names of the versions that somebody may mean who names none: all but the control; it alone where it is alone.

    Args:
        declaration: says which of its versions the control is, if one is.
    """
    others = [name for name, version in declaration.versions.items() if version.settings.control != name]
    return others or [*declaration.versions]
