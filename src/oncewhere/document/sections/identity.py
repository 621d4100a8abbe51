"""Facts come in; who each instance is to the transaction coordinator goes out, and what of it a restart keeps."""

from __future__ import annotations

from oncewhere.document.declared import INSTANCE
from oncewhere.document.facts import Facts
from oncewhere.document.observed import Observed
from oncewhere.document.statement import Basis, Block, Section, Standing, Statement, Text, listed


def identity(facts: Facts) -> Section:
    """Transactional identity."""
    declared = facts.declared
    blocks: list[Block] = [
        Text(
            "A crash leaves a transaction open. Whoever starts again with the same `transactional.id` ends it at once; "
            "nobody else can before `transaction.timeout.ms` has passed, and until then every `read_committed` reader "
            "waits in front of it. So the id belongs to a slot and not to a process, and no two live instances "
            "share it."
        ),
        _which(facts),
        _where_from(facts),
    ]
    if declared.transactional_id and INSTANCE in declared.transactional_id:
        text = (
            f"Another instance has another number in place of `{INSTANCE}`, and so another id: scaling out adds "
            f"ids and "
            "changes none. Partitions move between instances; what fences a zombie that lost them is the group's "
            "generation, which goes with the positions."
        )
        blocks.append(Statement(text, Basis.DECLARED))
    elif declared.transactional_id:
        text = (
            "The declaration does not say how a second instance is told from the first (`{instance}`): as it "
            "stands, two "
            "instances would fence each other."
        )
        blocks.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    if facts.observed is not None:
        blocks += _observed(facts.observed)
    return Section("Transactional identity", tuple(blocks))


def _which(facts: Facts) -> Statement:
    declared, observed = facts.declared, facts.observed
    if declared.stable is False:
        text = "Each start has a `transactional.id` of its own: what a crash leaves open stays open until it times out."
        return Statement(text, Basis.DECLARED, Standing.BROKEN)
    if declared.transactional_id:
        return Statement(f"The `transactional.id` is `{declared.transactional_id}`.", Basis.DECLARED)
    if observed is not None and not observed.transactional_ids:
        return Statement("No `transactional.id` was used: there is no transaction.", Basis.OBSERVED, Standing.BROKEN)
    return Statement("Nobody has declared the `transactional.id`.", Basis.NONE, Standing.UNKNOWN)


def _where_from(facts: Facts) -> Statement:
    rule = facts.declared.identity_rule
    if rule:
        return Statement(rule if rule.endswith(".") else f"{rule}.", Basis.DECLARED)
    return Statement(
        "Nobody has declared where it comes from, and why it stays the same.", Basis.NONE, Standing.UNKNOWN
    )


def _observed(observed: Observed) -> list[Statement]:
    found = []
    if observed.transactional_ids:
        more = observed.number_of_ids - len(observed.transactional_ids)
        others = f" and {more} more" if more else ""
        text = f"The processor called itself {listed(observed.transactional_ids)}{others}, in {observed.starts} starts."
        found.append(Statement(text, Basis.OBSERVED))
    if observed.same_after_restart:
        text = f"Each of {observed.restarts} restarts used the id of the life before."
        found.append(Statement(text, Basis.OBSERVED))
    elif observed.same_after_restart is False:
        text = (
            "After a restart the id was another one: the transaction of the life before stayed open until it "
            "timed out, "
            "and no zombie was fenced by its successor."
        )
        found.append(Statement(text, Basis.OBSERVED, Standing.BROKEN))
    elif observed.transactional_ids:
        text = "Whether it is the same after a restart was not seen: nothing was restarted in the run."
        found.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    if observed.protocol is not None:
        found.append(Statement(_PROTOCOLS[observed.protocol], Basis.OBSERVED))
    if observed.group_instance_ids:
        text = (
            f"Members are static (`group.instance.id` {listed(observed.group_instance_ids)}): a restart takes the dead "
            "one's place at once instead of after `session.timeout.ms`."
        )
        found.append(Statement(text, Basis.OBSERVED))
    return found


_PROTOCOLS = {
    1: "The client speaks the older transaction protocol (KIP-98, EndTxn below version 5): one epoch covers many "
    "transactions, so a late EndTxn could meet the next one; a producer whose commit was not answered must be "
    "replaced, never used again.",
    2: "The client speaks the newer transaction protocol (KIP-890, EndTxn from version 5 on): each transaction has an "
    "epoch of its own, and a late EndTxn is refused.",
}
