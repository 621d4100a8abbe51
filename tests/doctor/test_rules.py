"""What the doctor says of facts; no server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from facts_of import (
    MINUTE_MS,
    NOT_READ,
    NOW_MS,
    SETTINGS,
    SUBJECT,
    broker,
    facts,
    group,
    of_rule,
    only,
    partition,
    topic,
    transactions,
)

from oncewhere.cluster import UNSTABLE, Acl, GroupDescription, ProducerState, TransactionDescription
from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import ClientFacts, GroupFacts
from oncewhere.doctor.finding import Mark, exit_code
from oncewhere.doctor.known_faults import LIBRARIES
from oncewhere.doctor.places import Expected, LedgerPosition, PlaceFacts, Purpose, TableFacts, TextColumn, unreached
from oncewhere.doctor.readers.kafka import topic_id_text
from oncewhere.doctor.rule import Area
from oncewhere.doctor.rules.groups import READERS
from oncewhere.doctor.rules.table import CHECKS, RULES, examine
from oncewhere.doctor.rules.topics import REPLICATION_FACTOR
from oncewhere.doctor.rules.transactions import offsets_partition
from oncewhere.doctor.subject import Subject
from oncewhere.doctor.topics import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from oncewhere.effects.calls import Entry, State
from oncewhere.effects.sql.ledger_table import LEDGER
from oncewhere.report.diagnosis import lines_of, summary

RANDOM_ID = "settlement-360b2a47-4b37-4e6e-b381-270360105f64"


def test_a_healthy_cluster_has_no_fault_and_nobody_reads_its_output_as_far_as_can_be_seen() -> None:
    found = examine(facts())
    assert {finding.mark for finding in found} == {Mark.GOOD, Mark.UNKNOWN}
    assert [finding.rule for finding in found if finding.mark is Mark.UNKNOWN] == ["reader-isolation"]
    assert exit_code(found) == 3


def test_what_cannot_be_read_is_never_good() -> None:
    table = TableFacts(expected=_dedupe(), columns=NOT_READ, keys=NOT_READ, rows=NOT_READ, oldest_ms=NOT_READ)
    place = PlaceFacts(
        name="bank",
        system="postgresql",
        policy="dedupe-table",
        reached=True,
        tables=(table,),
        ledger=NOT_READ,
        unsettled=NOT_READ,
    )
    nothing = facts(
        brokers=NOT_READ,
        topics={"authorized": NOT_READ, "settled": NOT_READ},
        transactions=transactions(
            described=NOT_READ,
            known=NOT_READ,
            complete=NOT_READ,
            max_timeout_ms=NOT_READ,
            acls={"settlement-0": NOT_READ},
        ),
        group=group(description=NOT_READ, committed=NOT_READ),
        readers=NOT_READ,
        places=(place, unreached("ledger", "mysql", "offset-ledger", "connection refused")),
        principal=NOT_READ,
    )
    good = [finding for finding in examine(nothing) if finding.mark is Mark.GOOD]
    assert [(finding.rule, finding.about) for finding in good] == [("place-reached", "bank")]
    assert exit_code(examine(nothing)) == 3


def test_each_setting_that_a_broker_does_not_tell_is_unknown_or_told_to_be_of_an_old_broker() -> None:
    silent = examine(facts(brokers=(broker(settings={}),)), (Area.BROKERS,))
    assert {finding.mark for finding in silent if finding.rule != "broker-version"} == {Mark.UNKNOWN, Mark.WARNING}


@pytest.mark.parametrize(
    ("name", "value", "code", "mark"),
    [
        ("transaction.partition.verification.enable", "false", "partition-verification", Mark.FAULT),
        ("transaction.max.timeout.ms", "30000", "transaction-timeout", Mark.FAULT),
        ("transaction.state.log.replication.factor", "1", "transaction-log", Mark.FAULT),
        ("transaction.state.log.replication.factor", "2", "transaction-log", Mark.WARNING),
        ("transaction.state.log.min.isr", "1", "transaction-log", Mark.FAULT),
        ("offsets.topic.replication.factor", "1", "offsets-log", Mark.FAULT),
        ("transactional.id.expiration.ms", "3600000", "transactional-id-expiration", Mark.WARNING),
        ("producer.id.expiration.ms", "60000", "producer-id-expiration", Mark.FAULT),
        ("offsets.retention.minutes", "60", "offsets-retention", Mark.WARNING),
    ],
)
def test_a_broker_setting_that_breaks_the_guarantee_is_found(name: str, value: str, code: str, mark: Mark) -> None:
    wrong = broker(2, settings=SETTINGS | {name: value})
    found = of_rule(code, facts(brokers=(broker(1), wrong, broker(3))))
    assert [finding.about for finding in found if finding.mark is mark] == ["broker 2"]
    assert {finding.mark for finding in found} == {Mark.GOOD, mark}


@pytest.mark.parametrize(
    ("name", "code", "internal"),
    [
        ("transaction.state.log.replication.factor", "transaction-log", TRANSACTIONS_TOPIC),
        ("transaction.state.log.min.isr", "transaction-log", TRANSACTIONS_TOPIC),
        ("offsets.topic.replication.factor", "offsets-log", OFFSETS_TOPIC),
    ],
)
@pytest.mark.parametrize(
    ("state", "mark", "on_topic"),
    [
        (topic(), Mark.WARNING, set()),
        (topic(partition(replicas=1, in_sync=1)), Mark.WARNING, {"replication-factor", "in-sync"}),
        (topic(settings={"min.insync.replicas": "1"}), Mark.WARNING, {"min-insync-replicas"}),
        (NOT_READ, Mark.FAULT, set()),
        (None, Mark.FAULT, set()),
    ],
)
def test_a_topic_of_kafkas_own_that_is_made_is_judged_by_itself_and_not_by_what_another_would_be_made_with(
    name: str, code: str, internal: str, state: object, mark: Mark, on_topic: set[str]
) -> None:
    topics = {"authorized": topic(), "settled": topic()} | ({} if state is None else {internal: state})
    given = facts(brokers=(broker(1, settings=SETTINGS | {name: "1"}), broker(2), broker(3)), topics=topics)
    assert {finding.mark for finding in of_rule(code, given) if finding.mark is not Mark.GOOD} == {mark}
    faults = {one.rule for one in examine(given) if one.mark is Mark.FAULT and one.about == internal}
    assert faults == on_topic


def test_one_broker_alone_is_a_warning_and_not_a_fault() -> None:
    alone = broker(settings=SETTINGS | {"transaction.state.log.replication.factor": "1"})
    found = of_rule("transaction-log", facts(brokers=(alone,)))
    assert [finding.mark for finding in found] == [Mark.WARNING, Mark.GOOD]


def test_brokers_that_know_no_group_generation_or_speak_the_old_protocol_are_told_apart() -> None:
    old, older = broker(finalized={"transaction.version": 1}), broker(txn_offset_commit=2)
    assert only("broker-version", facts(brokers=(old,))).mark is Mark.WARNING
    assert only("broker-version", facts(brokers=(older,))).mark is Mark.FAULT


@pytest.mark.parametrize(
    ("changed", "code", "mark"),
    [
        (topic(partition(replicas=1, in_sync=1)), "replication-factor", Mark.FAULT),
        (topic(partition(replicas=2, in_sync=2)), "replication-factor", Mark.WARNING),
        (topic(settings={"min.insync.replicas": "1"}), "min-insync-replicas", Mark.FAULT),
        (topic(settings={"min.insync.replicas": "3"}), "min-insync-replicas", Mark.WARNING),
        (topic(partition(in_sync=1)), "in-sync", Mark.FAULT),
        (topic(partition(in_sync=2)), "in-sync", Mark.WARNING),
        (topic(settings={"unclean.leader.election.enable": "true"}), "unclean-leader-election", Mark.FAULT),
        (topic(settings={}), "unclean-leader-election", Mark.UNKNOWN),
        (Unread("UNKNOWN_TOPIC_OR_PARTITION"), "topic-exists", Mark.FAULT),
        (Unread("TOPIC_AUTHORIZATION_FAILED"), "topic-exists", Mark.UNKNOWN),
        (topic(operations=frozenset({"DESCRIBE"})), "topic-access", Mark.FAULT),
        (topic(operations=Unread("not told")), "topic-access", Mark.UNKNOWN),
    ],
)
def test_a_topic_that_breaks_the_guarantee_is_found(changed: object, code: str, mark: Mark) -> None:
    found = of_rule(code, facts(topics={"authorized": topic(), "settled": changed}))
    assert [finding.mark for finding in found if finding.about == "settled"] == [mark]


def test_a_missing_topic_is_one_fault_and_nothing_else_about_it_is_advised() -> None:
    missing = Unread("UNKNOWN_TOPIC_OR_PARTITION")
    found = [
        one for one in examine(facts(topics={"authorized": topic(), "settled": missing})) if one.about == "settled"
    ]
    assert [one.rule for one in found if one.mark is Mark.FAULT] == ["topic-exists"]
    others = [one for one in found if one.mark is not Mark.FAULT and one.rule != READERS.code]
    assert {one.rule for one in others} >= {"topic-access"}
    for one in others:
        assert (one.mark, one.reason) == (Mark.UNKNOWN, "not looked at: the topic does not exist")
        assert one.fix == "Create the topic, or correct its name."


def test_what_is_counted_is_what_is_printed() -> None:
    several = [REPLICATION_FACTOR.fault(name, "1 replica") for name in ("a", "b")]
    assert summary([*several, REPLICATION_FACTOR.fault("c", "2 replicas")]).plain == "✗ 2 faults"
    assert len([line for line in lines_of("replication-factor", several) if "✗" in line.plain]) == 1


# ---- transactions


def open_in(**changes: object) -> ProducerState:
    one = ProducerState(
        producer_id=7,
        producer_epoch=0,
        last_sequence=1,
        last_timestamp_ms=NOW_MS - 5_000,
        transaction_start_offset=4,
    )
    return replace(one, **changes)


def with_open(described: dict[str, TransactionDescription], **changes: object) -> object:
    held = topic(partition(stable=4, producers=(open_in(),)))
    told = {"described": described, "known": tuple(described), "still_open": frozenset({("settled", 0, 7, 4)})}
    return facts(topics={"authorized": topic(), "settled": held}, transactions=transactions(**told | changes))


def ongoing(**changes: object) -> TransactionDescription:
    one = TransactionDescription(
        state="Ongoing",
        producer_id=7,
        timeout_ms=MINUTE_MS,
        start_time_ms=NOW_MS - 5_000,
        partitions=(("settled", 0),),
    )
    return replace(one, **changes)


@pytest.mark.parametrize("state", ["CompleteCommit", "CompleteAbort", "Empty"])
def test_a_transaction_that_is_over_for_its_coordinator_and_open_in_a_partition_hangs(state: str) -> None:
    given = with_open({"settlement-0": TransactionDescription(state=state, producer_id=7)})
    finding = only("hanging-transaction", given)
    assert (finding.mark, finding.about) == (Mark.FAULT, "settled[0]")
    assert f"settlement-0 is {state}" in finding.reason
    assert "--start-offset 4" in str(finding.fix)
    assert only("last-stable-offset", given).mark is Mark.FAULT


def test_a_transaction_that_no_coordinator_knows_hangs() -> None:
    finding = only("hanging-transaction", with_open({}))
    assert finding.mark is Mark.FAULT
    assert "no coordinator knows it" in finding.reason


def test_an_ongoing_transaction_that_does_not_name_the_partition_hangs_there() -> None:
    assert only("hanging-transaction", with_open({"s": ongoing(partitions=())})).mark is Mark.FAULT


@pytest.mark.parametrize("state", ["Ongoing", "PrepareCommit", "PrepareAbort"])
def test_a_transaction_that_its_coordinator_will_end_does_not_hang(state: str) -> None:
    assert only("hanging-transaction", with_open({"settlement-0": ongoing(state=state)})).mark is Mark.GOOD


def test_what_was_open_only_at_one_of_two_looks_does_not_hang() -> None:
    assert only("hanging-transaction", with_open({}, still_open=frozenset())).mark is Mark.GOOD


@pytest.mark.parametrize("rule", ["open-transaction", "random-transactional-id"])
def test_that_there_is_none_is_unknown_where_ids_may_be_hidden_from_us(rule: str) -> None:
    assert only(rule, facts()).mark is Mark.GOOD
    assert only(rule, facts(transactions=transactions(complete=NOT_READ))).mark is Mark.UNKNOWN


@pytest.mark.parametrize("complete", [False, Unread("CLUSTER_AUTHORIZATION_FAILED")])
def test_whether_it_hangs_is_unknown_where_ids_may_be_hidden_from_us(complete: object) -> None:
    finding = only("hanging-transaction", with_open({}, complete=complete))
    assert finding.mark is Mark.UNKNOWN
    assert "we may not see its transactional.id" in finding.reason


def test_one_that_outlived_every_allowed_timeout_hangs_whoever_hides_it() -> None:
    old = topic(partition(stable=4, producers=(open_in(last_timestamp_ms=NOW_MS - 2_000_000),)))
    given = with_open({}, complete=False)
    assert (
        only("hanging-transaction", replace(given, topics={"authorized": topic(), "settled": old})).mark is Mark.FAULT
    )


def test_producers_that_may_not_be_read_are_unknown() -> None:
    hidden = topic(partition(stable=4, producers=Unread("TOPIC_AUTHORIZATION_FAILED")))
    given = facts(topics={"authorized": hidden, "settled": hidden})
    assert only("hanging-transaction", given).mark is Mark.UNKNOWN
    given = facts(topics={"authorized": topic(), "settled": hidden})
    assert only("last-stable-offset", given).mark is Mark.UNKNOWN


def test_an_lso_that_a_live_transaction_holds_is_a_warning_with_its_id() -> None:
    finding = only("last-stable-offset", with_open({"settlement-0": ongoing()}))
    assert finding.mark is Mark.WARNING
    assert "LSO 4, high watermark 10: 6 offsets are hidden" in finding.reason
    assert "held by settlement-0 since 2027-01-15 07:59:55 UTC (5 s)" in finding.reason


def test_an_lso_that_a_random_id_holds_is_a_fault() -> None:
    given = with_open({RANDOM_ID: ongoing()})
    assert only("last-stable-offset", given).mark is Mark.FAULT
    assert RANDOM_ID in only("last-stable-offset", given).reason
    assert only("random-transactional-id", given).about == RANDOM_ID


def test_random_ids_of_others_are_not_this_processors_fault() -> None:
    others = transactions(known=("settlement-0", "audit-360b2a47-4b37-4e6e-b381-270360105f64"))
    assert only("random-transactional-id", facts(transactions=others)).mark is Mark.GOOD


def test_an_id_as_kafka_streams_makes_them_is_a_warning_unless_its_transaction_was_abandoned() -> None:
    stream = f"{RANDOM_ID}-1"
    idle = facts(transactions=transactions(known=(stream,)))
    assert only("random-transactional-id", idle).mark is Mark.WARNING
    assert "state directory" in only("random-transactional-id", idle).reason
    running = with_open({stream: ongoing()})
    assert only("random-transactional-id", running).mark is Mark.WARNING
    assert only("last-stable-offset", running).mark is Mark.WARNING
    abandoned = with_open({stream: ongoing(start_time_ms=NOW_MS - MINUTE_MS)})
    assert only("random-transactional-id", abandoned).mark is Mark.FAULT
    assert only("last-stable-offset", abandoned).mark is Mark.FAULT
    both = facts(transactions=transactions(known=(stream, RANDOM_ID)))
    marks = {finding.about: finding.mark for finding in of_rule("random-transactional-id", both)}
    assert marks == {stream: Mark.WARNING, RANDOM_ID: Mark.FAULT}


@pytest.mark.parametrize(
    ("age_ms", "mark"), [(5_000, Mark.GOOD), (40_000, Mark.WARNING), (90_000, Mark.FAULT)], ids=["young", "old", "late"]
)
def test_an_open_transaction_is_judged_by_its_age(age_ms: int, mark: Mark) -> None:
    assert only("open-transaction", with_open({"s": ongoing(start_time_ms=NOW_MS - age_ms)})).mark is mark


@pytest.mark.parametrize(("name", "number"), [("hello", 22), ("Aa", 12), ("polygenelubricants", 0)])
def test_a_groups_offsets_are_in_the_partition_that_java_says(name: str, number: int) -> None:
    assert offsets_partition(name, 50) == number


def test_a_topics_id_is_spelled_as_the_ledger_keeps_it() -> None:
    assert topic_id_text("1385d96f-f261-4afc-a43e-525eb3fb7aa9") == "E4XZb/JhSvykPlJes/t6qQ"


# ---- groups


def reader(offset: object) -> GroupFacts:
    return group(name="audit", committed={("settled", 0): offset})


def test_a_reader_beyond_the_last_stable_offset_reads_uncommitted() -> None:
    given = replace(with_open({"settlement-0": ongoing()}), readers=(reader(5),))
    finding = only("reader-isolation", given)
    assert finding.mark is Mark.FAULT
    assert "has committed 5 in settled[0], beyond the last stable offset 4" in finding.reason


@pytest.mark.parametrize(("level", "mark"), [("read_committed", Mark.GOOD), ("read_uncommitted", Mark.FAULT)])
def test_a_readers_isolation_level_is_what_it_was_seen_to_ask_for(level: str, mark: Mark) -> None:
    given = replace(with_open({"settlement-0": ongoing()}), readers=(reader(4),))
    seen = replace(given.subject, isolation={given.readers[0].name: level})
    finding = only("reader-isolation", replace(given, subject=seen))
    assert finding.mark is mark
    assert level in finding.reason


def test_a_readers_isolation_level_is_unknown_where_nothing_shows_it() -> None:
    given = replace(with_open({"settlement-0": ongoing()}), readers=(reader(4),))
    assert only("reader-isolation", given).mark is Mark.UNKNOWN


@pytest.mark.parametrize(
    ("offset", "start", "end", "mark"),
    [
        (5, 0, 10, Mark.GOOD),
        (5, 8, 10, Mark.FAULT),
        (5, 7, 10, Mark.WARNING),
        (11, 0, 10, Mark.FAULT),
        (-1, 0, 10, Mark.WARNING),
        (UNSTABLE, 0, 10, Mark.WARNING),
        (5, NOT_READ, 10, Mark.UNKNOWN),
    ],
    ids=["inside", "deleted", "markers", "beyond", "none", "pending", "unread"],
)
def test_a_groups_position_is_judged_by_its_partition(offset: object, start: object, end: int, mark: Mark) -> None:
    topics = {"authorized": topic(partition(start=start, high_watermark=end)), "settled": topic()}
    given = facts(topics=topics, group=group(committed={("authorized", 0): offset}))
    assert only("group-position", given).mark is mark


def test_one_offset_below_the_first_record_may_have_been_a_marker_and_is_no_record_that_was_lost() -> None:
    topics = {"authorized": topic(partition(start=101, high_watermark=101)), "settled": topic()}
    given = facts(topics=topics, group=group(committed={("authorized", 0): 100}))
    found = only("group-position", given)
    assert found.mark is Mark.WARNING
    assert "1 offset is gone, of a transaction's marker, or of a record that was deleted unprocessed" in found.reason
    assert "1 offset behind" in only("group-lag", given).reason


def test_lag_without_a_member_is_a_warning() -> None:
    nobody = GroupDescription(state="Empty", members=(), operations=None)
    finding = only("group-lag", facts(group=group(description=nobody, committed={("authorized", 0): 3})))
    assert (finding.mark, finding.reason) == (Mark.WARNING, "empty, 0 members, 7 offsets behind: nobody is processing")


@pytest.mark.parametrize("why", ["TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PARTITION"])
def test_an_input_that_could_not_be_read_leaves_position_lag_and_horizon_unknown(why: str) -> None:
    two = replace(SUBJECT, inputs=("authorized", "refunded"))
    given = facts(
        subject=two,
        topics={"authorized": topic(), "refunded": Unread(why), "settled": topic()},
        places=(place(),),
        first_records={("authorized", 0): (0, NOW_MS)},
    )
    for code in ("group-position", "group-lag", "replay-horizon"):
        assert {finding.mark for finding in of_rule(code, given)} == {Mark.UNKNOWN}, code
    assert only("group-position", given).about == "refunded"


def test_an_input_partition_whose_first_record_could_not_be_read_leaves_the_horizon_unknown() -> None:
    given = facts(places=(place(),), first_records={("authorized", 0): NOT_READ})
    assert only("replay-horizon", given).mark is Mark.UNKNOWN


# ---- access


@pytest.mark.parametrize(
    ("acls", "mark"),
    [
        (Unread("SECURITY_DISABLED"), Mark.GOOD),
        (Unread("CLUSTER_AUTHORIZATION_FAILED"), Mark.UNKNOWN),
        ((), Mark.UNKNOWN),
        ((Acl(principal="User:ANONYMOUS", operation="WRITE", allows=True),), Mark.GOOD),
        ((Acl(principal="User:other", operation="WRITE", allows=True),), Mark.UNKNOWN),
        (
            (
                Acl(principal="User:*", operation="ALL", allows=True),
                Acl(principal="User:ANONYMOUS", operation="WRITE", allows=False),
            ),
            Mark.FAULT,
        ),
    ],
)
def test_the_right_to_a_transactional_id_is_read_from_the_rules(acls: object, mark: Mark) -> None:
    assert only("transactional-id-access", facts(transactions=transactions(acls={"s": acls}))).mark is mark


# ---- databases


def _dedupe() -> Expected:
    return Expected(purpose=Purpose.DEDUPE, name="processed_event", columns={"event_id": ""}, key=("event_id",))


def place(**changes: object) -> PlaceFacts:
    table = TableFacts(
        expected=_dedupe(),
        columns={"event_id": "character varying", "processed_at": "timestamp"},
        keys=(("event_id",),),
        rows=3,
        oldest_ms=NOW_MS - MINUTE_MS,
    )
    return PlaceFacts(
        name="bank", system="postgresql", policy="dedupe-table", reached=True, tables=(replace(table, **changes),)
    )


@pytest.mark.parametrize(
    ("keys", "mark"),
    [
        ((("event_id",),), Mark.GOOD),
        ((), Mark.FAULT),
        ((("event_id", "processed_at"),), Mark.FAULT),
        ((("processed_at",),), Mark.FAULT),
        (NOT_READ, Mark.UNKNOWN),
    ],
)
def test_a_dedupe_table_needs_a_key_on_its_identity_alone(keys: object, mark: Mark) -> None:
    assert only("table-key", facts(places=(place(keys=keys),))).mark is mark


def test_the_doctor_and_the_runtime_ask_a_ledger_for_the_same_key() -> None:
    expected = Expected(purpose=Purpose.LEDGER, name="oncewhere_ledger", columns={}, key=LEDGER.key)
    for keys, mark in (
        ((tuple(reversed(LEDGER.key)),), Mark.GOOD),
        ((LEDGER.key[:-1],), Mark.FAULT),  # it would refuse a second partition
        (((*LEDGER.key, "topic"),), Mark.FAULT),
        ((("id",),), Mark.FAULT),
    ):
        assert only("table-key", facts(places=(place(expected=expected, keys=keys),))).mark is mark


def test_a_table_that_is_only_guessed_to_be_the_dedupe_table_is_no_fault_and_the_key_to_name_it_is_told() -> None:
    guessed = replace(_dedupe(), assumed=True)
    unkeyed = facts(places=(place(keys=(("id",),), expected=guessed),))
    assert only("table-key", unkeyed).mark is Mark.UNKNOWN
    assert only("table-key", unkeyed).fix == "name both: document.effects.bank.dedupe_table, and dedupe_column"
    assert of_rule("replay-horizon", unkeyed) == []
    assert only("table-shape", facts(places=(place(columns={"id": "text"}, expected=guessed),))).mark is Mark.UNKNOWN
    assert only("table-key", facts(places=(place(expected=guessed),))).mark is Mark.GOOD
    assert only("table-shape", facts(places=(place(columns={}, expected=guessed),))).mark is Mark.UNKNOWN
    told = replace(guessed, claimed=True)
    assert only("table-shape", facts(places=(place(columns={}, expected=told),))).mark is Mark.FAULT


def test_a_cluster_without_topics_is_called_by_its_name() -> None:
    finding = only("hanging-transaction", facts(subject=Subject(), topics={}, group=None))
    assert (finding.mark, finding.about) == (Mark.GOOD, "the cluster")
    assert all(finding.about for finding in examine(facts(subject=Subject(), topics={}, group=None)))


def test_the_advised_sql_adds_no_second_primary_key() -> None:
    assert "add primary key (event_id)" in str(only("table-key", facts(places=(place(keys=()),))).fix)
    assert "add unique (event_id)" in str(only("table-key", facts(places=(place(keys=(("id",),)),))).fix)


def test_a_table_that_lacks_its_column_or_is_not_there_is_found_and_what_to_do() -> None:
    other = {"at": "timestamp", "refund_id": "text"}
    given = facts(places=(place(columns=other, keys=(("refund_id",),)),))
    lacking = only("table-shape", given)
    assert of_rule("table-key", given) == [], "no key is advised on a column that is not there"
    assert "lacks event_id; it has at, refund_id" in lacking.reason
    assert 'DedupeTable("processed_event", column="refund_id")' in str(lacking.fix)
    missing = only("table-shape", facts(places=(place(columns={}),)))
    assert missing.mark is Mark.FAULT
    assert 'create table "processed_event" ("event_id" text primary key' in str(missing.fix)
    there = replace(place(columns={}), system="mysql")
    assert "`event_id` varchar(255) character set utf8mb4 collate utf8mb4_bin primary key" in str(
        only("table-shape", facts(places=(there,))).fix
    )
    ours = Expected(purpose=Purpose.LEDGER, name="oncewhere_ledger", columns={"group_id": ""}, key=LEDGER.key)
    assert only("table-shape", facts(places=(place(columns={}, expected=ours),))).fix is None, "the remedy prints ours"


def test_a_dedupe_column_that_may_take_two_identities_for_one_is_a_warning() -> None:
    def found(length: int | None, *, folds: bool) -> list[tuple[Mark, str]]:
        identity = TextColumn(length=length, collation="utf8mb4_general_ci", folds=folds)
        given = facts(places=(replace(place(identity=identity), system="mysql"),))
        return [(one.mark, one.reason) for one in of_rule("table-shape", given)]

    (folding,) = found(64, folds=True)
    assert folding[0] is Mark.WARNING
    assert "compared by utf8mb4_general_ci: identities that differ only in case or accents are one event" in folding[1]
    (short,) = found(35, folds=False)
    assert short[0] is Mark.WARNING
    assert "holds 35 characters, and a UUID has 36" in short[1]
    assert [mark for mark, _ in found(35, folds=True)] == [Mark.WARNING, Mark.WARNING]
    for length in (36, 64, None):
        assert [mark for mark, _ in found(length, folds=False)] == [Mark.GOOD]
    assert only("table-shape", facts(places=(place(identity=NOT_READ),))).mark is Mark.UNKNOWN


def test_a_dedupe_table_that_forgot_what_the_topic_still_holds_is_a_warning() -> None:
    month = 30 * 86_400_000
    kept, fresh = {("authorized", 0): (0, NOW_MS - month)}, {("authorized", 0): (0, NOW_MS - 2 * MINUTE_MS)}
    assert only("replay-horizon", facts(places=(place(),), first_records=kept)).mark is Mark.WARNING
    assert only("replay-horizon", facts(places=(place(),), first_records=fresh)).mark is Mark.GOOD
    assert only("replay-horizon", facts(places=(place(oldest_ms=None),), first_records=kept)).mark is Mark.UNKNOWN


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("settings", "mark"),
    [
        ({"retention.ms": str(7 * DAY_MS)}, Mark.GOOD),
        ({"retention.ms": str(30 * DAY_MS)}, Mark.WARNING),  # and segment.ms, 7 d where it is not told
        ({"retention.ms": str(29 * DAY_MS), "segment.ms": str(DAY_MS)}, Mark.GOOD),
        ({"retention.ms": str(29 * DAY_MS), "segment.ms": str(DAY_MS + 1)}, Mark.WARNING),
        ({"retention.ms": "-1"}, Mark.WARNING),
        ({"retention.ms": str(7 * DAY_MS), "cleanup.policy": "compact"}, Mark.WARNING),
        ({"retention.ms": str(7 * DAY_MS), "cleanup.policy": "compact,delete"}, Mark.GOOD),
        (NOT_READ, Mark.UNKNOWN),
    ],
)
def test_a_declared_retention_is_held_against_the_life_of_a_record_in_the_input(settings: object, mark: Mark) -> None:
    expected = replace(_dedupe(), kept_s=30 * 86_400)
    given = facts(places=(place(expected=expected),), first_records={})
    topics = {**given.topics, "authorized": replace(given.topics["authorized"], settings=settings)}  # type: ignore[type-var]
    found = of_rule("replay-horizon", replace(given, topics=topics))
    assert sorted(f.mark for f in found) == sorted([mark, Mark.GOOD])


def test_a_table_that_grows_for_ever_is_a_warning() -> None:
    assert only("table-growth", facts(places=(place(rows=20_000_000),))).mark is Mark.WARNING


def ledger(next_offset: int, covered_from: int, topic_id: str = "id") -> PlaceFacts:
    row = LedgerPosition(
        topic_id=topic_id, topic="authorized", partition=0, next_offset=next_offset, covered_from=covered_from
    )
    return PlaceFacts(name="bank", system="postgresql", policy="offset-ledger", reached=True, ledger=(row,))


@pytest.mark.parametrize(
    ("row", "committed", "later", "mark"),
    [
        (ledger(10, 5), 10, 10, Mark.GOOD),
        (ledger(12, 5), 10, 10, Mark.GOOD),
        (ledger(8, 5), 10, 10, Mark.FAULT),
        (ledger(15, 12), 10, 10, Mark.FAULT),
        (ledger(20, 15), 10, 30, Mark.GOOD),
        (ledger(8, 5), 10, 30, Mark.FAULT),
        (ledger(10, 5, "another"), 10, 10, Mark.WARNING),
        (ledger(10, 5), UNSTABLE, UNSTABLE, Mark.UNKNOWN),
    ],
    ids=["level", "ahead", "behind", "uncovered", "running", "running behind", "topic made anew", "pending"],
)
def test_a_ledger_is_held_against_what_the_group_committed_before_and_after(
    row: PlaceFacts, committed: object, later: object, mark: Mark
) -> None:
    where = ("authorized", 0)
    given = facts(places=(row,), group=group(committed={where: committed}), committed_later={where: later})
    assert only("ledger-position", given).mark is mark


def test_calls_in_doubt_are_a_fault_and_claims_only_where_nobody_is_alive() -> None:
    def unsettled(state: State) -> PlaceFacts:
        entry = Entry("k1", "gateway", "pay", "settlement", "authorized", 0, 4, 0, state, since="2027-01-15")
        return PlaceFacts(name="gateway", system="postgresql", policy="at-most-once", reached=True, unsettled=(entry,))

    dead = group(description=GroupDescription(state="Empty", members=(), operations=None))
    assert only("in-doubt-calls", facts(places=(unsettled(State.IN_DOUBT),))).mark is Mark.FAULT
    assert only("in-doubt-calls", facts(places=(unsettled(State.CLAIMED),))).mark is Mark.WARNING
    assert only("in-doubt-calls", facts(places=(unsettled(State.CLAIMED),), group=dead)).mark is Mark.FAULT


# ---- processor


def test_settings_that_break_the_guarantee_are_found_and_so_are_those_left_out() -> None:
    given = {"group.id": "settlement", "enable.auto.commit": "true", "acks": "1", "isolation.level": "read_uncommitted"}
    found = of_rule("client-setting", facts(processor_settings=given))
    assert {finding.about for finding in found} == {"enable.auto.commit", "acks", "isolation.level", "transactional.id"}
    assert {finding.mark for finding in found} == {Mark.FAULT}
    right = {
        "enable.auto.commit": "False",
        "isolation.level": "read_committed",
        "transactional.id": "s-0",
        "acks": "-1",
    }
    assert only("client-setting", facts(processor_settings=right)).mark is Mark.GOOD


WHOLE = {"enable.auto.commit": "false", "isolation.level": "read_committed", "transactional.id": "s-0", "acks": "all"}


def clients(*libraries: str) -> tuple[ClientFacts, ...]:
    return tuple(ClientFacts(library=library, version="4.3.1") for library in libraries)


@pytest.mark.parametrize(
    ("left_out", "libraries", "mark"),
    [
        ("isolation.level", ("librdkafka",), Mark.GOOD),
        ("isolation.level", ("kafka-clients",), Mark.FAULT),
        ("isolation.level", ("franz-go",), Mark.UNKNOWN),
        ("isolation.level", ("librdkafka", "kafka-clients"), Mark.UNKNOWN),
        ("isolation.level", (), Mark.UNKNOWN),
        ("enable.auto.commit", ("librdkafka",), Mark.FAULT),
        ("enable.auto.commit", ("librdkafka", "kafka-clients"), Mark.FAULT),
        ("enable.auto.commit", (), Mark.UNKNOWN),
        ("transactional.id", ("librdkafka",), Mark.FAULT),
        ("transactional.id", (), Mark.FAULT),
        ("acks", ("librdkafka",), Mark.GOOD),
    ],
)
def test_a_setting_that_is_left_out_is_judged_by_the_default_of_its_client(
    left_out: str, libraries: tuple[str, ...], mark: Mark
) -> None:
    settings = {name: value for name, value in WHOLE.items() if name != left_out}
    found = only("client-setting", facts(processor_settings=settings, clients=clients(*libraries)))
    assert found.mark is mark
    assert mark is Mark.GOOD or found.about == left_out


def test_the_half_of_the_settings_that_nobody_told_is_unknown() -> None:
    consumer = {"group.id": "settlement", "enable.auto.commit": "false", "isolation.level": "read_committed"}
    found = only("client-setting", facts(processor_settings=consumer, clients=clients("franz-go")))
    assert (found.mark, found.about) == (Mark.UNKNOWN, "transactional.id")
    assert "the producer's settings" in str(found.fix)
    producer = {"transactional.id": "s-0", "request.timeout.ms": "1000"}
    found = of_rule("client-setting", facts(processor_settings=producer, clients=clients("librdkafka")))
    assert {(one.mark, one.about) for one in found} == {
        (Mark.UNKNOWN, "enable.auto.commit"),
        (Mark.UNKNOWN, "isolation.level"),
    }
    both = {"bootstrap.servers": "here:9092", "request.timeout.ms": "1000"}
    assert {one.mark for one in of_rule("client-setting", facts(processor_settings=both))} == {Mark.UNKNOWN}


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"processing.guarantee": "exactly_once_v2"}, set()),
        ({"processing.guarantee": "exactly_once_v2", "consumer.isolation.level": "read_uncommitted"}, set()),
        ({"processing.guarantee": "exactly_once_v2", "producer.max.in.flight.requests.per.connection": "5"}, set()),
        ({"processing.guarantee": "exactly_once_v2", "producer.acks": "1"}, {"acks"}),
        ({"processing.guarantee": "at_least_once"}, {"processing.guarantee"}),
        ({}, {"processing.guarantee"}),
    ],
)
def test_what_kafka_streams_sets_by_itself_is_not_missed_and_its_guarantee_is_read(
    settings: dict[str, str], faults: set[str]
) -> None:
    found = of_rule("client-setting", facts(processor_settings={"application.id": "settlement", **settings}))
    assert {one.about for one in found if one.mark is Mark.FAULT} == faults
    assert {one.mark for one in found} <= {Mark.GOOD, Mark.FAULT}


@pytest.mark.parametrize(
    ("library", "mark"),
    [("kafka-clients", Mark.GOOD), ("franz-go", Mark.GOOD), ("librdkafka", Mark.WARNING), (None, Mark.UNKNOWN)],
)
def test_several_requests_in_flight_are_a_matter_of_librdkafka_alone(library: str | None, mark: Mark) -> None:
    settings = WHOLE | {"max.in.flight.requests.per.connection": "5"}
    assert library is None or library in LIBRARIES, "--client takes it"
    named = () if library is None else clients(library)
    assert only("client-setting", facts(processor_settings=settings, clients=named)).mark is mark


@pytest.mark.parametrize(
    ("library", "version", "marks"),
    [
        ("librdkafka", "2.16.0", {Mark.WARNING}),
        ("librdkafka", "1.6.1", {Mark.WARNING, Mark.FAULT}),
        ("librdkafka", "1.8.1", {Mark.WARNING}),
        ("franz-go", "v1.21.5", {Mark.FAULT}),
        ("franz-go", "1.21.6", {Mark.GOOD}),
        ("kafka-clients", "4.3.1", set()),
    ],
)
def test_known_faults_of_client_libraries_are_named(library: str, version: str, marks: set[Mark]) -> None:
    found = of_rule("client-version", facts(clients=(ClientFacts(library=library, version=version),)))
    assert {finding.mark for finding in found} == marks
    assert all("See " in str(finding.fix) for finding in found if finding.mark is not Mark.GOOD)


def test_every_rule_stands_in_the_area_that_examines_it() -> None:
    assert CHECKS.keys() == set(Area)
    assert len(RULES) == len({rule.title for rule in RULES.values()})


def test_a_whole_cluster_is_looked_at_where_no_processor_is_named() -> None:
    whole = facts(subject=replace(SUBJECT, group=None, inputs=(), outputs=(), transactional_ids=()), group=None)
    assert {finding.mark for finding in examine(whole)} == {Mark.GOOD}
