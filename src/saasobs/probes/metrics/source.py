"""Where figures come from, over http: the options and the frame that the metrics and promql kinds share.

The request itself is made by the engine of the http kind; what the figures mean is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from saasobs.core.redact import redact_url
from saasobs.core.result import REASONS, Check, Failure, Outcome, Reason, Result
from saasobs.probes.excerpt import decode, excerpt
from saasobs.probes.http.authentication import Authentication
from saasobs.probes.http.exchange import Seen
from saasobs.probes.http.options import HeaderName, HeaderValue, HttpOptions, Size, Url
from saasobs.probes.http.proxy import ProxyOptions, written_short
from saasobs.probes.http.target import parse
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.certificate import describe
from saasobs.probes.net.options import NetworkOptions, TrustOptions
from saasobs.probes.verdict import Certified, Unmet, judge_certificate, verdict

_EXCERPT_BYTES: Final = 16 * 1024


class SourceOptions(NetworkOptions, TrustOptions):
    """A URL that tells figures."""

    url: Annotated[Url, Field(repr=False)]
    """Where to ask. A login in it (https://user:password@host/) is sent as basic authentication and never shown."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Headers to send, such as Authorization. Their values are never shown."""
    auth: Authentication | None = None
    """How to log in: kind basic, digest, bearer or oauth2. No login follows a redirect to another origin."""
    proxy: Annotated[ProxyOptions, BeforeValidator(written_short)] | None = None
    """A proxy to go through: its URL, or url, user and password. Those of the environment are never used."""
    max_body: Size = 8 * 1024**2
    """Reading stops here (decompressed bytes), and a larger answer is a failure."""

    @model_validator(mode="after")
    def _askable(self) -> Self:
        try:
            self.asking(self.url, {})
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self

    def target(self) -> str:
        return redact_url(self.url)

    def host(self) -> str:
        return parse(self.url).host

    def asking(self, url: str, headers: Mapping[str, str], **others: Any) -> HttpOptions:
        """The request; headers of the user come before these."""
        given = {name.lower() for name in self.headers}
        own = {name: value for name, value in headers.items() if name.lower() not in given}
        shared = {name: getattr(self, name) for name in HttpOptions.model_fields if name in SourceOptions.model_fields}
        changed = {"url": url, "headers": {**own, **self.headers}, "correlate": False}
        return HttpOptions.model_validate({**shared, **changed, **others})


@dataclass(frozen=True, slots=True)
class Undecided:
    """An expectation that could not be judged, and why."""

    reason: Reason
    sentence: str


@dataclass(slots=True)
class Judgement:
    """What came of judging an answer."""

    unmet: list[Unmet] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    observations: dict[str, Any] = field(default_factory=dict)

    def absent(self, policy: str, expectation: str, sentence: str) -> None:
        """A figure that is not there, by what the user wants that to mean: unknown, down or up."""
        if policy == "down":
            failure = Failure(expectation, "a value", "none", Reason.METRIC_MISSING)
            self.unmet.append(Unmet(failure, sentence))
        elif policy == "unknown":
            self.undecided.append(Undecided(Reason.METRIC_MISSING, sentence))

    def verdict(self) -> tuple[Outcome, Reason | None, str]:
        """What is wrong comes before what is not known, and that before what is well: a monitor that is down for one
        figure must not seem to recover when that figure can no longer be told."""
        if self.unmet or not self.undecided:
            return verdict(self.unmet)
        different = list(dict.fromkeys(self.undecided))
        first, others = different[0], len(different) - 1
        return Outcome.UNKNOWN, first.reason, first.sentence + (f" (and {others} more)" if others else "")


def refused(seen: Seen) -> tuple[Reason, str] | None:
    """Why there is no answer to judge, if so: the request's trouble, or a status other than 2xx."""
    if seen.trouble is not None:
        return seen.trouble.reason, seen.trouble.sentence
    status = seen.hops[-1].status
    if 200 <= status <= 299:
        return None
    if status == 401:
        return Reason.AUTHENTICATION_FAILED, f"{REASONS[Reason.AUTHENTICATION_FAILED]} (status 401)"
    return Reason.STATUS_MISMATCH, f"status {status}, expected 200-299"


def judge_chain(expect: Certified, seen: Seen, now: int) -> Iterator[Unmet]:
    """How long the certificates are still good."""
    return judge_certificate(expect, seen.chain, now)


def failed(check: Check, seen: Seen, now: int, reason: Reason, sentence: str) -> Result:
    """There was nothing to judge."""
    outcome = Outcome.UNKNOWN if reason in Trouble.OURS else Outcome.DOWN
    failure = Failure("request", "an answer", sentence, reason)
    return _result(check, seen, (outcome, reason, sentence), (failure,), observed(seen, now))


def judged(check: Check, seen: Seen, now: int, judgement: Judgement) -> Result:
    """The answer was judged."""
    failures = tuple(one.failure for one in judgement.unmet)
    return _result(check, seen, judgement.verdict(), failures, observed(seen, now) | judgement.observations)


def _result(
    check: Check,
    seen: Seen,
    verdict: tuple[Outcome, Reason | None, str],
    failures: Sequence[Failure],
    observations: Mapping[str, Any],
) -> Result:
    said = ""
    if failures and failures[0].expectation == "request" and seen.body:
        said = excerpt(decode(seen.body[:_EXCERPT_BYTES], header(seen, "content-type")))
    outcome, reason, message = verdict
    return Result(check, outcome, seen.duration(), reason, message, seen.phases(), observations, tuple(failures), said)


def observed(seen: Seen, now: int) -> dict[str, Any]:
    """What is noted of the exchange itself."""
    if not seen.hops:
        return {}
    last = seen.hops[-1]
    facts: dict[str, Any] = dict(seen.notes or {})
    if last.status:
        facts |= {"status": last.status, "body_bytes": len(seen.body)}
    if last.address:
        facts["address"] = last.address
    if seen.chain:
        facts["certificate"] = describe(seen.chain, now)
    return facts


def header(seen: Seen, name: str) -> str:
    """The first header of this name (lower case), or nothing."""
    return next((value for given, value in seen.headers if given.lower() == name), "")
