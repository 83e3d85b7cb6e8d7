"""Tenants: is it one of them, or all?"""

from __future__ import annotations

from typing import Final

from dashboards.generate import links
from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, NOTICE, column, columns, figure, grid, lines, stacked
from dashboards.generate.queries import SERVICE, TENANT, growth, now, rate, ratio, rows, series, total
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.model import Board

_REQUESTS: Final = "http_server_tenant_requests_total"
_SLOW: Final = "http_server_tenant_slow_requests_total"
_SECONDS: Final = "http_server_tenant_request_seconds_total"
_FAILED: Final = 'http_response_status_class="5xx"'
_BY: Final = "service, environment, tenant"
_LEGEND: Final = "{{service}} {{tenant}}"
_WINDOW: Final = "15m"


def _recent(metric: str, *more: str) -> str:
    return total(_BY, growth(metric, TENANT, *more, window=_WINDOW))


def _lately(metric: str, *more: str) -> str:
    return total(_BY, rate(metric, TENANT, *more))


_FAILING: Final = (
    f"count(count by (tenant) ({ratio(_recent(_REQUESTS, _FAILED), _recent(_REQUESTS))} > "
    f"{thresholds.TENANT_ERROR_RATIO:g})) or vector(0)"
)
_SEEN: Final = f"count(count by (tenant) ({_recent(_REQUESTS)} > 0))"

_WHO: Final = Row(
    "One tenant, or all?",
    4,
    (
        (6, figure("Tenants seen", "With a request in the last 15 minutes.", "none").with_target(now("A", _SEEN))),
        (6, figure("Tenants that fail", f"More than {thresholds.TENANT_ERROR_RATIO:.0%} of their requests were answered "
                   "with 5xx in 15 minutes. One: look at that tenant's data. All: look at the service.", "none",
                   [(1, BAD)])
            .with_target(now("A", _FAILING))),
        (6, figure("Share of tenants that fail", "Near nothing: one tenant's own trouble. Near all: ours.",
                   "percentunit", [(0.0001, NOTICE), (0.5, BAD)])
            .with_target(now("A", f"({_FAILING}) / {_SEEN}"))),
        (6, figure("Requests of unnamed tenants", "A second: tenants beyond the limit (SAASOBS_TENANT_LIMIT) are told "
                   "together as __other__.", "reqps", [(0.0001, NOTICE)])
            .with_target(now("A", f"sum({rate('saasobs_tenant_overflow_total', SERVICE)}) or vector(0)"))),
    ),
)  # fmt: skip

_EACH: Final = Row(
    "Each tenant",
    9,
    (
        (8, stacked(lines("Requests", "A second, of the ten that ask most.", "reqps"))
            .data_links([links.to_tenant(), links.to_logs_of_tenant()])
            .with_target(series("A", f"topk(10, {_lately(_REQUESTS)})", _LEGEND))),
        (8, lines("Failed requests", "The share of each tenant's requests; the line is the limit of SaasobsTenantErrors.",
                  "percentunit", thresholds.TENANT_ERROR_RATIO)
            .data_links([links.to_tenant(), links.to_logs_of_tenant()])
            .with_target(series("A", f"topk(10, {ratio(_lately(_REQUESTS, _FAILED), _lately(_REQUESTS))})", _LEGEND))),
        (8, lines("Requests over 2 s", "The share of each tenant's requests. Over the line its p95 is over 2 s: a large "
                  "tenant is often slow long before the others.", "percentunit", thresholds.P95_SHARE)
            .data_links([links.to_tenant(), links.to_logs_of_tenant()])
            .with_target(series("A", f"topk(10, {ratio(_lately(_SLOW), _lately(_REQUESTS))})", _LEGEND))),
    ),
)  # fmt: skip

_TABLE: Final = columns(
    grid("Tenants", "The last 15 minutes. A click on a tenant leads on.")
    .with_target(rows("A", f"{_recent(_REQUESTS)} > 0"))
    .with_target(rows("B", ratio(_recent(_REQUESTS, _FAILED), _recent(_REQUESTS))))
    .with_target(rows("C", ratio(_recent(_SLOW), _recent(_REQUESTS))))
    .with_target(rows("D", f"{_recent(_SECONDS)} / ({_recent(_REQUESTS)} > 0)")),
    {"tenant": "Tenant", "service": "Service", "Value #A": "Requests", "Value #B": "Failed", "Value #C": "Over 2 s",
     "Value #D": "Mean time"}, sort="Requests",
)  # fmt: skip
column(_TABLE, "Requests", "short")
column(_TABLE, "Failed", "percentunit", [(thresholds.TENANT_ERROR_RATIO, BAD)])
column(_TABLE, "Over 2 s", "percentunit", [(thresholds.P95_SHARE, BAD)])
column(_TABLE, "Mean time", "s")
_TABLE.data_links(
    [links.to_tenant('${__data.fields["tenant"]}'), links.to_logs_of_tenant('${__data.fields["tenant"]}')]
)

_SHARES: Final = Row(
    "Who has the errors, and the time",
    9,
    (
        (12, _TABLE),
        (6, stacked(lines("Share of all failed requests", "Of the tenants chosen above, in all that failed in 15 minutes: one colour "
                          "is one tenant's trouble, many are ours.", "percentunit"))
            .max(1)
            .with_target(series("A", f"{_recent(_REQUESTS, _FAILED)} / on() group_left() "
                                     f"(sum({growth(_REQUESTS, SERVICE, _FAILED, window=_WINDOW)}) > 0)", _LEGEND))),
        (6, lines("Mean time of a request", "By tenant. The p95 by tenant would cost a histogram for each: the share "
                  "over 2 s says the same.", "s", thresholds.SLOW_SECONDS)
            .with_target(series("A", f"topk(10, {_lately(_SECONDS)} / ({_lately(_REQUESTS)} > 0))", _LEGEND))),
    ),
)  # fmt: skip

TENANTS: Final = Page(
    Board.TENANTS,
    "saasobs / Tenants",
    "Is it one tenant, or all of them? Rate, errors and slowness of each.",
    (Name.SERVICE, Name.ENVIRONMENT, Name.TENANT),
    (_WHO, _EACH, _SHARES),
)
