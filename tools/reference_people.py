# ruff: noqa: INP001  # a script's other half, not a package
"""What a person types, writes and reads comes in as the code has it; pages of `docs/reference/` go out.

Commands from click, keys of the declaration from its types, errors, metrics and policies from their tables.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from types import UnionType
from typing import Any

import click
import msgspec

from oncewhere import errors
from oncewhere.cli.entry import cli
from oncewhere.drill import claims, declaration
from oncewhere.drill.effect import Effect
from oncewhere.effects.honours import HONOURED, TITLES, WHY_NOT
from oncewhere.effects.policy import Policy
from oncewhere.listeners.metrics import BUCKETS_S, KNOWN, METRICS
from oncewhere.stack.patience import VARIABLE as START_LIMIT

VARIABLES = {
    "ONCEWHERE_CACHE": "Where Kafka's jars are kept, and read by every run. Default: the cache folder of the user.",
    START_LIMIT: "Seconds that a server may take to start. Default: what is usual, and more while the machine has much "
    "to do. On a machine that is slow at anything, such as one of a CI, give it 600.",
    "NO_COLOR": "Nothing is printed in colour where it is set.",
}


def commands() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    context = click.Context(cli, info_name="oncewhere", auto_envvar_prefix="ONCEWHERE")
    parts = [
        "# Commands",
        "",
        "What `--help` says, in one page. Every option may also be given by the environment, under the name in the",
        "last column, or by `[options.COMMAND]` in the project's `oncewhere.toml`; a flag counts most, then the",
        "environment, then the file. `oncewhere config --show` says what is in force.",
        "",
    ]
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None  # noqa: S101  # its name is listed
        parts += _command(found, click.Context(found, info_name=name, parent=context), 2)
    parts += ["## Variables without an option", "", "| variable | what it does |", "|---|---|"]
    parts += [f"| `{name}` | {what} |" for name, what in VARIABLES.items()]
    parts += ["", "## Exit codes", "", "| code | meaning |", "|---|---|"]
    codes = re.findall(r"(\d+) ([^·]+?)(?: ·|\.$)", (cli.epilog or "").removeprefix("Exit codes: "))
    parts += [f"| {code} | {meaning.strip()} |" for code, meaning in codes]
    return "\n".join([*parts, ""])


def _command(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    arguments = " ".join(p.make_metavar(context) for p in command.params if isinstance(p, click.Argument))
    yield from (f"{'#' * depth} `{context.command_path}{f' {arguments}' if arguments else ''}`", "", text.strip(), "")
    if examples:
        yield from ("```console", examples.strip(), "```", "")
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        yield from ("| option | what it does | environment |", "|---|---|---|")
        yield from (_option(option, context) for option in options)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None  # noqa: S101  # its name is listed
            yield from _command(below, click.Context(below, info_name=name, parent=context), depth + 1)


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
    value = "" if option.is_flag else f" {_cell(option.make_metavar(context))}"
    default = f" Default: {option.default}." if option.show_default and not option.is_flag else ""
    variable = f"`{context.auto_envvar_prefix}_{(option.name or '').upper()}`"
    return f"| {names}{value} | {_cell(option.help or '')}{default} | {variable} |"


def configuration() -> str:
    """The keys of a declaration, from the types that read it."""
    parts = [
        "# Configuration",
        "",
        "An `oncewhere.toml`, or `[tool.oncewhere]` in a `pyproject.toml`. `oncewhere init` writes one. A key that is",
        "not here is refused, with the nearest one that is.",
        "",
    ]
    for table, kind in (
        ("processor", declaration.Processor),
        ("processor.environment", None),
        ("effects.NAME", Effect),
        ("drill", declaration.Settings),
        ("versions.NAME", declaration.VersionChange),
        ("document", claims.Claims),
        ("[document.readers]", claims.Reader),
        ("document.effects.NAME", claims.EffectClaims),
    ):
        parts += [f"## `[{table}]`", ""]
        if kind is None:
            parts += [*ENVIRONMENT, ""]
            continue
        parts += [_first_paragraph(kind), "", "| key | type | default | meaning |", "|---|---|---|---|"]
        parts += _keys(kind)
        parts.append("")
        if table == "processor":
            parts += [*APP, ""]
    return "\n".join([*parts, *OPTIONS, ""])


ENVIRONMENT = (
    "Variables of the processor. The drill replaces `{kafka}`, `{EFFECT}` and the parts of an address:",
    "`{EFFECT.host}`, `.port`, `.user`, `.password`, `.database`; `{instance}` is the number of an instance,",
    "from 0, and `{python}` the interpreter that runs the drill.",
)
APP = (
    'A processor that is written with the library needs `app = "MODULE:APP"` instead of `command`, `input`,',
    "`group` and mostly `output`: they are read from the object, as are the effects with their systems and",
    "policies. It is given its addresses by `ONCEWHERE_AT_kafka` and `ONCEWHERE_AT_PLACE`, over those in its",
    "code.",
)
OPTIONS = (
    "## `[options.COMMAND]`",
    "",
    "Defaults of the command line's options, by the names that `oncewhere config --show` has in its last",
    "column, in lower case: `[options.drill]`, `lanes = 1`. Only the file in the current folder is read for",
    "them.",
)


def _keys(kind: type[msgspec.Struct]) -> Iterator[str]:
    told = _attributes(kind)
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        default = "required" if required else _default(field.default)
        yield f"| `{field.name}` | {_type(hints[field.name])} | {default} | {_cell(told.get(field.name, ''))} |"


def _default(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        return ""
    return "" if value is None or value is msgspec.NODEFAULT or value == "" else f"`{_toml(value)}`"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and not value.startswith("{") else str(value)


def _type(hint: Any) -> str:
    words = {str: "text", int: "number", float: "number", bool: "true or false"}
    if hint in words:
        return words[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, UnionType}:
        return " or ".join(dict.fromkeys(_type(one) for one in inner if one is not type(None)))
    if origin is typing.Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin is list:
        return f"list of {_type(inner[0])}"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "table"
    return "table" if origin is dict else str(getattr(hint, "__name__", hint)).lower()


def error_page() -> str:
    """The errors that a program can catch, by what the caller must do."""
    rows = []
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, BaseException) and not name.startswith("_"):
            code = getattr(kind, "exit_code", None)
            rows.append(f"| `{name}` | {'' if code is None else code} | {_cell(_first_paragraph(kind))} |")
    return "\n".join(
        [
            "# Errors",
            "",
            "Each is named by what the caller must do. On the command line it is one sentence and one hint on standard",
            "error, and the exit code in the table; in a program, `error.hint` and `error.detail` carry the same. How",
            "Kafka's own error codes are treated is in [Kafka's errors](failures.md).",
            "",
            "| error | exit code | what it means |",
            "|---|---|---|",
            *rows,
            "",
        ],
    )


def metrics() -> str:
    """The table of metrics."""
    rows = []
    for metric in METRICS:
        labels = []
        for label in metric.labels:
            known = KNOWN.get((metric, label))
            labels.append(f"`{label}`: {', '.join(known) if known else 'a name of yours'}")
        rows.append(
            f"| `{metric.name}` | `{metric.dotted}` | {metric.kind} | {'; '.join(labels)} | {_cell(metric.help)} |"
        )
    return "\n".join(
        [
            "# Metrics",
            "",
            "`oncewhere run --metrics --health-port 8080` answers them at `/metrics`; `oncewhere.listeners` has",
            "listeners for Prometheus and OpenTelemetry. No label comes out of a record. A dashboard and alert rules",
            "that are made from this table are in `examples/deploy/monitoring`.",
            "",
            "| Prometheus | OpenTelemetry | kind | labels | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Buckets of the histograms, in seconds: {', '.join(f'{bound:g}' for bound in BUCKETS_S)}.",
            "",
        ],
    )


def policies() -> str:
    """Every policy: its sentence, and where it holds, and why not elsewhere."""
    parts = [
        "# Policies",
        "",
        "How duplicates of an effect are prevented. A place has exactly one, and there is no default. Which one to",
        "choose:",
        "[Choose a policy](../guides/choose-a-policy.md). What is said of MySQL and of Redis was run on MariaDB and on",
        "Valkey; MySQL and Redis themselves were not run yet.",
        "",
        f"| policy | {' | '.join(TITLES.values())} |",
        f"|---|{'---|' * len(TITLES)}",
    ]
    for policy, systems in HONOURED.items():
        marks = ("yes" if system in systems else "no" for system in TITLES)
        parts.append(f"| [`{policy.__name__}`](#{policy.__name__.lower()}) | {' | '.join(marks)} |")
    parts.append("")
    for policy, systems in HONOURED.items():
        parts += [f"## {policy.__name__}", "", policy.guarantee, "", _first_paragraph(policy), ""]
        parts += _arguments(policy)
        refused = {TITLES[s]: WHY_NOT[policy, s] for s in TITLES if s not in systems}
        if refused:
            parts += ["Refused:", "", *(f"- at {title}: {why}." for title, why in refused.items()), ""]
    return "\n".join(parts)


def _arguments(policy: type[Policy]) -> Iterator[str]:
    told = _attributes(policy, section="Args")
    if told:
        yield from ("| argument | meaning |", "|---|---|")
        yield from (f"| `{name}` | {_cell(text)} |" for name, text in told.items())
        yield ""


def _first_paragraph(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def _attributes(kind: type, section: str = "Attributes") -> dict[str, str]:
    """The lines of a docstring's section, by name."""
    text = inspect.cleandoc(kind.__doc__ or "").partition(f"{section}:\n")[2].partition("\n\n")[0]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = re.match(r"    (\w+): (.*)", line)
        if match and not line.startswith("     "):
            name = match.group(1)
            found[name] = match.group(2)
        elif name:
            found[name] += f" {line.strip()}"
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PEOPLE_PAGES = {
    "commands.md": commands,
    "configuration.md": configuration,
    "errors.md": error_page,
    "metrics.md": metrics,
    "policies.md": policies,
}
