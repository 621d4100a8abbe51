"""The examples in other languages: what each declares, and that the drill finds in each what its README says.

The whole of it takes some minutes and is `make languages`; the normal run drills one language at one crash.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.drill import Choice, Drill, Keyword, NamedCrash, Servers, Verdict, load

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer

EXAMPLES = Path(__file__).parents[2] / "examples"
TOOLS = {
    "go": ("go",),
    "java": ("java", "mvn"),
    "kafka-streams": ("java", "mvn"),
    "typescript": ("node", "npm"),
    "aiokafka": (),
    "quix-streams": (),
}
BUILD_LIMIT_S = 280
DRILL_LIMIT_S = 600
GAP = NamedCrash.AFTER_EFFECT
NO_ADDRESS = re.compile(
    r"http://(maven\.apache\.org/(POM|xsd)|www\.w3\.org)/"  # XML's names
    r"|jdbc:postgresql://\{"
    r'|"url": "https://[^"]+"'  # whom npm's packages ask to be funded by
)
PIN = re.compile(r"^[\w.\-\[\]]+==\S+.*(?:\n    --hash=sha256:\S+.*)+", re.MULTILINE)
ALL = os.environ.get("LANGUAGES") == "all"


@pytest.fixture(params=list(TOOLS))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_shows_the_gap_and_what_closes_it(language: str) -> None:
    declaration = load(EXAMPLES / language)
    unprotected, recorded = declaration.versions["unprotected"], declaration.versions["recorded"]
    assert unprotected.expect == {GAP: {"bank": Verdict.DUPLICATE}}
    assert recorded.expect == {}
    assert recorded.effects["bank"].policy == "dedupe row with the recorded output"
    assert unprotected.effects["bank"].policy == "none"


def test_what_each_declaration_names_is_there_or_is_built(language: str) -> None:
    declaration = load(EXAMPLES / language)
    folder = declaration.folder
    dry = subprocess.run(["make", "-n", "-B", "build"], cwd=folder, capture_output=True, text=True, check=True)
    assert dry.stdout.strip()
    for version in declaration.versions.values():
        program, *arguments = version.processor.command
        assert program.startswith("build/") or program in TOOLS[language]
        for argument in arguments:
            if argument.endswith((".py", ".sql")):
                assert (folder / argument).is_file()
        assert (folder / str(version.effects["bank"].schema)).is_file()
        assert (folder / version.settings.inputs[1]).is_file()


def test_every_version_that_is_used_is_pinned_and_no_file_names_an_address(language: str) -> None:
    folder = EXAMPLES / language
    files = [*folder.iterdir(), *(folder / "src").rglob("*")]
    texts = {file.name: file.read_text() for file in files if file.is_file()}
    for name, text in texts.items():
        assert "://" not in NO_ADDRESS.sub("", text), name
        assert '"resolved"' not in text, name
    if "requirements.txt" in texts:
        requirements = texts["requirements.txt"]
        assert len(PIN.findall(requirements)) == len(re.findall(r"^\w", requirements, re.MULTILINE)) > 0
    if "package.json" in texts:
        package = json.loads(texts["package.json"])
        for version in (package["dependencies"] | package["devDependencies"]).values():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        locked = json.loads(texts["package-lock.json"])["packages"]
        assert all("integrity" in entry for name, entry in locked.items() if name)
    if "pom.xml" in texts:
        versions = re.findall(r"<version>(.*?)</version>", texts["pom.xml"])
        artifacts = re.findall(r"<artifactId>", texts["pom.xml"])
        assert len(versions) == len(artifacts)
        assert all(re.fullmatch(r"[\d.]+", version) for version in versions)


@pytest.mark.servers
@pytest.mark.timeout(BUILD_LIMIT_S + DRILL_LIMIT_S)
@pytest.mark.parametrize("name", list(TOOLS) if ALL else ["go"])
def test_the_drill_finds_in_it_what_its_readme_says(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer, name: str
) -> None:
    build(name)
    declaration = load(EXAMPLES / name)
    versions = list(declaration.versions.values())
    result = asyncio.run(
        Drill(
            declaration,
            versions=versions if ALL else [v for v in versions if v.name in {"unprotected", "recorded"}],
            choice=Choice(keyword=Keyword("" if ALL else GAP)),
            servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"bank": postgres.dsn("postgres")})],
            folder=tmp_path,
            recreate_topics=False,
            demonstration=True,
            listener=lambda _event: None,
        ).run()
    )
    assert [surprise for version in result.versions for surprise in version.surprises] == []
    for version in result.versions:
        assert len(version.crashes) == (3 if ALL else 1)
        for trial in version.crashes:
            assert trial.reached, "nothing was killed"


def build(name: str) -> None:
    """Builds it with its own tools; on CI they must be there."""
    missing = [tool for tool in TOOLS[name] if shutil.which(tool) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{', '.join(missing)} is not installed")
    assert not missing
    built = subprocess.run(
        ["make", "build"],
        cwd=EXAMPLES / name,
        env={name: text for name, text in os.environ.items() if not name.startswith("MAKE")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_LIMIT_S,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-4000:]
