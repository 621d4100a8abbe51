"""A seed comes in; some hundred payments go out as JSON Lines, the same ones for the same seed.

python generate.py [--count 300] [--seed 7] [--partitions 3] > payments.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import uuid
import zlib
from datetime import UTC, datetime, timedelta

ACCOUNTS = 24
MERCHANTS = (
    "Café Zürich",
    "Bäckerei Öz",
    "東京書店",
    "Łódź Kolej",
    "Ñandú Viajes",
    "Ωmega Books",
    "Plain & Sons",
    "O'Neill's",
)
CURRENCIES = ("EUR", "CHF", "JPY", "PLN")
OPENING = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def payments(count: int, seed: int, partitions: int) -> list[dict[str, object]]:
    """Makes the records.

    Args:
        count: how many.
        seed: the same seed makes the same payments.
        partitions: the input topic's partitions; an account's payments all go to one, in order.
    """
    chance = random.Random(seed)  # noqa: S311  # a repeatable example, not a secret
    moment = OPENING
    records: list[dict[str, object]] = []
    for number in range(1, count + 1):
        moment += timedelta(milliseconds=chance.randint(5, 4000))
        account = f"account-{chance.randint(1, ACCOUNTS):02d}"
        cents = chance.choice((chance.randint(1, 999), chance.randint(1000, 25_000), 1, 100_000_00))
        event_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        records.append(
            {
                "key": account,
                "partition": zlib.crc32(account.encode()) % partitions,
                "headers": {"trace-id": f"{chance.getrandbits(64):016x}", "source": "gateway-é"},
                "value": {
                    "event_id": event_id,
                    "payment_id": f"payment-{number:05d}",
                    "account_id": account,
                    "amount": f"{cents // 100}.{cents % 100:02d}",
                    "currency": chance.choice(CURRENCIES),
                    "merchant": chance.choice(MERCHANTS),
                    "authorized_at": moment.isoformat(timespec="milliseconds"),
                },
            }
        )
    return records


def main() -> None:
    """Prints the payments."""
    parser = argparse.ArgumentParser(description="Payments as JSON Lines, the same ones for the same seed.")
    parser.add_argument("--count", type=int, default=300, help="how many payments (default 300)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same payments (default 7)")
    parser.add_argument("--partitions", type=int, default=3, help="partitions of the input topic (default 3)")
    asked = parser.parse_args()
    for record in payments(asked.count, asked.seed, asked.partitions):
        print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    main()
