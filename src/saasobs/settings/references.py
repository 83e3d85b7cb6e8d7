"""Names that must exist, names that must differ: the parts of a document held against each other.

It reads the plain data, not the models, so that a fault in one part hides none in another and causes none there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from saasobs.settings.faults import Faults
from saasobs.settings.sentences import suggest
from saasobs.settings.source import KeyPath

DEFAULT_POLICY: Final = "default"
IMPLIED_CHANNEL: Final = "console"


def check(faults: Faults) -> None:
    """Add a fault for every reference that leads nowhere and for everything that must be unique and is not."""
    data = faults.document.data
    channels, policies = _table(data.get("channels")), _table(data.get("policies"))
    known = set(channels) or {IMPLIED_CHANNEL}
    for path, name in (*_told(policies), *_fallbacks(channels)):
        _must_be(faults, path, name, known, "channel")
    _check_circles(faults, channels)
    _check_policies(faults, data, set(policies))
    monitors = list(_monitors(data))
    _must_differ(faults, "name", ((("monitors", i, "name"), each.get("name")) for i, each in monitors))
    tokens = ((("monitors", i, "token"), each.get("token")) for i, each in monitors)
    _must_differ(faults, "token", ((path, _normal(token)) for path, token in tokens))


def _normal(token: object) -> object:
    """A UUID may be written in several ways."""
    try:
        return str(UUID(token)) if isinstance(token, str) else token
    except ValueError:
        return token


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _monitors(data: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    monitors = data.get("monitors")
    for index, each in enumerate(monitors if isinstance(monitors, list) else []):
        if isinstance(each, dict):
            yield index, each


def _told(policies: dict[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    for name, policy in policies.items():
        base: KeyPath = ("policies", name) if isinstance(policy, list) else ("policies", name, "steps")
        steps = policy if isinstance(policy, list) else _table(policy).get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else []):
            path: KeyPath = (*base, index, "notify")
            notify = _table(step).get("notify")
            if isinstance(notify, list):
                yield from (((*path, i), channel) for i, channel in enumerate(notify))
            else:
                yield path, notify


def _fallbacks(channels: dict[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    return ((("channels", name, "fallback"), _table(each).get("fallback")) for name, each in channels.items())


def _must_be(faults: Faults, path: KeyPath, name: object, known: Iterable[str], noun: str) -> None:
    """What is no text is not judged here: its own model has found that already."""
    text = faults.document.texts.get(path, name)
    if isinstance(text, str) and text not in set(known):
        hidden = path in faults.document.borrowed
        hint = suggest("" if hidden else text, known)
        faults.add(path, f"there is no {noun} {faults.shown(path, text)}; {hint}")


def _check_circles(faults: Faults, channels: dict[str, Any]) -> None:
    """A fallback leads to the next channel, and that one's on: the way must end somewhere."""
    after = {name: _table(each).get("fallback") for name, each in channels.items()}
    told: set[str] = set()
    for start in after:
        way = [start]
        while isinstance(step := after.get(way[-1]), str) and step in after and step not in way:
            way.append(step)
        if after.get(way[-1]) == start and not told & set(way):
            told.update(way)
            faults.add(("channels", start, "fallback"), f"leads back to itself: {' → '.join([*way, start])}")


def _check_policies(faults: Faults, data: dict[str, Any], policies: set[str]) -> None:
    known = policies or {DEFAULT_POLICY}
    chosen = _table(data.get("defaults")).get("policy")
    _must_be(faults, ("defaults", "policy"), chosen, known, "policy")
    without = 0
    for index, each in _monitors(data):
        _must_be(faults, ("monitors", index, "policy"), each.get("policy"), known, "policy")
        without += each.get("policy") is None
    if chosen is None and DEFAULT_POLICY not in known and without:
        faults.add(
            ("policies",),
            f"none is named `{DEFAULT_POLICY}`, which a monitor without a policy of its own needs (here {without}):"
            f" add one, or set `defaults.policy`",
        )


def _must_differ(faults: Faults, key: str, values: Iterable[tuple[KeyPath, object]]) -> None:
    first: dict[object, KeyPath] = {}
    for path, value in values:
        if not isinstance(value, str) or path in faults.document.broken:
            continue
        if value in first:
            place = faults.document.place(first[value])
            other = faults.document.shown(first[value])
            faults.add(path, f"is the same {key} as that of {other.removesuffix(f'.{key}')} at {place}")
        else:
            first[value] = path
