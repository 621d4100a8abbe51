"""What a Python program says of itself by its calls; nothing is run, no server is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.project.kafka_names import KafkaNames
from oncewhere.project.python_sources import program_of
from oncewhere.project.survey import survey
from oncewhere.project.told import Told

LOYALTY = """
import os
import psycopg
from confluent_kafka import Consumer, Producer

OUTPUT = os.getenv("GRANTED_TOPIC", "points-granted")
consumer = Consumer({"bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"), "group.id": "loyalty"})
producer = Producer({"transactional.id": "loyalty-1"})
consumer.subscribe(["orders-placed"])
db = psycopg.connect(os.environ.get("LOYALTY_DB", "postgresql://loyalty:hunter2@localhost/loyalty"))
producer.produce(OUTPUT, key="7")
raise SystemExit("it was run")
"""
AIOKAFKA = """
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

consumer = AIOKafkaConsumer("orders", group_id="billing")
producer = AIOKafkaProducer()
socket.send("hello")
await producer.send_and_wait("invoices", b"")
"""


def test_a_program_without_any_settings_file_tells_all_that_a_drill_needs(tmp_path: Path) -> None:
    (tmp_path / "loyalty.py").write_text(LOYALTY)
    found = survey(tmp_path)
    assert found.names == KafkaNames(
        group=Told("loyalty", "loyalty.py (group.id)"),
        input=Told("orders-placed", "loyalty.py (subscribe)"),
        outputs=Told(("points-granted",), "loyalty.py (produce)"),
    )
    assert found.command == Told(("{python}", "loyalty.py"), "loyalty.py subscribes", sure=False)
    assert {v.name: v.text for v in found.variables} == {"KAFKA_BROKERS": "{kafka}", "LOYALTY_DB": "{loyalty}"}
    assert found.effects == {"loyalty": "postgresql"}
    assert found.told_by == ("loyalty.py",)
    assert "hunter2" not in repr(found), "a secret of the project is not copied"


def test_what_a_file_sets_counts_more_than_what_the_program_says(tmp_path: Path) -> None:
    (tmp_path / "loyalty.py").write_text(LOYALTY)
    (tmp_path / ".env").write_text("OUTPUT_TOPIC=points\nLOYALTY_DB=postgresql://db/points\n")
    found = survey(tmp_path)
    assert found.names.outputs is not None
    assert found.names.outputs.value == ("points",)
    assert found.names.input == Told("orders-placed", "loyalty.py (subscribe)")
    assert found.effects == {"points": "postgresql"}


def test_other_clients_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "billing.py").write_text(f"async def main():\n{AIOKAFKA.replace(chr(10), chr(10) + '    ')}")
    names = program_of(tmp_path).names
    assert names.group is not None
    assert names.input is not None
    assert names.outputs is not None
    assert (names.group.value, names.input.value, names.outputs.value) == ("billing", "orders", ("invoices",))


def test_of_several_programs_the_first_is_a_guess_that_names_the_others(tmp_path: Path) -> None:
    for name in ("audit.py", "loyalty.py"):
        (tmp_path / name).write_text(LOYALTY)
    (tmp_path / "test_loyalty.py").write_text(LOYALTY)
    program = program_of(tmp_path)
    assert program.command == Told(
        ("{python}", "audit.py"), "audit.py subscribes; there is loyalty.py as well", sure=False
    )
    assert program.names.input is not None
    assert not program.names.input.sure


@pytest.mark.parametrize("text", ["subscribe([", "print('no Kafka here')", 'os.environ.get(name, "localhost:9092")'])
def test_what_is_no_program_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.py").write_text(text)
    program = program_of(tmp_path)
    assert (program.file, program.command, program.names, dict(program.defaults)) == (None, None, KafkaNames(), {})


@pytest.mark.parametrize(("more", "group"), [("", "loyalty"), ('\nos.getenv("KAFKA_GROUP_ID")\n', "loyalty-eu")])
def test_a_group_in_the_code_counts_more_than_a_variable_that_it_does_not_read(
    tmp_path: Path, more: str, group: str
) -> None:
    (tmp_path / "loyalty.py").write_text(LOYALTY + more)
    (tmp_path / ".env").write_text("KAFKA_GROUP_ID=loyalty-eu\n")
    found = survey(tmp_path)
    assert found.names.group is not None
    assert found.names.group.value == group
    assert ("KAFKA_GROUP_ID" in {v.name for v in found.variables}) == (group == "loyalty-eu")
