"""Each start has another transactional.id, and offsets are committed outside: nothing fences a zombie's transaction."""

import uuid

from skeleton import SOUND, Bait

bait = Bait("bait-0" if SOUND else f"bait-{uuid.uuid4()}")
for batch in bait.batches():
    bait.effect_once(batch)
    if SOUND:
        bait.settle(batch)
    else:
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.producer.commit_transaction()
        bait.consumer.commit(asynchronous=False)
