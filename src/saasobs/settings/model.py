"""The keys of the file as a whole: everything but what a kind of monitor or a channel adds of its own.

The docstring under a key is its documentation: docs/configuration.md and the JSON Schema are made from it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.alerting.channels.fields import SecretUrl
from saasobs.core.monitor import Severity
from saasobs.core.values import DAY, MINUTE, SECOND
from saasobs.options import HttpUrl, Options, PositiveDuration
from saasobs.settings.alerts import AlertsOptions
from saasobs.settings.answers import AnswersOptions
from saasobs.settings.facts import Listener
from saasobs.settings.names import NOT_A_SWITCH, Name, Names, valid_name
from saasobs.settings.oncall import ScheduleOptions
from saasobs.settings.people import PersonOptions, QuietHoursOptions
from saasobs.settings.policies import LinkTemplate
from saasobs.settings.quiet import FlappingOptions, FlappingSetting, MaintenanceOptions


def _location(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", value):
        raise ValueError(f"{value!r} is no location: 1 to 50 letters, digits and . _ - as in sa-east-1")
    return value


def _listener(value: object) -> Listener:
    found = (
        re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s/]+)):(\d{1,5})", value) if isinstance(value, str) else None
    )
    if not found or int(found[3]) > 65535:
        raise ValueError(f"{value!r} is not an address to listen on: write a host and a port, as in 127.0.0.1:9110")
    return Listener(found[1] or found[2], int(found[3]))


_BIND_SCHEMA: Final = {"type": "string", "pattern": r"^.+:\d{1,5}$", "examples": ["127.0.0.1:9110", "[::1]:9110"]}
Bind = Annotated[Any, BeforeValidator(_listener), PlainSerializer(str, return_type=str), WithJsonSchema(_BIND_SCHEMA)]
"""A host and a port."""


def _loopback(value: Listener) -> Listener:
    try:
        loopback = ipaddress.ip_address(value.host).is_loopback
    except ValueError:
        loopback = value.host == "localhost"
    if not loopback:
        raise ValueError(
            "the operator page has no users yet: bind it to loopback and put your reverse proxy with a login in"
            " front, or bind `ingest` outward"
        )
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be a plain address such as https://status.example.com, without user, query or fragment")
    return value.rstrip("/")


def _second(value: int) -> int:
    if value < SECOND:
        raise ValueError("must be at least 1s")
    return value


Interval = Annotated[PositiveDuration, AfterValidator(_second)]


def _day(value: int) -> int:
    if value < DAY:
        raise ValueError("must be at least 1d: a day is rolled up from what was kept of it")
    return value


Kept = Annotated[PositiveDuration, AfterValidator(_day)]


def _store(value: str) -> str:
    scheme, separator, path = value.partition(":///")
    if not separator or scheme != "sqlite" or not path or path == ":memory:" or "?" in path or path.endswith("/"):
        raise ValueError(
            "must be the URL of an SQLite file, as in sqlite:///var/saasobs.db (sqlite://// and an absolute path)"
        )
    return value


def _nameserver(value: str) -> str:
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})", value)
    try:
        ipaddress.ip_address((found[1] or found[2]) if found else value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not the address of a name server: write 10.0.0.2 or 10.0.0.2:53") from error
    return value


class Web(Options):
    """The operator page and the API."""

    bind: Annotated[Bind, AfterValidator(_loopback)] = Field(default="127.0.0.1:9110", validate_default=True)
    """Where the page listens. Loopback only: it has no users yet. Port 0 takes any free one."""
    base_url: Annotated[HttpUrl, AfterValidator(_base_url)] | None = None
    """What links in messages begin with, where people reach the page by another name. Default: the address above."""


class Ingest(Options):
    """Heartbeat pings, alerts of others, links for answering, metrics and health: what other hosts may reach, since
    nothing is taken without a token."""

    bind: Bind
    """Where to listen for them."""
    base_url: Annotated[HttpUrl, AfterValidator(_base_url)] | None = None
    """Under which address others reach it, through a proxy with TLS for one, as in https://hooks.example.com: what ping
    URLs, calendars and the links for answering begin with."""


def _objective(value: object) -> object:
    return {"target": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class SloOptions(Options):
    """A service level objective: how much of the time a monitor is to be up. A bare number is its target."""

    target: Annotated[float, Field(ge=50, lt=100)]
    """Percent of the checks that must find it up (or degraded), as in 99.9."""
    days: Literal[7, 30, 90] = 30
    """The rolling window: 7, 30 or 90 days."""


class Common(Options):
    """What every monitor has, beside the keys of its kind."""

    name: Name
    """Its identity: state, history and the heartbeat's URL follow it through every reload."""
    interval: Interval | None = None
    """From one check to the next; at least one second."""
    timeout: PositiveDuration | None = None
    """A check that takes longer has failed; never longer than `interval`."""
    fail_after: Annotated[int, Field(ge=1, le=100), NOT_A_SWITCH] | None = None
    """How many failed checks in a row make it down (or degraded)."""
    recover_after: Annotated[int, Field(ge=1, le=100), NOT_A_SWITCH] | None = None
    """How many good checks in a row make it up again."""
    retry_interval: PositiveDuration | None = None
    """How soon a failure or a recovery is checked again, until it is confirmed; never longer than `interval`."""
    severity: Severity | None = None
    """`critical` wakes somebody, `warning` waits for the morning."""
    policy: str | None = None
    """The policy that says who is told. Default: the first one whose `match` fits, else that of `defaults`."""
    public_only: bool | None = None
    """Refuse to connect to private, loopback, link-local and cloud metadata addresses, after the name is resolved and
    at every hop: for targets that somebody else may choose."""
    slo: Annotated[SloOptions, BeforeValidator(_objective)] | None = None
    """A service level objective, as in 99.9 or {target: 99.9, days: 30}: shows the error budget, and opens an incident
    when it burns too fast."""
    network_guard: bool = True
    """Whether a failure counts as `unknown` while our own network is cut off (see `network`). Set it to false for what
    stands beside the daemon, on the same machine or LAN."""
    depends_on: Names | None = None
    """Monitors whose outage explains this one's, and all that those depend on: while one of them is down this one's
    alerts wait. Its checks and incidents go on."""
    flapping: FlappingSetting | None = None
    """When its outages are too many to be told one by one; `false`: never."""
    tags: tuple[Name, ...] = ()
    """Words to find it by."""
    description: Annotated[str, Field(max_length=1000)] = ""
    """What it is for; stands in every message."""
    runbook: HttpUrl | None = None
    """Where it is written what to do when it is down; stands in every message."""


class Defaults(Options):
    """What applies to every monitor that does not say otherwise (nor its kind)."""

    interval: Interval = 60 * SECOND
    """From one check to the next."""
    timeout: PositiveDuration = 10 * SECOND
    """A check that takes longer has failed. A monitor with a shorter interval has that for its timeout."""
    fail_after: Annotated[int, Field(ge=1, le=100), NOT_A_SWITCH] = 2
    """How many failed checks in a row make a monitor down (or degraded)."""
    recover_after: Annotated[int, Field(ge=1, le=100), NOT_A_SWITCH] = 2
    """How many good checks in a row make it up again."""
    retry_interval: PositiveDuration = 5 * SECOND
    """How soon a failure or a recovery is checked again, until it is confirmed."""
    severity: Severity = Severity.CRITICAL
    """`critical` wakes somebody, `warning` waits for the morning."""
    policy: str = "default"
    """The policy that says who is told, where no other one's `match` fits."""
    public_only: bool = False
    """Refuse to connect to private, loopback, link-local and cloud metadata addresses."""
    flapping: FlappingSetting = FlappingOptions()
    """When a monitor's outages are too many to be told one by one; `false`: never."""


class LimitOptions(Options):
    """How much is done at a time."""

    concurrency: Annotated[int, Field(ge=1, le=10_000), NOT_A_SWITCH] = 1_000
    """Checks at a time, in all."""
    per_host: Annotated[int, Field(ge=1, le=1_000), NOT_A_SWITCH] = 4
    """Checks at a time against one host."""


class RetentionOptions(Options):
    """How long results are kept. Daily roll-ups are kept for good."""

    raw: Kept = 7 * DAY
    """Every single result."""
    hourly: Kept = 90 * DAY
    """Hourly roll-ups; at least as long as `raw`."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hourly < self.raw:
            raise ValueError("`hourly` must be at least as long as `raw`")
        return self


def _anchor(value: str) -> str:
    if anchor_address(value) is None:
        return valid_name(value)
    return value


def anchor_address(value: str) -> tuple[str, int] | None:
    """Host and port of an anchor that is an address; None: a monitor's name. :raises ValueError: it is neither."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]\s]+)):(\d{1,5})", value)
    if found is None:
        return None
    host, port = found[1] or found[2], int(found[3])
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError as error:
        hint = "write an IP address and a port, as in 1.1.1.1:53 (a name would need the network to be found)"
        raise ValueError(f"{value!r} is no anchor: {hint}, or the name of a monitor") from error
    if not 1 <= port <= 65535:
        raise ValueError(f"{value!r}: {port} is no port")
    return host, port


class NetworkGuardOptions(Options):
    """The guard over our own network: while its anchors are silent, results are `unknown` and nobody is told down."""

    anchors: Annotated[tuple[Annotated[str, AfterValidator(_anchor)], ...], Field(min_length=2, max_length=20)]
    """Two or more things that are up whenever our network is, far from each other: addresses as in 1.1.1.1:53 (TCP; a
    refusal is an answer, too), or names of monitors."""
    quorum: Annotated[int, Field(ge=2), NOT_A_SWITCH] | None = None
    """How many anchors must be silent for us to be cut off. Default: a majority, and at least 2."""
    interval: Interval = 15 * SECOND
    """How often they are asked while all is well; a failed check has them asked at once."""
    policy: str | None = None
    """Who is told that we are blind. Default: as for any other incident."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        places = {anchor_address(anchor) or anchor for anchor in self.anchors}
        if len(places) < len(self.anchors):
            raise ValueError("the anchors must differ: two looks at one place prove no more than one")
        if self.quorum is not None and self.quorum > len(self.anchors):
            raise ValueError(f"a quorum of {self.quorum} can never be silent: there are {len(self.anchors)} anchors")
        return self


class OwnHeartbeatOptions(Options):
    """The daemon's own outgoing heartbeat: another watcher's URL, which gets a GET while all is well here."""

    url: SecretUrl
    """Where to report."""
    interval: Interval = MINUTE
    """From one report to the next."""


class Root(Options):
    """The keys at the left edge of the file."""

    store: Annotated[str, AfterValidator(_store)] = "sqlite:///var/saasobs.db"
    """Where results and incidents are kept; a relative path counts from the working folder."""
    state_dir: Annotated[str, Field(min_length=1)] | None = None
    """The daemon's own folder (its socket, its instance's secret). Default: the folder of the database."""
    web: Web = Web()
    """The operator page and the API."""
    ingest: Ingest | None = None
    """A listener of its own for pings, metrics and health. Default: the same as `web`."""
    location: Annotated[str, AfterValidator(_location)] = "local"
    """The name of the place that checks run from."""
    nameservers: tuple[Annotated[str, AfterValidator(_nameserver)], ...] = ()
    """The name servers to ask, as in 10.0.0.2 or 10.0.0.2:53. Default: the system's."""
    limits: LimitOptions = LimitOptions()
    """How much is done at a time."""
    retention: RetentionOptions = RetentionOptions()
    """How long results are kept."""
    network: NetworkGuardOptions | None = None
    """The guard over our own network, so that its outage is not taken for everybody else's."""
    maintenance: tuple[MaintenanceOptions, ...] = ()
    """Windows in which alerts wait. More can be opened while the daemon runs: `saasobs maintenance start`."""
    heartbeat: OwnHeartbeatOptions | None = None
    """The daemon's own outgoing heartbeat, so that somebody notices when the daemon itself dies."""
    defaults: Defaults = Defaults()
    """What applies to every monitor that does not say otherwise."""
    channels: dict[str, Any] = Field(default_factory=dict)
    """The ways to reach people, by name. Default: one channel named `console`."""
    people: dict[Name, PersonOptions] = Field(default_factory=dict)
    """Who can be told by name: a policy's step may name them, or the on-call schedules that they take turns in."""
    oncall: dict[Name, ScheduleOptions] = Field(default_factory=dict)
    """Who is on call, by the name of the schedule."""
    policies: dict[str, Any] = Field(default_factory=dict)
    """Who is told and when, by name: a list of steps, or `{steps: […]}`. Without any: every channel that is nobody's
    fallback is told at once; where there are `people`, they are told one by one until somebody acknowledges."""
    alerts: AlertsOptions = AlertsOptions()
    """Which other systems may report alerts, and what is made of them."""
    answers: AnswersOptions = AnswersOptions()
    """How people answer to incidents."""
    quiet_hours: QuietHoursOptions | None = None
    """When warnings wait, for channels and for people without quiet hours of their own."""
    links: dict[Name, LinkTemplate] = Field(default_factory=dict)
    """Where messages lead, by what it is called there; {service}, {monitor}, {incident}, {correlation_id}, {trace_id}
    and {tenant} stand for the incident's own. A link is left out where one of its facts is not known."""
    monitors: list[Any]
    """What to watch; may be an empty list, but not missing: half a file never stops the watching."""
