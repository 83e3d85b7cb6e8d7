"""Every seam between the rooms, on one page. A room is handed these; it never imports its siblings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from saasobs.core.answers import TakesAnswers
from saasobs.core.explanation import Explanation
from saasobs.core.groups import Group, GroupBriefing, GroupKind, Recent, Untold
from saasobs.core.heartbeat import HeartbeatState, Ping
from saasobs.core.incident import Attempt, Briefing, Event, Incident, MonitorState, Notice, Receipt
from saasobs.core.maintenance import WindowRequest, WindowView
from saasobs.core.monitor import Monitor
from saasobs.core.objective import Availability
from saasobs.core.oncall import Override, ScheduleView
from saasobs.core.receipts import HearsReceipts, KeepsReceipts
from saasobs.core.reporting import Reported, Reports
from saasobs.core.result import Check, Outcome, Result
from saasobs.core.views import Health, IncidentView, MonitorView


class Clock(Protocol):
    """Both clocks: `now` for what is written down (µs since the epoch), `monotonic` for waiting (seconds)."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...


class Probe(Protocol):
    """One kind of check. It never raises (cancellation apart) and ends within `monitor.timeout`."""

    async def check(self, monitor: Monitor, check: Check) -> Result: ...

    async def close(self) -> None: ...


class Heartbeats(Protocol):
    """What the heartbeat kind knows: kept in memory by the daemon, written down with every ping."""

    def heartbeat(self, monitor: str) -> HeartbeatState | None: ...

    def absences(self) -> Sequence[tuple[int, int]]:
        """When this daemon itself was away, lately: (from, to) in µs."""
        ...


class States(Protocol):
    """What is known of the other monitors, for a kind that is made of them."""

    def state(self, monitor: str) -> MonitorState | None: ...


class Channel(Protocol):
    """A way to reach people."""

    @property
    def recipients(self) -> Sequence[str]:
        """Whom one step of a policy reaches over this channel: one notice each."""
        ...

    async def send(self, briefing: Briefing, reference: str) -> Receipt:
        """Hand one message to the provider.

        :param reference: what the last receipt for this incident and recipient said; empty at first.
        :raises DeliveryError: the provider did not take it. Nothing else is raised.
        """
        ...

    @property
    def edits(self) -> bool:
        """Whether a group's message may be sent again as the group grows: it takes the place of the one before, or it
        costs nobody anything (a machine reads it)."""
        ...

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:
        """Hand one message about many incidents to the provider.

        :param reference: what the last receipt for this group said; empty at first.
        :raises DeliveryError: the provider did not take it. Nothing else is raised.
        """
        ...

    async def close(self) -> None: ...


class Transaction(Reported, KeepsReceipts, Protocol):
    """One all-or-nothing piece of work on the store. Every method may raise StorageError."""

    # Monitors and results
    def states(self) -> list[MonitorState]: ...

    def save_state(self, state: MonitorState) -> None: ...

    def forget(self, monitor: str) -> None:
        """Drop a removed monitor's state and heartbeat; its results and incidents stay as history."""
        ...

    def add_results(self, results: Sequence[Result]) -> None:
        """Idempotent on (monitor, started_at, location)."""
        ...

    def results(self, monitor: str, limit: int = 100, since: int = 0) -> list[Result]:
        """Newest first."""
        ...

    def last_results(self) -> dict[str, Result]:
        """The newest result of every monitor."""
        ...

    # Incidents and what is owed
    def save_incident(self, incident: Incident) -> None: ...

    def incident(self, incident_id: str) -> Incident | None: ...

    def incidents(self, *, open_only: bool = False, monitor: str = "", limit: int = 100) -> list[Incident]:
        """Newest first."""
        ...

    def add_event(self, event: Event) -> None:
        """Idempotent on (incident, at, change)."""
        ...

    def events(self, incident_id: str) -> list[Event]:
        """Oldest first."""
        ...

    def owe(self, notices: Sequence[Notice]) -> None:
        """Insert; a notice that exists already stays as it is."""
        ...

    def save_notice(self, notice: Notice) -> None:
        """Overwrite the whole row of an existing notice."""
        ...

    def save_notices(self, changed: Sequence[Notice]) -> None:
        """The same for many."""
        ...

    def notices(self, incident_id: str) -> list[Notice]:
        """All of an incident, by due time."""
        ...

    def claim(self, channel: str, owner: str, now: int, until: int, limit: int) -> list[Notice]:
        """Lease what is to be sent now over this channel, and return it with the lease in place.

        Picks pending notices whose `next_at` has come and whose lease is free or run out, critical first, then by
        `due_at`; then every other pending notice of the same (incident, recipient) with `due_at` <= now joins
        its fellows even if its own back-off still runs, so that one message can tell all. A (incident, recipient)
        of which any notice is under another live lease is left alone.
        """
        ...

    def release(self, owner: str) -> int:
        """Free every lease of an owner that has gone (all owners when empty); returns how many.

        What all owners held was in the hands of a run that died: it may have been sent, and counts as tried.
        """
        ...

    def set_back(self, micros: int) -> None:
        """The wall clock was set back by so much: every moment that a pending notice waits for moves with it."""
        ...

    def next_due(self, channel: str) -> int | None:
        """The earliest `next_at` of a pending notice of this channel."""
        ...

    def outbox(self, now: int) -> list[tuple[str, int, int]]:
        """(channel, pending notices that are due or were tried, the oldest due_at among them); steps whose time has not
        come are not counted, nor is what is held."""
        ...

    def unheard(self) -> list[Incident]:
        """The open critical incidents that nobody has acknowledged, or heard of, and of which nothing waits to be told
        though something was owed."""
        ...

    def held(self) -> list[Notice]:
        """Every notice that is held (core.incident.Notice.held), by due time."""
        ...

    def pending_channels(self) -> list[str]:
        """Every channel that still owes something, configured or not."""
        ...

    def record_attempt(self, attempt: Attempt) -> None: ...

    def attempts(self, incident_id: str) -> list[Attempt]: ...

    def count_sent(self, channel: str, since: int, recipient: str = "") -> int:
        """Accepted deliveries since a moment: what a cap is held against."""
        ...

    def reference(self, channel: str, recipient: str, incident_id: str) -> str: ...

    def keep_reference(self, channel: str, recipient: str, incident_id: str, reference: str) -> None: ...

    # Groups: many incidents in one message
    def group(self, group_id: str) -> Group | None: ...

    def growing_group(self, channel: str, recipient: str, kind: GroupKind, since: int) -> Group | None:
        """The newest group that an incident has joined since then; of failures, one that still has an open incident."""
        ...

    def save_group(self, group: Group) -> None: ...

    def join_group(self, group: Group, incident_ids: Iterable[str]) -> None:
        """An incident that belonged to another group of this channel and recipient leaves that."""
        ...

    def homes(self, channel: str, recipient: str, incident_ids: Iterable[str]) -> dict[str, str]:
        """The group of each incident that belongs to one and was told of, by the incident's ID."""
        ...

    def members(self, group_id: str) -> list[Incident]:
        """Those of its incidents that its recipient was told of, in this group's message or before."""
        ...

    def own_references(self, group_id: str) -> dict[str, str]:
        """What was kept of the messages that a group's incidents had of their own, by the incident's ID."""
        ...

    def incidents_of(self, incident_ids: Iterable[str]) -> dict[str, Incident]:
        """Those that exist, by their IDs."""
        ...

    def recent(self, channel: str, recipient: str, since: int, now: int) -> list[Recent]:
        """What was told in (since, now], and what groups have still to tell."""
        ...

    def untold(self, group_id: str) -> Untold | None:
        """How long its pending notices have waited; None when there are none."""
        ...

    def claim_group(self, group_id: str, owner: str, now: int, until: int) -> list[Notice]:
        """Lease every pending notice of a group that no live lease holds, whatever it waits for."""
        ...

    # On call
    def overrides(self) -> list[Override]:
        """By the moment at which they begin."""
        ...

    def save_override(self, override: Override) -> None: ...

    def forget_overrides(self, before: int) -> int:
        """Those that were over by then; returns how many."""
        ...

    # Heartbeats
    def heartbeats(self) -> list[HeartbeatState]: ...

    def save_heartbeat(self, state: HeartbeatState) -> None: ...

    def add_ping(self, ping: Ping) -> None:
        """Keeps the newest 100 pings of each monitor."""
        ...

    def pings(self, monitor: str, limit: int = 20) -> list[Ping]: ...

    # Small facts of the daemon itself, and the calendar's work
    def fact(self, key: str) -> str | None: ...

    def facts(self, prefix: str) -> dict[str, str]:
        """Every fact whose key begins so."""
        ...

    def set_fact(self, key: str, value: str) -> None: ...

    def forget_fact(self, key: str) -> None: ...

    def roll_up(self, now: int) -> int:
        """Fold whole hours and days that are not folded yet into their roll-ups; returns how many rows it wrote."""
        ...

    def prune(self, now: int) -> int:
        """Delete what is past its retention; returns how many rows went."""
        ...

    def history(self, monitor: str, since: int, until: int) -> list[RollUp]:
        """Roll-ups that overlap the range, oldest first; what is not folded yet is folded on the way."""
        ...

    def tally(self, monitor: str, since: int) -> list[tuple[int, dict[Outcome, int]]]:
        """Counts of the slots' own results since a moment, by five minutes: (start, counts), oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class RollUp:
    """One hour or day of one monitor: counts by outcome and a mergeable sketch of latencies (core.sketch)."""

    monitor: str
    start: int
    length: int
    counts: dict[Outcome, int]
    sketch: bytes


class Store(Protocol):
    """The memory of the daemon. Synchronous: one writer thread uses `write`, any thread `read`."""

    def open(self) -> None:
        """Create or migrate; a backup copy is made before a migration. :raises StorageError:"""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A write transaction: committed at the end of the block, rolled back on any exception."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent read-only view; never waits for the writer."""
        ...

    def close(self) -> None: ...


# What the web room may ask of the daemon -----------------------------------------------------------------------


class Operator(TakesAnswers, Protocol):
    """The daemon as the web room and the CLI's socket see it.

    :raises NotFound: no such thing. :raises StorageError: the store cannot answer now.
    """

    def health(self) -> Health: ...

    async def monitors(self) -> Sequence[MonitorView]: ...

    async def monitor(self, name: str) -> MonitorView: ...

    async def availability(self, monitor: str, days: int) -> Availability:
        """Over the last so many days, up to now."""
        ...

    async def incidents(self, *, open_only: bool, limit: int) -> Sequence[Incident]: ...

    async def incident(self, incident_id: str) -> IncidentView:
        """Any unambiguous beginning of an ID will do."""
        ...

    async def explanation(self, incident_id: str) -> Explanation:
        """Who was told of it, and why; and who was not, and why not."""
        ...

    async def acknowledge(self, incident_id: str, by: str) -> Incident: ...

    async def pressed(self, channel: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """A request that says what was pressed under a channel's message; whether its service has signed it.

        :param headers: names in lower case.
        """
        ...

    async def pause(self, monitor: str, by: str) -> MonitorState: ...

    async def resume(self, monitor: str, by: str) -> MonitorState: ...

    async def maintenance(self) -> Sequence[WindowView]:
        """The windows that are open or still to come."""
        ...

    async def start_maintenance(self, wanted: WindowRequest, by: str) -> WindowView:
        """:raises Refused: no such time."""
        ...

    async def end_maintenance(self, window_id: str, by: str) -> WindowView:
        """Any unambiguous beginning of an ID will do. :raises Refused: it stands in the configuration."""
        ...

    def on_call(self, days: int, schedule: str) -> Sequence[ScheduleView]:
        """From now on for so many days; every schedule when none is named. :raises NotFound:"""
        ...

    async def override(self, wanted: Override) -> Override:
        """Somebody stands in; the ID is given here. :raises NotFound: :raises Refused: no such time."""
        ...

    async def end_override(self, override_id: str, by: str) -> Override:
        """Any unambiguous beginning of an ID will do. :raises Refused: it stands in the configuration."""
        ...

    def calendar_feed(self, token: str) -> ScheduleView | None:
        """The schedule whose feed has this token."""
        ...

    @property
    def reports(self) -> Reports: ...

    @property
    def receipts(self) -> HearsReceipts: ...

    async def check(self, monitor: str) -> Result:
        """Check now, out of turn; the result counts like any other."""
        ...

    async def notify_test(self, channel: str, person: str) -> Sequence[Receipt]:
        """Send a test message over a channel, past the outbox: to one of the people, else to its own recipients.

        :raises DeliveryError:"""
        ...

    async def reload(self) -> None:
        """:raises ConfigurationError: and the old configuration keeps running."""
        ...

    def resolve_ping(self, token: str) -> str | None:
        """The monitor that a heartbeat token belongs to."""
        ...

    async def ping(self, ping: Ping) -> None:
        """Written down before it returns. :raises StorageError:"""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type."""
        ...

    def describe(self) -> dict[str, Any]:
        """The running configuration, secrets masked, JSON-ready."""
        ...
