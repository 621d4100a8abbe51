"""A live Kafka cluster, asked over the wire: questions go in, what its brokers say comes out.

confluent-kafka's clients answer some of these questions, and hide others behind retries and caches; a drill asks
about a processor that was killed a moment ago, and wants the broker's own words.

- `access` is how a broker is spoken to: plainly or under TLS, anonymously or by SASL.
- `questions` are the requests; `broker` sends one over the package's only socket and reads its reply.
- `client` finds who is responsible, asks, and asks again within a limit where an error passes.
- `answers` is what comes out: plain data; `replies` reads it.
- `survey` asks a cluster about itself (`inquiries`), and takes a refusal for an answer (`findings`).

What asks is imported when it is first asked for; what was answered is data, and can be held without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from oncewhere.cluster.answers import (
    NOT_FOUND,
    UNSTABLE,
    Member,
    Offset,
    ProducerState,
    TopicPartition,
    TransactionDescription,
    TransactionListing,
)
from oncewhere.cluster.findings import Acl, BrokerNode, GroupDescription, Refused, TopicDescription

if TYPE_CHECKING:
    from oncewhere.cluster.access import Access
    from oncewhere.cluster.client import ClusterClient
    from oncewhere.cluster.survey import ClusterSurvey

__all__ = [
    "NOT_FOUND",
    "UNSTABLE",
    "Access",
    "Acl",
    "BrokerNode",
    "ClusterClient",
    "ClusterSurvey",
    "GroupDescription",
    "Member",
    "Offset",
    "ProducerState",
    "Refused",
    "TopicDescription",
    "TopicPartition",
    "TransactionDescription",
    "TransactionListing",
]

_HOMES = {"Access": "access", "ClusterClient": "client", "ClusterSurvey": "survey"}


def __getattr__(name: str) -> object:
    """Imports what asks a cluster when it is first asked for: who explains a rule needs none of Kafka's schemas."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
