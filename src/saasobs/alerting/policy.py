"""Who is owed a word, over what, and when. Pure: facts in, notices out; writing them down is the caller's.

Of every notice there are three things to know, and all rules are made of them:

- it *waits*: pending, never tried, and not due yet or held (`hold`). An acknowledgement or an end makes it superfluous;
- it is *under way*: pending and due, tried, or in somebody's hands. It will be told, or may have been already;
- it was *told*.

Whoever was told, or will be, hears of the end; nobody else does. One exception is deliberate: where the channel that
told somebody fails at the end, its fallback speaks for it (`fallback`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from saasobs.alerting.hold import is_free, waits
from saasobs.core.incident import ENDINGS, Change, Incident, Notice, NoticeState, Suppression, notice_id


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell, how long after the change (µs), and whether an acknowledgement makes it needless."""

    notify: tuple[str, ...]
    after: int
    unless_acknowledged: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps that all count from the change itself, not from each other."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """What a change adds to the outbox, and which notices it changes there."""

    new: tuple[Notice, ...]
    changed: tuple[Notice, ...] = ()


def owed(
    incident: Incident,
    change: Change,
    policy: Policy | None,
    recipients: Mapping[str, Sequence[str]],
    max_age: Mapping[str, int],
    existing: Sequence[Notice],
    now: int,
) -> Owed:
    """What follows from a change of an incident.

    :param incident: as the change left it: its occurrence makes the new notices' IDs.
    :param policy: whose steps an opening or an escalation takes; endings and easings need none.
    :param recipients: by channel, for every configured channel.
    :param max_age: µs by channel: a notice expires so long after it was due.
    :param existing: every notice of the incident so far.
    """
    outbox = _Desk(incident, change, max_age, now)
    if change in ENDINGS:
        waited = (notice for notice in existing if waits(notice, now))
        ended = tuple(_suppressed(notice, notice.suppression or Suppression.ENDED) for notice in waited)
        return Owed(tuple(outbox.to_all_told(existing)), ended)
    # What waits tells the state of the moment when it is due: it only has to be as urgent as that is now.
    waiting = [notice for notice in existing if waits(notice, now)]
    rated = tuple(
        replace(notice, severity=incident.severity) for notice in waiting if notice.severity is not incident.severity
    )
    if change in (Change.EASED, Change.REMINDED):
        return Owed(tuple(outbox.to_all_told(existing)), rated)
    if change not in (Change.OPENED, Change.ESCALATED) or policy is None:
        return Owed(())
    told_later = {(notice.step, notice.channel, notice.recipient) for notice in waiting}
    new = [
        notice
        for notice in outbox.to_steps(policy, recipients)
        if (notice.step, notice.channel, notice.recipient) not in told_later
    ]
    return Owed(tuple(new), rated)


def acknowledged(existing: Iterable[Notice], now: int) -> tuple[Notice, ...]:
    """The notices that somebody's acknowledgement makes needless: all that waits, and all that was conditional.

    What is being sent at this moment goes on; what is late but was unconditional is still told.
    """
    return tuple(
        _suppressed(notice, Suppression.ACKNOWLEDGED)
        for notice in existing
        if is_free(notice, now) and (notice.unless_acknowledged or notice.due_at > now or notice.held)
    )


def fallback(
    notice: Notice, to_channel: str, recipients: Iterable[str], max_age: int, existing: Iterable[Notice], now: int
) -> tuple[Notice, ...]:
    """The notices that take the place of one that failed for good: the same step and change, at once.

    One that exists already is not owed again, so a circle of fallbacks comes to an end.
    """
    known = {one.id for one in existing}
    return tuple(
        Notice(
            id=identity,
            incident_id=notice.incident_id,
            step=notice.step,
            occurrence=notice.occurrence,
            channel=to_channel,
            recipient=recipient,
            change=notice.change,
            due_at=now,
            expires_at=now + max_age,
            severity=notice.severity,
            unless_acknowledged=notice.unless_acknowledged,
            next_at=now,
        )
        for recipient in dict.fromkeys(recipients)
        if (identity := notice_id(notice.incident_id, notice.step, notice.occurrence, to_channel, recipient))
        not in known
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """Writes the notices of one change."""

    incident: Incident
    change: Change
    max_age: Mapping[str, int]
    now: int

    def to_steps(self, policy: Policy, recipients: Mapping[str, Sequence[str]]) -> Iterator[Notice]:
        for number, step in enumerate(policy.steps):
            if step.unless_acknowledged and self.incident.acknowledged_at:
                continue
            for channel in (name for name in dict.fromkeys(step.notify) if name in self.max_age):
                for recipient in dict.fromkeys(recipients.get(channel, ())):
                    yield self._notice(number, channel, recipient, step)

    def to_all_told(self, existing: Sequence[Notice]) -> Iterator[Notice]:
        """At once, to each that was told or will be, counted for the lowest step that told them."""
        steps: dict[tuple[str, str], int] = {}
        for notice in existing:
            if _is_heard(notice, self.now) and notice.channel in self.max_age:
                key = (notice.channel, notice.recipient)
                steps[key] = min(notice.step, steps.get(key, notice.step))
        for (channel, recipient), number in steps.items():
            yield self._notice(number, channel, recipient, Step((), 0, unless_acknowledged=False))

    def _notice(self, number: int, channel: str, recipient: str, step: Step) -> Notice:
        due_at = self.now + step.after
        incident = self.incident
        return Notice(
            id=notice_id(incident.id, number, incident.occurrence, channel, recipient),
            incident_id=incident.id,
            step=number,
            occurrence=incident.occurrence,
            channel=channel,
            recipient=recipient,
            change=self.change,
            due_at=due_at,
            expires_at=due_at + self.max_age[channel],
            severity=incident.severity,
            unless_acknowledged=step.unless_acknowledged,
            next_at=due_at,
        )


def _is_heard(notice: Notice, now: int) -> bool:
    """Told, or under way."""
    return notice.state is NoticeState.SENT or (notice.state is NoticeState.PENDING and not waits(notice, now))


def _suppressed(notice: Notice, why: Suppression) -> Notice:
    return replace(notice, state=NoticeState.SUPPRESSED, suppression=why)
