"""Which effects a handler uses, and where it produces: a function in, what its code names out.

A place's ledger must move with every batch of its topics, whether or not a record ran an effect. So the places of a
handler are known before the first record, by reading its code: the names that it uses, in its module and closure, and
those of the functions that it calls by name. What this cannot see (an effect passed around as an argument) is named in
`consume(…, effects=[…])`; an effect that is neither seen nor named is refused when it is run.
"""

from __future__ import annotations

import dis
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from oncewhere.effects.effect import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PRODUCES = frozenset({"produce", "produce_batch"})
_TAKES_METHOD = frozenset({"LOAD_METHOD", "LOAD_ATTR"})  # Python 3.11, and later ones

MAX_FUNCTIONS = 256
"""How many functions are read for one handler, at most."""


def effects_of(handler: Callable[..., Any]) -> list[Effect[Any, Any]]:
    """The effects that a handler's code names, in the order of reading; each once."""
    found: dict[int, Effect[Any, Any]] = {}
    for function in _functions(handler):
        for value in _named(function):
            if isinstance(value, Effect):
                found.setdefault(id(value), value)
    return list(found.values())


def outputs_of(handler: Callable[..., Any]) -> list[str]:
    """The topics that a handler's code produces to by name: `tx.produce("payment-settled", …)`; each once.

    Only a topic that stands there as text, or as a name of the module, is seen; nobody relies on it but a drill, which
    is told of the others.
    """
    found: dict[str, None] = {}
    for function in _functions(handler):
        for code in _codes(function.__code__):
            for before, after in pairwise(dis.get_instructions(code)):
                if before.argval in _PRODUCES and before.opname in _TAKES_METHOD:
                    topic = after.argval if after.opname == "LOAD_CONST" else function.__globals__.get(after.argval)
                    if isinstance(topic, str):
                        found[topic] = None
    return list(found)


def _functions(handler: Callable[..., Any]) -> Iterator[FunctionType]:
    """The handler's own function, and those that it calls by name."""
    seen: set[int] = set()
    todo = [handler]
    while todo and len(seen) < MAX_FUNCTIONS:
        function = _function(todo.pop())
        if function is None or id(function) in seen:
            continue
        seen.add(id(function))
        yield function
        todo += [v for v in _named(function) if isinstance(v, FunctionType) and _same_package(v, function)]


def _function(value: Any) -> FunctionType | None:
    value = getattr(value, "__wrapped__", value)
    value = getattr(value, "__func__", value)
    if not isinstance(value, FunctionType) and callable(value):
        value = type(value).__call__  # an object that is called like a function
    return value if isinstance(value, FunctionType) else None


def _same_package(one: FunctionType, other: FunctionType) -> bool:
    """Only the user's own code is read, not the libraries that it calls."""
    return str(one.__module__).partition(".")[0] == str(other.__module__).partition(".")[0]


def _named(function: FunctionType) -> Iterator[Any]:
    """The values of the names in a function's code; `module.name` counts as a name of that module."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # an empty cell: the name is bound later, and was not called yet
            continue
    for name in names:
        value = function.__globals__.get(name)
        yield value
        if isinstance(value, ModuleType):
            yield from (vars(value).get(attribute) for attribute in names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
