"""`oncewhere document`: a declaration or a processor, and the newest run, come in; the production document goes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from oncewhere.document import (
    Facts,
    Observed,
    as_html,
    as_json,
    as_markdown,
    compose,
    decode,
    differences,
    encode,
)
from oncewhere.document.check import disagreements
from oncewhere.document.claim import claims, sentence, unpromised
from oncewhere.document.drilled import BLIND
from oncewhere.document.statement import Standing
from oncewhere.drill import Declaration, load
from oncewhere.drill.control import but_the_control
from oncewhere.drill.declaration import FILE_NAME
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.report import find_run
from oncewhere.runtime.loading import names_an_app

from .completing import runs_begun
from .facts import code_of, declared_of, runs_of, with_runs
from .places import project_folder

MARKDOWN = "EXACTLY-ONCE{}.md"
EVIDENCE = "exactly-once{}.json"
VIOLATED, INCONCLUSIVE = 1, 3
FORMS = {"markdown": as_markdown, "html": as_html, "json": as_json}
STYLES = {Standing.HOLDS: ("✓", "green"), Standing.BROKEN: ("✗", "bold red"), Standing.UNKNOWN: ("?", "yellow")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a document is about, and where it stands.

    Attributes:
        name: the version; or `MODULE:APP`.
        declaration: None for a processor without a declaration file.
        markdown: the document.
        evidence: the facts beside it.
    """

    name: str
    declaration: Declaration | None
    markdown: Path
    evidence: Path


@click.command(short_help="Write the production document of a processor, or check it.")
@click.argument("subject", metavar="PATH|MODULE:APP", default=".")
@click.argument("version", required=False)
@click.option(
    "--run",
    "runs",
    type=click.Path(),
    multiple=True,
    metavar="RUN",
    shell_complete=runs_begun,
    help="Take the evidence from this run: its folder, its name, or latest; may be given several times. "
    "Otherwise from .oncewhere: the newest run that visited all named crashes, or else the newest.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it there; - prints it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="markdown",
    show_default=True,
    help="Markdown, to be committed; a page; or data for a program.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where the committed document no longer agrees.")
@click.option(
    "--require-once",
    is_flag=True,
    help="With --check: exit 1 as well where the document says of a place that it is NOT exactly once, and 3 where it "
    "is not proved or nothing is promised.",
)
@click.option(
    "--max-age",
    type=click.FloatRange(0, min_open=True),
    metavar="DAYS",
    help="With --check: how old the drill behind the document may be.",
)
def document(  # one parameter for each option
    subject: str,
    version: str | None,
    *,
    runs: tuple[str, ...],
    output: Path | None,
    form: str,
    check: bool,
    require_once: bool,
    max_age: float | None,
) -> int:
    """Write down what may be claimed of a processor, and how each sentence is known.

    PATH is a folder with an oncewhere.toml (any language); MODULE:APP is a Processor of the library, in this folder.
    EXACTLY-ONCE.md is written beside the declaration, and exactly-once.json with the facts it is made of: commit both.
    Where a declaration has several versions, name one; the files then carry its name. Without a name --check reads
    every committed document but the control's (drill.control), which is meant only where it is named.

    --check compares the committed document with the code, the configuration and that run, and needs no server.
    Exit codes: 0 they agree, 1 they do not, 3 it cannot be said (no drill stands behind the document). A document that
    says NOT exactly once agrees when that is so; --require-once asks for more than that.

    \b
    oncewhere document .                                  # after: oncewhere drill .
    oncewhere document examples/payments offset-ledger
    oncewhere document settlement:app --format html -o settlement.html
    oncewhere document . --run latest
    oncewhere document . --run ~/Downloads/2026-11-25T18-25-25Z-payments
    oncewhere document . --check --max-age 90             # in CI
    oncewhere document . --check --require-once           # in CI, before it may be deployed
    """  # noqa: D301  # click keeps the lines below \b as they are
    if max_age is not None and not check:
        raise ConfigurationError("--max-age is a limit for --check.", hint="Write: --check --max-age DAYS")
    if require_once and not check:
        raise ConfigurationError("--require-once is for --check.", hint="Write: --check --require-once")
    named = tuple(find_run(project_folder(), str(Path(name).expanduser())) for name in runs)
    console = Console(highlight=False)
    if check:
        committed = _committed(subject, version, output)
        found = [_checked(one, named, max_age, console, require_once=require_once) for one in committed]
        return VIOLATED if VIOLATED in found else max(found)
    one = _one(subject, version, output)
    facts = _facts(one, named)
    written = compose(facts)
    text = FORMS[form](written)
    if output is not None and str(output) == "-":
        click.echo(text, nl=False)
        return 0
    path = output or one.markdown.with_suffix({"markdown": ".md", "html": ".html", "json": ".json"}[form])
    _write(path, text)
    if form == "markdown":
        _write(one.evidence, encode(facts, text).decode())
    _show(facts, console)
    if facts.drilled is not None and facts.drilled.narrower:
        console.print(
            f"It stands on {facts.drilled.run}, the newest run that visited all named crashes.", soft_wrap=True
        )
    console.print(f"Written: {path}" + (f" and {one.evidence.name}" if form == "markdown" else ""), soft_wrap=True)
    return 0


def _one(subject: str, version: str | None, output: Path | None) -> Documented:
    """The one subject that the arguments mean.

    Raises:
        ConfigurationError: they mean several.
    """
    found = _subjects(subject, version, output)
    if len(found) > 1:
        raise _several(found)
    return found[0]


def _several(found: list[Documented]) -> ConfigurationError:
    names = ", ".join(one.name for one in found)
    return ConfigurationError("The declaration has several versions.", hint=f"Name one of {names}.")


def _subjects(subject: str, version: str | None, output: Path | None) -> list[Documented]:
    """Everything that the arguments may mean; the control only where it is named."""
    if names_an_app(subject) and not Path(FILE_NAME).is_file():
        folder = output.parent if output is not None and str(output) != "-" else Path()
        return [_subject(subject, None, folder, "", output)]
    declaration = load(Path(subject))
    if version is not None and version not in declaration.versions:
        raise ConfigurationError(
            f"There is no version {version!r} in the declaration.", hint=f"It has {', '.join(declaration.versions)}."
        )
    several = len(declaration.versions) > 1
    return [
        _subject(
            name,
            declaration,
            Path(subject) if Path(subject).is_dir() else Path(subject).parent,
            f".{name}" if several else "",
            output,
        )
        for name in ([version] if version else but_the_control(declaration))
    ]


def _subject(name: str, declaration: Declaration | None, folder: Path, mark: str, output: Path | None) -> Documented:
    markdown = folder / MARKDOWN.format(mark)
    evidence = folder / EVIDENCE.format(mark)
    if output is not None and str(output) != "-":
        markdown, evidence = output, output.with_name(f"{output.stem}.json")
    return Documented(name=name, declaration=declaration, markdown=markdown, evidence=evidence)


def _committed(subject: str, version: str | None, output: Path | None) -> list[Documented]:
    """The subjects whose document is there.

    Raises:
        ConfigurationError: none is, or the arguments mean several of which none is.
    """
    found = _subjects(subject, version, output)
    there = [one for one in found if one.markdown.is_file()]
    if not there and len(found) > 1:
        raise _several(found)
    if not there:
        raise ConfigurationError(
            f"There is no document to check: {found[0].markdown} does not exist.",
            hint="Write it: oncewhere document, and commit both files.",
        )
    return there


def _facts(one: Documented, runs: tuple[Path, ...], *, known: Facts | None = None) -> Facts:
    """The facts of today; what only `known` facts tell of stays, and a run that was named counts in any case."""
    if one.declaration is None:
        declared = code_of(one.name, Path())
    else:
        declared = declared_of(one.declaration, one.declaration.versions[one.name])
    evidence = runs_of(one.declaration, one.name, runs)
    before = [known.drilled] if known is not None and known.drilled is not None else []
    facts = with_runs(declared, evidence, known=() if runs else before)
    if known is None:
        return facts
    return Facts(
        declared=facts.declared,
        observed=_newer(facts.observed, known.observed, always=bool(runs)),
        drilled=facts.drilled or known.drilled,
    )


def _checked(
    one: Documented, runs: tuple[Path, ...], max_age: float | None, console: Console, *, require_once: bool
) -> int:
    try:
        committed = decode(one.evidence.read_bytes(), str(one.evidence))
    except OSError:
        raise InconclusiveError(
            f"The facts of {one.markdown} are missing: {one.evidence} does not exist.",
            hint="Write both again: oncewhere document; commit both.",
        ) from None
    now = _facts(one, runs, known=committed.facts)
    text = one.markdown.read_text(encoding="utf-8")
    found = differences(committed, text, now, today=datetime.now(UTC), max_age_days=max_age)
    if not found:
        console.print(
            Text.assemble(("✓ ", "green"), f"{one.markdown} agrees: {sentence(now)}".replace("`", "")), soft_wrap=True
        )
        return _claimed(now, console, require_once=require_once)
    only_open = all(difference.open for difference in found)
    said = "cannot be said to agree" if only_open else "no longer agrees"
    if not only_open and set(found) <= set(disagreements(now)):
        said = "says what is so, and that is not what is promised"
    console.print(
        Text.assemble(("? ", "yellow") if only_open else ("✗ ", "bold red"), f"{one.markdown} {said}:"), soft_wrap=True
    )
    for difference in found:
        mark = ("  ? ", "yellow") if difference.open else ("  ✗ ", "red")
        console.print(Text.assemble(mark, difference.sentence.replace("`", "")), soft_wrap=True)
    first = "Drill it" if only_open else "Mend what is wrong, drill again"
    if only_open and any(BLIND in difference.sentence for difference in found):
        first = "Let observe count rows that the effect itself writes, drill it"
    console.print(f"{first}, and write it anew: oncewhere document", markup=False)
    return INCONCLUSIVE if only_open else VIOLATED


def _claimed(facts: Facts, console: Console, *, require_once: bool) -> int:
    """What a document that agrees with the facts does not claim; a failure where it must."""
    lacking = [claim for claim in claims(facts) if claim.standing is not Standing.HOLDS]
    left = list(unpromised(facts))
    if not lacking and not left:
        return 0
    broken = any(claim.standing is Standing.BROKEN for claim in lacking)
    note = "" if require_once else " To fail here: --require-once"
    lines = [f"It says: {'; '.join(f'{claim.words} {claim.where}' for claim in lacking)}"] if lacking else []
    for line in [*lines, *left]:
        standing = Standing.BROKEN if line in lines and broken else Standing.UNKNOWN
        mark, style = STYLES[standing] if require_once else ("!", "yellow")
        console.print(Text.assemble((f"{mark} ", style), f"{line}.{note}".replace("`", "")), soft_wrap=True)
    if not require_once:
        return 0
    return VIOLATED if broken else INCONCLUSIVE


def _newer(fresh: Observed | None, committed: Observed | None, *, always: bool) -> Observed | None:
    """The newer of the two, by the names of their runs; a run that was named counts in any case."""
    if fresh is None or committed is None:
        return fresh or committed
    return fresh if always or fresh.run >= committed.run else committed


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def _show(facts: Facts, console: Console) -> None:
    for claim in claims(facts):
        mark, style = STYLES[claim.standing]
        why = f": {claim.why}" if claim.why else ""
        told = f"{claim.words} {claim.where}{why}".replace("`", "")
        console.print(Text.assemble((f"{mark} ", style), told), soft_wrap=True)
