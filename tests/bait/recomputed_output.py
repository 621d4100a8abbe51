"""The output is computed anew on redelivery, and not taken from what was recorded: it differs from the effect."""

import json
import uuid

from skeleton import SOUND, Bait, event

bait = Bait()
for batch in bait.batches():
    outputs = []
    for message in batch:
        receipt = str(uuid.uuid4())  # a number, a rate, the time of day: whatever is not the same the next time
        new = bait.db.execute(
            "insert into processed (event_id) values (%s) on conflict do nothing", (event(message),)
        ).rowcount
        if new:
            bait.db.execute("insert into done (event_id, receipt) values (%s, %s)", (event(message), receipt))
        elif SOUND:
            (receipt,) = bait.db.execute("select receipt from done where event_id = %s", (event(message),)).fetchone()
        outputs.append({"event_id": event(message), "receipt": receipt})
    bait.db.commit()
    with bait.transaction():
        for output in outputs:
            bait.producer.produce("bait-out", json.dumps(output).encode())
        bait.producer.flush()
