"""One run: what was declared in; places, clients and the loop, opened, run and closed in the reverse order."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oncewhere.runtime import events
from oncewhere.runtime.engine import Engine
from oncewhere.runtime.interpreter import lock_given_soon, only_what_is_new
from oncewhere.runtime.kafka.session import TransactSession
from oncewhere.runtime.plan import Plan, Uses
from oncewhere.runtime.rejection import DeadLetter
from oncewhere.runtime.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.runtime.health import Health
    from oncewhere.runtime.lifecycle import Lifecycle
    from oncewhere.runtime.limits import Limits
    from oncewhere.runtime.settings import Complete
    from oncewhere.runtime.subscription import Subscription
    from oncewhere.runtime.values import Encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is run.

    Attributes:
        settings: of its clients, completed.
        subscriptions: by topic.
        uses: the places that their handlers use.
        encoders: by output topic, where a serializer was given.
        limits: of a batch.
    """

    settings: Complete
    subscriptions: Mapping[str, Subscription]
    uses: Uses
    encoders: Mapping[str, Encode]
    limits: Limits

    def until_stopped(self, life: Lifecycle, emit: events.Listener, health: Health | None) -> None:
        """Processes records until `life` ends.

        Args:
            life: signals, and `stop`.
            emit: takes events.
            health: answers `/livez`, `/readyz` and `/metrics` meanwhile.

        Raises:
            OncewhereError: see its subclasses; the run cannot go on.
        """
        with ExitStack() as stack:
            stack.enter_context(life.running())
            if health is not None:
                health.start(max_poll_interval_s=self.settings.max_poll_interval_s)
                stack.callback(health.close)
                emit = events.both(emit, health)
            opened = {}
            for name, place in self.uses.places.items():
                opened[name] = place.open(str(self.settings.consumer["group.id"]))
                stack.callback(opened[name].close)
            beat = bool if health is None else health.beat
            session = TransactSession(
                self.settings, list(self.subscriptions), emit=emit, stopping=life.expired, beat=beat
            )
            stack.callback(session.close)
            session.start()
            writer = session.writer
            for sub in self.subscriptions.values():
                if isinstance(sub.on_error, DeadLetter):
                    writer.topics.expect(sub.on_error.topic)
            stack.enter_context(only_what_is_new())
            stack.enter_context(lock_given_soon())
            Engine(
                session,
                Plan(self.subscriptions, self.uses.by_topic, opened),
                tx=Transaction(expect=writer.topics.expect, trouble=writer.mend, encoders=self.encoders),
                limits=self.limits,
                emit=emit,
                life=life,
                beat=beat,
            ).run()
            emit(events.Stopped())
