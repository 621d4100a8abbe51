"""What a value type has for a sample decodes to it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from oncewhere.runtime.sample import sample


class Currency(enum.Enum):
    EUR = "eur"


@dataclass
class Line:
    cents: int
    note: str | None


class Payment(msgspec.Struct, rename="camel"):
    payment_id: uuid.UUID
    account: str
    at: dt.datetime
    currency: Currency
    rate: decimal.Decimal
    first: Line
    lines: list[Line]
    kind: Literal["debit"]
    share: Annotated[float, msgspec.Meta(gt=4)]
    urgent: bool = False


class Model(pydantic.BaseModel):
    payment_id: str
    cents: Annotated[int, pydantic.Field(ge=5)]
    at: dt.datetime | None = None
    line: Line | None = None


class Endless(msgspec.Struct):
    next: Endless


class Ruled(pydantic.BaseModel):
    iban: Annotated[str, pydantic.Field(pattern="^DE[0-9]{20}$")]


def test_a_struct_has_a_value_for_each_field_by_its_name_in_json() -> None:
    assert sample(Payment) == {
        "paymentId": "00000000-0000-4000-8000-000000000001",
        "account": "account",
        "at": "2026-01-01T00:00:00Z",
        "currency": "eur",
        "rate": "1",
        "first": {"cents": 1, "note": "note"},
        "lines": [],
        "kind": "debit",
        "share": 5,
        "urgent": False,
    }


def test_a_model_of_pydantic_has_one_too() -> None:
    assert sample(Model) == {
        "payment_id": "payment_id",
        "cents": 5,
        "at": "2026-01-01T00:00:00Z",
        "line": {"cents": 1, "note": "note"},
    }


@pytest.mark.parametrize(
    ("value_type", "made"), [(int, 1), (dict, {}), (tuple[int, str], [1, "text"]), (set[int], []), (dict[str, int], {})]
)
def test_builtin_types_have_one(value_type: Any, made: Any) -> None:
    assert sample(value_type) == made


@pytest.mark.parametrize("value_type", [bytes, Endless, Ruled, object()])
def test_what_has_no_sample_has_none(value_type: Any) -> None:
    assert sample(value_type) is None
