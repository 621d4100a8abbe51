# ruff: noqa: INP001  # a script, not a package
"""Say where `pip install oncewhere[all]` needs no compiler: the lock's pins in, a line for each platform out.

    .venv/bin/python tools/wheels.py

Needs uv, which asks the package index for what each pinned version is built for; nothing is downloaded or installed.
It ends with 1 where a platform that the project names has no wheel of something.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
NAMED = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS x86_64": "x86_64-apple-darwin",
    "macOS arm64": "aarch64-apple-darwin",
}
"""By the platform's name, uv's; glibc 2.28 is that of Debian 10 and RHEL 8."""
OTHERS = {"Alpine x86_64": "x86_64-unknown-linux-musl", "Windows x86_64": "windows"}
"""Platforms that the project does not name; what is missing there shows that this question can be answered with no."""
_PIN = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)([^\\\n]*)", re.MULTILINE)
_MISSING = re.compile(r"([\w.-]+)==[\w.]+ has no (?:usable )?wheels")


def pins(lock: str) -> str:
    """The lock as constraints, without its hashes."""
    return "".join(f"{name}=={version}{marker.rstrip()}\n" for name, version, marker in _PIN.findall(lock))


def missing(message: str) -> str:
    """What has no wheel, of uv's explanation; its own words where it names none."""
    names = list(dict.fromkeys(_MISSING.findall(" ".join(message.split()))))
    return ", ".join(names) or message.strip().splitlines()[-1]


def resolved(uv: str, platform: str, python: str, constraints: Path) -> tuple[int, str]:
    """How many packages are installed on a platform, all from wheels; 0 and what is missing where it cannot be."""
    command = [uv, "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header", "--no-annotate"]
    command += [
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--python-platform",
        platform,
        "--python-version",
        python,
    ]
    command += ["--extra", "all", "--constraints", str(constraints), str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.count("=="), "") if done.returncode == 0 else (0, missing(done.stderr))


def main() -> int:
    """Asks for each platform and each Python."""
    uv = shutil.which("uv")
    if uv is None:
        sys.stderr.write("uv is needed, and is not on the PATH.\n")
        return 2
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(pins((ROOT / "requirements.lock").read_text(encoding="utf-8")), encoding="utf-8")
        for name, platform in (NAMED | OTHERS).items():
            for python in PYTHONS:
                number, why = resolved(uv, platform, python, constraints)
                failed |= name in NAMED and not number
                told = f"{number} packages, all from wheels" if number else f"no wheel of {why}"
                sys.stdout.write(f"{name:<14} Python {python}  {told}\n")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
