"""Access: what the processor needs to be allowed, against what the principal that we are is allowed.

Brokers tell what *we* may do (KIP-430), so the doctor is given the processor's own credentials. What nobody tells is
unknown: a denied `describe` hides everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from oncewhere.cluster import Acl
from oncewhere.doctor.fact import Fact, Unread
from oncewhere.doctor.facts import Chart
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule

SECURITY_DISABLED: Final = "SECURITY_DISABLED"
"""What a broker without an authorizer says when it is asked for access rules."""

_DENIED: Final = "AUTHORIZATION_FAILED"

TOPIC_ACCESS = Rule(
    code="topic-access",
    area=Area.ACCESS,
    title="The processor may read its input and write its output",
    why="Without READ on its input it gets no record; without WRITE on an output every transaction is aborted "
    "(TOPIC_AUTHORIZATION_FAILED), and effects that are already done wait for their outputs.",
    remedy="kafka-acls.sh --add --allow-principal User:… --operation Read --topic INPUT, and --operation Write for "
    "each output. Run the doctor with the processor's own credentials: brokers only tell what we may do ourselves.",
)
GROUP_ACCESS = Rule(
    code="group-access",
    area=Area.ACCESS,
    title="The processor may use its consumer group",
    why="Without READ on its group it can neither join nor commit offsets in its transactions "
    "(GROUP_AUTHORIZATION_FAILED).",
    remedy="kafka-acls.sh --add --allow-principal User:… --operation Read --group GROUP",
)
ID_ACCESS = Rule(
    code="transactional-id-access",
    area=Area.ACCESS,
    title="The processor may use its transactional.id",
    why="Without WRITE on its transactional.id a producer cannot start (TRANSACTIONAL_ID_AUTHORIZATION_FAILED). A rule "
    "for one name fails at scale-out, when the second instance has another.",
    remedy="kafka-acls.sh --add --allow-principal User:… --operation Write --operation Describe --transactional-id "
    "PREFIX --resource-pattern-type prefixed",
)

RULES: Final = (TOPIC_ACCESS, GROUP_ACCESS, ID_ACCESS)


def check(facts: Chart) -> Iterator[Finding]:
    """Examines what the processor is allowed."""
    for names, operation in ((facts.subject.inputs, "READ"), (facts.subject.outputs, "WRITE")):
        for name in names:
            yield _topic(facts, name, operation)
    if facts.group is not None:
        yield _group(facts)
    for name, acls in facts.transactions.acls.items():
        yield _identity(facts, name, acls)


def _topic(facts: Chart, name: str, operation: str) -> Finding:
    topic = facts.topics.get(name, Unread("UNKNOWN_TOPIC_OR_PARTITION"))
    if isinstance(topic, Unread):
        return TOPIC_ACCESS.unknown(name, topic)
    return _allowed(TOPIC_ACCESS, name, topic.operations, operation)


def _group(facts: Chart) -> Finding:
    assert facts.group is not None  # noqa: S101  # asked before
    about = f"group {facts.group.name}"
    described = facts.group.description
    if isinstance(described, Unread):
        if _DENIED in described.why:
            return GROUP_ACCESS.unknown(about, f"we may not describe it ({described.why})")
        return GROUP_ACCESS.unknown(about, described)
    if described.operations is None and described.state == "Dead":
        return GROUP_ACCESS.unknown(about, "it does not exist yet, and brokers tell rights only of groups that do")
    told = Unread("the broker does not tell") if described.operations is None else described.operations
    return _allowed(GROUP_ACCESS, about, told, "READ")


def _allowed(rule: Rule, about: str, told: Fact[frozenset[str]], operation: str) -> Finding:
    if isinstance(told, Unread):
        return rule.unknown(about, told)
    if operation in told or "ALL" in told:
        return rule.good(about, f"{operation} is allowed")
    return rule.fault(about, f"{operation} is not allowed")


def _identity(facts: Chart, name: str, acls: Fact[tuple[Acl, ...]]) -> Finding:
    about = f"transactional.id {name}"
    if isinstance(acls, Unread):
        if acls.why == SECURITY_DISABLED:
            return ID_ACCESS.good(about, "no authorizer: everybody may use it")
        return ID_ACCESS.unknown(about, f"access rules could not be read: {acls.why}")
    if isinstance(facts.principal, Unread):
        return ID_ACCESS.unknown(about, f"who we are to the brokers is not known: {facts.principal.why}")
    ours = [acl for acl in acls if acl.principal in {facts.principal, "User:*"} and acl.operation in {"WRITE", "ALL"}]
    if any(not acl.allows for acl in ours):
        return ID_ACCESS.fault(about, f"a rule denies WRITE to {facts.principal}")
    if ours:
        return ID_ACCESS.good(about, f"WRITE is allowed to {facts.principal}")
    return ID_ACCESS.unknown(about, f"no rule allows WRITE to {facts.principal}; a super user needs none")
