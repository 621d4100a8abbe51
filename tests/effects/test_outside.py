"""Places without transactions: a downstream that works, answers late, drops, or refuses; and what is done about it."""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import threading
import time
from email.message import EmailMessage
from email.policy import compat32
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import httpx
import httpx2
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from downstream import DROP_AFTER, DROP_BEFORE, HANG, Downstream, running
from systems import Database

from oncewhere import (
    AtLeastOnce,
    AtMostOnce,
    Attempt,
    Compensate,
    Derive,
    EffectInDoubt,
    Function,
    Http,
    IdempotencyKey,
    Limits,
    NotDone,
    OffsetLedger,
    OutcomeUnknown,
    ReplayError,
    Smtp,
    effect,
)
from oncewhere.effects.http import Requests
from oncewhere.effects.outside import OutsidePlace
from oncewhere.effects.place import Batch, Call, Span, Start, Tally, UndecidedError
from oncewhere.effects.policy import Policy
from oncewhere.effects.smtp import Mailer
from oncewhere.errors import ConfigurationError, UnreachableError
from oncewhere.records import Partition
from oncewhere.runtime.poison import handler_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.effects.effect import Effect

pytestmark = pytest.mark.servers

PARTITION = Partition("payments", 0, "id-1")
QUICK = Limits(max_attempts=3, attempt_timeout_s=2.0, total_s=4.0, first_pause_s=0.01, longest_pause_s=0.02)


@pytest.fixture
def gateway() -> Iterator[Downstream]:
    with running() as downstream:
        yield downstream


def charging(gateway: Downstream, policy: Policy, **options: Any) -> Effect[..., str]:
    place = Http(gateway.url, name="gateway", policy=policy, **{"limits": QUICK, **options})

    @effect(place)
    def charge(http: Requests, name: str, amount: int) -> str:
        answer = http.post("/charges", json={"charge": name, "amount": amount})
        answer.raise_for_status()
        return str(answer.json()["receipt"])

    return charge


class Life:
    """One life of a processor, at one place."""

    def __init__(self, which: Effect[..., Any]) -> None:
        self.effect = which
        self.opened = which.place.open("g")

    def batch(self) -> Any:
        return self.opened.begin(Batch([Span(PARTITION, 0, 1)]))

    def run(self, *args: Any, offset: int = 0, work: Any = None) -> Any:
        return (work or self.batch()).run(Call(self.effect, PARTITION, offset, 0, f"e{offset}"), args, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


def test_a_redelivered_record_sends_the_same_key_and_gets_the_same_answer(gateway: Downstream) -> None:
    charge = charging(gateway, IdempotencyKey())
    for _ in range(2):
        with Life(charge) as life:
            assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}
    assert len(set(gateway.keys)) == 1
    assert gateway.keys[0] is not None
    assert gateway.keys[0].startswith('"')
    assert gateway.keys[0].endswith('"')


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_client_of_your_own_sends_the_requests_and_stays_open(gateway: Downstream, library: Any) -> None:
    sent: list[str] = []
    hooks = {"request": [lambda request: sent.append(request.headers["authorization"])]}
    with library.Client(base_url=f"{gateway.url}/v1", auth=("me", "secret"), event_hooks=hooks) as client:

        @effect(Http(client, name="gateway", policy=IdempotencyKey(), limits=QUICK))
        def charge(http: Requests, name: str) -> str:
            headers = [("x-a", "1"), ("idempotency-key", "not this one")]
            return str(http.post("charges", json={"charge": name}, headers=headers).json()["receipt"])

        gateway.script = [DROP_AFTER]
        with Life(charge) as life:
            assert life.run("c0") == "c0-1"
        assert not client.is_closed
    assert len(sent) == 2
    assert gateway.keys[0] is not None
    assert gateway.keys == [gateway.keys[0]] * 2
    assert gateway.done == {"c0": 1}


def test_what_is_no_client_is_refused_and_so_are_options_for_one_that_is_made() -> None:
    for wrong in (httpx.AsyncClient(base_url="http://h"), 5, None):
        with pytest.raises(ConfigurationError, match=r"cannot send an effect's requests.*httpx2\.Client"):
            Http(wrong, name="gateway", policy=IdempotencyKey())  # type: ignore[arg-type]
    with httpx.Client(base_url="http://h") as client, pytest.raises(ConfigurationError, match="client of your own"):
        Http(client, name="gateway", policy=IdempotencyKey(), options={"auth": ("a", "b")})
    with httpx.Client() as client, pytest.raises(ConfigurationError, match="is none for HTTP"):
        Http(client, name="gateway", policy=IdempotencyKey())


@pytest.mark.parametrize("cue", [DROP_BEFORE, DROP_AFTER, (500, {}), (503, {}), (409, {}), (429, {})], ids=str)
def test_an_attempt_of_unknown_outcome_is_repeated_with_the_same_key(gateway: Downstream, cue: Any) -> None:
    gateway.script = [cue, cue]
    with Life(charging(gateway, IdempotencyKey())) as life:
        assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}
    assert len(gateway.keys) == 3
    assert len(set(gateway.keys)) == 1


@pytest.mark.parametrize("at_most_once", [False, True], ids=["idempotency-key", "at-most-once"])
def test_a_request_that_was_sent_and_timed_out_is_unknown(
    gateway: Downstream, sqlite: Database, at_most_once: bool
) -> None:
    gateway.script = [HANG]
    policy: Policy = AtMostOnce(claims=sqlite.place(OffsetLedger())) if at_most_once else IdempotencyKey()  # type: ignore[arg-type]
    limits = Limits(max_attempts=2, attempt_timeout_s=0.4, total_s=4.0, first_pause_s=0.01)
    with Life(charging(gateway, policy, limits=limits)) as life:
        if at_most_once:
            with pytest.raises(EffectInDoubt):
                life.run("c0", 5)
        else:
            assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}
    assert len(gateway.keys) == (1 if at_most_once else 2)
    assert len(set(gateway.keys)) == 1


def test_a_downstream_that_ignores_keys_is_caught_by_its_count(gateway: Downstream) -> None:
    """The control: the same drop, and no key honoured. If this stayed at one, the tests above would prove nothing."""
    gateway.honours = False
    gateway.script = [DROP_AFTER]
    with Life(charging(gateway, IdempotencyKey())) as life:
        life.run("c0", 5)
    assert gateway.done == {"c0": 2}


def test_a_downstream_that_stays_away_takes_the_batch_back_within_the_limits(gateway: Downstream) -> None:
    gateway.script = [DROP_AFTER] * 10
    with Life(charging(gateway, IdempotencyKey())) as life:
        with pytest.raises(UndecidedError, match="'gateway': no answer") as raised:
            life.run("c0", 5)
        assert raised.value.unknown
        assert len(gateway.keys) == QUICK.max_attempts
        gateway.script = []
        assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}


def test_no_connection_is_known_not_to_be_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with (
        Life(charging(Downstream(url=url), IdempotencyKey())) as life,
        pytest.raises(UndecidedError, match="no connection") as raised,
    ):
        life.run("c0", 5)
    assert not raised.value.unknown


class Clock:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of places; that of the sockets stays as it is."""
    found = Clock()
    for module in ("outside.work", "outside.opened", "compensating"):
        monkeypatch.setattr(f"oncewhere.effects.{module}.time", found)
    return found


def test_retry_after_is_waited_for_and_what_is_too_long_is_not_sent_before(gateway: Downstream, clock: Clock) -> None:
    gateway.script = [(503, {"Retry-After": "2"}), (429, {"Retry-After": "3600"})]
    with Life(charging(gateway, IdempotencyKey())) as life:
        with pytest.raises(UndecidedError, match="429"):
            life.run("c0", 5)
        assert clock.slept == [2.0]
        for _ in range(2):
            with pytest.raises(UndecidedError, match="left alone"):
                life.run("c0", 5)
        assert len(gateway.keys) == 2
        clock.now_s = 3602
        assert life.run("c0", 5) == "c0-1"


def test_a_shorter_retry_after_does_not_end_a_longer_one(gateway: Downstream, clock: Clock) -> None:
    gateway.script = [(429, {"Retry-After": "60"})]
    with Life(charging(gateway, IdempotencyKey())) as life:
        with pytest.raises(UndecidedError, match="429"):
            life.run("c0", 5)
        life.opened.heed(OutcomeUnknown("a call that was under way beside it", retry_after_s=1))
        clock.now_s = 55
        with pytest.raises(UndecidedError, match="left alone"):
            life.run("c0", 5)
        assert clock.now_s == 55 + QUICK.total_s
    assert len(gateway.keys) == 1


@pytest.mark.parametrize("kind", ["idempotency-key", "compensate"])
def test_what_others_are_told_meanwhile_does_not_make_a_call_longer_than_its_limit(
    sqlite: Database, clock: Clock, kind: str
) -> None:
    """The longest time of a call is what max.poll.interval.ms is compared with."""
    journal = sqlite.place(OffsetLedger())
    policy = Compensate(journal=journal) if kind == "compensate" else IdempotencyKey()  # type: ignore[arg-type]

    def take_back(key: str, attempt: Attempt[str]) -> None: ...

    undo = take_back if kind == "compensate" else None
    limits = Limits(max_attempts=100, total_s=10, attempt_timeout_s=1)
    lives: list[Life] = []

    @effect(Function("machine", policy=policy, limits=limits), undo=undo)
    def work(key: str) -> str:
        lives[0].opened.heed(NotDone("told to a call beside it", retry_after_s=9))
        raise NotDone("busy", retry_after_s=0.5)

    with Life(work) as life:
        lives.append(life)
        life.opened.assigned({PARTITION: Start(0, committed=False)})
        with pytest.raises(UndecidedError, match="left alone"):
            life.run()
    assert clock.now_s == limits.total_s


@pytest.mark.parametrize("status", [425, 429])
def test_a_request_that_was_not_worked_on_is_repeated_also_at_most_once(
    gateway: Downstream, sqlite: Database, status: int
) -> None:
    gateway.script = [(status, {}), (status, {})]
    with Life(charging(gateway, AtMostOnce(claims=sqlite.place(OffsetLedger())))) as life:  # type: ignore[arg-type]
        assert life.run("c0", 5) == "c0-1"


@pytest.mark.parametrize("status", [408, 501, 507, 520, 524, 529, 599])
def test_no_answer_of_a_gateways_own_is_taken_for_the_effects(gateway: Downstream, status: int) -> None:
    gateway.script = [(status, {})]
    with Life(charging(gateway, IdempotencyKey())) as life:
        assert life.run("c0", 5) == "c0-1"
    assert len(set(gateway.keys)) == 1
    assert len(gateway.keys) == 2


def test_all_lanes_heed_what_one_of_them_is_told(gateway: Downstream, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Http(gateway.url, name="gateway", policy=IdempotencyKey(), concurrency=2)
    told, at = threading.Event(), dict[str, float]()

    @effect(place)
    def charge(http: Requests, name: str) -> str:
        if name == "b0":
            assert told.wait(20)  # it was under way when the other lane was told
        at.setdefault(name, time.monotonic())
        return str(http.post("/charges", json={"charge": name}).json()["receipt"])

    gateway.script = [(429, {"Retry-After": "1"})]
    names = ["a0", "b0", "a1", "b1", "b2"]
    with Life(charge) as life:
        heed = life.opened.heed

        def heeding(error: NotDone | OutcomeUnknown) -> None:
            at.setdefault("told", time.monotonic())
            heed(error)
            told.set()

        monkeypatch.setattr(life.opened, "heed", heeding)
        calls = [Call(charge, PARTITION, n, 0, f"e{n}") for n in range(len(names))]
        assert life.batch().run_each(calls, names, [name[0] for name in names]) == [f"{name}-1" for name in names]
    assert min(at["b1"], at["b2"]) - at["told"] >= 1, "the other lane went on as if nothing had been said"


def test_another_request_under_the_same_key_is_refused_and_not_repeated(gateway: Downstream) -> None:
    charge = charging(gateway, IdempotencyKey())
    with Life(charge) as life:
        life.run("c0", 5)
        with pytest.raises(ReplayError, match=r"answered 422.*with another request"):
            life.run("c0", 6)
        assert len(gateway.keys) == 2
    with Life(charging(gateway, IdempotencyKey(), mismatch=())) as life, pytest.raises(Exception, match="422"):
        life.run("c0", 6)


def test_an_answer_that_was_recorded_is_given_without_asking_again(gateway: Downstream, db: Database) -> None:
    policy = IdempotencyKey(answers=db.place(OffsetLedger()))  # type: ignore[arg-type]
    charge = charging(gateway, policy)
    with Life(charge) as life:
        work = life.batch()
        assert [life.run(f"c{n}", 5, offset=n, work=work) for n in range(2)] == ["c0-1", "c1-1"]
        work.decide()
    gateway.honours = False  # its keys have expired
    with Life(charge) as life:
        work = life.batch()
        assert [life.run(f"c{n}", 5, offset=n, work=work) for n in range(3)] == ["c0-1", "c1-1", "c2-1"]
        assert (work.decide().executed, work._replayed) == (1, 2)
    assert gateway.done == {"c0": 1, "c1": 1, "c2": 1}


def test_what_is_claimed_and_settled_gives_its_result_and_never_runs_again(gateway: Downstream, db: Database) -> None:
    charge = charging(gateway, AtMostOnce(claims=db.place(OffsetLedger())))  # type: ignore[arg-type]
    for _ in range(2):
        with Life(charge) as life:
            assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}
    assert gateway.keys == [None], "a downstream without keys is shown none"


@pytest.mark.parametrize("cue", [DROP_BEFORE, DROP_AFTER, (500, {})], ids=str)
def test_at_most_once_never_repeats_what_is_unknown(gateway: Downstream, sqlite: Database, cue: Any) -> None:
    charge = charging(gateway, AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]
    gateway.script = [cue]
    for _ in range(2):
        with Life(charge) as life, pytest.raises(EffectInDoubt):
            life.run("c0", 5)
    assert len(gateway.keys) == 1
    assert gateway.done == ({"c0": 1} if cue == DROP_AFTER else {})
    assert sqlite.run("select state, effect, record_offset from oncewhere_calls") == [("in-doubt", "charge", 0)]


def test_at_most_once_repeats_what_certainly_was_not_done(gateway: Downstream, sqlite: Database) -> None:
    charge = charging(gateway, AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]
    gateway.script = [(429, {})] * QUICK.max_attempts
    with Life(charge) as life:
        with pytest.raises(UndecidedError, match="429"):
            life.run("c0", 5)
        assert sqlite.run("select count(*) from oncewhere_calls") == [(0,)], "the claim is given back"
        assert life.run("c0", 5) == "c0-1"
    assert gateway.done == {"c0": 1}


class Interrupt(BaseException):
    """What a signal raises in the middle of anything."""


@pytest.mark.parametrize("when", ["in its pause", "while the place is left alone", "in the effect"])
def test_an_interrupt_keeps_the_claim_only_of_a_call_that_may_have_happened(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    place = Function("machine", policy=AtMostOnce(claims=sqlite.place(OffsetLedger())), limits=QUICK)  # type: ignore[arg-type]
    interrupts = [True]

    def interrupted(seconds: float) -> None:
        if interrupts:
            interrupts.pop()
            raise Interrupt

    @effect(place)
    def punch(key: str) -> int:
        if not interrupts:
            return 7
        if when == "in the effect":
            interrupted(0)
        raise NotDone("busy")

    for module in ("work", "opened"):
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=interrupted)
        monkeypatch.setattr(f"oncewhere.effects.outside.{module}.time", clock)
    with Life(punch) as life:
        if when == "while the place is left alone":
            life.opened.heed(NotDone("told to another call", retry_after_s=0.01))
        with pytest.raises(Interrupt):
            life.run()
    with Life(punch) as life:
        if when == "in the effect":
            with pytest.raises(EffectInDoubt):
                life.run()
        else:
            assert life.run() == 7


@pytest.mark.parametrize("at_most_once", [True, False])
def test_calls_that_stay_settled_are_counted_though_their_batch_begins_again(
    sqlite: Database, *, at_most_once: bool
) -> None:
    kept: Policy = AtMostOnce(claims=sqlite.place(OffsetLedger())) if at_most_once else IdempotencyKey()  # type: ignore[arg-type]
    punched: list[str] = []

    @effect(Function("machine", policy=kept, limits=QUICK))
    def punch(key: str) -> None:
        punched.append(key)

    with Life(punch) as life:
        work = life.batch()
        life.run(work=work)
        work.abandon()
        work = life.batch()
        for offset in (0, 1):
            life.run(offset=offset, work=work)
        told = work.decide()
        assert (told.executed, told.replayed) == (2, 1 if at_most_once else 0)
        work.abandon()  # another place did not decide
        work = life.batch()
        life.run(offset=2, work=work)
        assert work.decide() == Tally(executed=1, replayed=0)
    assert len(punched) == (3 if at_most_once else 4)


def test_an_interrupt_is_not_hidden_by_a_journal_that_does_not_answer(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Function("machine", policy=AtMostOnce(claims=sqlite.place(OffsetLedger())), limits=QUICK)  # type: ignore[arg-type]

    @effect(place)
    def punch(key: str) -> None:
        raise NotDone("busy")

    def interrupted(seconds: float) -> None:
        raise Interrupt

    def gone(key: str) -> None:
        raise UndecidedError("the database does not answer")

    with Life(punch) as life:
        monkeypatch.setattr(life.opened.journal, "release", gone)
        monkeypatch.setattr("oncewhere.effects.outside.work.time.sleep", interrupted)
        with pytest.raises(Interrupt):
            life.run()


def test_an_effects_own_error_keeps_the_claim_and_says_so_and_a_refusal_gives_it_back(sqlite: Database) -> None:
    errors: list[Exception] = [ValueError("402"), NotDone("402", permanent=True), NotDone("402", permanent=True)]
    place = Function("machine", policy=AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]

    @effect(place)
    def punch(key: str) -> None:
        raise errors.pop(0)

    with Life(punch) as life:
        with pytest.raises(ValueError, match="402") as raised:
            life.run()
        message = SimpleNamespace(topic=lambda: "payments", partition=lambda: 0, offset=lambda: 7)
        told = handler_error(message, "the handler raised", raised.value)
        assert "calls outside transactions stand" in str(told)
        assert "claim of effect 'punch' is kept" in str(told)
        assert "NotDone(…, permanent=True)" in str(told)
        with pytest.raises(EffectInDoubt):
            life.run()
        for _ in range(2):
            with pytest.raises(NotDone):
                life.run(offset=1)
    assert sqlite.run("select record_offset, state from oncewhere_calls") == [(0, "in-doubt")]


def test_a_zombie_cannot_settle_what_its_successor_took_for_a_crash(sqlite: Database) -> None:
    place = Function("machine", policy=AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]
    done: list[str] = []

    @effect(place)
    def punch(key: str) -> None:
        with Life(punch) as successor, pytest.raises(EffectInDoubt):
            successor.run()
        done.append(key)

    with Life(punch) as zombie, pytest.raises(UndecidedError, match="took it for a crash"):
        zombie.run()
    assert len(done) == 1
    assert sqlite.run("select state from oncewhere_calls") == [("in-doubt",)]


def test_at_least_once_repeats_and_counts_on_nobody(gateway: Downstream) -> None:
    gateway.script = [DROP_AFTER]
    with Life(charging(gateway, AtLeastOnce(acknowledged="a ping"))) as life:
        assert life.run("c0", 5) == "c0-2"
    assert gateway.done == {"c0": 2}
    assert gateway.keys == [None, None]


def test_requests_of_one_effect_have_keys_of_their_own_and_a_late_refusal_is_unknown(gateway: Downstream) -> None:
    place = Http(gateway.url, name="gateway", policy=IdempotencyKey(), limits=QUICK)
    outcomes: list[BaseException] = []

    @effect(place)
    def both(http: Requests) -> None:
        http.post("/charges", json={"charge": "first"})
        try:
            http.post("/charges", json={"charge": "second"})
        except (NotDone, OutcomeUnknown) as error:
            outcomes.append(error)
            raise

    gateway.script = [(201, {}), (429, {})]
    with Life(both) as life:
        life.run()
    assert isinstance(outcomes[0], OutcomeUnknown)
    assert gateway.done == {"first": 1, "second": 1}
    assert len(set(gateway.keys)) == 2


def test_a_function_gets_the_key_and_says_what_became_of_it() -> None:
    keys: list[str] = []

    @effect(Function("machine", policy=IdempotencyKey(derive=Derive.POSITION), limits=QUICK))
    def punch(key: str) -> int:
        keys.append(key)
        if len(keys) < 3:
            raise (NotDone if len(keys) == 1 else OutcomeUnknown)("busy")
        return len(keys)

    with Life(punch) as life:
        assert life.run() == 3
    assert len(set(keys)) == 1


def test_a_journal_that_does_not_answer_is_unreachable_and_what_is_no_database_is_refused(gateway: Downstream) -> None:
    dead = Database("postgresql", "postgresql://me@127.0.0.1:1/bank").place(OffsetLedger())
    with pytest.raises(UnreachableError, match="calls of place 'gateway'"):
        charging(gateway, AtMostOnce(claims=dead)).place.open("g")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="is no SQL place"):
        charging(gateway, AtMostOnce(claims="bank"))  # type: ignore[arg-type]


class Sink:
    """Keeps mails; on cue it refuses one, or the word DATA itself, or hangs up after it has taken one."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.cues: list[str] = []
        self.refusals_of_data: list[str] = []
        self.recipients: list[list[str]] = []
        self.heard = bytearray()
        self.reply_after_s = 0.0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        cue = self.cues.pop(0) if self.cues else "250 accepted"
        if cue.startswith(("2", "drop")):
            head = next(line for line in envelope.content.splitlines() if line.startswith(b"Message-ID"))
            self.ids.append(head.decode().partition(": ")[2])
            self.recipients.append(envelope.rcpt_tos)
        if cue == "drop":
            server.transport.abort()
        return cue


class Listening(SMTP):
    """One connection, as it comes from the socket."""

    def data_received(self, data: bytes) -> None:
        self.event_handler.heard += data
        super().data_received(data)

    async def push(self, status: Any) -> None:
        await asyncio.sleep(self.event_handler.reply_after_s)
        await super().push(status)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        if self.event_handler.refusals_of_data:
            await self.push(self.event_handler.refusals_of_data.pop(0))
        else:
            await super().smtp_DATA(arg)


class OnAnyPort(Controller):
    """A server on a port that the operating system chooses."""

    def factory(self) -> Listening:
        return Listening(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def post() -> Iterator[tuple[str, Sink]]:
    sink = Sink()
    controller = OnAnyPort(sink, hostname="127.0.0.1", port=0, ready_timeout=20)
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}", sink
    controller.stop()


def mailing(url: str, policy: Policy, **options: Any) -> Effect[..., str]:
    @effect(Smtp(url, name="post", policy=policy, domain="bank.example", **{"limits": QUICK, **options}))
    def notify(mailer: Mailer, text: str) -> str:
        message = EmailMessage()
        message["From"], message["To"] = "bank@bank.example", "Payer <payer@example.org>"
        message.set_content(text)
        return mailer.send(message)

    return notify


@pytest.mark.parametrize("cue", ["451 later", "drop"])
def test_a_mail_is_repeated_with_the_same_message_id(post: tuple[str, Sink], cue: str) -> None:
    url, sink = post
    sink.cues = [cue]
    with Life(mailing(url, IdempotencyKey())) as life:
        message_id = life.run("settled")
    with Life(mailing(url, IdempotencyKey())) as life:
        assert life.run("settled") == message_id
    assert set(sink.ids) == {message_id}
    assert len(sink.ids) == (3 if cue == "drop" else 2), "plain SMTP promises nothing: the id is all that tells"
    assert message_id.endswith("@bank.example>")


def test_a_mail_whose_reply_was_lost_is_in_doubt_and_not_sent_again(post: tuple[str, Sink], sqlite: Database) -> None:
    url, sink = post
    notify = mailing(url, AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]
    sink.cues = ["451 later", "drop"]
    for _ in range(2):
        with Life(notify) as life, pytest.raises(EffectInDoubt):
            life.run("settled")
    assert len(sink.ids) == 1


def test_a_mail_that_is_refused_for_good_is_the_handlers_to_judge(post: tuple[str, Sink], sqlite: Database) -> None:
    url, sink = post
    notify = mailing(url, AtMostOnce(claims=sqlite.place(OffsetLedger())))  # type: ignore[arg-type]
    sink.cues = ["554 no"]
    with Life(notify) as life, pytest.raises(NotDone, match="554 to end of DATA"):
        life.run("settled")
    assert sqlite.run("select count(*) from oncewhere_calls") == [(0,)]


def test_lines_of_a_mail_end_by_crlf_on_the_wire(post: tuple[str, Sink]) -> None:
    url, sink = post
    with Life(mailing(url, IdempotencyKey())) as life:
        life.run("settled\n.\nwith a dot alone,\rand a lone CR\n")
    assert sink.heard.count(b"\n") > 10
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", sink.heard), "RFC 5321, 2.3.8"
    assert b"\r\n..\r\n" in sink.heard


def test_what_is_refused_at_data_for_now_is_sent_later_and_not_refused_for_good(post: tuple[str, Sink]) -> None:
    """The mail transaction is open still: on the same connection the next MAIL would be answered by 503."""
    url, sink = post
    sink.refusals_of_data = ["451 later"]
    with Life(mailing(url, IdempotencyKey())) as life:
        message_id = life.run("settled")
    assert sink.ids == [message_id]


def test_the_mails_that_were_taken_are_remembered_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncewhere.effects.smtp.MOST_REMEMBERED", 2)
    means = Smtp("smtp://post.example", name="post", policy=IdempotencyKey(), domain="d").means()
    for mail in (b"a", b"b", b"c"):
        means.took(mail)
    assert [means.has_taken(mail) for mail in (b"a", b"b", b"c")] == [False, True, True]


def test_a_mail_that_was_taken_is_not_taken_for_another_ones_under_the_same_message_id(post: tuple[str, Sink]) -> None:
    """Who is written to is read anew at each attempt, and has changed: nobody may go without a mail."""
    url, sink = post
    attempts = iter([[("a", "one"), ("b", "one")], [("c", "one"), ("b", "one")], [("c", "two"), ("b", "one")]])

    @effect(Smtp(url, name="post", policy=IdempotencyKey(), domain="bank.example", limits=QUICK))
    def everybody(mailer: Mailer) -> None:
        for to, text in next(attempts):
            message = EmailMessage()
            message["From"], message["To"] = "bank@bank.example", f"{to}@example.org"
            message.set_content(text)
            mailer.send(message)

    sink.cues = ["250 accepted", "451 later", "250 accepted", "451 later"]
    with Life(everybody) as life:
        life.run()
    assert [to[0][0] for to in sink.recipients] == ["a", "c", "c", "b"], "c was told one, and then two"


def test_a_mail_of_many_parts_that_was_taken_is_known_again_by_what_it_says(post: tuple[str, Sink]) -> None:
    """Each attempt makes it anew, with another Date and other boundaries between its parts."""
    url, sink = post
    dates = iter(["Thu, 26 Nov 2026 10:00:00 +0000", "Thu, 26 Nov 2026 10:00:01 +0000"])

    @effect(Smtp(url, name="post", policy=IdempotencyKey(), domain="bank.example", limits=QUICK))
    def both(mailer: Mailer) -> None:
        date = next(dates)
        for to in ("a@example.org", "b@example.org"):
            message = EmailMessage()
            message["From"], message["To"], message["Date"] = "bank@bank.example", to, date
            message.set_content("settled")
            message.add_alternative("<p>settled</p>", subtype="html")
            message.add_attachment(b"\x00\xff", maintype="application", subtype="pdf", filename="receipt.pdf")
            mailer.send(message)

    sink.cues = ["250 accepted", "451 later"]
    with Life(both) as life:
        life.run()
    assert sink.recipients == [["a@example.org"], ["b@example.org"]]


def test_a_message_is_the_callers_own_and_its_bcc_is_heeded_at_each_attempt(post: tuple[str, Sink]) -> None:
    url, sink = post
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = "bank@bank.example", "a@example.org", "b@example.org"
    message.set_content("settled")
    before = message.as_string()

    @effect(Smtp(url, name="post", policy=IdempotencyKey(), domain="bank.example", limits=QUICK))
    def notify(mailer: Mailer) -> None:
        mailer.send(message)

    sink.cues = ["drop"]
    with Life(notify) as life:
        life.run()
    assert sink.recipients == [["a@example.org", "b@example.org"]] * 2
    assert message.as_string() == before
    assert b"Bcc" not in sink.heard


@pytest.mark.parametrize("refused", ["554 no", "451 later"])
@pytest.mark.parametrize("policy", ["idempotency-key", "at-most-once"])
def test_a_second_mail_that_is_refused_does_not_send_the_first_one_again(
    post: tuple[str, Sink], sqlite: Database, policy: str, refused: str
) -> None:
    url, sink = post
    at_most_once = policy == "at-most-once"
    kept: Policy = AtMostOnce(claims=sqlite.place(OffsetLedger())) if at_most_once else IdempotencyKey()  # type: ignore[arg-type]

    @effect(Smtp(url, name="post", policy=kept, domain="bank.example", limits=QUICK))
    def both(mailer: Mailer) -> None:
        for to in ("a@example.org", "b@example.org"):
            message = EmailMessage()
            message["From"], message["To"] = "bank@bank.example", to
            mailer.send(message)

    sink.cues = ["250 accepted", refused]
    with Life(both) as life:
        if at_most_once:
            with pytest.raises(EffectInDoubt):
                life.run()
        elif refused == "554 no":
            with pytest.raises(NotDone, match="554 to end of DATA, after 1 that were sent") as raised:
                life.run()
            assert raised.value.permanent
        else:
            life.run()
    assert sink.recipients.count(["a@example.org"]) == 1
    taken = refused == "451 later" and not at_most_once
    assert sink.recipients.count(["b@example.org"]) == taken


@pytest.mark.parametrize("nobody", [None, "jürgen@example.org", '"a\nb"@example.org'])
def test_a_second_mail_that_cannot_be_addressed_keeps_the_claim_of_the_first(
    post: tuple[str, Sink], sqlite: Database, nobody: str | None
) -> None:
    url, sink = post

    @effect(Smtp(url, name="post", policy=AtMostOnce(claims=sqlite.place(OffsetLedger())), domain="b", limits=QUICK))  # type: ignore[arg-type]
    def both(mailer: Mailer) -> None:
        for to in ("a@example.org", nobody):
            mailer.send(addressed(to))

    for _ in range(2):
        with Life(both) as life, pytest.raises(EffectInDoubt):
            life.run()
    assert sink.recipients == [["a@example.org"]]


def addressed(to: str | None) -> EmailMessage:
    """A mail as some make it: its lines are checked by nobody before they are sent."""
    message = EmailMessage(policy=compat32)
    message["From"] = "bank@bank.example"
    if to is not None:
        message["To"] = to
    return message


@pytest.mark.parametrize("address", ["jürgen@example.org", '"a\nb"@example.org'])
@pytest.mark.parametrize("wrong", ["from", "to"])
def test_an_address_that_cannot_be_sent_is_refused_for_good_and_the_next_mail_is_not(
    post: tuple[str, Sink], address: str, wrong: str
) -> None:
    url, sink = post

    @effect(Smtp(url, name="post", policy=IdempotencyKey(), domain="bank.example", limits=QUICK))
    def notify(mailer: Mailer, sender: str, to: str) -> None:
        message = addressed(to)
        message.replace_header("From", sender)
        mailer.send(message)

    sound = "a@example.org"
    with Life(notify) as life:
        with pytest.raises(NotDone, match="an address cannot be sent") as raised:
            life.run(*((address, sound) if wrong == "from" else (sound, address)))
        assert raised.value.permanent
        assert address not in str(raised.value)
        life.run(sound, sound, offset=1)
    assert sink.recipients == [[sound]]


@pytest.mark.parametrize("known", [False, True], ids=["a new connection", "the same connection"])
def test_a_mail_takes_no_longer_than_one_attempt_may_however_many_replies_it_waits_for(
    post: tuple[str, Sink], known: bool
) -> None:
    """The longest time of a call is what max.poll.interval.ms is compared with."""
    url, sink = post
    limits = Limits(max_attempts=1, attempt_timeout_s=1.0, total_s=4.0)
    with Life(mailing(url, IdempotencyKey(), limits=limits)) as life:
        sent = [life.run("before")] if known else []
        sink.reply_after_s = 0.3  # to NOOP or the greeting and EHLO, to MAIL, RCPT, DATA and its end: 1.5 s or more
        began = time.monotonic()
        with pytest.raises(UndecidedError):
            life.run("settled", offset=1)
        assert time.monotonic() - began < 1.3
    assert sink.ids == sent


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_mail_server_whose_certificate_nobody_vouches_for_is_told_nothing(scheme: str) -> None:
    authority, sink = trustme.CA(), Sink()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    tls = {"ssl_context": theirs} if scheme == "smtps" else {"tls_context": theirs, "require_starttls": True}
    controller = OnAnyPort(sink, hostname="127.0.0.1", port=0, ready_timeout=20, **tls)
    controller.start()
    url = f"{scheme}://localhost:{controller.port}"
    try:
        with (
            Life(mailing(url, IdempotencyKey())) as life,
            pytest.raises(UndecidedError, match="SSLCertVerificationError"),
        ):
            life.run("settled")
        assert b"MAIL" not in sink.heard
        with Life(mailing(url, IdempotencyKey(), tls=ours)) as life:
            assert sink.ids == [life.run("settled")]
    finally:
        controller.stop()


def test_a_mail_server_that_is_not_there_has_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
    with Life(mailing(url, IdempotencyKey())) as life, pytest.raises(UndecidedError, match="no server took") as raised:
        life.run("settled")
    assert not raised.value.unknown
    assert issubclass(smtplib.SMTPConnectError, OSError)


@pytest.mark.parametrize("place", [Http, Smtp, Function])
def test_a_place_says_what_it_is(place: type[OutsidePlace[Any]]) -> None:
    made: dict[Any, OutsidePlace[Any]] = {
        Http: Http("https://gateway.example", name="g", policy=IdempotencyKey()),
        Smtp: Smtp("smtps://post.example", name="g", policy=IdempotencyKey(), domain="d"),
        Function: Function("g", policy=IdempotencyKey()),
    }
    assert repr(made[place]) == f"<{place.__name__} 'g', idempotency-key>"
    assert made[place].idle_limit_s is None


def test_requests_of_a_batch_run_side_by_side_and_those_of_one_key_in_order(gateway: Downstream) -> None:
    place = Http(gateway.url, name="gateway", policy=IdempotencyKey(), limits=QUICK, concurrency=4)
    side_by_side = threading.Barrier(3, timeout=20)
    order: list[str] = []

    @effect(place)
    def charge(http: Requests, name: str) -> str:
        if name.endswith("0"):
            side_by_side.wait()  # three lanes are under way at a time, or this fails
        order.append(name)
        return str(http.post("/charges", json={"charge": name}).json()["receipt"])

    names = [f"{lane}{n}" for n in range(4) for lane in "abc"]
    with Life(charge) as life:
        work = life.batch()
        calls = [Call(charge, PARTITION, n, 0, f"e{n}") for n in range(len(names))]
        assert work.run_each(calls, names, [name[0] for name in names]) == [f"{name}-1" for name in names]
        assert work.decide().executed == len(names)
    for lane in "abc":
        assert [name for name in order if name[0] == lane] == [f"{lane}{n}" for n in range(4)]


def test_a_lane_that_fails_takes_the_batch_back_and_what_was_done_is_not_done_again(gateway: Downstream) -> None:
    gateway.script = [(503, {})] * (2 * QUICK.max_attempts - 1)  # one of the two lanes gets too many
    charge = charging(gateway, IdempotencyKey(), concurrency=2)

    @effect(charge.place)
    def one(http: Requests, name: str) -> str:
        return str(http.post("/charges", json={"charge": name}).json()["receipt"])

    calls = [Call(one, PARTITION, n, 0, f"e{n}") for n in range(6)]
    names = [f"c{n}" for n in range(6)]
    with Life(one) as life:
        with pytest.raises(UndecidedError, match="503"):
            life.batch().run_each(calls, names, names)
        gateway.script = []
        work = life.batch()
        assert work.run_each(calls, names, names) == [f"{name}-1" for name in names]
    assert set(gateway.done.values()) == {1}


def test_recorded_answers_are_found_for_a_whole_batch_at_once(gateway: Downstream, sqlite: Database) -> None:
    charge = charging(gateway, IdempotencyKey(answers=sqlite.place(OffsetLedger())), concurrency=4)  # type: ignore[arg-type]

    @effect(charge.place)
    def one(http: Requests, name: str) -> str:
        return str(http.post("/charges", json={"charge": name}).json()["receipt"])

    calls = [Call(one, PARTITION, n, 0, f"e{n}") for n in range(6)]
    names = [f"c{n}" for n in range(6)]
    for count, executed in ((4, 4), (6, 2)):
        with Life(one) as life:
            work = life.batch()
            found = work.run_each(calls[:count], names[:count], names[:count])
            assert found == [f"{name}-1" for name in names[:count]]
            tally = work.decide()
            assert (tally.executed, tally.replayed) == (executed, count - executed)
    assert len(gateway.keys) == 6
