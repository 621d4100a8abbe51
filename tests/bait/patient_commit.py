"""A consumer without transactions whose commit was not answered: it commits the same again."""

from confluent_kafka import KafkaException
from skeleton import Bait

bait = Bait(None, **{"socket.timeout.ms": 2000})
for batch in bait.batches():
    bait.effect_once(batch)
    bait.put(batch)
    while True:
        try:
            bait.consumer.commit(asynchronous=False)
            break
        except KafkaException:
            continue
