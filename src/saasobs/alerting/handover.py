"""Who is told in the place of somebody who no longer is on call, or cannot be told any more. Pure.

Handing over (when a notice has come due and nobody has heard of it by then):

1. A notice by way of an on-call schedule goes to whoever has the schedule now, over the step's channels.
2. One for a person whose address has changed since, or who has left, goes where that person is now, or else to whom
   the step falls (`reach`).
3. What tells an end, or was tried, or waits for the morning, stays with whom it was meant for: they know, or may.
4. What was handed back meanwhile is owed again under its own ID.

A lost step (nothing of it was told or ever will be):

5. The policy's `fallback` is owed.
6. Should that be lost, too, and nobody at all have heard of a critical incident: everyone, then every channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from saasobs.alerting.directory import Directory
from saasobs.alerting.hold import can_be_held
from saasobs.alerting.policy import STEPPED, fallback, for_target
from saasobs.alerting.reach import Target, in_place, of_person
from saasobs.alerting.steps import Policy
from saasobs.core.incident import Incident, Notice, NoticeState, Suppression
from saasobs.core.monitor import Severity

_LOST: Final = frozenset(
    {Suppression.CAP, Suppression.CHANNEL_REMOVED, Suppression.HANDED_OVER, Suppression.REROUTED}
)  # fmt: skip
"""Suppressions that say nothing of whether it need be told."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The notice that is told no more, and those that take its place."""

    old: Notice
    new: tuple[Notice, ...]
    revived: tuple[Notice, ...] = ()
    """Those among them that exist already: handed back."""


def hand_over(
    notice: Notice, incident: Incident, directory: Directory, existing: Sequence[Notice], now: int
) -> HandedOver | None:
    """What becomes of a notice that has come due; None: it stays as it is.

    :param existing: every notice of the incident.
    """
    if not incident.open or notice.change not in STEPPED or not can_be_held(notice, now):
        return None
    if still_right(notice, directory, now):
        return None
    policy = directory.policies.get(incident.policy)
    targets = tuple(_successors(notice, policy, directory, now))
    wanted = {one.id: one for one in (for_target(notice, target, directory, notice.due_at) for target in targets)}
    if not wanted or notice.id in wanted:
        return None
    there = {one.id: one for one in existing}
    back = [there[identity] for identity in wanted if identity in there]
    revived = [_again(one, wanted[one.id]) for one in back if one.suppression is Suppression.HANDED_OVER]
    whom = ", ".join(dict.fromkeys(target.person or target.channel for target in targets))
    about = f"{whom} is on call for {notice.schedule} now" if notice.schedule else f"told to {whom} instead"
    old = replace(notice, state=NoticeState.SUPPRESSED, suppression=Suppression.HANDED_OVER, detail=about)
    fresh = tuple(one for one in wanted.values() if one.id not in there)
    return HandedOver(replace(old, lease_owner="", lease_until=0, group_id=""), fresh, tuple(revived))


def still_right(notice: Notice, directory: Directory, now: int) -> bool:
    """Whether it still is for whom it was meant, and reaches them."""
    if not notice.person:
        return True
    if notice.schedule in directory.schedules and notice.person not in directory.on_call(notice.schedule, now):
        return False
    return directory.address(notice.person, notice.channel) == notice.recipient


def is_lost(notice: Notice, existing: Iterable[Notice]) -> bool:
    """Whether nothing of a step was told or will be, for one change. What is merely not needed is not lost."""
    same = (one for one in existing if (one.step, one.occurrence) == (notice.step, notice.occurrence))
    return all(
        one.state in (NoticeState.FAILED, NoticeState.EXPIRED)
        or (one.state is NoticeState.SUPPRESSED and one.suppression in _LOST)
        for one in same
    )


def in_place_of_lost(
    notice: Notice, incident: Incident, directory: Directory, existing: Sequence[Notice], now: int
) -> tuple[str, tuple[Notice, ...]]:
    """Who is told in place of a step, once the last notice of it has failed for good; with words for it."""
    needless = not incident.open or (notice.unless_acknowledged and incident.acknowledged_at)
    if notice.change not in STEPPED or needless or not is_lost(notice, existing):
        return "", ()
    policy = directory.policies.get(incident.policy)
    heard = any(one.state in (NoticeState.SENT, NoticeState.PENDING) for one in existing)
    last_resort = incident.severity is Severity.CRITICAL and not heard
    for number, (words, targets) in enumerate(in_place(policy, directory)):
        new = fallback(notice, targets, directory, existing, now)
        if new and (last_resort or not number):
            return f"nothing of step {notice.step + 1} could be delivered: {words} instead", new
    return "", ()


def _successors(notice: Notice, policy: Policy | None, directory: Directory, now: int) -> Iterator[Target]:
    """Whom it goes to: those on call, else the same person, else whom the step falls to."""
    over = policy.steps[notice.step].over if policy is not None and notice.step < len(policy.steps) else ()
    found: list[Target] = []
    if notice.schedule in directory.schedules:
        for person in directory.on_call(notice.schedule, now):
            found += of_person(person, over, directory, notice.schedule)
    else:
        found += of_person(notice.person, over, directory, notice.schedule)
    if not found:
        found += next((targets for _, targets in in_place(policy, directory) if targets), ())
    yield from found


def _again(handed_over: Notice, wanted: Notice) -> Notice:
    """It was handed over, and comes back."""
    return replace(wanted, attempts=handed_over.attempts)
