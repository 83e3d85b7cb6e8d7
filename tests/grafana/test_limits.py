"""A line in a chart is where the alert fires: one constant for both."""

from __future__ import annotations

import pytest

from saasobs.alerting.slo import PAIRS
from saasobs.core import thresholds as engine
from saasobs.rules import thresholds
from saasobs.rules.document import alerts_of
from saasobs.rules.model import Alert, RuleSet
from support.boards import FILES, Json, board, panels

FAST, MEDIUM, SLOW = (pair.rate(30) for pair in PAIRS)
LIMITS = {
    "SaasobsErrorBudgetBurnFast": ("Burn over 1 hour", FAST),
    "SaasobsErrorBudgetBurnMedium": ("Burn over 6 hours", MEDIUM),
    "SaasobsErrorBudgetBurnSlow": ("Burn over 3 days", SLOW),
    "SaasobsLatencyBudgetBurnFast": ("Burn of the latency budget", FAST),
    "SaasobsRouteP95High": ("Duration", engine.SLOW_SECONDS),
    "SaasobsCriticalRouteP95High": ("Over 2 s", thresholds.P95_SHARE),
    "SaasobsHttp5xxRatioHigh": ("Failed", thresholds.ERROR_RATIO),
    "SaasobsTenantErrors": ("Failed requests", thresholds.TENANT_ERROR_RATIO),
    "SaasobsQueriesPerRequestHigh": ("Queries per request", engine.MAX_QUERIES),
    "SaasobsNPlusOne": ("N+1, half an hour", thresholds.N_PLUS_ONE),
    "SaasobsDbPoolNearlyFull": ("Pools in use", thresholds.POOL_RATIO),
    "SaasobsPostgresConnectionsHigh": ("Connections taken", thresholds.CONNECTIONS_RATIO),
    "SaasobsRedisMemoryHigh": ("Memory", thresholds.MEMORY_RATIO),
    "SaasobsQueueLag": ("Waited over 5 minutes", thresholds.P95_SHARE),
    "SaasobsQueueStalled": ("Sent and not begun, an hour", thresholds.TASKS_WAITING),
    "SaasobsTasksFailing": ("Failed runs", thresholds.TASK_FAILURE_RATIO),
    "SaasobsTargetDown": ("Targets without metrics", 1),
    "SaasobsCertificateExpiring": ("Certificates", engine.CERTIFICATE_DAYS),
    "SaasobsCertificateExpiringNow": ("Certificates", engine.CERTIFICATE_DAYS_DOWN),
    "SaasobsChecksLate": ("Late checks", thresholds.P95_SHARE),
    "SaasobsNotifierFailing": ("Failed attempts, 10 minutes", thresholds.FAILED_DELIVERIES),
    "SaasobsOutboxStuck": ("Oldest notice waiting", thresholds.OUTBOX_SECONDS),
    "SaasobsStorageDown": ("Database", 1),
    "SaasobsConfigurationRefused": ("Configuration", 1),
    "SaasobsPrometheusNotificationsFailing": ("Prometheus to the daemon", 1),
    "SaasobsRuleEvaluationFailing": ("Rules that fail", 1),
}
"""For each alert: the panel that its link leads to, and the value of the line in it."""
SHOWN = {
    "SaasobsTrafficDropped": "Now and the same hour last week",  # the limit moves: it is a series
    "SaasobsDbPoolExhausted": "Waiting for a connection",  # any timeout at all
    "SaasobsServiceVanished": "Requests",  # a line that ends
    "SaasobsMetricsAbsent": "Requests",
    "SaasobsChecksStale": "Checks",
    "Watchdog": "Prometheus to the daemon",
}
"""Alerts about something that has no limit to draw: the panel that shows it."""
ALERTS = alerts_of(RuleSet())


def _panels_of(alert: Alert) -> dict[str, Json]:
    name = next(name for name in FILES if board(name)["uid"] == alert.board)
    return {panel["title"]: panel for panel in panels(name)}


def test_every_alert_has_its_panel() -> None:
    """On the dashboard that it links to; and none is left of one that is gone."""
    assert LIMITS.keys() | SHOWN.keys() == {alert.name for alert in ALERTS}
    for alert in ALERTS:
        if alert.name in SHOWN:
            assert SHOWN[alert.name] in _panels_of(alert), alert.name


@pytest.mark.parametrize("alert", [alert for alert in ALERTS if alert.name in LIMITS], ids=lambda alert: alert.name)
def test_the_line_is_the_alerts(alert: Alert) -> None:
    """The panel's step is the constant that the rule is made of."""
    title, limit = LIMITS[alert.name]
    steps = [step["value"] for step in _panels_of(alert)[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert limit in steps


def test_the_moving_limit_is_the_alerts() -> None:
    """A fifth of last week's, as the rule says."""
    last_week = next(panel for panel in panels("service") if panel["title"] == SHOWN["SaasobsTrafficDropped"])
    assert last_week["targets"][2]["expr"].startswith(f"{thresholds.DROP_RATIO:g} * ")


@pytest.mark.parametrize("name", FILES)
def test_a_line_is_drawn_where_there_is_a_limit(name: str) -> None:
    """In charts; and nowhere else."""
    for panel in panels(name):
        if panel["type"] != "timeseries":
            continue
        limited = len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) > 1
        drawn = panel["fieldConfig"]["defaults"]["custom"].get("thresholdsStyle", {}).get("mode") == "dashed"
        assert limited == drawn, panel["title"]
