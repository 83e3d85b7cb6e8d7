"""Uptime and alerting: what does it look like from outside, and does what is told arrive?"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models.common import GraphDrawStyle

from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, GOOD, NOTICE, bars, figure, lines, stacked, states, yes_or_no
from dashboards.generate.queries import CHANNEL, MONITOR, WATCHED, growth, now, only, quantile, rate, series, total
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.model import Board

_LEFT: Final = f"({only('probe_ssl_earliest_cert_expiry', MONITOR)} > 0)"
_CERTIFICATES: Final = [(thresholds.CERTIFICATE_DAYS_DOWN, NOTICE), (thresholds.CERTIFICATE_DAYS, GOOD)]
_LATE: Final = f'le="{thresholds.LATE_SECONDS}"'
_UP: Final = only("probe_success", MONITOR)

_STATES: Final = Row(
    "From outside",
    9,
    (
        (14, states("Monitors", "Each monitor's state: green is up, yellow degraded (slow, a certificate that expires), "
                    "red down.")
            .with_target(series("A", f"max by (monitor) ({only('saasobs_monitor_status', MONITOR)})", "{{monitor}}"))),
        (10, bars("Up, 30 days", "The share of the checks' time; monitors that were never down are at 100 %.",
                 "percentunit", [(0.99, NOTICE), (0.999, GOOD)], first=BAD)
            .max(1).decimals(3)
            .text(common.VizTextDisplayOptions().title_size(11).value_size(16))  # names of monitors are long
            .with_target(now("A", f"avg by (monitor) (avg_over_time({_UP}[30d]))", "{{monitor}}"))),
    ),
)  # fmt: skip

_TIMES: Final = Row(
    "How long it takes",
    8,
    (
        (8, lines("Checks, seconds", "Of the last conclusive check of each monitor.", "s", thresholds.SLOW_SECONDS)
            .with_target(series("A", f"max by (monitor) ({only('probe_duration_seconds', MONITOR)})", "{{monitor}}"))),
        (8, stacked(lines("Phases", "The mean of the monitors chosen above. resolve is DNS, connect TCP, processing the "
                          "wait for the first byte.", "s"))
            .with_target(series("A", f"avg by (phase) ({only('probe_http_duration_seconds', MONITOR)})", "{{phase}}"))),
        (8, bars("Certificates", "Days until the first of a monitor's chain expires: "
                 f"{thresholds.CERTIFICATE_DAYS} make it degraded, {thresholds.CERTIFICATE_DAYS_DOWN} down.", "suffix: days",
                 _CERTIFICATES, first=BAD)
            .decimals(0)
            .with_target(now("A", f"min by (monitor) ({_LEFT} - time()) / 86400", "{{monitor}}"))),
    ),
)  # fmt: skip

_TOLD: Final = Row(
    "Does what is told arrive?",
    8,
    (
        (8, stacked(lines("Notices by outcome", "Attempts in the time between two points, by channel and outcome.", "short"))
            .draw_style(GraphDrawStyle.BARS)
            .with_target(series("A", total("channel, outcome", growth("saasobs_notifications_total", CHANNEL)),
                                "{{channel}} {{outcome}}"))),
        (8, lines("Oldest notice waiting", "Seconds that the oldest due notice of a channel has waited; the line is the "
                  "limit of SaasobsOutboxStuck.", "s", thresholds.OUTBOX_SECONDS)
            .with_target(series("A", f"max by (channel) ({only('saasobs_outbox_oldest_age_seconds', CHANNEL)})",
                                "{{channel}}"))),
        (8, lines("Failed attempts, 10 minutes", "More than the line and nothing sent: SaasobsNotifierFailing, told "
                  "over another channel.", "short", thresholds.FAILED_DELIVERIES)
            .with_target(series("A", total("channel", growth("saasobs_notifications_total", CHANNEL, 'outcome!="sent"',
                                                             window="10m")) + " or 0 * "
                                + f"max by (channel) ({only('saasobs_outbox_pending', CHANNEL)})", "{{channel}}"))),
    ),
)  # fmt: skip

_PEOPLE: Final = Row(
    "Who answers, and how soon",
    7,
    (
        (6, lines("Open incidents", "By severity.", "none")
            .with_target(series("A", total("severity", only("saasobs_incidents_open", WATCHED)), "{{severity}}"))),
        (6, lines("Until somebody is on it", "Of the incidents of a day: half of them, and nine of ten.", "s")
            .with_target(series("A", "histogram_quantile(0.5, sum by (le) ("
                                + growth("saasobs_time_to_acknowledge_seconds_bucket", WATCHED, window="1d") + "))", "p50"))
            .with_target(series("B", "histogram_quantile(0.9, sum by (le) ("
                                + growth("saasobs_time_to_acknowledge_seconds_bucket", WATCHED, window="1d") + "))", "p90"))),
        (6, lines("Answers of people", "In a day, by what they answered and from where.", "short")
            .with_target(series("A", total("kind, via", growth("saasobs_answers_total", WATCHED, window="1d")),
                                "{{kind}}, {{via}}"))),
        (6, lines("Alerts of others", "Those of Prometheus, Grafana and others that fire now.", "none")
            .with_target(series("A", total("source", only("saasobs_alerts_firing", WATCHED)), "{{source}}"))),
    ),
)  # fmt: skip

_DAEMON: Final = Row(
    "The daemon",
    7,
    (
        (6, lines("Checks", "A second, by kind and outcome.", "ops")
            .with_target(series("A", total("kind, outcome", rate("saasobs_checks_total", WATCHED)),
                                "{{kind}} {{outcome}}"))),
        (6, lines("Late checks", f"The share that started more than {thresholds.LATE_SECONDS:g} s after their time, in "
                  "15 minutes: the machine is too small, or blocked.", "percentunit", thresholds.P95_SHARE)
            .with_target(series("A", "1 - " + total("instance", growth("saasobs_check_lateness_seconds_bucket", WATCHED,
                                                                       _LATE, window="15m"))
                                + " / (" + total("instance", growth("saasobs_check_lateness_seconds_count", WATCHED,
                                                                    window="15m")) + " > 0)", "{{instance}}"))),
        (6, lines("Lateness, p95", "Of starts, by kind of check.", "s", thresholds.LATE_SECONDS)
            .with_target(series("A", quantile(0.95, "saasobs_check_lateness_seconds", WATCHED, "kind"), "{{kind}}"))),
        (6, lines("Running and waiting", "Checks under way, and those that wait for room.", "none")
            .with_target(series("A", f"sum({only('saasobs_checks_running', WATCHED)})", "running"))
            .with_target(series("B", f"sum({only('saasobs_checks_queued', WATCHED)})", "waiting"))),
    ),
)  # fmt: skip

_HEALTH: Final = Row(
    "Its health",
    5,
    (
        (4, yes_or_no("Database", "It takes writes; if not: SaasobsStorageDown.")
            .with_target(now("A", f"min({only('saasobs_storage_up', WATCHED)})"))),
        (4, yes_or_no("Configuration", "The last reload was taken; if not: SaasobsConfigurationRefused.")
            .with_target(now("A", f"min({only('saasobs_config_last_reload_successful', WATCHED)})"))),
        (4, yes_or_no("Own network", "Somebody outside answers; if not, what is seen says nothing of the targets.")
            .with_target(now("A", f"min({only('saasobs_own_network_up', WATCHED)})"))),
        (4, figure("Results lost", "Today: the database was broken for too long.", "short", [(1, BAD)])
            .decimals(0)
            .with_target(now("A", f"sum({growth('saasobs_results_dropped_total', WATCHED, window='1d')})"))),
        (4, figure("Prometheus to the daemon", "Alerts that Prometheus could not hand over in 5 minutes: "
                   "SaasobsPrometheusNotificationsFailing.", "short", [(1, BAD)])
            .decimals(0)
            .with_target(now("A", f"sum({growth('prometheus_notifications_errors_total', WATCHED, window='5m')})"))),
        (4, figure("Rules that fail", "In 5 minutes: SaasobsRuleEvaluationFailing.", "short", [(1, BAD)])
            .decimals(0)
            .with_target(now("A", f"sum({growth('prometheus_rule_evaluation_failures_total', WATCHED, window='5m')})"))),
    ),
)  # fmt: skip

UPTIME: Final = Page(
    Board.UPTIME,
    "saasobs / Uptime and alerting",
    "What does it look like from outside, and does what is told arrive?",
    (Name.ENVIRONMENT, Name.MONITOR, Name.CHANNEL),
    (_STATES, _TIMES, _TOLD, _PEOPLE, _DAEMON, _HEALTH),
)
