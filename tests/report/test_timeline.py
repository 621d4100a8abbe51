"""What a history becomes on the page, before anybody draws it: fates, transactions, joins, and what is left out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from made_run import BANK, BATCH, OUTPUT, Told, make_run, told_trial

from oncewhere.drill import CLEAN, CrashPoint, NamedCrash, Phase, Plan, Step, Verdict, findings, take_testimony
from oncewhere.drill.history import Happened, Wire
from oncewhere.masking import MASK
from oncewhere.report import write_report
from oncewhere.report.html.coverage import read_coverage
from oncewhere.report.html.excerpt import shown
from oncewhere.report.html.fates import Fate, fate_of
from oncewhere.report.html.spans import read_spans
from oncewhere.report.html.timeline import Timeline, read_timeline

CRASH = Plan(
    steps=(
        Step(
            point=CrashPoint(
                place="kafka",
                system="kafka",
                kind="EndTxn",
                interval=3,
                nth=1,
                phase=Phase.BEFORE,
                name=NamedCrash.AFTER_EFFECT,
            )
        ),
    )
)


def message(direction: str, passed: str = "forwarded", kind: str = "Produce", **fields: object) -> Wire:
    return Wire(
        t=1.0 if direction == "request" else 1.5,
        life=1,
        link="kafka#1",
        interval=1,
        system="kafka",
        kind=kind,
        direction=direction,
        sequence=1,
        boundary=True,
        outcome=passed,  # type: ignore[arg-type]
        fields=fields,
    )


def timeline(plan: Plan = CRASH, *, limit: int = 1000, batches: int = 6) -> Timeline:
    told = told_trial(
        plan, name="naive", batches=batches, identities=[f"p{n}" for n in range(batches * BATCH)], harmless=False
    )
    return read_timeline(told.events, findings(take_testimony(told.events)), limit=limit)


@pytest.mark.parametrize(
    ("request_", "reply", "fate"),
    [
        (message("request", "dropped"), None, Fate.NOT_DONE),
        (message("request"), None, Fate.UNKNOWN),
        (message("request", "held"), None, Fate.UNKNOWN),
        (message("request"), message("reply", error="NONE"), Fate.DONE),
        (message("request", transactional_id="t"), message("reply", error="NONE"), Fate.OPEN),
        (message("request", kind="EndTxn", transactional_id="t"), message("reply", error="NONE"), Fate.DONE),
        (message("request"), message("reply", "withheld", error="NONE"), Fate.DONE),
        (message("request"), message("reply", error="INVALID_PRODUCER_EPOCH"), Fate.NOT_DONE),
        (message("request"), message("reply", outcome="committed"), Fate.DONE),
        (message("request"), message("reply", outcome="open"), Fate.OPEN),
        (message("request"), message("reply", outcome="rolled back"), Fate.NOT_DONE),
        (message("request"), message("reply", outcome="unknown"), Fate.UNKNOWN),
        (message("request"), message("reply", outcome="a word of tomorrow"), Fate.UNKNOWN),
        (message("request"), message("reply"), Fate.UNKNOWN),
    ],
)
def test_only_an_answer_says_that_something_was_done(request_: Wire, reply: Wire | None, fate: Fate) -> None:
    assert fate_of(request_, reply)[0] is fate


def test_a_withheld_answer_is_done_and_never_seen() -> None:
    assert "never saw the answer" in fate_of(message("request"), message("reply", "withheld", error="NONE"))[1]


def test_the_crash_stands_at_the_message_that_was_dropped() -> None:
    struck = [mark for mark in timeline().marks if mark.struck]
    assert [(m.request.kind, m.request.interval, m.fate, m.struck) for m in struck] == [
        ("EndTxn", 3, Fate.NOT_DONE, "kill")
    ]


def test_the_open_transaction_ends_where_the_next_producer_fences_it() -> None:
    spans = [span for span in timeline().spans if span.place == "kafka"]
    assert [(span.life, span.how.split(":")[0]) for span in spans] == [
        (1, "committed"),
        (1, "committed"),
        (1, "aborted"),
        *[(2, "committed")] * 4,
    ]


def test_a_transaction_whose_end_has_no_answer_is_unknown_until_the_cluster_says_what_it_is() -> None:
    told = Told()
    at = {"link": "kafka#1", "life": 1, "interval": 1}
    told.sent("Produce", **at, transactional_id="t", answer={"error": "NONE"})
    told.sent("EndTxn", **at, transactional_id="t", committed=True, answer={"error": "NONE"})
    unanswered = told.events[:-1]
    assert read_spans(unanswered)[0].how.startswith("unknown")
    described = [*unanswered, Happened(t=9.0, what="transactions", fields={"states": {"t": "CompleteCommit"}})]
    assert read_spans(described)[0].how == "committed: the cluster said CompleteCommit"
    ongoing = [*unanswered, Happened(t=9.0, what="transactions", fields={"states": {"t": "Ongoing"}})]
    assert read_spans(ongoing)[0].how.startswith("unknown")


def test_what_was_taken_within_a_transaction_is_what_its_end_made_of_it() -> None:
    produced = [(m.request.life, m.request.interval, m.fate) for m in timeline().marks if m.request.kind == "Produce"]
    assert produced[:4] == [(1, 1, Fate.DONE), (1, 2, Fate.DONE), (1, 3, Fate.NOT_DONE), (2, 1, Fate.DONE)]
    told = Told()
    told.sent("write", link="bank#1", life=1, interval=1, answer={"outcome": "open"})
    (write,) = read_timeline(told.events, (), limit=10).marks
    assert write.fate is Fate.OPEN, "nothing says how it ended"
    told.happened("killed", life=1)
    assert read_timeline(told.events, (), limit=10).spans[0].how == "open when its processor died"


def test_a_redelivered_input_is_joined_to_the_effects_of_both_lives() -> None:
    (join,) = timeline().joins
    assert (join.place, join.verdict, join.total) == (BANK, Verdict.DUPLICATE, BATCH)
    assert [interval for interval, _, _ in join.bands] == [(1, 3), (2, 1)]
    assert all(record.times == 2 and not record.exact for record in join.records)


def found_anew(told: Told, output: list[list[object]], bank: dict[str, int]) -> Timeline:
    """The timeline where something else was found at the places."""
    told.events = [e for e in told.events if not (isinstance(e, Happened) and e.what == "found")]
    told.happened("found", place=OUTPUT, system="kafka", records=output)
    told.happened("found", place=BANK, system="postgresql", counts=bank)
    return read_timeline(told.events, findings(take_testimony(told.events)), limit=1000)


def test_an_output_that_came_twice_is_joined_to_the_two_produces_that_wrote_it() -> None:
    names = [f"p{n}" for n in range(4 * BATCH)]
    told = told_trial(CRASH, name="n", batches=4, identities=names, harmless=True)
    twice = 2 * BATCH  # the first input of the interval that was redelivered
    output: list[list[object]] = [[name, 0, n, None] for n, name in enumerate(names)]
    shown_at = found_anew(told, [*output, [names[twice], 0, twice + BATCH, None]], dict.fromkeys(names, 1))
    (join,) = shown_at.joins
    (record,) = join.records
    assert record.exact
    assert record.outputs == (f"{OUTPUT}-0 @ {twice}", f"{OUTPUT}-0 @ {twice + BATCH}")
    produced = [shown_at.marks[n] for n in record.marks if shown_at.marks[n].request.kind == "Produce"]
    assert [mark.group for mark in produced] == [(1, 3), (2, 1)]


def test_where_a_request_names_its_record_the_join_is_exact() -> None:
    names = [f"p{n}" for n in range(4 * BATCH)]
    told = told_trial(CRASH, name="n", batches=4, identities=names, harmless=False)
    sent: dict[tuple[int, int], int] = {}
    for at, event in enumerate(told.events):
        if isinstance(event, Wire) and event.kind == "commit" and event.direction == "request":
            group = (event.life, event.interval)
            sent[group] = nth = sent.get(group, -1) + 1
            first = (event.interval - 1 + 2 * (event.life - 1)) * BATCH
            told.events[at] = msgspec.structs.replace(event, fields={"identity": names[first + nth]})
    shown_at = read_timeline(told.events, findings(take_testimony(told.events)), limit=1000)
    (join,) = shown_at.joins
    for record in join.records:
        assert record.exact
        commits = [shown_at.marks[n] for n in record.marks if shown_at.marks[n].request.kind == "commit"]
        assert [(m.group, m.request.fields["identity"]) for m in commits] == [
            ((1, 3), record.identity),
            ((2, 1), record.identity),
        ]


def test_offsets_say_which_intervals_processed_an_input() -> None:
    told = told_trial(CRASH, name="n", batches=5, identities=[str(n) for n in range(5 * BATCH)], harmless=False)
    covered = read_coverage(told.events, "payment-authorized")
    assert covered[1, 2].ranges == {0: (BATCH, 2 * BATCH)}
    assert covered[2, 1].ranges == {0: (2 * BATCH, 3 * BATCH)}, "the next life begins where it was told to"


def test_a_lost_output_is_joined_to_the_commit_that_called_it_done() -> None:
    told = told_trial(CRASH, name="skip", batches=4, identities=[f"p{n}" for n in range(4 * BATCH)], harmless=True)
    found = found_anew(told, [[f"p{n}", 0, n, None] for n in range(3 * BATCH)], {f"p{n}": 1 for n in range(4 * BATCH)})
    (join,) = found.joins
    marks = found.marks
    assert (join.place, join.verdict, join.total) == (OUTPUT, Verdict.LOST, BATCH)
    kinds = {marks[n].request.kind for record in join.records for n in record.marks}
    assert kinds == {"Produce", "TxnOffsetCommit"}


def test_what_is_left_out_lies_farthest_from_the_crash_and_is_counted() -> None:
    whole, cut = timeline(batches=30), timeline(batches=30, limit=40)
    assert len(cut.marks) == 40
    assert sum(n for o in cut.omissions for n in o.fates.values()) == len(whole.marks) - 40
    assert any(mark.struck for mark in cut.marks)
    assert not whole.omissions
    assert all(record.marks for join in cut.joins for record in join.records)


def test_intervals_without_anything_unusual_are_quiet() -> None:
    loud = {mark.group for mark in timeline().marks} - timeline().quiet
    assert loud == {(1, 3), (2, 1)}
    assert timeline(CLEAN).quiet, "of a clean run, only the beginning is shown"


def test_a_history_that_breaks_off_shows_what_it_has_and_says_so() -> None:
    told = told_trial(CRASH, name="n", batches=4, identities=["a"] * 16, harmless=False)
    half = read_timeline(told.events[:30], (), limit=100)
    assert half.marks
    assert "did not come to its end" in half.unread


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"password": "x"}, {"password": MASK}),
        ({"X-Api-Key": "x"}, {"X-Api-Key": MASK}),
        ("postgresql://me:hush@db/bank", f"postgresql://me:{MASK}@db/bank"),
        ("/pay?access_token=abc&amount=5", f"/pay?access_token={MASK}&amount=5"),
        ("Bearer abcdefgh12345", f"Bearer {MASK}"),
        ({"idempotency_key": "k1"}, {"idempotency_key": "k1"}),
        ({"offsets": [{"partition": 0}]}, {"offsets": [{"partition": 0}]}),
        (7, 7),
        (None, None),
    ],
)
def test_secrets_are_masked_and_nothing_else(given: object, seen: object) -> None:
    assert shown(given) == seen


def test_long_values_are_cut_and_say_how_much_is_missing() -> None:
    assert shown("x" * 1000).endswith("… (760 more characters)")
    assert shown(list(range(100)))[-1] == "… and 68 more"
    assert shown({str(n): n for n in range(40)})["…"] == "8 more"
    deep: object = "bottom"
    for _ in range(20):
        deep = [deep]
    assert "bottom" not in str(shown(deep))


def test_the_page_of_a_folder_whose_history_is_gone_is_still_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, points=1)
    (run / "naive" / "1" / "wire.jsonl").unlink()
    (run / "naive" / "0" / "wire.jsonl").write_bytes(b'{"event":"happened","t":0.1,"what":"started"}\n{"event":"wi')
    assert write_report(run).stat().st_size > 10_000
