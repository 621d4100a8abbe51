"""Kafka's client settings come in; who that makes us to a broker without rules of its own goes out."""

from __future__ import annotations

from collections.abc import Mapping

from oncewhere.doctor.fact import Fact, Unread


def principal_of(settings: Mapping[str, str]) -> Fact[str]:
    """`User:NAME`, as brokers name principals unless they are told otherwise.

    Args:
        settings: librdkafka's.
    """
    protocol = settings.get("security.protocol", "plaintext").lower()
    if protocol == "plaintext":
        return "User:ANONYMOUS"
    if protocol.startswith("sasl") and "sasl.username" in settings:
        return f"User:{settings['sasl.username']}"
    return Unread("the broker makes a name of a certificate by rules of its own")
