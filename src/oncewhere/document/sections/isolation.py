"""Facts come in; who reads what with which `isolation.level` goes out: the processor itself, and those behind it."""

from __future__ import annotations

from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Block, Row, Section, Standing, Statement, Table, Text, listed

COMMITTED = "read_committed"


def isolation(facts: Facts) -> Section:
    """Consumer isolation level."""
    declared = facts.declared
    own = declared.settings.get("isolation.level")
    rows = [
        Row(
            (f"this processor (group {declared.group})", ", ".join(declared.inputs), own or "not stated", ""),
            (Basis.DECLARED,) if own else (Basis.NONE,),
            Standing.HOLDS if own == COMMITTED else Standing.BROKEN if own else Standing.UNKNOWN,
        )
    ]
    for fetch in facts.observed.fetches if facts.observed else ():
        who = f"client {fetch.client_id}" + (f" (group {', '.join(fetch.groups)})" if fetch.groups else " (no group)")
        standing = Standing.HOLDS if fetch.isolation_level == COMMITTED else Standing.BROKEN
        rows.append(Row((who, ", ".join(fetch.topics), fetch.isolation_level, ""), (Basis.OBSERVED,), standing))
    for reader in declared.readers:
        standing = {COMMITTED: Standing.HOLDS, "unknown": Standing.UNKNOWN}.get(reader.isolation_level, Standing.BROKEN)
        topics = reader.topic or ", ".join(facts.outputs)
        rows.append(Row((reader.name, topics, reader.isolation_level, reader.why or ""), (Basis.DECLARED,), standing))
    blocks: list[Block] = [
        Text(
            "Records of an aborted transaction stay in the topic. Only a reader with "
            "`isolation.level=read_committed` never "
            "sees them. It is librdkafka's default, and it is not the default of the Java client: so every "
            "reader says it."
        ),
        Table(("reader", "reads", "isolation.level", "why"), tuple(rows)),
    ]
    if not declared.readers:
        text = (
            f"Nobody has declared who reads {listed(facts.outputs) if facts.outputs else 'the outputs'}: what is "
            f"claimed "
            "here holds for a reader with `read_committed`, and for no other."
        )
        blocks.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    for reader in declared.readers:
        if reader.isolation_level == "read_uncommitted":
            why = f" Why that was accepted: {reader.why}" if reader.why else " Nobody has said why that does no harm."
            text = f"{reader.name} also sees what was never committed.{why}"
            blocks.append(Statement(text, Basis.DECLARED, Standing.BROKEN))
    return Section("Consumer isolation level", tuple(blocks))
