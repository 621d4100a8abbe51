"""The wheel, in an environment of its own: what is installed is what a person gets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("pyproject.toml", "README.md", "LICENSE", "src", "examples")
LIGHT = ("click", "rich", "msgspec", "confluent_kafka", "markdown_it", "mdurl", "pygments")
"""What the core needs; the plain environment is given nothing else."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of the checkout is in the way."""
    source = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".venv", "build", "target", ".oncewhere")
    for name in COPIED:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=ignore)
        else:
            shutil.copy(here, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(source / "dist")]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=120)
    (found,) = (source / "dist").glob("*.whl")
    return found


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.endswith("-py3-none-any.whl"), "one wheel for Linux and macOS, x86_64 and arm64"
    for needed in ("stack/kafka.lock", "py.typed", "_demo/oncewhere.toml", "_demo/schema/ledger.sql"):
        assert f"oncewhere/{needed}" in names
    assert not [name for name in names if "tests/" in name or "__pycache__" in name or "/.oncewhere/" in name]
    (entry,) = [name for name in names if name.endswith("entry_points.txt")]
    told = zipfile.ZipFile(wheel).read(entry).decode()
    assert "oncewhere = oncewhere.cli:main" in told
    assert "oncewhere = oncewhere.pytest_plugin" in told


def test_the_core_alone_helps_runs_and_says_what_else_to_install(wheel: Path, tmp_path: Path) -> None:
    """No index is asked: the core's few dependencies come from this environment, and nothing else of it is there."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    (packages,) = (home / "lib").glob("python*/site-packages")
    for name in LIGHT:
        _lend(name, packages)
    zipfile.ZipFile(wheel).extractall(packages)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [home / "bin" / "python", "-m", "oncewhere", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    helped = run("--help")
    assert helped.returncode == 0, helped.stderr
    assert "pip install 'oncewhere[drill]'" in helped.stdout
    refused = run("drill", ".")
    assert (refused.returncode, "pip install 'oncewhere[drill]'" in refused.stderr) == (2, True)
    assert run("run", "nothing:app").returncode == 2
    shown = run("init", "--demo")
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "payments" / "oncewhere.toml").is_file()


def _lend(name: str, packages: Path) -> None:
    """A package of this environment, with what stands beside it."""
    here = Path(__import__(name).__file__ or "").parent
    (packages / here.name).symlink_to(here)
    libraries = here.parent / f"{here.name}.libs"
    if libraries.is_dir():
        (packages / libraries.name).symlink_to(libraries)


@pytest.mark.parametrize("file", ["Dockerfile", "examples/deploy/Dockerfile"])
def test_an_image_is_built_from_what_the_wheel_is_built_from(file: str) -> None:
    """No Docker runs here: what can be said without it is that nothing is missing."""
    lines = (ROOT / file).read_text().replace("\\\n", " ").splitlines()
    copied = {source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]}
    assert all((ROOT / source).exists() for source in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {*needed, "pyproject.toml", "README.md", "LICENSE", "src"} <= copied
