"""Incidents that no judge opens: what the daemon itself has to say, such as a certificate that runs out.

They are told, acknowledged and ended like all others, and they are apart from the monitor's health: `Incident.topic`.
What has been told is a fact in the store, written in the transaction that owes the notices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import structlog

from saasobs.alerting.expiry import Health, Step, Told, due_mark, next_step
from saasobs.alerting.hygiene import one_line
from saasobs.core.incident import OWN_NETWORK, Change, Event, Incident, MonitorState, Status, Topic, incident_id
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import DAY, from_datetime, isoformat
from saasobs.daemon.answering import Forgotten
from saasobs.daemon.board import Board
from saasobs.daemon.ledger import Ledger
from saasobs.probes.verdict import short

CERTIFICATE: str = "certificate:"
"""The facts' prefix; a monitor's name follows."""
GONE_AFTER = 3600.0
"""A certificate that was not seen for so many seconds, and in so many looks, is no longer there: until then another
server behind the same name may still show it."""
GONE_LOOKS = 3

_ENDINGS = {Change.RECOVERED: "incident.recovered", Change.WITHDRAWN: "incident.withdrawn"}

Owe = Callable[[Transaction, Incident, Change, str, int], None]
Work = Callable[[Transaction], None]

log = structlog.get_logger("saasobs.incidents")


class Advisories:
    """Opens, repeats and ends them. Only the event loop's thread calls it."""

    def __init__(self, clock: Clock, board: Board, ledger: Ledger, owe: Owe, poke: Callable[[], None]) -> None:
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._owe = owe
        self._poke = poke
        self._told: dict[str, Told] = {}
        self._missed: dict[str, tuple[float, int]] = {}
        """By monitor: since when (monotonic seconds) and how often the certificate that was told of was not seen."""
        self.own_network = ""
        """The open incident about our own network, which an earlier run may have left."""

    def load(self, transaction: Transaction) -> None:
        """Take up where the last run stopped."""
        facts = transaction.facts(CERTIFICATE)
        self._told = {key.removeprefix(CERTIFICATE): _from_fact(json.loads(value)) for key, value in facts.items()}
        left = transaction.incidents(open_only=True, monitor=OWN_NETWORK, limit=1)
        self.own_network = left[0].id if left else ""

    def configure(self, monitors: Collection[str]) -> None:
        """Forget what is about monitors that are not watched (any more)."""
        for name in self._told.keys() - set(monitors):
            self.forget(name)

    def forget(self, monitor: str) -> None:
        """A monitor left the configuration: so does what its certificate was about."""
        told = self._told.pop(monitor, None)
        self._missed.pop(monitor, None)
        if told is None:
            return
        ending = self._ending(told.incident_id, "removed from the configuration", Change.WITHDRAWN)

        def work(transaction: Transaction) -> None:
            transaction.forget_fact(f"{CERTIFICATE}{monitor}")
            ending(transaction)

        self._submit(work)

    def pause(self, monitor: str, why: str) -> None:
        """A person paused a monitor: its incident is withdrawn; what was told stays told."""
        told = self._told.get(monitor)
        if told is not None and told.incident_id:
            self._close(monitor, told, why, Change.WITHDRAWN)

    def forget_certificate(self, incident: Incident) -> Forgotten:
        """Somebody has resolved it: the next mark opens a new one. What was told stays told."""
        told = self._told.get(incident.monitor)
        if told is None or told.incident_id != incident.id:
            return Forgotten()
        self._missed.pop(incident.monitor, None)
        self._told[incident.monitor] = told = replace(told, incident_id="")
        key, value = f"{CERTIFICATE}{incident.monitor}", json.dumps(asdict(told))
        return Forgotten(work=lambda transaction: transaction.set_fact(key, value))

    # Certificates --------------------------------------------------------------------------------------------

    def observe(self, monitor: Monitor, result: Result) -> None:
        """Look at the certificate that a check saw, if it saw one that counts."""
        certificate = result.observations.get("certificate")
        told = self._told.get(monitor.name)
        if (not isinstance(certificate, Mapping) and told is None) or _is_refused(result):
            return
        state = self._board.states.get(monitor.name)
        if state is None or state.paused:
            return
        if not isinstance(certificate, Mapping):
            if result.outcome in (Outcome.UP, Outcome.DEGRADED):  # it answered, and showed none
                self._miss(monitor.name, None)
            return
        mark = due_mark(certificate["not_after_us"], self._clock.now(), _life(certificate))
        if not mark:
            self._miss(monitor.name, certificate)
            return
        self._missed.pop(monitor.name, None)
        self._take_step(monitor, state, certificate, mark)

    def _take_step(self, monitor: Monitor, state: MonitorState, certificate: Mapping[str, Any], mark: int) -> None:
        now, not_after = self._clock.now(), certificate["not_after_us"]
        told = self._told.get(monitor.name, Told())
        step = next_step(told, not_after, mark, _health(state), now)
        if step is Step.NOTHING:
            return
        sentence, seen = _sentence(certificate, now), told.plus(not_after, mark, now)
        if step is Step.OPEN:
            identity = incident_id(monitor.name, now, Topic.CERTIFICATE)
            incident = _opened(identity, monitor.name, Topic.CERTIFICATE, Reason.CERTIFICATE_EXPIRING, sentence, now)
            self._note(monitor.name, replace(seen, incident_id=identity), self._opening(incident, monitor.policy))
        elif step is Step.COUNT:
            self._note(monitor.name, seen)
        else:
            about = told.incident_id if step is Step.REMIND else state.incident_id
            self._note(monitor.name, seen, self._reminder(about, sentence))

    def _miss(self, monitor: str, certificate: Mapping[str, Any] | None) -> None:
        """What was told of was not seen this time; after a while it counts as gone."""
        told = self._told.get(monitor)
        if told is None or not told.incident_id:
            return
        since, looks = self._missed.get(monitor, (self._clock.monotonic(), 0))
        self._missed[monitor] = (since, looks + 1)
        if looks + 1 < GONE_LOOKS or self._clock.monotonic() - since < GONE_AFTER:
            return
        if certificate is None:
            self._close(monitor, told, "no certificate is shown there any more", Change.WITHDRAWN)
        else:
            self._close(monitor, told, _sentence(certificate, self._clock.now()), Change.RECOVERED)

    def _close(self, monitor: str, told: Told, sentence: str, ending: Change) -> None:
        self._missed.pop(monitor, None)
        self._note(monitor, replace(told, incident_id=""), self._ending(told.incident_id, sentence, ending))

    def _note(self, monitor: str, told: Told, act: Work | None = None) -> None:
        """Write down what was told, and in the same transaction what follows from it."""
        self._told[monitor] = told
        key, value = f"{CERTIFICATE}{monitor}", json.dumps(asdict(told))

        def work(transaction: Transaction) -> None:
            transaction.set_fact(key, value)
            if act is not None:
                act(transaction)

        self._submit(work)

    # Our own network -----------------------------------------------------------------------------------------

    def blind(self, sentence: str, since: int, policy: str) -> str:
        """Our network is gone: one critical incident, which can be told when it is back at the latest."""
        identity = incident_id(OWN_NETWORK, since, Topic.NETWORK)
        incident = _opened(identity, OWN_NETWORK, Topic.NETWORK, Reason.OWN_NETWORK, sentence, since)
        self.open(replace(incident, severity=Severity.CRITICAL, status=Status.DOWN), policy)
        self.own_network = identity
        return identity

    def sighted(self, sentence: str, ending: Change = Change.RECOVERED) -> None:
        """Our network is back, or nobody looks any more."""
        identity, self.own_network = self.own_network, ""
        if identity:
            self.end(identity, sentence, ending)

    # Any of them ---------------------------------------------------------------------------------------------

    def open(self, incident: Incident, policy: str) -> None:
        """Write down a new incident and who is told of it."""
        self._submit(self._opening(incident, policy))

    def escalate(self, identity: str, severity: Severity, sentence: str, policy: str) -> None:
        """It is worse than was told: the policy's steps begin anew."""

        def work(transaction: Transaction) -> None:
            now, incident = self._clock.now(), transaction.incident(identity)
            if incident is None or not incident.open:
                return
            worse = replace(incident, severity=severity, occurrence=incident.occurrence + 1, message=sentence)
            self._write(transaction, worse, Change.ESCALATED, sentence, policy, now)
            log.warning("incident.escalated", monitor=incident.monitor, incident=identity, message=sentence)

        self._submit(work)

    def end(self, identity: str, sentence: str, ending: Change = Change.RECOVERED) -> None:
        """It is over, or no longer watched; whoever was told of it hears so."""
        self._submit(self._ending(identity, sentence, ending))

    def _opening(self, incident: Incident, policy: str) -> Work:
        log.warning(
            "incident.opened", monitor=incident.monitor, incident=incident.id, status=incident.status.value,
            reason=incident.reason.value, message=incident.message, topic=incident.topic.value,
        )  # fmt: skip
        return lambda transaction: self._write(
            transaction, incident, Change.OPENED, incident.message, policy, incident.opened_at
        )

    def _reminder(self, identity: str, sentence: str) -> Work:
        def work(transaction: Transaction) -> None:
            now, incident = self._clock.now(), transaction.incident(identity)
            if incident is None or not incident.open:
                return
            reminded = replace(incident, occurrence=incident.occurrence + 1, message=sentence)
            self._write(transaction, reminded, Change.REMINDED, sentence, "", now)
            log.warning("incident.reminded", monitor=incident.monitor, incident=identity, message=sentence)

        return work

    def _ending(self, identity: str, sentence: str, ending: Change) -> Work:
        def work(transaction: Transaction) -> None:
            now, incident = self._clock.now(), transaction.incident(identity) if identity else None
            if incident is None or not incident.open:
                return
            ended = replace(incident, ended_at=now, ending=ending, occurrence=incident.occurrence + 1)
            self._write(transaction, ended, ending, sentence, "", now)
            log.warning(_ENDINGS[ending], monitor=incident.monitor, incident=identity, why=sentence)

        return work

    def _write(
        self, transaction: Transaction, incident: Incident, change: Change, text: str, policy: str, now: int
    ) -> None:
        """An incident as a change left it, the change's line in its timeline, and the notices of it."""
        transaction.save_incident(incident)
        transaction.add_event(Event(incident.id, now, change, text))
        self._owe(transaction, incident, change, policy, now)

    def _submit(self, work: Work) -> None:
        future = self._ledger.submit(work, patient=True)
        future.add_done_callback(lambda _: self._poke())


def _from_fact(kept: dict[str, Any]) -> Told:
    return Told(tuple((expires, mark) for expires, mark in kept["marks"]), kept["told_at"], kept["incident_id"])


def _health(state: MonitorState) -> Health:
    about = state.last_reason is Reason.CERTIFICATE_EXPIRING
    is_open = state.status in (Status.DEGRADED, Status.DOWN)
    return Health(is_about_certificate=about and is_open, changed_at=state.since, confirming=about and state.confirming)


def _is_refused(result: Result) -> bool:
    """A certificate that failed verification is the monitor's own trouble, whatever its dates."""
    reason = result.reason
    return reason is not None and reason.value.startswith("certificate_") and reason is not Reason.CERTIFICATE_EXPIRING


def _life(certificate: Mapping[str, Any]) -> int:
    """For how long it is valid in all, µs; 0: not known."""
    begins = certificate.get("not_before")
    return certificate["not_after_us"] - from_datetime(datetime.fromisoformat(begins)) if begins else 0


def _opened(identity: str, monitor: str, topic: Topic, reason: Reason, sentence: str, now: int) -> Incident:
    return Incident(
        id=identity,
        monitor=monitor,
        severity=Severity.WARNING,
        status=Status.DEGRADED,
        started_at=now,
        opened_at=now,
        reason=reason,
        message=sentence,
        topic=topic,
    )


def _sentence(certificate: Mapping[str, Any], now: int) -> str:
    not_after = certificate["not_after_us"]
    left = (not_after - now) / DAY
    subject = one_line(short(str(certificate.get("expires_first") or certificate.get("subject") or ""))) or "it showed"
    until = isoformat(not_after)
    if left <= 0:
        return f"the certificate {subject} was valid until {until}, {-left:.1f} days ago"
    return f"the certificate {subject} is valid until {until}, {left:.1f} days from now"
