"""A commit without an answer is taken for one that did not happen."""

from confluent_kafka import KafkaException, Producer, TopicPartition
from skeleton import SERVERS, SOUND, Bait

ANSWER_LIMIT_S = 2.0

bait = Bait()
for batch in bait.batches():
    bait.effect_once(batch)
    bait.producer.begin_transaction()
    bait.put(batch)
    bait.send_offsets()
    try:
        bait.producer.commit_transaction(ANSWER_LIMIT_S)
    except KafkaException:
        bait.producer = Producer(
            {"bootstrap.servers": SERVERS, "linger.ms": 0, "transactional.id": "bait-0", "retry.backoff.ms": 1}
        )
        bait.producer.init_transactions()
        begin = TopicPartition("bait-in", batch[0].partition(), batch[0].offset())
        if SOUND:
            (begin,) = bait.consumer.committed([begin], timeout=10)
        bait.consumer.seek(TopicPartition("bait-in", begin.partition, max(begin.offset, 0)))
