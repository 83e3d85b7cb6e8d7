"""What a person may write for a monitor of kind metrics. The docstrings are the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from saasobs.core.values import MINUTE, SECOND
from saasobs.options import PositiveDuration, StatusSet
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.metrics.bounds import CountLimit, RateBounds, ShareLimit, TimeLimit, TimeLimits
from saasobs.probes.metrics.selector import Matcher, Selector
from saasobs.probes.metrics.source import SourceOptions
from saasobs.probes.verdict import Certified

_UNITS: Final = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_ACCEPT: Final = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.7,*/*;q=0.1"


def _labels_only(selector: Selector) -> Selector:
    if selector.name:
        raise ValueError(f'{selector} names a metric: only labels stand here, as in http_request_method="POST"')
    return selector


def _named(selector: Selector) -> Selector:
    if not selector.name:
        raise ValueError(f'{selector} names no metric: write it as in jobs_failed_total{{queue="mail"}}')
    return selector


Where = Annotated[Selector, AfterValidator(_labels_only), Field(examples=['http_request_method="POST"'])]
Named = Annotated[Selector, AfterValidator(_named), Field(examples=['jobs_failed_total{queue="mail"}'])]
MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Quantile = Annotated[float, Field(gt=0, lt=1)]
Absent = Literal["unknown", "down", "up"]


class Figure(RateBounds):
    """Any figure of the page, with its bounds: exactly one of `rate`, `increase` and `value`."""

    rate: Named | None = None
    """A counter, as in jobs_failed_total{queue="mail"}: how much it grows a second, over the window; limits may be
    written as 5/s, 30/m or 100/h. Series that match are added up."""
    increase: Named | None = None
    """A counter: how much it grew over the window. Series that match are added up."""
    value: Named | None = None
    """A gauge (or anything else) as it stands now. Of several series that match, the worst decides."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.rate, self.increase, self.value)) != 1:
            raise ValueError("needs exactly one of rate, increase and value")
        return self

    @property
    def selector(self) -> Selector:
        found = self.rate or self.increase or self.value
        if found is None:  # pragma: no cover - validated
            raise AssertionError(self)
        return found

    @property
    def title(self) -> str:
        """As people read it."""
        return str(self.selector) if self.value else f"{'rate' if self.rate else 'increase'} of {self.selector}"


class Expect(Certified):
    """Bounds of figures over the window. A plain value is the most that is allowed: `p95: 2s` is short for
    `p95: {over: 2s}`. With `degraded_over` (and `degraded_under`) beside it, or alone, less is only degraded."""

    p50: TimeLimit | None = None
    """How long half of the requests may take, as in 300ms, or {over: 1s, degraded_over: 300ms}. Where the limit is an
    edge of the histogram's buckets the verdict is exact, else it may be an estimate and says so."""
    p90: TimeLimit | None = None
    """How long nine in ten requests may take."""
    p95: TimeLimit | None = None
    """How long 95 in 100 requests may take."""
    p99: TimeLimit | None = None
    """How long 99 in 100 requests may take."""
    quantiles: dict[Quantile, TimeLimit] = Field(default_factory=dict)
    """Any other quantiles, as in {0.999: 5s}."""
    error_ratio: ShareLimit | None = None
    """The share of requests that may fail (see `errors`), as in 1%, or {over: 5%, degraded_over: 1%}."""
    request_rate: RateBounds | None = None
    """How many requests there must and may be a second, as in {under: 10/m} or {under: 1/s, over: 500/s}."""
    queries_per_request: CountLimit | None = None
    """How many database queries a request may make, as in 20: judged for 95 in 100 requests, unless `quantile` beside
    `over` says otherwise: {over: 20, quantile: 1} lets no request make more."""
    figures: tuple[Figure, ...] = ()
    """Any other figures of the page, each with its bounds, as in {value: 'queue_length{queue="mail"}', over: 1000},
    {increase: jobs_failed_total, over: 0} or {rate: orders_total, under: 1/m}."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any((self.timings, self.figures, self.error_ratio, self.request_rate, self.queries_per_request)):
            raise ValueError("expect at least one figure, as in p95: 2s")
        return self

    @cached_property
    def timings(self) -> Mapping[str, tuple[Fraction, TimeLimits]]:
        """The expected quantiles by name."""
        return dict(self._timings())

    def _timings(self) -> Iterator[tuple[str, tuple[Fraction, TimeLimits]]]:
        for name in ("p50", "p90", "p95", "p99"):
            if (limits := getattr(self, name)) is not None:
                yield name, (Fraction(int(name[1:]), 100), limits)
        for quantile, limits in self.quantiles.items():
            yield f"p{100 * quantile:g}", (Fraction(str(quantile)), limits)


class MetricsOptions(SourceOptions):
    """Scrapes the metrics page of an app (Prometheus text format or OpenMetrics) and judges its figures over a sliding
    window, without any Prometheus. By default it reads what our own instrumentation exports. What was scraped is kept
    in memory only: after a start, and after a change of the monitor, it is `unknown` until there is enough to judge by.
    Growth is what was counted between two scrapes: restarts of the app are noticed, and nothing is extrapolated.
    Several processes behind one port, each with counters of its own, are told apart by process_start_time_seconds or
    OpenMetrics' _created; of several instances behind a load balancer each needs a monitor of its own."""

    example: ClassVar[str] = """\
name: checkout-p95
kind: metrics
url: https://app.acme.example/metrics
route: /checkout
window: 5m
expect: {p95: 2s, error_ratio: 1%}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection",
        "tls": "the TLS handshake",
        "first_byte": "waiting for the answer",
        "transfer": "reading it",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "status": "status code of the scrape",
        "body_bytes": "size of the page",
        "address": "the address that answered",
        "window_us": "how far back the window reaches by now, in microseconds",
        "scrapes": "how many scrapes the window holds",
        "requests": "requests in the window",
        "figures": "each expected figure by name; times in microseconds, shares of 1, rates per second",
        "table": "with `each`: the figures by the label's value, of the 50 with the most requests",
        "left_out": "with `each`: how many values of the label are not judged, past the 500 busiest",
    }

    route: str | None = None
    """Judge only requests to this route: short for the label `route_label` in `where`."""
    where: Where | None = None
    """Judge only requests whose labels match, as in PromQL: 'http_request_method="POST",http_route!~"/internal/.*"'.
    It holds for the requests' figures, not for `figures`, which select for themselves."""
    each: LabelName | None = None
    """Judge each value of this label by itself, as in http_route: the worst one decides and is named."""
    window: PositiveDuration = 5 * MINUTE
    """How far back requests count; at least two intervals."""
    min_requests: Annotated[int, Field(ge=1)] = 20
    """With fewer requests in the window, quantiles and shares are not judged: the monitor is unknown, never down."""
    histogram: MetricName = "http_server_request_duration_seconds"
    """The histogram of request durations, without _bucket."""
    unit: Literal["seconds", "milliseconds", "microseconds"] | None = None
    """The unit of `histogram`. Default: by its name (…_milliseconds, …_ms, …_microseconds), otherwise seconds."""
    requests: MetricName | None = None
    """The counter of requests that `error_ratio` and `request_rate` go by, as in http_requests_total. Default: the
    histogram's own count."""
    route_label: LabelName = "http_route"
    """The label that holds a request's route."""
    status_label: LabelName = "http_response_status_code"
    """The label that holds a response's status code; 5xx and the like as its value will do."""
    errors: StatusSet = StatusSet.parse("500-599")
    """The status codes that count as errors."""
    queries_histogram: MetricName = "http_server_request_db_queries"
    """The histogram of database queries per request, without _bucket."""
    absent: Absent = "unknown"
    """What it means that an expected metric is not on the page at all."""
    expect: Expect
    """Which figures are expected."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.route is not None and self.each == self.route_label:
            raise ValueError("route picks one route and each judges all of them: keep one of the two")
        return self

    def unfit(self, interval: int) -> tuple[str, str] | None:
        return None if self.window >= 2 * interval else ("window", "must be at least twice the interval")

    @property
    def per_second(self) -> int:
        """How many of the histogram's units make a second."""
        named = {"_milliseconds": "milliseconds", "_ms": "milliseconds", "_microseconds": "microseconds"}
        guessed = next((unit for end, unit in named.items() if self.histogram.endswith(end)), "seconds")
        return _UNITS[self.unit or guessed]

    def in_units(self, limit: float) -> float:
        """A limit in µs in the histogram's unit; the double nearest to what was written, as an edge is."""
        return limit * self.per_second / SECOND

    @cached_property
    def selection(self) -> Selector:
        """Which requests are meant."""
        chosen = () if self.route is None else (Matcher(self.route_label, "=", self.route),)
        return Selector("", chosen + (() if self.where is None else self.where.matchers))

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        return (self.selection, *(figure.selector for figure in self.expect.figures))

    def target(self) -> str:
        return super().target() if self.route is None else f"{super().target()} ({self.route})"

    @cached_property
    def scrape(self) -> HttpOptions:
        """The request of every check."""
        return self.asking(self.url, {"Accept": _ACCEPT})
