"""`oncewhere init`: what a project tells is not asked, and what is written is a declaration that loads."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from typed_command import command

from oncewhere.drill import load
from oncewhere.drill.worlds.schema_file import read_schema
from oncewhere.project.events import identities
from oncewhere.project.survey import survey
from oncewhere.project.variables import read

POM = "<project><groupId>x</groupId><artifactId>settlement</artifactId><version>1.2</version></project>"
COMPOSE = """
services:
  settlement:
    build: .
    environment:
      KAFKA_BOOTSTRAP_SERVERS: kafka:9092
      DATABASE_URL: jdbc:postgresql://db:5432/bank
      DATABASE_USER: bank
      DATABASE_PASSWORD: secret
      LOG_LEVEL: info
  db:
    image: postgres:18
    environment: [POSTGRES_PASSWORD=x, KAFKA_BROKERS=other:9092]
"""
SCHEMA = """
-- what was settled
create table if not exists settlement (
  event_id varchar(64) not null, -- the event
  amount numeric(14, 2)
);
"""
TOPICS = ("--input", "payment-authorized", "--output", "payment-settled")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pom.xml").write_text(POM)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "schema.sql").write_text(SCHEMA)
    return tmp_path


def test_what_the_project_tells_stands_in_the_declaration(project: Path, typed) -> None:
    done = typed("init", "--yes", *TOPICS)
    assert done.returncode == 0, done.stderr
    assert "Looked at pom.xml, compose.yaml, db/schema.sql." in done.stderr
    assert "# from compose.yaml" in (project / "oncewhere.toml").read_text()
    assert done.stdout.splitlines()[-1] == (
        "Next: put the fields that your processor reads into inputs.jsonl, then oncewhere drill ."
    )
    (version,) = load(project).versions.values()
    assert version.processor.command == ["java", "-jar", "target/settlement-1.2.jar"]
    assert version.processor.environment == {
        "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
        "DATABASE_URL": "jdbc:postgresql://{bank.host}:{bank.port}/{bank.database}",
        "DATABASE_USER": "{bank.user}",
        "DATABASE_PASSWORD": "{bank.password}",
    }
    bank = version.effects["bank"]
    assert (bank.system, bank.schema) == ("postgresql", "db/schema.sql")
    assert bank.observe == "select event_id, count(*) from settlement group by event_id"
    assert "secret" not in (project / "oncewhere.toml").read_text(), "a secret of the project is not copied"
    assert len((project / "inputs.jsonl").read_text().splitlines()) == 60


def test_migrations_are_declared_in_their_order(project: Path, typed) -> None:
    (project / "db" / "schema.sql").rename(project / "db" / "V1__settlement.sql")
    (project / "db" / "V2__note.sql").write_text("alter table settlement add column note text;")
    done = typed("init", "--yes", *TOPICS)
    assert done.returncode == 0, done.stderr
    bank = next(iter(load(project).versions.values())).effects["bank"]
    assert bank.schema == ["db/V1__settlement.sql", "db/V2__note.sql"]
    text = read_schema("bank", bank, project)
    assert text.index("create table") < text.index("alter table")


def test_a_declaration_is_not_written_over(project: Path, typed) -> None:
    assert typed("init", "--yes", *TOPICS).returncode == 0
    again = typed("init", "--yes", *TOPICS)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    assert typed("init", "--yes", "--force", *TOPICS).returncode == 0


@pytest.mark.parametrize("name", ["my.bank", "bänk", "kafka", "instance", ""])
def test_an_effect_that_cannot_be_called_so_leaves_nothing_behind(project: Path, typed, name: str) -> None:
    done = typed("init", "--yes", *TOPICS, "--effect", f"{name}=postgresql")
    assert done.returncode == 2
    assert f"an effect cannot be named {name!r}" in done.stderr
    assert not (project / "oncewhere.toml").exists()
    assert not (project / "inputs.jsonl").exists()


def test_a_misspelt_system_is_answered_with_the_nearest(project: Path, typed) -> None:
    done = typed("init", "--yes", *TOPICS, "--effect", "bank=postgres")
    assert done.returncode == 2
    assert "Did you mean bank=postgresql?" in done.stderr
    assert not (project / "oncewhere.toml").exists()


def test_what_a_drill_would_refuse_is_not_written(project: Path, typed) -> None:
    (project / "oncewhere.toml").write_text("# mine")
    done = typed("init", "--yes", "--force", "--input", "in", "--output", ",", "--command", " ")
    assert done.returncode == 2, done.stdout
    assert "processor.command is empty" in done.stderr
    assert (project / "oncewhere.toml").read_text() == "# mine"
    assert not (project / "inputs.jsonl").exists()


def test_what_nobody_says_is_asked_for_by_its_flag(project: Path, typed) -> None:
    done = typed("init", "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--input payment-authorized --output payment-settled" in done.stderr, "all that is missing, at once"
    assert not (project / "oncewhere.toml").exists()


def answered(project: Path, said: bytes) -> subprocess.CompletedProcess[str]:
    """`init` on a terminal at which a person types."""
    ours, theirs = pty.openpty()
    os.write(ours, said)
    done = subprocess.run(
        command("init"), cwd=project, stdin=theirs, capture_output=True, text=True, timeout=200, check=False
    )
    os.close(ours)
    return done


def test_on_a_terminal_the_rest_is_asked(project: Path) -> None:
    done = answered(project, b"\npayment-authorized\npayment-settled\n\nevent_id\ndedupe-table\n")
    assert done.returncode == 0, done.stderr
    (version,) = load(project).versions.values()
    assert (version.processor.group, version.effects["bank"].policy) == (project.name, "dedupe-table")


def test_a_processor_written_with_the_library_is_found(tmp_path: Path, typed) -> None:
    (tmp_path / "settlement.py").write_text(
        "from oncewhere import OffsetLedger, Postgres, Processor, effect\n"
        "bank = Postgres('postgresql://prod/bank', name='bank', policy=OffsetLedger())\n"
        "app = Processor({'bootstrap.servers': 'prod:9092'}, group_id='settlement', transactional_id='settlement-0')\n"
        "@effect(bank)\n"
        "def settle(db, value: bytes) -> None: ...\n"
        "@app.consume('payment-authorized', bytes)\n"
        "def handle(record, tx):\n"
        "    tx.run(settle, record.value)\n"
        "    tx.produce('payment-settled', record.value)\n"
    )
    (tmp_path / "schema.sql").write_text(SCHEMA)
    done = typed("init", "--yes")
    assert done.returncode == 0, done.stderr
    (version,) = load(tmp_path).versions.values()
    assert (version.processor.group, version.processor.output) == ("settlement", ["payment-settled"])
    assert version.effects["bank"].policy == "offset-ledger"


def test_inputs_have_the_fields_of_the_type_that_is_consumed(tmp_path: Path, typed) -> None:
    (tmp_path / "settlement.py").write_text(
        "import dataclasses, datetime\n"
        "from oncewhere import OffsetLedger, Postgres, Processor, effect\n"
        'bank = Postgres("postgresql://prod/bank", name="bank", policy=OffsetLedger())\n'
        'app = Processor({"bootstrap.servers": "prod:9092"}, group_id="settlement", transactional_id="settlement-0")\n'
        "@dataclasses.dataclass\n"
        "class Authorized:\n"
        "    cents: int\n"
        "    payment_id: str\n"
        "    at: datetime.datetime\n"
        "@effect(bank)\n"
        "def settle(db, payment: Authorized) -> None: ...\n"
        '@app.consume("payment-authorized", Authorized)\n'
        "def on_payment(record, tx) -> None:\n"
        "    tx.run(settle, record.value)\n"
        '    tx.produce("payment-settled", record.value)\n'
    )
    (tmp_path / "schema.sql").write_text("create table account (id text); create table settlement (payment_id text);")
    done = typed("init", "--yes")
    assert done.returncode == 0, done.stderr
    assert "records with the fields that its type has" in done.stdout
    declared = load(tmp_path).versions[tmp_path.name]
    assert declared.processor.identity == "payment_id", "schema.sql has an id, and the type has none"
    assert declared.effects["bank"].observe == "select payment_id, count(*) from settlement group by payment_id"
    records = [json.loads(line)["value"] for line in (tmp_path / "inputs.jsonl").read_text().splitlines()]
    assert records[0] == {"payment_id": "event-001", "cents": 1, "at": "2026-01-01T00:00:00Z"}
    assert len({record["payment_id"] for record in records}) == len(records) == 60


def test_what_the_code_tells_events_apart_by_is_not_guessed(tmp_path: Path, typed) -> None:
    (tmp_path / "loyalty.py").write_text(
        "from oncewhere import DedupeTable, Postgres, Processor, effect\n"
        'shop = Postgres("postgresql://prod/shop", name="shop", policy=DedupeTable("processed_event"))\n'
        'app = Processor({"bootstrap.servers": "prod:9092"}, group_id="loyalty", transactional_id="loyalty-0")\n'
        "@effect(shop)\n"
        "def give(db, order: dict) -> None: ...\n"
        '@app.consume("orders", dict, identity="order_id")\n'
        "def on_order(record, tx) -> None:\n"
        "    tx.run(give, record.value)\n"
        '    tx.produce("points", record.value)\n'
    )
    (tmp_path / "schema.sql").write_text("create table points (order_id text, points int);")
    done = typed("init", str(tmp_path), "--yes")
    assert done.returncode == 0, done.stderr
    declared = load(tmp_path).versions[tmp_path.name]
    assert declared.processor.identity == "order_id"
    assert declared.effects["shop"].observe == "select order_id, count(*) from points group by order_id"
    assert '"order_id": "event-001"' in (tmp_path / "inputs.jsonl").read_text()
    assert "# from loyalty.py (identity)" in (tmp_path / "oncewhere.toml").read_text()
    assert "Guessed" not in done.stdout + done.stderr


REFUNDS = """
import json, os
import psycopg
from confluent_kafka import Consumer, Producer

consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "refunds"})
consumer.subscribe(["refund-requested"])
db = psycopg.connect(os.environ["DATABASE_URL"])
while True:
    r = json.loads(consumer.poll().value())
    db.execute("insert into refund values (%s, %s, %s)", (r["refund_id"], r["customer_id"], r.get("amount")))
    Producer({}).produce("refund-made", r["refund_id"])
"""


def test_the_identity_is_the_field_that_the_code_reads_and_the_table_keeps(tmp_path: Path, typed) -> None:
    (tmp_path / "refunds.py").write_text(REFUNDS)
    (tmp_path / "schema.sql").write_text("create table refund (refund_id text, customer_id text, amount int);")
    done = typed("init", "--yes", "--effect", "refunds=postgresql")
    assert done.returncode == 0, done.stderr
    (version,) = load(tmp_path).versions.values()
    assert version.processor.identity == "refund_id"
    assert version.effects["refunds"].observe == "select refund_id, count(*) from refund group by refund_id"
    assert '"refund_id": "event-001"' in (tmp_path / "inputs.jsonl").read_text()
    assert (
        "a guess: refunds.py reads it, schema.sql has a column refund_id" in (tmp_path / "oncewhere.toml").read_text()
    )
    assert "no table" not in done.stdout


def test_where_the_tables_do_not_know_the_identity_it_is_looked_at_first(tmp_path: Path, typed) -> None:
    (tmp_path / "refunds.py").write_text(REFUNDS)
    (tmp_path / "schema.sql").write_text("create table refund (refund_id text, customer_id text, amount int);")
    done = typed("init", "--yes", "--effect", "refunds=postgresql", "--identity", "event_id")
    assert "has a column event_id that the processor writes. Look at processor.identity first" in done.stdout


def test_the_demonstration_stands_ready(tmp_path: Path, typed) -> None:
    done = typed("init", "--demo")
    assert done.returncode == 0, done.stderr
    assert "Next: cd payments && oncewhere drill" in done.stdout
    assert list(load(tmp_path / "payments").versions) == ["naive", "skip", "dedupe-table", "offset-ledger", "plain"]
    assert typed("init", "--demo").returncode == 2, "nothing is written over"


ASYNCPG = "postgresql+asyncpg://{bank.user}:{bank.password}@{bank.host}:{bank.port}/{bank.database}"


@pytest.mark.parametrize(
    ("name", "value", "text", "effect"),
    [
        ("KAFKA_BROKERS", "a:9092,b:9092", "{kafka}", None),
        ("DATABASE_URL", "postgresql://u:p@db/bank", "{bank}", "bank"),
        ("DB_URI", "postgresql+asyncpg://u:p@db/bank", ASYNCPG, "bank"),
        ("LEDGER_DSN", "mysql://u:p@db/", "{ledger}", "ledger"),
        ("CACHE_URL", "redis://cache:6379/0", "{cache}", "cache"),
        ("GATEWAY_URL", "https://gateway.example/v1", "{gateway}", "gateway"),
        ("KAFKA_URL", "http://proxy.example", "{kafka_place}", "kafka_place"),
    ],
)
def test_an_address_becomes_a_placeholder(name: str, value: str, text: str, effect: str | None) -> None:
    found = read(name, value)
    assert found is not None
    assert (found.text, found.effect) == (text, effect)


@pytest.mark.parametrize(
    ("name", "value"), [("LOG_LEVEL", "info"), ("SCHEMA_REGISTRY_URL", "http://registry:8081"), ("PATH", "/bin:/sbin")]
)
def test_what_is_no_address_of_an_effect_stays_as_it_is(name: str, value: str) -> None:
    assert read(name, value) is None


def started(folder: Path) -> tuple[str, ...] | None:
    found = survey(folder).command
    return None if found is None else found.value


def test_other_builds_tell_their_programs_too(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.org/pay/settlement\n")
    assert started(tmp_path) == ("./settlement",)
    (tmp_path / "go.mod").unlink()
    (tmp_path / "package.json").write_text('{"scripts": {"start": "node dist/main.js"}}')
    assert started(tmp_path) == ("node", "dist/main.js")


def test_sources_tell_the_names_of_variables_where_no_file_sets_them(tmp_path: Path, typed) -> None:
    (tmp_path / "pom.xml").write_text(POM)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Main.java").write_text(
        'var servers = System.getenv("KAFKA_BOOTSTRAP_SERVERS"); var url = System.getenv("DATABASE_URL");\n'
        'var user = System.getenv("DATABASE_USER"); var home = System.getenv("HOME");\n'
    )
    done = typed("init", "--yes", *TOPICS, "--effect", "bank=postgresql")
    assert done.returncode == 0, done.stderr
    (version,) = load(tmp_path).versions.values()
    assert version.processor.environment == {
        "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
        "DATABASE_URL": "jdbc:postgresql://{bank.host}:{bank.port}/{bank.database}",
        "DATABASE_USER": "{bank.user}",
    }
    assert "Guessed, so look at: " in done.stdout
    assert "Looked at pom.xml, src/Main.java." in done.stderr
    assert "# a guess from its name, which src/Main.java reads" in (tmp_path / "oncewhere.toml").read_text()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("main.go", 'os.Getenv("REDIS_URL")'),
        ("main.ts", "process.env.REDIS_URL"),
        ("main.py", 'os.environ["REDIS_URL"]'),
        ("main.rs", 'std::env::var("REDIS_URL")'),
        ("application.yaml", "url: ${REDIS_URL:redis://localhost}"),
    ],
)
def test_each_language_is_read(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    (found,) = survey(tmp_path).variables
    assert (found.name, found.text, found.system) == ("REDIS_URL", "{redis}", "redis")


def test_the_identity_and_the_query_are_proposed_from_what_is_there(project: Path, typed) -> None:
    (project / "db" / "schema.sql").write_text("create table points_granted (order_id text, points int);")
    lines = (f'{{"key": "k", "value": {{"customer": "c{n % 2}", "order_id": "o-{n}"}}}}' for n in range(3))
    (project / "orders.jsonl").write_text("\n".join(lines))
    done = typed("init", "--yes", *TOPICS)
    assert done.returncode == 0, done.stderr
    (version,) = load(project).versions.values()
    assert version.processor.identity == "order_id"
    assert version.effects["bank"].observe == "select order_id, count(*) from points_granted group by order_id"
    assert "mend" not in done.stdout


def test_a_jar_is_called_as_the_build_calls_it(tmp_path: Path) -> None:
    (tmp_path / "pom.xml").write_text(POM.replace("</project>", "<build><finalName>app</finalName></build></project>"))
    assert started(tmp_path) == ("java", "-jar", "target/app.jar")


def test_an_identity_that_the_inputs_do_not_have_is_told_at_once(project: Path, typed) -> None:
    (project / "orders.jsonl").write_text('{"value": {"order_id": "o-1", "customer": "c"}}\n')
    done = typed("init", "--yes", "--identity", "event_id", *TOPICS)
    assert done.returncode == 0, done.stderr
    assert "record 1 carries no identity by processor.identity = 'event_id'" in done.stdout
    assert "It has the fields order_id, customer." in done.stdout


def test_an_empty_answer_is_told_why_it_will_not_do(project: Path) -> None:
    done = answered(project, b"\n\npayment-authorized\npayment-settled\n\nevent_id\ndedupe-table\n")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be left empty. For example: payment-authorized") == 1


def test_a_policy_that_is_nearly_one_is_asked_for_again(project: Path) -> None:
    done = answered(project, b"\npayment-authorized\npayment-settled\n\nevent_id\ndedup-table\n\n")
    assert done.returncode == 0, done.stderr
    assert "No policy is called dedup-table; did you mean dedupe-table? There are offset-ledger, dedupe" in done.stderr
    (version,) = load(project).versions.values()
    assert version.effects["bank"].policy == "dedupe-table"


def test_where_the_answers_end_the_question_is_named_and_its_flag(project: Path) -> None:
    done = answered(project, b"\n\x04")
    assert (done.returncode, done.stdout) == (2, "")
    assert "The topic that it consumes was not answered, so nothing was written." in done.stderr
    assert "--input" in done.stderr.splitlines()[-1]
    assert not (project / "oncewhere.toml").exists()


def test_an_interrupt_at_a_question_is_one(project: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command("init"), cwd=project, stdin=theirs, stderr=subprocess.PIPE) as asked:
        assert asked.stderr is not None
        told = b""
        while b"How the processor is started" not in told:
            told += os.read(asked.stderr.fileno(), 4096)
        while asked.poll() is None:  # Python may hear a signal only at the next, where it came right before a read
            asked.send_signal(signal.SIGTERM)  # ends as Ctrl-C does, also where a shell has that one ignored
            with contextlib.suppress(subprocess.TimeoutExpired):
                asked.wait(1)
        last = asked.stderr.read().decode()
    os.close(ours)
    assert asked.returncode == 130
    assert last.splitlines()[-1] == "Interrupted; nothing was written, and nothing started."
    assert not (project / "oncewhere.toml").exists()


def test_what_tells_events_apart_is_in_every_record_and_never_twice(tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    values = [{"a": 1, "b_id": "x", "c": n, "d": f"d{n}", "e": None} for n in range(2)]
    file.write_text("\n".join(json.dumps({"key": str(n), "value": v}) for n, v in enumerate(values)))
    assert identities(file) == ("c", "d", "key")
    assert identities(file, {"d"}) == ("d", "c", "key")
    file.write_text("no json")
    assert identities(file) == ()


SETTINGS = """
      GROUP_ID: settlement
      INPUT_TOPIC: payment-authorized
      OUTPUT_TOPIC: payment-settled
"""


def test_what_a_file_says_is_not_asked_and_has_its_source_beside_it(project: Path) -> None:
    (project / "compose.yaml").write_text(COMPOSE.replace("\n      LOG_LEVEL: info\n", SETTINGS))
    done = answered(project, b"java -jar build/mine.jar\n\ndedupe-table\n")
    assert done.returncode == 0, done.stderr
    assert "How the processor is started (a guess: pom.xml (mvn package builds it; no plugin is seen" in done.stderr
    assert "topic" not in done.stderr, "what the Compose file says is not asked"
    lines = [line.split("     # ") for line in (project / "oncewhere.toml").read_text().splitlines()]
    told = {line[0].strip(): line[1] if len(line) > 1 else "" for line in lines}
    assert told['group    = "settlement"'] == "from compose.yaml (GROUP_ID)"
    assert told['input    = "payment-authorized"'] == "from compose.yaml (INPUT_TOPIC)"
    assert told['command  = ["java", "-jar", "build/mine.jar"]'] == "", "what a person said needs no source"
    (version,) = load(project).versions.values()
    assert version.processor.environment["GROUP_ID"] == "settlement", "the processor is given it as well"


INVOICES = """
create table customer (customer_id text primary key, owed numeric);
create table invoice (invoice_id bigserial primary key, order_id text, total numeric);
create table processed_order (order_id text primary key);
"""


def test_a_query_that_follows_from_a_guessed_identity_is_to_be_looked_at_as_well(project: Path, typed) -> None:
    (project / "db" / "schema.sql").write_text(INVOICES)
    done = typed("init", "--yes", *TOPICS)
    assert done.returncode == 0, done.stderr
    (version,) = load(project).versions.values()
    assert version.processor.identity == "order_id"
    assert version.effects["bank"].observe == "select order_id, count(*) from invoice group by order_id"
    (guessed,) = (line for line in done.stdout.splitlines() if line.startswith("Guessed"))
    assert "processor.identity, " in guessed
    assert "effects.bank.observe" in guessed
    assert "cannot show" not in done.stdout


def test_a_count_that_cannot_show_a_second_time_is_told(project: Path, typed) -> None:
    (project / "db" / "schema.sql").write_text("create table settlement (event_id text primary key, amount int);")
    done = typed("init", "--yes", *TOPICS)
    assert (
        "bank: settlement keeps one row for each event_id, so a count by it cannot show a second time." in done.stdout
    )


TWO_SERVICES = """
services:
  a-backfill:
    build: .
    environment: {KAFKA_BOOTSTRAP_SERVERS: "kafka:9092", GROUP_ID: backfill}
  billing:
    build: .
    environment:
      KAFKA_BOOTSTRAP_SERVERS: kafka:9092
      BILLING_URL: jdbc:postgresql://db:5432/billing
      BILLING_USER: billing
      BILLING_PASSWORD: secret
"""
BILLING = """
props.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
props.put(ConsumerConfig.GROUP_ID_CONFIG, "billing");
var url = System.getenv().getOrDefault("BILLING_URL", "jdbc:postgresql://localhost/billing");
DriverManager.getConnection(url, System.getenv("BILLING_USER"), System.getenv("BILLING_PASSWORD"));
"""


def test_of_services_that_are_built_alike_the_one_is_taken_whose_variables_the_code_reads(project: Path, typed) -> None:
    (project / "compose.yaml").write_text(TWO_SERVICES)
    (project / "Main.java").write_text(BILLING)
    done = typed("init", "--yes", *TOPICS)
    assert done.returncode == 0, done.stderr
    assert "Took billing of compose.yaml; it builds a-backfill as well: a processor has a file of its own." in (
        done.stdout.splitlines()
    )
    (version,) = load(project).versions.values()
    assert version.processor.group == "billing"
    assert version.processor.environment == {
        "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
        "BILLING_URL": "jdbc:postgresql://{billing.host}:{billing.port}/{billing.database}",
        "BILLING_USER": "{billing.user}",
        "BILLING_PASSWORD": "{billing.password}",
    }


def test_a_group_in_java_counts_more_than_a_variable_that_it_does_not_read(project: Path, typed) -> None:
    (project / "compose.yaml").write_text(COMPOSE.replace("LOG_LEVEL: info", "GROUP_ID: backfill"))
    (project / "Main.java").write_text(BILLING)
    assert typed("init", "--yes", *TOPICS).returncode == 0
    (version,) = load(project).versions.values()
    assert version.processor.group == "billing"


def test_the_variables_of_jdbc_are_all_three_written_from_the_code_alone(project: Path, typed) -> None:
    (project / "compose.yaml").unlink()
    (project / "Main.java").write_text(BILLING.replace("BILLING_", "DATABASE_"))
    assert typed("init", "--yes", *TOPICS, "--effect", "billing=postgresql").returncode == 0
    (version,) = load(project).versions.values()
    assert version.processor.environment == {
        "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
        "DATABASE_URL": "jdbc:postgresql://{billing.host}:{billing.port}/{billing.database}",
        "DATABASE_USER": "{billing.user}",
        "DATABASE_PASSWORD": "{billing.password}",
    }


def test_inputs_that_init_made_up_are_no_evidence_and_are_made_anew(project: Path, typed) -> None:
    (project / "db" / "schema.sql").write_text("create table settlement (order_id text, amount int);")
    assert typed("init", "--yes", "--identity", "customer_id", *TOPICS).returncode == 0
    assert typed("init", "--yes", "--force", *TOPICS).returncode == 0
    (version,) = load(project).versions.values()
    assert version.processor.identity == "order_id"
    assert '"order_id": "event-001"' in (project / "inputs.jsonl").read_text()


def test_inputs_that_a_person_has_changed_are_kept(project: Path, typed) -> None:
    assert typed("init", "--yes", "--identity", "order_id", *TOPICS).returncode == 0
    file = project / "inputs.jsonl"
    file.write_text(mine := file.read_text().replace('"number": 60', '"number": 600'))
    assert typed("init", "--yes", "--force", *TOPICS).returncode == 0
    (version,) = load(project).versions.values()
    assert version.processor.identity == "order_id"
    assert file.read_text() == mine


def test_a_question_mark_is_no_answer_but_asks_what_is_meant(project: Path) -> None:
    done = answered(project, b"\n?\npayment-authorized\npayment-settled\n\n?\nevent_id\n?\ndedupe-table\n")
    assert done.returncode == 0, done.stderr
    assert "For example: payment-authorized\nIts flag: --input\n" in done.stderr
    assert "What is the same when one event is processed twice" in done.stderr
    assert "In oncewhere.toml: policy\n" in done.stderr
    (version,) = load(project).versions.values()
    assert (version.processor.input, version.processor.identity) == ("payment-authorized", "event_id")
    assert version.effects["bank"].policy == "dedupe-table"
