"""Who is owed a word, over what, and when. Pure: facts in, notices out; writing them down is the caller's.

Of every notice there are three things to know, and all rules are made of them:

- it *waits*: pending, never tried, and not due yet or held (`hold`). An acknowledgement or an end makes it superfluous;
- it is *under way*: pending and due, tried, or in somebody's hands. It will be told, or may have been already. So is
  what waits for the morning only (`quiet_hours`);
- it was *told*.

Whoever was told, or will be, hears of the end; nobody else does. One exception is deliberate: where the channel that
told somebody fails at the end, its fallback speaks for it (`fallback`).

All steps of a policy are owed at once, with the moment at which each is due. Whom a step reaches is found for that
moment (`reach`); should somebody else be on call when it has come, the notice is handed over (`handover`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from saasobs.alerting.directory import Directory
from saasobs.alerting.hold import is_quiet, waits
from saasobs.alerting.reach import Target, reached
from saasobs.alerting.steps import Policy, Repeat, Step
from saasobs.core.incident import ENDINGS, Change, Incident, Notice, NoticeState, Suppression, notice_id
from saasobs.core.monitor import Severity

__all__ = ["STEPPED", "Owed", "Policy", "Repeat", "Step", "fallback", "owed"]

STEPPED = frozenset({Change.OPENED, Change.ESCALATED, Change.UNACKNOWLEDGED, Change.REMINDED})
"""The changes after which the steps of a policy are gone through. (A reminder without one goes to all who know.)"""


@dataclass(frozen=True, slots=True)
class Owed:
    """What a change adds to the outbox, and which notices it changes there."""

    new: tuple[Notice, ...]
    changed: tuple[Notice, ...] = ()
    notes: tuple[str, ...] = ()
    """What else the timeline should say: who is told in place of whom."""


def owed(
    incident: Incident,
    change: Change,
    policy: Policy | None,
    directory: Directory,
    existing: Sequence[Notice],
    now: int,
) -> Owed:
    """What follows from a change of an incident.

    :param incident: as the change left it: its occurrence makes the new notices' IDs; its `policy` is the last one's.
    :param policy: whose steps an opening, an escalation or a reminder takes; endings and easings need none.
    :param existing: every notice of the incident so far.
    """
    outbox = _Desk(incident, change, directory, now)
    waiting = [notice for notice in existing if waits(notice, now)]
    if change in ENDINGS:
        ended = tuple(_suppressed(notice, notice.suppression or Suppression.ENDED) for notice in waiting)
        return Owed(tuple(outbox.to_all_told(existing)), ended)
    if change is Change.EASED or (change is Change.REMINDED and policy is None):
        return Owed(tuple(outbox.to_all_told(existing)), tuple(_rated(waiting, incident.severity)))
    if change not in STEPPED or policy is None:
        return Owed(())
    if incident.policy and incident.policy != policy.name:
        plan = outbox.to_steps(policy, ())
        changed = tuple(_suppressed(notice, Suppression.REROUTED) for notice in waiting)
    else:
        plan = outbox.to_steps(policy, waiting)
        changed = tuple(_rated(waiting, incident.severity))
    return replace(plan, changed=(*changed, *_roused(existing, plan.new, incident, now)))


def fallback(
    notice: Notice, targets: Iterable[Target], directory: Directory, existing: Iterable[Notice], now: int
) -> tuple[Notice, ...]:
    """The notices that take the place of one that failed for good: the same step and change, at once.

    One that exists already is not owed again, so a circle of fallbacks comes to an end.
    """
    known = {one.id for one in existing}
    due_at = max(now, notice.due_at)
    made = (for_target(notice, one, directory, due_at) for one in targets if one.channel in directory.max_age)
    return tuple({one.id: one for one in made if one.id not in known}.values())


def for_target(notice: Notice, target: Target, directory: Directory, due_at: int) -> Notice:
    """The same step and change, told to somebody else: untried, and due then."""
    identity = notice_id(notice.incident_id, notice.step, notice.occurrence, target.channel, target.recipient)
    return Notice(
        id=identity,
        incident_id=notice.incident_id,
        step=notice.step,
        occurrence=notice.occurrence,
        channel=target.channel,
        recipient=target.recipient,
        change=notice.change,
        due_at=due_at,
        expires_at=due_at + directory.max_age[target.channel],
        severity=notice.severity,
        unless_acknowledged=notice.unless_acknowledged,
        next_at=due_at,
        person=target.person,
        schedule=target.schedule,
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """Writes the notices of one change."""

    incident: Incident
    change: Change
    directory: Directory
    now: int

    def to_steps(self, policy: Policy, waiting: Sequence[Notice]) -> Owed:
        """Every step, except for those to whom it is told later all the same. What an acknowledgement makes needless is
        written down as that: it is told should nobody be on it any more (`answers`)."""
        told_later = {(one.step, one.channel, one.recipient) for one in waiting}
        on_call_later = {(one.step, one.schedule) for one in waiting if one.schedule}
        new: list[Notice] = []
        notes: list[str] = []
        for number, step in enumerate(policy.steps):
            needless = step.unless_acknowledged and self.incident.acknowledged_at
            whom = reached(policy, number, self.directory, self.now + step.after)
            if whom.instead:
                notes.append(f"step {number + 1} of {policy.name}: {whom.instead}")
            made = [
                self._notice(number, target, step)
                for target in whom.targets
                if (number, target.channel, target.recipient) not in told_later
                and (number, target.schedule) not in on_call_later
            ]
            new += [_suppressed(one, Suppression.ACKNOWLEDGED) for one in made] if needless else made
        if not policy.steps:
            notes.append(f"nobody is told: the policy {policy.name} has no steps")
        return Owed(tuple(new), notes=tuple(notes))

    def to_all_told(self, existing: Sequence[Notice]) -> Iterator[Notice]:
        """At once, to each that was told or will be, counted for the lowest step that told them."""
        first: dict[tuple[str, str], Notice] = {}
        for notice in existing:
            key = (notice.channel, notice.recipient)
            if _is_heard(notice, self.now) and notice.channel in self.directory.max_age:
                first[key] = min(notice, first.get(key, notice), key=lambda one: one.step)
        for one in first.values():
            target = Target(one.channel, one.recipient, one.person)
            yield self._notice(one.step, target, Step((), 0, unless_acknowledged=False))

    def _notice(self, number: int, target: Target, step: Step) -> Notice:
        incident = self.incident
        blank = Notice(
            id="",
            incident_id=incident.id,
            step=number,
            occurrence=incident.occurrence,
            channel="",
            recipient="",
            change=self.change,
            due_at=0,
            expires_at=0,
            severity=incident.severity,
            unless_acknowledged=step.unless_acknowledged,
        )
        return for_target(blank, target, self.directory, self.now + step.after)


def _rated(waiting: Iterable[Notice], severity: Severity) -> Iterator[Notice]:
    """What waits tells the state of the moment when it is due: it only has to be as urgent as that is now."""
    return (replace(notice, severity=severity) for notice in waiting if notice.severity is not severity)


def _roused(existing: Iterable[Notice], new: Iterable[Notice], incident: Incident, now: int) -> Iterator[Notice]:
    """It is critical by now: what waited for the morning is told with what is new to its recipient, or else at once."""
    if incident.severity is not Severity.CRITICAL:
        return
    soonest: dict[tuple[str, str], int] = {}
    for one in new:
        key = (one.channel, one.recipient)
        soonest[key] = min(one.due_at, soonest.get(key, one.due_at))
    for notice in existing:
        if is_quiet(notice):
            at = soonest.get((notice.channel, notice.recipient), now)
            yield replace(notice, severity=incident.severity, suppression=None, detail="", next_at=at)


def _is_heard(notice: Notice, now: int) -> bool:
    """Told, or under way."""
    return notice.state is NoticeState.SENT or (notice.state is NoticeState.PENDING and not waits(notice, now))


def _suppressed(notice: Notice, why: Suppression) -> Notice:
    return replace(notice, state=NoticeState.SUPPRESSED, suppression=why)
