"""A function declared as an effect: a callable and a place in, an `Effect` out, which only `tx.run` can run."""

from __future__ import annotations

import inspect
import types
import typing
from functools import cached_property
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from oncewhere.effects.honours import SQL, TITLES
from oncewhere.effects.place import Place, Registers
from oncewhere.effects.policy import Compensate, DedupeTable, OffsetLedger, Outbox, UniqueConstraint
from oncewhere.effects.recorded import ResultCodec
from oncewhere.errors import ConfigurationError

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.intents import Attempt
    from oncewhere.effects.outbox import Arguments

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")


class Effect(Generic[P, R]):
    """What a handler does at a place; its return value is recorded with it.

    Attributes:
        name: the name under which its results are recorded. A result recorded under one name is never found under
            another: rename an effect only when the group has committed everything that it processed.
        place: where it takes effect.
        function: the function itself; call it in unit tests with a connection of your own.
        done: what reads back the result of an effect that its own unique key refuses; None where there is nothing to
            read.
        undone_by: what undoes it; None where its policy undoes nothing.
        many: True where the function takes a list of values and returns a list of results, one for each.
    """

    def __init__(
        self,
        name: str,
        place: Place[Any],
        function: Callable[..., R],
        *,
        done: Callable[..., R] | None = None,
        undone_by: Callable[..., object] | None = None,
        many: bool = False,
    ) -> None:
        self.name = name
        self.place = place
        self.function = function
        self.done = done
        self.undone_by = undone_by
        self.many = many
        self.__doc__ = function.__doc__

    def __repr__(self) -> str:
        return f"<Effect {self.name!r} at {self.place.name!r}>"

    @cached_property
    def codec(self) -> ResultCodec[R]:
        """Encodes and decodes its results.

        Raises:
            ConfigurationError: the return annotation is missing, cannot be resolved, or is no type that can be
                recorded.
        """
        found = _result_type(self.name, self.function)
        if self.many:
            found = _one_of(self.name, found)
        if isinstance(self.place.policy, UniqueConstraint) and self.done is None and found is not type(None):
            raise ConfigurationError(
                f"Effect {self.name!r} returns a result, and the policy of {self.place.name!r} keeps none: who "
                "would know what to return when its unique key refuses it?",
                hint="Write @effect(place, done=read_back), with a function of the same arguments that reads it from "
                "the effect's rows; or return None.",
            )
        if isinstance(self.place.policy, Outbox):
            _ = self.arguments
            if self.place.policy.answers is None and found is not type(None):
                raise ConfigurationError(
                    f"Effect {self.name!r} returns a result, and nobody hears of it: calls are performed elsewhere.",
                    hint="Write Outbox(…, answers='capture-answers'), a topic that gets it; or return None.",
                )
        return ResultCodec(f"effect {self.name!r}", found)

    @cached_property
    def arguments(self) -> Arguments:
        """Its arguments to and from JSON: for an outbox, or for an undo that no record asks for.

        Raises:
            ConfigurationError: one of them has no type that can be carried.
        """
        from oncewhere.effects.outbox import Arguments  # noqa: PLC0415 - it is made of effects

        return Arguments(self)

    def undo(self, connection: Any, attempt: Attempt[R], arguments: Mapping[str, Any]) -> None:
        """Undoes it; what it gives is of no use to anybody."""
        assert self.undone_by is not None  # noqa: S101 - policy `Compensate` demands one
        self.undone_by(connection, attempt, **arguments)

    def read_back(self, connection: Any, *args: Any, **kwargs: Any) -> R | None:
        """What the effect returned when it was done; asked where its unique key refuses it."""
        return None if self.done is None else self.done(connection, *args, **kwargs)


def effect(
    place: Place[C],
    *,
    name: str | None = None,
    done: Callable[..., Any] | None = None,
    undo: Callable[..., object] | None = None,
) -> Callable[[Callable[Concatenate[C, P], R]], Effect[P, R]]:
    """Declares a function as an effect at a place.

    The function's first argument is the place's own connection, inside the transaction that the place's policy governs;
    the others are what the handler passes to `tx.run`. Its return value is recorded, and a redelivered record gets the
    recorded value instead of running the function again: so it must have a return annotation that msgspec can carry.

    Args:
        place: where it takes effect, such as a `Postgres`.
        name: the name to record results under; the function's own name by default.
        done: for policy `UniqueConstraint`: takes the same arguments and reads back what the effect returned when it
            was done.
        undo: for policy `Compensate`: takes the place's connection, an `Attempt` (its key; its result, or None where
            nobody knows whether it happened) and then the same arguments, and undoes it.

    Returns:
        A decorator that gives an `Effect`.

    Raises:
        ConfigurationError: `place` is no place, its policy has no use for `done` or `undo`, or needs an `undo`.
    """
    given: object = place
    if not isinstance(given, Place):
        msg = f"@effect needs a place, such as Postgres(…), and got {place!r}."
        raise ConfigurationError(msg, hint="Write @effect(bank), with bank = Postgres(dsn, name='bank', policy=…).")

    if done is not None and not isinstance(place.policy, UniqueConstraint):
        raise ConfigurationError(
            f"@effect(…, done=…) is for policy unique-constraint, and {place.name!r} has {place.policy.name}.",
            hint="Leave it out: this policy records results, or asks the effect again.",
        )

    if (undo is not None) is not isinstance(place.policy, Compensate):
        lacks = "needs @effect(…, undo=…)" if undo is None else "undoes nothing, and was given @effect(…, undo=…)"
        raise ConfigurationError(
            f"{place.name!r} has {place.policy.name}, which {lacks}.",
            hint="Policy compensate goes with an undo: @effect(gateway, undo=release).",
        )

    def declare(function: Callable[Concatenate[C, P], R]) -> Effect[P, R]:
        made: Effect[P, R] = Effect(name or function.__name__, place, function, done=done, undone_by=undo)
        if undo is not None and isinstance(given, Registers):
            given.register(made)
            _ = made.arguments  # refused when it is declared, not at the first restart
        return made

    return declare


def effect_many(
    place: Place[C],
    *,
    name: str | None = None,
) -> Callable[[Callable[[C, list[V]], list[R]]], Effect[[V], R]]:
    """Declares a function as an effect that is executed for many records at once, for `tx.run_each`.

    The function takes the place's connection and a list of values, and returns a list of results, one for each value,
    in the same order. It gets only those values whose effect is to be executed: what is recalled for redelivered
    records and what turns out to be a duplicate are not among them. Each result is recorded with its own record.

    Args:
        place: where it takes effect; a database.
        name: see `effect`.

    Returns:
        A decorator that gives an `Effect`.

    Raises:
        ConfigurationError: `place` is no place, or its policy watches each effect by itself.
    """
    effect(place)  # refuses what is no place
    if not isinstance(place.policy, OffsetLedger | DedupeTable) or place.system not in SQL:
        raise ConfigurationError(
            f"@effect_many is for databases whose policy commits many effects together, and {place.name!r} is "
            f"{TITLES[place.system]} with {place.policy.name}.",
            hint="Write @effect(place): tx.run_each runs it for each record.",
        )

    def declare(function: Callable[[C, list[V]], list[R]]) -> Effect[[V], R]:
        return Effect(name or function.__name__, place, function, many=True)  # type: ignore[arg-type]  # R, not a list

    return declare


def _one_of(name: str, found: Any) -> Any:
    """What a list of results holds."""
    if found is list or typing.get_origin(found) is not list:
        raise ConfigurationError(
            f"Effect {name!r} is to give a list of results, and its return annotation is {found!r}.",
            hint="Annotate it, such as -> list[Settled]; list[None] where there is nothing to return.",
        )
    return typing.get_args(found)[0]


def _result_type(name: str, function: Callable[..., R]) -> type[R]:
    """The return annotation's type."""
    if "return" not in inspect.get_annotations(function):
        msg = f"Effect {name!r} has no return annotation, so its result cannot be recorded."
        raise ConfigurationError(msg, hint="Annotate it; `-> None` where there is nothing to return.")
    return typing.cast("type[R]", resolved(name, function, ["return"])["return"])


def resolved(name: str, function: Callable[..., Any], wanted: Sequence[str]) -> dict[str, Any]:
    """The types of some annotations; the others are left alone: a connection's may be there for type checkers only.

    Args:
        name: the effect's, for sentences.
        function: whose annotations.
        wanted: names of annotated parameters, or `return`.

    Raises:
        ConfigurationError: one cannot be resolved.
    """
    annotations = inspect.get_annotations(function)
    holder = types.SimpleNamespace(__annotations__={one: annotations[one] for one in wanted})
    scope = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    try:
        return typing.get_type_hints(
            holder, globalns=getattr(function, "__globals__", {}), localns=dict(scope), include_extras=True
        )
    except (NameError, TypeError) as error:
        what = "return annotation" if list(wanted) == ["return"] else "annotations"
        msg = f"The {what} of effect {name!r} cannot be resolved: {error}."
        raise ConfigurationError(msg, hint="Import the type where the effect is defined, at run time.") from error
