"""The daemon as the web room and the command line see it: implements core.ports.Operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from saasobs.alerting.explanation import explain
from saasobs.core.answers import Answer, AnswerKind, NoOffer, Offer, RefusedLink, Taken, Via
from saasobs.core.explanation import Explanation
from saasobs.core.heartbeat import Ping, Signal
from saasobs.core.incident import Incident, MonitorState, Receipt
from saasobs.core.maintenance import WindowRequest, WindowView
from saasobs.core.monitor import Monitor
from saasobs.core.objective import Availability
from saasobs.core.oncall import Override, ScheduleView
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Result
from saasobs.core.views import Health, IncidentView, MonitorView
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.answering import Answers, find_incident
from saasobs.daemon.board import Board
from saasobs.daemon.heartbeats import HeartbeatBook
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.listening import Listening
from saasobs.daemon.phones import Phones
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.receipts import ReceiptDesk
from saasobs.daemon.reports import ReportDesk
from saasobs.daemon.rota import Rota


class ServiceDoor(Protocol):
    """What the operator asks of the composition root, so that neither needs to know the other's inside."""

    def health(self) -> Health: ...

    async def check(self, monitor: Monitor) -> Result: ...

    async def availability(self, monitor: Monitor, days: int) -> Availability: ...

    def pausing(self, monitor: str, by: str) -> None: ...

    async def notify_test(self, channel: str, person: str) -> Sequence[Receipt]: ...

    async def reload(self) -> None: ...

    def metrics(self, accept: str) -> tuple[bytes, str]: ...

    def describe(self) -> dict[str, Any]: ...

    def ping_url(self, monitor: str) -> str: ...

    def ping_tokens(self) -> Mapping[str, str]: ...

    def wake(self) -> None: ...

    @property
    def rota(self) -> Rota: ...

    @property
    def reports(self) -> ReportDesk: ...

    @property
    def answers(self) -> Answers: ...

    @property
    def listening(self) -> Listening: ...

    @property
    def phones(self) -> Phones: ...


class DaemonOperator:
    """What people and jobs may ask of a running daemon."""

    def __init__(
        self,
        clock: Clock,
        board: Board,
        agenda: Agenda,
        ledger: Ledger,
        pipeline: Pipeline,
        heartbeats: HeartbeatBook,
        service: ServiceDoor,
    ) -> None:
        self._clock = clock
        self._board = board
        self._agenda = agenda
        self._ledger = ledger
        self._pipeline = pipeline
        self._heartbeats = heartbeats
        self._service = service

    def health(self) -> Health:
        return self._service.health()

    # Monitors ------------------------------------------------------------------------------------------------

    async def monitors(self) -> Sequence[MonitorView]:
        return [self._view(name) for name in self._board.monitors]

    async def monitor(self, name: str) -> MonitorView:
        self._board.monitor(name)
        stored = await self._ledger.read(lambda transaction: transaction.results(name, 100))
        newest = self._board.recent(name)
        known = {result.check.started_at for result in newest}
        recent = [*newest, *(result for result in stored if result.check.started_at not in known)]
        recent.sort(key=lambda result: result.check.started_at, reverse=True)
        return replace(self._view(name), recent=recent[:100])

    async def pause(self, monitor: str, by: str) -> MonitorState:
        self._board.monitor(monitor)
        self._service.pausing(monitor, by)
        return await self._pipeline.set_paused(monitor, pause=True, by=by)

    async def resume(self, monitor: str, by: str) -> MonitorState:
        state = await self._pipeline.set_paused(monitor, pause=False, by=by)
        self._agenda.expedite(monitor, self._clock.now())
        return state

    async def check(self, monitor: str) -> Result:
        return await self._service.check(self._board.monitor(monitor))

    async def availability(self, monitor: str, days: int) -> Availability:
        return await self._service.availability(self._board.monitor(monitor), days)

    def _view(self, name: str) -> MonitorView:
        return MonitorView(
            self._board.monitors[name],
            self._board.states[name],
            self._board.last.get(name),
            self._board.recent(name),
            self._service.ping_url(name),
        )

    # Incidents -----------------------------------------------------------------------------------------------

    async def incidents(self, *, open_only: bool, limit: int) -> Sequence[Incident]:
        return await self._ledger.read(lambda transaction: transaction.incidents(open_only=open_only, limit=limit))

    async def incident(self, incident_id: str) -> IncidentView:
        def work(transaction: Transaction) -> IncidentView:
            incident = find_incident(transaction, incident_id)
            identity = incident.id
            return IncidentView(
                incident,
                transaction.events(identity),
                transaction.notices(identity),
                transaction.attempts(identity),
            )

        return await self._ledger.read(work)

    async def explanation(self, incident_id: str) -> Explanation:
        view = await self.incident(incident_id)
        return explain(view.incident, view.events, view.notices, view.attempts, self._clock.now())

    # Answers -------------------------------------------------------------------------------------------------

    def people(self) -> Sequence[str]:
        return list(self._pipeline.directory.people)

    async def answer(self, identity: str, answer: Answer) -> Taken:
        return await self._service.answers.answer(identity, answer)

    async def acknowledge(self, incident_id: str, by: str) -> Incident:
        return (await self.answer(incident_id, Answer(AnswerKind.ACKNOWLEDGE, by, Via.API))).incident

    async def open_link(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        return await self._service.answers.links.offer(token, peer, language)

    def no_link(self, why: RefusedLink, language: str) -> NoOffer:
        return self._service.answers.links.none(why, language)

    async def pressed(self, channel: str, body: bytes, headers: Mapping[str, str]) -> bool:
        return await self._service.listening.pressed(channel, body, headers)

    # Maintenance ---------------------------------------------------------------------------------------------

    async def maintenance(self) -> Sequence[WindowView]:
        return self._pipeline.maintenance.views()

    async def start_maintenance(self, wanted: WindowRequest, by: str) -> WindowView:
        return await self._pipeline.maintenance.start(wanted, by)

    async def end_maintenance(self, window_id: str, by: str) -> WindowView:
        return await self._pipeline.maintenance.end(window_id, by)

    # On call -------------------------------------------------------------------------------------------------

    def on_call(self, days: int, schedule: str) -> Sequence[ScheduleView]:
        return self._service.rota.views(days, schedule)

    async def override(self, wanted: Override) -> Override:
        return await self._service.rota.override(wanted)

    async def end_override(self, override_id: str, by: str) -> Override:
        return await self._service.rota.end_override(override_id, by)

    def calendar_feed(self, token: str) -> ScheduleView | None:
        return self._service.rota.feed(token)

    @property
    def reports(self) -> ReportDesk:
        """What others report."""
        return self._service.reports

    @property
    def receipts(self) -> ReceiptDesk:
        """What providers report."""
        return self._service.phones.receipts

    # Heartbeats ----------------------------------------------------------------------------------------------

    def resolve_ping(self, token: str) -> str | None:
        return self._service.ping_tokens().get(token.lower())

    async def ping(self, ping: Ping) -> None:
        # Memory first: pings of one job that come together must build on each other, in the order that they came.
        # Should the write fail, the sender is told so and repeats it; that the job is alive is true all the same.
        state = self._heartbeats.after(ping)
        self._heartbeats.keep(state)

        def work(transaction: Transaction) -> None:
            transaction.add_ping(ping)
            transaction.save_heartbeat(state)

        await self._ledger.run(work)
        if ping.signal is not Signal.LOG and ping.monitor in self._board.monitors:
            self._agenda.expedite(ping.monitor, self._clock.now())
            self._service.wake()

    # The daemon itself ---------------------------------------------------------------------------------------

    async def notify_test(self, channel: str, person: str) -> Sequence[Receipt]:
        return await self._service.notify_test(channel, person)

    async def reload(self) -> None:
        await self._service.reload()

    def metrics(self, accept: str) -> tuple[bytes, str]:
        return self._service.metrics(accept)

    def describe(self) -> dict[str, Any]:
        return self._service.describe()
