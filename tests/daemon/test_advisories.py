"""What the daemon itself has to say: a certificate's last days, told once each, over restarts and renewals."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import pytest

from saasobs.alerting.directory import Directory
from saasobs.alerting.judge import judge
from saasobs.alerting.policy import Policy, Step
from saasobs.core.incident import Change, Incident, MonitorState, Notice, NoticeState, Status, Topic
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND
from saasobs.daemon.advisories import Advisories
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.board import Board
from saasobs.daemon.holding import Holding
from saasobs.daemon.ledger import Ledger, T, Work
from saasobs.daemon.pipeline import Pipeline
from support.probing import SetClock
from support.stores import BreakableStore
from support.watchers import Calm

NOW = 1_763_800_000 * SECOND
API = Monitor("api", "http", None, "https://api.example")


class KilledLedger(Ledger):
    """Writes each piece of work in a transaction of its own, and after so many of them nothing any more."""

    def __init__(self, store: BreakableStore, pieces: int) -> None:
        super().__init__(store, Calm())
        self._target = store
        self._left = pieces

    def submit(self, work: Work[T], **_: object) -> Future[T]:
        if self._left:
            self._left -= 1
            with self._target.write() as transaction:
                work(transaction)
        return Future()


class House:
    """Advisories on a real store and ledger."""

    def __init__(self, store: BreakableStore, ledger: Ledger | None = None) -> None:
        self.clock = SetClock(NOW)
        self.board = Board()
        self.board.monitors["api"] = API
        self.board.states["api"] = MonitorState("api", Status.UP)
        self.store = store
        self.ledger = ledger or Ledger(store, Calm())
        if ledger is None:
            self.ledger.start()
        agenda = Agenda()
        holding = Holding(self.clock, self.board, agenda, self.ledger, lambda: None, lambda: None)
        pipeline = Pipeline(self.clock, self.board, agenda, self.ledger, holding, lambda: None)
        steps = (Step(("chat",), 0, unless_acknowledged=False),)
        pipeline.directory = Directory({"default": Policy("default", steps)}, {"chat": ("team",)}, {"chat": DAY})
        self.advisories = Advisories(self.clock, self.board, self.ledger, pipeline.owe, lambda: None)
        with store.read() as transaction:
            self.advisories.load(transaction)

    def see(self, days: float, *, not_after: int = 0) -> None:
        """A check of a server whose certificate has so many days left."""
        expires = not_after or self.clock.at + round(days * DAY)
        certificate = {"not_after_us": expires, "subject": "CN=api.example"}
        self.answer({"certificate": certificate})

    def answer(self, observations: dict[str, object], outcome: Outcome = Outcome.UP) -> None:
        check = Check("api", self.clock.at, self.clock.at)
        self.advisories.observe(API, Result(check, outcome, observations=observations))

    def go_on(self, hours: float, days: float) -> None:
        """So many hours with a check a minute, of a certificate that has so many days left at the first of them."""
        not_after = self.clock.at + round(days * DAY)
        for _ in range(round(hours * 60)):
            self.clock.at += MINUTE
            self.see(0, not_after=not_after)

    def told(self) -> list[tuple[Topic, Change]]:
        """What is owed, oldest first."""
        self.ledger.submit(lambda _: None, patient=True).result(10)
        with self.store.read() as transaction:
            found = [
                (notice.due_at, notice.occurrence, incident.topic, notice.change)
                for incident in transaction.incidents()
                for notice in transaction.notices(incident.id)
            ]
        return [(topic, change) for _, _, topic, change in sorted(found)]


@pytest.fixture
def house() -> Iterator[House]:
    made = House(BreakableStore())
    yield made
    made.ledger.close(5)


def test_a_healthy_certificate_is_not_mentioned(house: House) -> None:
    """More than thirty days: nothing."""
    house.see(31)
    assert house.told() == []


def test_each_mark_once(house: House) -> None:
    """Looked at every hour of its last 32 days: told at 30, 14, 7, 3 and 1, as one incident, a warning."""
    not_after = NOW + 32 * DAY
    for _ in range(32 * 24 + 12):
        house.see(0, not_after=not_after)
        house.clock.at += HOUR
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), *[(Topic.CERTIFICATE, Change.REMINDED)] * 4]
    with house.store.read() as transaction:
        (incident,) = transaction.incidents(open_only=True)
    assert (incident.severity, incident.status) == (Severity.WARNING, Status.DEGRADED)
    assert (
        incident.message == "the certificate CN=api.example is valid until 2025-12-24T08:26:40.000Z, 1.0 days from now"
    )


def test_a_restart_repeats_nothing(house: House) -> None:
    """What was told is a fact in the store."""
    house.see(29)
    house.told()
    again = House(house.store)
    again.clock.at += HOUR
    again.see(0, not_after=NOW + 29 * DAY)
    assert again.told() == [(Topic.CERTIFICATE, Change.OPENED)]
    again.ledger.close(5)


def test_a_renewal_ends_it(house: House) -> None:
    """Whoever was told hears that it was renewed, and the next certificate begins anew."""
    house.see(10)
    house.clock.at += DAY
    house.see(90)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED)]  # another server behind the name may have the old one
    house.go_on(1.1, 90)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.RECOVERED)]
    house.clock.at += 85 * DAY
    house.see(5)
    assert house.told()[2:] == [(Topic.CERTIFICATE, Change.OPENED)]


def test_a_certificate_that_was_resolved_is_told_of_at_its_next_mark(house: House) -> None:
    """Somebody said that it was over: the mark that was told stays told, the next one opens an incident of its own."""
    not_after = NOW + 29 * DAY
    house.see(0, not_after=not_after)
    house.told()
    with house.store.read() as transaction:
        [first] = transaction.incidents()
    forgotten = house.advisories.forget_certificate(first)
    assert forgotten.work is not None
    with house.store.write() as transaction:
        forgotten.work(transaction)
        transaction.save_incident(replace(first, ended_at=NOW + 1, ending=Change.RESOLVED))
    assert house.advisories.forget_certificate(first).work is None
    house.go_on(1, 29)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED)]
    house.clock.at = not_after - 13 * DAY
    house.see(0, not_after=not_after)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED)] * 2


def test_a_removed_monitor_takes_its_advisory_along(house: House) -> None:
    """Its incident is withdrawn and its fact forgotten."""
    house.see(10)
    house.advisories.forget("api")
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.WITHDRAWN)]
    with house.store.read() as transaction:
        assert transaction.facts("certificate:") == {}


def test_the_monitors_own_incident_speaks_for_it(house: House) -> None:
    """While the monitor is degraded by its certificate there is no second incident beside it."""
    failing = replace(house.board.states["api"], last_outcome=Outcome.DEGRADED, last_reason=Reason.CERTIFICATE_EXPIRING)
    house.board.states["api"] = failing
    house.see(13)
    house.board.states["api"] = replace(failing, status=Status.DEGRADED, since=NOW, incident_id="health")
    house.see(13)
    assert house.told() == []


def test_a_refused_certificate_is_the_monitors_own_trouble(house: House) -> None:
    """One that failed verification says nothing about the one that is in force."""
    certificate = {"not_after_us": NOW + DAY, "subject": "CN=other"}
    check = Check("api", NOW, NOW)
    refused = Result(
        check, Outcome.DOWN, reason=Reason.CERTIFICATE_WRONG_HOST, observations={"certificate": certificate}
    )
    house.advisories.observe(API, refused)
    assert house.told() == []


def test_two_servers_behind_one_name_are_no_endless_story(house: House) -> None:
    """One of them was forgotten when the certificate was renewed: told once, and not over while it is still seen."""
    old, new = NOW + 5 * DAY, NOW + 85 * DAY
    for number in range(200):
        house.see(0, not_after=(old, new)[number % 2])
        house.clock.at += MINUTE
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED)]


def test_certificates_that_differ_at_every_look_are_told_of_once_a_day(house: House) -> None:
    """A hostile server, or a hundred of them behind one name, floods nobody."""
    for number in range(500):
        house.see(3.5 + (number * 7) % 26)
        house.clock.at += MINUTE
    assert len(house.told()) <= 5


def test_a_shorter_certificate_speaks_for_itself(house: House) -> None:
    """The one that took its place has less time: its own mark is told, in the same incident."""
    house.see(12)
    house.clock.at += HOUR
    house.see(2)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.REMINDED)]


def test_a_certificate_that_is_no_longer_shown_ends_it(house: House) -> None:
    """The monitor's URL is plain HTTP now: the incident is withdrawn, and does not stay open for ever."""
    house.see(10)
    for _ in range(70):
        house.clock.at += MINUTE
        house.answer({"status": 200})
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.WITHDRAWN)]


def test_an_outage_is_no_renewal(house: House) -> None:
    """A server that does not answer shows no certificate, and its old one runs out all the same."""
    house.see(10)
    for _ in range(200):
        house.clock.at += MINUTE
        house.answer({}, Outcome.DOWN)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED)]


def test_a_clock_that_was_ahead_swallows_no_mark(house: House) -> None:
    """By a wrong clock the certificate was at its last day; by the right one every mark is still to come."""
    not_after = NOW + 40 * DAY
    house.clock.at += 39 * DAY + HOUR
    house.see(0, not_after=not_after)
    house.clock.at = NOW
    for _ in range(40 * 24):
        house.see(0, not_after=not_after)
        house.clock.at += HOUR
    marks = [change for _, change in house.told()]
    assert marks.count(Change.OPENED) + marks.count(Change.REMINDED) == 1 + 5


def test_a_short_clock_step_repeats_no_mark(house: House) -> None:
    """Set back by an hour at the very edge of a mark, it is told once all the same."""
    not_after = NOW + 14 * DAY - MINUTE
    house.see(0, not_after=not_after)
    house.clock.at -= HOUR
    house.see(0, not_after=not_after)
    house.clock.at += HOUR
    house.see(0, not_after=not_after)
    assert len(house.told()) == 1


@pytest.mark.parametrize("pieces", range(3))
def test_what_was_told_and_its_notices_are_one_transaction(pieces: int) -> None:
    """Killed after any piece of work that was written down: the next run tells the mark, once in all."""
    store = BreakableStore()
    House(store, KilledLedger(store, pieces)).see(29)
    again = House(store)
    again.see(29)
    assert again.told() == [(Topic.CERTIFICATE, Change.OPENED)]
    again.ledger.close(5)


def test_the_third_day_is_told_once(house: House) -> None:
    """The seventh is a reminder of the monitor's incident; on the third that incident escalates, and says so itself."""
    about, expires = Reason.CERTIFICATE_EXPIRING, NOW + 7 * DAY
    state = MonitorState("api", Status.DEGRADED, since=NOW - 7 * DAY, incident_id="health")
    with house.store.write() as transaction:
        transaction.save_incident(
            Incident("health", "api", Severity.WARNING, Status.DEGRADED, state.since, state.since, about, "")
        )
        opening = Notice("n", "health", 0, 0, "chat", "team", Change.OPENED, state.since, NOW, state=NoticeState.SENT)
        transaction.owe([opening])
    for at, outcome in (
        (NOW, Outcome.DEGRADED),
        (NOW + 4 * DAY, Outcome.DOWN),
        (NOW + 4 * DAY + 5 * SECOND, Outcome.DOWN),
    ):
        house.clock.at = at
        seen = {"certificate": {"not_after_us": expires, "subject": "CN=api.example"}}
        result = Result(Check("api", at, at), outcome, 0, about, observations=seen)
        state = house.board.states["api"] = judge(state, result, API.thresholds).state
        house.advisories.observe(API, result)
    assert state.status is Status.DOWN
    assert [change for _, change in house.told()] == [Change.OPENED, Change.REMINDED]


def test_pausing_withdraws_it_and_repeats_no_mark(house: House) -> None:
    """Nobody watches a paused monitor; what was told of its certificate stays told."""
    house.see(10)
    house.advisories.pause("api", "paused by maria")
    house.clock.at += HOUR
    house.see(9.9)
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.WITHDRAWN)]
    house.clock.at += 4 * DAY
    house.see(5.9)
    assert house.told()[2:] == [(Topic.CERTIFICATE, Change.OPENED)]


def test_what_left_while_we_were_away_is_withdrawn(house: House) -> None:
    """A monitor that an earlier run was killed in the middle of removing leaves no incident open for ever."""
    house.see(10)
    house.advisories.configure([])
    assert house.told() == [(Topic.CERTIFICATE, Change.OPENED), (Topic.CERTIFICATE, Change.WITHDRAWN)]


def test_what_others_wrote_is_made_harmless(house: House) -> None:
    """A certificate's names are somebody else's text."""
    odd = {"not_after_us": NOW + 2 * DAY, "expires_first": "CN=\x1b[31mevil\n" + "x" * 500}
    house.answer({"certificate": odd})
    house.told()
    with house.store.read() as transaction:
        (incident,) = transaction.incidents()
    assert incident.message.isprintable()
    assert len(incident.message) < 300


def test_a_machines_daily_certificate_is_not_mentioned(house: House) -> None:
    """One that lives for days only is renewed by a machine before every mark that it was born with."""
    born = "2025-11-22T08:26:40.000Z"
    for days in (6, 4, 2.5):
        certificate = {"not_after_us": NOW + round(days * DAY), "not_before": born, "subject": "CN=api.example"}
        house.answer({"certificate": certificate})
    assert house.told() == []
