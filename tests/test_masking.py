"""No secret is read in what people read; and what is none is left as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from oncewhere.masking import LOG_NOT_ALL, Secrets, is_secret_name, masked, masked_arguments, secrets_in

LINES = "MIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n" * 4
PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{LINES}aB3=\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:hunter2@db:5432/bank", "postgresql://me:***@db:5432/bank"),
        ("postgresql+psycopg://me:p%40ss@db/bank?x=1", "postgresql+psycopg://me:***@db/bank?x=1"),
        ("redis://:hunter2@cache", "redis://:***@cache"),
        ("host=db password=hunter2 dbname=bank", "host=db password=*** dbname=bank"),
        ("sasl.password=hunter2, sasl.username=me", "sasl.password=***, sasl.username=me"),
        ("{'PGPASSWORD': 'hunter2', 'HOME': '/root'}", "{'PGPASSWORD': ***, 'HOME': '/root'}"),
        ('{"api_key": "hunter 2"}', '{"api_key": ***}'),
        ("--api-token=hunter2 --port=5", "--api-token=*** --port=5"),
        ("/pay?access_token=hunter2&amount=5", "/pay?access_token=***&amount=5"),
        ("DB_PASSWORD_OLD=hunter2", "DB_PASSWORD_OLD=***"),
        ("password=hun'ter2 port=5", "password=*** port=5"),
        ('{"password": "hun\\"ter2", "port": 5}', '{"password": ***, "port": 5}'),
        ("(password=hunter2)", "(password=***)"),
        ("x-api-key: hunter2", "x-api-key: ***"),
        ("Bearer hunter2hunter2", "Bearer ***"),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: ***"),
        ("Authorization: Basic abc\nHost: x", "Authorization: ***\nHost: x"),
        ('{"Authorization": "Basic abc", "host": "x"}', '{"Authorization": ***, "host": "x"}'),
        ("Set-Cookie: session=hunter2; path=/", "Set-Cookie: ***"),
        ("DB_PASS=hunter2 --db.pass=hunter2 pass=hunter2", "DB_PASS=*** --db.pass=*** pass=***"),
        ('{"pass": "hunter2", "db-pass": 5}', '{"pass": ***, "db-pass": ***}'),
        ("-Dbasic.auth.user.info=me:hunter2 -Xmx1g", "-Dbasic.auth.user.info=*** -Xmx1g"),
        ("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=me:hunter2", "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=***"),
        ("AccountName=a;AccountKey=hunter2==;EndpointSuffix=x", "AccountName=a;AccountKey=***;EndpointSuffix=x"),
        ("SharedAccessKeyName=n;SharedAccessKey=hunter2=", "SharedAccessKeyName=***;SharedAccessKey=***"),
        ('{"sent": "{\\"password\\":\\"hun ter2\\",\\"n\\":1}"}', '{"sent": "{\\"password\\":***,\\"n\\":1}"}'),
        ('{\\"Authorization\\": \\"Basic abc\\", \\"n\\":1}', '{\\"Authorization\\": ***, \\"n\\":1}'),
        ("[('sasl.password', 'hunter2'), ('acks', 'all')]", "[('sasl.password', ***), ('acks', 'all')]"),
        ("(b'Authorization', b'Token hunter2')", "(b'Authorization', b***)"),
        (f"ssl.keystore.key={PRIVATE_KEY} port=5", "ssl.keystore.key=*** port=5"),
        (f"ssl.key.pem={PRIVATE_KEY}, port=5", "ssl.key.pem=***, port=5"),
        (f"read {PRIVATE_KEY} twice", "read *** twice"),
        ("read " + PRIVATE_KEY.replace("\n", "\\n") + " twice", "read *** twice"),
        (PRIVATE_KEY[:90], "***"),
        (PRIVATE_KEY[:78] + "\nand no more", "***\nand no more"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://localhost/bank",
        "http://127.0.0.1:8080/path",
        "the password was refused",
        "payment-settled[3] at offset 7: no such key",
        "PWD=/work",
        "idempotency_key=k1 transactional.id=settlement-0",
        "basic steps, and the bearer of news",
        "bypass=1 passed=3 passenger=ada compass: north pass-through=yes first pass: 12 records, --by 3",
        '{"accountKey": "acc-17", "passes": 2, "PASSAGE": 1}',
        "ssl.keystore.location=/k.p12 basic.auth.user=me AccountName=a",
        "('topic', 'token', 'x') f('acks', 'all')",
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkq\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text).replace("***", "/work") == text


def test_a_known_secret_is_found_in_every_spelling(tmp_path: Path) -> None:
    secrets = Secrets(
        ["mysql://me:p%40ss%2Fword@db/bank", "host=db password='in quotes'"],
        {"sasl.password": "hunter2", "acks": "all1"},
    )
    said = "p@ss/word p%40ss%2Fword hunter2 all1 in quotes"
    assert secrets.taken_out(said) == "*** *** *** all1 ***"
    log = tmp_path / "life-1.log"
    log.write_text(said)
    secrets.take_out_of(log)
    assert log.read_text() == "*** *** *** all1 ***"
    secrets.take_out_of(tmp_path / "none.log")
    assert repr(secrets) == f"<Secrets {len(secrets._values)}>"


def test_what_looks_like_a_secret_is_taken_out_of_a_log_and_every_other_byte_stays(tmp_path: Path) -> None:
    log = tmp_path / "life-1.log"
    log.write_bytes(
        b"password=LiteralPw4455\r\nsecret: 'x\n\xff\xfe not UTF-8, it's hunter2\nAuthorization: Bearer eyJhbGciOi.J9\n"
        b'{"secret": "xyz", "id": 7}' + b"\n" + PRIVATE_KEY.encode()
    )
    Secrets(["db_password=hunter2"]).take_out_of_log(log)
    assert log.read_bytes() == (
        b'password=***\r\nsecret: ***\n\xff\xfe not UTF-8, it\'s ***\nAuthorization: ***\n{"secret": ***, "id": 7}\n***'
    )


def test_a_log_too_long_to_be_searched_says_from_where_on_only_known_passwords_are_masked(tmp_path: Path) -> None:
    log = tmp_path / "life-1.log"
    log.write_text("hunter2\npassword=other\n")
    Secrets(["db_password=hunter2"]).take_out_of_log(log, limit_s=-1)
    assert log.read_text() == f"***\npassword=other\n\n{LOG_NOT_ALL.format(line=1)}\n"


def test_a_word_too_short_to_be_one_is_left_alone() -> None:
    assert Secrets(["postgresql://me:a@db"]).taken_out("a bank") == "a bank"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("sasl.password", True), ("PGPASSWORD", True), ("ssl.key.password", True), ("API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True), ("X-Api-Key", True), ("Set-Cookie", True), ("DB_PASSWORD_OLD", True),
        ("DB_PASS", True), ("db.pass", True), ("pass", True), ("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO", True),
        ("ssl.keystore.key", True), ("SSL_KEY_PEM", True), ("DB_PASSWD", True),
        ("bypass", False), ("passed", False), ("passenger", False), ("compass", False), ("SSH_ASKPASS", False),
        ("accountKey", False), ("PWD", False), ("acks", False), ("sasl.username", False), ("idempotency_key", False),
    ],
)  # fmt: skip
def test_which_names_mean_a_secret(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_a_value_that_may_be_none_is_hidden_beside_its_name_and_not_wherever_it_stands() -> None:
    secrets = Secrets(settings={"TOKENIZERS_PARALLELISM": "false", "PROVIDER_TOKEN": "hunter2"})
    said = "TOKENIZERS_PARALLELISM=false PROVIDER_TOKEN=hunter2 hunter2 is false"
    assert secrets.taken_out(said) == "TOKENIZERS_PARALLELISM=*** PROVIDER_TOKEN=*** *** is false"


def test_a_plain_word_behind_a_name_that_ends_in_pass_is_not_replaced_wherever_it_stands() -> None:
    settings = {"DB_PASS": "settled", "ONE.PASS": "true", "APP_PASS": "hunter2", "X_BASIC_AUTH_USER_INFO": "me:known"}
    for secrets in (
        Secrets(settings=settings),
        Secrets([f"--{name}={value}" for name, value in settings.items()]),
        Secrets(["--db-pass", "settled", "--one.pass", "true", "--pass", "hunter2", "-Dbasic.auth.user.info=me:known"]),
    ):
        assert secrets.taken_out("settled is true, hunter2 is me:known") == "settled is true, *** is ***"
    assert Secrets(settings=settings).taken_out("DB_PASS=settled is settled") == "DB_PASS=*** is settled"


def test_what_stands_behind_the_user_is_known_by_itself() -> None:
    for name in ("BASIC_AUTH_USER_INFO", "schema.registry.basic.auth.user.info"):
        for secrets in (Secrets(settings={name: "me:hunter2"}), Secrets([f"{name}=me:hunter2"])):
            assert secrets.taken_out("me:hunter2 or hunter2") == "*** or ***"


@pytest.mark.parametrize("name", ["SSL_KEYSTORE_KEY", "ssl.key.pem", "SIGNER"])
def test_no_line_of_a_known_private_key_stays_in_a_log(tmp_path: Path, name: str) -> None:
    secrets = Secrets([f"{name}={PRIVATE_KEY}"], {name: PRIVATE_KEY})
    log = tmp_path / "life-1.log"
    log.write_text(PRIVATE_KEY.replace("\n", "\n[0] ") + PRIVATE_KEY.replace("\n", "\\n"))
    secrets.take_out_of(log)
    assert "MIIE" not in log.read_text()
    assert "hkiG" not in log.read_text()


def test_a_long_text_without_a_secret_takes_no_time() -> None:
    before = time.process_time()
    assert masked("a-b." * 20_000) == "a-b." * 20_000
    assert time.process_time() - before < 1.0


NASTY = [
    "Tr0ub&dor;3",
    "correct horse battery",
    "p@ss,w=rd",
    'it\'s "mine"',
    "back\\slash",
    "tail)}]';",
    "a/b?c#d@e",
    "-dash",
]
"""Passwords as generators and people make them: each sign in them means something to some notation."""


@pytest.mark.parametrize("secret", NASTY)
def test_no_part_of_a_password_stays_in_an_argument_and_all_of_it_is_known(secret: str) -> None:
    quoted = secret.replace("\\", "\\\\").replace("'", "\\'")
    rows = (
        ([f"sasl.password={secret}"], ["sasl.password=***"]),
        ([f"-Dssl.key.password={secret}"], ["-Dssl.key.password=***"]),
        ([f"--set=sasl.password={secret}", "--port=5"], ["--set=sasl.password=***", "--port=5"]),
        (["--db-password", secret, "--port", "5"], ["--db-password", "***", "--port", "5"]),
        ([f"bank=redis://me:{secret}@db/0"], ["bank=redis://me:***@db/0"]),
        ([f"bank=postgresql://me@db/bank?password={secret}"], ["bank=postgresql://me@db/bank?password=***"]),
        ([f"bank=host=db password='{quoted}' user=me"], ["bank=host=db password=*** user=me"]),
    )
    for words, expected in rows:
        assert masked_arguments(words) == expected
        assert secret in secrets_in(words), "what is known of a log is the whole of it"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sh", "-c", "java -jar s.jar --pass-token hunter2 -p 5"], "sh -c java -jar s.jar --pass-token *** -p 5"),
        (["sh", "-c", "cd x && PGPASSWORD='a b' ./s"], "sh -c cd x && PGPASSWORD=*** ./s"),
        (["--token", "--password", "hunter2"], "--token *** ***"),
        (["--db-pass", "hunter2", "--by-passes", "3", "--compass", "n"], "--db-pass *** --by-passes 3 --compass n"),
        (["--db.pass=a b", "AccountKey=a=="], "--db.pass=*** AccountKey=***"),
        (["-Dbasic.auth.user.info=u:a b"], "-Dbasic.auth.user.info=***"),
        ([f"ssl.keystore.key={PRIVATE_KEY}", f"--set={PRIVATE_KEY}"], "ssl.keystore.key=*** --set=***"),
        (['{\\"password\\":\\"a b\\",\\"port\\":1}'], '{\\"password\\":***,\\"port\\":1}'),
        (["[('sasl.password', 'a b')]"], "[('sasl.password', ***)]"),
        (["-H", "X-Api-Key: a b", "-H", "Authorization: Basic abc"], "-H X-Api-Key: *** -H Authorization: ***"),
        (["jdbc:sqlserver://h:1;password=a b;c;encrypt=true"], "jdbc:sqlserver://h:1;password=***;encrypt=true"),
        (['{"password": "a b", "port": 1}'], '{"password": ***, "port": 1}'),
        (["bank=http://h:80/of?x=a@b", "-b", "h:9092,i:9092", "-k", "password"], None),
        (["oncewhere", "explain", "sasl.password", "--password="], None),
    ],
)  # fmt: skip
def test_a_command_keeps_what_is_no_secret(words: list[str], expected: str | None) -> None:
    assert " ".join(masked_arguments(words)) == (" ".join(words) if expected is None else expected)


def test_a_password_in_a_variable_with_further_flags_is_known_by_itself() -> None:
    assert {"hunter2", "hunter2 -Xmx3g"} <= secrets_in(["-Dsasl.password=hunter2 -Xmx3g"])


@pytest.mark.parametrize(
    "line",
    [
        "export DB_PASSWORD=hunter22; exec ./run",
        "DB_PASSWORD=hunter22 exec ./run --kafka localhost:9092 --topic t",
        "DB_URL=postgres://u@h/db DB_PASSWORD=hunter22 ./run",
        "./run --db-password hunter22; ./stop",
        "./run postgres://u:hunter22@h/db --to me@h",
    ],
)
def test_a_password_in_a_line_for_a_shell_is_known_by_itself(line: str) -> None:
    assert Secrets(["sh", "-c", line]).taken_out("login as app with hunter22") == "login as app with ***"
    assert "hunter22" not in " ".join(masked_arguments(["sh", "-c", line]))


def test_a_quoted_password_in_a_line_for_a_shell_is_known_without_its_quotes() -> None:
    words = ["sh", "-c", "PGPASSWORD='a bcd' ./s"]
    assert Secrets(words).taken_out("login as app with a bcd") == "login as app with ***"
    assert masked_arguments(words) == ["sh", "-c", "PGPASSWORD=***"]


def test_what_may_be_no_secret_in_a_line_for_a_shell_is_not_replaced_wherever_it_stands() -> None:
    secrets = Secrets(["sh", "-c", "TOKENIZERS_PARALLELISM=false exec ./run"])
    assert secrets.taken_out('{"transactional": false}') == '{"transactional": false}'


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["psql", "--no-password", "-h", "localhost"], None),
        (["sh", "-c", "psql --no-password -h localhost"], None),
        (["java", "-jar", "token-service:latest"], None),
        (["docker", "run", "registry:5000/token-service:latest", "secret-store:v2,cookie-jar:v1"], None),
        (["run", "password:hunter2", "db-token:hunter2"], "run password:*** db-token:***"),
        (
            ["/bin/bash", "-ec", "export A=b DB_PASSWORD=x; exec ./run --kafka k:9092 --topic t"],
            "/bin/bash -ec export A=b DB_PASSWORD=***; exec ./run --kafka k:9092 --topic t",
        ),
        (["sh", "-c", "DB_PASSWORD=a\\ b ./run --topic t"], "sh -c DB_PASSWORD=***"),
        (["sh", "-c", "DB_PASSWORD=a'b c' ./run --topic t"], "sh -c DB_PASSWORD=***"),
        (["docker", "-e", "DB_PASSWORD=correct horse battery"], "docker -e DB_PASSWORD=***"),
        (["tool", "-c", "password=correct horse battery"], "tool -c password=***"),
    ],
)
def test_a_harmless_word_stays_and_only_where_the_value_ends_is_plain(words: list[str], expected: str | None) -> None:
    assert " ".join(masked_arguments(words)) == (" ".join(words) if expected is None else expected)
