"""The keys that say which systems may report alerts, and what is made of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.alerting.received.mapped import RESOLVED, Mapped, Value
from saasobs.alerting.received.source import Source, Watchdog
from saasobs.core.alert import SourceKind
from saasobs.core.monitor import Flapping
from saasobs.core.values import MINUTE
from saasobs.options import Options, PositiveDuration, SecretText
from saasobs.probes.conditions import JsonPath
from saasobs.settings.names import Name, Names
from saasobs.settings.quiet import FlappingOptions, FlappingSetting

_RESOLVE_TIMEOUT: Final = 5 * MINUTE
"""Alertmanager's own, for alerts that do not say how long they hold."""
_HEADER: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}$"
_GRAFANA_KEYS: Final = ("secret", "timestamp_header")


def _source_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", value):
        raise ValueError(f"{value!r} is no source: 1 to 50 letters, digits and . _ -, for it stands in an address")
    return value


SourceName = Annotated[
    str,
    AfterValidator(_source_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"}),
]


def _value(value: object) -> Value:
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a path such as $.title, or a text")  # noqa: TRY004 - pydantic catches this one
    return _path(value) if value.startswith("$") else value


def _path(value: object) -> JsonPath:
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a path such as $.alerts[*]")  # noqa: TRY004 - pydantic catches this one
    path = JsonPath(value)
    if path.has_patterns:
        raise ValueError(f"{value!r}: match() and search() are not taken here, for strangers write what they search")
    return path


_PATH_SCHEMA: Final = {"type": "string", "pattern": r"^\$", "examples": ["$.events[*]"]}
Path = Annotated[Any, BeforeValidator(_path), PlainSerializer(str, return_type=str), WithJsonSchema(_PATH_SCHEMA)]
"""An RFC 9535 query."""
Found = Annotated[
    Any,
    BeforeValidator(_value),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["$.title", "deploy"]}),
]
"""A query into one alert, or a fixed text."""


class MapOptions(Options):
    """Where in a JSON body things stand. A value that begins with `$` is a path (RFC 9535) into the alert; any other
    text stands for itself."""

    each: Path | None = None
    """The alerts of one request, as in `$.events[*]`. Default: the whole body is one alert."""
    name: Found
    """The alert's name, which becomes its label `alertname`."""
    status: Found | None = None
    """What says whether it is over. Without it, `ends_at` says so."""
    resolved: Names = RESOLVED
    """The values of `status` that mean that it is over; any others mean that it fires. Case does not matter."""
    labels: dict[str, Found] = Field(default_factory=dict, max_length=50)
    """More labels, such as `service`, `severity` or `tenant`. Labels say which alert it is: what changes from one
    report to the next (a value, a time) must not be among them."""
    summary: Found | None = None
    """What happened, in a sentence."""
    description: Found | None = None
    """More about it."""
    runbook: Found | None = None
    """A URL: what to do."""
    dashboard: Found | None = None
    """A URL: where to look."""
    url: Found | None = None
    """A URL: the alert itself, where it came from."""
    starts_at: Found | None = None
    """When it began: RFC 3339, or seconds or milliseconds since 1970. Default: when it is first heard of."""
    ends_at: Found | None = None
    """When it ended, or how long it holds unless it is repeated."""

    def mapped(self) -> Mapped:
        told = {
            "summary": self.summary, "description": self.description, "runbook_url": self.runbook,
            "dashboard_url": self.dashboard,
        }  # fmt: skip
        return Mapped(
            name=self.name,
            each=self.each,
            status=self.status or "",
            resolved=frozenset(word.lower() for word in self.resolved),
            labels=dict(self.labels),
            annotations={name: value for name, value in told.items() if value is not None},
            starts_at=self.starts_at or "",
            ends_at=self.ends_at or "",
            url=self.url or "",
        )


class SourceOptions(Options):
    """A system that reports alerts to the ingest listener."""

    kind: SourceKind
    """`prometheus` speaks Alertmanager's API (Prometheus itself, amtool, Grafana's data source); `alertmanager` and
    `grafana` send their webhooks; `json` sends anything, see `map`."""
    token: SecretText | None = None
    """What its requests carry: `Authorization: Bearer …`, or the password of basic authentication (with any user)."""
    secret: SecretText | None = None
    """What Grafana signs its webhook with (HMAC); may stand in place of a `token`."""
    timestamp_header: Annotated[str, Field(pattern=_HEADER)] | None = None
    """The header for the timestamp that Grafana signs, if one is set there; a message older than five minutes is then
    refused."""
    policy: str | None = None
    """The policy that says who is told. Default: the first one whose `match` fits, else that of `defaults`."""
    severity_label: str = "severity"
    """The label that says how grave an alert is."""
    critical: Names = ("critical", "page")
    """Its values that are critical here; all others are warnings. Case does not matter."""
    tenant_label: str = "tenant"
    """The label that says whose it is."""
    name_labels: tuple[str, ...] = ("service",)
    """Labels whose values follow the alert's name in the incident's, as in `HighErrorRate api`."""
    group_by: tuple[str, ...] | None = None
    """Alerts that agree in these labels share one incident. Default: each alert has its own."""
    drop_labels: tuple[str, ...] = ()
    """Labels that do not say which alert it is, such as the `replica` of two Prometheus that watch the same."""
    tags: tuple[Name, ...] = ()
    """Words to find its alerts by, in policies and maintenance windows; each label counts as `name=value`, too."""
    stale_after: PositiveDuration | None = None
    """An alert that does not say how long it holds is stale when it was not repeated for so long. Default: 5m for
    `prometheus`, never for webhooks, which are not repeated."""
    flapping: FlappingSetting = FlappingOptions()
    """When an alert comes and goes too often to be told each time; `false`: never."""
    silences: bool = True
    """Whether whoever has its token may make and end silences (`prometheus` only)."""
    map: MapOptions | None = None
    """For `json`: where in the body things stand."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.token is None and self.secret is None:
            raise ValueError("needs a `token`, or for Grafana a `secret`: nothing is taken from strangers")
        if (self.kind is SourceKind.JSON) != (self.map is not None):
            raise ValueError("`map` says what a `json` source sends: it needs one, and no other kind takes one")
        if self.kind is not SourceKind.GRAFANA and (odd := next((k for k in _GRAFANA_KEYS if getattr(self, k)), None)):
            raise ValueError(f"`{odd}` is for Grafana, which signs; a source of kind {self.kind} has a `token`")
        if self.timestamp_header and self.secret is None:
            raise ValueError("`timestamp_header` needs a `secret`: it is signed with it")
        return self

    def source(self, name: str) -> Source:
        default = _RESOLVE_TIMEOUT if self.kind is SourceKind.PROMETHEUS else 0
        return Source(
            name=name,
            kind=self.kind,
            token=self.token,
            secret=self.secret,
            timestamp_header=(self.timestamp_header or "").lower(),
            policy=self.policy or "",
            critical=frozenset(value.lower() for value in self.critical),
            severity_label=self.severity_label,
            tenant_label=self.tenant_label,
            name_labels=self.name_labels,
            group_by=self.group_by,
            drop_labels=frozenset(self.drop_labels),
            tags=self.tags,
            stale_after=default if self.stale_after is None else self.stale_after,
            flapping=_flapping(self.flapping),
            may_silence=self.silences and self.kind is SourceKind.PROMETHEUS,
            mapping=self.map.mapped() if self.map is not None else None,
        )


def _flapping(said: FlappingOptions | Literal[False]) -> Flapping | None:
    return Flapping(**dict(said)) if said else None


class WatchdogOptions(Options):
    """An alert that always fires. When it stops coming, whoever sends it is silent, and an incident says so; it opens
    none itself."""

    alertname: Annotated[str, Field(min_length=1, max_length=200)] = "Watchdog"
    """The alert's name."""
    within: PositiveDuration = 5 * MINUTE
    """How often it must come at the least. Prometheus repeats each minute."""
    source: str | None = None
    """Who sends it. Default: the source, if there is only one; else any."""
    policy: str | None = None
    """Who is told that it is silent. Default: as for any other critical incident."""

    def watchdog(self, sources: tuple[str, ...]) -> Watchdog:
        only = sources[0] if len(sources) == 1 else ""
        return Watchdog(self.alertname, self.within, self.source or only, self.policy or "")


def _several(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class AlertsOptions(Options):
    """Alerts that others report."""

    sources: dict[SourceName, SourceOptions] = Field(default_factory=dict, max_length=100)
    """Who reports, by name. `prometheus` posts to /alertmanager/NAME/api/v2/alerts, all others to /alerts/NAME."""
    watchdog: Annotated[tuple[WatchdogOptions, ...], BeforeValidator(_several)] = ()
    """Alerts that must keep coming: one, or a list of them."""

    def facts(self) -> dict[str, Source]:
        return {name: options.source(name) for name, options in self.sources.items()}

    def watchdogs(self) -> tuple[Watchdog, ...]:
        return tuple(options.watchdog(tuple(self.sources)) for options in self.watchdog)
