"""The deployment files against the code that they configure: limits, paths, exit codes and commands that must agree."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest

from oncewhere import StableOrdinal
from oncewhere.cli.run import run
from oncewhere.errors import ConfigurationError, FencedError
from oncewhere.runtime.health import Health, parse_address
from oncewhere.runtime.processor import DRAIN_TIMEOUT_S

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
CLOSE_MARGIN_S = 10  # for closing what is open when the time to drain is over


@pytest.fixture(scope="module")
def manifest() -> str:
    return (DEPLOY / "statefulset.yaml").read_text()


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "oncewhere@.service")
    return parser


@pytest.fixture(scope="module")
def dockerfile() -> dict[str, str]:
    """The last of each instruction."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def one(pattern: str, text: str) -> str:
    (found,) = re.findall(pattern, text, re.MULTILINE)
    return str(found)


def options(arguments: list[str]) -> dict[str, object]:
    """What the command line makes of them."""
    assert arguments[0] == "run"
    return run.make_context("run", arguments[1:]).params


def test_kubernetes_waits_for_longer_than_draining_takes(manifest: str) -> None:
    assert int(one(r"terminationGracePeriodSeconds: (\d+)", manifest)) >= DRAIN_TIMEOUT_S + CLOSE_MARGIN_S


def test_systemd_waits_for_longer_than_draining_takes(unit: configparser.ConfigParser) -> None:
    assert int(unit["Service"]["TimeoutStopSec"].removesuffix("s")) >= DRAIN_TIMEOUT_S + CLOSE_MARGIN_S


def test_systemd_does_not_restart_what_a_restart_cannot_mend(unit: configparser.ConfigParser) -> None:
    codes = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    assert codes == {ConfigurationError.exit_code, FencedError.exit_code}


def test_an_outage_of_any_length_leaves_no_unit_failed_and_is_not_hammered(unit: configparser.ConfigParser) -> None:
    # Source: systemd.unit(5), "set to 0 to disable any kind of rate limiting"; systemd.service(5), RestartSteps=.
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    service = unit["Service"]
    assert int(service["RestartSteps"]) > 0, "without steps the longest delay means nothing"
    assert (service["RestartSec"], service["RestartMaxDelaySec"]) == ("2s", "1min")


def test_the_probes_ask_paths_that_are_answered_at_the_port_that_is_open(manifest: str) -> None:
    health = Health(0)
    paths = re.findall(r"httpGet: \{path: (\S+), port: health\}", manifest)
    assert paths == ["/livez", "/readyz"]
    assert {health.answer(path).status for path in paths} <= {200, 503}
    address = parse_address(str(options(json.loads(one(r"args: (\[.*\])", manifest)))["health_port"]))
    assert address.port == int(one(r"containerPort: (\d+)", manifest))
    assert address.host == "0.0.0.0", "a kubelet cannot ask a loopback address"


def test_an_instance_is_named_after_its_pod(manifest: str) -> None:
    assert one(r"name: ONCEWHERE_INSTANCE\n\s+valueFrom: \{fieldRef: \{fieldPath: (\S+)\}\}", manifest) == (
        "metadata.name"
    )
    identity = StableOrdinal("settlement")
    assert identity.resolve({identity.variable: "settlement-3"}) == "settlement-3"


def test_an_instance_is_named_after_its_unit(unit: configparser.ConfigParser) -> None:
    identity = StableOrdinal("settlement")
    given = dict(pair.split("=") for pair in unit["Service"]["Environment"].replace("%i", "3").split())
    assert identity.resolve(given) == "settlement-3"
    assert unit["Service"]["WorkingDirectory"].startswith("/opt/")
    arguments = unit["Service"]["ExecStart"].replace("%i", "3").split()[1:]
    assert parse_address(str(options(arguments)["health_port"])).port == 8083


def test_the_image_gets_sigterm_itself_and_runs_as_nobody_special(dockerfile: dict[str, str], manifest: str) -> None:
    assert json.loads(dockerfile["ENTRYPOINT"]) == ["oncewhere"]  # a shell form is no JSON
    assert options(json.loads(dockerfile["CMD"])) == options(json.loads(one(r"args: (\[.*\])", manifest)))
    assert dockerfile["USER"].split(":")[0] == one(r"runAsUser: (\d+)", manifest) != "0"


def test_the_image_of_the_command_line_runs_as_whoever_it_was_built_for() -> None:
    text = (DEPLOY.parents[1] / "Dockerfile").read_text()
    assert one(r"^USER (\S+)", text) == "${USER_ID}:10001"
    assert one(r'useradd .*--uid "(\S+)"', text) == "$USER_ID"
    assert text.rindex("ARG USER_ID=10001") > text.rindex("FROM "), "an argument holds for its stage"
    guide = (DEPLOY.parents[1] / "docs" / "guides" / "docker-compose.md").read_text()
    for line in re.findall(r"docker (?:build|run) .*?(?= {3}|$)", text, re.MULTILINE):
        assert line in guide


def test_the_image_copies_what_the_processor_imports(dockerfile: dict[str, str]) -> None:
    *sources, target = dockerfile["COPY"].split()
    assert target == "./"
    root = DEPLOY.parents[1]
    copied = {(root / source).stem for source in sources if (root / source).is_file()}
    assert copied == {"settlement", "payments", "deployed"}


def test_every_line_that_matters_is_explained() -> None:
    readme = (DEPLOY / "README.md").read_text()
    files = {
        "statefulset.yaml": r"^\s*(podManagementPolicy|minReadySeconds|terminationGracePeriodSeconds|\w+Probe):",
        "oncewhere@.service": r"^(Type|Restart\w*|Kill\w+|Timeout\w+|StartLimit\w+|EnvironmentFile|DynamicUser)=",
        "Dockerfile": r"^(USER|ENTRYPOINT|STOPSIGNAL)",
    }
    for name, pattern in files.items():
        found = set(re.findall(pattern, (DEPLOY / name).read_text(), re.MULTILINE)) - {"KillSignal"}
        assert found
        assert not {line for line in found if line not in readme}, name
