"""A build.gradle comes in; the command that starts what it builds goes out. Gradle is not started."""

from __future__ import annotations

import re
from pathlib import Path

from .jars import built_jar
from .told import Told

_NAME = re.compile(r"^\s*rootProject\.name\s*=\s*[\"']([^\"']+)", re.MULTILINE)
_VERSION = re.compile(r"^\s*version\s*=?\s*[\"']?([\w.-]+)", re.MULTILINE)
_FILE = re.compile(r"archiveFileName(?:\.set\(|\s*=)\s*[\"']([^\"'$]+\.jar)")
_SPRING = "org.springframework.boot"
_QUARKUS = "io.quarkus"
_SHADOW = re.compile(r"com\.(gradleup|github\.johnrengelman)\.shadow")
_APPLICATION = re.compile(r"id\s*\(?\s*[\"']application[\"']|^\s*application\s*$|mainClass", re.MULTILINE)


def command_of(file: Path) -> Told[tuple[str, ...]] | None:
    """The jar, or the start script, of what is built; None where neither is seen.

    Args:
        file: build.gradle or build.gradle.kts.
    """
    folder = file.parent
    built = built_jar(folder / "build" / "libs")
    text = file.read_text(encoding="utf-8", errors="replace")
    if _QUARKUS in text:
        return _told("build/quarkus-app/quarkus-run.jar", file, "build")
    if built is not None:
        return Told(("java", "-jar", f"build/libs/{built}"), "build/libs/ (it is built)")
    if match := _FILE.search(text):
        return _told(f"build/libs/{match[1]}", file, "build")
    name, version = _project_name(folder), _version(folder, text)
    if _SPRING in text:
        return _told(f"build/libs/{name}{version}.jar", file, "bootJar")
    if _SHADOW.search(text):
        return _told(f"build/libs/{name}{version}-all.jar", file, "shadowJar")
    if _APPLICATION.search(text):
        return Told((f"build/install/{name}/bin/{name}",), f"{file.name} (gradle installDist builds it)")
    return None


def _told(jar: str, file: Path, task: str) -> Told[tuple[str, ...]]:
    return Told(("java", "-jar", jar), f"{file.name} (gradle {task} builds it)")


def _project_name(folder: Path) -> str:
    for name in ("settings.gradle", "settings.gradle.kts"):
        settings = folder / name
        if settings.is_file() and (match := _NAME.search(settings.read_text(encoding="utf-8", errors="replace"))):
            return match[1]
    return folder.resolve().name


def _version(folder: Path, text: str) -> str:
    """With its dash; empty where nothing says one."""
    properties = folder / "gradle.properties"
    more = properties.read_text(encoding="utf-8", errors="replace") if properties.is_file() else ""
    match = _VERSION.search(text) or _VERSION.search(more)
    return f"-{match[1]}" if match else ""
