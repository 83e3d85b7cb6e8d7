"""Alerts about whoever watches: targets, vanished metrics, certificates, the daemon, and Prometheus itself."""

from __future__ import annotations

from collections.abc import Iterator

from saasobs.rules import thresholds
from saasobs.rules.model import DAEMON, Alert, Board, Group, RuleSet, Severity, exactly
from saasobs.rules.recording import BY_SERVICE

_SERVICE = {"service": "service", "environment": "environment"}
_MONITOR = {"monitor": "monitor"}
_CHANNEL = {"channel": "channel"}
_LEFT = "(probe_ssl_earliest_cert_expiry - time()) / 86400"
_SENT = 'outcome="sent"'


def watching_groups(rules: RuleSet) -> tuple[Group, ...]:
    """By whom they watch."""
    return (
        Group("saasobs-alerts-targets", tuple(_targets(rules))),
        Group("saasobs-alerts-certificates", tuple(_certificates())),
        Group("saasobs-alerts-daemon", tuple(_daemon())),
        Group("saasobs-alerts-prometheus", tuple(_prometheus())),
    )


def _targets(rules: RuleSet) -> Iterator[Alert]:
    mine = rules.only()
    yield Alert(
        "SaasobsTargetDown",
        f"up{_watched(rules)} == 0",
        Severity.CRITICAL,
        Board.OVERVIEW,
        _SERVICE,
        for_="2m",
        keep="2m",
    )
    yield Alert(
        "SaasobsServiceVanished",
        f"group {BY_SERVICE} (saasobs_build_info{mine} offset 1h) unless group {BY_SERVICE} (saasobs_build_info{mine})",
        Severity.CRITICAL,
        Board.OVERVIEW,
        _SERVICE,
        for_="15m",
    )
    yield Alert(
        "SaasobsMetricsAbsent",
        f"absent(saasobs_build_info{mine})",
        Severity.CRITICAL,
        Board.OVERVIEW,
        {"service": "service"} if rules.service else {},
        for_="10m",
    )


def _watched(rules: RuleSet) -> str:
    """Whose targets: a set for one service has the daemon's alerts too, and none of them fires when it is gone."""
    return f'{{service=~"{exactly(rules.service, DAEMON)}"}}' if rules.service else '{service!=""}'


def _certificates() -> Iterator[Alert]:
    """By the engine's own days; a check without a certificate has no such series."""
    yield Alert(
        "SaasobsCertificateExpiring",
        f"{_LEFT} < {thresholds.CERTIFICATE_DAYS} and {_LEFT} >= {thresholds.CERTIFICATE_DAYS_DOWN}",
        Severity.WARNING,
        Board.UPTIME,
        _MONITOR,
        for_="1h",
    )
    yield Alert(
        "SaasobsCertificateExpiringNow",
        f"{_LEFT} < {thresholds.CERTIFICATE_DAYS_DOWN}",
        Severity.CRITICAL,
        Board.UPTIME,
        _MONITOR,
        for_="15m",
    )


def _daemon() -> Iterator[Alert]:
    """The daemon tells of its monitors by itself; these say when it cannot."""
    by = "by (instance, channel)"
    late = f'saasobs_check_lateness_seconds_bucket{{le="{thresholds.LATE_SECONDS}"}}'
    yield Alert(
        "SaasobsChecksStale",
        "sum by (instance) (increase(saasobs_checks_total[10m])) == 0\n"
        f"and sum by (instance) (increase(saasobs_checks_total[1d])) >= {thresholds.CHECKS_A_DAY}",
        Severity.CRITICAL,
        Board.UPTIME,
        for_="5m",
    )
    yield Alert(
        "SaasobsChecksLate",
        f"1 - sum by (instance) (increase({late}[15m]))"
        f" / (sum by (instance) (increase(saasobs_check_lateness_seconds_count[15m])) >= {thresholds.MIN_REQUESTS})"
        f" > {thresholds.P95_SHARE}",
        Severity.WARNING,
        Board.UPTIME,
        for_="10m",
    )
    yield Alert(
        "SaasobsNotifierFailing",
        f'sum {by} (increase(saasobs_notifications_total{{outcome!="sent"}}[10m])) > {thresholds.FAILED_DELIVERIES}\n'
        f"unless sum {by} (increase(saasobs_notifications_total{{{_SENT}}}[10m])) > 0",
        Severity.CRITICAL,
        Board.UPTIME,
        _CHANNEL,
        for_="2m",
    )
    yield Alert(
        "SaasobsOutboxStuck",
        f"saasobs_outbox_oldest_age_seconds > {thresholds.OUTBOX_SECONDS}",
        Severity.CRITICAL,
        Board.UPTIME,
        _CHANNEL,
        for_="2m",
    )
    yield Alert("SaasobsStorageDown", "saasobs_storage_up == 0", Severity.CRITICAL, Board.UPTIME, for_="2m")
    yield Alert(
        "SaasobsConfigurationRefused",
        "saasobs_config_last_reload_successful == 0",
        Severity.WARNING,
        Board.UPTIME,
        for_="5m",
    )


def _prometheus() -> Iterator[Alert]:
    yield Alert(
        "SaasobsPrometheusNotificationsFailing",
        "sum by (instance, alertmanager) (increase(prometheus_notifications_errors_total[5m])) > 0",
        Severity.CRITICAL,
        Board.UPTIME,
        for_="5m",
    )
    yield Alert(
        "SaasobsRuleEvaluationFailing",
        "sum by (instance, rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0",
        Severity.WARNING,
        Board.UPTIME,
        for_="5m",
    )
    yield Alert("Watchdog", "vector(1)", Severity.NONE, Board.UPTIME)
