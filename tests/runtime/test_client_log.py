from __future__ import annotations

import logging

from oncewhere.runtime.kafka.client_log import Repeats


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("oncewhere.librdkafka", logging.ERROR, "", 0, text, None, None)


def test_a_broker_that_is_away_is_told_once_and_not_for_every_attempt() -> None:
    repeats = Repeats()
    told = [repeats.filter(line(f"FAIL b:1: Connection refused (after {n}ms in state CONNECT)")) for n in range(200)]
    assert told == [True] + [False] * 199


def test_other_news_is_not_held_back() -> None:
    repeats = Repeats()
    assert all(repeats.filter(line(f"FAIL b:{n}")) for n in range(1000))
