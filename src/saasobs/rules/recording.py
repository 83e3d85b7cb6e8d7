"""Series worked out ahead: what dashboards and alerts both ask for, once, and for the long windows at all.

A service without a single 5xx has no series of them: `or 0 *` makes that a ratio of 0 rather than "no data"; a service
without traffic has no ratio at all (SRE Workbook, chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saasobs.core.thresholds import SLOW_SECONDS
from saasobs.rules.model import Group, Recording, RuleSet

WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d", "30d")
"""Of burn rates, and of the budget."""
REQUESTS: Final = "http_server_request_duration_seconds_count"
WITHIN: Final = "http_server_request_duration_seconds_bucket"
BY_SERVICE: Final = "by (service, environment)"
BY_ROUTE: Final = "by (service, environment, http_route)"
_FAILED: Final = 'http_response_status_code=~"5.."'
_SLOW_EDGE: Final = f'le="{SLOW_SECONDS}"'


def recording_groups(rules: RuleSet) -> tuple[Group, ...]:
    """The long windows are worked out less often: they move slowly, and each reads days of samples.

    Well within the five minutes after which Prometheus takes a series for gone: at five minutes an alert sees nothing
    while the next value is being worked out, and what it has held for begins anew.
    """
    return (
        Group("saasobs-requests", tuple(_requests(rules))),
        Group("saasobs-budget-short", tuple(_burns(rules, WINDOWS[:3]))),
        Group("saasobs-budget-long", tuple(_burns(rules, WINDOWS[3:])), interval="2m"),
    )


def _requests(rules: RuleSet) -> Iterator[Recording]:
    requests, failed = rules.only(), rules.only(_FAILED)
    yield Recording("service:http_requests:rate5m", f"sum {BY_SERVICE} (rate({REQUESTS}{requests}[5m]))")
    yield Recording("service:http_requests:rate1h", f"sum {BY_SERVICE} (rate({REQUESTS}{requests}[1h]))")
    yield Recording("route:http_requests:rate5m", f"sum {BY_ROUTE} (rate({REQUESTS}{requests}[5m]))")
    yield Recording("route:http_requests:increase5m", f"sum {BY_ROUTE} (increase({REQUESTS}{requests}[5m]))")
    yield Recording(
        "route:http_errors:rate5m",
        f"sum {BY_ROUTE} (rate({REQUESTS}{failed}[5m])) or 0 * route:http_requests:rate5m{requests}",
    )
    yield Recording(
        "route:http_slow:ratio_rate5m",
        f"1 - (sum {BY_ROUTE} (rate({WITHIN}{rules.only(_SLOW_EDGE)}[5m]))"
        f" / (route:http_requests:rate5m{requests} > 0))",
    )
    for quantile in (50, 95, 99):
        yield Recording(
            f"route:http_request_duration_seconds:p{quantile}_5m",
            f"histogram_quantile({quantile / 100:g}, sum by (service, environment, http_route, le)"
            f" (rate({WITHIN}{requests}[5m])))",
        )


def _burns(rules: RuleSet, windows: tuple[str, ...]) -> Iterator[Recording]:
    requests, failed = rules.only(), rules.only(_FAILED)
    for window in windows:
        total = f"sum {BY_SERVICE} (rate({REQUESTS}{requests}[{window}]))"
        errors = f"sum {BY_SERVICE} (rate({REQUESTS}{failed}[{window}]))"
        within = f"sum {BY_SERVICE} (rate({WITHIN}{rules.only(_SLOW_EDGE)}[{window}]))"
        yield Recording(f"service:http_errors:ratio_rate{window}", f"({errors} or 0 * {total}) / ({total} > 0)")
        yield Recording(f"service:http_slow:ratio_rate{window}", f"1 - ({within} / ({total} > 0))")
    for window in windows:
        yield Recording(
            f"service:http_errors:increase{window}", f"sum {BY_SERVICE} (increase({REQUESTS}{failed}[{window}]))"
        )
        yield Recording(
            f"service:http_slow:increase{window}",
            f"sum {BY_SERVICE} (increase({REQUESTS}{requests}[{window}]))"
            f" - sum {BY_SERVICE} (increase({WITHIN}{rules.only(_SLOW_EDGE)}[{window}]))",
        )
