"""Service: rate, errors, duration (the RED method), and which routes."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models.common import BigValueTextMode

from dashboards.generate import links
from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, column, columns, figure, grid, heat, lines, stacked
from dashboards.generate.queries import (
    FAILED,
    ROUTE,
    SERVICE,
    buckets,
    growth,
    now,
    only,
    quantile,
    rate,
    ratio,
    rows,
    series,
    total,
)
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.model import Board

DURATION: Final = "http_server_request_duration_seconds"
_BY: Final = "service, http_route"
_LEGEND: Final = "{{service}} {{http_route}}"
_CLICKS: Final = (links.to_route(), links.to_errors(), links.to_logs_of_route())

_RED: Final = Row(
    "Rate, errors, duration",
    9,
    (
        (8, stacked(lines("Requests by route", "A second. A route is the template of the path: its parameters are not "
                          "in it.", "reqps"))
            .data_links(list(_CLICKS))
            .with_target(series("A", total(_BY, rate(f"{DURATION}_count", ROUTE)), _LEGEND))),
        (8, lines("Failed requests by route", "The share of each route's requests that was answered with 5xx; the line "
                  "is the limit of SaasobsHttp5xxRatioHigh.", "percentunit", thresholds.ERROR_RATIO)
            .data_links(list(_CLICKS))
            .with_target(series("A", ratio(total(_BY, rate(f"{DURATION}_count", ROUTE, FAILED)),
                                           total(_BY, rate(f"{DURATION}_count", ROUTE))), _LEGEND))),
        (8, lines("Duration", "Of the routes chosen above, together. The diamonds are single requests with a trace: a "
                  "click opens it. The line is 2 s, from which users notice.", "s", thresholds.SLOW_SECONDS)
            .data_links([links.to_logs_of_route("$route")])
            .with_target(series("A", quantile(0.5, DURATION, ROUTE, ""), "p50"))
            .with_target(series("B", quantile(0.95, DURATION, ROUTE, ""), "p95", exemplar=True))
            .with_target(series("C", quantile(0.99, DURATION, ROUTE, ""), "p99"))),
    ),
)  # fmt: skip

_SHAPE: Final = Row(
    "Its shape",
    9,
    (
        (8, heat("Durations", "How many requests took how long. Two bands are two kinds of requests: an average of "
                 "both is neither.", "s")
            .with_target(buckets("A", total("le", growth(f"{DURATION}_bucket", ROUTE))))),
        (8, lines("p95 by route", "95 of 100 requests were faster.", "s", thresholds.SLOW_SECONDS)
            .data_links(list(_CLICKS))
            .with_target(series("A", quantile(0.95, DURATION, ROUTE, _BY), _LEGEND, exemplar=True))),
        (8, lines("Now and the same hour last week", "Fewer than a fifth of last week's is SaasobsTrafficDropped: what "
                  "does not arrive does not fail.", "reqps")
            .with_target(series("A", f"sum({only('service:http_requests:rate5m', SERVICE)})", "now"))
            .with_target(series("B", f"sum({only('service:http_requests:rate5m', SERVICE)} offset 1w)", "a week ago"))
            .with_target(series("C", f"{thresholds.DROP_RATIO:g} * sum({only('service:http_requests:rate1h', SERVICE)} "
                                     "offset 1w)", "alert below"))),
    ),
)  # fmt: skip

_SLOWEST: Final = columns(
    grid("Slowest routes", "The slowest first, by the p95 of 5 minutes. A click on a route leads on.")
    .with_target(rows("A", f"max by (service, http_route) ({only('route:http_request_duration_seconds:p95_5m', ROUTE)})"))
    .with_target(rows("B", f"max by (service, http_route) ({only('route:http_slow:ratio_rate5m', ROUTE)})"))
    .with_target(rows("C", f"sum by (service, http_route) ({only('route:http_requests:rate5m', ROUTE)})"))
    .with_target(rows("D", f"sum by (service, http_route) ({only('route:http_errors:rate5m', ROUTE)}) / "
                           f"(sum by (service, http_route) ({only('route:http_requests:rate5m', ROUTE)}) > 0)"))
    .with_target(rows("E", ratio(
        total(_BY, growth("http_server_request_db_queries_sum", ROUTE, window="5m")),
        total(_BY, growth("http_server_request_db_queries_count", ROUTE, window="5m"))))),
    {"service": "Service", "http_route": "Route", "Value #A": "p95", "Value #B": "Over 2 s", "Value #C": "Requests",
     "Value #D": "Failed", "Value #E": "Queries"}, sort="p95",
)  # fmt: skip
column(_SLOWEST, "p95", "s", [(thresholds.SLOW_SECONDS, BAD)])
column(_SLOWEST, "Over 2 s", "percentunit", [(thresholds.P95_SHARE, BAD)])
column(_SLOWEST, "Requests", "reqps")
column(_SLOWEST, "Failed", "percentunit", [(thresholds.ERROR_RATIO, BAD)])
column(_SLOWEST, "Queries", "short", [(thresholds.MAX_QUERIES, BAD)])
_FIELD: Final = '${__data.fields["http_route"]}'
_SLOWEST.data_links([links.to_route(_FIELD), links.to_errors(_FIELD), links.to_logs_of_route(_FIELD)])

_WHICH: Final = Row(
    "Which routes, which errors",
    9,
    (
        (14, _SLOWEST),
        (10, lines("Exceptions by class", "Requests that ended with one; each class is a group of reports in Sentry.",
                   "reqps")
            .data_links([links.to_errors()])
            .with_target(series("A", total("exception_type, http_route",
                                           rate("http_server_exceptions_total", ROUTE)),
                                "{{exception_type}} {{http_route}}"))),
    ),
)  # fmt: skip

_AROUND: Final = Row(
    "Around it",
    7,
    (
        (6, lines("Being served now", "Requests under way. A level that only rises is a service that answers nobody.",
                  "none")
            .with_target(series("A", total("service", only("http_server_active_requests", SERVICE)), "{{service}}"))),
        (6, lines("Clients that left", "Requests whose client was gone before the answer's end: often the first sign of "
                  "slowness.", "reqps")
            .with_target(series("A", total("http_route", rate("http_server_client_disconnects_total", ROUTE)),
                                "{{http_route}}"))),
        (6, lines("Other services, p95", "Outgoing requests by the server that was asked: are they the slow ones?", "s")
            .with_target(series("A", quantile(0.95, "http_client_request_duration_seconds", SERVICE, "server_address"),
                                "{{server_address}}"))),
        (6, figure("Versions", "What runs here, and in how many processes' view. Two for long are a deploy that hangs.",
                   "none")
            .text_mode(BigValueTextMode.VALUE_AND_NAME)
            .with_target(now("A", f"count by (service, version) ({only('saasobs_build_info', SERVICE)})",
                                "{{service}} {{version}}"))),
    ),
)  # fmt: skip

_BODIES: Final = Row(
    "Answers",
    7,
    (
        (12, lines("Time to the first byte, p95", "Before the answer begins to arrive. Far below the duration: the body "
                   "is long, or made piece by piece.", "s")
            .with_target(series("A", quantile(0.95, "http_server_time_to_first_byte_seconds", ROUTE, "http_route"),
                                "{{http_route}}"))),
        (12, lines("Size of answers, p95", "A list without pages grows with its customer.", "bytes")
            .with_target(series("A", quantile(0.95, "http_server_response_body_size_bytes", ROUTE, "http_route"),
                                "{{http_route}}"))),
    ),
)  # fmt: skip

SERVICE_PAGE: Final = Page(
    Board.SERVICE,
    "saasobs / Service",
    "How is this service: how many requests, how many fail, how long do they take, and which routes are it?",
    (Name.SERVICE, Name.ENVIRONMENT, Name.ROUTE),
    (_RED, _SHAPE, _WHICH, _AROUND, _BODIES),
)
