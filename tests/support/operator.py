"""An Operator that holds what a test puts into it: the daemon as the web room sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saasobs.alerting.answer_page import no_offer
from saasobs.alerting.answers import answered, refused
from saasobs.alerting.directory import Directory
from saasobs.core.answers import Answer, AnswerKind, NoOffer, Offer, RefusedLink, Taken, Via
from saasobs.core.errors import NotFound, Refused
from saasobs.core.explanation import Explanation
from saasobs.core.heartbeat import Ping
from saasobs.core.incident import (
    Attempt,
    Change,
    Event,
    Incident,
    MonitorState,
    Notice,
    NoticeState,
    Receipt,
    Status,
    Suppression,
)
from saasobs.core.maintenance import WindowRequest, WindowView
from saasobs.core.monitor import Monitor, Objective, Severity
from saasobs.core.objective import Availability, Burn
from saasobs.core.oncall import Override, ScheduleView
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import MINUTE, SECOND
from saasobs.core.views import Health, IncidentView, MonitorView
from support.fake_receipts import FakeReceipts
from support.fake_reports import FakeReports

NOW = 1_795_356_187_120_345
TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"


def an_availability(monitor: str, days: int = 30) -> Availability:
    """A day's checks, one of which failed."""
    counts = {Outcome.UP: 1439, Outcome.DOWN: 1}
    burn = Burn(3_600 * SECOND, 300 * SECOND, 14.4, 16.7, 0.0, 1, Severity.CRITICAL, fires=False)
    since = NOW - days * 86_400 * SECOND
    return Availability(
        monitor, since, NOW, counts, 1439 / 1440, 80_000.0, 210_000.0, None, Objective(99.9, 30), 0.31, (burn,)
    )


@dataclass
class FakeOperator:
    """Answers from its fields; `failure`, when set, is raised by everything that needs the store or a provider."""

    views: list[MonitorView] = field(default_factory=list)
    incident_views: list[IncidentView] = field(default_factory=list)
    ready: bool = True
    problems: tuple[str, ...] = ()
    configuration_error: str = ""
    failure: Exception | None = None
    pings: list[Ping] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    windows: list[WindowView] = field(default_factory=list)
    wanted: list[WindowRequest] = field(default_factory=list)
    reports: FakeReports = field(default_factory=FakeReports)
    schedules: list[ScheduleView] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    links: dict[str, Offer | NoOffer] = field(default_factory=dict)
    receipts: FakeReceipts = field(default_factory=FakeReceipts)

    def _call(self, *call: str) -> None:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure

    async def availability(self, monitor: str, days: int) -> Availability:
        self._call("availability", monitor, str(days))
        return an_availability(monitor, days)

    def health(self) -> Health:
        return Health(
            ready=self.ready,
            problems=self.problems,
            started_at=NOW - 3600 * SECOND,
            version="1.2.3",
            configuration="config/saasobs.yaml",
            configuration_loaded_at=NOW - 600 * SECOND,
            configuration_error=self.configuration_error,
        )

    async def monitors(self) -> Sequence[MonitorView]:
        self._call("monitors")
        return self.views

    async def monitor(self, name: str) -> MonitorView:
        self._call("monitor", name)
        for view in self.views:
            if view.monitor.name == name:
                return view
        raise NotFound(f"there is no monitor {name!r}")

    async def incidents(self, *, open_only: bool, limit: int) -> Sequence[Incident]:
        self._call("incidents", str(open_only), str(limit))
        return [view.incident for view in self.incident_views if view.incident.open or not open_only][:limit]

    async def explanation(self, incident_id: str) -> Explanation:
        view = await self.incident(incident_id)
        return Explanation(view.incident, (), ())

    async def incident(self, incident_id: str) -> IncidentView:
        self._call("incident", incident_id)
        for view in self.incident_views:
            if view.incident.id.startswith(incident_id):
                return view
        raise NotFound(f"there is no incident {incident_id!r}")

    def people(self) -> Sequence[str]:
        return ["ana", "bruno"]

    async def answer(self, identity: str, answer: Answer) -> Taken:
        before = (await self.incident(identity)).incident
        if refusal := refused(before, answer, NOW):
            raise Refused(refusal)
        self._call(answer.kind.value, before.id, answer.by)
        self.answers.append(answer)
        return Taken((answered(before, answer, (), Directory({}, {}, {}), NOW).incident,))

    async def acknowledge(self, incident_id: str, by: str) -> Incident:
        return (await self.answer(incident_id, Answer(AnswerKind.ACKNOWLEDGE, by, Via.API))).incident

    async def open_link(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        self._call("open_link", token, peer, language)
        return self.links.get(token) or no_offer(RefusedLink.INVALID, language)

    def no_link(self, why: RefusedLink, language: str) -> NoOffer:
        return no_offer(why, language)

    async def maintenance(self) -> Sequence[WindowView]:
        self._call("maintenance")
        return self.windows

    async def start_maintenance(self, wanted: WindowRequest, by: str) -> WindowView:
        self.wanted.append(wanted)
        self._call("start_maintenance", by)
        return a_window(reason=wanted.reason, by=by)

    async def end_maintenance(self, window_id: str, by: str) -> WindowView:
        self._call("end_maintenance", window_id, by)
        return a_window(id=window_id, end=NOW, active=False)

    async def pause(self, monitor: str, by: str) -> MonitorState:
        self._call("pause", monitor, by)
        return replace((await self.monitor(monitor)).state, paused=True)

    async def resume(self, monitor: str, by: str) -> MonitorState:
        self._call("resume", monitor, by)
        return replace((await self.monitor(monitor)).state, paused=False)

    async def pressed(self, channel: str, body: bytes, headers: Mapping[str, str]) -> bool:
        self._call("pressed", channel)
        return headers.get("x-slack-signature") == "good"

    def on_call(self, days: int, schedule: str) -> Sequence[ScheduleView]:
        self._call("on_call", str(days), schedule)
        return [view for view in self.schedules if schedule in ("", view.name)]

    async def override(self, wanted: Override) -> Override:
        self._call("override", wanted.schedule)
        self.overrides.append(wanted)
        return replace(wanted, id="w4k2mx", starts_at=wanted.starts_at or NOW)

    async def end_override(self, override_id: str, by: str) -> Override:
        self._call("end_override", override_id, by)
        return replace(self.overrides[0], id=override_id, ends_at=NOW)

    def calendar_feed(self, token: str) -> ScheduleView | None:
        return next((view for view in self.schedules if view.calendar_url.endswith(f"/{token}.ics")), None)

    async def check(self, monitor: str) -> Result:
        self._call("check", monitor)
        return a_result((await self.monitor(monitor)).monitor.name)

    async def notify_test(self, channel: str, person: str) -> Sequence[Receipt]:
        self._call("notify_test", channel, *filter(None, [person]))
        return [Receipt("provider-1", "hidden")]

    async def reload(self) -> None:
        self._call("reload")

    def resolve_ping(self, token: str) -> str | None:
        return "nightly" if token == TOKEN else None

    async def ping(self, ping: Ping) -> None:
        self._call("ping", ping.monitor)
        self.pings.append(ping)

    def metrics(self, accept: str) -> tuple[bytes, str]:
        return f"# for {accept}\n".encode(), "text/plain; version=0.0.4; charset=utf-8"

    def describe(self) -> dict[str, Any]:
        return {"monitors": [view.monitor.name for view in self.views], "token": "***"}


def a_monitor(name: str = "api", **changes: Any) -> Monitor:
    return replace(
        Monitor(name, "http", None, "https://api.acme.example/health", tags=("critical",), description="The API."),
        **changes,
    )


def a_result(
    monitor: str = "api", *, at: int = NOW - 20 * SECOND, outcome: Outcome = Outcome.UP, **changes: Any
) -> Result:
    phases = {"dns": 4_000, "connect": 11_000, "tls": 31_000, "first_byte": 82_000, "transfer": 1_500}
    check = Check(monitor, at, at, correlation_id="7f3a9c0d")
    return replace(
        Result(check, outcome, 129_500, phases=phases, observations={"status": 200, "address": "192.0.2.7"}), **changes
    )


def a_failure(monitor: str = "api", *, at: int = NOW - 20 * SECOND, **changes: Any) -> Result:
    failed = a_result(monitor, at=at, outcome=Outcome.DOWN)
    return replace(
        failed,
        reason=Reason.STATUS_MISMATCH,
        message="expected status 200-299, got 500",
        failures=(Failure("status", "200-299", "500", Reason.STATUS_MISMATCH),),
        excerpt='{"error": "OperationalError at billing/db.py:42"}',
        **changes,
    )


def a_window(**changes: Any) -> WindowView:
    window = WindowView("w4k2mx", "deploy", ("api",), (), False, NOW - 5 * MINUTE, NOW + 25 * MINUTE, True, by="ana")
    return replace(window, **changes)


def a_view(
    name: str = "api", status: Status = Status.UP, *, results: Sequence[Result] | None = None, **state: Any
) -> MonitorView:
    recent = [a_result(name, at=NOW - n * MINUTE - 20 * SECOND) for n in range(30)] if results is None else results
    last = recent[0] if recent else None
    remembered = MonitorState(
        name, status, since=NOW - 3 * 3600 * SECOND, last_at=NOW, last_outcome=last.outcome if last else None, **state
    )
    return MonitorView(a_monitor(name), remembered, last, recent)


def an_incident(incident_id: str = "k3v9m2xa", monitor: str = "api", **changes: Any) -> Incident:
    return replace(
        Incident(
            id=incident_id,
            monitor=monitor,
            severity=Severity.CRITICAL,
            status=Status.DOWN,
            started_at=NOW - 5 * MINUTE,
            opened_at=NOW - 5 * MINUTE + 5 * SECOND,
            reason=Reason.STATUS_MISMATCH,
            message="expected status 200-299, got 500",
            correlation_id="7f3a9c0d",
        ),
        **changes,
    )


def an_incident_view(incident: Incident | None = None) -> IncidentView:
    told = incident or an_incident()
    at = told.opened_at
    sent = Notice("n1", told.id, 0, 0, "team-slack", "#alerts", Change.OPENED, at, at + 3600 * SECOND)
    waiting = Notice(
        "n2", told.id, 1, 0, "oncall-sms", "+51987654321", Change.OPENED, at + 5 * MINUTE, at + 3600 * SECOND
    )
    return IncidentView(
        told,
        [Event(told.id, at, Change.OPENED, "expected status 200-299, got 500")],
        [
            replace(sent, state=NoticeState.SENT, sent_at=at + SECOND, attempts=2, detail="1732.0001"),
            replace(waiting, state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED),
            replace(waiting, id="n3", recipient="+51900000000"),
        ],
        [
            Attempt("n1", ("n1",), "team-slack", "#alerts", at, 310_000, "retry", "429, wait 1 s"),
            Attempt("n1", ("n1",), "team-slack", "#alerts", at + SECOND, 120_000, "sent", "1732.0001"),
        ],
    )


def a_busy_operator() -> FakeOperator:
    """One of everything: up, degraded, down, paused, new, and an open and an ended incident."""
    failing = [a_failure("checkout", at=NOW - n * MINUTE) for n in range(5)]
    healthy = [a_result("checkout", at=NOW - n * MINUTE) for n in range(5, 30)]
    slow = [a_result("search", outcome=Outcome.DEGRADED, reason=Reason.TOO_SLOW, message="took 1.4s, more than 1s")]
    ended = an_incident(
        "b7n2p8qd", "search", ended_at=NOW - MINUTE, ending=Change.RECOVERED, opened_at=NOW - 3 * MINUTE
    )
    nightly = replace(
        a_view("nightly-invoices", Status.NEW, results=[]), ping_url=f"http://127.0.0.1:9110/ping/{TOKEN}"
    )
    return FakeOperator(
        views=[
            a_view("api"),
            a_view("checkout", Status.DOWN, results=failing + healthy, incident_id="k3v9m2xa"),
            a_view("search", Status.DEGRADED, results=slow),
            a_view("old-shop", Status.UP, paused=True),
            nightly,
        ],
        incident_views=[an_incident_view(an_incident(monitor="checkout")), an_incident_view(ended)],
    )
