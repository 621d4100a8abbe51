"""What every place has: a name and a policy that its system can honour in; both, for whoever asks, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from oncewhere.effects.honours import check, require_policy
from oncewhere.effects.place import Place
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from oncewhere.effects.policy import Policy

C = TypeVar("C")


class NamedPlace(Place[C]):
    """A place by its name; each system's class is derived from it.

    Attributes:
        address: where it is, for sentences; never with a password. Empty where that is the effect's own business.

    Args:
        name: your name for this place, such as `bank`.
        policy: how duplicates are prevented.
        system: what it is, as `honours` names it.

    Raises:
        ConfigurationError: the name is empty, or the policy is none that the system can honour.
    """

    address: str = ""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Made with a policy, or not at all."""
        require_policy(cls, given)
        return super().__new__(cls)

    def __init__(self, *, name: str, policy: Policy, system: str) -> None:
        if not name:
            kind = type(self).__name__
            raise ConfigurationError("A place needs a name.", hint=f"Write {kind}(…, name='bank', policy=…).")
        check(policy, system, place=name)
        self._name = name
        self._policy = policy
        self._system = system

    def __repr__(self) -> str:
        at = f" at {self.address}" if self.address else ""
        return f"<{type(self).__name__} {self._name!r}{at}, {self._policy.name}>"

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self._name

    @property
    def system(self) -> str:
        """What it is: `postgresql`, `redis` (also where it is Valkey), `http`."""
        return self._system

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented here."""
        return self._policy

    @property
    def idle_limit_s(self) -> float | None:
        """None: no transaction stays open there, or nobody watches it."""
        return None
