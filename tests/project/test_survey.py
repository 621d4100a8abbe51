"""What `oncewhere init` reads from little projects as people write them; nothing is started, no server is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.project.builds import command_of
from oncewhere.project.compose import filled
from oncewhere.project.kafka_names import kafka_names
from oncewhere.project.spring import environment_name, properties_of
from oncewhere.project.survey import Found, survey
from oncewhere.project.told import Told

EXAMPLES = Path(__file__).parents[2] / "examples"

COMPOSE = """
services:
  kafka:
    image: apache/kafka:4.3.1
  db:
    image: postgres:18
    environment: {POSTGRES_PASSWORD: hunter2, POSTGRES_DB: bank}
  website:
    build: ./website
    environment: {API_URL: "http://gateway:8080"}
  settlement:
    build: {context: .}
    command: java -jar /app/settlement.jar
    env_file: settlement.env
    environment:
      KAFKA_BOOTSTRAP_SERVERS: ${KAFKA:-kafka:9092}
      INPUT_TOPIC: ${TOPIC_IN}
      OUTPUT_TOPIC: payment-settled
      DEAD_LETTER_TOPIC: payment-dead
      DB_HOST: db
      DB_PORT: 5432
      DB_NAME: bank
      DB_USER: bank
      DB_PASSWORD: hunter2
      TRANSACTIONAL_ID: settlement-0
      LOG_LEVEL: debug
"""
SPRING = """
spring:
  application.name: settlement
  kafka:
    bootstrap-servers: ${KAFKA_BROKERS:localhost:9092}
    consumer:
      group-id: settlement
      isolation-level: read_committed
  datasource:
    url: jdbc:postgresql://${DB_HOST:localhost}:5432/bank
    username: bank
    password: ${DB_SECRET:hunter2}
  data.redis: {host: cache, port: 6379}
app:
  topics:
    input: payment-authorized
    output: ${app.topics.input}-settled
    dlt: payment-dead
---
spring:
  config.activate.on-profile: prod
  kafka.consumer.group-id: settlement-of-production
"""


def written(folder: Path, files: dict[str, str]) -> Found:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return survey(folder)


def test_a_compose_service_and_its_files_tell_the_names_and_the_addresses(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        {
            "compose.yaml": COMPOSE,
            "settlement.env": "GROUP_ID=settlement\n",
            ".env": "TOPIC_IN=payment-authorized # one\n",
        },
    )
    names = found.names
    assert (names.group, names.input, names.outputs) == (
        Told("settlement", "compose.yaml (GROUP_ID)"),
        Told("payment-authorized", "compose.yaml (INPUT_TOPIC)"),
        Told(("payment-settled",), "compose.yaml (OUTPUT_TOPIC)"),
    )
    assert {v.name: v.text for v in found.variables} == {
        "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
        "DB_HOST": "{bank.host}",
        "DB_PORT": "{bank.port}",
        "DB_NAME": "{bank.database}",
        "DB_USER": "{bank.user}",
        "DB_PASSWORD": "{bank.password}",
        "INPUT_TOPIC": "payment-authorized",
        "OUTPUT_TOPIC": "payment-settled",
        "GROUP_ID": "settlement",
        "TOPIC_IN": "payment-authorized",
        "TRANSACTIONAL_ID": "settlement-0",
    }
    assert found.effects == {"bank": "postgresql"}
    assert found.command is not None
    assert (found.command.value, found.command.sure) == (("java", "-jar", "/app/settlement.jar"), False)
    assert "hunter2" not in repr(found), "a secret of the project is not copied"


def test_spring_tells_its_settings_and_the_variables_above_them(tmp_path: Path) -> None:
    found = written(tmp_path, {"src/main/resources/application.yml": SPRING})
    file = "src/main/resources/application.yml"
    assert found.names.group == Told("settlement", f"{file} (spring.kafka.consumer.group-id)")
    assert found.names.input == Told("payment-authorized", f"{file} (app.topics.input)")
    assert found.names.outputs == Told(("payment-authorized-settled",), f"{file} (app.topics.output)")
    assert {v.name: v.text for v in found.variables} == {
        "KAFKA_BROKERS": "{kafka}",
        "SPRING_DATASOURCE_URL": "jdbc:postgresql://{bank.host}:{bank.port}/{bank.database}",
        "SPRING_DATASOURCE_USERNAME": "{bank.user}",
        "DB_SECRET": "{bank.password}",
        "SPRING_DATA_REDIS_HOST": "{redis.host}",
        "SPRING_DATA_REDIS_PORT": "{redis.port}",
    }
    assert found.effects == {"bank": "postgresql", "redis": "redis"}
    assert "hunter2" not in repr(found.variables)


def test_a_properties_file_says_the_same_and_profiles_are_left_out(tmp_path: Path) -> None:
    text = (
        "# settings\nspring.kafka.consumer.group-id=settlement\nspring.datasource.url = \\\n  jdbc:mysql://db/bank\n"
        "%dev.kafka.group.id=dev\n#---\nspring.config.activate.on-profile=prod\nspring.kafka.consumer.group-id=prod\n"
    )
    found = written(tmp_path, {"application.properties": text})
    assert found.names.group is not None
    assert found.names.group.value == "settlement"
    assert found.effects == {"bank": "mysql"}


def test_a_profile_of_quarkus_is_left_out_of_yaml_as_well(tmp_path: Path) -> None:
    text = '"%dev":\n  kafka: {group.id: dev}\nkafka: {group.id: settlement}\n"%test": {kafka.bootstrap.servers: x:1}\n'
    (tmp_path / "application.yml").write_text(text)
    assert {name: found.value for name, found in properties_of(tmp_path, {}).items()} == {
        "kafka.group.id": "settlement"
    }


def test_springs_files_stand_above_each_other_in_springs_order(tmp_path: Path) -> None:
    files = ("src/main/resources/application.properties", "src/main/resources/config/application.yml")
    for place in (*files, "application.properties", "config/application.yml"):
        written(tmp_path, {place: f"group.id: {place}"})
        assert properties_of(tmp_path, {})["group.id"].value == place


LISTENER = """
@Component
class Settle {
    @KafkaListener(id = "settle", topics = {"${app.topics.input}"},
                   groupId = "${app.group:settlement-eu}", concurrency = "3")
    @Transactional
    public void settle(ConsumerRecord<String, Payment> record) {
        kafkaTemplate.send("payment-settled", record.key(), settled(record.value()));
    }
}
"""


def test_an_annotation_of_spring_stands_above_its_files(tmp_path: Path) -> None:
    java = "src/main/java/bank/Settle.java"
    found = written(tmp_path, {"src/main/resources/application.yml": SPRING, java: LISTENER})
    assert found.names.input == Told("payment-authorized", f"{java} (@KafkaListener)")
    assert found.names.group == Told("settlement-eu", f"{java} (@KafkaListener)")
    assert found.names.outputs is not None
    assert found.names.outputs.value == ("payment-authorized-settled",), "a file's name counts more than a guess"


def test_what_a_template_sends_to_is_a_guess_and_several_listeners_are_told(tmp_path: Path) -> None:
    other = LISTENER.replace("${app.topics.input}", "refunds").replace("class Settle", "class Refund")
    spoken = '@KafkaListener(topics = "#{x.y()}") void f() {}'
    tests = LISTENER.replace("${app.topics.input}", "of-a-test")
    found = written(
        tmp_path, {"src/A.java": LISTENER, "src/B.java": other, "src/test/T.java": tests, "src/E.java": spoken}
    )
    assert found.names.input == Told("refunds", "src/B.java (@KafkaListener)"), "no file says what the other one is"
    assert found.names.outputs == Told(("payment-settled",), "src/A.java (send)", sure=False)
    assert found.names.group == Told("settlement-eu", "src/A.java (@KafkaListener)")


def test_quarkus_channels_are_topics(tmp_path: Path) -> None:
    text = (
        "kafka.bootstrap.servers=kafka:9092\nmp.messaging.incoming.payments.topic=payment-authorized\n"
        "mp.messaging.incoming.payments.group.id=settlement\nmp.messaging.outgoing.settled.topic=payment-settled\n"
        "quarkus.datasource.jdbc.url=jdbc:postgresql://db/bank\nquarkus.datasource.username=bank\n"
    )
    found = written(tmp_path, {"src/main/resources/application.properties": text})
    names = found.names
    assert names.input is not None
    assert names.outputs is not None
    assert names.group is not None
    assert (names.group.value, names.input.value, names.outputs.value) == (
        "settlement",
        "payment-authorized",
        ("payment-settled",),
    )
    assert {v.name for v in found.variables} == {
        "KAFKA_BOOTSTRAP_SERVERS",
        "QUARKUS_DATASOURCE_JDBC_URL",
        "QUARKUS_DATASOURCE_USERNAME",
    }


def test_what_the_environment_says_stands_above_the_settings_file(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        {"application.yml": SPRING, ".env": "DATABASE_URL=postgresql://u:p@db/ledger\nKAFKA_BROKERS=kafka:9092\n"},
    )
    assert {v.name: v.text for v in found.variables if v.system in {None, "postgresql"} and v.effect} == {
        "DATABASE_URL": "{ledger}"
    }


def test_two_processors_in_one_compose_file_are_told(tmp_path: Path) -> None:
    text = (
        "services:\n"
        "  fraud: {build: ./fraud, environment: [KAFKA_BROKERS=k:9092, GROUP_ID=fraud]}\n"
        "  settlement: {build: ., environment: [KAFKA_BROKERS=k:9092, GROUP_ID=settlement]}\n"
    )
    found = written(tmp_path, {"compose.yaml": text})
    assert found.names.group is not None
    assert (found.names.group.value, found.others) == ("settlement", ("fraud",))


@pytest.mark.parametrize(
    ("settings", "group", "ins", "outs"),
    [
        ({"KAFKA_GROUP": "g", "TOPIC_IN": "a", "TOPIC_OUT": "b"}, "g", "a", ("b",)),
        ({"consumerGroupId": "g", "sourceTopic": "a", "sinkTopics": "b, c"}, "g", "a", ("b", "c")),
        ({"spring.kafka.streams.application-id": "g", "KAFKA_CONSUMER_TOPIC": "a"}, "g", "a", None),
        (
            {"spring.cloud.stream.bindings.f-in-0.destination": "a", "x.bindings.f-out-0.destination": "b"},
            None,
            "a",
            ("b",),
        ),
        (
            {"SECURITY_GROUP_ID": "sg-1", "AWS_GROUP_ID": "x", "TOPIC_PREFIX": "p", "TOPIC_PARTITIONS": "3"},
            None,
            None,
            None,
        ),
        ({"INPUT_TOPIC": "${UNSET}", "DLQ_TOPIC": "dead"}, None, None, None),
    ],
)
def test_names_say_what_is_consumed_and_produced(
    settings: dict[str, str], group: str | None, ins: str | None, outs: tuple[str, ...] | None
) -> None:
    names = kafka_names({name: Told(value, "file") for name, value in settings.items()})
    found = (
        names.group and names.group.value,
        names.input and names.input.value,
        names.outputs and names.outputs.value,
    )
    assert found == (group, ins, outs)
    assert all(told.sure for told in (names.group, names.input, names.outputs) if told is not None)


@pytest.mark.parametrize(
    ("settings", "ins", "outs"),
    [
        ({"KAFKA_TOPIC": "a"}, "a", None),
        ({"PAYMENT_TOPIC": "a", "SETTLEMENT_TOPIC": "b"}, "a", ("b",)),
        ({"INPUT_TOPICS": "a b"}, "a", None),
    ],
)
def test_what_a_name_does_not_say_is_a_guess(settings: dict[str, str], ins: str, outs: tuple[str, ...] | None) -> None:
    names = kafka_names({name: Told(value, "file") for name, value in settings.items()})
    assert names.input is not None
    assert (names.input.value, names.input.sure, names.outputs and names.outputs.value) == (ins, False, outs)
    assert names.outputs is None or not names.outputs.sure


def pom(plugins: str = "", more: str = "") -> str:
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><parent><groupId>org.springframework.boot</groupId>'
        "<artifactId>spring-boot-starter-parent</artifactId><version>3.5.0</version></parent>"
        f"<artifactId>settlement</artifactId><version>${{revision}}</version>{more}"
        f"<properties><revision>1.4</revision></properties><build><plugins>{plugins}</plugins></build></project>"
    )


def plugin(name: str, configuration: str = "") -> str:
    return f"<plugin><artifactId>{name}</artifactId><configuration>{configuration}</configuration></plugin>"


def built(more: str) -> str:
    """With a build directory or a name of its own."""
    return pom(plugin("spring-boot-maven-plugin")).replace("<build>", f"<build>{more}")


WAR = "<packaging>war</packaging>"
MAIN = "<mainClass>x.Main</mainClass>"
ATTACHED = "<shadedArtifactAttached>true</shadedArtifactAttached>"
FAT = "<descriptorRefs><descriptorRef>jar-with-dependencies</descriptorRef></descriptorRefs>"
FAT_APP = f"{MAIN}{FAT}<finalName>${{project.build.finalName}}-app</finalName>"


@pytest.mark.parametrize(
    ("files", "command", "sure"),
    [
        ({"pom.xml": pom(plugin("spring-boot-maven-plugin"))}, "java -jar target/settlement-1.4.jar", True),
        ({"pom.xml": pom(plugin("maven-shade-plugin", MAIN))}, "java -jar target/settlement-1.4.jar", True),
        (
            {"pom.xml": pom(plugin("maven-shade-plugin", MAIN + ATTACHED))},
            "java -jar target/settlement-1.4-shaded.jar",
            True,
        ),
        (
            {"pom.xml": pom(plugin("maven-shade-plugin", f"{MAIN}<finalName>${{project.artifactId}}</finalName>"))},
            "java -jar target/settlement.jar",
            True,
        ),
        (
            {"pom.xml": pom(plugin("maven-assembly-plugin", MAIN + FAT))},
            "java -jar target/settlement-1.4-jar-with-dependencies.jar",
            True,
        ),
        (
            {"pom.xml": pom(plugin("maven-assembly-plugin", f"{MAIN}{FAT}<appendAssemblyId>false</appendAssemblyId>"))},
            "java -jar target/settlement-1.4.jar",
            True,
        ),
        (
            {"pom.xml": pom(plugin("maven-assembly-plugin", FAT_APP))},
            "java -jar target/settlement-1.4-app-jar-with-dependencies.jar",
            True,
        ),
        (
            {"pom.xml": built("<directory>${project.basedir}/out</directory><finalName>${project.name}</finalName>")},
            "java -jar out/settlement.jar",
            True,
        ),
        (
            {"pom.xml": built("<directory>${basedir}/target</directory>"), "target/s.jar": "x"},
            "java -jar target/s.jar",
            True,
        ),
        (
            {"pom.xml": pom(plugin("spring-boot-maven-plugin"), WAR), "target/settlement-1.4-classes.jar": "xxx"},
            "java -jar target/settlement-1.4.war",
            True,
        ),
        (
            {"pom.xml": pom(plugin("spring-boot-maven-plugin"), WAR), "target/s.war": "x"},
            "java -jar target/s.war",
            True,
        ),
        ({"pom.xml": pom(more=WAR), "target/settlement-1.4.war": "x"}, None, None),
        ({"pom.xml": pom(plugin("quarkus-maven-plugin"))}, "java -jar target/quarkus-app/quarkus-run.jar", True),
        ({"pom.xml": pom()}, "java -jar target/settlement-1.4.jar", False),
        ({"pom.xml": pom(more="<packaging>pom</packaging>")}, None, None),
        ({"pom.xml": "<project>&none;"}, None, None),
        (
            {
                "pom.xml": pom(),
                "target/original-app.jar": "xxxx",
                "target/app-sources.jar": "xxx",
                "target/app.jar": "x",
            },
            "java -jar target/app.jar",
            True,
        ),
        (
            {
                "build.gradle.kts": 'plugins { id("org.springframework.boot") }\nversion = "2.0"',
                "settings.gradle.kts": 'rootProject.name = "settlement"',
            },
            "java -jar build/libs/settlement-2.0.jar",
            True,
        ),
        (
            {"build.gradle": "plugins { id 'com.gradleup.shadow' }", "settings.gradle": "rootProject.name = 's'"},
            "java -jar build/libs/s-all.jar",
            True,
        ),
        (
            {"build.gradle": "plugins {\n id 'application'\n}", "settings.gradle": "rootProject.name = 's'"},
            "build/install/s/bin/s",
            True,
        ),
        ({"build.gradle": "plugins { id 'java' }"}, None, None),
        ({"go.mod": "module example.org/pay/settlement/v2\n", "main.go": "package main\n"}, "./settlement", True),
        ({"go.mod": "module example.org/pay\n", "cmd/settle/main.go": "package main\n"}, "./settle", True),
        (
            {"go.mod": "module x/pay\n", "cmd/a/main.go": "package main\n", "cmd/b/main.go": "package main\n"},
            "./a",
            False,
        ),
        ({"go.mod": "module x/pay\n", "main.go": "package main\n", "bin/pay": "ELF"}, "./bin/pay", True),
        ({"package.json": '{"scripts": {"start": "node --x dist/main.js"}}'}, "node --x dist/main.js", True),
        ({"package.json": '{"scripts": {"start": "tsx src/main.ts"}}'}, "node_modules/.bin/tsx src/main.ts", True),
        (
            {"package.json": '{"scripts": {"start": "npm run build && node x"}, "main": "dist/a.js"}'},
            "node dist/a.js",
            False,
        ),
        ({"package.json": "[]"}, None, None),
        ({"pyproject.toml": '[project.scripts]\nsettle = "settle.app:main"'}, "{python} -m settle.app", False),
    ],
)
def test_a_build_tells_its_program(
    tmp_path: Path, files: dict[str, str], command: str | None, sure: bool | None
) -> None:
    written(tmp_path, files)
    told, _ = command_of(tmp_path)
    assert (told and " ".join(told.value), told and told.sure) == (command, sure)


@pytest.mark.parametrize(
    ("example", "command"),
    [
        ("java", "java -jar build/settlement.jar"),
        ("go", "settlement"),
        ("kafka-streams", "java -jar build/settlement.jar"),
    ],
)
def test_the_examples_are_read_as_they_are_declared(example: str, command: str) -> None:
    told, _ = command_of(EXAMPLES / example)
    assert told is not None
    assert " ".join(told.value).endswith(command)


def test_a_host_without_a_port_is_told_as_a_guess(tmp_path: Path) -> None:
    found = written(tmp_path, {".env": "REDIS_HOST=cache\nPGHOST=db\nPGPORT=5432\nPGDATABASE=bank\nKAFKA_HOST=k\n"})
    by_name = {v.name: v for v in found.variables}
    assert by_name["REDIS_PORT"].source.startswith("a guess")
    assert (by_name["PGPORT"].text, by_name["PGPORT"].source) == ("{bank.port}", "from .env (PGPORT)")
    assert "KAFKA_HOST" not in by_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A:-x}", "x"),
        ("${B}", "b"),
        ("$B/$$B", "b/$B"),
        ("${UNSET}", "${UNSET}"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY-y}", ""),
        ("${B:?say where Kafka is}:9092", "b:9092"),
        ("${UNSET:?say where Kafka is}", "${UNSET:?say where Kafka is}"),
        ("${A:-${B:-x}}", "b"),
        ("${A:-${UNSET:-x}}/y", "x/y"),
        ("${B:-${UNSET}}", "b"),
        ("${A:-${UNSET}}", "${UNSET}"),
        ("${B:+ssl}${EMPTY:+no}${EMPTY+yes}", "sslyes"),
        ("${A:-${MONEY}}", "a$B}"),
    ],
)
def test_compose_fills_in_as_compose_does(text: str, expected: str) -> None:
    assert filled(text, {"B": "b", "EMPTY": "", "MONEY": "a$B}"}) == expected


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("spring.kafka.consumer.group-id", "SPRING_KAFKA_CONSUMER_GROUPID"),
        ("app.topics[0].name", "APP_TOPICS_0__NAME"),
        ("mp.messaging.incoming.pay-in.topic", "MP_MESSAGING_INCOMING_PAY_IN_TOPIC"),
    ],
)
def test_a_setting_has_its_variable(name: str, variable: str) -> None:
    assert environment_name(name) == variable


def test_a_file_that_is_a_template_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "application.yml").write_text("spring: {{ .Values.spring }}\n")
    assert properties_of(tmp_path, {}) == {}
