"""`oncewhere doctor`: a processor or a cluster comes in; what would break the guarantee goes to standard output."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from oncewhere.doctor.examination import diagnose, read_facts, with_outputs
from oncewhere.doctor.facts import ClientFacts
from oncewhere.doctor.finding import Finding, Mark, exit_code
from oncewhere.doctor.known_faults import LIBRARIES
from oncewhere.doctor.readers.subjects import Patient, databases_of, of_cluster, of_declaration, of_processor
from oncewhere.doctor.rule import Area
from oncewhere.document import decode
from oncewhere.drill import load as load_declaration
from oncewhere.errors import ConfigurationError
from oncewhere.report.diagnosis import as_json, lines_of, show_diagnosis, summary

from .app import load
from .run import INSTANCE
from .servers import choose_versions, dsns_of, named_dsns, read_settings

TRANSACTIONS = "transactions"
"""In place of a processor: only the transactions of the cluster."""


@click.command(short_help="Look at a live cluster and databases, and change nothing.")
@click.argument("target", metavar="[PATH | MODULE:APP | transactions]", default="")
@click.argument("version", metavar="[VERSION]", required=False)
@click.option("-b", "--bootstrap-servers", metavar="HOST:PORT", help="The Kafka to look at; MODULE:APP names its own.")
@click.option(
    "-X",
    "kafka_settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="How its brokers are spoken to: security.protocol, sasl.…, ssl.…; librdkafka's names. Give the processor's "
    "own credentials: brokers only tell what we may do ourselves.",
)
@click.option(
    "-F",
    "kafka_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of NAME=VALUE lines, each like -X.",
)
@click.option(
    "--dsn",
    "dsns",
    metavar="NAME=DSN",
    multiple=True,
    help="Where the database of an effect is, over what the code says.",
)
@click.option(
    "--output",
    "outputs",
    metavar="TOPIC",
    multiple=True,
    help="A topic that is produced to, where the processor does not declare it.",
)
@click.option(
    "--client-settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The settings of the processor's own clients, NAME=VALUE lines, to be held against what the guarantee needs.",
)
@click.option(
    "--client",
    "clients",
    metavar="LIBRARY=VERSION",
    multiple=True,
    help=f"A client library that the processor uses: {', '.join(LIBRARIES)}.",
)
@click.option(
    "--reader",
    "readers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    multiple=True,
    help="The exactly-once.json of a reader of the output (oncewhere observe and document make it): what it asked for "
    "on the wire.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option("--watch", is_flag=True, help="With `transactions`: look again and again, until Ctrl-C.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: between two looks.",
)
def doctor(  # noqa: PLR0913  # one parameter for each option
    target: str,
    version: str | None,
    *,
    bootstrap_servers: str | None,
    kafka_settings: tuple[str, ...],
    kafka_file: Path | None,
    dsns: tuple[str, ...],
    outputs: tuple[str, ...],
    client_settings: Path | None,
    clients: tuple[str, ...],
    readers: tuple[Path, ...],
    form: str,
    watch: bool,
    every_s: float,
) -> int:
    """Look at what a processor stands on, and say what would break its guarantee; nothing is changed.

    PATH is a folder with an oncewhere.toml (VERSION one of its versions), MODULE:APP a processor that is written with
    the library. Without either, the whole cluster is looked at. ✓ is good, ! holds and should be known, ✗ is a fault,
    and ? could not be read: that is never a pass.

    Exit codes: 0 good, 1 a fault, 2 usage, 3 something could not be read, 5 no Kafka answers.

    \b
    oncewhere doctor settlement:app
    oncewhere doctor . -b localhost:9092 --dsn bank=postgresql://me@localhost/bank
    oncewhere doctor . -b broker:9093 -X security.protocol=sasl_ssl -F credentials.properties --format json
    oncewhere doctor . -b localhost:9092 --client franz-go=1.21.3 --client-settings clients.properties
    oncewhere doctor -b localhost:9092
    oncewhere doctor transactions -b localhost:9092 --watch
    """  # noqa: D301  # click keeps the lines below \b as they are
    if watch and target != TRANSACTIONS:
        raise ConfigurationError("--watch is for transactions.", hint="Write: oncewhere doctor transactions --watch")
    patient = _patient(target, version, dsns, outputs)
    settings = {**patient.kafka, **read_settings(kafka_file, kafka_settings)}
    servers = bootstrap_servers or settings.get("bootstrap.servers")
    if servers is None:
        raise ConfigurationError("No Kafka is named.", hint="Name it: -b HOST:PORT")
    if target == TRANSACTIONS:
        return _transactions(with_outputs(patient, outputs), servers, settings, form, every_s if watch else None)
    patient = _with_clients(patient, clients, client_settings).read_by(_isolation(readers, patient.subject.outputs))
    facts = asyncio.run(read_facts(patient, servers, settings))
    findings = diagnose(facts)
    _print(findings, patient.subject.unseen, form)
    return exit_code(findings)


def _patient(target: str, version: str | None, dsns: Sequence[str], outputs: Sequence[str]) -> Patient:
    if target in {"", TRANSACTIONS}:
        return with_outputs(of_cluster(), tuple(outputs))
    if ":" in target and not Path(target).exists():
        os.environ.setdefault(INSTANCE, "0")
        processor = load(target)
        given = dsns_of(dsns, databases_of(processor), f"database of {target}")
        return of_processor(processor, name=target, outputs=outputs, dsns=given)
    declaration = load_declaration(Path(target))
    versions = choose_versions(declaration, [version] if version else [])
    if len(versions) > 1:
        raise ConfigurationError(
            f"{target} declares several versions: which one is in production?",
            hint=f"Write: oncewhere doctor {target} {versions[-1].name}",
        )
    return of_declaration(versions[0], named_dsns(dsns, versions), outputs=outputs)


def _with_clients(patient: Patient, clients: Sequence[str], settings: Path | None) -> Patient:
    named = list(patient.clients)
    for text in clients:
        library, _, number = text.partition("=")
        if library not in LIBRARIES or not any(sign.isdigit() for sign in number):
            raise ConfigurationError(
                f"--client {text} names no library and version.",
                hint=f"Write LIBRARY=VERSION, with one of {', '.join(LIBRARIES)}.",
            )
        named.append(ClientFacts(library=library, version=number))
    unseen = list(patient.subject.unseen)
    known = patient.settings if settings is None else read_settings(settings, ())
    if patient.subject.group is not None and known is None:
        unseen.append("the settings of the processor's clients; name a file of them: --client-settings FILE")
    if patient.subject.group is not None and not named:
        unseen.append("its client library; name it: --client LIBRARY=VERSION")
    return patient.told(clients=tuple(named), settings=known, unseen=tuple(unseen))


def _isolation(files: Sequence[Path], outputs: Sequence[str]) -> Mapping[str, str]:
    """By group, what the readers of the outputs asked for; who ever asked for read_uncommitted is known by that."""
    found: dict[str, str] = {}
    for file in files:
        observed = decode(file.read_bytes(), str(file)).facts.observed
        for fetched in observed.fetches if observed else ():
            if not set(fetched.topics).isdisjoint(outputs):
                for group in fetched.groups:
                    if found.get(group) != "read_uncommitted":
                        found[group] = fetched.isolation_level
    return found


def _transactions(patient: Patient, servers: str, settings: Mapping[str, str], form: str, every_s: float | None) -> int:
    while True:
        findings = diagnose(asyncio.run(read_facts(patient, servers, settings)), (Area.TRANSACTIONS,))
        if every_s is None:
            _print(findings, (), form)
            return exit_code(findings)
        if form == "json":
            click.echo(as_json(findings, ()))
        else:
            _print_look(findings)
        time.sleep(every_s)


def _print(findings: Sequence[Finding], unseen: Sequence[str], form: str) -> None:
    if form == "json":
        click.echo(as_json(findings, unseen))
    else:
        show_diagnosis(findings, unseen, Console(highlight=False))


def _print_look(findings: Sequence[Finding]) -> None:
    """One look of many: when, how many, and only what is not good."""
    console = Console(highlight=False)
    console.print(Text(time.strftime("%H:%M:%S  ")).append_text(summary(findings)))
    for finding in findings:
        if finding.mark is not Mark.GOOD or finding.rule == "open-transaction":
            console.print(lines_of(finding.rule, [finding])[0], soft_wrap=True)
