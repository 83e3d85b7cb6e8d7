"""What the instrumentation may be told: arguments, `SAASOBS_*`, and the field's standard names.

One table, SETTINGS, from which the documentation is made. Pure: the environment comes in as a mapping. A bad value
never stops the host; it becomes one sentence in the returned warnings, and the default is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saasobs.core.thresholds import MAX_QUERIES
from saasobs.instrument import reading
from saasobs.instrument.reading import LEVELS

__all__ = ["ALWAYS_EXCLUDED", "LEVELS", "SETTINGS", "InstrumentConfig", "Setting", "read_config"]


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """The whole configuration of the instrumentation in one process. SETTINGS says what each field is for."""

    service: str = "app"
    environment: str = ""
    version: str = ""
    log_level: str = "INFO"
    log_format: str = "json"
    log_rate: float = 100.0
    trust_incoming: bool = True
    correlation_header: str = "X-Request-ID"
    propagate_to: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    metrics: str = "private"
    metrics_path: str = "/metrics"
    health: bool = False
    ready_checks: tuple[Callable[[], Any], ...] = ()
    ready_timeout: float = 2.0
    sentry_dsn: str = ""
    otlp_endpoint: str = ""
    otlp_traces_endpoint: str = ""
    otlp_headers: Mapping[str, str] = field(default_factory=dict)
    otlp_timeout: float = 10.0
    otlp_compression: str = "none"
    otlp_certificate: str = ""
    otlp_client_certificate: str = ""
    otlp_client_key: str = ""
    trace_exporter: tuple[str, ...] = ()
    trace_sampler: str = "parentbased_traceidratio"
    trace_sample_ratio: float = 0.1
    otel_sdk_disabled: bool = False
    max_queries: int = MAX_QUERIES
    max_queries_by_route: Mapping[str, int] = field(default_factory=dict)
    repeated_queries: int = 5
    slow_query: float = 0.5
    tenant: str | Callable[..., Any] = ""
    tenants: tuple[str, ...] = ()
    tenant_limit: int = 100
    tenant_labels: str = "plain"
    trusted_proxies: tuple[str, ...] = ()
    heartbeats: Mapping[str, str] = field(default_factory=dict)
    scrub: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    `variables`: where it is read from when no argument is given, the first that is set wins; none: argument only.
    `read` raises ValueError with what would have been right. `help` is the documentation, in Markdown.
    """

    field: str
    variables: tuple[str, ...]
    read: Callable[[Any], Any]
    help: str
    example: str = ""


def _row(name: str, read: Callable[[Any], Any], text: str, example: str = "", *more: str, own: bool = True) -> Setting:
    ours = (f"SAASOBS_{name.upper()}",) if own else ()
    return Setting(name, (*ours, *more), read, text, example)


def _otlp(name: str, read: Callable[[Any], Any], text: str, example: str) -> Setting:
    standard = name.upper()
    both = (f"OTEL_EXPORTER_OTLP_TRACES_{standard}", f"OTEL_EXPORTER_OTLP_{standard}")
    return _row(f"otlp_{name}", read, text, example, *both)


SETTINGS = (
    _row("service", reading.name, "The name of this app in every signal.", "billing", "OTEL_SERVICE_NAME"),
    _row("environment", reading.text, "Where it runs.", "production", "SENTRY_ENVIRONMENT"),
    _row("version", reading.text, "What runs: a release, a commit.", "2026.11.3", "SENTRY_RELEASE"),
    _row("log_level", reading.level, "What is logged: this level and above.", "WARNING"),
    _row("log_format", reading.log_format, "`json`, or `console` for a person (the default on a terminal).",
         "console"),
    _row("log_rate", reading.seconds, "Lines a second that one event of one logger may write, ten seconds' worth at "
         "once; errors and access lines ten times as many. The others are counted and told in `log.suppressed`. 0: no "
         "limit.", "20"),
    _row("trust_incoming", reading.flag, "Continue the correlation IDs and traces of callers. A public edge sets it to "
         "0: it makes its own, and links the trace to the caller's.", "0"),
    _row("correlation_header", reading.header, "The header of the correlation ID.", "X-Correlation-ID"),
    _row("propagate_to", reading.destinations, "Hosts that get our headers on outgoing calls, beside loopback, private "
         "addresses, single-label names and `.internal`, `.local`, `.svc`: names, `*.domains`, addresses, networks, or "
         "`*` for all. `!` before one: never to this, such as a gateway that passes all headers on.",
         "*.acme.example,!egress.internal"),
    _row("exclude", reading.paths, "More paths to leave out of the numbers and of the access log.", "/ping"),
    _row("metrics", reading.metrics, "Who may read the metrics: `private` (loopback and private peers that came "
         "through no proxy), `public`, `off`, or the number of a port of their own.", "9464"),
    _row("metrics_path", reading.path, "Where the metrics are.", "/internal/metrics"),
    _row("health", reading.flag, "Serve `/healthz` and `/readyz`.", "1"),
    _row("ready_checks", reading.checks, "Functions that `/readyz` asks; one that raises or returns False says no.",
         "[check_database]", own=False),
    _row("ready_timeout", reading.seconds, "Seconds that each of these functions has.", "1"),
    _row("sentry_dsn", reading.url, "Where errors go. Without it they are log lines with a fingerprint.",
         "https://key@errors.acme.example/1", "SENTRY_DSN"),
    _row("otlp_endpoint", reading.url, "The OTLP/HTTP collector that takes the spans. Without it there are IDs but no "
         "spans.", "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    _row("otlp_traces_endpoint", reading.url, "The same with its path, when spans go somewhere else.",
         "http://127.0.0.1:4318/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    _otlp("headers", reading.headers, "Headers that the collector asks for, values percent-encoded.", "x-api-key=…"),
    _otlp("timeout", reading.timeout, "Seconds that a batch of spans may take to be delivered; from 1000 on it is "
          "milliseconds, as the standard has it.", "5"),
    _otlp("compression", reading.compression, "`none`, `gzip` or `deflate`.", "gzip"),
    _otlp("certificate", reading.text, "A file with the authorities that the collector's certificate may come from.",
          "/etc/ssl/collector.pem"),
    _otlp("client_certificate", reading.text, "A file with the certificate that we show the collector.",
          "/etc/ssl/app.pem"),
    _otlp("client_key", reading.text, "A file with its key.", "/etc/ssl/app.key"),
    _row("trace_exporter", reading.exporters, "Where spans go: `otlp` (the default when there is an endpoint), "
         "`console`, or `none`.", "console", "OTEL_TRACES_EXPORTER"),
    _row("trace_sampler", reading.sampler, "Who decides which traces are recorded: `parentbased_traceidratio` (the "
         "caller, else the ratio), `traceidratio` (the ratio alone), `always_on`, `always_off`, "
         "`parentbased_always_on`, `parentbased_always_off`. An app's own TracerProvider has its own.",
         "parentbased_always_on", "OTEL_TRACES_SAMPLER"),
    _row("trace_sample_ratio", reading.ratio, "The share of traces that begin here to record. A caller's decision "
         "comes first.", "1.0", "OTEL_TRACES_SAMPLER_ARG"),
    _row("otel_sdk_disabled", reading.flag, "Make no spans at all.", "1", "OTEL_SDK_DISABLED", own=False),
    _row("max_queries", reading.count, "More database queries than this in one operation (Redis is counted apart) is a "
         "`queries.too_many`; 0: never.",
         "50"),
    _row("max_queries_by_route", reading.limits, "Other numbers for some routes or tasks.", "/reports=100,/export=500"),
    _row("repeated_queries", reading.count, "As many times the same statement from one place is a "
         "`queries.n_plus_one` (of a cache: four times as many); 0: never.", "10"),
    _row("slow_query", reading.seconds, "A query that takes as many seconds is a `queries.slow`; 0: never.", "1"),
    _row("tenant", reading.tenant, "How to find out for whom a request is: `subdomain:DOMAIN`, `header:NAME` (from "
         "trusted proxies only), `jwt:CLAIM` (of a token that something else has verified), or a function.",
         "subdomain:acme.example"),
    _row("tenants", reading.words, "Tenants that always have a label of their own in the metrics.", "acme,globex"),
    _row("tenant_limit", reading.count, "How many tenants may have a label of their own; the others share "
         "`__other__`.", "250"),
    _row("tenant_labels", reading.tenant_labels, "How tenants stand in metrics: `plain`, or `hashed` (the first 12 "
         "digits of the name's SHA-256).", "hashed"),
    _row("trusted_proxies", reading.hosts, "Addresses or networks whose headers about the client and the tenant are "
         "believed.", "10.0.0.0/8"),
    Setting("heartbeats", (f"{reading.HEARTBEAT}*",), reading.heartbeats, "Ping URLs of jobs, one variable each: the "
            "job's name in capitals, anything else than letters and digits as `_`.",
            "SAASOBS_HEARTBEAT_NIGHTLY_INVOICES=https://obs.acme.example/ping/6b0c1a52-…"),
    _row("scrub", reading.words, "More names of fields, headers and parameters whose values are masked in logs, spans "
         "and error reports, beside those that are called like a secret; case and separators do not matter.",
         "tax_id,X-Device-Key"),
    _row("disable", reading.libraries, "Libraries and frameworks to leave alone, by name: `sqlalchemy`, `flask`, "
         "`requests` (with it `urllib3`, on which it stands), `threads` …; `django.commands` are management commands "
         "as jobs. One that nobody knows is told at the start, with all there are.", "redis,httpx"),
)  # fmt: skip
_SECRET = frozenset({"sentry_dsn", "otlp_headers", "otlp_endpoint", "otlp_traces_endpoint", "heartbeats"})
"""Settings whose values hold keys or passwords: what is wrong with one is told without it."""
_OWN = "SAASOBS_"
ALWAYS_EXCLUDED = frozenset({"/healthz", "/readyz"})


def read_config(
    environ: Mapping[str, str], arguments: Mapping[str, Any] | None = None, *, terminal: bool = False
) -> tuple[InstrumentConfig, tuple[str, ...]]:
    """The configuration, and a sentence for each value that was not understood.

    Precedence: argument (None counts as not given), then `SAASOBS_*` (empty counts as not set), then the standard
    name, then the default.

    :param terminal: whether a person reads the logs as they come: then the default format is `console`.
    """
    given = arguments or {}
    found: dict[str, Any] = {"log_format": "console"} if terminal else {}
    warnings: list[str] = []
    for setting in SETTINGS:
        for source, value in _candidates(setting, given, environ):
            try:
                found[setting.field] = setting.read(value)
            except (ValueError, TypeError) as error:
                shown = "***" if setting.field in _SECRET else repr(value)[: reading.TEXT_LIMIT]
                warnings.append(f"{source} is {shown} but {error}; the default is used")
            break
    return InstrumentConfig(**found), (*warnings, *_mistyped(environ))


def _mistyped(environ: Mapping[str, str]) -> list[str]:
    """Variables that are nearly one of ours. Others may be the daemon's, or somebody's own."""
    known = {name.removeprefix(_OWN) for setting in SETTINGS for name in setting.variables}
    ours = sorted(name for name in environ if name.startswith(_OWN) and not name.startswith(reading.HEARTBEAT))
    unknown = [name for name in ours if name.removeprefix(_OWN) not in known]
    asked = [(name, reading.nearest(name, known, _OWN)) for name in unknown]
    return [f"{name} is no setting of ours{question}" for name, question in asked if question]


def _candidates(setting: Setting, given: Mapping[str, Any], environ: Mapping[str, str]) -> list[tuple[str, Any]]:
    sources = [(f"argument {setting.field}", given.get(setting.field))]
    sources += [(variable, _value(variable, environ) or None) for variable in setting.variables]
    return [(name, value) for name, value in sources if value is not None]


def _value(variable: str, environ: Mapping[str, str]) -> Any:
    """What the environment says; `NAME_*` stands for all variables that begin so."""
    if not variable.endswith("*"):
        return environ.get(variable)
    return {name: value for name, value in environ.items() if name.startswith(variable[:-1]) and value}
