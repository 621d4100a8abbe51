"""Python sources come in; how the processor is started, its group, its topics and its defaults go out. Nothing is run.

A program that is written with a Kafka client says these by its calls: `subscribe([…])`, `produce(…)`, `"group.id"` in a
dict. What a variable of the environment is replaced by where it is not set tells what kind of address it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .kafka_names import KafkaNames
from .told import Told

FILES_LIMIT: Final = 200
SIZE_LIMIT_BYTES: Final = 500_000
_SKIPPED: Final = frozenset({"venv", "node_modules", "build", "dist", "__pycache__", "test", "tests"})
_CONSUMERS: Final = frozenset({"KafkaConsumer", "AIOKafkaConsumer"})
"""Classes that take topics as their arguments."""
_SENDS: Final = frozenset({"send", "send_and_wait"})
"""What kafka-python's and aiokafka's producers are told by; others have methods of that name as well."""
_DEFAULTS: Final = frozenset({"environ.get", "getenv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What the sources say of the processor.

    Attributes:
        file: the one that subscribes; None where none does.
        command: what starts it.
        names: its group and its topics.
        defaults: by variable of the environment, what counts where it is not set.
    """

    file: str | None = None
    command: Told[tuple[str, ...]] | None = None
    names: KafkaNames = field(default_factory=KafkaNames)
    defaults: Mapping[str, Told[str]] = field(default_factory=dict)


def program_of(folder: Path) -> Program:
    """The program in a folder that subscribes to a topic: the shallowest, where there are several.

    Args:
        folder: the project's.
    """
    trees = dict(_trees(folder))
    defaults = {
        name: Told(value, f"{file} ({name})") for file, tree in trees.items() for name, value in _defaults(tree)
    }
    programs = [file for file, tree in trees.items() if any(_calls(tree, "subscribe", *_CONSUMERS))]
    if not programs:
        return Program(defaults=defaults)
    file, *others = programs
    more = f"; there is {', '.join(others)} as well" if others else ""
    return Program(
        file=file,
        command=Told(("{python}", file), f"{file} subscribes{more}", sure=False),
        names=_names(trees[file], file, sure=not others),
        defaults=defaults,
    )


def _trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """The files that can be read, the shallowest first, by their path in the folder."""
    files = (file.relative_to(folder) for file in folder.rglob("*.py"))
    ours = (file for file in files if not any(part in _SKIPPED or part.startswith(".") for part in file.parts))
    for _, file in zip(range(FILES_LIMIT), sorted(ours, key=lambda f: (len(f.parts), f.parts)), strict=False):
        if file.name.startswith("test_") or (folder / file).stat().st_size > SIZE_LIMIT_BYTES:
            continue
        try:
            yield str(file), ast.parse((folder / file).read_text(encoding="utf-8", errors="replace"))
        except (SyntaxError, ValueError):
            continue


def _names(tree: ast.Module, file: str, *, sure: bool) -> KafkaNames:
    known = _constants(tree)
    groups = _texts(_groups(tree), known)
    inputs = _texts(_consumed(tree), known)
    outputs = [topic for topic in _texts(_produced(tree), known) if topic not in inputs]
    return KafkaNames(
        group=_one(groups, f"{file} (group.id)", sure=sure),
        input=_one(inputs, f"{file} (subscribe)", sure=sure),
        outputs=Told(tuple(outputs), f"{file} (produce)", sure) if outputs else None,
    )


def _one(values: list[str], by: str, *, sure: bool) -> Told[str] | None:
    """The first; a guess, where there are others."""
    if not values:
        return None
    others = f"; there is {', '.join(values[1:])} as well" if values[1:] else ""
    return Told(values[0], by + others, sure and not others)


def _groups(tree: ast.Module) -> Iterator[ast.expr]:
    """What stands behind `"group.id":` and `group_id=`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "group.id":
                    yield value
        elif isinstance(node, ast.keyword) and node.arg == "group_id":
            yield node.value


def _consumed(tree: ast.Module) -> Iterator[ast.expr]:
    for call in _calls(tree, "subscribe"):
        yield from call.args[:1]
        yield from (word.value for word in call.keywords if word.arg == "topics")
    for call in _calls(tree, *_CONSUMERS):
        yield from call.args


def _produced(tree: ast.Module) -> Iterator[ast.expr]:
    for call in _calls(tree, "produce", *_SENDS):
        of = ast.unparse(call.func).lower()
        if of.endswith(".produce") or "producer" in of:
            yield from call.args[:1] or [word.value for word in call.keywords if word.arg == "topic"]


def _calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    """The calls of functions, or of methods, of one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names:
                yield node


def _constants(tree: ast.Module) -> dict[str, str]:
    """The names that the module sets to a text, once and for all."""
    known: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and (texts := _texts([node.value], known)):
            known.update({target.id: texts[0] for target in node.targets if isinstance(target, ast.Name)})
    return known


def _texts(expressions: Iterable[ast.expr], known: Mapping[str, str]) -> list[str]:
    """What expressions come to without being run, each once: a text, a name of one, a list, a variable's default."""
    found: list[str] = []
    for node in expressions:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.Name) and node.id in known:
            found.append(known[node.id])
        elif isinstance(node, ast.List | ast.Tuple):
            found += _texts(node.elts, known)
        elif isinstance(node, ast.Call) and (default := _default(node)) is not None:
            found.append(default[1])
    return list(dict.fromkeys(found))


def _defaults(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (found := _default(node)) is not None:
            yield found


def _default(call: ast.Call) -> tuple[str, str] | None:
    """The variable and what replaces it, of `os.environ.get("NAME", "default")` and `os.getenv`."""
    if not ast.unparse(call.func).endswith(tuple(_DEFAULTS)):
        return None
    texts = [node.value for node in call.args if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return (texts[0], texts[1]) if len(texts) == len(call.args) == len(("name", "default")) else None
