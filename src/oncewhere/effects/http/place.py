"""HTTP downstreams as places: requests with a key out, and what became of each attempt in.

The key travels in `Idempotency-Key` as the IETF's draft has it (draft-ietf-httpapi-idempotency-key-header-07): a
structured-field string. Its answers are understood: 409 says that the first attempt is still being worked on, 422 that
the key came with another request before.
"""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from oncewhere.addresses import address_of
from oncewhere.effects.http.library import Answer, installed, library_of
from oncewhere.effects.idempotency import nth_key
from oncewhere.effects.outside import Means, OutsidePlace, Terms
from oncewhere.effects.repetition import Limits
from oncewhere.errors import ConfigurationError, NotDone, OutcomeUnknown, ReplayError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from oncewhere.effects.policy import Policy

NOT_DONE: Mapping[int, str] = {425: "Too Early", 429: "Too Many Requests"}
"""Answers that say that the request was not worked on (RFC 8470, 5.2; RFC 6585, 4)."""
REQUEST_TIMEOUT = 408
FIRST_OF_SERVERS = 500
"""From here on, and with 408, an answer does not tell whether the work was done.

A gateway may have passed the request on, a server have failed half-way: the standard's own codes and those of vendors
(520 to 529, 599) alike. 501 and 505 mean that it was not done, and a gateway gives them for what stands behind it.
"""


class Http(OutsidePlace["Requests"]):
    """An HTTP downstream.

    An effect gets a `Requests`, and makes its requests with it. Answers of 2xx, 3xx and most of 4xx are answers, and
    are the effect's to judge. What does not tell whether the work was done (no answer, 408, 5xx) goes by the policy;
    425, 429 and `Retry-After` are waited for, within the limits.

    Args:
        downstream: where it is: a URL that paths of requests are relative to; or a client of your own, an
            `httpx2.Client` or `httpx.Client`, with its own `base_url`, timeouts and TLS. A client that is given stays
            yours to close.
        name: your name for this place, such as `gateway`.
        policy: how duplicates are prevented: `IdempotencyKey()`; `AtMostOnce(claims=bank)` where the downstream has no
            keys; `Compensate(journal=bank)` where it can take back; `Outbox("captures", then=…)` where another
            processor is to call; or `AtLeastOnce(acknowledged="why")`. There is no default.
        limits: how often and how long a call is attempted.
        header: the header that carries the key.
        in_progress: status codes that say that another attempt with the key is still being worked on.
        mismatch: status codes that say that the key came with another request before. Leave out (`()`) what your
            downstream uses for something else.
        concurrency: how many requests of `tx.run_each` may be under way at a time; those of one key never are.
        options: more arguments for the client that is made of a URL, such as `{"auth": …, "headers": …}`.

    Raises:
        ConfigurationError: the URL is none, or the client cannot be used; the name is empty, or the policy is none that
            HTTP can honour.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a downstream may do in its own way
        self,
        downstream: str | HttpClient,
        *,
        name: str,
        policy: Policy,
        limits: Limits | None = None,
        header: str = "Idempotency-Key",
        in_progress: Collection[int] = (409,),
        mismatch: Collection[int] = (422,),
        concurrency: int = 8,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name=name, policy=policy, system="http", limits=limits or Limits(), concurrency=concurrency)
        self.library = installed() if isinstance(downstream, str) else library_of(downstream)
        self._client = None if isinstance(downstream, str) else downstream
        if self._client is not None and options:
            raise ConfigurationError(f"Place {name!r} has a client of your own.", hint="Give it the options yourself.")
        self._base_url = _base_url(name, str(getattr(downstream, "base_url", downstream)))
        self._options = dict(options or {})
        self.header = header
        self.in_progress = frozenset(in_progress)
        self.mismatch = frozenset(mismatch)

    def connection_type(self) -> type[Requests]:
        """What an effect gets as its first argument."""
        return Requests

    def means(self) -> HttpMeans:
        """A client; connections are made when they are needed."""
        if self._client is None:
            own = self.library.client(self._base_url, self.limits.attempt_timeout_s, self._options)
            return HttpMeans(self, own, ours=True)
        if str(self._client.base_url) != self._base_url:
            self._client.base_url = self._base_url  # a launcher gave the address
        return HttpMeans(self, self._client, ours=False)


def _base_url(name: str, own: str) -> str:
    """The URL, checked; where an address was given from outside, that is a server's, and the path stays the code's."""
    url = address_of(name, own)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise _no_url(name) from error
    if not usable:
        raise _no_url(name)
    return url if parts.path.strip("/") else parts._replace(path=urlsplit(own).path).geturl()


def _no_url(name: str) -> ConfigurationError:
    # It may hold a password, so it is not shown.
    return ConfigurationError(f"The URL of place {name!r} is none for HTTP.", hint="It has the form https://host/path.")


class HttpClient(Protocol):
    """A client of one of the libraries."""

    base_url: Any

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Sends one request."""

    def close(self) -> None:
        """Closes its connections."""


class HttpMeans(Means):
    """One client, and whether it is ours to close."""

    def __init__(self, place: Http, client: HttpClient, *, ours: bool) -> None:
        self._place = place
        self._client = client
        self._ours = ours

    def given(self, terms: Terms) -> Requests:
        """The requests of one attempt."""
        return Requests(self._place, self._client, terms)

    def close(self) -> None:
        """Closes its connections."""
        if self._ours:
            self._client.close()


class Requests:
    """The requests of one effect, in one attempt; each has a key of its own.

    Args:
        place: what the downstream does in which way.
        client: sends them.
        terms: on what terms.
    """

    def __init__(self, place: Http, client: HttpClient, terms: Terms) -> None:
        self._place = place
        self._client = client
        self._terms = terms
        self._sent = 0
        self._done = 0

    @property
    def key(self) -> str:
        """The key of the next request; for downstreams that want it elsewhere than in a header."""
        return nth_key(self._terms.key, self._sent)

    def get(self, url: str, **options: Any) -> Answer:
        """See `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Answer:
        """See `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Answer:
        """See `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Answer:
        """See `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Answer:
        """See `request`."""
        return self.request("DELETE", url, **options)

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """Sends one request with its key, and waits for the answer.

        Args:
            method: such as `POST`.
            url: a path, or a whole URL.
            options: as the client's `request` takes them.

        Raises:
            NotDone: it certainly was not worked on; the place repeats the effect.
            OutcomeUnknown: nobody knows; the policy says what comes next.
            ReplayError: the downstream has seen this key with another request.
        """
        library = self._place.library
        if self._terms.keyed:
            header, given = self._place.header, options.pop("headers", None) or ()
            pairs = given.items() if hasattr(given, "items") else given
            kept = [(name, value) for name, value in pairs if str(name).lower() != header.lower()]
            options["headers"] = [*kept, (header, f'"{self.key}"')]  # a string of RFC 8941; a UUID needs no escapes
        self._sent += 1
        try:
            answer: Answer = self._client.request(method, url, **options)
        except library.not_sent as error:
            raise self._not_done(f"no connection ({type(error).__name__})") from error
        except library.no_answer as error:
            raise OutcomeUnknown(f"no answer ({type(error).__name__})") from error
        except library.undecodable as error:
            raise OutcomeUnknown("an answer that cannot be decoded") from error
        self._judge(answer)
        self._done += 1
        return answer

    def _judge(self, answer: Answer) -> None:
        status, place = answer.status_code, self._place
        asked_s = retry_after_s(answer.headers.get("Retry-After"), now_s=time.time())
        if status in NOT_DONE:
            raise self._not_done(f"{status} {NOT_DONE[status]}", asked_s)
        if status == REQUEST_TIMEOUT or status >= FIRST_OF_SERVERS:
            raise OutcomeUnknown(f"the answer was {status}", retry_after_s=asked_s)
        if not self._terms.keyed:
            return
        if status in place.in_progress:
            raise OutcomeUnknown(f"{status}: an attempt with this key is still being worked on", retry_after_s=asked_s)
        if status in place.mismatch:
            call = self._terms.call
            raise ReplayError(
                f"{place.name!r} answered {status}: it has seen the key of effect {call.effect.name!r} with another "
                "request.",
                topic=call.partition.topic,
                partition=call.partition.number,
                offset=call.offset,
                hint="An effect must send the same request when its record is redelivered; if this downstream says "
                f"{status} of something else, write Http(…, mismatch=()).",
            )

    def _not_done(self, reason: str, asked_s: float | None = None) -> NotDone | OutcomeUnknown:
        """Not done, as far as it goes: an earlier request of the same effect may well have been."""
        if self._done:
            return OutcomeUnknown(f"{reason}, after {self._done} request(s) that were done", retry_after_s=asked_s)
        return NotDone(reason, retry_after_s=asked_s)


def retry_after_s(header: str | None, *, now_s: float) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3); None where there is none, or none that can be read.

    Args:
        header: seconds, or a date.
        now_s: the time, in seconds since the epoch, that a date is compared with.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # the form of asctime has no zone, and means UTC (RFC 9110, 5.6.7)
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_s)
