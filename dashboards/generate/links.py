"""Where a click leads: from a series to its route, its logs and its errors, with the time and the variables kept."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DashboardLink as Link
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from saasobs.rules.model import Board

TAG: Final = "saasobs"
"""All dashboards have it: the links at the top list those that do."""
_WHOSE: Final = "var-datasource=${datasource}&${service:queryparam}&${environment:queryparam}&${__url_time_range}"
_SAFE: Final = "${}_.:"


def to_route(route: str = "${__field.labels.http_route}") -> Builder[Link]:
    """One route, in detail."""
    return _link("Route in detail", f"/d/{Board.ROUTE}?{_WHOSE}&var-route={route}")


def to_service(service: str = "${__field.labels.service}") -> Builder[Link]:
    """One service."""
    whose = _WHOSE.replace("${service:queryparam}", f"var-service={service}")
    return _link("Service in detail", f"/d/{Board.SERVICE}?{whose}")


def to_slo(service: str = "${__field.labels.service}") -> Builder[Link]:
    """The error budget of one service."""
    whose = _WHOSE.replace("${service:queryparam}", f"var-service={service}")
    return _link("Error budget", f"/d/{Board.SLO}?{whose}")


def to_tenant(tenant: str = "${__field.labels.tenant}") -> Builder[Link]:
    """One tenant."""
    return _link("Tenant in detail", f"/d/{Board.TENANTS}?{_WHOSE}&var-tenant={tenant}")


def to_monitor(monitor: str = "${__field.labels.monitor}") -> Builder[Link]:
    """One monitor."""
    url = f"/d/{Board.UPTIME}?var-datasource=${{datasource}}&${{__url_time_range}}&var-monitor={monitor}"
    return _link("Monitor in detail", url)


def to_errors(route: str = "${__field.labels.http_route}") -> Builder[Link]:
    """What Sentry knows of a route: its reports carry the route as their transaction."""
    return _link("Errors in Sentry", f"${{sentry}}/issues/?query=transaction%3A%22{route}%22", away=True)


def to_logs_of_route(route: str = "${__field.labels.http_route}") -> Builder[Link]:
    """The request lines of a route; each has its correlation ID, a click on which has all lines of the request."""
    return _link("Logs of this route", _explore(f'{{service_name=~"${{service:regex}}"}} | json | route="{route}"'))


def to_logs_of_tenant(tenant: str = "${__field.labels.tenant}") -> Builder[Link]:
    """The lines of a tenant."""
    return _link("Logs of this tenant", _explore(f'{{service_name=~"${{service:regex}}"}} | json | tenant="{tenant}"'))


def board_links(*, correlated: bool) -> list[Builder[Link]]:
    """At the top of a dashboard. :param correlated: it asks for a correlation ID."""
    others = (
        dashboard.DashboardLink("saasobs")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=False)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
        .tooltip("The other dashboards, for the same time, service and route")
    )
    if not correlated:
        return [others]
    logs = _explore('{service_name=~"${service:regex}"} |= "${correlation_id}"')
    by_id = (
        dashboard.DashboardLink("Logs by correlation ID")
        .type(DashboardLinkType.LINK)
        .url(logs)
        .icon("doc")
        .target_blank(target_blank=True)
        .tooltip("Every line, of every component, of the operation whose ID is in the field above")
    )
    return [others, by_id]


def _link(title: str, url: str, *, away: bool = False) -> Builder[Link]:
    return dashboard.DashboardLink(title).url(url).target_blank(target_blank=away)


def _explore(query: str) -> str:
    """Grafana's Explore (schema 1, from Grafana 10 on) on Loki, for the time that is shown."""
    asked = '{"logs":{"datasource":"${loki}","queries":[{"refId":"A","expr":' + _quoted(query)
    panes = asked + '}],"range":{"from":"${__from}","to":"${__to}"}}}'
    return f"/explore?schemaVersion=1&panes={quote(panes, safe=_SAFE)}"


def _quoted(query: str) -> str:
    escaped = query.replace('"', '\\"')
    return f'"{escaped}"'
