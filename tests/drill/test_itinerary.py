from __future__ import annotations

import pytest
from crossing_script import Wire

from oncewhere.drill.itinerary import (
    ALIKE,
    REPEATS,
    REST,
    PointSet,
    boundaries,
    first_produce,
    plan_itinerary,
    point_again,
)
from oncewhere.drill.points import CrashPoint, NamedCrash, Phase
from oncewhere.errors import InconclusiveError


def visited(wire: Wire, points: PointSet, *, has_effects: bool = True) -> list[str]:
    return [point.id for point in plan_itinerary(wire.sightings, points, has_effects=has_effects).points]


def mission(wire: Wire, *, has_effects: bool = True) -> tuple[CrashPoint, ...]:
    return plan_itinerary(wire.sightings, PointSet.MISSION, has_effects=has_effects).points


def test_the_three_crashes_are_found_in_the_middle_and_come_in_the_order_of_the_mission() -> None:
    wire = Wire().request("kafka", "InitProducerId")
    for _ in range(5):
        wire.commit_interval()
    assert [(point.name, point.id) for point in mission(wire)] == [
        (NamedCrash.BEFORE_EFFECT, "bank.commit.3.1.before"),
        (NamedCrash.AFTER_EFFECT, "kafka.EndTxn.3.1.before"),
        (NamedCrash.AFTER_COMMIT, "kafka.EndTxn.3.1.replied"),
    ]


def test_a_processor_without_transactions_is_crashed_at_its_offset_commit() -> None:
    wire = Wire()
    for _ in range(3):
        wire.request("bank", "commit").request("kafka", "Produce").request("kafka", "OffsetCommit")
    assert [p.kind for p in mission(wire)] == ["commit", "OffsetCommit", "OffsetCommit"]


def test_without_effects_the_crash_before_the_effect_does_not_exist() -> None:
    points = mission(Wire().commit_interval(effects=0), has_effects=False)
    assert [p.name for p in points] == [NamedCrash.AFTER_EFFECT, NamedCrash.AFTER_COMMIT]


def test_an_aborted_transaction_is_no_commit() -> None:
    wire = Wire().request("bank", "commit").request("kafka", "EndTxn", committed=False)
    with pytest.raises(InconclusiveError, match="committed no consumed position"):
        mission(wire)


def test_a_processor_that_bypasses_the_proxy_is_inconclusive_and_not_a_pass() -> None:
    with pytest.raises(InconclusiveError, match="committed no consumed position"):
        mission(Wire())
    with pytest.raises(InconclusiveError, match="wrote to no place outside Kafka"):
        mission(Wire().commit_interval(effects=0))


def test_a_transaction_that_no_offsets_were_sent_to_commits_no_position() -> None:
    wire = Wire()
    for _ in range(3):
        wire.request("kafka", "OffsetCommit").request("bank", "commit").request("kafka", "Produce")
        wire.request("kafka", "EndTxn", transactional_id="t", committed=True)
    assert [(p.kind, p.interval) for p in mission(wire)] == [("commit", 3), ("OffsetCommit", 3), ("OffsetCommit", 3)]


def test_all_points_are_every_boundary_request_in_every_phase_that_it_has() -> None:
    wire = Wire().asked("kafka", "InitProducerId").commit_interval().request("bank", "write")
    found = visited(wire, PointSet.ALL)
    assert found[:3] == ["bank.commit.1.1.before", "kafka.EndTxn.1.1.before", "kafka.EndTxn.1.1.replied"]
    assert sorted(found) == sorted(
        [f"kafka.InitProducerId.1.1.{phase}" for phase in Phase]
        + [f"bank.commit.1.1.{phase}" for phase in Phase]
        + [f"kafka.EndTxn.1.1.{phase}" for phase in Phase]
        + [
            f"{name}.{phase}"
            for name in ("bank.write.1.1", "kafka.Produce.1.1", "kafka.TxnOffsetCommit.1.1", "bank.write.2.1")
            for phase in ("before", "delivered")  # the script holds no answer to them
        ]
    )


def test_of_intervals_that_look_alike_the_middle_is_visited_in_detail_and_the_ends_in_outline() -> None:
    wire = Wire()
    for _ in range(7):
        wire.commit_interval(effects=5)
    found = plan_itinerary(wire.sightings, PointSet.BOUNDARIES, has_effects=True)
    commits = sorted({(p.interval, p.nth) for p in found.points if p.kind == "commit"})
    assert commits == [(1, 1), (4, 1), (4, 3), (4, 5), (7, 1)]
    assert set(found.left_out) == {ALIKE, REPEATS}
    assert len(found.points) + sum(found.left_out.values()) == found.recorded


def test_an_interval_of_another_shape_is_visited() -> None:
    wire = Wire()
    for number in range(9):
        if number == 6:
            wire.request("audit", "write")
        wire.commit_interval()
    wire.asked("bank", "write")
    found = visited(wire, PointSet.BOUNDARIES)
    assert "audit.write.7.1.before" in found
    assert "bank.write.10.1.replied" in found, "what follows the last commit counts too"
    assert not [point for point in found if ".3.1." in point]


@pytest.mark.parametrize("points", list(PointSet))
def test_nothing_is_left_out_unsaid(points: PointSet) -> None:
    wire = Wire().asked("kafka", "InitProducerId")
    for effects in (1, 3, 2, 0, 4, 1):
        wire.commit_interval(effects)
    found = plan_itinerary(wire.sightings, points, has_effects=True)
    assert len(found.points) + sum(found.left_out.values()) == found.recorded
    assert found.recorded == sum(len(b.phases) for b in boundaries(wire.sightings))
    assert len({p.id for p in found.points}) == len(found.points)
    assert [p.name for p in found.points[:3]] == list(NamedCrash)
    assert (REST in found.left_out) is (points is PointSet.MISSION)


def test_the_part_of_a_point_is_found_in_a_run_with_fewer_intervals_and_other_batches() -> None:
    many, few = Wire(), Wire()
    for _ in range(7):
        many.commit_interval(effects=5)
    for _ in range(3):
        few.commit_interval(effects=9)
    chosen = plan_itinerary(many.sightings, PointSet.BOUNDARIES, has_effects=True)
    moved = {
        point.id: found.id
        for point in chosen.points
        if (found := point_again(chosen.roles[point.id], point, few.sightings)) is not None
    }
    assert len(moved) == len(chosen.points)
    assert moved["kafka.EndTxn.7.1.before"] == "kafka.EndTxn.3.1.before"
    assert moved["bank.commit.1.1.replied"] == "bank.commit.1.1.replied"
    assert moved["bank.commit.4.3.before"] == "bank.commit.2.5.before"
    assert moved["bank.commit.4.5.before"] == "bank.commit.2.9.before"


def test_a_part_that_another_run_does_not_have_is_not_invented() -> None:
    wire, other = Wire().asked("kafka", "InitProducerId"), Wire()
    for number in range(5):
        wire.request("audit", "write") if number == 3 else None
        wire.commit_interval()
        other.commit_interval()
    chosen = plan_itinerary(wire.sightings, PointSet.BOUNDARIES, has_effects=True)
    (point,) = [p for p in chosen.points if p.id == "audit.write.4.1.before"]
    assert point_again(chosen.roles[point.id], point, other.sightings) is None
    assert point_again(chosen.roles[point.id], point, wire.sightings) == point
    assert point_again(chosen.roles[point.id], point, ()) is None


def test_writes_that_overlap_the_commit_before_are_found_on_its_other_side() -> None:
    early, late = Wire(), Wire()
    for number in range(3):
        early.commit_interval()
        late.commit_interval()
        if number == 0:  # behind the first commit, and so in the middle interval
            early.request("audit", "write")
        if number == 1:
            late.request("audit", "write")
    chosen = plan_itinerary(early.sightings, PointSet.BOUNDARIES, has_effects=True)
    (point,) = [p for p in chosen.points if p.id == "audit.write.2.1.before"]
    found = point_again(chosen.roles[point.id], point, late.sightings)
    assert found is not None
    assert found.id == "audit.write.3.1.before"


def test_the_first_produce_that_can_be_refused_is_one_that_is_answered_and_was_read() -> None:
    wire = Wire().request("kafka", "Produce", expects_reply=False).request("kafka", "Produce", partial=True)
    assert first_produce(wire.sightings) is None
    point = first_produce(wire.request("kafka", "Produce").sightings)
    assert point is not None
    assert point.id == "kafka.Produce.1.3.before"
