"""An error aborts the transaction, and the loop goes on: the consumer stands behind the aborted batch."""

from confluent_kafka import TopicPartition
from skeleton import SOUND, Bait, event

bait = Bait()
failed = False
for batch in bait.batches():
    bait.effect_once(batch)
    bait.producer.begin_transaction()
    bait.put(batch)
    if not failed and any(event(message) == "e5" for message in batch):
        failed = True  # a timeout, a broken pipe: it works the next time
        bait.producer.abort_transaction()
        if SOUND:
            bait.consumer.seek(TopicPartition("bait-in", batch[0].partition(), batch[0].offset()))
        continue
    bait.send_offsets()
    bait.producer.commit_transaction()
