"""What a Redis server must be, and a command: what the server says of itself in; nothing, or a refusal, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oncewhere.effects.policy import DedupeTable, Policy
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

OLDEST = 7  # `#!lua`, by which the server refuses a script as a whole where memory is short


def check_server(
    name: str,
    policy: Policy,
    told: Mapping[str, Any],
    settings: Mapping[str, str],
    *,
    may_lose: bool,
) -> None:
    """Refuses a server that cannot keep what a place's policy needs kept.

    Args:
        name: the place's name.
        policy: its policy.
        told: what INFO says.
        settings: what CONFIG GET append* says; empty where that is not allowed.
        may_lose: whether somebody has said that the loss of its last writes is acceptable.

    Raises:
        ConfigurationError: with what to do.
    """
    if int(str(told.get("redis_version", "0")).partition(".")[0]) < OLDEST:
        raise ConfigurationError(
            f"Redis of place {name!r} is older than {OLDEST}.", hint="Valkey, or Redis 7 or later."
        )
    if not isinstance(policy, DedupeTable):
        return
    eviction = str(told.get("maxmemory_policy", "noeviction"))
    if int(told.get("maxmemory", 0)) and eviction != "noeviction":
        raise ConfigurationError(
            f"Redis of place {name!r} may throw keys away when its memory is full (maxmemory-policy {eviction}): an "
            "event whose key is gone would be done again.",
            hint="Set maxmemory-policy noeviction, or use a server of its own for this.",
        )
    keeps = settings.get("appendonly") == "yes" and settings.get("appendfsync") == "always"
    if not keeps and not may_lose:
        shown = ", ".join(f"{key} {settings[key]}" for key in ("appendonly", "appendfsync") if key in settings)
        raise ConfigurationError(
            f"Redis of place {name!r} may forget what it has acknowledged ({shown or 'it does not show its settings'}):"
            " effects of records that Kafka never delivers again.",
            hint="Set appendonly yes and appendfsync always; or write Redis(…, acknowledged_loss='why a lost write "
            "does no harm').",
        )
    if told.get("cluster_enabled") and not _tagged(policy.table):
        raise ConfigurationError(
            f"Redis of place {name!r} is a cluster, and one script reaches the keys of one slot only.",
            hint=f"Give the table and the effect's keys one hash tag: DedupeTable('{{{name}}}:{policy.table}').",
        )


def _tagged(name: str) -> bool:
    before, brace, rest = name.partition("{")
    del before
    return bool(brace) and rest.find("}") > 0


def check_command(name: str, flags: Collection[str], place: str) -> None:
    """Refuses a command that cannot be part of the script.

    Args:
        name: the command's.
        flags: what COMMAND INFO says of it; none where the server does not know it.
        place: the place's name.

    Raises:
        ConfigurationError: it reads, it is none, or no script may run it.
    """
    if not flags:
        raise ConfigurationError(f"Redis of place {place!r} knows no command {name}.")
    if "readonly" in flags:
        raise ConfigurationError(
            f"An effect in Redis ({place!r}) cannot read ({name}): its commands are sent together, when its batch is "
            "decided.",
            hint="Let it write what the record says (HINCRBY rather than HGET and HSET), or keep what it needs to know "
            "in a database.",
        )
    if "noscript" in flags:
        raise ConfigurationError(f"An effect in Redis ({place!r}) cannot run {name}: no script may.")
