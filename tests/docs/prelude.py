"""What the Python blocks of the pages take for granted: the reader's own types, and an application to add to."""

from __future__ import annotations

import os  # noqa: F401  # pages use it
from dataclasses import dataclass

import psycopg  # noqa: F401  # pages use it
from sqlalchemy import create_engine  # noqa: F401

from oncewhere import *  # noqa: F403
from oncewhere import Processor
from oncewhere.effects.http import Requests  # noqa: F401


@dataclass
class Payment:
    event_id: str
    payment_id: str
    account: str = ""
    cents: int = 0
    at: float = 0.0


@dataclass
class Settled:
    payment_id: str


PaymentAuthorized, PaymentSettled = Payment, Settled


@dataclass
class Receipt:
    number: str


app = Processor({"bootstrap.servers": "localhost:9092"}, group_id="settlement", transactional_id="settlement-0")
