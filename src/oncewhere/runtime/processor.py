"""What the user declares and runs: settings, an identity and handlers in; a loop that ends when it is told to."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from oncewhere.errors import ConfigurationError
from oncewhere.runtime import events
from oncewhere.runtime.declaration import Declaration, EffectDeclaration, TopicDeclaration
from oncewhere.runtime.engine import Engine, Limits
from oncewhere.runtime.session import TransactSession
from oncewhere.runtime.settings import Settings, complete
from oncewhere.runtime.subscription import Identity, Subscription, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.place import Place
    from oncewhere.records import Record
    from oncewhere.runtime.transaction import Transaction

T = TypeVar("T")

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 16 * 1024 * 1024


class Processor:
    """A consume-transform-produce loop whose effects happen once.

    Args:
        settings: librdkafka's settings, in dots, for consumer and producer together. Those that the guarantee needs
            (`enable.auto.commit`, `isolation.level`, `acks`, `enable.idempotence`, …) are fixed; a conflicting one is
            refused. `auto.offset.reset` is `earliest` unless given.
        group_id: the consumer group; the ledger's rows are kept under it.
        transactional_id: this instance's identity at the transaction coordinator. Stable across restarts, so that a
            restart ends at once what the crashed run left open; different for each live instance, or they fence each
            other.
        max_batch_records: how many records one transaction takes at most.
        max_batch_bytes: a batch takes no more records once their values have this size together, in bytes.
        on_event: a listener for what happens (see `oncewhere.runtime.events`), beside the one that logs.

    Raises:
        ConfigurationError: a setting contradicts the guarantee.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        group_id: str,
        transactional_id: str,
        max_batch_records: int = MAX_BATCH_RECORDS,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        on_event: events.Listener | None = None,
    ) -> None:
        self._settings = complete(settings, group_id=group_id, transactional_id=transactional_id)
        if max_batch_records < 1 or max_batch_bytes < 1:
            raise ConfigurationError("A batch takes at least one record and one byte.")
        self._group_id = group_id
        self._transactional_id = transactional_id
        self._limits = Limits(max_batch_records, max_batch_bytes)
        self._listeners: list[events.Listener] = [events.log]
        if on_event is not None:
            self._listeners.append(on_event)
        self._subscriptions: dict[str, Subscription] = {}
        self._stop = threading.Event()

    def __repr__(self) -> str:
        return f"<Processor group_id={self._group_id!r} transactional_id={self._transactional_id!r}>"

    def consume(
        self,
        topic: str,
        value_type: type[T],
        *,
        identity: Identity | None = None,
        effects: Sequence[Effect[..., Any]] | None = None,
    ) -> Callable[[Callable[[Record[T], Transaction], None]], Callable[[Record[T], Transaction], None]]:
        """Declares the handler of a topic.

        The handler is called for each record, in the order of each partition. It must ask for the same effects in the
        same order when it sees the same record again; everything else that it does outside Kafka, other than through
        `tx.run`, may happen twice.

        Args:
            topic: the topic's name.
            value_type: what its values are: a msgspec Struct, a dataclass or a builtin type (from JSON), or `bytes`.
                A tombstone's value is None, whatever the type.
            identity: the business identity of an event, for policies that need one: a field's name, or a function of
                the value that gives text, a whole number or a UUID.
            effects: the effects that the handler uses, where they cannot be found by reading its code.

        Returns:
            A decorator that gives the handler back unchanged.

        Raises:
            ConfigurationError: the topic has a handler already, the type cannot be decoded to, or it has no such field.
        """
        if topic in self._subscriptions:
            raise ConfigurationError(f"Topic {topic!r} has a handler already.")

        def declare(
            handler: Callable[[Record[T], Transaction], None],
        ) -> Callable[[Record[T], Transaction], None]:
            self._subscriptions[topic] = subscription(topic, value_type, handler, identity=identity, effects=effects)
            return handler

        return declare

    def declaration(self) -> Declaration:
        """What this processor claims, as plain data.

        Raises:
            ConfigurationError: the declarations contradict each other.
        """
        topics, effects = [], []
        for sub in self._subscriptions.values():
            topics.append(TopicDeclaration(sub.topic, _name(sub.value_type), sub.identity_name, _name(sub.handler)))
            for effect in sub.effects():
                place, policy = effect.place, effect.place.policy
                effects.append(
                    EffectDeclaration(
                        name=effect.name,
                        topic=sub.topic,
                        place=place.name,
                        system=place.system,
                        policy=policy.name,
                        guarantee=policy.guarantee,
                        identity=sub.identity_name if policy.needs_identity else None,
                    ),
                )
        return Declaration(
            group_id=self._group_id,
            transactional_id=self._transactional_id,
            isolation_level=str(self._settings.consumer["isolation.level"]),
            topics=tuple(topics),
            effects=tuple(effects),
        )

    def stop(self) -> None:
        """Asks a running processor to finish its batch and return; from any thread or handler."""
        self._stop.set()

    def run(self) -> None:
        """Processes records until SIGTERM, SIGINT or `stop`; then finishes the open batch and leaves the group.

        Signals are handled only when it is called from the main thread; a second SIGINT ends it at once.

        Raises:
            ConfigurationError: a declaration, setting, topic or table is wrong.
            UnreachableError: Kafka or a place does not answer.
            FencedError: another producer has our transactional.id.
            LedgerRefusedError: what a place has recorded contradicts Kafka's committed offset.
            HandlerError: a handler raised; nothing of its batch took effect.
            DeserializationError: a record is not of the declared type.
            ReplayError: a redelivered record asks for an effect that was not recorded.
            NoProgressError: the same batch failed again and again.
        """
        if not self._subscriptions:
            raise ConfigurationError(
                "This processor consumes nothing.",
                hint="Declare a handler: @app.consume(topic, type).",
            )
        self._stop.clear()
        uses, places = self._resolve()
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            opened = {}
            for name, place in places.items():
                opened[name] = place.open(self._group_id)
                stack.callback(opened[name].close)
            session = TransactSession(
                self._settings,
                list(self._subscriptions),
                emit=self._emit,
                stopping=self._stop.is_set,
            )
            stack.callback(session.close)
            session.start()
            Engine(
                session,
                subscriptions=self._subscriptions,
                uses=uses,
                places=opened,
                limits=self._limits,
                emit=self._emit,
                stopping=self._stop.is_set,
            ).run()
        self._emit(events.Stopped())

    def _resolve(self) -> tuple[dict[str, frozenset[str]], dict[str, Place[Any]]]:
        """The places of each topic, and all of them by name; every effect's result type is resolved on the way."""
        places: dict[str, Place[Any]] = {}
        uses: dict[str, frozenset[str]] = {}
        for sub in self._subscriptions.values():
            for effect in sub.effects():
                _ = effect.codec
                if places.setdefault(effect.place.name, effect.place) is not effect.place:
                    raise ConfigurationError(f"Two places are called {effect.place.name!r}.", hint="Name each its own.")
            uses[sub.topic] = frozenset(sub.places())
        return uses, places

    def _emit(self, event: events.Event) -> None:
        for listener in self._listeners:
            listener(event)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            del frame
            if self._stop.is_set() and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._stop.set()

        before: Mapping[int, Any] = {n: signal.signal(n, on_signal) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _name(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", thing))
