"""What can be chosen at the top of a dashboard. Every choice takes several values, or all."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableOption, VariableRefresh, VariableSort

from dashboards.generate import queries
from saasobs.rules.model import RuleSet


class Name(StrEnum):
    """A variable; the data source is on every dashboard."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    ROUTE = "route"
    TENANT = "tenant"
    MONITOR = "monitor"
    CHANNEL = "channel"
    SLO = "slo"
    CORRELATION_ID = "correlation_id"


SENTRY: Final = "https://sentry.io"
LOKI: Final = "saasobs-loki"
"""`saasobs grafana push` puts a team's own in their place."""
_OBJECTIVES: Final = (99.0, 99.5, 99.9, 99.95, 99.99)
_ASKED: Final = {
    Name.SERVICE: ("Service", queries.only("saasobs_build_info", ()), "service"),
    Name.ENVIRONMENT: ("Environment", "saasobs_build_info", "environment"),
    Name.ROUTE: (
        "Route", queries.only("http_server_request_duration_seconds_count", queries.SERVICE), "http_route"
    ),
    Name.TENANT: ("Tenant", queries.only("http_server_tenant_requests_total", queries.SERVICE), "tenant"),
    Name.MONITOR: ("Monitor", queries.only("saasobs_monitor_status", queries.WATCHED), "monitor"),
    Name.CHANNEL: ("Channel", queries.only("saasobs_outbox_pending", queries.WATCHED), "channel"),
}  # fmt: skip


def variables(names: Sequence[Name]) -> list[Any]:
    """In this order, after the data source and before the hidden ones."""
    return [_source(), *map(_variable, names), _hidden("sentry", SENTRY), _hidden("loki", LOKI)]


def _source() -> dashboard.DatasourceVariable:
    chosen = VariableOption(text="Prometheus", value="saasobs-prometheus", selected=True)
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus").current(chosen)


def _variable(name: Name) -> Any:
    if name is Name.SLO:
        return _objective()
    if name is Name.CORRELATION_ID:
        return dashboard.TextBoxVariable(name).label("Correlation ID").default_value("")
    label, metric, of = _ASKED[name]
    everything = VariableOption(text=["All"], value=["$__all"], selected=True)
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(queries.SOURCE)
        .query({"query": f"label_values({metric}, {of})", "refId": name, "qryType": 1})
        .definition(f"label_values({metric}, {of})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(everything)
    )


def _objective() -> dashboard.CustomVariable:
    default = f"{RuleSet().slo:g}"
    values = [f"{value:g}" for value in _OBJECTIVES]
    options = [VariableOption(text=value, value=value, selected=value == default) for value in values]
    chosen = VariableOption(text=default, value=default, selected=True)
    made = dashboard.CustomVariable("slo").label("Objective, %").values(",".join(values))
    return made.options(options).current(chosen)


def _hidden(name: str, value: str) -> dashboard.TextBoxVariable:
    chosen = VariableOption(text=value, value=value, selected=True)
    return dashboard.TextBoxVariable(name).default_value(value).current(chosen).hide(VariableHide.HIDE_VARIABLE)
