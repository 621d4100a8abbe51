"""What `oncewhere init` reads of a Java service: what its client's calls name, and what its container tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.project.image import with_arguments
from oncewhere.project.jvm_calls import called
from oncewhere.project.survey import survey
from oncewhere.project.told import Told

EXAMPLES = Path(__file__).parents[2] / "examples"
JAR = ("java", "-jar", "target/settlement.jar")
EXEC = 'ENTRYPOINT ["java", "-jar", "/app/settlement.jar"]'


@pytest.mark.parametrize("example", ["java", "kafka-streams"])
def test_the_examples_name_their_topics_and_group_by_their_calls(example: str) -> None:
    names = called(EXAMPLES / example)
    assert (names.group, names.input, names.outputs) == (
        Told("settlement", "src/main/java/settlement/Main.java"),
        Told("payment-authorized", "src/main/java/settlement/Main.java"),
        Told(("payment-settled",), "src/main/java/settlement/Main.java"),
    )


@pytest.mark.parametrize(
    ("text", "group", "topic", "outputs"),
    [
        ('static final String IN = "a";\nconsumer.subscribe(Collections.singletonList(Main.IN));', None, "a", None),
        ('const val OUT: String = "b"\nproducer.send(ProducerRecord(OUT, key, value))', None, None, ("b",)),
        ('mapOf(ConsumerConfig.GROUP_ID_CONFIG to "g"); c.subscribe(listOf("a"), this)', "g", "a", None),
        ('props["group.id"] = "g"\nc.subscribe(setOf("a", "c"))', "g", "a", None),
        ('c.subscribe(java.util.regex.Pattern.compile("a.*")); c.subscribe(topics);', None, None, None),
        (
            'p.put(GROUP_ID_CONFIG, System.getenv("G")); send(new ProducerRecord<String, byte[]>(topic, v));',
            None,
            None,
            None,
        ),
        ('mail.to("somebody"); list.stream(); bus.subscribe(handler(x));', None, None, None),
        (
            'c.subscribe(List.of("a")); new ProducerRecord<>("a", k, v); new ProducerRecord<>("a-dlt", k, v);',
            None,
            "a",
            ("a-dlt",),
        ),
    ],
)
def test_a_call_names_what_is_a_text_or_a_constant(
    tmp_path: Path, text: str, group: str | None, topic: str | None, outputs: tuple[str, ...] | None
) -> None:
    (tmp_path / "Main.kt").write_text(text)
    names = called(tmp_path)
    assert names.group == (Told(group, "Main.kt") if group else None)
    assert (names.input and names.input.value) == topic
    assert (names.outputs and names.outputs.value) == outputs


def test_a_constant_that_is_set_twice_is_not_known_and_several_topics_are_a_guess(tmp_path: Path) -> None:
    (tmp_path / "A.java").write_text('String IN = "a"; c.subscribe(List.of(IN)); c.subscribe(List.of("x", "y"));')
    (tmp_path / "B.java").write_text('String IN = "b";')
    names = called(tmp_path)
    assert names.input == Told("x", "A.java; there is y as well", sure=False)


@pytest.mark.parametrize(
    ("dockerfile", "service", "arguments"),
    [
        (f'FROM a\nCMD ["x"]\nFROM b\n{EXEC}\nCMD ["--once"]', "build: .", "--once"),
        (EXEC, "{build: ., command: [unprotected]}", "unprotected"),
        (EXEC, "{build: ., command: --mode fast}", "--mode fast"),
        ("CMD java -jar app.jar \\\n  --twice", "build: .", "--twice"),
        (EXEC, "{build: ., entrypoint: java -jar other.jar a, command: b}", "a b"),
        ("FROM b", "{build: {context: ., dockerfile: Dockerfile}, command: java -jar /x.jar fast}", "fast"),
        (EXEC, "build: .", ""),
        ('ENTRYPOINT ["sh", "-c", "java -jar app.jar a"]', "build: .", ""),
        (f'{EXEC}\nCMD ["$MODE"]', "build: .", ""),
        ("FROM b", "{build: ., command: unprotected}", ""),
    ],
)
def test_a_program_is_told_what_its_container_tells_it(
    tmp_path: Path, dockerfile: str, service: str, arguments: str
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "settlement.jar").write_text("a jar")
    (tmp_path / "pom.xml").write_text("<project><build><finalName>settlement</finalName></build></project>")
    (tmp_path / "Dockerfile").write_text(dockerfile)
    block = service if service.startswith("{") else f"{{{service}}}"
    (tmp_path / "compose.yaml").write_text(f"services:\n  settlement: {block}\n")
    command = survey(tmp_path).command
    assert command is not None
    assert command.value == (*JAR, *arguments.split())
    assert ("with the arguments of" in command.by) == bool(arguments)


@pytest.mark.parametrize(
    ("dockerfile", "command"),
    [
        ('["java", "-Xmx512m", "-Dm=fast", "-jar", "/app/app.jar", "serve"]', "java -Xmx512m -Dm=fast {jar} serve"),
        ("exec java $JAVA_OPTS -Xss1m -jar app.jar", "java -Xss1m {jar}"),
        ("java -javaagent:/opt/a.jar -Xlog:gc:/var/gc.log -jar app.jar", "java {jar}"),
        ("java -cp /app/lib --add-opens java.base/java.lang=ALL-UNNAMED -jar a.jar", "java --add-opens {opened} {jar}"),
        ("/opt/jdk/bin/java -Xint -jar app.jar $MODE", "java -Xint {jar}"),
    ],
)
def test_options_of_the_jvm_are_kept_and_paths_of_the_image_are_not(
    tmp_path: Path, dockerfile: str, command: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"ENTRYPOINT {dockerfile}")
    told, _ = with_arguments(Told(("java", "-jar", "target/a.jar"), "pom.xml"), tmp_path, None)
    assert " ".join(told.value) == command.format(jar="-jar target/a.jar", opened="java.base/java.lang=ALL-UNNAMED")
    assert ("JVM options" in told.by) == ("java {jar}" not in command)


def test_without_a_compose_file_the_dockerfile_counts_and_other_commands_stay(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('ENTRYPOINT ["/app/settle", "--fast"]')
    told, files = with_arguments(Told(("./bin/settle",), "go.mod"), tmp_path, None)
    assert told == Told(("./bin/settle", "--fast"), "go.mod, with the arguments of Dockerfile")
    assert files == ("Dockerfile",)
    node = Told(("node", "dist/main.js"), "package.json")
    assert with_arguments(node, tmp_path, None) == (node, ())


@pytest.mark.parametrize(
    ("entrypoint", "words", "by"),
    [
        ('"java", "-Xmx1g", "-jar", "a.jar"', "serve", "the JVM options of {docker} and the arguments of {compose}"),
        ('"java", "-Xmx1g", "-jar", "a.jar", "x"', "", "the JVM options and arguments of {docker}"),
        ('"java", "-jar", "a.jar", "x"', "serve", "the arguments of {docker} and {compose}"),
        ('"java"', "-Xmx1g -jar a.jar", "the JVM options of {compose}"),
        ('"java", "-jar", "a.jar"', "serve", "the arguments of {compose}"),
    ],
)
def test_each_file_is_named_for_what_it_says_of_the_command(
    tmp_path: Path, entrypoint: str, words: str, by: str
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text(f"ENTRYPOINT [{entrypoint}]")
    (tmp_path / "pom.xml").write_text("<project><build><finalName>settlement</finalName></build></project>")
    (tmp_path / "compose.yaml").write_text(f"services: {{settlement: {{build: ./app, command: '{words}'}}}}\n")
    found = survey(tmp_path)
    assert found.command is not None
    assert found.command.by.endswith(f", with {by.format(compose='compose.yaml', docker='app/Dockerfile')}")
    assert found.told_by == ("pom.xml", "compose.yaml", *(["app/Dockerfile"] if "docker" in by else []))


BOOKING = """
services:
  db: {image: "postgres:18"}
  booking:
    build: .
    environment:
      BOOKING_BROKERS: kafka:9092
      BOOKING_JDBC_URL: jdbc:postgresql://db:5432/shop
      BOOKING_ORDERS_TOPIC: orders
      BOOKING_BOOKED_TOPIC: booked
"""


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ("BOOKING_DB_USER BOOKING_DB_PASSWORD", "BOOKING_DB_USER BOOKING_DB_PASSWORD"),
        ("DB_USERNAME DB_PASS", "DB_USERNAME DB_PASS"),
        ("BOOKING_USER BOOKING_PASSWORD", "BOOKING_USER BOOKING_PASSWORD"),
        ("DB_USER DB_PASSWORD PARTNER_USER PARTNER_PASSWORD", "DB_USER DB_PASSWORD"),
        ("BOOKING_JDBC_USER BOOKING_JDBC_PASSWORD DB_USER DB_PASSWORD", "BOOKING_JDBC_USER BOOKING_JDBC_PASSWORD"),
        ("DB_USER DB_PASSWORD READER_DB_USER READER_DB_PASSWORD", ""),
        ("SHOP_USER SHOP_PASSWORD STOCK_USER STOCK_PASSWORD", ""),
        ("KAFKA_SASL_USER KAFKA_SASL_PASSWORD", ""),
        ("SMTP_USER SMTP_PASSWORD MAIL_USERNAME MAIL_PASSWORD", ""),
        ("PARTNER_URL PARTNER_USER PARTNER_PASSWORD", ""),
        ("DB_USER PARTNER_PASSWORD", ""),
    ],
)
def test_the_login_of_the_only_database_may_be_called_otherwise_than_its_address(
    tmp_path: Path, given: str, login: str
) -> None:
    lines = "".join(f"      {name}: hunter2\n" for name in given.split())
    (tmp_path / "compose.yaml").write_text(BOOKING + lines)
    found = survey(tmp_path)
    variables = {v.name: v for v in found.variables}
    expected = dict(zip(login.split(), ("{shop.user}", "{shop.password}"), strict=bool(login)))
    assert {name: v.text for name, v in variables.items() if name in given.split()} == expected
    if login == "BOOKING_DB_USER BOOKING_DB_PASSWORD":
        says = "a guess: no other user stands beside BOOKING_JDBC_URL; compose.yaml (BOOKING_DB_USER)"
        assert variables["BOOKING_DB_USER"].source == says
    assert "hunter2" not in repr(found)


def test_a_login_that_the_address_says_or_that_the_code_does_not_read_is_not_guessed(tmp_path: Path) -> None:
    said = BOOKING.replace("/shop", "/shop?user=u&password=p")
    login = "      DB_USER: u\n      DB_PASSWORD: p\n"
    (tmp_path / "compose.yaml").write_text(said + login)
    assert not {"DB_USER", "DB_PASSWORD"} & {v.name for v in survey(tmp_path).variables}
    (tmp_path / "compose.yaml").write_text(BOOKING + login)
    (tmp_path / "Main.java").write_text('connect(System.getenv("BOOKING_JDBC_URL"), "shop", "");')
    assert not {"DB_USER", "DB_PASSWORD"} & {v.name for v in survey(tmp_path).variables}


def test_a_login_that_only_the_code_names_is_the_databases(tmp_path: Path) -> None:
    reads = ("BOOKING_JDBC_URL", "BOOKING_DB_USER", "BOOKING_DB_PASSWORD")
    (tmp_path / "Main.java").write_text("".join(f'System.getenv("{name}");' for name in reads))
    by_name = {v.name: v for v in survey(tmp_path).variables}
    assert [by_name[name].text for name in reads[1:]] == ["{booking_jdbc.user}", "{booking_jdbc.password}"]
    assert by_name[reads[1]].source.endswith("; Main.java reads it")


@pytest.mark.parametrize(
    ("given", "code", "group"),
    [
        ("BOOKING_GROUP: order-booking", "", "order-booking"),
        ("{BOOKING_GROUP: order-booking, LOG_GROUP: shop, USER_GROUP: shop, AWS_GROUP: x}", "", "order-booking"),
        ("{BOOKING_GROUP: order-booking, OTHER_GROUP: other}", "", None),
        ("{BOOKING_GROUP: order-booking, KAFKA_GROUP_ID: exact}", "", "exact"),
        ("{BOOKING_GROUP: order-booking, KAFKA_GROUP_ID: '${UNSET}'}", "", None),
        ("BOOKING_GROUP: order-booking", 'p.put("group.id", "in-code");', "in-code"),
        ("BOOKING_GROUP: '7'", "", None),
        ("BOOKING_GROUP: admins", "", None),
        ("BOOKING_GROUP: /aws/booking", "", None),
        ("A: b", 'System.getenv().getOrDefault("BOOKING_GROUP", "order-booking")', "order-booking"),
        ("A: b", 'Optional.ofNullable(System.getenv("BOOKING_GROUP")).orElse("order-booking")', "order-booking"),
        ("A: b", 'env("KAFKA_GROUP_ID", "order-booking"); env("LOG_GROUP", "x")', "order-booking"),
        ("A: b", 'env("BOOKING_GROUP", "one"); env("BOOKING_GROUP", "two")', None),
        ("BOOKING_GROUP: order-booking", 'env("BOOKING_GROUP", "local")', "order-booking"),
    ],
)
def test_the_one_variable_that_ends_in_group_may_name_it(
    tmp_path: Path, given: str, code: str, group: str | None
) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"services: {{booking: {{build: ., environment: {given if given[0] == '{' else f'{{{given}}}'}}}}}\n"
    )
    (tmp_path / "Main.java").write_text(code)
    found = survey(tmp_path)
    assert (found.names.group and found.names.group.value) == group
    kept = {v.name: v.text for v in found.variables}
    assert kept.get("BOOKING_GROUP") == (group if group == "order-booking" and "BOOKING" in given else None)
    if group == "order-booking":
        assert found.names.group is not None
        assert not found.names.group.sure
        assert "(BOOKING_GROUP)" in found.names.group.by or "KAFKA_GROUP_ID" in code
