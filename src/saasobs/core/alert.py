"""A problem reported by somebody else, as Prometheus and its like say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SourceKind(StrEnum):
    """How a source speaks."""

    PROMETHEUS = "prometheus"
    """Alertmanager's API v2: Prometheus posts to it, amtool and Grafana read it."""
    ALERTMANAGER = "alertmanager"
    """Alertmanager's webhook, version 4."""
    GRAFANA = "grafana"
    """The webhook of Grafana Alerting."""
    JSON = "json"
    """Any JSON, read by paths of the configuration."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one source: who it is stands in its labels.

    https://prometheus.io/docs/alerting/latest/alerts_api/
    """

    fingerprint: str
    """16 hexadecimal digits of the labels, as Alertmanager makes them (FNV-1a over the sorted pairs)."""
    source: str
    """The configured source that reported it (`alerts.sources`)."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: int = 0
    ends_at: int = 0
    """µs. While it fires: by when its source must have said so again, else it is stale; 0: whenever it likes. Of one
    that is resolved: when it ended."""
    generator_url: str = ""
    updated_at: int = 0
    """When its source last spoke of it."""
    incident_id: str = ""
    """The incident that tells of it; empty: none does."""
    group_key: str = ""
    """Alerts of a source with the same key share an incident."""
    resolved_at: int = 0
    """When its source said that it is over; 0: it has not."""
    stale_at: int = 0
    """When its source was found to have gone silent about it; 0: it has not."""

    @property
    def fires(self) -> bool:
        """Its source has not said that it is over."""
        return not self.resolved_at

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a silence: `name = value`, `!=`, `=~`, `!~` (anchored, RE2-like)."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        sign = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{sign[self.is_regex, self.is_equal]}"{value}"'


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every matcher are not told while it lasts: from its start until just before its end."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: int
    ends_at: int
    created_by: str
    comment: str
    updated_at: int = 0

    def active(self, now: int) -> bool:
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may report, once the credentials were right."""

    source: str
    kind: SourceKind
    may_silence: bool = False
    """Whether it may also make and end silences."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request's alerts."""

    accepted: int
    refused: tuple[str, ...] = ()
    """Why others were not taken, in words."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert as a page, amtool or Grafana shows it."""

    alert: Alert
    silenced_by: tuple[str, ...] = ()
    """The silences that cover it now."""
    receiver: str = ""
    """The policy that its source names, or the default."""
