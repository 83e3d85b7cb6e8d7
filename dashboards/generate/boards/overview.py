"""Overview: is it us? What a person opens at 9 on Monday."""

from __future__ import annotations

from typing import Final

from dashboards.generate import links
from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, NOTICE, bars, columns, figure, grid, lines, states
from dashboards.generate.queries import SERVICE, WATCHED, now, only, rows, series
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.model import Board, RuleSet

_LOST: Final = round(1 - RuleSet().slo / 100, 9)
_BY: Final = "by (service, environment)"
_DAYS_LEFT: Final = f"min(({only('probe_ssl_earliest_cert_expiry', WATCHED)} > 0) - time()) / 86400"

_NOW: Final = Row(
    "Is it us?",
    4,
    (
        (4, figure("Alerts firing", "Those of Prometheus that call people or wait for the morning: critical and "
                   "warning.", "none", [(1, BAD)])
            .with_target(now("A", 'count(ALERTS{alertstate="firing",severity=~"critical|warning"}) or vector(0)'))),
        (4, figure("Monitors down", "What the uptime daemon sees from outside, right now.", "none", [(1, BAD)])
            .with_target(now("A", f"count(max by (monitor) ({only('saasobs_monitor_status', WATCHED)}) == 2) or vector(0)"))),
        (4, figure("Open incidents", "Opened by the daemon and not over yet, whoever has them.", "none", [(1, NOTICE)])
            .with_target(now("A", f"sum({only('saasobs_incidents_open', WATCHED)}) or vector(0)"))),
        (4, figure("Certificate expires in", "The first of all that are checked.", "suffix: days",
                   [(thresholds.CERTIFICATE_DAYS_DOWN, NOTICE), (thresholds.CERTIFICATE_DAYS, "green")], first=BAD)
            .decimals(0).with_target(now("A", _DAYS_LEFT))),
        (4, figure("Oldest notice waiting", "A notice that should have gone out and has not: nobody knows yet.", "s",
                   [(thresholds.OUTBOX_SECONDS, BAD)])
            .with_target(now("A", f"max({only('saasobs_outbox_oldest_age_seconds', WATCHED)})"))),
        (4, figure("Targets without metrics", "Scrapes that fail: a process that is gone, or cannot be reached.", "none",
                   [(1, BAD)])
            .with_target(now("A", f"count({only('up', SERVICE)} == 0) or vector(0)"))),
    ),
)  # fmt: skip

_FELT: Final = Row(
    "What users feel",
    8,
    (
        (8, lines("Requests", "A second, by service. Compare with the same hour last week on the service's dashboard.",
                  "reqps")
            .data_links([links.to_service()])
            .with_target(series("A", only("service:http_requests:rate5m", SERVICE), "{{service}} {{environment}}"))),
        (8, lines("Failed requests", "The share that was answered with 5xx, over 5 minutes. The line is the limit of "
                  "SaasobsHttp5xxRatioHigh, which looks at each route.", "percentunit", thresholds.ERROR_RATIO)
            .data_links([links.to_service(), links.to_slo()])
            .with_target(series("A", only("service:http_errors:ratio_rate5m", SERVICE), "{{service}} {{environment}}"))),
        (8, lines("Requests over 2 s", "The share that took longer than two seconds, over 5 minutes: above the line, "
                  "the p95 is over 2 s and users notice.", "percentunit", thresholds.P95_SHARE)
            .data_links([links.to_service()])
            .with_target(series("A", only("service:http_slow:ratio_rate5m", SERVICE), "{{service}} {{environment}}"))),
    ),
)  # fmt: skip

_WHERE: Final = Row(
    "Where",
    8,
    (
        (12, bars("Slowest routes, p95", "The five slowest routes with enough requests in 5 minutes to say so. The "
                  "limit is the one of SaasobsRouteP95High.", "s", [(thresholds.SLOW_SECONDS, BAD)])
            .data_links([links.to_route(), links.to_errors(), links.to_logs_of_route()])
            .with_target(now(
                "A",
                f"topk(5, {only('route:http_request_duration_seconds:p95_5m', SERVICE)} "
                f"and {only('route:http_requests:increase5m', SERVICE)} >= {thresholds.MIN_REQUESTS})",
                "{{service}} {{http_route}}"))),
        (6, figure("Available, 30 days", f"The share of requests that did not fail. The objective is {RuleSet().slo:g} %.",
                   "percentunit", [(RuleSet().slo / 100, "green")], first=BAD)
            .decimals(2).data_links([links.to_slo()])
            .with_target(now("A", f"1 - max {_BY} ({only('service:http_errors:ratio_rate30d', SERVICE)})", "{{service}}"))),
        (6, figure("Error budget left, 30 days", f"Of what an objective of {RuleSet().slo:g} % allows; below nothing, "
                   "more has failed than was promised.", "percentunit", [(0, NOTICE), (0.25, "green")], first=BAD)
            .decimals(0).data_links([links.to_slo()])
            .with_target(now("A", f"1 - max {_BY} ({only('service:http_errors:ratio_rate30d', SERVICE)}) / {_LOST:g}",
                             "{{service}}"))),
    ),
)  # fmt: skip

_OUTSIDE: Final = Row(
    "From outside, and what is told",
    8,
    (
        (14, states("Monitors", "Each monitor's state as the daemon saw it.")
            .data_links([links.to_monitor()])
            .with_target(series("A", f"max by (monitor) ({only('saasobs_monitor_status', WATCHED)})", "{{monitor}}"))),
        (10, columns(
            grid("Which alerts fire", "Each with its runbook in docs/runbooks, under its name; the sign of life of the "
                 "alerting is not among them.")
            .with_target(rows("A", "sum by (alertname, severity, service, http_route, operation, tenant, monitor, channel) "
                                   '(ALERTS{alertstate="firing",severity!="none"})')),
            {"alertname": "Alert", "severity": "Severity", "service": "Service", "http_route": "Route",
             "operation": "Operation", "tenant": "Tenant", "monitor": "Monitor", "channel": "Channel"},
            sort="Severity")),
    ),
)  # fmt: skip

OVERVIEW: Final = Page(
    Board.OVERVIEW,
    "saasobs / Overview",
    "Is it us? Alerts, monitors, what users feel and where, at a glance.",
    (Name.SERVICE, Name.ENVIRONMENT, Name.CORRELATION_ID),
    (_NOW, _FELT, _WHERE, _OUTSIDE),
)
