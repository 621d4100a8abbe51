"""An event is claimed (SET NX) before its effect, in a commit of its own: who dies between them has done nothing."""

import os

from redis import Redis
from skeleton import SOUND, Bait, event

bait = Bait()
claims = Redis.from_url(os.environ["CLAIMS_URL"])


def claim(batch):
    return [message for message in batch if claims.set(f"claim:{event(message)}", 1, nx=True)]


for batch in bait.batches():
    if SOUND:
        bait.effect_once(batch)
        claim(batch)
    elif mine := claim(batch):
        bait.effect(mine)
        bait.db.commit()
    bait.settle(batch)
