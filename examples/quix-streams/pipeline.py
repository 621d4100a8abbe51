"""Consumes `PaymentAuthorized`, charges accounts in PostgreSQL, produces `PaymentSettled`: Quix Streams and psycopg.

Output and consumed offsets commit in one Kafka transaction, a checkpoint of Quix Streams; the first argument says what
protects the database, which is no part of it:

    python pipeline.py unprotected | recorded [--random-identity]
"""

from __future__ import annotations

import argparse
import functools
import os

import psycopg
from quixstreams import Application

import bank

RECORDS_PER_CHECKPOINT = 20
CHECKPOINT_S = 1.0


def main() -> None:
    """Builds the pipeline and runs it until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bank", choices=["unprotected", "recorded"], help="what protects the database")
    parser.add_argument("--random-identity", action="store_true", help="the transactional.id of Quix Streams' default")
    asked = parser.parse_args()
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group="settlement",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=RECORDS_PER_CHECKPOINT,
        commit_interval=CHECKPOINT_S,
        auto_create_topics=False,
        # By default Quix Streams makes a new transactional.id at each start. Then nothing ends what a crash left open
        # before transaction.timeout.ms has passed, and its offsets are pending for as long: nobody works meanwhile.
        producer_extra_config={} if asked.random_identity else {"transactional.id": "settlement-0"},
    )
    authorized = app.topic("payment-authorized", value_deserializer="json")
    settled = app.topic("payment-settled", value_serializer="json")
    settle = {"unprotected": bank.unprotected, "recorded": bank.recorded}[asked.bank]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        app.dataframe(authorized).apply(functools.partial(settle, db)).to_topic(settled)
        app.run()


if __name__ == "__main__":
    main()
