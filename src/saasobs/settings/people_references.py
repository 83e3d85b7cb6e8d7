"""Names of people, schedules and channels, where a policy or a person means one: they exist, and they reach.

One name means one thing: channels, people and schedules are called differently, and none `everyone`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.steps import EVERYONE
from saasobs.core.people import Contact
from saasobs.settings.faults import Faults
from saasobs.settings.naming import listed, must_be, table
from saasobs.settings.source import KeyPath

_SECTIONS: Final = ("channels", "people", "oncall")
_WORDS: Final = {"channels": "channel", "people": "person", "oncall": "on-call schedule"}


def check(faults: Faults, data: Mapping[str, Any], channels: Collection[str]) -> None:
    """Add a fault for everything that is told nobody, or somebody else than was meant.

    :param channels: the names of all that there are, be they configured or implied.
    """
    people = table(data.get("people"))
    _check_names(faults, data)
    kinds = {name: table(each).get("kind") for name, each in table(data.get("channels")).items()}
    for name, person in people.items():
        for path, channel in listed(("people", name, "contact"), table(person).get("contact")):
            must_be(faults, path, channel, channels, "channel")
            _must_reach(faults, path, channel, kinds, {name: person})
    for path, step in _steps(table(data.get("policies"))):
        _check_step(faults, path, step, data, channels)
        named = {name: people[name] for _, name in listed((), step.get("notify")) if name in people}
        over = list(listed((*path, "over"), step.get("over")))
        for place, channel in over:
            must_be(faults, place, channel, channels, "channel")
            _must_be_for_people(faults, place, channel, kinds)
        for name, person in named.items() if over else ():
            if not any(_address(kinds.get(str(channel)), person) for _, channel in over):
                faults.add((*path, "over"), f"`{name}` has no address there: {_needed(over, kinds)}")


def _check_names(faults: Faults, data: Mapping[str, Any]) -> None:
    first: dict[str, str] = {}
    for section in _SECTIONS:
        for name in table(data.get(section)):
            if name == EVERYONE:
                faults.add((section, name), f"`{EVERYONE}` stands for all people: take another name", at_key=True)
            elif name in first:
                words = f"there is a {_WORDS[first[name]]} of that name: a policy could not tell them apart"
                faults.add((section, name), words, at_key=True)
            else:
                first[name] = section


def _check_step(
    faults: Faults, path: KeyPath, step: Mapping[str, Any], data: Mapping[str, Any], channels: Collection[str]
) -> None:
    people, schedules = table(data.get("people")), table(data.get("oncall"))
    known = {*channels, *people, *schedules, *({EVERYONE} if people else ())}
    noun = "channel, person or on-call schedule" if people or schedules else "channel"
    named = list(listed((*path, "notify"), step.get("notify")))
    for place, name in named:
        must_be(faults, place, name, known, noun)
    configured = table(data.get("channels"))
    for place, name in named:
        if isinstance(name, str) and name in configured and not _has_recipients(table(configured[name])):
            faults.add(place, f"`{name}` has no recipients of its own: give it a `to`, or name people and use `over`")
    names = {name for _, name in named if isinstance(name, str)}
    if step.get("over") is not None and names and names <= set(channels):
        faults.add((*path, "over"), "says over which channels people are told, but this step names channels only")


def _has_recipients(channel: Mapping[str, Any]) -> bool:
    """A kind that takes a `to` tells nobody without one."""
    kind = channel.get("kind")
    options = CHANNELS[kind].options if isinstance(kind, str) and kind in CHANNELS else None
    field = options.model_fields.get("to") if options is not None else None
    return field is None or field.is_required() or bool(channel.get("to"))


def _must_reach(
    faults: Faults, path: KeyPath, channel: object, kinds: Mapping[str, Any], people: Mapping[str, Any]
) -> None:
    """A channel that a person is told over takes an address of a kind that the person has."""
    if not _must_be_for_people(faults, path, channel, kinds):
        return
    kind = kinds.get(str(channel))
    for person in people.values():
        if isinstance(kind, str) and isinstance(person, dict) and not _address(kind, person):
            faults.add(path, f"`{channel}` needs `{CHANNELS[kind].contact}`, which is not given here")


def _must_be_for_people(faults: Faults, path: KeyPath, channel: object, kinds: Mapping[str, Any]) -> bool:
    kind = kinds.get(str(channel))
    if not isinstance(kind, str) or kind not in CHANNELS:
        return False
    if CHANNELS[kind].contact is None:
        faults.add(path, f"`{channel}` is a {kind}, which reaches nobody by name")
        return False
    return True


def _address(kind: object, person: object) -> bool:
    contact = CHANNELS[kind].contact if isinstance(kind, str) and kind in CHANNELS else None
    return contact is None or bool(table(person).get(contact.value))


def _needed(over: list[tuple[KeyPath, object]], kinds: Mapping[str, Any]) -> str:
    found = (CHANNELS[kind].contact for _, name in over if isinstance(kind := kinds.get(str(name)), str))
    return "give it a " + " or ".join(dict.fromkeys(f"`{one}`" for one in found if isinstance(one, Contact)))


def _steps(policies: Mapping[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for name, policy in policies.items():
        base: KeyPath = ("policies", name) if isinstance(policy, list) else ("policies", name, "steps")
        steps = policy if isinstance(policy, list) else table(policy).get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else []):
            yield (*base, index), table(step)
