"""The document as a user asks for it: the committed ones of the examples agree, and whatever changes is found."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from oncewhere.cli.entry import main
from oncewhere.cli.facts import declared_of
from oncewhere.document import as_markdown, compose, decode, encode
from oncewhere.drill import load

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """Copies of the examples in a folder in which nothing was ever run."""
    for name in ("payments", "java"):
        shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("build", "__pycache__"))
    shutil.copy(EXAMPLES / "recorded.sql", tmp_path)
    return tmp_path


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(examples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command in this process: a new one costs seconds each, and nothing here is about processes."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(examples)
    monkeypatch.setenv("COLUMNS", "80")

    def typed(*arguments: str) -> Done:
        code = main(["document", *arguments])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Done(code, told.out, told.err)

    yield typed
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("example", ["payments", "java"])
def test_the_committed_documents_of_the_examples_agree_with_them(examples: Path, run: Run, example: str) -> None:
    done = run(example, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    documents = {path.name for path in (examples / example).glob("EXACTLY-ONCE*.md")} - {"EXACTLY-ONCE.naive.md"}
    assert documents
    assert all(f"✓ {example}/{name} agrees" in done.stdout for name in documents)


def test_the_control_is_meant_only_where_it_is_named(examples: Path, run: Run) -> None:
    assert "naive" not in run("payments", "--check").stdout
    assert "✓ payments/EXACTLY-ONCE.naive.md agrees" in run("payments", "naive", "--check").stdout
    for name in ("dedupe-table", "offset-ledger", "plain"):
        (examples / "payments" / f"EXACTLY-ONCE.{name}.md").unlink()
    asked, checked = run("payments"), run("payments", "--check")
    assert (asked.returncode, checked.returncode) == (2, 2)
    assert asked.stderr == checked.stderr
    assert "Name one of skip, dedupe-table, offset-ledger, plain." in " ".join(asked.stderr.split())


@pytest.mark.parametrize(
    ("file", "before", "after", "version", "says"),
    [
        (
            "offset_ledger.py",
            "OffsetLedger()",
            "OffsetLedger(table='mine')",
            "offset-ledger",
            "tables of the policy of bank: was",
        ),
        (
            "offset_ledger.py",
            "commit_interval_ms=500",
            "commit_interval_ms=50",
            "offset-ledger",
            "commit_interval_ms: was “500”",
        ),
        (
            "offset_ledger.py",
            "{os.environ.get('INSTANCE', '0')}",
            "9",
            "offset-ledger",
            "and settlement-9 in offset_ledger:app",
        ),
        (
            "schema/dedupe.sql",
            "varchar(64) primary key",
            "varchar(64)",
            "dedupe-table",
            "nothing refuses a second row",
        ),
        (
            "oncewhere.toml",
            'retention = "30 days"',
            'retention = "2 days"',
            "dedupe-table",
            "retention of bank: was “30 days”",
        ),
        (
            "oncewhere.toml",
            'policy  = "none"',
            'policy  = "dedupe-table"',
            "naive",
            "the policy of bank was none: drill it again",
        ),
        (
            "EXACTLY-ONCE.naive.md",
            "NOT exactly once",
            "exactly once",
            "naive",
            "edited by hand",
        ),
    ],
)  # fmt: skip
def test_what_has_changed_since_is_named(
    examples: Path, run: Run, file: str, before: str, after: str, version: str, says: str
) -> None:
    edit(examples / "payments" / file, before, after)
    done = run("payments", version, "--check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout


def test_an_effect_that_the_code_has_and_the_declaration_has_not_is_named(examples: Path, run: Run) -> None:
    edit(
        examples / "payments" / "offset_ledger.py",
        "settle = effect(bank)(settlement.settle)",
        "from oncewhere import AtLeastOnce, Smtp\n"
        "mail = Smtp('smtp://localhost:25', name='mail', domain='localhost', policy=AtLeastOnce(acknowledged='a "
        "second mail is a nuisance'))\n"
        "def _tell(session, payment: str) -> None: ...\n"
        "tell = effect(mail)(_tell)\nsettle = effect(bank)(settlement.settle)",
    )
    edit(examples / "payments" / "offset_ledger.py", "    tx.produce(", "    tx.run(tell, settled)\n    tx.produce(")
    done = run("payments", "offset-ledger", "--check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "An effect was added that the document does not know: mail (smtp)." in done.stdout
    assert "which oncewhere.toml does not declare" in done.stdout


def test_an_old_drill_is_too_old_only_where_a_limit_is_given(examples: Path, run: Run) -> None:
    assert run("payments", "naive", "--check").returncode == 0
    done = run("payments", "naive", "--max-age", "0.000001", "--check")
    assert done.returncode == 1
    assert "days old" in done.stdout


def test_a_document_that_says_not_agrees_and_is_refused_where_more_is_asked_for(examples: Path, run: Run) -> None:
    done = run("payments", "naive", "--check")
    assert done.returncode == 0
    assert "! It says: NOT exactly once in bank, where no policy is declared. To fail here: --require-once" in " ".join(
        done.stdout.split()
    )
    done = run("payments", "naive", "--check", "--require-once")
    assert (done.returncode, "✗ It says: NOT exactly once" in done.stdout) == (1, True)
    done = run("payments", "offset-ledger", "--check", "--require-once")
    assert (done.returncode, "It says" in done.stdout) == (0, False)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("undeclared", "bank: nobody has declared what prevents a duplicate: declare policy in [effects.bank]"),
        ("none", "bank: nothing is promised: declare policy in [effects.bank]"),
    ],
)
def test_a_green_drill_does_not_pass_where_once_is_required_and_nothing_is_promised(
    examples: Path, run: Run, policy: str, says: str
) -> None:
    java = examples / "java"
    edit(java / "oncewhere.toml", 'policy  = "dedupe row with the recorded output"', f'policy  = "{policy}"')
    toml, _, _ = (java / "oncewhere.toml").read_text().partition("[versions.recorded.document.effects.bank]")
    (java / "oncewhere.toml").write_text(toml)
    declaration = load(java)
    facts = decode((java / "exactly-once.recorded.json").read_bytes(), "the facts").facts
    assert facts.drilled is not None
    facts = msgspec.structs.replace(
        facts,
        declared=declared_of(declaration, declaration.versions["recorded"]),
        drilled=msgspec.structs.replace(facts.drilled, policies={"bank": policy}),
    )
    text = as_markdown(compose(facts))
    (java / "EXACTLY-ONCE.recorded.md").write_text(text)
    (java / "exactly-once.recorded.json").write_bytes(encode(facts, text))
    done = run("java", "recorded", "--check")
    assert (done.returncode, f"! {says}" in done.stdout) == (0, True), done.stdout
    done = run("java", "recorded", "--check", "--require-once")
    assert (done.returncode, f"? {says}" in done.stdout) == (3, True), done.stdout


def test_facts_that_are_missing_leave_it_open_and_a_missing_document_is_a_mistake(examples: Path, run: Run) -> None:
    (examples / "payments" / "exactly-once.naive.json").unlink()
    done = run("payments", "naive", "--check")
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)
    done = run("payments", "skip", "--check")
    assert (done.returncode, "There is no document to check" in done.stderr) == (2, True)


def test_a_document_is_written_for_code_alone_and_says_that_nothing_is_proved(examples: Path, run: Run) -> None:
    (examples / "service.py").write_text(
        "from oncewhere import OffsetLedger, Postgres, Processor, effect\n"
        "bank = Postgres('postgresql://me:hunter2secret@db/bank', name='bank', policy=OffsetLedger())\n"
        "app = Processor({'bootstrap.servers': 'kafka:9092', 'sasl.password': 'hunter3secret'}, group_id='g', "
        "transactional_id='g-0')\n"
        "@effect(bank)\ndef settle(db, event: dict) -> None: ...\n"
        "@app.consume('authorized', dict)\ndef handle(record, tx):\n    tx.run(settle, record.value)\n"
    )
    done = run("service:app")
    assert done.returncode == 0, done.stderr
    assert "? not proved to be exactly once in bank by offset-ledger: no drill has crashed it yet" in done.stdout
    written = (examples / "EXACTLY-ONCE.md").read_text() + (examples / "exactly-once.json").read_text()
    assert not re.search("hunter.secret", written + done.stdout)
    assert "`settle`" in written
    assert run("service:app", "--check").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["payments"], "has several versions"),
        (["payments", "nave"], "It has naive"),
        (["nowhere"], "nowhere does not exist"),
        (["payments", "naive", "--max-age", "3"], "--max-age is a limit for --check"),
        (["payments", "naive", "--require-once"], "--require-once is for --check"),
        (["payments", "naive", "--run", "payments"], "holds no run.json"),
        (["nothing:app"], "no module nothing here"),
    ],
)
def test_what_is_wrong_is_one_sentence(examples: Path, run: Run, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr


def test_every_form_can_be_printed(examples: Path, run: Run) -> None:
    for form, begins in {"markdown": "# Settlement", "html": "<!doctype html>", "json": "{"}.items():
        done = run("payments", "naive", "--format", form, "-o", "-")
        assert (done.returncode, done.stdout[: len(begins)]) == (0, begins)
