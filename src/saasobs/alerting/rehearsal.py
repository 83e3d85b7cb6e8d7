"""What would be told if an incident opened at a moment and nobody answered: who, over what, when, or why not. Pure.

Nothing is assumed of how the providers would answer: it is what would be owed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saasobs.alerting.directory import Directory
from saasobs.alerting.quiet_hours import quiet_until
from saasobs.alerting.reach import Target, of_step, reached
from saasobs.alerting.routing import Subject, choose, misfit
from saasobs.alerting.steps import EVERYONE, Policy, Step
from saasobs.alerting.windows import Window, covering
from saasobs.core.monitor import Severity


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient of one step, or somebody whom it means and does not reach."""

    at: int
    """When it would be told, or would have been (µs)."""
    round: int
    """0: the first time; then the repeats."""
    step: int
    """From 1."""
    channel: str = ""
    recipient: str = ""
    person: str = ""
    schedule: str = ""
    """By way of which the person was found."""
    unless_acknowledged: bool = False
    why_not: str = ""
    """Why it would not be told then; empty: it would."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The whole evening."""

    subject: Subject
    at: int
    policy: str
    """Empty: no policy takes it."""
    because: str
    passed: tuple[tuple[str, str], ...]
    """The policies before it that did not fit: name and why."""
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    """What is told in place of what, and what holds all of it."""


def rehearse(directory: Directory, subject: Subject, own: str, at: int, windows: Sequence[Window] = ()) -> Rehearsal:
    """:param own: the policy that the monitor names, if it does. :param windows: those of the configuration."""
    policy = choose(directory.policies, subject, own, directory.default, at)
    notes = tuple(_held(subject, at, windows))
    if policy is None:
        return Rehearsal(subject, at, "", "no policy takes it: nobody is told", (), (), notes)
    lines = sorted(_lines(policy, directory, subject, at), key=lambda line: (line.at, line.round, line.step))
    instead = dict.fromkeys(_instead(policy, directory, at))
    return Rehearsal(
        subject=subject,
        at=at,
        policy=policy.name,
        because=_because(policy, own, subject, at),
        passed=tuple(_passed(policy, directory, own, subject, at)),
        lines=tuple(lines),
        notes=(*notes, *instead),
    )


def _because(policy: Policy, own: str, subject: Subject, at: int) -> str:
    if own == policy.name:
        return "the monitor names it"
    if policy.match is not None and not misfit(policy.match, subject, at):
        return "it is the first whose `match` fits"
    return "no other fits"


def _passed(policy: Policy, directory: Directory, own: str, subject: Subject, at: int) -> Iterator[tuple[str, str]]:
    for name, other in directory.policies.items() if own != policy.name else ():
        if other is policy:
            return
        if other.match is not None and (why := misfit(other.match, subject, at)):
            yield name, why


def _held(subject: Subject, at: int, windows: Sequence[Window]) -> Iterator[str]:
    if (found := covering(windows, subject.monitor, subject.tags, at)) is not None:
        yield f"maintenance {found[0].name!r} holds all of it until it ends; what goes on then is told then"


def _instead(policy: Policy, directory: Directory, at: int) -> Iterator[str]:
    for begins in _rounds(policy, at):
        for number, step in enumerate(policy.steps):
            if instead := reached(policy, number, directory, begins + step.after).instead:
                yield f"step {number + 1}: {instead}"


def _lines(policy: Policy, directory: Directory, subject: Subject, at: int) -> Iterator[Line]:
    for turn, begins in enumerate(_rounds(policy, at)):
        for number, step in enumerate(policy.steps):
            due = begins + step.after
            blank = Line(due, turn, number + 1, unless_acknowledged=step.unless_acknowledged or bool(turn))
            for target in reached(policy, number, directory, due).targets:
                yield _told(blank, target, directory, subject)
            yield from _missed(blank, step, directory)


def _rounds(policy: Policy, at: int) -> Iterator[int]:
    """When each begins."""
    yield at
    if policy.repeat is not None:
        for turn in range(1, policy.repeat.times + 1):
            yield at + turn * policy.repeat.every


def _told(blank: Line, target: Target, directory: Directory, subject: Subject) -> Line:
    quiet = directory.quiet_for(target.channel, target.person)
    waits = quiet is not None and subject.severity is Severity.WARNING and quiet_until(quiet, blank.at)
    why = f"quiet hours until {quiet.end:%H:%M} ({quiet.timezone}): told in the digest then" if quiet and waits else ""
    return _line(blank, target, why)


def _line(blank: Line, target: Target, why_not: str) -> Line:
    return Line(
        blank.at,
        blank.round,
        blank.step,
        target.channel,
        target.recipient,
        target.person,
        target.schedule,
        unless_acknowledged=blank.unless_acknowledged,
        why_not=why_not,
    )


def _missed(blank: Line, step: Step, directory: Directory) -> Iterator[Line]:
    """Whom the step means and does not reach."""
    found = of_step(step, directory, blank.at)
    over = f" over {' or '.join(step.over)}" if step.over else ""
    for name in step.notify:
        if name in directory.schedules:
            people = tuple(directory.on_call(name, blank.at))
            if not people:
                yield _line(blank, Target("", "", schedule=name), f"nobody is on call for {name}")
        else:
            people = tuple(directory.people) if name == EVERYONE else (name,) if name in directory.people else ()
        for person in people:
            if all(target.person != person for target in found):
                schedule = name if name in directory.schedules else ""
                yield _line(blank, Target("", "", person, schedule), f"cannot be reached{over}")
