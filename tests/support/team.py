"""A team and its channels over a real store, in one thread: time, the providers and kills are in a test's hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saasobs.alerting.answers import answered
from saasobs.alerting.directory import Directory
from saasobs.alerting.grouping import Rule
from saasobs.alerting.repeating import following
from saasobs.core import answers as core_answers
from saasobs.core.answers import AnswerKind, Via
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change, Event, Incident, Notice, NoticeState, Receipt, Status
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Reason, Result
from saasobs.core.values import DAY, MINUTE, SECOND
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.answering import write_down
from saasobs.daemon.board import Board
from saasobs.daemon.claims import Claims
from saasobs.daemon.delivery import Delivery, Route
from saasobs.daemon.holding import Holding
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.reminding import Reminding
from saasobs.daemon.settling import Settling
from saasobs.storage import open_store
from support.owing import Provider
from support.quiet import AtOnce, TwoClocks

Answer = Callable[[str, str], Exception | None]
"""(channel, recipient) → what the provider says to a message; None: it takes it."""


def takes_all(_channel: str, _recipient: str) -> Exception | None:
    """A provider without a fault."""
    return None


@dataclass(frozen=True)
class Message:
    """One that a provider has taken."""

    at: int
    channel: str
    told: Briefing | GroupBriefing

    @property
    def to(self) -> tuple[str, str]:
        return (self.channel, self.told.recipient)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Of a message about one incident."""
        assert isinstance(self.told, Briefing)
        return self.told.changes

    @property
    def digest(self) -> GroupBriefing:
        assert isinstance(self.told, GroupBriefing)
        return self.told

    @property
    def incidents(self) -> tuple[Incident, ...]:
        if isinstance(self.told, Briefing):
            return (self.told.incident,)
        return tuple(member.incident for member in self.told.news)


@dataclass
class Team:
    """Incidents happen, time passes, messages go out; `kill` is a new process on the same store."""

    directory: Directory
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    """Each channel's own."""
    monitors: Sequence[Monitor] = ()
    answer: Answer = takes_all
    over: int = 0
    """So many incidents have a message of their own; 0: all."""
    clock: TwoClocks = field(default_factory=TwoClocks)
    store: Store = field(default_factory=lambda: open_store("sqlite://"))
    messages: list[Message] = field(default_factory=list)
    lost_receipts: int = 0
    """So many of the next messages are taken, and the process dies before that is written down."""
    links: Mapping[str, str] = field(default_factory=dict)
    page_url = ""

    def __post_init__(self) -> None:
        self.store.open()
        self.start()

    def start(self) -> None:
        """A process begins."""
        ledger: Any = AtOnce(self.store)
        self.board = Board(monitors={one.name: one for one in self.monitors})
        self.holding = Holding(self.clock, self.board, Agenda(), ledger, _nothing, _nothing)
        self.pipeline = Pipeline(self.clock, self.board, Agenda(), ledger, self.holding, _nothing)
        self.pipeline.directory = self.directory
        self.reminding = Reminding(self.clock, ledger, lambda: self.pipeline.directory, self.pipeline.owe, _nothing)
        self.settling = Settling(_nothing, lambda: self.pipeline.directory)
        self.settling.routes = {
            name: Route(name, Provider(recipients=recipients), self.directory.max_age[name], self.fallbacks.get(name),
                        Rule(self.over, 30 * SECOND))
            for name, recipients in self.directory.recipients.items()
        }  # fmt: skip
        self.claims = Claims(self.clock, self, self.settling, "test")
        with self.store.write() as transaction:
            self.pipeline.load(transaction)
            transaction.release("")

    kill = start

    def configure(self, directory: Directory) -> None:
        """A reload."""
        self.directory = self.pipeline.directory = directory
        with self.store.write() as transaction:
            self.claims.look_again(transaction)

    # What happens ---------------------------------------------------------------------------------------------

    def open(
        self, name: str = "api", severity: Severity = Severity.CRITICAL, *, tenant: str = "", policy: str = ""
    ) -> str:
        now = self.clock.at
        status = Status.DOWN if severity is Severity.CRITICAL else Status.DEGRADED
        identity = f"{name}-{now}"
        incident = Incident(
            identity, name, severity, status, now, now, Reason.STATUS_MISMATCH, "status 500", tenant=tenant
        )
        self._change(incident, Change.OPENED, policy)
        return identity

    def escalate(self, identity: str) -> None:
        before = self.incident(identity)
        worse = replace(before, severity=Severity.CRITICAL, status=Status.DOWN, occurrence=before.occurrence + 1)
        self._change(worse, Change.ESCALATED)

    def ease(self, identity: str) -> None:
        before = self.incident(identity)
        better = replace(before, severity=Severity.WARNING, status=Status.DEGRADED, occurrence=before.occurrence + 1)
        self._change(better, Change.EASED)

    def recover(self, identity: str) -> None:
        before = self.incident(identity)
        if before.open:
            now = self.clock.at
            ended = replace(before, ended_at=now, ending=Change.RECOVERED, occurrence=before.occurrence + 1)
            self._change(ended, Change.RECOVERED)

    def acknowledge(self, identity: str, by: str = "ana") -> None:
        self._say(identity, AnswerKind.ACKNOWLEDGE, by)

    def unacknowledge(self, identity: str, by: str = "ana") -> None:
        self._say(identity, AnswerKind.UNACKNOWLEDGE, by)

    def _say(self, identity: str, kind: AnswerKind, by: str) -> None:
        incident, said, now = self.incident(identity), core_answers.Answer(kind, by, Via.API), self.clock.at
        with self.store.write() as transaction:
            made = answered(incident, said, transaction.notices(identity), self.pipeline.directory, now)
            write_down(transaction, made, self.pipeline.owe, now)

    def _change(self, incident: Incident, change: Change, policy: str = "") -> None:
        now = self.clock.at
        with self.store.write() as transaction:
            transaction.save_incident(incident)
            transaction.add_event(Event(incident.id, now, change, str(change)))
            self.pipeline.owe(transaction, incident, change, policy, now)

    # Time passes ----------------------------------------------------------------------------------------------

    def pass_(self, micros: int) -> None:
        """Whatever comes due on the way is done when it does."""
        until = self.clock.at + micros
        self.work()
        while self.clock.at < until:
            hop = max(1, min(self._next_due(), until) - self.clock.at)
            self.clock.at += hop
            self.clock.steady += hop
            self.work()

    def _next_due(self) -> int:
        latest = self.clock.at + 10 * DAY
        with self.store.read() as transaction:
            due = [transaction.next_due(name) or latest for name in self.settling.routes]
            open_ = transaction.incidents(open_only=True)
            unheard = self.clock.at + 10 * MINUTE if transaction.unheard() else latest
        return min([latest, unheard, *due, *(self._next_round(one) for one in open_)])

    def _next_round(self, incident: Incident) -> int:
        policy = self.directory.policies.get(incident.policy)
        repeat = policy.repeat if policy is not None else None
        may = repeat is not None and incident.rounds < repeat.times and not incident.acknowledged_at
        return following(incident, repeat, self.clock.at) if repeat is not None and may else self.clock.at + 10 * DAY

    def sleep(self, micros: int) -> None:
        """No process runs meanwhile."""
        self.clock.at += micros
        self.clock.steady += micros
        self.kill()

    def work(self) -> None:
        """What a look of the calendar and the channels' workers do, until nothing is left to do now."""
        with self.store.read() as transaction:
            due = self.reminding.due(transaction)
        with self.store.write() as transaction:
            self.reminding.remind(transaction, due)
        for _ in range(50):
            if not sum([self._claim(name) for name in self.settling.routes]):
                return
        raise AssertionError("there is no end to it")

    def _claim(self, name: str) -> int:
        with self.store.write() as transaction:
            deliveries = self.claims.take(transaction, name).deliveries
        for delivery in deliveries:
            self._deliver(name, delivery)
        return len(deliveries)

    def _deliver(self, name: str, delivery: Delivery) -> None:
        now, told = self.clock.at, delivery.briefing
        error = self.answer(name, told.recipient)
        if error is None:
            self.messages.append(Message(now, name, told))
            if self.lost_receipts:
                self.lost_receipts -= 1
                self.kill()
                return
        with self.store.write() as transaction:
            if isinstance(error, DeliveryError):
                self.claims.refused(told.delivery_id)
                self.settling.refused(transaction, name, delivery, error, now)
            else:
                self.settling.accepted(transaction, name, delivery, Receipt("1", ""), now)
            outcome = "sent" if error is None else "failed"
            transaction.record_attempt(delivery.attempt(name, now, now, outcome, str(error or "")))

    # What is known --------------------------------------------------------------------------------------------

    def incident(self, identity: str) -> Incident:
        with self.store.read() as transaction:
            found = transaction.incident(identity)
        assert found is not None
        return found

    def notices(self, identity: str) -> list[Notice]:
        with self.store.read() as transaction:
            return transaction.notices(identity)

    def timeline(self, identity: str) -> list[Event]:
        with self.store.read() as transaction:
            return transaction.events(identity)

    def told(self) -> list[tuple[int, str, str]]:
        """(minutes since the beginning, channel, recipient) of each message."""
        return [((one.at - self._began) // MINUTE, *one.to) for one in self.messages]

    @property
    def _began(self) -> int:
        return TwoClocks().at

    def at(self, change: Change | None = None) -> list[tuple[str, str]]:
        """Whom the messages went to, in order; only those that tell a change, if one is named."""
        return [one.to for one in self.messages if change is None or change in one.changes]

    def pending(self) -> list[Notice]:
        with self.store.read() as transaction:
            found = transaction.incidents(limit=1_000)
            return [
                one for incident in found for one in transaction.notices(incident.id)
                if one.state is NoticeState.PENDING
            ]  # fmt: skip

    # The outbox's context -------------------------------------------------------------------------------------

    def monitor_or_none(self, name: str) -> Monitor | None:
        return self.board.monitors.get(name)

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        return self.holding.holds_back(transaction, notice, incident)

    def reported(self, transaction: Transaction, incident: Incident) -> None:
        return None

    def last_result(self, monitor: str) -> Result | None:
        return None

    def dependants(self, monitor: str) -> Sequence[str]:
        return self.holding.dependants(monitor)

    def answer_url(self, incident_id: str, who: str) -> str:
        return f"https://answer.example/{incident_id}/{who}"


def _nothing() -> None:
    return None
