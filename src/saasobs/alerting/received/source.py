"""One configured source of alerts, and what a request of its kind holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saasobs.alerting.received.api import read_posted, read_webhook
from saasobs.alerting.received.mapped import Mapped, read_mapped
from saasobs.alerting.received.reports import Parsed
from saasobs.core.alert import SourceKind
from saasobs.core.monitor import Flapping
from saasobs.core.values import Secret


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports, and what is made of it. Durations are µs."""

    name: str
    kind: SourceKind
    token: Secret | None = None
    """What its requests must carry; None: the signature alone says who it is."""
    secret: Secret | None = None
    """What Grafana signs with; None: it does not sign."""
    timestamp_header: str = ""
    """The header that is signed with the body, in lower case; empty: none is."""
    policy: str = ""
    """Who is told; empty: whichever policy fits."""
    critical: frozenset[str] = frozenset({"critical", "page"})
    """The severities, in lower case, that are critical here; all others are warnings."""
    severity_label: str = "severity"
    tenant_label: str = "tenant"
    name_labels: tuple[str, ...] = ("service",)
    """Labels whose values follow the alert's name in the name of its incident."""
    group_by: tuple[str, ...] | None = None
    """Alerts that agree in these labels share an incident; None: each has its own."""
    drop_labels: frozenset[str] = frozenset()
    """Labels that say nothing about who an alert is, such as the `replica` of a pair of Prometheus."""
    tags: tuple[str, ...] = ()
    stale_after: int = 0
    """An alert that does not say how long it holds is stale when it was not repeated for so long; 0: never."""
    flapping: Flapping | None = None
    may_silence: bool = False
    mapping: Mapped | None = None


@dataclass(frozen=True, slots=True)
class Watchdog:
    """An alert that always fires: when it stops coming, its source is silent."""

    alertname: str
    within: int
    """µs."""
    source: str = ""
    """Empty: any."""
    policy: str = ""

    def is_meant(self, source: str, labels: Mapping[str, str]) -> bool:
        return labels.get("alertname") == self.alertname and self.source in ("", source)

    @property
    def key(self) -> str:
        return f"{self.source}/{self.alertname}"


def read(source: Source, body: bytes) -> Parsed:
    """What a request of this source reports. :raises Refused: it is not what such a source sends."""
    if source.mapping is not None:
        return read_mapped(body, source.mapping)
    return read_posted(body) if source.kind is SourceKind.PROMETHEUS else read_webhook(body)
