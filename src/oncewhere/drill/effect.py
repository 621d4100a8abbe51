"""One `[effects.X]` table comes in; a checked, frozen `Effect` goes out: a place outside Kafka, as it is declared.

What may be said of an effect depends on its system, so each key is checked against it here, before any server starts.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from oncewhere.effects.honours import HONOURED
from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest

System = Literal["postgresql", "mysql", "redis", "http", "smtp", "sqlite"]
StandIn = Literal["honours-keys", "ignores-keys", "forgets-keys", "cancels-keys", "accepts"]

SQL_SYSTEMS = frozenset({"postgresql", "mysql", "sqlite"})
STAND_INS: dict[str, tuple[StandIn, ...]] = {
    "http": ("honours-keys", "ignores-keys", "forgets-keys", "cancels-keys"),
    "smtp": ("accepts", "honours-keys"),
}
"""By system, what a stand-in of ours may be; the others have real servers."""

DELAY_LIMIT_MS = 600_000
POLICIES: Final = (*(policy.name for policy in HONOURED), "undeclared", "none", "read-only")
"""What a policy is called that is known by its name; any other is in the declaration's own words."""
NEARLY: Final = 0.85
"""How alike a policy must be to one that is known by its name to be that one, misspelt."""
CUTOFF: Final = "{cutoff}"
"""What stands in `purge` for the moment between what may be forgotten and what may not."""
RESERVED_NAMES: Final = frozenset({"kafka", "python", "instance"})
"""Placeholders that mean something else."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INSIDE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[_ ]+")


def misspelt_policy(policy: str) -> str | None:
    """The policy whose name a text nearly is; None for a name, and for words of one's own."""
    near = nearest(_INSIDE.sub("-", policy).lower(), POLICIES, like=NEARLY)
    return None if policy in POLICIES else near


def check_name(name: str, where: str) -> None:
    """Nothing for what an effect can be called.

    Args:
        name: the effect's.
        where: what names it so, for the error: a file, or an option.

    Raises:
        ConfigurationError: it cannot be called so.
    """
    if name in RESERVED_NAMES:
        raise ConfigurationError(
            f"{where}: an effect cannot be named {name!r}: {{{name}}} means something else.", hint="Name it otherwise."
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: an effect cannot be named {name!r}.",
            hint="Letters, digits, - and _: the name is a placeholder, and the first part of a crash point's id.",
        )


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A place outside Kafka, as the declaration names it.

    Attributes:
        system: the protocol that the drill understands.
        policy: how a duplicate is prevented there, in the vocabulary of the policies.
        schema: an SQL file, relative to the declaration, that makes the empty tables; or several, in the order in which
            they are run, as migrations are.
        observe: how to ask the place what happened. SQL: a query of two columns, the event's identity (as text) and how
            often the effect happened for it. Redis: a reading command (guides/effects-in-a-drill.md). Without it,
            Redis, HTTP and SMTP are judged by what the proxy saw delivered, or by what the stand-in received.
        purge: SQL that forgets what is older than the policy's retention, with `{cutoff}` for the moment at which that
            ends; for the scenario `dedupe-window`. The column that it compares has a zone, or is in the server's, and
            is stamped when the event is processed. SQL only.
        compare: a field of the output (a text or a whole number) that must equal `observe`'s third column: so that the
            output says of an event what the effect did for it. SQL only.
        identity: where the event's identity stands in what is sent there (guides/effects-in-a-drill.md); the
            processor's where it is left out.
        stand_in: the server of ours that is used where the user names none by `--dsn`. HTTP, where it must be said:
            every kind but `accepts`; SMTP: `accepts`, which it is unless told otherwise, and `honours-keys`.
        delay_ms: milliseconds that the stand-in takes to answer.
        fail_every: every nth request to the stand-in fails (HTTP 503, SMTP 451) and is not performed; 0: none.
        answer: the body of the HTTP stand-in's answers.
    """

    system: System
    policy: str = "undeclared"
    schema: str | list[str] | None = None
    observe: str | None = None
    purge: str | None = None
    compare: str | None = None
    identity: str | None = None
    stand_in: StandIn | None = None
    delay_ms: int = 0
    fail_every: int = 0
    answer: str = '{"status": "done"}'

    def __post_init__(self) -> None:
        """Refuses what does not fit the system."""
        if self.system in SQL_SYSTEMS:
            if self.observe is None:
                raise ValueError(f"{self.system} needs observe, a query of identity and count")
            if self.identity is not None:
                raise ValueError(f"{self.system} is judged by observe; identity means nothing there")
        elif self.schema is not None:
            raise ValueError(f"{self.system} has no schema")
        elif self.purge is not None:
            raise ValueError(f"{self.system} cannot be purged by the drill: purge is SQL")
        elif self.compare is not None:
            raise ValueError(f"{self.system} has no third column to compare")
        if self.observe is not None and self.system in STAND_INS:
            raise ValueError(f"{self.system} cannot be asked; leave observe out, and the wire is watched")
        self._check_policy()
        self._check_stand_in()

    def purge_before(self, cutoff: str) -> str:
        """The statement of `purge`.

        Args:
            cutoff: a time as the system writes it; it is put in quotes.
        """
        return (self.purge or "").replace(CUTOFF, f"'{cutoff}'")

    def _check_policy(self) -> None:
        """Refuses what is nearly a policy's name: it would stand in every sentence, and promise nothing."""
        if near := misspelt_policy(self.policy):
            raise ValueError(f"policy {self.policy!r} is unknown; did you mean {near!r}?")

    def _check_stand_in(self) -> None:
        kinds = STAND_INS.get(self.system, ())
        if not kinds and (self.stand_in or self.delay_ms or self.fail_every):
            raise ValueError(f"{self.system} has no stand-in: a real server is used")
        if self.stand_in is not None and self.stand_in not in kinds:
            raise ValueError(f"stand_in of {self.system} must be one of: {', '.join(kinds)}")
        if not 0 <= self.delay_ms <= DELAY_LIMIT_MS:
            raise ValueError(f"delay_ms must be from 0 to {DELAY_LIMIT_MS}")
        if self.fail_every < 0 or self.fail_every == 1:
            raise ValueError("fail_every must be 0 (never) or at least 2")


class EffectChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a version changes of an effect."""

    policy: str | None = None
    schema: str | list[str] | None = None
    observe: str | None = None
    purge: str | None = None
    compare: str | None = None
    identity: str | None = None
    stand_in: StandIn | None = None
    delay_ms: int | None = None
    fail_every: int | None = None
