"""The logic between a run and a claim: verification, ratios, targets, tables. No broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from measure import payments
from measure.bounds import LATE_CPU, by_client, by_cpu, by_peers
from measure.figures import Row, by_round, ratios
from measure.report import Column, table, verdicts
from measure.running import TICKS_S, tree_cpu_s
from measure.spec import parse
from measure.targets import Target, judge
from measure.verification import Finding, Verification

SAME_ORDER = payments.ORDERS  # this payment and payment 0 have one key
COUNT = payments.ORDERS + 100  # so that some orders have two payments

Pair = tuple[bytes, bytes]


def settled(i: int, **changed: object) -> Pair:
    payment = json.loads(payments.authorized(i)) | {"type": "PaymentSettled", "status": "settled"} | changed
    return payments.key_of(i), json.dumps(payment).encode()


def found(pairs: list[Pair], *, expected: int = COUNT, values: str = "json", hidden: int = 0) -> Finding:
    verification = Verification(expected, values)
    for key, value in pairs:
        verification.take(key, value)
    return verification.finding(hidden)


@pytest.fixture(scope="module")
def complete() -> list[Pair]:
    return [settled(i) for i in range(COUNT)]


def test_a_complete_output_is_ok_in_whatever_order_the_partitions_are_read(complete: list[Pair]) -> None:
    by_partition = sorted(range(COUNT), key=payments.partition_of)

    finding = found([complete[i] for i in by_partition])

    assert finding.outcome == "ok"
    assert str(finding) == f"all {COUNT:,} once, in order, unchanged"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pairs: pairs[:7] + pairs[8:], "1 lost"),
        (lambda pairs: [*pairs, pairs[-1]], "1 duplicated"),
        (lambda pairs: [pairs[SAME_ORDER], *pairs[:SAME_ORDER], *pairs[SAME_ORDER + 1 :]], "1 out of order"),
        (lambda pairs: [settled(0, amount=1.0), *pairs[1:]], "1 lost, 1 changed"),
        (lambda pairs: [settled(0, status=""), *pairs[1:]], "1 lost, 1 changed"),
        (lambda pairs: [settled(0, memo=""), *pairs[1:]], "1 lost, 1 changed"),
        (lambda pairs: [(b"00000009", pairs[0][1]), *pairs[1:]], "1 lost, 1 changed"),
        (lambda pairs: [(pairs[0][0], payments.authorized(0)), *pairs[1:]], "1 lost, 1 changed"),
        (lambda pairs: [*pairs, (b"k", b"{")], "1 changed"),
        (lambda pairs: [*pairs, settled(COUNT)], "1 changed"),
    ],
    ids=["lost", "twice", "order", "amount", "status", "memo", "key", "not settled", "no payment", "never sent"],
)  # fmt: skip
def test_every_flaw_of_an_output_is_found_and_named(
    complete: list[Pair], spoil: Callable[[list[Pair]], list[Pair]], said: str
) -> None:
    finding = found(spoil(complete))

    assert finding.outcome == "bad"
    assert str(finding) == said


def test_what_a_reader_cannot_see_is_unknown_and_not_lost(complete: list[Pair]) -> None:
    assert found(complete[:-3], hidden=4).outcome == "unknown"
    assert found([*complete[:-3], complete[0]], hidden=4).outcome == "bad"


def test_values_that_are_passed_on_must_be_the_same_bytes() -> None:
    pairs = [(payments.key_of(i), payments.authorized(i)) for i in range(100)]

    assert found(pairs, expected=100, values="bytes").outcome == "ok"
    assert found([(pairs[0][0], pairs[0][1] + b" "), *pairs[1:]], expected=100, values="bytes").outcome == "bad"


def test_each_partition_gets_as_many_payments_and_each_order_one_partition() -> None:
    counts = [0] * payments.PARTITIONS
    for i in range(payments.ORDERS):
        counts[payments.partition_of(i)] += 1

    assert len(set(counts)) == 1
    assert all(payments.partition_of(i) == payments.partition_of(i + payments.ORDERS) for i in range(100))


def test_a_spec_is_called_the_same_however_many_records_it_runs() -> None:
    spec = parse("kafka-streams:values=bytes:records=1.5m:fetch_wait_ms=10:processes=2")

    assert (spec.text, spec.records) == ("kafka-streams:values=bytes:fetch_wait_ms=10:processes=2", 1_500_000)
    assert spec.environment() == {"PEER_VALUES": "bytes", "PEER_FETCH_WAIT_MS": "10"}


@pytest.mark.parametrize("text", ["peer:values", "peer:=1", "peer:records=many", "peer:commit_ms="])
def test_a_spec_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def rows(spec: str, *rates: float | None, outcome: str = "ok") -> list[Row]:
    return [
        {"spec": spec, "round": i, "outcome": "ok" if rate else outcome, "why": "" if rate else "why", "rate": rate}
        for i, rate in enumerate(rates)
    ]


def test_a_ratio_is_that_of_each_round_and_its_median_counts() -> None:
    measured = [*rows("a", 10, 30, 20), *rows("b", 10, 10, 40)]
    around = ratios(by_round(measured, "a", "rate"), by_round(measured, "b", "rate"))

    assert around is not None
    assert (around.minimum, around.median, around.maximum) == (0.5, 1.0, 3.0)
    judgement = judge(Target("rate", "a", 1.0, "b"), measured)
    assert (judgement.measured, judgement.verdict) == (1.0, "reached")


@pytest.mark.parametrize(
    ("bound", "at_least", "verdict"),
    [(2.0, True, "reached"), (2.1, True, "missed"), (2.0, False, "reached"), (1.9, False, "missed")],
)
def test_a_target_is_reached_at_its_bound_and_missed_beyond_it(bound: float, at_least: bool, verdict: str) -> None:
    measured = [*rows("a", 20, 20), *rows("b", 10, 10)]

    assert judge(Target("rate", "a", bound, "b", at_least=at_least), measured).verdict == verdict


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (rows("a", 99, None, outcome="bad"), rows("b", 1, 1), "missed"),  # fast and wrong
        (rows("a", 99, 99), rows("b", 1, None, outcome="bad"), "unknown"),
        (rows("a", 99, None, outcome="unknown"), rows("b", 1, 1), "reached"),  # of the round that counts
        (rows("a", None, outcome="unknown"), rows("b", 1), "unknown"),
        (rows("a", 99), rows("b", None, outcome="not built"), "unknown"),
        (rows("a", 99), [], "unknown"),
    ],
)
def test_what_was_not_verified_never_reaches_a_target(a: list[Row], b: list[Row], verdict: str) -> None:
    assert judge(Target("rate", "a", 2.0, "b"), [*a, *b]).verdict == verdict


def test_a_peer_that_was_not_built_stands_in_the_table_with_its_reason() -> None:
    missing: Row = {"spec": "franz-go", "round": 0, "outcome": "not built", "why": "no go"}

    lines = table([*rows("loop", 1000, 3000), missing], [Column("rate", "thousand/s", 1e-3)], "loop").splitlines()

    assert lines[-2] == "| loop | 1.0 / 2.0 / 3.0 | 1.00 (1.00–1.00) | ok ×2 |"
    assert lines[-1] == "| franz-go | – | – | not built: no go |"


def test_verdicts_print_each_target_with_what_was_measured() -> None:
    measured = [*rows("a", 20, 30), *rows("b", 10, 10)]

    text = verdicts(measured, [Target("rate", "a", 2.0, "b"), Target("rate", "b", 9, at_least=False, unit="/s")])

    assert "| a / b ≥ 2 | 2.50 | 2.00 / 2.50 / 3.00 | reached |" in text
    assert "| b, rate ≤ 9 /s | 10.00 | 10.00 / 10.00 / 10.00 | missed |" in text


def rates(spec: str, rate: float, cpu_us: float) -> Row:
    return {"spec": spec, "round": 0, "outcome": "ok", "why": "", "late_rate": rate, LATE_CPU: cpu_us}


def test_a_missed_ratio_is_explained_by_the_cpu_that_it_would_need() -> None:
    target = Target("late_rate", "two", 1.2, "one")
    said = by_cpu([rates("one", 300_000, 6.0), rates("two", 320_000, 6.0)], [target], cores=2)
    assert "360,000 records/s, for which 2 cores have 5.6 µs" in said
    assert "kept 1.9 cores busy at 320,000 records/s. The cores are the bound." in said
    assert "bound" not in by_cpu([rates("one", 300_000, 3.0), rates("two", 320_000, 3.0)], [target], cores=2)
    assert by_cpu([rates("one", 300_000, 6.0), rates("two", 400_000, 5.0)], [target], cores=2) == ""


def test_a_missed_ratio_is_laid_beside_what_the_bar_reached_with_the_same_options() -> None:
    targets = [Target("late_rate", "ours:values=bytes", 2, against) for against in ("theirs", "ours")]
    rows = [rates("ours", 300_000, 3.0), rates("ours:values=bytes", 400_000, 3.0), rates("theirs", 300_000, 3.0)]
    said = by_cpu([*rows, rates("bar", 900_000, 3.0), rates("bar:values=bytes", 450_000, 3.0)], targets, 2, "bar")
    assert said.count("bar itself reached") == 1
    assert said.splitlines()[0].endswith("bar itself reached 1.50.")
    assert "itself" not in by_cpu(rows, targets, 2, "bar")


def test_a_missed_limit_is_explained_by_what_the_client_library_takes_alone() -> None:
    target = Target("p50_ms", "ours", 3, at_least=False, unit="ms")
    rows: list[Row] = [
        {"spec": spec, "round": 0, "outcome": "ok", "why": "", "p50_ms": p50}
        for spec, p50 in (("ours", 5), ("bare", 4))
    ]
    assert "alone takes 4.00 ms, and ours +1.00 on top" in by_client(rows, [target], "bare")
    assert "No program on it can reach" in by_client(rows, [target], "bare")
    assert "bare came closest with 4.0 ms, and did not reach it either" in by_peers(rows, [target])


def test_what_a_server_s_children_compute_is_ours_while_they_live_and_after_they_ended() -> None:
    enough = 0.2 + 2 * TICKS_S  # the system rounds a program's own part and the system's down, each by itself
    spin = f"import time\nwhile time.process_time() < {enough}: pass"
    program = f"import subprocess, sys\nrun = [sys.executable, '-c', {spin!r}]\nsubprocess.run(run)\n"
    waits = "subprocess.Popen([sys.executable, '-c', 'while True: pass'])\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program + waits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            ended = tree_cpu_s(server.pid)
            assert ended is not None
            assert ended >= 0.2
            deadline = time.monotonic() + 30
            while (tree_cpu_s(server.pid) or 0.0) < ended + 0.2:
                assert time.monotonic() < deadline, "its living child computes"
                time.sleep(0.02)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    assert tree_cpu_s(server.pid) is None
