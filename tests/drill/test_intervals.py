from __future__ import annotations

from crossing_script import Wire

from oncewhere.drill.intervals import Address, Addresses, Interval
from oncewhere.wire.message import Direction, Message


def test_an_interval_ends_with_the_reply_of_its_commit() -> None:
    wire = Wire().commit_interval().commit_interval()
    counter = Interval()
    numbers = [counter.advance(s.message) for s in wire.sightings]
    assert numbers == [1] * 7 + [2] * 7


def test_replies_and_bystanders_never_open_an_interval() -> None:
    wire = Wire().commit_interval()
    counter = Interval()
    for sighting in wire.sightings:
        counter.advance(sighting.message)
    bystander = Message(system="kafka", kind="Fetch", direction=Direction.REQUEST, sequence=9, boundary=False)
    assert counter.advance(bystander) == 1
    assert counter.advance(Wire().reply("kafka", "TxnOffsetCommit").sightings[0].message) == 1
    assert counter.advance(Wire().request("bank", "write").sightings[0].message) == 2


def test_every_boundary_request_has_an_address_of_its_own() -> None:
    wire = Wire().request("kafka", "InitProducerId").commit_interval(effects=2).request("bank", "write")
    addresses = Addresses()
    found = [addresses.advance(s.place, s.message) for s in wire.sightings]
    assert [a for a in found if a] == [
        Address("kafka", "InitProducerId", 1, 1),
        Address("bank", "write", 1, 1),
        Address("bank", "commit", 1, 1),
        Address("bank", "write", 1, 2),
        Address("bank", "commit", 1, 2),
        Address("kafka", "Produce", 1, 1),
        Address("kafka", "TxnOffsetCommit", 1, 1),
        Address("kafka", "EndTxn", 1, 1),
        Address("bank", "write", 2, 1),
    ]
