"""promql: the verdict of a query to Prometheus, or to what speaks its language: Mimir, Thanos, VictoriaMetrics.

The query is asked over HTTP (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries); its samples
are held against bounds, and the worst one decides. What the query means is not known here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
import structlog
from pydantic import Field

from saasobs.core.monitor import Monitor
from saasobs.core.result import REASONS, Check, Reason, Result
from saasobs.probes.http.exchange import Seen
from saasobs.probes.http.fetcher import Fetcher
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.kind import Tools, broken
from saasobs.probes.metrics.bounds import Bounds, bounds_of
from saasobs.probes.metrics.exposition import Labels
from saasobs.probes.metrics.samples import judge_samples, show_labels, worst
from saasobs.probes.metrics.source import Judgement, SourceOptions, failed, judge_chain, judged, refused
from saasobs.probes.verdict import Certified, short

_PATH: Final = "/api/v1/query"
_TENANT: Final = "X-Scope-OrgID"
_IN_URL: Final = 2_000
"""A longer query is sent as a form: proxies bound the length of a URL. A form would be lost on a redirect."""
_NOTES: Final = 5
"""Warnings that are kept."""
_LABELS: Final = 30
_THREAD_FROM: Final = 64 * 1024
"""Answers from this size on are read in a thread."""

log = structlog.get_logger("saasobs.probes.promql")


class Expect(Bounds, Certified):
    """What the query's value must be: at least one of `over`, `under`, `degraded_over`, `degraded_under`."""


class PromqlOptions(SourceOptions):
    """Asks Prometheus, or what speaks its language (Mimir, Thanos, VictoriaMetrics), and judges the value. Of several
    series the worst one decides and is named."""

    example: ClassVar[str] = """\
name: checkout-errors
kind: promql
url: https://prometheus.acme.example
query: >-
  sum by (http_route) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[5m]))
expect: {over: 0.5, degraded_over: 0.1}
absent: up
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection",
        "tls": "the TLS handshake",
        "first_byte": "waiting for the answer: the query is run",
        "transfer": "reading it",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "status": "status code of the answer",
        "body_bytes": "size of the answer",
        "address": "the address that answered",
        "series": "how many series the query gave",
        "value": "the value of the worst one",
        "labels": "its labels",
        "warnings": "what the server warned of",
    }

    query: Annotated[str, Field(min_length=1, max_length=20_000)]
    """The query, in PromQL (MetricsQL with VictoriaMetrics); it must give an instant vector or a scalar."""
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9!._*'()|-]{1,150}$")] | None = None
    """The tenant to ask for, of Mimir, Cortex or Loki: sent as X-Scope-OrgID."""
    absent: Literal["unknown", "down", "up"] = "unknown"
    """What it means that the query gives nothing, or nothing but NaN."""
    expect: Expect
    """What the value must be. Like an alert's expression, `over: 5` is passed by more than 5."""

    @cached_property
    def ask(self) -> HttpOptions:
        """The request of every check, its timeout apart."""
        headers = {"Accept": "application/json"} | ({_TENANT: self.tenant} if self.tenant else {})
        form = urlencode({"query": self.query})
        if len(form) <= _IN_URL:
            return self.asking(_endpoint(self.url, form), headers)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self.asking(_endpoint(self.url), headers, method="POST", body=form)


def _endpoint(url: str, query: str = "") -> str:
    """Where to ask, given where the server is: a prefix, a login and a query of its own stay."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    path = path if path.endswith(_PATH) else path + _PATH
    return urlunsplit((parts.scheme, parts.netloc, path, "&".join(filter(None, (parts.query, query))), ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the query gave."""

    samples: tuple[tuple[Labels, float], ...]
    """Without NaN, which says that there is no value."""
    series: int
    warnings: tuple[str, ...] = ()


class QueryFailed(Exception):
    """The server says why there is no value."""


class NotUnderstood(Exception):
    """This is no answer of Prometheus' API."""


def read_answer(body: bytes) -> Answer:
    """The samples of an answer. :raises QueryFailed: :raises NotUnderstood:"""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotUnderstood("it is no JSON") from error
    if not isinstance(document, dict):
        raise NotUnderstood("it is no JSON object")
    if document.get("status") == "error":
        raise QueryFailed(f"{short(str(document.get('errorType', 'error')))}: {short(str(document.get('error', '')))}")
    data = document.get("data")
    if document.get("status") != "success" or not isinstance(data, dict):
        raise NotUnderstood("it has no status and data")
    found = list(_samples(data.get("resultType"), data.get("result")))
    numbers = tuple((labels, value) for labels, value in found if not math.isnan(value))
    return Answer(numbers, len(found), tuple(_notes(document)))


def _samples(kind: object, result: Any) -> Iterator[tuple[Labels, float]]:
    if kind == "matrix":
        raise QueryFailed("it gives a range of values: put a function such as rate() or max_over_time() around it")
    if kind not in ("vector", "scalar") or not isinstance(result, list):
        raise QueryFailed(f"it gives no numbers ({short(str(kind))})")
    samples: list[Any] = [{"metric": {}, "value": result}] if kind == "scalar" else result
    for each in samples:
        try:
            labels = tuple(sorted((str(name), str(text)) for name, text in each["metric"].items()))
            if (value := each.get("value")) is not None:  # else a native histogram, which is no number
                yield labels, float(value[1])
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise NotUnderstood("a sample is not as it should be") from error


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("warnings", "infos"):
        said = document.get(key)
        if isinstance(said, list):
            yield from (short(str(one)) for one in said[:_NOTES])


def judge(options: PromqlOptions, answer: Answer) -> Judgement:
    """The verdict on an answer."""
    judgement = Judgement(observations={"series": answer.series})
    if answer.warnings:
        judgement.observations["warnings"] = list(answer.warnings)
    if not answer.samples:
        warned = f" (warning: {answer.warnings[0]})" if answer.warnings else ""
        nothing = "nothing but NaN" if answer.series else "nothing"
        judgement.absent(options.absent, "value", f"the query gives {nothing}{warned}")
        return judgement
    bounds = tuple(bounds_of(options.expect))
    labels, value = worst(bounds, answer.samples)
    judgement.observations["value"] = value if math.isfinite(value) else str(value)
    judgement.observations["labels"] = {short(name): short(text) for name, text in labels[:_LABELS]}
    judgement.unmet += judge_samples("value", _named, bounds, answer.samples)
    return judgement


def _named(labels: Labels) -> str:
    shown = show_labels(labels)
    return f"the query's value for {shown}" if shown else "the query's value"


class PromqlProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._fetcher = Fetcher(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        seen = Seen()
        try:
            await self._fetcher.fetch(monitor.options.ask, monitor, check, seen)
            return await self._judge(monitor.options, check, seen)
        except Exception as error:
            # Our own mistake, whatever it is: it must neither stop the daemon nor be held against the target.
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, seen.duration())

    async def close(self) -> None:
        self._fetcher.close()

    async def _judge(self, options: PromqlOptions, check: Check, seen: Seen) -> Result:
        now = self._tools.clock.now()
        why = refused(seen)
        if seen.trouble is not None and why is not None:
            return failed(check, seen, now, *why)
        try:
            large = len(seen.body) >= _THREAD_FROM
            answer = await asyncio.to_thread(read_answer, seen.body) if large else read_answer(seen.body)
            judgement = judge(options, answer)
        except QueryFailed as error:
            return failed(check, seen, now, Reason.QUERY_FAILED, f"{REASONS[Reason.QUERY_FAILED]}: {error}")
        except NotUnderstood as error:
            sentence = f"the answer is not of Prometheus' API: {error}"
            return failed(check, seen, now, *(why or (Reason.PROTOCOL_ERROR, sentence)))
        if why is not None:
            return failed(check, seen, now, *why)
        judgement.unmet += judge_chain(options.expect, seen, now)
        return judged(check, seen, now, judgement)
