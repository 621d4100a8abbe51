"""A drill's `Version` and a runtime's `Declaration` come in; what is claimed goes out, as one `Declared`.

A processor in any language is described by its declaration file. One that is written with the library describes itself,
and where both speak they are compared: what they say differently is kept as a contradiction, and nobody is overruled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from oncewhere.drill import Version
from oncewhere.drill.claims import EffectClaims, Promise, Reader
from oncewhere.drill.effect import Effect
from oncewhere.runtime.declaration import Declaration, EffectDeclaration

from .promises import by_hand, promise_of
from .setup import Setup, setup_of
from .unique_keys import Keys, is_unique, keys_of, unique_keys

INSTANCE = "{instance}"
_BY_POSITION = {"offset-ledger"}


class DeclaredEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One place outside Kafka, as it is claimed.

    Attributes:
        name: the place.
        system: what it is.
        policy: how duplicates are prevented.
        promise: how strong that is; None where nobody has said it.
        guarantee: in one sentence; None likewise.
        key: by what a second attempt is known again.
        retention: how long that is remembered.
        dedupe_table: the table whose unique key refuses the duplicate.
        dedupe_column: its column; None where nobody has said it.
        acknowledged: why what the policy lets happen does no harm.
        functions: the effects in the code, by name.
        tables: other tables that the policy keeps there, by what they are for.
        idle_limit_ms: after how long the system ends a transaction that stands still.
        keys: by table, the unique keys that the schema makes; None where there is no schema to read.
    """

    name: str
    system: str
    policy: str
    promise: Promise | None = None
    guarantee: str | None = None
    key: str | None = None
    retention: str | None = None
    dedupe_table: str | None = None
    dedupe_column: str | None = None
    acknowledged: str | None = None
    functions: list[str] = []
    tables: dict[str, str] = {}
    idle_limit_ms: int | None = None
    keys: Keys | None = None

    def refuses_by(self, keys: Keys) -> bool | None:
        """Whether the dedupe table refuses a second row; None where that cannot be said, or no table is declared.

        Args:
            keys: what is unique there: by the schema, or by the database itself.
        """
        table = self.dedupe_table or ""
        if (name := self.dedupe_column or self.key) and is_unique(keys, table, name):
            return True
        if self.dedupe_column:
            return is_unique(keys, table, self.dedupe_column)
        return False if keys_of(keys, table) == [] else None


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is claimed of one processor.

    Attributes:
        name: of the version, or of the app.
        sources: where the claims come from: `oncewhere.toml`, `offset_ledger:app`.
        title: what it does, as a heading.
        owner: who answers for it.
        inputs: topics that it consumes.
        outputs: topics that it produces.
        group: its consumer group.
        identity: by what a business event is known.
        transactional_id: what each instance uses; `{instance}` stands for its number.
        identity_rule: where that comes from, and why it stays.
        stable: False where it is another one at each start; None where nobody has said it.
        settings: Kafka's settings that the guarantee hangs on.
        effects: the places outside Kafka.
        readers: who reads the outputs.
        outside: what no effect here covers.
        poison: by topic, what becomes of a record that cannot be processed.
        replay_horizon: how far back the input can be read again.
        contradictions: what the declaration and the code say differently.
        setup: how it is started and its places are asked; None where no declaration file says it.
    """

    name: str
    sources: list[str]
    title: str | None = None
    owner: str | None = None
    inputs: list[str] = []
    outputs: list[str] = []
    group: str = ""
    identity: str | None = None
    transactional_id: str | None = None
    identity_rule: str | None = None
    stable: bool | None = None
    settings: dict[str, str] = {}
    effects: list[DeclaredEffect] = []
    readers: list[Reader] = []
    outside: list[str] = []
    poison: dict[str, str] = {}
    replay_horizon: str | None = None
    contradictions: list[str] = []
    setup: Setup | None = None

    def effect(self, name: str) -> DeclaredEffect | None:
        """The effect at a place."""
        return next((effect for effect in self.effects if effect.name == name), None)

    @property
    def written_with_the_library(self) -> bool:
        """True where the code itself was asked."""
        return any(":" in source for source in self.sources)


def from_declaration(version: Version, file: str, schemas: Mapping[str, str]) -> Declared:
    """What a declaration file says.

    Args:
        version: the version that the document is about.
        file: the file's name.
        schemas: by effect, the text of its schema, where it has one.
    """
    claims, processor = version.claims.without_secrets(), version.processor
    return Declared(
        name=version.name,
        sources=[file],
        title=claims.title,
        owner=claims.owner,
        inputs=[processor.input],
        outputs=list(processor.output),
        group=processor.group,
        identity=processor.identity,
        transactional_id=claims.transactional_id,
        identity_rule=claims.instances,
        settings={name: _text(value) for name, value in sorted(claims.settings.items())},
        effects=[
            _effect(name, effect, claims.effects.get(name, EffectClaims()), schemas.get(name))
            for name, effect in version.effects.items()
        ],
        readers=list(claims.readers),
        outside=list(claims.outside),
        replay_horizon=claims.replay_horizon,
        setup=setup_of(version),
    )


def from_code(app: str, said: Declaration) -> Declared:
    """What a processor that is written with the library says of itself.

    Args:
        app: `MODULE:APP`.
        said: its declaration.
    """
    places: dict[str, list[EffectDeclaration]] = {}
    for effect in said.effects:
        places.setdefault(effect.place, []).append(effect)
    return Declared(
        name=app,
        sources=[app],
        inputs=[topic.name for topic in said.topics],
        outputs=list(said.outputs),
        group=said.group_id,
        identity=next((topic.identity for topic in said.topics if topic.identity), None),
        transactional_id=said.transactional_id if said.stable else None,
        identity_rule=said.identity_rule,
        stable=said.stable,
        settings=dict(said.settings),
        effects=[_coded(place, effects) for place, effects in places.items()],
        poison={topic.name: f"{topic.on_error} {topic.dead_letters or ''}".strip() for topic in said.topics},
    )


def merged(declaration: Declared, code: Declared) -> Declared:
    """Both together: the code's word where it has one, the declaration's where it has not, and what they contradict."""
    found = list(_contradictions(declaration, code))
    effects = []
    for effect in declaration.effects:
        coded = code.effect(effect.name)
        effects.append(effect if coded is None else _joined(effect, coded))
    effects += [effect for effect in code.effects if declaration.effect(effect.name) is None]
    named = declaration.transactional_id
    return msgspec.structs.replace(
        declaration,
        sources=[*declaration.sources, *code.sources],
        identity=declaration.identity or code.identity,
        transactional_id=named if named and INSTANCE in named else code.transactional_id or named,
        identity_rule=declaration.identity_rule or code.identity_rule,
        stable=code.stable,
        settings=dict(sorted({**declaration.settings, **code.settings}.items())),
        effects=effects,
        poison=code.poison,
        contradictions=found,
    )


def _contradictions(declaration: Declared, code: Declared) -> Iterable[str]:
    file, app = declaration.sources[0], code.sources[0]
    if code.group != declaration.group:
        yield f"The group is `{declaration.group}` in `{file}`, and `{code.group}` in `{app}`."
    for topic in sorted(set(code.inputs) ^ set(declaration.inputs)):
        where, other = (app, file) if topic in code.inputs else (file, app)
        yield f"`{topic}` is consumed by `{where}`, and not by `{other}`."
    for topic in sorted(set(code.outputs) - set(declaration.outputs)):
        yield f"`{topic}` is produced by `{app}`, and not declared in `{file}`."
    named = declaration.transactional_id
    if named and code.transactional_id and named.replace(INSTANCE, "0") != code.transactional_id:
        yield f"`transactional.id` is `{named}` in `{file}`, and `{code.transactional_id}` in `{app}` (instance 0)."
    for name in sorted(set(declaration.settings) & set(code.settings)):
        if declaration.settings[name] != code.settings[name]:
            one, other = declaration.settings[name], code.settings[name]
            yield f"`{name}` is `{one}` in `{file}`, and `{other}` in `{app}`."
    for effect in code.effects:
        told = declaration.effect(effect.name)
        if told is None:
            yield f"`{app}` has an effect in `{effect.name}` ({effect.system}), which `{file}` does not declare."
        elif told.policy != effect.policy:
            yield (
                f"The policy of `{effect.name}` is {told.policy} in `{file}`, and {effect.policy} in `{app}`: "
                "the code is what runs."
            )
    for effect in declaration.effects:
        if code.effect(effect.name) is None:
            yield f"`{file}` declares an effect in `{effect.name}`, which `{app}` does not have."


def _joined(declared: DeclaredEffect, coded: DeclaredEffect) -> DeclaredEffect:
    """The code's word where it has one; retention, and what the schema says, only the declaration can know."""
    given = {name: value for name, value in msgspec.structs.asdict(coded).items() if value}
    return msgspec.structs.replace(declared, **given)


def _effect(name: str, effect: Effect, claims: EffectClaims, schema: str | None) -> DeclaredEffect:
    return DeclaredEffect(
        name=name,
        system=effect.system,
        policy=effect.policy,
        promise=claims.promise or promise_of(effect.policy),
        guarantee=claims.guarantee or by_hand(effect.policy),
        key=claims.key or _usual_key(effect.policy),
        retention=claims.retention,
        dedupe_table=claims.dedupe_table,
        dedupe_column=claims.dedupe_column,
        acknowledged=claims.acknowledged,
        keys=None if schema is None else unique_keys(schema, effect.system),
    )


def _coded(place: str, effects: list[EffectDeclaration]) -> DeclaredEffect:
    first = effects[0]
    details = dict(first.details)
    by_table = first.policy == "dedupe-table"
    tables = {"recorded": "recorded results", "table": "the policy's own table"}
    return DeclaredEffect(
        name=place,
        system=first.system,
        policy=first.policy,
        promise=promise_of(details.get("then", first.policy)),
        guarantee=first.guarantee,
        key=_key(first, details),
        dedupe_table=details.get("table") if by_table else None,
        dedupe_column=details.get("column") if by_table else None,
        acknowledged=details.get("acknowledged"),
        functions=list(dict.fromkeys(effect.name for effect in effects)),
        tables={
            words: details[name]
            for name, words in tables.items()
            if name in details and not (by_table and name == "table")
        },
        idle_limit_ms=None if first.idle_limit_s is None else round(first.idle_limit_s * 1000),
    )


def _key(effect: EffectDeclaration, details: Mapping[str, str]) -> str | None:
    if "keys" in details:
        return f"the unique key {details['keys']}"
    if "derive" in details:
        by = (
            effect.identity
            if details["derive"] == "identity"
            else "the record's position (group, topic, partition, offset)"
        )
        return f"derived from {by}, the effect's name and the number of the call" if by else None
    return effect.identity or _usual_key(effect.policy)


def _usual_key(policy: str) -> str | None:
    return "the position in the input (group, topic, partition, offset)" if policy in _BY_POSITION else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
