"""The idempotency key is drawn anew for each request: the gateway honours it, and charges twice."""

import json
import os
import urllib.request
import uuid

from skeleton import SOUND, Bait, event

bait = Bait()


def charge(message):
    headers = {"Content-Type": "application/json", "Idempotency-Key": event(message) if SOUND else str(uuid.uuid4())}
    body = json.dumps({"event_id": event(message)}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ["GATEWAY_URL"], body, headers)) as answer:
        answer.read()


for batch in bait.batches():
    for message in batch:
        charge(message)
    bait.settle(batch)
