"""What a processor claims: its subscriptions, its identity and its settings in; a `Declaration` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oncewhere.effects.honours import guarantee
from oncewhere.effects.policy import Outbox
from oncewhere.runtime.declaration import Declaration, EffectDeclaration, TopicDeclaration
from oncewhere.runtime.discovery import outputs_of
from oncewhere.runtime.identity import RandomIdentity, StableOrdinal, TransactionalId, rule
from oncewhere.runtime.rejection import DeadLetter
from oncewhere.runtime.sample import sample

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from oncewhere.runtime.settings import Complete
    from oncewhere.runtime.subscription import Subscription


def claimed(
    subscriptions: Collection[Subscription],
    settings: Complete,
    *,
    identity: TransactionalId,
    commit_interval_s: float,
    outputs: Iterable[str],
) -> Declaration:
    """What a processor claims, as plain data.

    Args:
        subscriptions: what it consumes.
        settings: of its clients, completed.
        identity: how the user names it.
        commit_interval_s: how long after one commit the next one follows, in seconds.
        outputs: topics that it is known to produce to, beside those that its code names.

    Raises:
        ConfigurationError: the declarations contradict each other.
    """
    named: dict[str, None] = dict.fromkeys(outputs)
    effects: list[EffectDeclaration] = []
    for sub in subscriptions:
        named |= dict.fromkeys(outputs_of(sub.handler))
        effects += _effects(sub)
        policies = [effect.place.policy for effect in sub.effects()]
        named |= dict.fromkeys(policy.topic for policy in policies if isinstance(policy, Outbox))
    return Declaration(
        group_id=str(settings.consumer["group.id"]),
        transactional_id=str(settings.producer["transactional.id"]),
        isolation_level=str(settings.consumer["isolation.level"]),
        topics=tuple(map(_topic, subscriptions)),
        effects=tuple(effects),
        outputs=tuple(named),
        instance_variable=identity.variable if isinstance(identity, StableOrdinal) else None,
        identity_rule=rule(identity),
        stable=not isinstance(identity, RandomIdentity),
        settings=settings.claimed(commit_interval_s=commit_interval_s),
    )


def _effects(sub: Subscription) -> Iterator[EffectDeclaration]:
    for effect in sub.effects():
        place, policy = effect.place, effect.place.policy
        yield EffectDeclaration(
            name=effect.name,
            topic=sub.topic,
            place=place.name,
            system=place.system,
            policy=policy.name,
            guarantee=guarantee(policy, place.system),
            identity=sub.identity_name if policy.needs_identity else None,
            details=policy.details(),
            idle_limit_s=place.idle_limit_s,
        )


def _topic(sub: Subscription) -> TopicDeclaration:
    on_error = sub.on_error
    return TopicDeclaration(
        sub.topic,
        _name(sub.value_type),
        sub.identity_name,
        _name(sub.handler),
        on_error=on_error.action,
        dead_letters=on_error.topic if isinstance(on_error, DeadLetter) else None,
        sample=sample(sub.value_type),
    )


def _name(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", thing))
