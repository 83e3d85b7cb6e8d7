"""What went wrong, who is owed a word about it, and what was really said.

Incident: from the first confirmed failure to the confirmed recovery. Notice: one thing owed to one
recipient over one channel. Delivery attempts are recorded one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from saasobs.core.monitor import Severity
from saasobs.core.result import Outcome, Reason
from saasobs.core.values import digest_id


class Status(StrEnum):
    """What is believed of a monitor, after confirmation."""

    NEW = "new"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class MonitorState:
    """Everything the judge remembers of a monitor; survives restarts and reloads.

    The four runs count consecutive conclusive results: `downs` (down), `not_ups` (degraded or down),
    `ups` (up), `not_downs` (up or degraded).
    """

    monitor: str
    status: Status = Status.NEW
    since: int = 0
    downs: int = 0
    not_ups: int = 0
    ups: int = 0
    not_downs: int = 0
    failing_since: int = 0
    """When the current run of results that are not up began; 0 when the last one was up."""
    incident_id: str = ""
    paused: bool = False
    last_at: int = 0
    last_outcome: Outcome | None = None
    last_reason: Reason | None = None

    @property
    def confirming(self) -> bool:
        """Whether the last result disagrees with the status, so that a fast re-check is worthwhile."""
        if self.last_outcome is Outcome.DOWN:
            return self.status is not Status.DOWN
        if self.last_outcome is Outcome.DEGRADED:
            return self.status is not Status.DEGRADED
        return self.last_outcome is Outcome.UP and self.status in (Status.DOWN, Status.DEGRADED)


class Change(StrEnum):
    """What a result, a person or a reload did to an incident: one entry of its timeline."""

    OPENED = "opened"
    ESCALATED = "escalated"
    EASED = "eased"
    RECOVERED = "recovered"
    WITHDRAWN = "withdrawn"
    RESOLVED = "resolved"
    """Somebody said that it is over."""
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    """Nobody is on it any more, or a snooze is over: its policy goes on."""
    SNOOZED = "snoozed"
    """Acknowledged until a moment."""
    ASSIGNED = "assigned"
    NOTED = "noted"
    """Somebody wrote a line into its timeline."""
    REMINDED = "reminded"
    """Nothing changed, but it is time to say so again."""
    HELD = "held"
    """Its alerts wait: a dependency, a maintenance window, flapping. Stands in timelines only; nobody is told."""
    RELEASED = "released"
    """They no longer wait. Stands in timelines only."""
    REROUTED = "rerouted"
    """Whom a policy means cannot be told, so others are, or nobody is. Stands in timelines only."""


class Topic(StrEnum):
    """What an incident is about. Each topic of a monitor has at most one open incident."""

    HEALTH = "health"
    """The monitor itself is degraded or down."""
    CERTIFICATE = "certificate"
    """A certificate runs out in the days to come."""
    NETWORK = "network"
    """This daemon's own network: it cannot tell who is up."""
    SLO = "slo"
    """An error budget burns too fast."""
    FLAPPING = "flapping"
    """The monitor goes up and down all the time."""
    CHANNEL = "channel"
    """Nothing gets through over one of the channels by which people are told."""
    ALERT = "alert"
    """Somebody else reported it: Prometheus, Alertmanager, Grafana (core.alert). No monitor of ours stands behind."""


CHANNEL: Final = "(channel) "
"""Begins what stands for a monitor's name where an incident is about a channel; no monitor can be called so."""

OWN_NETWORK: Final = "(own network)"
"""Stands for a monitor's name where an incident is about this daemon's network; no monitor can be called so."""

ENDINGS = frozenset({Change.RECOVERED, Change.WITHDRAWN, Change.RESOLVED})


@dataclass(frozen=True, slots=True)
class Transition:
    """A confirmed change of one monitor, as the judge found it."""

    change: Change
    at: int
    status: Status


@dataclass(frozen=True, slots=True)
class Incident:
    """From the first confirmed failure to the confirmed recovery."""

    id: str
    monitor: str
    severity: Severity
    status: Status
    """DOWN or DEGRADED while open; what it last was once ended."""
    started_at: int
    """The first failing result of the run that opened it."""
    opened_at: int
    reason: Reason
    message: str
    correlation_id: str = ""
    occurrence: int = 0
    """How many changes worth telling it has had: 0 the opening, 1 the first escalation …"""
    acknowledged_at: int = 0
    acknowledged_by: str = ""
    ended_at: int = 0
    ending: Change | None = None
    topic: Topic = Topic.HEALTH
    tenant: str = ""
    """Whose it is, where one tenant's alone."""
    policy: str = ""
    """The policy that its last opening, escalation or reminder took."""
    rounds: int = 0
    """How often its policy was gone through again because nobody answered."""
    assigned_to: str = ""
    snoozed_until: int = 0
    """An acknowledgement that ends by itself then (µs); 0: none."""
    acknowledged_occurrence: int = 0
    """Which of its changes the acknowledgement was: what was owed for earlier ones is no longer told."""

    @property
    def open(self) -> bool:
        return not self.ended_at


def incident_id(monitor: str, opened_at: int, topic: Topic = Topic.HEALTH) -> str:
    """The same transition always has the same ID, so that writing it twice is harmless."""
    about = () if topic is Topic.HEALTH else (topic.value,)
    return digest_id("incident", monitor, opened_at, *about, length=8)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an incident's timeline."""

    incident_id: str
    at: int
    change: Change
    text: str
    actor: str = ""


class NoticeState(StrEnum):
    """Where a notice stands. Only `pending` is unfinished business."""

    PENDING = "pending"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    EXPIRED = "expired"


class Suppression(StrEnum):
    """Why a notice was not sent. Always recorded."""

    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"
    """The incident ended before this step was due."""
    CHANNEL_REMOVED = "channel_removed"
    CAP = "cap"
    DEPENDENCY = "dependency"
    """A monitor that it depends on was down."""
    MAINTENANCE = "maintenance"
    """It was over before the maintenance window was."""
    FLAPPING = "flapping"
    """The monitor went up and down all the time, which was told once."""
    QUIET_HOURS = "quiet_hours"
    """It is night where its recipient is, and the matter can wait: it is told in the morning's digest."""
    SILENCED = "silenced"
    """A silence (as Alertmanager knows them) covers the alert."""
    HANDED_OVER = "handed_over"
    """Somebody else is on call by now, and is told instead."""
    REROUTED = "rerouted"
    """It got worse, and another policy has taken it over."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing owed to one recipient over one channel. Key: the first five fields after `id`."""

    id: str
    incident_id: str
    step: int
    occurrence: int
    channel: str
    recipient: str
    change: Change
    due_at: int
    expires_at: int
    severity: Severity = Severity.CRITICAL
    unless_acknowledged: bool = False
    state: NoticeState = NoticeState.PENDING
    suppression: Suppression | None = None
    """Why it was not sent; of one that is pending: why it has to wait."""
    attempts: int = 0
    next_at: int = 0
    """Not before this moment: due_at at first, later the back-off."""
    sent_at: int = 0
    lease_owner: str = ""
    lease_until: int = 0
    detail: str = ""
    """The last error, or the provider's ID once sent."""
    group_id: str = ""
    """The group whose message tells it (core.groups), once it was put into one."""
    person: str = ""
    """Whom of the configured people it is meant for; empty: whoever reads the channel."""
    schedule: str = ""
    """The on-call schedule that named this person; empty: the policy did, or it is nobody's."""
    provider_id: str = ""
    """The provider's own ID of the accepted message, where it gives one: its receipts name it."""
    delivered_at: int = 0
    """When the provider said that it had arrived (µs): "accepted" is not "delivered". 0: it has not said so."""
    delivery_id: str = ""
    """The group's message that may be on its way: should nobody hear what came of it, the very same is sent again."""

    @property
    def held(self) -> bool:
        """Whether it waits for something to be over; `suppression` is what, and `detail` says it in words."""
        return self.state is NoticeState.PENDING and self.suppression is not None


def notice_id(incident: str, step: int, occurrence: int, channel: str, recipient: str) -> str:
    """Deterministic, so that a repeated delivery is recognisable as the same notice."""
    return digest_id("notice", incident, step, occurrence, channel, recipient, length=20)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery, recorded whatever came of it."""

    delivery_id: str
    notice_ids: tuple[str, ...]
    channel: str
    recipient: str
    at: int
    duration: int
    outcome: str
    """`sent`, `retry`, `failed`: a bounded set, it labels a metric."""
    detail: str = ""
    provider_id: str = ""
    """The provider's ID of the accepted message."""
    price: int = 0
    """What it cost, in millionths of `currency`'s unit; where that is empty, nobody has said yet."""
    currency: str = ""


def delivery_id(notice_ids: tuple[str, ...]) -> str:
    """One message really sent: its ID is its notice's own, or derives from all those that it covers."""
    return notice_ids[0] if len(notice_ids) == 1 else digest_id("delivery", *sorted(notice_ids), length=20)


@dataclass(frozen=True, slots=True)
class Link:
    """One place to look, by a name that a person reads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Briefing:
    """Everything one message has to say, as facts; each channel puts them into its own words."""

    delivery_id: str
    notice_ids: tuple[str, ...]
    recipient: str
    incident: Incident
    changes: tuple[Change, ...]
    """What this message tells, oldest first. An opening and its recovery together: told in one."""
    timeline: tuple[Event, ...]
    now: int
    due_at: int
    """When the oldest thing told here should have been told."""
    target: str = ""
    description: str = ""
    runbook: str = ""
    page_url: str = ""
    tags: tuple[str, ...] = ()
    person: str = ""
    """Whom it speaks to, where that is one of the configured people."""
    language: str = "en"
    """`en`, `es` or `pt`: the words are the recipient's."""
    timezone: str = "UTC"
    """The recipient's (IANA)."""
    answer_url: str = ""
    """Where one tap acknowledges it (a page with a button): signed, expiring, for this recipient only."""
    links: tuple[Link, ...] = ()
    """Dashboard, trace, logs, errors: made from the templates of the configuration."""
    also_told: tuple[str, ...] = ()
    """Who else was told, or will be: people and channels, in order."""
    affected: tuple[str, ...] = ()
    """What depends on it, and the tenants that it concerns."""
    phases: tuple[tuple[str, int], ...] = ()
    """The parts of the failed check's time (name, µs), in order."""
    summary: str = ""
    """What a received alert says of itself in the recipient's language; empty: the incident's own message."""
    rounds: int = 0
    """How often its policy is gone through again at the most; 0: not known."""
    test: bool = False
    """A sample: nothing has happened, and it must say so."""

    @property
    def late_by(self) -> int:
        """Microseconds between when it was due and now."""
        return max(0, self.now - self.due_at)

    @property
    def ending(self) -> Change | None:
        """How the incident ended, when this message says so."""
        return next((change for change in reversed(self.changes) if change in ENDINGS), None)

    @property
    def combined(self) -> bool:
        """A failure and its end in one message: it was over before it could be told."""
        return self.ending is not None and Change.OPENED in self.changes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider answered to an accepted message."""

    provider_id: str = ""
    reference: str = ""
    """Opaque to all but the channel: what it needs to edit or thread the next message of this incident."""
    note: str = ""
    """What else there is to say of it, such as that another provider was asked before."""
