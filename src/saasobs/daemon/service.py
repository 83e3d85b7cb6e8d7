"""The composition root: builds the rooms, wires them, runs them, and takes them down again.

Start: lock the folder, open the store, load what was known, free old leases, withdraw what left the configuration, then
listen, watch and send. Stop: no new checks, let what is being sent finish, write what waits, release the lock.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from saasobs import web
from saasobs._version import __version__
from saasobs.core.errors import ConfigurationError
from saasobs.core.incident import MonitorState, Receipt, Topic
from saasobs.core.monitor import Monitor
from saasobs.core.objective import Availability
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Result
from saasobs.core.signing import heartbeat_token
from saasobs.core.values import MINUTE, SECOND
from saasobs.core.views import Health
from saasobs.daemon.advisories import Advisories
from saasobs.daemon.agenda import Agenda, Due
from saasobs.daemon.answering import Answers
from saasobs.daemon.board import Board
from saasobs.daemon.board_metrics import BoardCollector
from saasobs.daemon.calendar import Calendar, Housekeeping, plan_own_heartbeat
from saasobs.daemon.channel_watch import ChannelWatch
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.directories import directory_of
from saasobs.daemon.gate import Gate
from saasobs.daemon.heartbeats import ALIVE_EVERY, HeartbeatBook
from saasobs.daemon.holding import Holding
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.listeners import Listeners, bind_tcp, bind_unix, ingest_url
from saasobs.daemon.listening import Listening
from saasobs.daemon.network import NetworkGuard
from saasobs.daemon.objectives import Objectives
from saasobs.daemon.operator import DaemonOperator
from saasobs.daemon.outbox import Outbox
from saasobs.daemon.phones import Phones
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.receipts import Addresses
from saasobs.daemon.reminding import Reminding
from saasobs.daemon.reports import ReportDesk
from saasobs.daemon.rota import Rota
from saasobs.daemon.runner import Runner
from saasobs.daemon.state_folder import StateFolder
from saasobs.daemon.surroundings import Surroundings
from saasobs.daemon.switchboard import Switchboard
from saasobs.daemon.telemetry import Telemetry
from saasobs.daemon.watchman import Watchman
from saasobs.instrument.process import Instrumentation
from saasobs.probes import KINDS, Probes
from saasobs.probes import Tools as ProbeTools
from saasobs.settings import Settings, describe
from saasobs.settings.facts import needs_restart
from saasobs.storage import open_store

STOP_SECONDS = 10.0

log = structlog.get_logger("saasobs.daemon")


class Service:
    """One running daemon."""

    def __init__(
        self, settings: Settings, instrumentation: Instrumentation, reload: Callable[[], Awaitable[None]]
    ) -> None:
        self.settings = settings
        self.instrumentation = instrumentation
        self._reload = reload
        self.reload_error = ""
        self.clock = SteadyClock()
        self.started_at = self.loaded_at = self.clock.now()
        self.folder = StateFolder(settings.state_dir, store=settings.store)
        self.telemetry = Telemetry(instrumentation.metrics.registry)
        self.board = Board()
        self.agenda = Agenda()
        self.heartbeats = HeartbeatBook()
        self.gate = Gate(settings.limits.concurrency, settings.limits.per_host)
        self.calendar = Calendar()
        self.listeners = Listeners()
        self._down = AsyncExitStack()
        self._tokens: dict[str, str] = {}
        self._token_of: dict[str, str] = {}
        self._storage_failed_at = 0
        self._secret = b""
        self._restart_needed: list[str] = []

    # Coming up and going down --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Come up, part by part; each leaves its own way down on the stack. :raises SaasobsError: for a person."""
        self._loop = asyncio.get_running_loop()
        self.folder.acquire()
        self._down.callback(self.folder.release)
        self._secret = self.folder.secret()
        sockets = self._bind()
        store = open_store(self.settings.store, retention=self.settings.retention)
        await asyncio.to_thread(store.open)
        self._down.callback(store.close)
        self._wire(store)
        await self._load()
        await self.apply(self.settings)
        self._listen(sockets)
        self._plan()
        self.watchman.begin()
        self._down.callback(self.watchman.stop)
        log.info(
            "daemon.started",
            saasobs_version=__version__,
            monitors=len(self.board.monitors),
            state_dir=str(self.folder.path),
        )

    async def stop(self) -> None:
        """No new checks; finish what is being sent; write what waits; let the folder go."""
        log.info("daemon.stopping")
        await self._down.aclose()
        log.info("daemon.stopped")

    def _wire(self, store: Store) -> None:
        """Make the parts that need a store, and tie them together."""
        self.ledger = Ledger(store, self.telemetry)
        self.ledger.start()
        self._down.push_async_callback(self._close_ledger)
        self.switchboard = Switchboard(self.clock, self.ledger)
        self.rota = Rota(self.clock, self.ledger, self.wake)
        owner = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.surroundings = Surroundings(self.board)
        self.outbox = Outbox(self.clock, self.ledger, self.surroundings, self.telemetry, owner=owner)
        self._down.push_async_callback(self.outbox.close, STOP_SECONDS)
        self.holding = Holding(self.clock, self.board, self.agenda, self.ledger, self.outbox.poke, self.wake)
        self.pipeline = Pipeline(self.clock, self.board, self.agenda, self.ledger, self.holding, self.outbox.poke)
        self.surroundings.connect(self.holding, self.pipeline)
        directory = partial(getattr, self.pipeline, "directory")
        self.reminding = Reminding(self.clock, self.ledger, directory, self.pipeline.owe, self.outbox.poke)
        self.answers = Answers(self.clock, self.ledger, directory, self.pipeline.owe, self.outbox.poke, self.telemetry)
        self.surroundings.answer_url = self.answers.links.url
        self.reports = ReportDesk(
            self.clock, self.ledger, self.holding, self.pipeline.owe, self.heartbeats.absences, self.telemetry
        )
        tools = ProbeTools(self.clock, self.heartbeats, self.board, nameservers=self.settings.nameservers)
        self.probes = Probes(tools)
        self.advisories = Advisories(self.clock, self.board, self.ledger, self.pipeline.owe, self.outbox.poke)
        location = self.settings.location
        self.runner = Runner(self.clock, self.probes, self.gate, self._guard, self.telemetry, location=location)
        self.objectives = Objectives(self.clock, self.ledger, self.advisories)
        self.network = NetworkGuard(
            self.clock, self.board, self._take, self.runner.ask, self.heartbeats.was_away, self.advisories
        )
        self.answers.forget = {
            Topic.HEALTH: self.pipeline.forget_judged,
            Topic.CERTIFICATE: self.advisories.forget_certificate,
            Topic.SLO: self.objectives.set_aside,
            Topic.FLAPPING: self.pipeline.flaps.forget_resolved,
        }
        self.channel_watch = ChannelWatch(self.clock, self.advisories, lambda: self.network.cut_off)
        self.outbox.on_delivered = self.channel_watch.delivered
        self._down.push_async_callback(self._close_checks)
        self.watchman = Watchman(self.clock, self.agenda, self._start_check, self._was_away, self._was_set_back)
        self.operator = DaemonOperator(
            self.clock, self.board, self.agenda, self.ledger, self.pipeline, self.heartbeats, self
        )
        self.listening = Listening(self.ledger, lambda: self.pipeline.directory, self.operator, self.telemetry)
        self._down.push_async_callback(self.listening.close)
        self.phones = Phones(self.clock, self.ledger, self.outbox, self.operator, self.telemetry)
        load, burning = (lambda: (self.gate.running, self.gate.queued)), self.objectives.burning
        self.telemetry.registry.register(BoardCollector(self.board, load, burning))
        self.telemetry.network_up.set_function(lambda: float(not self.network.cut_off))
        self.telemetry.on_storage_problem = self._storage_failed
        self.telemetry.on_storage_mended = self._storage_mended

    async def _close_checks(self) -> None:
        self.network.close()
        await self.runner.close()
        await asyncio.gather(*(probe.close() for probe in self.probes.values()))

    async def _close_ledger(self) -> None:
        now = self.clock.now()
        self.ledger.submit(lambda transaction: self.heartbeats.write_alive(transaction, now), patient=True)
        if not await asyncio.to_thread(self.ledger.close, STOP_SECONDS):
            log.error("ledger.left_behind", waiting=self.ledger.waiting)

    async def _load(self) -> None:
        """What the last run knew. Its leases are free: we hold the folder's lock, so it is gone."""
        now = self.clock.now()

        def work(transaction: Transaction) -> tuple[list[MonitorState], dict[str, Result], int]:
            self.heartbeats.load(transaction, now)
            self.advisories.load(transaction)
            self.channel_watch.load(transaction)
            self.answers.load(transaction)
            self.pipeline.load(transaction)
            self.rota.load(transaction)
            self.objectives.load(transaction, self.settings.monitors.values())
            self.heartbeats.write_alive(transaction, now)
            return transaction.states(), transaction.last_results(), transaction.release("")

        states, last, freed = await self.ledger.run(work)
        self.board.load(states, last)
        if freed:
            log.info("outbox.taken_over", notices=freed)

    def _bind(self) -> list[tuple[str, Any]]:
        """Every socket before anything else runs, so that a taken port is known at once."""
        settings = self.settings
        sockets = [("unix", bind_unix(self.folder.socket)), ("web", bind_tcp(settings.web.host, settings.web.port))]
        if settings.ingest is not None:
            sockets.append(("ingest", bind_tcp(settings.ingest.host, settings.ingest.port)))
        return sockets

    def _listen(self, sockets: list[tuple[str, Any]]) -> None:
        pages = web.operator_app(self.operator, hosts=[self.settings.web.host])
        ingest = web.ingest_app(self.operator, metrics="private")
        shared = web.combined_app(pages, ingest, apart=self.settings.ingest is not None)
        apps = {"unix": pages, "web": shared, "ingest": ingest}
        for name, listener in sockets:
            self.listeners.serve(self.instrumentation.wrap(apps[name]), listener)
        self._down.push_async_callback(self.listeners.close)

    def _plan(self) -> None:
        housekeeping = Housekeeping(self.clock, self.ledger)
        self.calendar.hourly("roll_up", housekeeping.roll_up, minute=2)
        self.calendar.every("prune", housekeeping.prune, 10 * MINUTE)
        self.calendar.every("alive", self._write_alive, ALIVE_EVERY)
        self.calendar.every("outbox_age", self._look_at_outbox, 5 * SECOND)
        self.calendar.every("holds", self.pipeline.look, SECOND)
        self.calendar.every("reminders", self.reminding.look, SECOND)
        self.calendar.every("snoozes", self.answers.look, SECOND)
        self.calendar.every("reports", self.reports.look, SECOND)
        self.phones.plan(self.calendar)
        self.calendar.every("forget_alerts", self.reports.prune, 10 * MINUTE)
        self.calendar.start()
        self._down.callback(self.calendar.close)

    # Configuration -------------------------------------------------------------------------------------------

    async def apply(self, settings: Settings) -> None:
        """Make this the running configuration; monitors whose name stays keep their state."""
        self._restart_needed = needs_restart(self.settings, settings)
        self.settings = settings
        self.switchboard.addresses = self.phones.receipts.addresses_of = Addresses(self._secret, settings.ingest_url)
        routes = self.switchboard.routes(settings)
        self.phones.configure(routes)
        self.pipeline.directory = directory_of(settings, routes, self.rota.on_call)
        self.surroundings.page_url, self.surroundings.links = settings.base_url, settings.links
        self.rota.configure(settings.schedules, settings.people, secret=self._secret, base_url=ingest_url(settings))
        self.answers.links.configure(self._secret, settings.answer_url, lasting=settings.link_lasting)
        for kind in {monitor.kind for monitor in settings.monitors.values()}:
            self.probes[kind]  # loaded now, not within its first check
        now = self.clock.now()
        for due in self.agenda.pop_due(now):
            self._start_check(due)
        for name in [*self.board.of_another_kind(settings.monitors), *self.board.set_monitors(settings.monitors)]:
            self.pipeline.withdraw(name)
            self.advisories.forget(name)
        self.board.set_monitors(settings.monitors)
        self.reports.configure(settings.sources, settings.watchdogs, settings.policies)
        self.holding.configure(settings.monitors, settings.maintenance)
        self._expect_heartbeats(settings)
        self.advisories.configure(settings.monitors)
        self.objectives.configure(settings.monitors.values())
        self.gate.limit, self.gate.per_host = settings.limits.concurrency, settings.limits.per_host
        self.agenda.set(settings.monitors.values(), now)
        self._arm()
        self._plan_own_heartbeat(settings)
        self.network.configure(settings.network)
        self.channel_watch.configure({name: channel.options for name, channel in settings.channels.items()})
        self.loaded_at = self.clock.now()
        self.telemetry.reloaded(ok=True, at=self.loaded_at)
        await self.outbox.set_routes(routes)
        await self.listening.configure(settings.channels)
        self.wake()

    def refuse(self, error: ConfigurationError) -> None:
        """A reload was faulty: what runs goes on, and says so."""
        self.reload_error = str(error)
        self.telemetry.reloaded(ok=False, at=self.clock.now())
        log.error("config.reload_refused", faults=[str(fault) for fault in error.faults])

    def _expect_heartbeats(self, settings: Settings) -> None:
        beats = [monitor for monitor in settings.monitors.values() if monitor.kind == "heartbeat"]
        names = [monitor.name for monitor in beats]
        gone = [name for name in self.heartbeats.forget_others(names) if name not in settings.monitors]
        new = self.heartbeats.watch(names, self.clock.now())

        def work(transaction: Transaction) -> None:
            for name in gone:
                transaction.forget(name)
            for state in new:
                transaction.save_heartbeat(state)

        if new or gone:
            self.ledger.submit(work, patient=True)
        self._tokens = {
            monitor.options.token or heartbeat_token(self._secret, monitor.name): monitor.name for monitor in beats
        }
        self._token_of = {name: token for token, name in self._tokens.items()}

    def _plan_own_heartbeat(self, settings: Settings) -> None:
        own, sent = settings.own_heartbeat, self.telemetry.heartbeat_sent
        url, interval = (own.url, own.interval) if own is not None else (None, 0)
        plan_own_heartbeat(self.calendar, url, interval, self.problems, lambda outcome: sent.labels(outcome).inc())

    def _arm(self) -> None:
        """Take up the fast confirmations and deadlines that were under way."""
        for monitor in self.board.monitors.values():
            state = self.board.states[monitor.name]
            if state.confirming and not state.paused:
                self.agenda.expedite(monitor.name, self.clock.now() + monitor.thresholds.retry_interval)
            self._await_deadline(monitor)

    # A check passing through ---------------------------------------------------------------------------------

    def _start_check(self, due: Due) -> None:
        monitor = self.board.monitors.get(due.monitor)
        if monitor is not None and not self.board.states[due.monitor].paused:
            self.runner.start(monitor, due)

    def _guard(self, asked: Monitor, result: Result) -> None:
        self.network.take(asked, result)

    def _take(self, asked: Monitor, result: Result) -> None:
        monitor = self.board.monitors.get(asked.name)
        if monitor is None or (monitor.kind, monitor.options) != (asked.kind, asked.options):
            return  # the answer to a question that is no longer asked
        self.telemetry.check_done(monitor.kind, result)
        self.pipeline.accept(result)
        state = self.board.states[monitor.name]
        if not state.paused:  # it was, perhaps, while it was being checked, or while its result was held
            self.advisories.observe(monitor, result)
            self.objectives.observe(monitor, result, state)
        self._await_deadline(monitor)

    def _await_deadline(self, monitor: Monitor) -> None:
        """A kind whose verdict can change by time alone is looked at when it may."""
        next_deadline = KINDS[monitor.kind].next_deadline
        deadline = next_deadline(monitor, self.heartbeats, self.clock.now()) if next_deadline else None
        if deadline is not None:
            self.agenda.expedite(monitor.name, deadline)

    def _was_away(self, start: int, end: int) -> None:
        self.heartbeats.was_away(start, end)

    def _was_set_back(self, micros: int) -> None:
        """The wall clock went back: so does everything that waits for a moment ahead."""
        log.warning("clock.set_back", seconds=micros / SECOND)
        changed = self.heartbeats.set_back(self.clock.now())

        def work(transaction: Transaction) -> None:
            transaction.set_back(micros)
            for state in changed:
                transaction.save_heartbeat(state)

        self.ledger.submit(work, patient=True)
        self.holding.maintenance.set_back(micros)
        self.objectives.set_back(micros)
        self.answers.set_back(micros)
        self.outbox.set_back()
        self.calendar.restart()

    def wake(self) -> None:
        self.watchman.wake()

    async def availability(self, monitor: Monitor, days: int) -> Availability:
        return await self.objectives.availability(monitor, days)

    def pausing(self, monitor: str, by: str) -> None:
        """What a paused monitor can no longer end by itself is withdrawn."""
        self.advisories.pause(monitor, f"paused by {by}")
        self.objectives.pause(monitor, f"paused by {by}")

    async def check(self, monitor: Monitor) -> Result:
        return await self.runner.once(monitor)

    # How the daemon is ---------------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What is wrong with the daemon itself, in sentences."""
        found = [self.telemetry.storage_problem] if self.telemetry.storage_problem else []
        if not self.ledger.alive:
            found.append("the thread that writes has ended: restart the daemon")
        found += [f"nothing is sent over {name}: its worker has ended; reload or restart" for name in self.outbox.dead]
        if problem := self.network.problem():
            found.append(problem)
        silent = self.clock.now() - self.watchman.last_round
        if silent > 30 * SECOND:
            found.append(f"no check was started for {silent // SECOND} s")
        return found

    def health(self) -> Health:
        problems = self.problems()
        notes = [f"{name} changed in the file: restart the daemon to use it" for name in self._restart_needed]
        return Health(
            ready=not problems,
            problems=[*problems, *notes, *self.listening.problems()],
            started_at=self.started_at,
            version=__version__,
            configuration=str(self.settings.source),
            configuration_loaded_at=self.loaded_at,
            configuration_error=self.reload_error,
        )

    def metrics(self, accept: str) -> tuple[bytes, str]:
        return self.instrumentation.metrics.exposition(accept)

    def describe(self) -> dict[str, Any]:
        return describe(self.settings)

    def ping_tokens(self) -> Mapping[str, str]:
        return self._tokens

    def ping_url(self, monitor: str) -> str:
        token = self._token_of.get(monitor, "")
        return f"{ingest_url(self.settings)}/ping/{token}" if token else ""

    async def notify_test(self, channel: str, person: str) -> Sequence[Receipt]:
        return await self.switchboard.test(self.settings, channel, person)

    async def reload(self) -> None:
        await self._reload()

    async def _write_alive(self) -> None:
        now = self.clock.now()
        await self.ledger.run(lambda transaction: self.heartbeats.write_alive(transaction, now))

    async def _look_at_outbox(self) -> None:
        now = self.clock.now()
        rows = await self.ledger.read(lambda transaction: transaction.outbox(now))
        self.telemetry.outbox_seen(rows, list(self.settings.channels), now)

    def _storage_failed(self) -> None:
        self._storage_failed_at = self.clock.now()

    def _storage_mended(self) -> None:
        # Pings of that time were refused: for the heartbeats we were away. Called from the writer's thread.
        since, self._storage_failed_at = self._storage_failed_at, 0
        if since and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._was_away, since, self.clock.now())
