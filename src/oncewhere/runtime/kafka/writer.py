"""The transactional producer: outputs and offsets in, one transaction at a time; each call steps through `states`.

One thread at a time: the loop's own, except that `commit` may run in another while the loop reads ahead. The loop does
not touch the producer until that has ended.

A request whose answer does not come is sent again by librdkafka, with the same epoch, for as long as the call may
take; without a limit, for ever. Once the second copy is answered all looks well, while the first may still be on its
way: a late EndTxn ends the *next* transaction of that epoch, a late TxnOffsetCommit overwrites its offsets (KIP-890,
librdkafka issue 5423). So a call that ends a transaction gives up before the first copy can have been sent again; then
its outcome is unknown, and a new producer's epoch fences whatever is still on its way.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import FencedError, NoProgressError, UnreachableError
from oncewhere.runtime import events
from oncewhere.runtime.committer import Committer
from oncewhere.runtime.failures import Failure, Treatment, outcome
from oncewhere.runtime.kafka.answers import cause_of_death, failure_of, quietly, refused, unfit
from oncewhere.runtime.kafka.client_log import logger
from oncewhere.runtime.kafka.output_topics import OutputTopics
from oncewhere.runtime.states import Call, Outcome, State, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oncewhere.runtime.settings import Complete

REQUEST_LIMIT_S = 10.0  # for one InitProducerId that is repeated within a longer limit
FLUSH_LIMIT_S = 10.0  # for outputs to leave before an abort
CLOSE_LIMIT_S = 5.0  # for an abort while closing
PAUSE_S = 0.02  # between two tries of one call
ROOM_PAUSE_S = 0.01  # for the producer's queue to drain, before the next try to add to it
RETURN_MARGIN_S = 1.0  # beyond its limit, for a call to return; then it never will
ANSWER_SHARE = 0.9  # of the time that librdkafka waits for an answer before it sends the request again
MAX_REPLACEMENTS = 3  # producers in a row without a committed transaction

_RECORDS_OWN_FAULT = frozenset({"MSG_SIZE_TOO_LARGE", "_INVALID_ARG", "_UNKNOWN_PARTITION"})


class Writer:
    """One producer, and its successors, walked through Kafka's transactions.

    Args:
        settings: for the client.
        emit: takes events.
        stopping: True when waiting should end early.
        beat: called in each wait: the loop lives.
    """

    def __init__(
        self,
        settings: Complete,
        *,
        emit: events.Listener,
        stopping: Callable[[], bool],
        beat: Callable[[], object] = bool,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._stopping = stopping
        self._beat = beat
        self._state = State.NEW
        self._begun = False
        self._producer: Any = None
        self.topics = OutputTopics(lambda: self._producer)  # what outputs go to
        self._caller: Committer[object] | None = None  # a new thread for each call would cost 0.3 ms of CPU
        self._replacements = 0
        self._failure: Failure | None = None
        self._fenced: FencedError | None = None
        self._answer_limit_s = answer_limit_s(settings)

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    @property
    def failure(self) -> Failure | None:
        """What made the open transaction fail while outputs were sent, if anything did."""
        return self._failure

    @property
    def begun(self) -> bool:
        """True from a transaction's begin to its commit, or to the rewind that follows its end by other means."""
        return self._begun

    def open(self) -> None:
        """Takes the transactional identity.

        Raises:
            UnreachableError: no broker gives it.
            ConfigurationError: a setting is refused.
            FencedError: a newer producer has the identity.
        """
        self._new_producer(Call.INIT)

    def begin(self) -> Failure | None:
        """Opens a transaction; nothing is sent yet."""
        self._failure = None
        failure = self._attempt(Call.BEGIN, self._producer.begin_transaction)
        self._begun = failure is None
        return failure

    @property
    def send(self) -> Callable[..., Any]:
        """Librdkafka's own produce; valid until the transaction ends."""
        produce: Callable[..., Any] = self._producer.produce
        return produce

    def mend(self, error: Exception, arguments: tuple[Any, ...]) -> None:
        """Deals with what `send` raised: waits while the queue is full, and sends after all.

        Raises:
            UndecidedError: the transaction cannot go on.
            FencedError: a newer producer has the identity; said again for as long as it is asked.
            Exception: the error itself, where it is the output's own fault.
        """
        while isinstance(error, BufferError):
            # The queue is full: let it drain. librdkafka ends this by message.timeout.ms.
            self._beat()
            try:
                self._producer.poll(ROOM_PAUSE_S)
                self._producer.produce(*arguments)
            except (BufferError, KafkaException) as again:
                error = again
            else:
                return
        if not isinstance(error, KafkaException):
            raise error
        failure = cause_of_death(failure_of(error), self._producer)
        if failure.code in _RECORDS_OWN_FAULT and failure.treatment is not Treatment.FATAL:
            raise error
        if self._state is State.OPEN:
            self._failure = failure
            self._settle(Call.PRODUCE, failure)
        self._check_fenced()
        raise UndecidedError(str(self._failure or failure))

    def drained(self, wait_s: float = 0.0) -> bool:
        """True when the broker has all outputs so far (or librdkafka has given up on them: `commit` will tell).

        Asked again and again instead of one `flush`, which would wait for Python's lock while a handler computes.

        Args:
            wait_s: how long to wait if it has not, in seconds.
        """
        try:
            self._producer.poll(0)
        except KafkaException as error:
            logger.info("outputs on their way: %s", error)
            return True
        if len(self._producer) == 0:
            return True
        if wait_s:
            time.sleep(wait_s)  # `poll` waits for whole milliseconds only, and not at all for less than one
        return False

    def send_offsets(self, offsets: Sequence[Any], metadata: Any) -> Failure | None:
        """Makes the consumed offsets part of the open transaction; outputs may still be on their way.

        Args:
            offsets: `TopicPartition`s, each with the next offset to consume.
            metadata: the group's, of the generation in which the records were consumed (KIP-447).

        Returns:
            None when they are. Otherwise why not, and a recovery must follow.

        Raises:
            FencedError: a newer producer has the identity.
            ConfigurationError: Kafka refuses something that only a person can change.
        """
        producer = self._producer
        return self._attempt(
            Call.SEND_OFFSETS,
            lambda: self._returning(
                lambda: producer.send_offsets_to_transaction(offsets, metadata, self._answer_limit_s),
            ),
        )

    def commit(self) -> Failure | None:
        """Ends the transaction, once its offsets are in it and its outputs have left: all or nothing.

        Returns:
            None when it is committed. Otherwise why not, and a recovery must follow; in state `spent` nobody knows
            whether it was committed, and the committed offsets will tell.

        Raises:
            FencedError: a newer producer has the identity.
            ConfigurationError: Kafka refuses something that only a person can change.
        """
        failure = self._attempt(Call.COMMIT, lambda: self._producer.commit_transaction(self._answer_limit_s))
        if failure is None:
            self._replacements = 0
            self._begun = False
        return failure

    def fail(self) -> None:
        """The open transaction is not to be committed, by no fault of Kafka's."""
        if self._state in {State.READY, State.OPEN}:
            self._move(Call.GIVE_UP, Outcome.OK)

    def abort(self) -> None:
        """Ends a failed transaction; where that fails too, the producer is spent."""
        if self._state is State.FAILED:
            # An abort that overtakes outputs in flight finds no transaction at the coordinator (librdkafka issue 4849).
            quietly(lambda: self._producer.flush(FLUSH_LIMIT_S))
            self._attempt(Call.ABORT, lambda: self._producer.abort_transaction(self._answer_limit_s))

    def restore(self, reason: str) -> bool:
        """Replaces the producer until one is of use; False when the run is stopping.

        Args:
            reason: why, for events.

        Raises:
            FencedError: a newer producer has the identity.
            NoProgressError: producer after producer was of no use.
        """
        self._check_fenced()
        while self._state is State.SPENT:
            if self._stopping():
                return False
            self._beat()
            self._replace(reason)
        return True

    def rewound(self) -> None:
        """The positions follow the committed offsets again."""
        self._begun = False
        self._move(Call.REWIND, Outcome.OK)

    def close(self) -> None:
        """Ends an open transaction by an abort. Never raises: it must not hide why the run ends."""
        if self._state is State.CLOSED:
            return
        if self._state in {State.OPEN, State.OFFSETS, State.FAILED}:
            quietly(lambda: self._producer.flush(CLOSE_LIMIT_S))
            quietly(lambda: self._producer.abort_transaction(CLOSE_LIMIT_S))
        self._producer = None
        self._let_caller_go()
        self._move(Call.CLOSE, Outcome.OK)

    def _attempt(self, call: Call, function: Callable[[], object]) -> Failure | None:
        """Makes one call, repeats it while it is retriable and within its limit, and steps."""
        ends = call in {Call.SEND_OFFSETS, Call.COMMIT, Call.ABORT}
        deadline = time.monotonic() + (self._answer_limit_s if ends else self._settings.transaction_timeout_s)
        while True:
            try:
                function()
            except KafkaException as error:
                failure = failure_of(error)
            else:
                self._move(call, Outcome.OK)
                return None
            repeat = failure.treatment is Treatment.RETRIABLE and call is not Call.COMMIT
            if not repeat or time.monotonic() > deadline or self._stopping():
                break
            self._beat()
            time.sleep(PAUSE_S)
        self._settle(call, failure)
        return failure

    def _returning(self, function: Callable[[], object]) -> None:
        """Makes a call that librdkafka may never return from, and leaves it alone then.

        `send_offsets_to_transaction` waits for its answer without any limit of its own, and where the group's
        coordinator dies at the wrong moment that answer never comes (librdkafka 2.16). Its thread and its producer are
        abandoned together; the new producer's epoch fences them.

        Raises:
            KafkaException: what the call raised, or `_TIMED_OUT`.
        """
        caller = self._caller = self._caller or Committer()
        caller.submit(function)
        ended, _ = caller.outcome(self._answer_limit_s + RETURN_MARGIN_S)
        if not ended:
            self._let_caller_go()
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "librdkafka does not return", retriable=True))  # noqa: SLF001 - its public name

    def _let_caller_go(self) -> None:
        """Its thread ends once its call has, if it ever does."""
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    def _settle(self, call: Call, failure: Failure) -> None:
        """A call has failed for good."""
        logger.info("%s: %s (%s)", call, failure, failure.said)
        if failure.treatment is Treatment.CONFIGURATION:
            raise unfit(call, failure, self._settings.producer)
        self._move(call, outcome(call, failure))
        if self._state is State.FENCED:
            self._emit(events.Fenced(str(failure)))
            self._fenced = self._told_of(failure)
            raise self._fenced

    def _check_fenced(self) -> None:
        """Whoever let it pass when it was raised hears it again: there is no way back from here."""
        if self._fenced is not None:
            raise self._fenced

    def _move(self, call: Call, outcome: Outcome) -> None:
        self._state = step(self._state, call, outcome)

    def _new_producer(self, call: Call) -> None:
        try:
            self._producer = Producer(self._settings.producer, logger=logger)
        except KafkaException as error:
            raise refused(error) from error
        failure = self._attempt(call, lambda: self._producer.init_transactions(REQUEST_LIMIT_S))
        if failure is not None and call is Call.INIT and not self._stopping():
            raise UnreachableError(
                f"Kafka does not give out transactional.id {self._settings.producer['transactional.id']!r}: {failure}.",
                detail=failure.said,
            )

    def _replace(self, reason: str) -> None:
        """A new producer with the same identity. Its init ends whatever the old one left open, and bumps the epoch."""
        self._replacements += 1
        if self._replacements > MAX_REPLACEMENTS:
            raise NoProgressError(
                f"{MAX_REPLACEMENTS + 1} producers in a row did not commit a transaction. The last reason: {reason}.",
            )
        old, self._producer = self._producer, None
        quietly(old.purge)
        del old
        self._new_producer(Call.REPLACE)
        self._emit(events.ProducerReplaced(reason))

    def _told_of(self, failure: Failure) -> FencedError:
        name = self._settings.producer["transactional.id"]
        timeout_ms = round(self._settings.transaction_timeout_s * 1000)
        return FencedError(
            f"The producer with transactional.id {name!r} was fenced ({failure.code}).",
            hint=f"Either another instance runs with the same transactional.id (give each its own), or this one's "
            f"transaction was open for longer than transaction.timeout.ms={timeout_ms} (raise it, or make batches "
            "smaller).",
            detail=failure.said,
        )


def answer_limit_s(settings: Complete) -> float:
    """How long the end of a transaction may go without an answer, in seconds: less than until it would be sent again.

    librdkafka sends a request again after `socket.timeout.ms`.
    """
    return ANSWER_SHARE * float(settings.producer["socket.timeout.ms"]) / 1000
