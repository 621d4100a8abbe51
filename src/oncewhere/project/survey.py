"""A project's folder comes in; what it tells of its processor goes out. Nothing is started, imported or changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import variables
from .builds import command_of
from .compose import Service, service_of
from .environment import dotenv_of, of_service
from .events import identities
from .hosts import hosts_of
from .identity import likely_identity
from .image import with_arguments
from .inserts import Insert, inserts_of
from .jvm_calls import called
from .kafka_names import KafkaNames, kafka_names, with_a_likely_group, without_unread_groups
from .listeners import listened
from .python_sources import Program, program_of
from .schemas import Schema, schemas_of
from .sources import defaults_read, names_read, variables_read
from .spring import Property, filled, properties_of
from .told import FROM, Told
from .variables import Variable
from .writing import is_sample

PYTHON_FILES_LIMIT = 200
_APP = re.compile(r"^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:oncewhere\.)?Processor\(", re.MULTILINE)
_IMPORT = re.compile(r"^\s*(?:from|import) oncewhere\b", re.MULTILINE)
_IDENTITY = re.compile(r"\bidentity\s*=\s*[\"'](\w+)[\"']")
_BOOTSTRAP = re.compile(r"bootstrap[.-]servers$|brokers$")
_TRANSACTIONAL_ID = re.compile(r"^(KAFKA_)?TRANSACTIONAL_ID$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at the folder tells.

    Attributes:
        app: `MODULE:APP` of a processor written with the library.
        command: program and arguments of any other.
        names: its consumer group and topics.
        told_by: the files that said so.
        service: the service of the Compose file that was taken for it, as `NAME of FILE`.
        others: services of that file that could be meant as well.
        variables: how the processor learns its addresses.
        schemas: SQL files that make tables.
        inserts: statements in the code that add rows; looked for only where no SQL file makes a table.
        inputs: a JSON Lines file; None where there is only one that `init` made up.
        identities: what may name the business event in it, the likeliest first.
        identity: what names it, as a processor written with the library says; else a guess, from the code and tables.
    """

    app: str | None = None
    command: Told[tuple[str, ...]] | None = None
    names: KafkaNames = field(default_factory=KafkaNames)
    told_by: tuple[str, ...] = ()
    service: str | None = None
    others: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    schemas: tuple[Schema, ...] = ()
    inserts: tuple[Insert, ...] = ()
    inputs: str | None = None
    identities: tuple[str, ...] = ()
    identity: Told[str] | None = None

    @property
    def effects(self) -> dict[str, str]:
        """By name, the system of each effect that a variable leads to."""
        return {v.effect: v.system for v in self.variables if v.effect is not None and v.system is not None}


def survey(folder: Path) -> Found:
    """Looks at a project.

    Args:
        folder: the project's.

    Raises:
        ConfigurationError: a file of its own cannot be read as what it is.
    """
    app, identity = _app(folder)
    dotenv = dotenv_of(folder)
    read_by_code = names_read(folder)
    service = service_of(folder, {name: told.value for name, told in dotenv.items()}, read_by_code)
    given = of_service(service) | dotenv
    properties = properties_of(folder, {name: told.value for name, told in given.items()})
    command, builds = (None, ()) if app is not None else _command(folder, service)
    found = _addresses(given, properties, service)
    program = program_of(folder) if app is None else Program()
    if app is None:
        found += _unknown_yet(_addresses(program.defaults, {}, None), found)
        found += _not_yet(found, _unknown_yet(variables_read(folder), found))
    calls = called(folder) if app is None else KafkaNames()
    in_code = program.names.group or calls.group
    believed = without_unread_groups(given, read_by_code) if in_code is not None and in_code.sure else given
    names = kafka_names(believed | {name: Told(p.value, p.by) for name, p in properties.items() if p.value})
    names = names.with_gaps_filled(program.names)
    if app is None:
        known = {name: told.value for name, told in given.items()} | {n: p.value for n, p in properties.items()}
        heard = listened(folder, lambda text: filled(text, known))
        names = replace(
            names.with_gaps_filled(heard), group=heard.group or names.group, input=heard.input or names.input
        ).with_gaps_filled(calls)
        names = with_a_likely_group(names, given, defaults_read(folder))
        found += variables.credentials_apart(found, given, read_by_code)
    found += _kept(given, names, known={variable.name for variable in found})
    inputs = sorted(path.name for path in folder.glob("*.jsonl") if not is_sample(path))
    schemas = tuple(schemas_of(folder))
    columns = frozenset(column for schema in schemas for column in schema.columns)
    module = None if app is None else f"{app.partition(':')[0]}.py"
    files = (
        module,
        *builds[:1],
        None if service is None else service.file,
        *builds[1:],
        *_files(given, properties),
        program.file,
        *_sources(names, found, read_by_code),
        *(schema.file for schema in schemas),
        *inputs[:1],
    )
    return Found(
        app=app,
        command=command or program.command,
        names=names,
        told_by=tuple(dict.fromkeys(filter(None, files))),
        service=f"{service.name} of {service.file}" if service is not None else None,
        others=service.others if service is not None else (),
        variables=tuple(found),
        schemas=schemas,
        inserts=() if schemas else inserts_of(folder),
        inputs=inputs[0] if inputs else None,
        identities=identities(folder / inputs[0], columns) if inputs else (),
        identity=identity or likely_identity(folder, module or program.file, schemas, _topic(names)),
    )


def _topic(names: KafkaNames) -> str | None:
    return None if names.input is None else names.input.value


def _app(folder: Path) -> tuple[str | None, Told[str] | None]:
    """The processor that is written with the library, and by what its module tells events apart."""
    for _, file in zip(range(PYTHON_FILES_LIMIT), sorted(folder.glob("*.py")), strict=False):
        text = file.read_text(encoding="utf-8", errors="replace")
        if _IMPORT.search(text) and (match := _APP.search(text)):
            names = set(_IDENTITY.findall(text))
            identity = Told(names.pop(), f"{file.name} (identity)") if len(names) == 1 else None
            return f"{file.stem}:{match.group(1)}", identity
    return None, None


def _command(folder: Path, service: Service | None) -> tuple[Told[tuple[str, ...]] | None, tuple[str, ...]]:
    """What the build says, and the files; else what the container starts, if its paths are ours is not known."""
    command, build = command_of(folder)
    builds = () if build is None else (build,)
    if command is None and service is not None and service.command:
        return Told(service.command, f"{service.file} (command of {service.name})", sure=False), builds
    if command is None:
        return None, builds
    command, files = with_arguments(command, folder, service)
    return command, (*builds, *files)


def _addresses(
    given: Mapping[str, Told[str]], properties: Mapping[str, Property], service: Service | None
) -> list[Variable]:
    """The variables that lead to Kafka and to the effects; settings files count where the environment is silent."""
    found = [
        replace(variable, source=told.source)
        for name, told in given.items()
        if (variable := variables.read(name, told.value)) is not None
    ]
    found += variables.credentials(found, given)
    found += _not_yet(found, hosts_of(given, service.images if service else {}, found))
    return found + _not_yet(found, _of_properties(properties, found))


def _of_properties(properties: Mapping[str, Property], known: Sequence[Variable]) -> list[Variable]:
    """What application.yml says of addresses; of Kafka, and of each system, only where nothing else does."""
    kafka_known = any(variable.text == "{kafka}" for variable in known)
    systems = {variable.system for variable in known}
    found: list[Variable] = []
    for name, setting in properties.items():
        read = variables.read(setting.variable, setting.value) or _without_value(name, setting)
        if read is None or (read.system in systems if read.system else kafka_known):
            continue
        found.append(replace(read, source=f"from {setting.by}"))
        prefix = name.rpartition(".")[0].removesuffix(".jdbc")
        for ending, part in (("username", "user"), ("password", "password")):
            beside = properties.get(f"{prefix}.{ending}")
            if read.effect is not None and beside is not None:
                found.append(Variable(beside.variable, f"{{{read.effect}.{part}}}", source=f"from {beside.by}"))
    by_variable = {setting.variable: Told(setting.value, setting.by) for setting in properties.values()}
    known = [*known, *found]
    systems = {variable.system for variable in known}
    effects = {v.effect for v in hosts_of(by_variable, {}, known) if v.system and v.system not in systems}
    return found + [v for v in hosts_of(by_variable, {}, known) if v.text[1:].partition(".")[0] in effects]


def _without_value(name: str, setting: Property) -> Variable | None:
    """Kafka's address, where only the environment says it."""
    return Variable(setting.variable, "{kafka}") if not setting.value and _BOOTSTRAP.search(name) else None


def _unknown_yet(more: Iterable[Variable], known: Sequence[Variable]) -> list[Variable]:
    """What sources tell, of Kafka or of effects, where no file says a value of it."""
    kafka_known = any(variable.text == "{kafka}" for variable in known)
    effect_known = any(variable.effect for variable in known)
    return [v for v in more if not (kafka_known if v.text == "{kafka}" else effect_known)]


def _not_yet(found: Iterable[Variable], more: Iterable[Variable]) -> list[Variable]:
    """Those under a name that is not there."""
    names = {variable.name for variable in found}
    return [variable for variable in more if variable.name not in names]


def _kept(given: Mapping[str, Told[str]], names: KafkaNames, *, known: set[str]) -> list[Variable]:
    """What a processor must be given as it is, since it takes its names from there: the group, topics, its identity."""
    wanted = [name for name in given if name in names.settings or _TRANSACTIONAL_ID.search(name)]
    return [
        Variable(name, given[name].value, source=given[name].source)
        for name in wanted
        if name not in known and "{" not in given[name].value
    ]


def _files(given: Mapping[str, Told[str]], properties: Mapping[str, Property]) -> list[str]:
    """The files that the settings stand in, each once."""
    said = (*(told.by for told in given.values()), *(setting.file for setting in properties.values()))
    return list(dict.fromkeys(map(_file, said)))


def _sources(names: KafkaNames, found: Sequence[Variable], read_by_code: Mapping[str, Path]) -> Iterator[str]:
    """The files that the names and the variables are from; a variable's that only its name tells is the code's."""
    yield from (_file(told.by) for told in (names.group, names.input, names.outputs) if told is not None)
    for variable in found:
        if variable.source.startswith(FROM):
            yield _file(variable.source.removeprefix(FROM))
        elif variable.name in read_by_code:
            yield str(read_by_code[variable.name])


def _file(by: str) -> str:
    """The file, of a text that says where something is from."""
    return re.split(r" \(|; ", by)[0]
