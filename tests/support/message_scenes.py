"""One message of every sort, as it happens: what the golden pages show in every language and over every channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from saasobs.core.groups import GroupBriefing, GroupKind
from saasobs.core.incident import CHANNEL, OWN_NETWORK, Briefing, Change, Event, Incident, Link, Status, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason
from saasobs.core.values import DAY, HOUR, MINUTE
from support.briefings import INCIDENT, NOW, briefing, ended, many, member

Told = Briefing | GroupBriefing

ZONES: Final = {"en": "UTC", "es": "America/Lima", "pt": "America/Sao_Paulo"}
"""Whose clock the page of each language shows."""

FAILED = "status 503, expected 200-299"
CHECKOUT = replace(
    INCIDENT,
    monitor="checkout",
    message=FAILED,
    started_at=NOW - 12 * MINUTE,
    opened_at=NOW - 11 * MINUTE,
    correlation_id="7f3a9c0d5b21",
)
SLOW = replace(
    CHECKOUT,
    status=Status.DEGRADED,
    severity=Severity.WARNING,
    reason=Reason.TOO_SLOW,
    message="answered in 4.2s, more than 2s (degraded)",
)
FACTS: Mapping[str, Any] = {
    "target": "https://checkout.acme.example/health",
    "description": "What clients pay with.",
    "runbook": "https://wiki.acme.example/checkout-down",
    "tags": ("critical", "billing"),
    "phases": (
        ("dns", 12_000), ("connect", 30_000), ("tls", 41_000), ("first_byte", 3_210_000), ("transfer", 900),
    ),
    "affected": ("storefront", "invoices", "acme"),
    "links": (
        Link("dashboard", "https://grafana.acme.example/d/red?var-service=checkout"),
        Link("trace", "https://tempo.acme.example/trace/4bf92f3577b34da6a3ce929d0e0e4736"),
        Link("logs", "https://grafana.acme.example/explore?q=7f3a9c0d5b21"),
        Link("errors", "https://sentry.acme.example/issues/?query=correlation_id%3A7f3a9c0d5b21"),
    ),
    "also_told": ("team-slack", "bruno", "carla"),
    "answer_url": "https://alerts.acme.example/a/k3v9m2xa.QmFzZTY0dG9rZW4",
    "page_url": "https://alerts.acme.example",
}  # fmt: skip
TAKEN = replace(CHECKOUT, acknowledged_at=NOW - 2 * MINUTE, acknowledged_by="ana")


def happened(*events: tuple[int, Change, str, str]) -> tuple[Event, ...]:
    """The timeline, after the opening: (µs ago, change, text, who)."""
    opening = Event(CHECKOUT.id, CHECKOUT.opened_at, Change.OPENED, f"down: {FAILED}")
    return (opening, *(Event(CHECKOUT.id, NOW - ago, change, text, who) for ago, change, text, who in events))


def told(*changes: Change, incident: Incident = CHECKOUT, **facts: Any) -> Briefing:
    usual: dict[str, Any] = {**FACTS, "timeline": happened()}
    if not incident.open or incident.acknowledged_at:
        usual["answer_url"] = ""
    return briefing(*changes, incident=incident, **{**usual, **facts})


def bare(*changes: Change, incident: Incident, **facts: Any) -> Briefing:
    """One that no monitor stands behind."""
    about = {"target": "", "page_url": "https://alerts.acme.example", "timeline": (), "answer_url": FACTS["answer_url"]}
    return briefing(*changes, incident=incident, **{**about, **facts})


def advisory(topic: Topic, reason: Reason, message: str, **facts: Any) -> Incident:
    usual: dict[str, Any] = {"severity": Severity.WARNING, "status": Status.DEGRADED}
    return replace(CHECKOUT, topic=topic, reason=reason, message=message, **{**usual, **facts})


CERTIFICATE = advisory(
    Topic.CERTIFICATE,
    Reason.CERTIFICATE_EXPIRING,
    "the certificate CN=checkout.acme.example is valid until 2026-12-05T14:03:00.000Z, 13.0 days from now",
)
BUDGET = advisory(
    Topic.SLO,
    Reason.ERROR_BUDGET,
    "4 checks failed within 1h: the error budget of 99.9 % over 30 days burns 66.7 times faster than it may",
)
GRAVE: Mapping[str, Any] = {"severity": Severity.CRITICAL, "status": Status.DOWN}
BLIND = advisory(
    Topic.NETWORK,
    Reason.OWN_NETWORK,
    "our own network is down: 2 of 2 anchors do not answer (1.1.1.1:53, 8.8.8.8:53); nothing is judged by it",
    monitor=OWN_NETWORK,
    correlation_id="",
    **GRAVE,
)
FLAPPING = advisory(Topic.FLAPPING, Reason.FLAPPING, "5 outages in 20m", **GRAVE)
CHANNEL_DOWN = advisory(
    Topic.CHANNEL, Reason.CHANNEL_FAILING, "Slack: token_revoked", monitor=f"{CHANNEL}team-slack", **GRAVE
)
ALERT = advisory(
    Topic.ALERT,
    Reason.REPORTED,
    "12% of the requests of billing fail",
    monitor="HighErrorRate billing",
    correlation_id="",
    tenant="acme",
    **GRAVE,
)
SILENT = advisory(
    Topic.ALERT,
    Reason.SOURCE_SILENT,
    "prometheus is silent: Watchdog was last heard of at 2026-11-22 13:51 UTC, and must come every 5m",
    monitor="Watchdog prometheus",
    correlation_id="",
    **GRAVE,
)
MISSING = replace(
    CHECKOUT,
    monitor="nightly-invoices",
    reason=Reason.HEARTBEAT_MISSING,
    message="no ping for 1d6h: the last came at 2026-11-21T08:03:00.000Z, the next was due by 2026-11-22T08:15:00.000Z",
    correlation_id="",
)
UNREACHED = replace(
    CHECKOUT,
    reason=Reason.CONNECT_TIMEOUT,
    message="the host did not accept the connection in time (checkout.acme.example:443 at 203.0.113.7, 10s)",
)
OVER: Mapping[str, Any] = {"after": 19 * MINUTE, "incident": CHECKOUT}
LATER = NOW + 8 * MINUTE
DOWN = (Change.OPENED,)


def _downs(count: int, *changes: Change) -> list[Any]:
    return [member(number, *changes, incident=UNREACHED if number % 3 else CHECKOUT) for number in range(count)]


def _ups(begin: int, end: int, *changes: Change, ending: Change = Change.RECOVERED) -> list[Any]:
    return [member(number, *changes, incident=ended(ending, 19 * MINUTE, CHECKOUT)) for number in range(begin, end)]


SCENES: Final[Mapping[str, Told]] = {
    "down": told(),
    "down, seven minutes late": told(
        late=7 * MINUTE, incident=UNREACHED, phases=(("dns", 9_000), ("connect", 9_991_000))
    ),
    "degraded": told(incident=SLOW, timeline=()),
    "worse than was told": told(
        Change.ESCALATED, timeline=happened((0, Change.ESCALATED, f"from degraded to down: {FAILED}", ""))
    ),
    "better than was told": told(Change.EASED, incident=SLOW),
    "a heartbeat that did not come": told(incident=MISSING, phases=(), links=(), timeline=()),
    "acknowledged": told(
        Change.ACKNOWLEDGED,
        incident=TAKEN,
        timeline=happened((2 * MINUTE, Change.ACKNOWLEDGED, "by ana (slack)", "ana")),
    ),
    "handed back": told(
        Change.UNACKNOWLEDGED, timeline=happened((0, Change.UNACKNOWLEDGED, "by ana (cli): my shift is over", "ana"))
    ),
    "snoozed": told(
        Change.SNOOZED,
        incident=replace(TAKEN, snoozed_until=NOW + HOUR),
        timeline=happened((0, Change.SNOOZED, "until 2026-11-22 15:03 UTC, by ana (page)", "ana")),
    ),
    "a snooze is over": told(
        Change.UNACKNOWLEDGED, timeline=happened((0, Change.UNACKNOWLEDGED, "the snooze is over", ""))
    ),
    "assigned": told(
        Change.ASSIGNED,
        incident=replace(TAKEN, assigned_to="bruno"),
        timeline=happened((0, Change.ASSIGNED, "to bruno, by ana (slack)", "ana")),
    ),
    "noted": told(
        Change.NOTED, incident=TAKEN, timeline=happened((0, Change.NOTED, "the pool of the database is full", "ana"))
    ),
    "reminded": told(
        Change.REMINDED,
        incident=replace(CHECKOUT, rounds=2, started_at=NOW - 72 * MINUTE),
        rounds=3,
        timeline=happened((0, Change.REMINDED, "nobody has acknowledged it: round 2 of 3", "")),
    ),
    "recovered": told(
        Change.RECOVERED,
        incident=ended(Change.RECOVERED, **OVER),
        now=LATER,
        timeline=happened((-7 * MINUTE, Change.RECOVERED, "up again after 19m", "")),
        phases=(),
    ),
    "recovered before it could be told": told(
        Change.OPENED,
        Change.RECOVERED,
        incident=ended(Change.RECOVERED, **OVER),
        now=LATER,
        late=19 * MINUTE,
        phases=(),
    ),
    "resolved by hand": told(
        Change.RESOLVED,
        incident=ended(Change.RESOLVED, **OVER),
        now=LATER,
        timeline=happened((-7 * MINUTE, Change.RESOLVED, "by ana (cli): it was the deploy", "ana")),
        phases=(),
    ),
    "no longer watched": told(Change.WITHDRAWN, incident=ended(Change.WITHDRAWN, **OVER), now=LATER, phases=()),
    "a certificate runs out": told(incident=CERTIFICATE, phases=(), timeline=()),
    "a certificate was renewed": told(
        Change.RECOVERED,
        incident=replace(CERTIFICATE, ended_at=NOW + DAY, ending=Change.RECOVERED),
        now=NOW + DAY,
        phases=(),
    ),
    "an error budget burns": told(incident=BUDGET, phases=(), timeline=()),
    "our own network is down": bare(incident=BLIND),
    "our own network is back": bare(
        Change.RECOVERED, incident=replace(BLIND, ended_at=LATER, ending=Change.RECOVERED), now=LATER
    ),
    "flapping": told(incident=FLAPPING, phases=(), timeline=()),
    "stable again": told(
        Change.RECOVERED, incident=replace(FLAPPING, ended_at=LATER, ending=Change.RECOVERED), now=LATER, phases=()
    ),
    "a channel gets nothing through": bare(incident=CHANNEL_DOWN),
    "a received alert": bare(
        incident=ALERT,
        description="Since the deploy of 13:49, mostly on POST /invoices.",
        runbook="https://wiki.acme.example/high-error-rate",
        links=(Link("Source", "https://prometheus.acme.example/graph?g0.expr=errors"),),
        also_told=("team-slack",),
    ),
    "a received alert is resolved": bare(
        Change.RECOVERED, incident=replace(ALERT, ended_at=LATER, ending=Change.RECOVERED), now=LATER
    ),
    "a source has gone silent": bare(incident=SILENT),
    "a test": bare(
        incident=replace(
            SLOW, id="test", monitor="team-sms", message="this is a test", started_at=NOW, correlation_id=""
        ),
        test=True,
    ),
    "twelve down at once": many(*_downs(12, *DOWN)),
    "four of them up again": many(*_downs(8), *_ups(8, 12, Change.RECOVERED), first=False, now=LATER),
    "all of them up again": many(*_ups(0, 12, Change.RECOVERED), first=False, now=LATER),
    "eight over before it could be told": many(
        *_ups(0, 8, Change.OPENED, Change.RECOVERED), late=7 * MINUTE, now=LATER
    ),
    "seven received alerts": many(*(member(number, *DOWN, incident=ALERT) for number in range(7))),
    "the morning's digest": many(
        *(member(number, *DOWN, incident=replace(SLOW, started_at=NOW - 7 * HOUR)) for number in range(2)),
        member(2, *DOWN, incident=replace(CERTIFICATE, started_at=NOW - 5 * HOUR)),
        *_ups(3, 5, Change.OPENED, Change.RECOVERED),
        kind=GroupKind.DIGEST,
        late=7 * HOUR,
    ),
}


def scene(name: str, language: str) -> Told:
    """The same message for a reader of that language, on the clock of that page."""
    return replace(SCENES[name], language=language, timezone=ZONES[language])
