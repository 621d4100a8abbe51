"""The transaction is open while the effect is done: a slow effect outlives it, and is done again after the restart."""

from confluent_kafka import Producer
from skeleton import SERVERS, SOUND, Bait

bait = Bait(None)
bait.producer = Producer(
    {"bootstrap.servers": SERVERS, "transactional.id": "bait-0", "retry.backoff.ms": 1, "transaction.timeout.ms": 2000}
)
bait.producer.init_transactions()
for batch in bait.batches():
    bait.producer.begin_transaction()
    bait.put(batch)
    if SOUND:
        bait.effect_once(batch)
    else:
        bait.effect(batch)
        bait.db.commit()
    bait.send_offsets()
    bait.producer.commit_transaction()
