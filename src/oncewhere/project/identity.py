"""The sources and the tables come in; the one field that probably names the business event goes out, or none.

Only a guess: who has inputs looks at those first, see `events`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from .schemas import Schema, plain
from .sources import JVM_SUFFIXES, texts
from .told import Told

USUAL: Final = "event_id"
"""Nobody calls anything else so."""
_NAMES_ONE: Final = re.compile(r"(?:^|[_-])(?:id|ID)$|[a-z0-9]I[dD]$")
_NUMBERS_ONE: Final = re.compile(r"(?:[a-z0-9](?:No|Nr|Number)|[A-Za-z0-9][_-](?:no|nr|number|NO|NR|NUMBER))$")
"""What names a thing only where code and tables agree: `orderNo` does, and so does `phone_no`."""
_ENDING: Final = re.compile(r"(?:id|no|nr|number)$")
_TAKES: Final = re.compile(
    r"""(?:(\w*)(?:\(\))?\s*\.\s*(?:get|path|required|getString|optString|getAsJsonPrimitive)\("""
    r"""|@(?:JsonProperty|SerializedName|JsonAlias)\()\s*"([\w-]+)"\s*\)"""
)
_NO_JSON: Final = re.compile(r"headers?|env|getenv|rs|row|results?|resultset|params|properties|config", re.IGNORECASE)
"""How in Java is called what holds no record's value."""
_NAMES_A_CLIENT: Final = frozenset({"groupid", "clientid", "transactionalid", "topicid", "traceid", "spanid"})
_NO_RECORD: Final = ("environ", "headers")
"""How what is read from is called that is no record's value."""


def likely_identity(folder: Path, file: str | None, schemas: Sequence[Schema], topic: str | None) -> Told[str] | None:
    """What names the event, where only one field or column can be meant.

    Args:
        folder: the project's.
        file: the Python source that handles the records; None where there is none, and Java's or Kotlin's count.
        schemas: of the effects.
        topic: that is consumed; `refund-requested` speaks for `refund_id`.
    """
    columns = {
        plain(name): (name, schema.file)
        for schema in reversed(schemas)
        for table, names in schema.tables.items()
        for name in names
        if f"{table}.{name}" not in schema.unlikely
    }
    if file is None:
        read = {name: source for name, source in _fields_of_jvm(folder).items() if plain(name) in columns}
    else:
        read = dict.fromkeys(_fields_read(folder / file), file)
    unique = {plain(place.rpartition(".")[2]) for schema in schemas for place in schema.unique}
    targets = {plain(place.rpartition(".")[2]) for schema in schemas for place in schema.targets}
    counted = {plain(name) for schema in schemas for name in _counted(schema)}
    numbers = [name for name in read if _NUMBERS_ONE.search(name) and plain(name) in columns]
    candidates = (
        [name for name in read if _may_name_an_event(name) or (name in numbers and _speaks_for(topic, name))]
        or numbers
        or [name for name, _ in columns.values() if _may_name_an_event(name)]
    )
    wanted: tuple[Callable[[str], bool], ...] = (
        lambda name: name == USUAL,
        lambda name: plain(name) in columns,
        lambda name: _speaks_for(topic, name),
        _may_name_an_event,
        lambda name: plain(name) not in targets,
        lambda name: plain(name) in counted,
        lambda name: plain(name) in unique,
    )
    for wish in wanted:
        candidates = [name for name in candidates if wish(name)] or candidates
    if len({plain(name) for name in candidates}) != 1:
        return None
    name = candidates[0]
    column = columns.get(plain(name))
    said = [f"{read[name]} reads it"] if name in read else []
    said += [f"{column[1]} has a column {column[0]}"] if column is not None else []
    return Told(name, ", ".join(said), sure=False)


def _speaks_for(topic: str | None, name: str) -> bool:
    """True where a topic such as `orders` says what `orderNo` is of."""
    return topic is not None and _ENDING.sub("", plain(name)) in plain(topic)


def _counted(schema: Schema) -> Iterator[str]:
    """The columns of which a table may have several rows each; none of a table with a key that may name the event."""
    for table, names in schema.tables.items():
        keys = [name for name in names if f"{table}.{name}" in schema.unique - schema.targets]
        if not any(map(_may_name_an_event, keys)):
            said_elsewhere = schema.unlikely | schema.targets | schema.unique
            yield from (name for name in names if f"{table}.{name}" not in said_elsewhere)


def identity_among(fields: Collection[str], of: str) -> Told[str] | None:
    """What names the event among the fields of a record; none where nothing is called so.

    Args:
        fields: of the record, in order; the first that may is taken.
        of: what the record is called.
    """
    candidates = [name for name in fields if _may_name_an_event(name)]
    name = USUAL if USUAL in candidates else next(iter(candidates), None)
    return None if name is None else Told(name, f"{of} has it", sure=False)


def _may_name_an_event(name: str) -> bool:
    return bool(_NAMES_ONE.search(name)) and plain(name) not in _NAMES_A_CLIENT


def _fields_of_jvm(folder: Path) -> dict[str, str]:
    """What Java and Kotlin take by name out of JSON, `order.get("orderNo")`, each with a file that does."""
    found: dict[str, str] = {}
    for file, text in texts(folder, lambda file: file.suffix in JVM_SUFFIXES):
        for of, name in _TAKES.findall(text):
            if not _NO_JSON.fullmatch(of):
                found.setdefault(name, str(file))
    return found


def _fields_read(file: Path) -> list[str]:
    """What a source takes by name out of something: `r["refund_id"]`, `r.get("refund_id")`; each once."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
    except (OSError, SyntaxError, ValueError):
        return []
    return list(dict.fromkeys(_read(tree)))


def _read(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        of: ast.expr | None = None
        name: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            of, name = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            of, name = node.func.value, node.args[0] if node.args else None
        if of is None or ast.unparse(of).endswith(_NO_RECORD):
            continue
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield name.value
