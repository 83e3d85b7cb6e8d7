"""What a rule is, apart from the YAML that it becomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DAEMON: Final = "saasobs"
"""The daemon's `service`: config/prometheus.yml puts it on."""


class Severity(StrEnum):
    """Who is told: the daemon's default policy calls people for `critical` only."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"
    """Nobody: a sign of life."""


class Board(StrEnum):
    """The `uid` of a dashboard."""

    OVERVIEW = "saasobs-overview"
    SERVICE = "saasobs-service"
    ROUTE = "saasobs-route"
    SLO = "saasobs-slo"
    TENANTS = "saasobs-tenants"
    DATA = "saasobs-data"
    UPTIME = "saasobs-uptime"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is worked out ahead; named as Prometheus advises, ``level:metric:operations``."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition. Its words are found by its name (`texts`)."""

    name: str
    expr: str
    severity: Severity
    board: Board
    variables: Mapping[str, str] = field(default_factory=dict)
    """The dashboard's variables, and the alert's label that fills each."""
    for_: str = ""
    """How long the condition must hold."""
    keep: str = ""
    """How long it goes on firing after that, so that one good minute is no end."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are worked out one after the other."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str = ""
    """How often; empty: as often as Prometheus is configured to."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Whom the rules are for."""

    service: str = ""
    """One service; empty: every one, each by itself."""
    critical: tuple[str, ...] = ("/checkout", "/login", "/pay")
    """Routes whose slowness calls people."""
    slo: float = 99.9
    """Percent of requests that must not fail, over 30 days."""
    grafana: str = "http://localhost:3000"
    """Where the dashboards are."""
    runbooks: str = "https://github.com/saasobs/saasobs/blob/main/docs/runbooks"
    """Where the runbooks are: a folder with a page for each alert."""

    def only(self, *matchers: str) -> str:
        """A selector: ``{service="checkout",…}``, or nothing."""
        mine = (f'service="{self.service}"',) if self.service else ()
        return "{" + ",".join((*mine, *matchers)) + "}" if mine or matchers else ""

    @property
    def budget(self) -> float:
        """The share of requests that may fail."""
        return round(1 - self.slo / 100, 9)

    @property
    def critical_routes(self) -> str:
        """A regular expression for exactly these."""
        return exactly(*self.critical)


def exactly(*texts: str) -> str:
    """A regular expression for these and no others, escaped for RE2 within a string of PromQL."""
    return "|".join(_escaped(text) for text in texts)


def _escaped(route: str) -> str:
    return "".join(f"\\\\{letter}" if letter in r".+*?()|[]{}^$\\" else letter for letter in route)
