"""confluent_kafka's three classes, simulated: what `simulated_kafka.Broker` knows, in the form that the runtime calls.

The consumer is the only one that sees rebalances, and only inside `consume`, as with librdkafka.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from simulated_kafka import INPUT, OUTPUT, Message, described, error, listed, metadata, positions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulated_kafka import Process

LOOKS_IN_FLIGHT = 3
REBALANCES = ("one partition revoked", "all partitions revoked")
LENT = "one partition lent"  # tells nothing new unless batches stay open from one call to the next
LENT_FOR = 2  # calls of `consume`, so that a batch of other partitions is open when it comes back
NOT_CONSUMED = -1001  # librdkafka's position before anything was taken


class Consumer:
    """One member of the group.

    Args:
        process: whose calls these are.
        cooperative: True where partitions are assigned one by one.
        trickle: True where a record is there only once it was waited for.
        steady: False where it may go back, or halt, by itself.
    """

    def __init__(self, process: Process, *, cooperative: bool, trickle: bool = False, steady: bool = False) -> None:
        self._process = process
        self._broker = process.broker
        self._cooperative = cooperative
        self._trickle = trickle
        self._moves = () if steady else ("reading halts", "steps back")
        self._generation = -1
        self._next: dict[int, int] = {}  # by partition: what comes next
        self._taken: dict[int, int] = {}  # by partition: the position, once something was taken
        self._on: dict[str, Callable[[Any, list[Any]], None]] = {}
        self._lent: set[int] = set()  # partitions that another member has for a while
        self._lent_for = 0
        self._halted: set[int] = set()  # partitions that are not read any more, until they are assigned again
        process.consumer = self

    # Rebalances.

    def subscribe(self, topics: list[str], **callbacks: Callable[[Any, list[Any]], None]) -> None:
        assert topics == [INPUT]
        self._on = callbacks

    def unsubscribe(self) -> None:
        self._broker.leave(self._process.name)
        self._generation = -1

    def consumer_group_metadata(self) -> bytes:
        return metadata(self._generation, self._process.name if self._generation >= 0 else "")

    def assign(self, positions: Sequence[Any]) -> None:
        self._next, self._taken = {}, {}
        self.incremental_assign(positions)

    def incremental_assign(self, positions: Sequence[Any]) -> None:
        for tp in positions:
            self._next[tp.partition] = tp.offset
            self._taken.pop(tp.partition, None)
            self._halted.discard(tp.partition)

    def incremental_unassign(self, partitions: Sequence[Any]) -> None:
        for tp in partitions:
            del self._next[tp.partition]

    def _give(self, partitions: set[int]) -> None:
        self._on["on_assign"](self, positions_of(_named(partitions), lambda _: NOT_CONSUMED))

    def _take_away(self, partitions: set[int], *, lost: bool) -> None:
        self._on["on_lost" if lost else "on_revoke"](self, positions_of(_named(partitions), lambda _: NOT_CONSUMED))
        for partition in partitions:
            self._next.pop(partition, None)
            self._taken.pop(partition, None)

    def _rebalance(self, chosen: str) -> None:
        process, broker = self._process, self._broker
        mine = set(broker.inputs) if process.only is None else process.only
        if process.name in broker.members and self._generation == broker.generation:
            if chosen == "one partition revoked" and len(self._next) > 1:
                self._pass_on({max(self._next)})
            elif chosen == "all partitions revoked" and self._next:
                self._pass_on(set(self._next))
            elif chosen == LENT and self._cooperative and len(self._next) > 1:
                self._lent, self._lent_for = {max(self._next)}, LENT_FOR
                self._hand_over(self._lent)
            elif self._lent:
                self._lent_for -= 1
                if not self._lent_for:
                    self._come_back()
            return
        # The group has gone on without us, or we are new.
        self._lent = set()
        if self._next:
            self._take_away(set(self._next), lost=True)
        self._generation = broker.join(process.name)
        self._give(mine)

    def _pass_on(self, partitions: set[int]) -> None:
        """Another member gets partitions, works on them for a while, and goes, within one call of ours."""
        if not self._cooperative:
            partitions = set(self._next)
        self._hand_over(partitions)
        self._give(partitions)

    def _hand_over(self, partitions: set[int]) -> None:
        process = self._process
        self._take_away(partitions, lost=False)
        if process.successor is not None:
            process.successor(f"{process.name}'", partitions)
        self._generation = self._broker.join(process.name)

    def _come_back(self) -> None:
        """What was lent is ours again; the same call may bring records of all others."""
        partitions, self._lent = self._lent, set()
        self._generation = self._broker.join(self._process.name)
        self._give(partitions)

    # Reading.

    def consume(self, count: int, wait_s: float) -> list[Any]:
        process, broker = self._process, self._broker
        rebalances = (*REBALANCES, *((LENT,) if self._trickle else ())) if process.successor else ()
        nothing_yet = self._trickle and not wait_s
        missing = "they come" if nothing_yet else "a record less"
        chosen = process.call("consume", "stop", missing, *self._moves, *rebalances)
        if process.replaced:
            raise error(KafkaError.FENCED_INSTANCE_ID, fatal=True)
        if chosen == "stop":
            process.stop()
        ahead = self._read(1) if chosen in rebalances else []  # fetched before; a rebalance does not take it back
        if self._on:
            self._rebalance(chosen)
        if chosen == "steps back":  # as librdkafka does by itself after a change of leader, if it is let
            for partition, taken in self._taken.items():
                self._next[partition] = taken - 1
            self._taken.clear()
        if chosen == "reading halts" and self._next:
            self._halted.add(max(self._next))
            return [Halted(max(self._next))]
        room = 0 if nothing_yet and chosen != "they come" else count - len(ahead)
        got = ahead + self._read(room - 1 if chosen == "a record less" else room)
        for message in got:  # at the end only, and for whatever it returns, as librdkafka does it
            if message.partition() in self._next:
                position = self._taken.get(message.partition(), NOT_CONSUMED)
                self._taken[message.partition()] = max(position, message.offset() + 1)
        if not got:
            broker.clock.sleep(wait_s)
        process.after(chosen)
        return got

    def _read(self, count: int) -> list[Any]:
        got = []
        for partition in sorted(self._next.keys() - self._halted):
            while len(got) < count and self._next[partition] < len(self._broker.inputs[partition]):
                offset = self._next[partition]
                got.append(Message(partition, offset, self._broker.inputs[partition][offset]))
                self._next[partition] = offset + 1
        return got

    def position(self, asked: Sequence[Any]) -> list[Any]:
        return positions_of(asked, lambda p: self._taken.get(p, NOT_CONSUMED))

    def seek(self, tp: Any) -> None:
        self._process.call("seek")
        if tp.partition not in self._next or tp.partition in self._halted:
            raise error(KafkaError._STATE)
        self._next[tp.partition] = tp.offset
        self._taken.pop(tp.partition, None)

    def committed(self, asked: Sequence[Any], timeout: float) -> list[Any]:
        del timeout
        chosen = self._process.call("committed", "no answer")
        if chosen == "no answer":
            raise error(KafkaError._TIMED_OUT, retriable=True)
        if self._broker.unstable(tp.partition for tp in asked):
            raise error(KafkaError.UNSTABLE_OFFSET_COMMIT, retriable=True)
        answer = positions_of(asked, lambda p: self._broker.committed.get(p, NOT_CONSUMED))
        self._process.after(chosen)
        return answer

    def get_watermark_offsets(self, tp: Any, timeout: float) -> tuple[int, int]:
        del timeout
        return 0, len(self._broker.inputs[tp.partition])

    def list_topics(self, timeout: float) -> SimpleNamespace:
        del timeout
        return listed(INPUT)

    def poll(self, wait_s: float) -> None:
        self._broker.clock.sleep(wait_s)

    def close(self) -> None:
        self._process.call("close")


class Producer:
    """One producer of its process's transactional.id."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._broker = process.broker
        self._epoch = -1
        self._in_flight = 0  # as many looks until the outputs are with the broker
        self._failed: Any = None  # what every call but `produce` says, once it is fatal; `poll` says it once
        self._told = False

    def init_transactions(self, timeout: float) -> None:
        del timeout
        chosen = self._process.call("init_transactions", "no answer", "refused for good")
        if chosen == "refused for good":
            raise error(KafkaError._FATAL, fatal=True)
        self._epoch = self._broker.take_identity(self._process.name)
        if chosen == "no answer":
            raise error(KafkaError._TIMED_OUT, retriable=True)
        self._process.after(chosen)

    def begin_transaction(self) -> None:
        self._alive()
        self._process.begun += 1

    def produce(self, topic: str, value: bytes, *arguments: Any) -> None:
        del arguments
        assert topic == OUTPUT
        chosen = self._process.call("produce", "queue full", "not taken", "fatal")
        if self._failed is not None:
            raise error(KafkaError._FATAL)
        if chosen == "queue full":
            raise BufferError
        if chosen == "not taken":
            raise error(KafkaError._MSG_TIMED_OUT, abortable=True)
        try:
            self._fatal_if(chosen)
            self._fence()
        except KafkaException as cause:
            raise error(KafkaError._FATAL) from cause  # librdkafka's `produce` says no more; other calls tell
        self._broker.begin(self._process.name).outputs.append(value)
        self._process.after(chosen)

    def send_offsets_to_transaction(self, offsets: Sequence[Any], group: bytes, timeout: float = -1) -> None:
        del timeout
        chosen = self._process.call("send_offsets", "no answer", "not taken", "fatal")
        self._alive()
        self._fatal_if(chosen)
        if chosen == "not taken":
            raise error(KafkaError.UNKNOWN_PRODUCER_ID, abortable=True)
        self._fence()
        name, broker = self._process.name, self._broker
        if group not in {metadata(broker.generation, name), metadata(-1, "")}:  # the latter: an older client's
            raise error(KafkaError.ILLEGAL_GENERATION, abortable=True)
        broker.begin(name).offsets.update({tp.partition: tp.offset for tp in offsets})
        if chosen == "no answer":
            raise error(KafkaError._TIMED_OUT, retriable=True)
        self._process.after(chosen)

    def commit_transaction(self, timeout: float = -1) -> None:
        del timeout
        late = {f"arrives {calls} calls late": calls for calls in (0, 1, 2, 4, 8, 16)}
        chosen = self._process.call("commit", "answer lost", "request lost", "not taken", "fatal", *late)
        self._alive()
        self._fatal_if(chosen)
        if chosen == "not taken":
            raise error(KafkaError.NOT_ENOUGH_REPLICAS, abortable=True)
        if chosen in late:
            self._broker.late.append((late[chosen], self._process.name, self._epoch))
        elif chosen != "request lost":
            self._end(commit=True)
        if chosen in {"answer lost", "request lost", *late}:
            raise error(KafkaError._TIMED_OUT, retriable=True)
        self._process.after(chosen)

    def abort_transaction(self, timeout: float = -1) -> None:
        del timeout
        chosen = self._process.call("abort", "answer lost", "request lost", "fatal")
        self._alive()
        self._fatal_if(chosen)
        if chosen != "request lost":
            self._end(commit=False)
        if chosen in {"answer lost", "request lost"}:
            raise error(KafkaError._TIMED_OUT, retriable=True)
        self._process.after(chosen)

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        del timeout
        return listed(topic)

    def flush(self, timeout: float) -> int:
        del timeout
        return 0

    def poll(self, wait_s: float) -> int:
        self._broker.clock.sleep(wait_s)
        if self._failed is not None and not self._told:
            self._told = True
            raise self._failed
        self._in_flight = max(0, self._in_flight - 1)
        chosen = self._process.chooser.choose(f"{self._process.name} outputs", ["", "in flight", "one not taken"])
        if chosen == "in flight":
            self._in_flight = LOOKS_IN_FLIGHT
        elif chosen:
            self._told = True
            self._fatal_if("fatal")
        return 0

    def purge(self) -> None:
        pass

    def __len__(self) -> int:
        return self._in_flight

    def _end(self, *, commit: bool) -> None:
        if not self._broker.end(self._process.name, self._epoch, commit=commit):
            self._fence()

    def _fence(self) -> None:
        if self._broker.epochs.get(self._process.name) != self._epoch:
            self._failed = error(KafkaError._FENCED, fatal=True)
            raise self._failed

    def _fatal_if(self, chosen: str) -> None:
        if chosen == "fatal":
            self._failed = error(KafkaError.DUPLICATE_SEQUENCE_NUMBER, fatal=True)
            raise self._failed

    def _alive(self) -> None:
        if self._failed is not None:
            raise self._failed


class AdminClient:
    """Topics and their ids."""

    def describe_topics(self, topics: Any, request_timeout: float) -> dict[str, Any]:
        del topics, request_timeout
        return described([INPUT])


class Halted(Message):
    """What librdkafka gives instead of a record when it stops reading a partition."""

    def __init__(self, partition: int) -> None:
        super().__init__(partition, NOT_CONSUMED, b"")

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._AUTO_OFFSET_RESET, "simulated")


def _named(partitions: set[int]) -> list[Any]:
    return [SimpleNamespace(topic=INPUT, partition=partition) for partition in sorted(partitions)]
