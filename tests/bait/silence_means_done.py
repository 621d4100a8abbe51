"""A request that is not answered is taken for one that was performed, since most of them are."""

import http.client
import json
import os
from urllib.parse import urlsplit

from skeleton import SOUND, Bait, event

bait = Bait()
gateway = urlsplit(os.environ["GATEWAY_URL"])


def charge(message):
    headers = {"Content-Type": "application/json", "Idempotency-Key": event(message)}
    connection = http.client.HTTPConnection(gateway.hostname, gateway.port)
    connection.request("POST", "/charges", json.dumps({"event_id": event(message)}), headers)
    connection.getresponse().read()


for batch in bait.batches():
    for message in batch:
        while True:
            try:
                charge(message)
            except http.client.RemoteDisconnected:
                if SOUND:
                    continue  # the same key: it is performed once
            break
    bait.settle(batch)
