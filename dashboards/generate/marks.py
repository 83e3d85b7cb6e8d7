"""What is drawn over every chart: a deploy, an outage, an alert that fires."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from dashboards.generate import queries
from dashboards.generate.variables import Name

_WHICH = "by (service, environment, version)"


def drawn(names: Sequence[Name]) -> list[Builder[AnnotationQuery]]:
    """For the services that the dashboard shows, or for all."""
    whose = queries.SERVICE if Name.SERVICE in names else queries.WATCHED
    return [_deploys(whose), _incidents(), _firing(whose if Name.SERVICE in names else ())]


def _deploys(whose: tuple[str, ...]) -> dashboard.AnnotationQuery:
    """A version that runs now and did not run in the hour before: a deploy, or its taking back."""
    info = queries.only("saasobs_build_info", whose)
    running = f"count {_WHICH} (last_over_time({info}[$__rate_interval]))"
    before = f"count {_WHICH} (last_over_time({info}[1h] offset $__rate_interval))"
    asked = _asked("Deploys", f"{running} unless {before}", "blue")
    return asked.title_format("{{service}} {{version}}").tag_keys("environment")


def _incidents() -> dashboard.AnnotationQuery:
    down = f"max by (monitor) ({queries.only('saasobs_monitor_status', queries.WATCHED)}) == 2"
    return _asked("Incidents", down, "red").title_format("{{monitor}} is down")


def _firing(whose: tuple[str, ...]) -> dashboard.AnnotationQuery:
    """Those of these services, and those that belong to none."""
    loose = tuple(f'{matcher[:-1]}|"' for matcher in whose)
    fires = queries.only("ALERTS", loose, 'alertstate="firing"', 'severity=~"critical|warning"')
    asked = _asked("Firing alerts", fires, "orange")
    return asked.title_format("{{alertname}}").tag_keys("severity,service,http_route")


def _asked(name: str, expression: str, colour: str) -> dashboard.AnnotationQuery:
    asked = dashboard.AnnotationQuery().name(name).datasource(queries.SOURCE).expr(expression)
    return asked.icon_color(colour).enable(enable=True).hide(hide=False)
