"""Kafka's own topics that the guarantee stands on."""

from __future__ import annotations

from typing import Final

TRANSACTIONS_TOPIC: Final = "__transaction_state"
OFFSETS_TOPIC: Final = "__consumer_offsets"
INTERNALS: Final = (TRANSACTIONS_TOPIC, OFFSETS_TOPIC)
