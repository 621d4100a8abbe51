"""What the user declares and runs: settings, an identity and handlers in; a loop that ends when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from oncewhere.addresses import settings_for
from oncewhere.effects.policy import Outbox
from oncewhere.errors import ConfigurationError
from oncewhere.runtime import events
from oncewhere.runtime.claims import claimed
from oncewhere.runtime.identity import RandomIdentity, TransactionalId, resolve
from oncewhere.runtime.importing import refuse_while_importing
from oncewhere.runtime.kafka.serialization import decode_with, encode_with
from oncewhere.runtime.lifecycle import Lifecycle
from oncewhere.runtime.limits import COMMIT_INTERVAL_MS, MAX_BATCH_BYTES, Wishes
from oncewhere.runtime.outbox import declare as declare_outbox
from oncewhere.runtime.plan import Uses, uses_of
from oncewhere.runtime.rejection import OnError
from oncewhere.runtime.running import Run
from oncewhere.runtime.settings import Complete, Settings, complete
from oncewhere.runtime.subscription import Identity, Subscription, subscription
from oncewhere.runtime.transaction import Transaction
from oncewhere.runtime.values import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.outside import OutsidePlace
    from oncewhere.effects.place import Place
    from oncewhere.records import Record, Records
    from oncewhere.runtime.declaration import Declaration
    from oncewhere.runtime.health import Health
    from oncewhere.runtime.outbox import Around
    from oncewhere.runtime.values import Deserializer, Serializer

T = TypeVar("T")

DRAIN_TIMEOUT_S = 20.0  # below the 30 s that Kubernetes waits between SIGTERM and SIGKILL


class Processor:
    """A consume-transform-produce loop whose effects happen once.

    Args:
        settings: librdkafka's settings, in dots, for consumer and producer together. Those that the guarantee needs
            (`enable.auto.commit`, `isolation.level`, `acks`, `enable.idempotence`, …) are fixed; a conflicting one is
            refused. `auto.offset.reset` is `earliest` unless given; `group.instance.id` is the `transactional.id`
            unless given (None: a dynamic member), or that one is random.
        group_id: the consumer group; the ledger's rows are kept under it.
        transactional_id: this instance's identity at the transaction coordinator: a name, or a `StableOrdinal`. Stable
            across restarts, so that a restart ends at once what the crashed run left open; different for each live
            instance, or they fence each other.
        commit_interval_ms: how long after one commit the next one follows, in milliseconds; 0 commits after each slice
            that was there. A record that comes after a pause is not kept waiting.
        max_batch_records: how many records one transaction takes at most; by default 1,000 where effects run, and
            100,000 otherwise. Where it is given and there are no effects, handlers also wait for the commit before:
            so no more than so many run again after a crash.
        max_batch_bytes: a batch takes no more records once their values have this size together, or its outputs that
            wait to be sent have, in bytes; with effects, as far as the batch before tells.
        drain_timeout_s: how long finishing may take after SIGTERM, in seconds; what is open then is aborted.
        serializers: by output topic, confluent-kafka's form of one: `(value, SerializationContext) -> bytes`.
        on_event: a listener for what happens (see `oncewhere.runtime.events`), beside the one that logs.

    Raises:
        ConfigurationError: a setting contradicts the guarantee, or the identity changes at each start.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a user says
        self,
        settings: Settings,
        *,
        group_id: str,
        transactional_id: TransactionalId,
        commit_interval_ms: int = COMMIT_INTERVAL_MS,
        max_batch_records: int | None = None,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        drain_timeout_s: float = DRAIN_TIMEOUT_S,
        serializers: Mapping[str, Serializer] | None = None,
        on_event: events.Listener | None = None,
    ) -> None:
        self._identity = transactional_id
        self._transactional_id = resolve(transactional_id, group_id=group_id)
        self._settings = complete(
            settings_for(settings),
            group_id=group_id,
            transactional_id=self._transactional_id,
            comes_back=not isinstance(transactional_id, RandomIdentity),
            commit_interval_ms=max(commit_interval_ms, 0),
        )
        self._wishes = Wishes(
            commit_interval_ms=commit_interval_ms, max_batch_records=max_batch_records, max_batch_bytes=max_batch_bytes
        )
        self._wishes.check(transaction_timeout_s=self._settings.transaction_timeout_s)
        self._given_settings = settings
        self._group_id = group_id
        self._encoders = {topic: encode_with(one, topic) for topic, one in (serializers or {}).items()}
        self._listeners: list[events.Listener] = [events.log]
        if on_event is not None:
            self._listeners.append(on_event)
        self._subscriptions: dict[str, Subscription] = {}
        self._lifecycle = Lifecycle(drain_timeout_s)

    def __repr__(self) -> str:
        return f"<Processor group_id={self._group_id!r} transactional_id={self._transactional_id!r}>"

    def consume(
        self,
        topic: str,
        value_type: type[T],
        *,
        identity: Identity | None = None,
        effects: Sequence[Effect[..., Any]] | None = None,
        on_error: OnError | None = None,
        deserializer: Deserializer | None = None,
    ) -> Callable[[Callable[[Record[T], Transaction], None]], Callable[[Record[T], Transaction], None]]:
        """Declares the handler of a topic.

        The handler is called for each record, in the order of each partition. It must ask for the same effects in the
        same order when it sees the same record again; everything else that it does outside Kafka, other than through
        `tx.run`, may happen twice.

        Args:
            topic: the topic's name.
            value_type: what its values are: a msgspec Struct, a dataclass, a builtin type or a Pydantic model (from
                JSON), or `bytes`. A tombstone's value is None, whatever the type.
            identity: the business identity of an event, for policies that need one: a field's name, or a function of
                the value that gives text, a whole number or a UUID.
            effects: the effects that the handler uses, where they cannot be found by reading its code.
            on_error: what becomes of a record that cannot be decoded or handled: `Stop()` (the default),
                `DeadLetter(topic)` or `Skip()`.
            deserializer: confluent-kafka's form of one, `(bytes, SerializationContext) -> value`, instead of JSON.

        Returns:
            A decorator that gives the handler back unchanged.

        Raises:
            ConfigurationError: the topic has a handler already, the type cannot be decoded to, or it has no such field.
        """
        return self._declaring(
            topic, value_type, deserializer, identity=identity, effects=effects, on_error=on_error, batch=False
        )

    def consume_batch(
        self,
        topic: str,
        value_type: type[T],
        *,
        identity: Identity | None = None,
        effects: Sequence[Effect[..., Any]] | None = None,
        on_error: OnError | None = None,
        deserializer: Deserializer | None = None,
    ) -> Callable[[Callable[[Records[T], Transaction], None]], Callable[[Records[T], Transaction], None]]:
        """Declares a handler that takes many records at once, for work that is quicker done so.

        It gets a `Records`: a sequence of at least one record and at most 500 (1,000 where it runs effects), in the
        order of each partition, with its columns (`records.values`, `records.keys`); how they are cut may differ when
        they come again. Where the handler fails and `on_error` is not to stop, it is called again with one record at a
        time, to find the poison one. Effects are run with `tx.run_each`, which records each result with its record.

        Args:
            topic: see `consume`.
            value_type: see `consume`.
            identity: see `consume`.
            effects: see `consume`.
            on_error: see `consume`.
            deserializer: see `consume`.

        Returns:
            A decorator that gives the handler back unchanged.

        Raises:
            ConfigurationError: see `consume`.
        """
        return self._declaring(
            topic, value_type, deserializer, identity=identity, effects=effects, on_error=on_error, batch=True
        )

    def _declaring(
        self, topic: str, value_type: Any, deserializer: Deserializer | None, **declared: Any
    ) -> Callable[[Any], Any]:
        """A decorator that declares a handler and gives it back."""
        self._check_free(topic)
        decode = None if deserializer is None else decode_with(deserializer, topic)

        def declare(handler: Any) -> Any:
            self._check_free(topic)  # two decorators may be made before the first is used
            self._subscriptions[topic] = subscription(topic, value_type, handler, deserializer=decode, **declared)
            return handler

        return declare

    def _check_free(self, topic: str) -> None:
        if topic in self._subscriptions:
            raise ConfigurationError(f"Topic {topic!r} has a handler already.")

    def outbox(
        self,
        place: OutsidePlace[Any],
        *,
        transactional_id: TransactionalId,
        group_id: str | None = None,
        on_error: OnError | None = None,
        around: Around | None = None,
        **options: Any,
    ) -> Processor:
        """A second processor, which performs what this one's handlers put into a place's outbox.

        Run it as any other, in processes of its own: `capturing = app.outbox(gateway, transactional_id=…)`, and
        `oncewhere run settlement:capturing`. Call this after the handlers are declared.

        Args:
            place: one with policy `Outbox`.
            transactional_id: of the second processor; see `Processor`.
            group_id: its consumer group; this one's, then a dash and the place's name, when None.
            on_error: what becomes of a call that fails; see `consume`.
            around: wraps its batch handler, such as `partial(instrument_batch, topic=…, group_id=…)` for traces.
            options: more arguments of `Processor`.

        Raises:
            ConfigurationError: the place has no outbox, or no handler here has an effect at it.
        """
        second = Processor(
            self._given_settings,
            group_id=group_id or f"{self._group_id}-{place.name}",
            transactional_id=transactional_id,
            **options,
        )
        effects = [one for sub in self._subscriptions.values() for one in sub.effects() if one.place is place]
        declare_outbox(second, place, effects, on_error=on_error, around=around)
        if isinstance(place.policy, Outbox) and place.policy.answers is not None:
            second._encoders.setdefault(place.policy.answers, encode_json)
        return second

    def declaration(self) -> Declaration:
        """What this processor claims, as plain data.

        Raises:
            ConfigurationError: the declarations contradict each other.
        """
        return claimed(
            self._subscriptions.values(),
            self._settings,
            identity=self._identity,
            commit_interval_s=self._wishes.commit_interval_ms / 1000,
            outputs=self._encoders,
        )

    @property
    def settings(self) -> Complete:
        """The settings of its clients, completed; they may hold a password."""
        return self._settings

    def places(self) -> dict[str, Place[Any]]:
        """The places that its handlers use, by name.

        Raises:
            ConfigurationError: the declarations contradict each other.
        """
        return dict(self._uses().places)

    def stop(self) -> None:
        """Asks a running processor to finish its batch and return; from any thread or handler."""
        self._lifecycle.stop()

    def listen(self, listener: events.Listener) -> None:
        """Adds a listener for what happens (see `oncewhere.runtime.events` and `oncewhere.listeners`)."""
        self._listeners.append(listener)

    def run(self, *, health: Health | None = None) -> None:
        """Processes records until SIGTERM, SIGINT or `stop`; then finishes the open batch and leaves the group.

        Signals are handled only when it is called from the main thread; a second SIGINT ends it at once.

        Args:
            health: answers `/livez`, `/readyz` and `/metrics` while it runs.

        Raises:
            ConfigurationError: a declaration, setting, topic or table is wrong; or the module that this stands in is
                being imported by a command that only reads what it declares.
            UnreachableError: Kafka or a place does not answer.
            FencedError: another producer has our transactional.id.
            LedgerRefusedError: what a place has recorded contradicts Kafka's committed offset.
            HandlerError: a handler raised; nothing of its batch was committed (calls outside transactions stand, and
                are found again by their policy).
            DeserializationError: a record is not of the declared type.
            ReplayError: a redelivered record asks for an effect that was not recorded.
            NoProgressError: the same batch failed again and again.
        """
        refuse_while_importing()
        if not self._subscriptions:
            raise ConfigurationError(
                "This processor consumes nothing.",
                hint="Declare a handler: @app.consume(topic, type).",
            )
        uses = self._uses()
        Run(
            settings=self._settings,
            subscriptions=self._subscriptions,
            uses=uses,
            encoders=self._encoders,
            limits=self._wishes.limits(effects=bool(uses.places)),
        ).until_stopped(self._lifecycle, self._emit, health)

    def _uses(self) -> Uses:
        return uses_of(self._subscriptions.values(), self._settings)

    def _emit(self, event: events.Event) -> None:
        for listener in self._listeners:
            listener(event)
