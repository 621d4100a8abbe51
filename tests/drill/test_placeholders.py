"""A name that the drill does not fill in is told before a server starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from oncewhere.drill.placeholders import check_placeholders, names_of
from oncewhere.drill.worlds.world import Address
from oncewhere.errors import ConfigurationError


def version(text: str, *command: str) -> Any:
    environment = {"DATABASE_URL": text, "KAFKA": "{kafka}", "BANK": "{bank}"}
    processor = SimpleNamespace(command=list(command), environment=environment)
    effects = {"bank": SimpleNamespace(system="postgresql"), "file": SimpleNamespace(system="sqlite")}
    return SimpleNamespace(name="settlement", processor=processor, effects=effects)


@pytest.mark.parametrize("text", ["{bank.hots}", "jdbc:postgresql://{banc.host}/x", "{file.host}"])
def test_a_misspelt_name_is_told_with_where_it_stands(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"processor\.environment\.DATABASE_URL uses"):
        check_placeholders(version(text))
    with pytest.raises(ConfigurationError, match=r"processor\.command uses"):
        check_placeholders(version("", "java", text))


def test_every_name_that_the_drill_fills_in_may_stand_there() -> None:
    names = (*names_of("bank", "postgresql"), *names_of("file", "sqlite"), "kafka", "python", "instance")
    check_placeholders(version(" ".join(f"{{{name}}}" for name in names)))


def test_the_names_are_those_of_an_address() -> None:
    assert set(names_of("bank", "mysql")) == set(Address(scheme="mysql", host="h", port=1).placeholders("bank"))


@pytest.mark.parametrize(("place", "title"), [("kafka", "Kafka"), ("bank", "bank")])
def test_a_processor_that_is_not_told_where_a_server_is_would_work_on_another(place: str, title: str) -> None:
    untold = version("", "java")
    del untold.processor.environment[place.upper()]
    with pytest.raises(ConfigurationError, match=f"where the drill's {title} is"):
        check_placeholders(untold)
    untold.processor.environment["BANK_USER"] = "{bank.user} at {bank.host}"
    with pytest.raises(ConfigurationError, match=f"where the drill's {title} is"):
        check_placeholders(untold)
    untold.processor.command.append("--bank={bank.host}:{bank.port}" if place == "bank" else "--servers={kafka}")
    check_placeholders(untold)
