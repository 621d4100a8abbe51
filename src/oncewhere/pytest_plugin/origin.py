"""A test and the servers that it used come in; where its run comes from, and what repeats it, goes out."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from oncewhere.cli.provenance import commit_of
from oncewhere.masking import masked_arguments
from oncewhere.report import Provenance, ServerOption

KAFKA_OPTION = "--oncewhere-kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The test that drills.

    Attributes:
        nodeid: as pytest calls it, seen from its rootdir.
        rootdir: of pytest.
        options: those of the plugin's that were given on the command line, with their values.
    """

    nodeid: str
    rootdir: Path
    options: tuple[tuple[str, str], ...] = ()

    @property
    def command(self) -> str:
        """What runs the test again, in the rootdir."""
        test, bracket, parameters = self.nodeid.partition("[")
        named = test + bracket + "".join(masked_arguments([parameters]))
        return shlex.join(["pytest", named, *masked_arguments(word for option in self.options for word in option)])

    def path_of(self, folder: Path | None) -> str:
        """The declaration, seen from the rootdir: its folder, or the file of the test that holds it.

        Args:
            folder: of a declaration in a file; None where the test is the declaration.
        """
        if folder is None:
            return self.nodeid.partition("::")[0]
        return os.path.relpath(folder, self.rootdir)

    def provenance(self, dsns: Iterable[str], declared_in: Path) -> Provenance:
        """Where the run that begins now comes from.

        Args:
            dsns: the effects for which the test names a server.
            declared_in: the declaration's folder.
        """
        kafka = [value for option, value in self.options if option == KAFKA_OPTION]
        return Provenance(
            command=self.command,
            repeat=self.command,
            project=self.rootdir.name,
            machine=platform.node(),
            commit=commit_of(declared_in),
            servers=(*(["kafka"] if kafka else []), *sorted(dsns)),
            options=tuple(ServerOption(flag=KAFKA_OPTION, value=value) for value in kafka),
        )
