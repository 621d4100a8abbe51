"""Several writes are on their way at once: what a new leader refuses counts as stored when it takes the next one."""

from confluent_kafka import Producer
from skeleton import SERVERS, SOUND, Bait

bait = Bait()
bait.producer = Producer(
    {"bootstrap.servers": SERVERS, "transactional.id": "bait-0", "linger.ms": 0, "retry.backoff.ms": 1}
    | {"batch.num.messages": 1, "max.in.flight": 1 if SOUND else 5}
)
bait.producer.init_transactions()
for batch in bait.batches():
    bait.effect_once(batch)
    bait.settle(batch)
