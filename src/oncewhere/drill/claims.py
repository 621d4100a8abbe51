"""The `[document]` table of a declaration comes in; what nobody sees from outside, and a reader must know, goes out.

A drill needs none of it. The production document needs all of it: what the processor's owner claims of its identity,
its settings, its effects and its readers, in whatever language it is written. What is claimed is compared with what the
code says (`app`), with what the wire shows, and with what a drill proves.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from oncewhere.masking import MASK, is_secret_name

Promise = Literal["exactly-once", "once-in-the-end", "at-most-once", "at-least-once", "nothing"]


class Reader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who reads an output topic, and how.

    Attributes:
        name: a service or a consumer group.
        topic: what it reads; every output where it is left out.
        isolation_level: with what, as far as it is known.
        why: why `read_uncommitted` does no harm there, if it is that.
    """

    name: str
    topic: str | None = None
    isolation_level: Literal["read_committed", "read_uncommitted", "unknown"] = "unknown"
    why: str | None = None


class EffectClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is claimed of one effect, beside its system and its policy.

    Attributes:
        key: by what a second attempt is known again: `event_id`, or in words.
        guarantee: what the policy guarantees, in one sentence; for a policy in your own words.
        promise: how strong that is; for a policy in your own words.
        retention: how long rows, keys or answers are kept, such as `30 days`; `forever` where nothing is removed.
        dedupe_table: the table whose unique key prevents the duplicate.
        dedupe_column: its column.
        acknowledged: why a duplicate, or a loss, does no harm there.
    """

    key: str | None = None
    guarantee: str | None = None
    promise: Promise | None = None
    retention: str | None = None
    dedupe_table: str | None = None
    dedupe_column: str | None = None
    acknowledged: str | None = None


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is claimed of a processor; every field may be left out, and the document then says that nobody has said it.

    Attributes:
        app: `MODULE:APP`, a `Processor` of the runtime in the declaration's folder, from which most of this is read.
        title: what the processor does, as a heading.
        owner: who answers for it.
        transactional_id: what each instance uses; `{instance}` stands for its number.
        instances: where an instance's number comes from, and why it is the same after a restart; one sentence.
        replay_horizon: how far back the input can be read again, such as `7 days`: the topic's retention.
        settings: Kafka settings that the guarantee hangs on, in dots, such as `transaction.timeout.ms`.
        readers: who reads the outputs.
        outside: what the processor does, or causes, that no effect here covers; a sentence each.
        effects: more about each effect, by name.
    """

    app: str | None = None
    title: str | None = None
    owner: str | None = None
    transactional_id: str | None = None
    instances: str | None = None
    replay_horizon: str | None = None
    settings: dict[str, str | int | float | bool] = {}
    readers: list[Reader] = []
    outside: list[str] = []
    effects: dict[str, EffectClaims] = {}

    def without_secrets(self) -> Claims:
        """These claims, without the values of settings whose names mean a secret."""
        kept = {name: MASK if is_secret_name(name) else value for name, value in self.settings.items()}
        return msgspec.structs.replace(self, settings=kept)

    def changed(self, change: Claims) -> Claims:
        """These claims, with all that `change` says instead; tables are merged by name."""
        given = {name: value for name, value in msgspec.structs.asdict(change).items() if value}
        for name in ("settings", "effects"):
            if name in given:
                given[name] = {**getattr(self, name), **given[name]}
        return msgspec.structs.replace(self, **given)
