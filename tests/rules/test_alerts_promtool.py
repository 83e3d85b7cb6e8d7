"""Every alert under promtool: it fires; it is quiet on little traffic, idle, over a restart, and without series."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from saasobs.rules.document import alerts_of, text_of
from saasobs.rules.model import Group, Recording, RuleSet
from saasobs.rules.recording import recording_groups
from support.needs import require_binary

WHO = 'service="shop",environment="production",instance="a:1",job="shop"'
ROUTE = f'{WHO},http_request_method="GET",http_route="/pay"'
DAY = 1440
RULES = RuleSet(critical=("/pay",))

Series = Mapping[str, str]
"""Samples in promtool's notation, one a minute (or as the case says)."""


def steady(per_minute: float, minutes: int = 90) -> str:
    return f"0+{per_minute:g}x{minutes}"


def restarted(per_minute: float) -> str:
    """A counter that begins anew after half an hour."""
    return f"{steady(per_minute, 30)} {steady(per_minute, 60)}"


def requests(good: str, bad: str = "", slow: str = "") -> dict[str, str]:
    """Requests that were well answered, that failed, and that took too long; all of them counters."""
    ok, failed = f'{ROUTE},http_response_status_code="200"', f'{ROUTE},http_response_status_code="500"'
    name = "http_server_request_duration_seconds"
    made = {
        f"{name}_count{{{ok}}}": good,
        f'{name}_bucket{{{ok},le="2.0"}}': good,
        f'{name}_bucket{{{ok},le="+Inf"}}': good,
    }
    if bad:
        made |= {f"{name}_count{{{failed}}}": bad, f'{name}_bucket{{{failed},le="2.0"}}': bad}
    if slow:
        late = f'{ROUTE},http_response_status_code="201"'
        made |= {f"{name}_count{{{late}}}": slow, f'{name}_bucket{{{late},le="2.0"}}': steady(0)}
    return made


def ratio(name: str, labels: str, within: str, all_: str, edge: str) -> dict[str, str]:
    return {f"{name}_count{{{labels}}}": all_, f'{name}_bucket{{{labels},le="{edge}"}}': within}


@dataclass(frozen=True)
class Case:
    """When an alert fires, and when it must not although something like it is there."""

    fires: Series
    quiet: Mapping[str, Series] = field(default_factory=dict)
    at: int = 80
    """Minutes after the first sample."""
    every: int = 1
    """Minutes between two samples, and between two evaluations."""
    without_series: bool = False
    """Whether it fires where nothing is known at all."""


def burns(minutes: int, at: int, every: int = 1) -> Case:
    def per_minute(count: float, share: int = 1) -> str:
        return steady(count * every, minutes // every // share)

    def twice(count: float) -> str:
        return f"{per_minute(count, 2)} {per_minute(count, 2)}"

    return Case(
        requests(per_minute(60), per_minute(6)),
        {
            "little traffic": requests(per_minute(0.05), per_minute(0.002)),
            "idle": requests(per_minute(0), per_minute(0)),
            "a restart": requests(twice(60), twice(0.05)),
            "no error ever": requests(per_minute(60)),
        },
        at=at,
        every=every,
    )


TENANT = f'{WHO},tenant="acme"'


def tenant(good: str, bad: str) -> dict[str, str]:
    name = "http_server_tenant_requests_total"
    return {
        f'{name}{{{TENANT},http_response_status_class="2xx"}}': good,
        f'{name}{{{TENANT},http_response_status_class="5xx"}}': bad,
    }


POOL = f'{WHO},db_client_connection_pool_name="main"'


def pool(used: str, most: str) -> dict[str, str]:
    return {
        f'db_client_connection_count{{{POOL},db_client_connection_state="used"}}': used,
        f'db_client_connection_count{{{POOL},db_client_connection_state="idle"}}': "1x90",
        f"db_client_connection_max{{{POOL}}}": most,
    }


TASK = f'{WHO},system="celery",task="invoices"'
SENT, BEGUN = f"tasks_sent_total{{{TASK}}}", f"task_queue_wait_seconds_count{{{TASK}}}"
DAEMON = 'service="saasobs",instance="d:9110",job="saasobs"'
CHANNEL = f'{DAEMON},channel="chat"'
BUILD = 'saasobs_build_info{service="shop",environment="production",version="1",instance="a:1"}'


def late(within: str, all_: str) -> dict[str, str]:
    return ratio("saasobs_check_lateness_seconds", f'{DAEMON},kind="http"', within, all_, "5.0")


def connections(taken: str) -> dict[str, str]:
    return {
        'pg_stat_activity_count{instance="p",state="active"}': taken,
        'pg_settings_max_connections{instance="p"}': "100x95",
    }


def memory(used: str, most: str) -> dict[str, str]:
    return {'redis_memory_used_bytes{instance="r"}': used, 'redis_memory_max_bytes{instance="r"}': most}


def sent(good: str, bad: str) -> dict[str, str]:
    name = "saasobs_notifications_total"
    return {f'{name}{{{CHANNEL},outcome="sent"}}': good, f'{name}{{{CHANNEL},outcome="retry"}}': bad}


SLOW_ROUTE = Case(
    requests(steady(60), slow=steady(6)),
    {
        "little traffic": requests(steady(0.5), slow=steady(0.5)),
        "idle": requests(steady(0), slow=steady(0)),
        "a restart": requests(restarted(60), slow=restarted(1)),
        "one in a hundred": requests(steady(99), slow=steady(1)),
    },
)
CASES: Mapping[str, Case] = {
    "SaasobsErrorBudgetBurnFast": burns(150, 120),
    "SaasobsErrorBudgetBurnMedium": burns(600, 500),
    "SaasobsErrorBudgetBurnSlow": burns(4 * DAY, 4 * DAY - 60, every=5),
    "SaasobsLatencyBudgetBurnFast": Case(
        requests(steady(60, 150), slow=steady(30, 150)),
        {
            "little traffic": requests(steady(0.05, 150), slow=steady(0.05, 150)),
            "idle": requests(steady(0, 150), slow=steady(0, 150)),
            "a restart": requests(restarted(60), slow=restarted(1)),
        },
        at=120,
    ),
    "SaasobsRouteP95High": SLOW_ROUTE,
    "SaasobsCriticalRouteP95High": SLOW_ROUTE,
    "SaasobsHttp5xxRatioHigh": Case(
        requests(steady(60), steady(6)),
        {
            "little traffic": requests(steady(2), steady(1)),
            "idle": requests(steady(0), steady(0)),
            "a restart": requests(restarted(60), restarted(1)),
        },
    ),
    "SaasobsTrafficDropped": Case(
        requests(f"{steady(120, 7 * DAY + 30)} {(7 * DAY + 30) * 120}+1x60"),
        {
            "little traffic": requests(f"{steady(6, 7 * DAY + 30)} {(7 * DAY + 30) * 6}+0x60"),
            "idle": requests(steady(0, 7 * DAY + 90)),
            "a restart": requests(f"{steady(120, 7 * DAY + 30)} {steady(120, 60)}"),
        },
        at=7 * DAY + 80,
    ),
    "SaasobsTenantErrors": Case(
        tenant(steady(10), steady(5)),
        {
            "little traffic": tenant(steady(1), steady(1)),
            "idle": tenant(steady(0), steady(0)),
            "a restart": tenant(restarted(10), restarted(0.5)),
        },
    ),
    "SaasobsTargetDown": Case(
        {f"up{{{WHO}}}": "0x90"}, {
            "up": {f"up{{{WHO}}}": "1x90"},
            "not ours": {'up{job="x"}': "0x90"},
            "a restart": {f"up{{{WHO}}}": "1x78 0x1 1x20"},
        },
    ),
    "SaasobsServiceVanished": Case(
        {BUILD: "1x60", f"up{{{WHO}}}": "1x200"},
        {"a restart": {BUILD: "1x60 _x3 1x60"}, "there": {BUILD: "1x120"}},
        at=90,
    ),
    "SaasobsMetricsAbsent": Case(
        {"other": "1x90"},
        {"there": {BUILD: "1x90"}, "a restart": {BUILD: "1x70 _x3 1x20"}},
        without_series=True,
    ),
    "SaasobsCertificateExpiring": Case(
        {'probe_ssl_earliest_cert_expiry{monitor="api"}': f"{10 * 86400}x90"},
        {
            "later": {'probe_ssl_earliest_cert_expiry{monitor="api"}': f"{40 * 86400}x90"},
            "sooner, which is the other alert's": {'probe_ssl_earliest_cert_expiry{monitor="api"}': f"{2 * 86400}x90"},
        },
    ),
    "SaasobsCertificateExpiringNow": Case(
        {'probe_ssl_earliest_cert_expiry{monitor="api"}': f"{2 * 86400}x90"},
        {"later": {'probe_ssl_earliest_cert_expiry{monitor="api"}': f"{10 * 86400}x90"}},
    ),
    "SaasobsQueriesPerRequestHigh": Case(
        ratio("http_server_request_db_queries", ROUTE, steady(10), steady(20), "20.0"),
        {
            "little traffic": ratio("http_server_request_db_queries", ROUTE, steady(0.1), steady(0.5), "20.0"),
            "idle": ratio("http_server_request_db_queries", ROUTE, steady(0), steady(0), "20.0"),
            "a restart": ratio("http_server_request_db_queries", ROUTE, restarted(20), restarted(20), "20.0"),
        },
    ),
    "SaasobsNPlusOne": Case(
        {f'db_queries_n_plus_one_total{{{WHO},operation="/orders"}}': steady(1)},
        {
            "little traffic": {f'db_queries_n_plus_one_total{{{WHO},operation="/orders"}}': "0x30 1x60"},
            "idle": {f'db_queries_n_plus_one_total{{{WHO},operation="/orders"}}': "9x90"},
            "a restart": {f'db_queries_n_plus_one_total{{{WHO},operation="/orders"}}': "3x30 0x60"},
        },
    ),
    "SaasobsDbPoolNearlyFull": Case(
        pool("19x90", "20x90"),
        {
            "little traffic": pool("10x90", "20x90"),
            "idle": pool("0x90", "20x90"),
            "no limit": pool("19x90", "0x90"),
            "a restart": pool("10x30 _x2 10x60", "20x30 _x2 20x60"),
        },
    ),
    "SaasobsDbPoolExhausted": Case(
        {f"db_client_connection_timeouts_total{{{POOL}}}": steady(1)},
        {
            "long ago": {f"db_client_connection_timeouts_total{{{POOL}}}": "0x10 5x80"},
            "idle": {f"db_client_connection_timeouts_total{{{POOL}}}": "0x90"},
            "a restart": {f"db_client_connection_timeouts_total{{{POOL}}}": "5x60 0x30"},
        },
    ),
    "SaasobsPostgresConnectionsHigh": Case(
        connections("90x90"),
        {
            "little traffic": connections("50x90"),
            "idle": connections("1x90"),
            "a restart": connections("50x30 _x2 1x60"),
        },
    ),
    "SaasobsRedisMemoryHigh": Case(
        memory("95x90", "100x90"),
        {
            "no limit": memory("95x90", "0x90"),
            "little traffic": memory("50x90", "100x90"),
            "idle": memory("1x90", "100x90"),
            "a restart": memory("95x5 1x90", "100x95"),
            "a cache": {**memory("95x90", "100x90"),
                        'redis_instance_info{instance="r",maxmemory_policy="allkeys-lru"}': "1x90"},
        },
    ),
    "SaasobsQueueLag": Case(
        ratio("task_queue_wait_seconds", TASK, steady(5), steady(10), "300.0"),
        {
            "little traffic": ratio("task_queue_wait_seconds", TASK, steady(0), steady(0.05), "300.0"),
            "idle": ratio("task_queue_wait_seconds", TASK, steady(0), steady(0), "300.0"),
            "a restart": ratio("task_queue_wait_seconds", TASK, restarted(10), restarted(10), "300.0"),
        },
    ),
    "SaasobsQueueStalled": Case(
        {SENT: steady(1), BEGUN: "0+1x10 _x80"},
        {
            "little traffic": {SENT: "0x60 4x30", BEGUN: "7x90"},
            "idle": {SENT: "100x90", BEGUN: "100x90"},
            "a restart": {SENT: restarted(1), BEGUN: restarted(1)},
            "workers that are new": {
                SENT: "0x60 6x30", **{BEGUN.replace("a:1", f"b:{port}"): "_x61 1x28" for port in range(6)}
            },
            "one that takes long": {SENT: steady(1), BEGUN: "0+1x74 74x16"},
            "another service begins": {SENT: steady(1), BEGUN.replace('"shop"', '"worker"'): steady(1)},
            "workers that tell nothing": {SENT: steady(1)},
        },
    ),
    "SaasobsTasksFailing": Case(
        {f'task_duration_seconds_count{{{TASK},outcome="failure"}}': steady(0.4),
         f'task_duration_seconds_count{{{TASK},outcome="timeout"}}': steady(0.3),
         f'task_duration_seconds_count{{{TASK},outcome="lost"}}': steady(0.3),
         f'task_duration_seconds_count{{{TASK},outcome="success"}}': steady(4)},
        {
            "little traffic": {f'task_duration_seconds_count{{{TASK},outcome="failure"}}': steady(0.1)},
            "idle": {f'task_duration_seconds_count{{{TASK},outcome="failure"}}': "7x90"},
            "tries that are repeated": {f'task_duration_seconds_count{{{TASK},outcome="retry"}}': steady(5)},
            "a restart": {f'task_duration_seconds_count{{{TASK},outcome="failure"}}': "2x30 0x60",
                          f'task_duration_seconds_count{{{TASK},outcome="success"}}': restarted(4)},
        },
    ),
    "SaasobsChecksStale": Case(
        {f'saasobs_checks_total{{{DAEMON},kind="http",outcome="up"}}': "0+10x60 600x30"},
        {
            "little traffic": {f'saasobs_checks_total{{{DAEMON},kind="http",outcome="up"}}': "1x29 2x29 3x29"},
            "idle": {f'saasobs_checks_total{{{DAEMON},kind="http",outcome="up"}}': "7x90"},
            "running": {f'saasobs_checks_total{{{DAEMON},kind="http",outcome="up"}}': steady(1)},
            "a restart": {f'saasobs_checks_total{{{DAEMON},kind="http",outcome="up"}}': restarted(1)},
        },
    ),
    "SaasobsChecksLate": Case(
        late(steady(5), steady(10)),
        {
            "little traffic": late(steady(0.1), steady(0.5)),
            "idle": late("5x90", "9x90"),
            "a restart": late(restarted(10), restarted(10)),
        },
    ),
    "SaasobsNotifierFailing": Case(
        sent("3x90", steady(1)),
        {
            "some arrive": sent(steady(1), steady(1)),
            "little traffic": sent("3x90", "0x75 2x15"),
            "idle": sent("3x90", "3x90"),
            "a restart": sent("3x30 0x60", "3x30 0x60"),
        },
    ),
    "SaasobsOutboxStuck": Case(
        {f"saasobs_outbox_oldest_age_seconds{{{CHANNEL}}}": "0+60x90"},
        {
            "little traffic": {f"saasobs_outbox_oldest_age_seconds{{{CHANNEL}}}": "20x90"},
            "idle": {f"saasobs_outbox_oldest_age_seconds{{{CHANNEL}}}": "0x90"},
            "a restart": {f"saasobs_outbox_oldest_age_seconds{{{CHANNEL}}}": "0x78 400x1 0x10"},
        },
    ),
    "SaasobsStorageDown": Case(
        {f"saasobs_storage_up{{{DAEMON}}}": "0x90"}, {"a restart": {f"saasobs_storage_up{{{DAEMON}}}": "1x70 _x2 1x20"}}
    ),
    "SaasobsConfigurationRefused": Case(
        {f"saasobs_config_last_reload_successful{{{DAEMON}}}": "0x90"},
        {"a restart": {f"saasobs_config_last_reload_successful{{{DAEMON}}}": "1x70 _x2 1x20"}},
    ),
    "SaasobsPrometheusNotificationsFailing": Case(
        {'prometheus_notifications_errors_total{instance="p",alertmanager="a"}': steady(1)},
        {
            "idle": {'prometheus_notifications_errors_total{instance="p",alertmanager="a"}': "9x90"},
            "a restart": {'prometheus_notifications_errors_total{instance="p",alertmanager="a"}': "9x60 0x30"},
        },
    ),
    "SaasobsRuleEvaluationFailing": Case(
        {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="g"}': steady(1)},
        {
            "idle": {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="g"}': "9x90"},
            "a restart": {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="g"}': "9x60 0x30"},
        },
    ),
    "Watchdog": Case({"other": "1x90"}, without_series=True),
}  # fmt: skip


USUAL = ("little traffic", "idle", "a restart")
"""What every alert must be quiet on, beside a missing series."""
_DATE = "a date: traffic has no part in it, and the next check says it again"
_LEVEL = "it says 0 or 1, whatever the traffic"
_ONE = "one is too many"
NO_MATTER: Mapping[str, Mapping[str, str]] = {
    "SaasobsTargetDown": {"little traffic": _LEVEL, "idle": _LEVEL},
    "SaasobsServiceVanished": {"little traffic": _LEVEL, "idle": _LEVEL},
    "SaasobsMetricsAbsent": {"little traffic": _LEVEL, "idle": _LEVEL},
    "SaasobsCertificateExpiring": dict.fromkeys(USUAL, _DATE),
    "SaasobsCertificateExpiringNow": dict.fromkeys(USUAL, _DATE),
    "SaasobsDbPoolExhausted": {"little traffic": _ONE},
    "SaasobsStorageDown": {"little traffic": _LEVEL, "idle": _LEVEL},
    "SaasobsConfigurationRefused": {"little traffic": _LEVEL, "idle": _LEVEL},
    "SaasobsPrometheusNotificationsFailing": {"little traffic": _ONE},
    "SaasobsRuleEvaluationFailing": {"little traffic": _ONE},
    "Watchdog": dict.fromkeys(USUAL, "it always fires"),
}
"""Cases that an alert cannot have, and why."""


def unit(name: str, what: str, series: Series, *, fires: bool) -> dict[str, object]:
    case = CASES[name]
    expected = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "name": f"{name}: {what}",
        "interval": f"{case.every}m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": f"{case.at}m",
                "exp_samples": expected,
            }
        ],
    }


def units(name: str, case: Case) -> Sequence[dict[str, object]]:
    quiet = {**case.quiet, **({} if case.without_series else {"no series": {"other": "1x90"}})}
    return [
        unit(name, "fires", case.fires, fires=True),
        *(unit(name, f"is quiet: {what}", series, fires=False) for what, series in quiet.items()),
    ]


def test_every_alert_has_a_case() -> None:
    """One that is new is tested, too."""
    assert CASES.keys() == {alert.name for alert in alerts_of(RULES)}


@pytest.mark.parametrize("name", CASES)
def test_no_usual_case_is_left_out(name: str) -> None:
    """Little traffic, idle, a restart: tested, or said why there is no such thing."""
    tested, told = CASES[name].quiet.keys() & set(USUAL), NO_MATTER.get(name, {}).keys()
    assert tested | told == set(USUAL)
    assert not tested & told


def needed(name: str) -> Sequence[Group]:
    """The alert, and what is worked out ahead for it: a week of all the others would take minutes."""
    [alert] = [alert for alert in alerts_of(RULES) if alert.name == name]
    known = [rule for group in recording_groups(RULES) for rule in group.rules if isinstance(rule, Recording)]
    wanted: list[Recording] = []
    said = alert.expr
    for rule in reversed(known):  # each is made of what stands before it
        if rule.name in said:
            wanted.insert(0, rule)
            said += rule.expr
    return [Group("ahead", tuple(wanted)), Group("alert", (alert,))]


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_only_then(tmp_path: Path, name: str) -> None:
    """By Prometheus' own unit tests."""
    promtool = require_binary("promtool", "prometheus")
    (tmp_path / "rules.yml").write_text(text_of(needed(name), RULES), encoding="utf-8")
    every = "5m" if CASES[name].at > DAY else "1m"
    body = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": units(name, CASES[name])}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(body), encoding="utf-8")
    ran = subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
