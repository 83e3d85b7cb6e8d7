"""What an answer does to an incident, and to what is owed for it. Pure: facts in, facts out.

1. An acknowledgement stops everything that is still owed: steps to come, repeats, what is held or waits for the
   morning, fallbacks, tries in back-off. What is in somebody's hands at that moment goes on, but not if it comes back
   undelivered (`superseded`). Ends are told to those who heard, whoever has acknowledged.
2. It is told where that costs nobody anything: over channels that bring their own message up to date, and in chats. A
   text message that says that nobody need do anything is what wakes people for nothing. One exception: whoever an
   incident is assigned to by somebody else is told so, over the channels of their own.
3. The first one counts. Answering the same again changes nothing. To acknowledge what is snoozed makes it firm.
4. A snooze is an acknowledgement that ends by itself; both end in the same way: the steps that were stopped go on.
   What has not come due by then is told when it would have been; what has, now, and once to each recipient, unless they
   were told something since. Where nothing is left to go on with, the policy begins anew: nobody being on it is never
   silent.
5. An incident that is over takes no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from saasobs.alerting.directory import Directory
from saasobs.alerting.hold import is_free
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.policy import STEPPED, for_target
from saasobs.alerting.reach import Target, of_person
from saasobs.core.answers import Answer, AnswerKind
from saasobs.core.incident import ENDINGS, Change, Event, Incident, Notice, NoticeState, Suppression
from saasobs.core.values import DAY, MINUTE, to_datetime

LONGEST_SNOOZE: Final = 7 * DAY
SAME: Final = MINUTE
"""Snoozes that end within so much of each other are one: somebody pressed twice (µs)."""
NAME: Final = 100
TEXT: Final = 1_000
_LEFT: Final = {
    AnswerKind.ACKNOWLEDGE: "acknowledge",
    AnswerKind.UNACKNOWLEDGE: "hand back",
    AnswerKind.SNOOZE: "snooze",
    AnswerKind.ASSIGN: "assign",
    AnswerKind.NOTE: "add",
    AnswerKind.RESOLVE: "resolve",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer; nothing but the incident where it changed nothing."""

    incident: Incident
    change: Change | None = None
    event: Event | None = None
    changed: tuple[Notice, ...] = ()
    new: tuple[Notice, ...] = ()
    refusal: str = ""
    """Why it was not taken, in a sentence."""
    begins_anew: bool = False
    """Its policy is to be gone through from its first step (rule 4)."""


def answered(
    incident: Incident, answer: Answer, existing: Sequence[Notice], directory: Directory, now: int
) -> Answered:
    """What follows from an answer at a moment (µs).

    :param existing: every notice of the incident.
    """
    if refusal := refused(incident, answer, now):
        return Answered(incident, refusal=refusal)
    desk = _Desk(incident, answer, existing, directory, now)
    return {
        AnswerKind.ACKNOWLEDGE: desk.acknowledge,
        AnswerKind.UNACKNOWLEDGE: desk.unacknowledge,
        AnswerKind.SNOOZE: desk.snooze,
        AnswerKind.ASSIGN: desk.assign,
        AnswerKind.NOTE: desk.note,
        AnswerKind.RESOLVE: desk.resolve,
    }[answer.kind]()


def woken(incident: Incident, existing: Sequence[Notice], directory: Directory, now: int) -> Answered:
    """What follows once a snooze is over; nothing while it is not."""
    if not incident.open or not 0 < incident.snoozed_until <= now:
        return Answered(incident)
    event = Event(incident.id, now, Change.UNACKNOWLEDGED, "the snooze is over")
    return _released(incident, event, existing, directory)


def refused(incident: Incident, answer: Answer, now: int) -> str:
    """Why an answer is not taken, in a sentence; empty: it is."""
    if not incident.open:
        return f"incident {incident.id} is over: there is nothing left to {_LEFT[answer.kind]}"
    if answer.kind is AnswerKind.SNOOZE and not now < ends_at(answer, now) <= now + LONGEST_SNOOZE:
        return "a snooze must end in the future, and within 7 days"
    if answer.kind is AnswerKind.ASSIGN and not one_line(answer.to, NAME):
        return "say to whom it is to be assigned"
    if answer.kind is AnswerKind.NOTE and not one_line(answer.text, TEXT):
        return "a note needs a text"
    return ""


def ends_at(answer: Answer, now: int) -> int:
    """When a snooze ends (µs)."""
    return answer.until or now + answer.lasting


def superseded(notice: Notice, incident: Incident) -> bool:
    """Whether somebody took the incident after this was owed: it need not be told any more, nor need its fallback.

    A group's message that may be on its way is sent again as it was, or not known again by whoever got it.
    """
    is_older = notice.occurrence < incident.acknowledged_occurrence
    return bool(incident.acknowledged_at and is_older) and notice.change not in ENDINGS and not notice.delivery_id


def is_done_with(notice: Notice, incident: Incident) -> bool:
    """Whether nobody need be told in the place of this one, should it fail for good: somebody is on it, or it tells
    only that (rule 2)."""
    if notice.change in (Change.ACKNOWLEDGED, Change.SNOOZED):
        return True
    if notice.change is Change.ASSIGNED:
        return not notice.person or notice.person != incident.assigned_to
    return superseded(notice, incident)


def rerouted(existing: Iterable[Notice]) -> tuple[Notice, ...]:
    """Another policy has taken an acknowledged incident over: what the old one still had to tell is not resumed."""
    return tuple(replace(one, suppression=Suppression.REROUTED) for one in existing if _is_stopped(one))


@dataclass(frozen=True, slots=True)
class _Desk:
    """One answer to an incident that is open."""

    incident: Incident
    answer: Answer
    existing: Sequence[Notice]
    directory: Directory
    now: int

    def acknowledge(self) -> Answered:
        incident = self.incident
        if incident.acknowledged_at and not incident.snoozed_until:
            return Answered(incident)
        # A snooze that is made firm has somebody else behind it now.
        taken = replace(self._taken(again=True), snoozed_until=0)
        return self._stopped(taken, Change.ACKNOWLEDGED, self._by())

    def snooze(self) -> Answered:
        until = ends_at(self.answer, self.now)
        if self.incident.snoozed_until and abs(until - self.incident.snoozed_until) < SAME:
            return Answered(self.incident)
        snoozed = replace(self._taken(), snoozed_until=until)
        ends = to_datetime(until).strftime("%Y-%m-%d %H:%M UTC")
        return self._stopped(snoozed, Change.SNOOZED, f"until {ends}, {self._by()}")

    def assign(self) -> Answered:
        to = one_line(self.answer.to, NAME)
        if self.incident.assigned_to == to:
            return Answered(self.incident)
        assigned = replace(self._taken(), assigned_to=to)
        made = self._stopped(assigned, Change.ASSIGNED, f"to {to}, {self._by()}")
        known = {(one.channel, one.recipient) for one in made.new}
        if to == self.answer.by:
            return made
        targets = (one for one in of_person(to, (), self.directory) if (one.channel, one.recipient) not in known)
        return replace(made, new=(*made.new, *(self._owed(made.incident, Change.ASSIGNED, 0, one) for one in targets)))

    def note(self) -> Answered:
        text = one_line(self.answer.text, TEXT)
        event = Event(self.incident.id, self.now, Change.NOTED, text, self.answer.by)
        return Answered(self.incident, Change.NOTED, event)

    def unacknowledge(self) -> Answered:
        if not self.incident.acknowledged_at:
            return Answered(self.incident)
        event = Event(self.incident.id, self.now, Change.UNACKNOWLEDGED, self._by(), self.answer.by)
        return _released(self.incident, event, self.existing, self.directory)

    def resolve(self) -> Answered:
        """Who is told of the end is the policy's, as of any end."""
        incident = self.incident
        over = replace(incident, ended_at=self.now, ending=Change.RESOLVED, occurrence=incident.occurrence + 1)
        return Answered(
            replace(over, snoozed_until=0),
            Change.RESOLVED,
            Event(incident.id, self.now, Change.RESOLVED, self._by(), self.answer.by),
        )

    def _taken(self, *, again: bool = False) -> Incident:
        """With one change more, and acknowledged by whoever was first."""
        incident = replace(self.incident, occurrence=self.incident.occurrence + 1)
        incident = replace(incident, acknowledged_occurrence=incident.occurrence)
        if incident.acknowledged_at and not again:
            return incident
        return replace(incident, acknowledged_at=self.now, acknowledged_by=one_line(self.answer.by, NAME))

    def _stopped(self, incident: Incident, change: Change, text: str) -> Answered:
        """Rules 1 and 2."""
        event = Event(incident.id, self.now, change, text, self.answer.by)
        changed = tuple(stopped(self.existing, self.now))
        new = _told(incident, change, self.existing, self.directory, self.now)
        return Answered(incident, change, event, changed, new)

    def _owed(self, incident: Incident, change: Change, step: int, target: Target) -> Notice:
        return _notice(incident, change, step, target, self.directory, self.now)

    def _by(self) -> str:
        """``by ana (slack)``, and why."""
        why = one_line(self.answer.text, TEXT)
        by = f"by {one_line(self.answer.by, NAME) or 'somebody'} ({self.answer.via})"
        return f"{by}: {why}" if why else by


def stopped(existing: Iterable[Notice], now: int) -> Iterable[Notice]:
    """What an acknowledgement makes needless (rule 1)."""
    for notice in existing:
        if is_free(notice, now) and not notice.delivery_id and notice.change not in ENDINGS:
            yield replace(notice, state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED, group_id="")


def _released(incident: Incident, event: Event, existing: Sequence[Notice], directory: Directory) -> Answered:
    """Nobody is on it any more (rule 4)."""
    now = event.at
    free = replace(
        incident,
        acknowledged_at=0,
        acknowledged_by="",
        acknowledged_occurrence=0,
        snoozed_until=0,
        assigned_to="",
        rounds=0,
        occurrence=incident.occurrence + 1,
    )
    resumed = tuple(_resumed(existing, free, directory, now))
    if not resumed:
        return Answered(free, event.change, event, begins_anew=True)
    due = {(one.channel, one.recipient) for one in resumed if one.due_at <= now}
    told = _told(free, event.change, existing, directory, now)
    new = tuple(one for one in told if (one.channel, one.recipient) not in due)
    return Answered(free, event.change, event, resumed, new)


def _resumed(existing: Sequence[Notice], incident: Incident, directory: Directory, now: int) -> Iterable[Notice]:
    """The steps that were stopped and can still be told, each once to each recipient, in their order."""
    told_at: dict[tuple[str, str], int] = {}
    for one in existing:
        if one.state is NoticeState.SENT and one.change in STEPPED:
            key = (one.channel, one.recipient)
            told_at[key] = max(one.sent_at, told_at.get(key, 0))
    seen: set[tuple[int, str, str]] = set()
    for notice in sorted(existing, key=lambda one: (one.due_at, one.occurrence, one.step, one.id)):
        late, recipient = notice.due_at <= now, (notice.channel, notice.recipient)
        place = (-1 if late else notice.step, *recipient)
        is_told = late and told_at.get(recipient, -1) >= notice.due_at
        if not _is_stopped(notice) or is_told or notice.channel not in directory.max_age:
            continue
        if place not in seen:
            seen.add(place)
            yield _again(notice, incident, now)


def _is_stopped(notice: Notice) -> bool:
    """A step that an acknowledgement has stopped."""
    is_step = notice.change in STEPPED
    return is_step and notice.state is NoticeState.SUPPRESSED and notice.suppression is Suppression.ACKNOWLEDGED


def _again(notice: Notice, incident: Incident, now: int) -> Notice:
    late = max(0, now - notice.due_at)
    return replace(
        notice,
        severity=incident.severity,
        state=NoticeState.PENDING,
        suppression=None,
        due_at=notice.due_at + late,
        next_at=notice.due_at + late,
        expires_at=notice.expires_at + late,
        lease_owner="",
        lease_until=0,
        group_id="",
    )


def _told(
    incident: Incident, change: Change, existing: Iterable[Notice], directory: Directory, now: int
) -> tuple[Notice, ...]:
    """What those are owed who heard of it, or may be hearing just now, over the channels that listen."""
    first: dict[tuple[str, str], Notice] = {}
    for notice in existing:
        key = (notice.channel, notice.recipient)
        listens = notice.channel in directory.listening and notice.channel in directory.max_age
        if listens and _is_heard(notice, now):
            first[key] = min(notice, first.get(key, notice), key=lambda one: one.step)
    targets = ((one.step, Target(one.channel, one.recipient, one.person)) for one in first.values())
    return tuple(_notice(incident, change, step, target, directory, now) for step, target in targets)


def _is_heard(notice: Notice, now: int) -> bool:
    in_hands = notice.state is NoticeState.PENDING and (not is_free(notice, now) or bool(notice.delivery_id))
    return notice.state is NoticeState.SENT or in_hands


def _notice(incident: Incident, change: Change, step: int, target: Target, directory: Directory, now: int) -> Notice:
    blank = Notice(
        id="",
        incident_id=incident.id,
        step=step,
        occurrence=incident.occurrence,
        channel="",
        recipient="",
        change=change,
        due_at=0,
        expires_at=0,
        severity=incident.severity,
    )
    return for_target(blank, target, directory, now)
