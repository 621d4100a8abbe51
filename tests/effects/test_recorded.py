"""A recorded result comes back as the value that was returned; what cannot be recorded is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.effects.effect import Effect, effect
from oncewhere.effects.place import OpenPlace, Place
from oncewhere.effects.policy import OffsetLedger, Policy
from oncewhere.effects.recorded import CallKey, ResultCodec, pack, unpack
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from somewhere_else import Connection  # type: ignore[import-not-found]


class Somewhere(Place[Any]):
    """A place that nothing happens at."""

    name = "somewhere"
    system = "nothing"
    policy: Policy = OffsetLedger()

    def open(self, group_id: str) -> OpenPlace:
        raise NotImplementedError

    def connection_type(self) -> type[Any]:
        return object


class Settled(msgspec.Struct):
    payment_id: str
    amount: decimal.Decimal
    at: dt.datetime


@dataclasses.dataclass
class Plain:
    names: list[str]
    ids: dict[str, uuid.UUID]


@pytest.mark.parametrize(
    ("result_type", "value"),
    [
        (Settled, Settled("p1", decimal.Decimal("10.50"), dt.datetime(2026, 11, 23, tzinfo=dt.UTC))),
        (Plain, Plain(["Zoë", "Łukasz"], {"a": uuid.UUID(int=7)})),
        (None, None),
        (int, 2**63 - 1),
        (bytes, b"\x00\xff"),
        (Settled | None, None),
        (list[Plain], [Plain([], {})]),
    ],
)
def test_a_result_comes_back_as_it_was(result_type: Any, value: Any) -> None:
    codec: ResultCodec[Any] = ResultCodec("effect 'e'", result_type)
    assert codec.decode(codec.encode(value)) == value


def test_a_result_of_another_type_than_declared_is_refused_at_once() -> None:
    codec: ResultCodec[int] = ResultCodec("effect 'settle'", int)
    with pytest.raises(ConfigurationError, match="'settle' returned a str"):
        codec.encode("not a number")


@given(
    st.dictionaries(
        st.builds(CallKey, st.integers(0, 2**62), st.text(max_size=20), st.integers(0, 9)),
        st.integers(-(2**63), 2**63 - 1).map(msgspec.msgpack.encode),
        max_size=20,
    ),
)
def test_the_results_of_a_batch_come_back_as_they_were(results: dict[CallKey, bytes]) -> None:
    assert unpack(pack(results)) == results


class Opaque:
    """Nothing that could be recorded."""


def test_an_effect_whose_result_cannot_be_recorded_is_refused() -> None:
    @effect(Somewhere())
    def settle(db: object) -> Opaque:
        return Opaque()

    with pytest.raises(ConfigurationError, match="result of effect 'settle' cannot be recorded"):
        _ = settle.codec


def test_an_effect_without_a_return_annotation_is_refused() -> None:
    @effect(Somewhere())
    def settle(db: object):  # type: ignore[no-untyped-def]  # noqa: ANN202, RUF100
        return 1

    with pytest.raises(ConfigurationError, match="no return annotation"):
        _ = settle.codec


def test_only_the_return_annotation_need_be_known_at_run_time() -> None:
    class Local(msgspec.Struct):
        n: int

    made = Local(1)  # the closure knows the type

    @effect(Somewhere(), name="settle_payment")
    def settle(db: Connection, payment: Connection) -> Local:
        return Local(made.n)

    assert isinstance(settle, Effect)
    assert settle.name == "settle_payment"
    assert settle.codec.decode(settle.codec.encode(Local(3))) == Local(3)


def test_an_effect_needs_a_place() -> None:
    with pytest.raises(ConfigurationError, match="@effect needs a place"):
        effect("postgresql://localhost/bank")  # type: ignore[arg-type]
