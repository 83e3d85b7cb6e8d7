"""From a policy's step to the recipients that it means at a moment, and who is told when it means nobody. Pure.

1. A channel reaches its own recipients. A person, by name, by way of an on-call schedule or as one of `everyone`, is
   reached over the step's `over`, else over the person's own channels.
2. A recipient is told once by a step, however many ways lead there.
3. A step that reaches nobody falls to the policy's `fallback`, else to everyone, else to every channel that has
   recipients of its own. Nobody falls silent because somebody has no telephone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from saasobs.alerting.directory import Directory
from saasobs.alerting.steps import EVERYONE, Policy, Step


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient of one channel."""

    channel: str
    recipient: str
    person: str = ""
    schedule: str = ""
    """By way of which the person was found."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom a step reaches, and where that is not as it was meant: why, in words."""

    targets: tuple[Target, ...]
    instead: str = ""


def of_step(step: Step, directory: Directory, at: int) -> tuple[Target, ...]:
    """Whom it means at a moment (µs), each once."""
    return _once(target for name in step.notify for target in _named(name, step.over, directory, at))


def reached(policy: Policy, number: int, directory: Directory, at: int) -> Reached:
    """Whom a step of a policy reaches at a moment, be it in place of whom it means (rule 3)."""
    step = policy.steps[number]
    if targets := of_step(step, directory, at):
        return Reached(targets)
    why = _why_nobody(step, directory, at)
    for words, found in in_place(policy, directory):
        if found:
            return Reached(found, f"{why}: {words} instead")
    return Reached((), f"{why}, and there is no channel that has recipients: nobody is told")


def in_place(policy: Policy | None, directory: Directory) -> Iterator[tuple[str, tuple[Target, ...]]]:
    """Who is told in place of a step, in this order, with words for it."""
    fallback = policy.fallback if policy is not None else ()
    yield f"{', '.join(fallback)} is told", _once(one for name in fallback for one in _own(name, directory))
    everyone = (one for name in directory.people for one in of_person(name, (), directory))
    yield "everyone is told", _once(everyone)
    yield "every channel is told", _once(one for name in directory.recipients for one in _own(name, directory))


def of_person(person: str, over: Sequence[str], directory: Directory, schedule: str = "") -> Iterator[Target]:
    """Where a person is reached."""
    for channel in over or directory.channels_of(person):
        if recipient := directory.address(person, channel):
            yield Target(channel, recipient, person, schedule)


def _named(name: str, over: Sequence[str], directory: Directory, at: int) -> Iterator[Target]:
    if name in directory.max_age:
        yield from _own(name, directory)
    elif name in directory.people:
        yield from of_person(name, over, directory)
    elif name in directory.schedules:
        for person in directory.on_call(name, at):
            yield from of_person(person, over, directory, name)
    elif name == EVERYONE:
        for person in directory.people:
            yield from of_person(person, over, directory)


def _own(channel: str, directory: Directory) -> Iterator[Target]:
    if channel in directory.max_age:
        for recipient in directory.recipients.get(channel, ()):
            yield Target(channel, recipient, directory.person_at(channel, recipient))


def _once(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Each recipient once, as it was first meant."""
    found: dict[tuple[str, str], Target] = {}
    for target in targets:
        found.setdefault((target.channel, target.recipient), target)
    return tuple(found.values())


def _why_nobody(step: Step, directory: Directory, at: int) -> str:
    """``nobody is on call for primary``, ``ana cannot be reached over sms``."""
    return "; ".join(dict.fromkeys(_why(name, step.over, directory, at) for name in step.notify))


def _why(name: str, over: Sequence[str], directory: Directory, at: int) -> str:
    if name in directory.schedules:
        people = list(directory.on_call(name, at))
        if not people:
            return f"nobody is on call for {name}"
        return f"{', '.join(people)} (on call for {name}) cannot be reached{_over(over)}"
    if name in directory.people:
        return f"{name} cannot be reached{_over(over)}"
    if name in directory.max_age:
        return f"{name} has no recipients"
    return "there is nobody who can be reached" if name == EVERYONE else f"{name} is not configured"


def _over(over: Sequence[str]) -> str:
    return f" over {' or '.join(over)}" if over else ""
