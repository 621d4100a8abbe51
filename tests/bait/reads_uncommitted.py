"""The input is read as Java's consumer reads by default: records of transactions that were aborted are acted on."""

from skeleton import SOUND, Bait

bait = Bait() if SOUND else Bait(**{"isolation.level": "read_uncommitted"})
for batch in bait.batches():
    bait.effect_once(batch)
    bait.settle(batch)
