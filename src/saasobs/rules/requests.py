"""Alerts about what users feel: errors, slowness, traffic, and one tenant alone."""

from __future__ import annotations

from collections.abc import Iterator

from saasobs.alerting.slo import PAIRS, Pair
from saasobs.core.monitor import Severity as Grade
from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.rules import thresholds
from saasobs.rules.model import Alert, Board, Group, RuleSet, Severity

_DAYS = 30
_SERVICE = {"service": "service", "environment": "environment"}
_ROUTE = {**_SERVICE, "route": "http_route"}
_TENANT = {**_SERVICE, "tenant": "tenant"}
_HOLDS = ("2m", "15m", "1h")
"""For how long each pair of windows must burn, so that one scrape makes nobody get up."""


def request_groups(rules: RuleSet) -> tuple[Group, ...]:
    """By what they ask about."""
    return (
        Group("saasobs-alerts-budget", (*_burns(rules), _latency_burn(rules))),
        Group("saasobs-alerts-requests", tuple(_requests(rules))),
        Group("saasobs-alerts-tenants", (_tenant_errors(rules),)),
    )


def _burns(rules: RuleSet) -> Iterator[Alert]:
    """Multi-window, multi-burn-rate, and never for a handful of errors (the engine's own pairs: `alerting.slo`)."""
    for name, pair, hold in zip(("Fast", "Medium", "Slow"), PAIRS, _HOLDS, strict=True):
        limit = f"({pair.rate(_DAYS):g} * {rules.budget:g})"
        long, short = _window(pair.long), _window(pair.short)
        mine = rules.only()
        yield Alert(
            f"SaasobsErrorBudgetBurn{name}",
            f"service:http_errors:ratio_rate{long}{mine} > {limit}\n"
            f"and service:http_errors:ratio_rate{short}{mine} > {limit}\n"
            f"and service:http_errors:increase{long}{mine} > {thresholds.MIN_BAD}",
            _severity(pair),
            Board.SLO,
            _SERVICE,
            for_=hold,
        )


def _latency_burn(rules: RuleSet) -> Alert:
    fast = PAIRS[0]
    limit = f"({fast.rate(_DAYS):g} * {round(1 - thresholds.LATENCY_OBJECTIVE / 100, 9):g})"
    long, short, mine = _window(fast.long), _window(fast.short), rules.only()
    return Alert(
        "SaasobsLatencyBudgetBurnFast",
        f"service:http_slow:ratio_rate{long}{mine} > {limit}\n"
        f"and service:http_slow:ratio_rate{short}{mine} > {limit}\n"
        f"and service:http_slow:increase{long}{mine} > {thresholds.MIN_BAD}",
        Severity.WARNING,
        Board.SLO,
        _SERVICE,
        for_="2m",
    )


def _requests(rules: RuleSet) -> Iterator[Alert]:
    mine, critical = rules.only(), f'http_route=~"{rules.critical_routes}"'
    enough = f"route:http_requests:increase5m{mine} >= {thresholds.MIN_REQUESTS}"
    yield Alert(
        "SaasobsRouteP95High",
        f"route:http_slow:ratio_rate5m{mine} > {thresholds.P95_SHARE}\nand {enough}",
        Severity.WARNING,
        Board.ROUTE,
        _ROUTE,
        for_="5m",
        keep="5m",
    )
    if rules.critical:
        yield Alert(
            "SaasobsCriticalRouteP95High",
            f"route:http_slow:ratio_rate5m{rules.only(critical)} > {thresholds.P95_SHARE}\nand {enough}",
            Severity.CRITICAL,
            Board.ROUTE,
            _ROUTE,
            for_="5m",
            keep="5m",
        )
    yield Alert(
        "SaasobsHttp5xxRatioHigh",
        f"route:http_errors:rate5m{mine} / (route:http_requests:rate5m{mine} > {thresholds.ERROR_TRAFFIC:g})"
        f" > {thresholds.ERROR_RATIO}",
        Severity.WARNING,
        Board.ROUTE,
        _ROUTE,
        for_="5m",
        keep="5m",
    )
    last_week = f"service:http_requests:rate1h{mine} offset 1w"
    yield Alert(
        "SaasobsTrafficDropped",
        f"service:http_requests:rate5m{mine} < {thresholds.DROP_RATIO:g} * {last_week}\n"
        f"and {last_week} > {thresholds.DROP_TRAFFIC:g}",
        Severity.WARNING,
        Board.SERVICE,
        _SERVICE,
        for_="15m",
    )


def _tenant_errors(rules: RuleSet) -> Alert:
    by = "by (service, environment, tenant)"
    failed = rules.only('http_response_status_class="5xx"')
    total = f"sum {by} (increase(http_server_tenant_requests_total{rules.only()}[15m]))"
    return Alert(
        "SaasobsTenantErrors",
        f"sum {by} (increase(http_server_tenant_requests_total{failed}[15m]))"
        f" / ({total} > {thresholds.TENANT_REQUESTS}) > {thresholds.TENANT_ERROR_RATIO:g}",
        Severity.WARNING,
        Board.TENANTS,
        _TENANT,
        for_="10m",
    )


def _severity(pair: Pair) -> Severity:
    return Severity.CRITICAL if pair.severity is Grade.CRITICAL else Severity.WARNING


def _window(micros: int) -> str:
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if micros % unit == 0:
            return f"{micros // unit}{letter}"
    raise ValueError(f"no window of PromQL is {micros} µs")
