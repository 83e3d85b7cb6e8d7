"""Route: why is this one slow, or failing?"""

from __future__ import annotations

from typing import Final

from dashboards.generate import links
from dashboards.generate.boards.service import DURATION
from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, figure, heat, lines, stacked
from dashboards.generate.queries import (
    FAILED,
    ROUTE,
    SERVICE,
    buckets,
    growth,
    quantile,
    rate,
    ratio,
    series,
    total,
)
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.model import Board

_OPERATION: Final = (*SERVICE, 'operation=~"$route"')
_QUERIES: Final = "http_server_request_db_queries"
_SLOW: Final = f'le="{thresholds.SLOW_SECONDS}"'
_ALL: Final = f"sum({rate(f'{DURATION}_count', ROUTE)})"
_DB_SHARE: Final = (
    f"sum({rate('http_server_request_db_seconds_total', ROUTE)}) / (sum({rate(f'{DURATION}_sum', ROUTE)}) > 0)"
)
_MEAN_QUERIES: Final = f"sum({rate(f'{_QUERIES}_sum', ROUTE)}) / (sum({rate(f'{_QUERIES}_count', ROUTE)}) > 0)"

_NOW: Final = Row(
    "Now",
    4,
    (
        (4, figure("Requests", "A second.", "reqps").with_target(series("A", _ALL))),
        (4, figure("Failed", "The share answered with 5xx.", "percentunit", [(thresholds.ERROR_RATIO, BAD)])
            .with_target(series("A", ratio(f"sum({rate(f'{DURATION}_count', ROUTE, FAILED)})", _ALL)))),
        (4, figure("p95", "95 of 100 were faster. Over 2 s, users notice.", "s", [(thresholds.SLOW_SECONDS, BAD)])
            .with_target(series("A", quantile(0.95, DURATION, ROUTE, "")))),
        (4, figure("Over 2 s", "The share that took longer, by the exact bucket: what SaasobsRouteP95High looks at.",
                   "percentunit", [(thresholds.P95_SHARE, BAD)])
            .with_target(series("A", f"1 - sum({rate(f'{DURATION}_bucket', ROUTE, _SLOW)}) / ({_ALL} > 0)"))),
        (4, figure("Queries per request", "More than 20 is the trigger to look for N+1.", "short",
                   [(thresholds.MAX_QUERIES, BAD)])
            .decimals(1).with_target(series("A", _MEAN_QUERIES))),
        (4, figure("Waiting for the database", "The share of the requests' time.", "percentunit")
            .with_target(series("A", _DB_SHARE))),
    ),
)  # fmt: skip

_TIME: Final = Row(
    "Time",
    9,
    (
        (8, lines("Duration", "The diamonds are single requests with a trace: a click opens it. The blue lines are "
                  "deploys: was it the last one?", "s", thresholds.SLOW_SECONDS)
            .with_target(series("A", quantile(0.5, DURATION, ROUTE, ""), "p50"))
            .with_target(series("B", quantile(0.95, DURATION, ROUTE, ""), "p95", exemplar=True))
            .with_target(series("C", quantile(0.99, DURATION, ROUTE, ""), "p99"))),
        (8, lines("p95 by status", "Errors are often fast, or as slow as a timeout: together they say nothing.", "s",
                  thresholds.SLOW_SECONDS)
            .with_target(series("A", quantile(0.95, DURATION, ROUTE, "http_response_status_code"),
                                "{{http_response_status_code}}", exemplar=True))),
        (8, heat("Durations", "How many requests took how long.", "s")
            .with_target(buckets("A", total("le", growth(f"{DURATION}_bucket", ROUTE))))),
    ),
)  # fmt: skip

_ANSWERS: Final = Row(
    "Answers",
    8,
    (
        (8, stacked(lines("Requests by status", "A second, by the status that was answered.", "reqps"))
            .data_links([links.to_logs_of_route("$route")])
            .with_target(series("A", total("http_response_status_code", rate(f"{DURATION}_count", ROUTE)),
                                "{{http_response_status_code}}"))),
        (8, lines("Exceptions", "By class.", "reqps").data_links([links.to_errors("$route")])
            .with_target(series("A", total("exception_type", rate("http_server_exceptions_total", ROUTE)),
                                "{{exception_type}}"))),
        (8, lines("Clients that left", "Before the answer's end.", "reqps")
            .with_target(series("A", total("http_route", rate("http_server_client_disconnects_total", ROUTE)),
                                "{{http_route}}"))),
    ),
)  # fmt: skip

_DATABASE: Final = Row(
    "Its queries",
    8,
    (
        (6, lines("Queries per request over time", "The mean, and what 95 of 100 requests stay under.", "short",
                  thresholds.MAX_QUERIES)
            .with_target(series("A", _MEAN_QUERIES, "mean"))
            .with_target(series("B", quantile(0.95, _QUERIES, ROUTE, ""), "p95"))),
        (6, lines("Share of time in the database", "Low and slow: it is the app's own code, or another service.",
                  "percentunit")
            .with_target(series("A", _DB_SHARE, "database"))),
        (6, lines("N+1, half an hour", "The same statement again and again from one place, within one request. The log "
                  "event queries.n_plus_one names the line of code.", "short", thresholds.N_PLUS_ONE)
            .with_target(series("A", total("operation", growth("db_queries_n_plus_one_total", _OPERATION, window="30m")),
                                "{{operation}}"))),
        (6, lines("Slow, and too many", "Queries over the limit of SAASOBS_SLOW_QUERY, and requests with more than "
                  "their limit of queries, in half an hour.", "short")
            .with_target(series("A", total("operation", growth("db_queries_slow_total", _OPERATION, window="30m")),
                                "slow {{operation}}"))
            .with_target(series("B", total("operation", growth("db_queries_too_many_total", _OPERATION, window="30m")),
                                "too many {{operation}}"))),
    ),
)  # fmt: skip

ROUTE_PAGE: Final = Page(
    Board.ROUTE,
    "saasobs / Route",
    "Why is this route slow, or failing: the answers, the queries, or the last deploy?",
    (Name.SERVICE, Name.ENVIRONMENT, Name.ROUTE, Name.CORRELATION_ID),
    (_NOW, _TIME, _ANSWERS, _DATABASE),
)
