"""A system without transactions as a place: a policy in; it open, with what the policy keeps, out."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from oncewhere.effects.calls import KeepsCalls
from oncewhere.effects.honours import check
from oncewhere.effects.intents import KeepsIntents
from oncewhere.effects.named import NamedPlace
from oncewhere.effects.outbox import OpenOutbox, performed_by
from oncewhere.effects.outside.opened import OpenOutside
from oncewhere.effects.place import OpenPlace, UndecidedError
from oncewhere.effects.policy import AtMostOnce, Compensate, IdempotencyKey, Outbox, Policy
from oncewhere.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from oncewhere.effects.effect import Effect
    from oncewhere.effects.outside.means import Means
    from oncewhere.effects.repetition import Limits

C = TypeVar("C")


class OutsidePlace(NamedPlace[C]):
    """A system without transactions that effects reach; a system's module derives its own class.

    Args:
        name: your name for this place, such as `gateway`.
        policy: how duplicates are prevented.
        system: what it is, as `honours` names it.
        limits: how often and how long a call is attempted.
        concurrency: how many calls of `tx.run_each` may be under way at a time; those of one key never are.

    Raises:
        ConfigurationError: the name is empty, or the policy is none that the system can honour.
    """

    def __init__(self, *, name: str, policy: Policy, system: str, limits: Limits, concurrency: int = 1) -> None:
        super().__init__(name=name, policy=policy, system=system)
        if isinstance(policy, Outbox):
            check(policy.then, system, place=name)
        journal = _journal_of(policy)
        if journal is not None and not isinstance(journal, KeepsCalls):
            raise ConfigurationError(
                f"The policy of place {name!r} is to keep its calls in {journal!r}, which is no SQL place.",
                hint="Give it a Postgres(…), MySql(…) or Sqlite(…).",
            )
        if isinstance(policy, Compensate) and not isinstance(policy.journal, KeepsIntents):
            raise ConfigurationError(
                f"The policy of place {name!r} is to keep its intents in {policy.journal!r}, which is no SQL place.",
                hint="Give it a Postgres(…), MySql(…) or Sqlite(…).",
            )
        self.limits = limits
        if concurrency < 1:
            raise ConfigurationError(f"Place {name!r} makes at least one call at a time.")
        self.concurrency = concurrency
        self.effects: dict[str, Effect[Any, Any]] = {}

    @property
    def journal(self) -> object | None:
        """The place whose database keeps what the policy needs; none for an outbox, whose calls another one makes."""
        policy = self._policy
        if isinstance(policy, Compensate):
            return policy.journal
        return None if isinstance(policy, Outbox) else _journal_of(policy)

    def register(self, effect: Effect[Any, Any]) -> None:
        """Takes note of an effect that was declared here: it may have to be undone when no record asks for it."""
        self.effects[effect.name] = effect

    @abstractmethod
    def means(self) -> Means:
        """What effects are done with; connects to nothing yet."""

    def performing(self) -> OutsidePlace[C]:
        """The same place for the second processor of an outbox, with the policy by which calls are performed.

        Raises:
            ConfigurationError: this place has no outbox.
        """
        if not isinstance(self._policy, Outbox):
            raise ConfigurationError(
                f"Place {self._name!r} has policy {self._policy.name}: nothing waits in an outbox for it.",
                hint="Declare it with policy=Outbox('capture-requests', then=IdempotencyKey()).",
            )
        other = object.__new__(type(self))  # as it is, but for its policy
        other.__dict__.update(self.__dict__)
        other._policy = performed_by(self._policy)  # one of us
        return other

    def open(self, group_id: str) -> OpenPlace:
        """Opens it, and checks or creates the table that the policy needs.

        Raises:
            ConfigurationError: a table has the wrong shape.
            UnreachableError: the database of the journal does not answer.
        """
        policy = self._policy
        if isinstance(policy, Outbox):
            return OpenOutbox(policy, group_id)
        if isinstance(policy, Compensate):
            from oncewhere.effects.compensating import open_compensating  # noqa: PLC0415  # which derives from here

            return open_compensating(self, policy, group_id)
        journal = None
        if isinstance(policy, AtMostOnce | IdempotencyKey) and (keeps := _journal_of(policy)) is not None:
            journal = keeps.call_journal(policy.table, create=policy.create, place=self._name, group_id=group_id)
            try:
                journal.prepare()
            except UndecidedError as error:
                journal.close()
                msg = f"The database that keeps the calls of place {self._name!r} cannot be used: {error.reason}."
                raise UnreachableError(msg, hint="Start it, or mend its address.") from error
            except BaseException:
                journal.close()
                raise
        return OpenOutside(self, group_id, self.means(), journal)


def _journal_of(policy: Policy) -> KeepsCalls | None:
    if isinstance(policy, Outbox):
        return _journal_of(policy.then)
    if isinstance(policy, AtMostOnce):
        return policy.claims
    return policy.answers if isinstance(policy, IdempotencyKey) else None
