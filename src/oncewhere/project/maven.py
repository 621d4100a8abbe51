"""A pom.xml comes in; the command that starts what it builds goes out. Maven is not started."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from .jars import built_jar
from .told import Told

SIZE_LIMIT_BYTES = 1_000_000
ROUNDS_LIMIT = 5
"""So deep may a property name another."""
_REFERENCE = re.compile(r"\$\{([\w.-]+)\}")
_DEFAULTS = {"name": "${artifactId}", "build.directory": "target", "build.finalName": "${artifactId}-${version}"}
"""What stands in Maven's super POM, by its path."""
_QUARKUS = "quarkus-maven-plugin"
_SPRING = "spring-boot-maven-plugin"
_SHADE = "maven-shade-plugin"
_ASSEMBLY = "maven-assembly-plugin"


def command_of(file: Path) -> Told[tuple[str, ...]] | None:
    """`java -jar` and the jar that can be started; None where the project builds none.

    Args:
        file: the pom.xml.
    """
    pom = _Pom.read(file)
    if pom is None or pom.text("packaging") == "pom" or (pom.ending == "war" and not pom.starts):
        return None
    jar = f"{pom.directory}/{pom.jar}"
    if (file.parent / jar).is_file():
        return Told(("java", "-jar", jar), f"{file.name} (it is built)")
    if (found := built_jar(file.parent / pom.directory, pom.ending)) is not None:
        return Told(("java", "-jar", f"{pom.directory}/{found}"), f"{pom.directory}/ (it is built)")
    if pom.jar.endswith(f"-.{pom.ending}"):  # nothing says its version
        return None
    doubt = "" if pom.starts else "; no plugin is seen that lets java -jar start it"
    return Told(("java", "-jar", jar), f"{file.name} (mvn package builds it{doubt})", pom.starts)


class _Pom:
    """What of a pom.xml says how its jar is called."""

    def __init__(self, root: ET.Element) -> None:
        self._root = root
        self._plugins = {
            plugin.findtext("artifactId") or "": plugin for plugin in root.iterfind("build/plugins/plugin")
        }

    @classmethod
    def read(cls, file: Path) -> _Pom | None:
        """Without namespaces; None for what is no XML."""
        if file.stat().st_size > SIZE_LIMIT_BYTES:
            return None
        try:
            root = ET.fromstring(file.read_bytes())  # noqa: S314  # the project's own file; expat limits what entities grow to
        except ET.ParseError:
            return None
        for element in root.iter():
            element.tag = str(element.tag).rpartition("}")[2]
        return cls(root)

    def text(self, path: str, default: str = "") -> str:
        """What stands there, with properties filled in."""
        return self._resolved(self._root.findtext(path) or default)

    def _resolved(self, text: str) -> str:
        text = text.strip()
        for _ in range(ROUNDS_LIMIT):
            text, found = _REFERENCE.subn(lambda match: self._property(match[1]), text)
            if not found:
                break
        return text

    def _property(self, name: str) -> str:
        plain = name.removeprefix("project.").removeprefix("pom.")
        if plain in {"artifactId", "version"}:
            return (self._root.findtext(plain) or self._root.findtext(f"parent/{plain}") or "").strip()
        if plain == "basedir":
            return "."
        text = self._root.findtext(f"properties/{name}") or self._root.findtext(plain.replace(".", "/"))
        return (text or _DEFAULTS.get(plain, "")).strip()

    @property
    def directory(self) -> str:
        """Where it builds to."""
        return posixpath.normpath(self._resolved("${build.directory}"))

    @property
    def name(self) -> str:
        """Its jar's, without the ending."""
        return self._resolved("${build.finalName}")

    @property
    def ending(self) -> str:
        """What it builds: `jar`, or `war`, which Spring Boot makes such that it can be started."""
        return "war" if self.text("packaging") == "war" else "jar"

    @property
    def starts(self) -> bool:
        """True where a plugin makes a jar that `java -jar` can start."""
        if self.ending == "war":
            return _SPRING in self._plugins
        return bool({_QUARKUS, _SPRING} & self._plugins.keys()) or next(self._main_classes(), None) is not None

    def _main_classes(self) -> Iterator[ET.Element]:
        for name in (_SHADE, _ASSEMBLY, "maven-jar-plugin"):
            if (plugin := self._plugins.get(name)) is not None:
                yield from plugin.iter("mainClass")
                yield from plugin.iter("Main-Class")

    @property
    def jar(self) -> str:
        """The file's name, below the folder that it builds to."""
        if _QUARKUS in self._plugins:
            return "quarkus-app/quarkus-run.jar"
        if (classifier := self._attached()) is not None:
            return f"{self._final_name(_ASSEMBLY)}-{classifier}.{self.ending}"
        return f"{self._final_name(_SHADE, _ASSEMBLY)}.{self.ending}"

    def _final_name(self, *plugins: str) -> str:
        """The jar's name without the ending, as the first of some plugins gives it; else the project's."""
        found = (next(self._plugins[name].iter("finalName"), None) for name in plugins if name in self._plugins)
        named = next((element for element in found if element is not None), None)
        return self.name if named is None else self._filled(named)

    def _filled(self, element: ET.Element) -> str:
        return self._resolved(element.text or "")

    def _attached(self) -> str | None:
        """How the jar that can be started ends, where it stands beside the plain one."""
        if (boot := self._plugins.get(_SPRING)) is not None:
            classifier = next(boot.iter("classifier"), None)
            return None if classifier is None else self._filled(classifier)
        if (shade := self._plugins.get(_SHADE)) is not None:
            if next((e.text for e in shade.iter("shadedArtifactAttached")), "") != "true":
                return None
            named = next(shade.iter("shadedClassifierName"), None)
            return "shaded" if named is None else self._filled(named)
        if (assembly := self._plugins.get(_ASSEMBLY)) is not None:
            refs = [*assembly.iter("descriptorRef")]
            appended = next((e.text for e in assembly.iter("appendAssemblyId")), "") != "false"
            return self._filled(refs[0]) if refs and appended else None
        return None
