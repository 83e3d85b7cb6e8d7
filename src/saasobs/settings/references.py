"""Names that must exist, names that must differ: the parts of a document held against each other.

It reads the plain data, not the models, so that a fault in one part hides none in another and causes none there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from saasobs.probes import KINDS
from saasobs.settings import people_references as people
from saasobs.settings.faults import Faults
from saasobs.settings.naming import listed, must_be, table
from saasobs.settings.source import KeyPath

DEFAULT_POLICY: Final = "default"
IMPLIED_CHANNEL: Final = "console"


def check(faults: Faults) -> None:
    """Add a fault for every reference that leads nowhere and for everything that must be unique and is not."""
    data = faults.document.data
    channels, policies = table(data.get("channels")), table(data.get("policies"))
    known = set(channels) or {IMPLIED_CHANNEL}
    for path, name in (*_fallbacks(channels), *_fallbacks_of_policies(policies)):
        must_be(faults, path, name, known, "channel")
    people.check(faults, data, known)
    _check_circles(faults, channels)
    _check_policies(faults, data, set(policies))
    monitors = list(_monitors(data))
    _check_anchors(faults, data, monitors, set(policies))
    _check_members(faults, monitors)
    _check_parents(faults, monitors)
    _check_windows(faults, data, monitors)
    _check_schedules(faults, data)
    _check_receipts(faults, data, channels)
    _check_alerts(faults, data, set(policies))
    _must_differ(faults, "name", ((("monitors", i, "name"), each.get("name")) for i, each in monitors))
    tokens = ((("monitors", i, "token"), each.get("token")) for i, each in monitors)
    _must_differ(faults, "token", ((path, _normal(token)) for path, token in tokens))


def _check_anchors(
    faults: Faults, data: dict[str, Any], monitors: list[tuple[int, dict[str, Any]]], policies: set[str]
) -> None:
    """What our own network is judged by exists and really asks; and somebody is told of it."""
    network, known = table(data.get("network")), policies or {DEFAULT_POLICY}
    must_be(faults, ("network", "policy"), network.get("policy"), known, "policy")
    chosen = network.get("policy") or table(data.get("defaults")).get("policy")
    if network and chosen is None and DEFAULT_POLICY not in known:
        faults.add(("network", "policy"), f"is required, for none is named `{DEFAULT_POLICY}`: who is told of it?")
    kinds = {str(each.get("name")): each.get("kind") for _, each in monitors}
    anchors = network.get("anchors")
    for index, anchor in enumerate(anchors if isinstance(anchors, list) else ()):
        path: KeyPath = ("network", "anchors", index)
        if not isinstance(anchor, str) or ":" in anchor:
            continue
        must_be(faults, path, anchor, kinds, "monitor")
        kind = kinds.get(anchor)
        if isinstance(kind, str) and kind in KINDS and not KINDS[kind].options.asks:
            shown = faults.shown(path, anchor)
            faults.add(path, f"{shown} is no anchor: a {kind} does not ask over the network each time it is checked")


def _check_members(faults: Faults, monitors: list[tuple[int, dict[str, Any]]]) -> None:
    """A composite is made of monitors that exist, and never of itself, be it through others."""
    names = {name for _, each in monitors if isinstance(name := each.get("name"), str)}
    places: dict[str, KeyPath] = {}
    after: dict[str, list[str]] = {}
    for index, each in monitors:
        members = each.get("members")
        if each.get("kind") != "composite" or not isinstance(members, list):
            continue
        path: KeyPath = ("monitors", index, "members")
        for position, member in enumerate(members):
            must_be(faults, (*path, position), member, names, "monitor")
        places[str(each.get("name"))] = path
        after[str(each.get("name"))] = [member for member in members if isinstance(member, str)]
    for ring in rings(after):
        faults.add(places[ring[0]], f"leads back to itself: {' → '.join(ring)}")


def _check_parents(faults: Faults, monitors: list[tuple[int, dict[str, Any]]]) -> None:
    """What a monitor depends on exists, and never is the monitor itself, be it through others."""
    names = {name for _, each in monitors if isinstance(name := each.get("name"), str)}
    places: dict[str, KeyPath] = {}
    after: dict[str, list[str]] = {}
    for index, each in monitors:
        path: KeyPath = ("monitors", index, "depends_on")
        named = list(listed(path, each.get("depends_on")))
        for place, parent in named:
            must_be(faults, place, parent, names, "monitor")
        if named:
            places[str(each.get("name"))] = path
            after[str(each.get("name"))] = [parent for _, parent in named if isinstance(parent, str)]
    for ring in rings(after):
        faults.add(places[ring[0]], f"leads back to itself: {' → '.join(ring)}")


def _check_windows(faults: Faults, data: dict[str, Any], monitors: list[tuple[int, dict[str, Any]]]) -> None:
    """A maintenance window covers what there is: one that covers nothing would be found out in the night."""
    names = {name for _, each in monitors if isinstance(name := each.get("name"), str)}
    tags = {tag for _, each in monitors for _, tag in listed((), each.get("tags")) if isinstance(tag, str)}
    sources = [table(each) for each in table(table(data.get("alerts")).get("sources")).values()]
    tags |= {tag for each in sources for _, tag in listed((), each.get("tags")) if isinstance(tag, str)}
    found = data.get("maintenance")
    windows = [(index, table(each)) for index, each in enumerate(found if isinstance(found, list) else ())]
    for index, window in windows:
        for key, known, noun in (("monitors", names, "monitor"), ("tags", tags, "tag")):
            for place, name in listed(("maintenance", index, key), window.get(key)):
                if key == "tags" and sources and isinstance(name, str) and "=" in name:
                    continue  # a label of alerts that others report: it may come
                must_be(faults, place, name, known, noun)
    _must_differ(faults, "name", ((("maintenance", index, "name"), each.get("name")) for index, each in windows))


def _check_schedules(faults: Faults, data: dict[str, Any]) -> None:
    """Whoever takes turns or stands in is one of the configured people."""
    people = set(table(data.get("people")))
    for name, schedule in table(data.get("oncall")).items():
        path: KeyPath = ("oncall", name)
        for key, key_of_names in (("layers", "people"), ("overrides", "person")):
            found = table(schedule).get(key)
            for index, each in enumerate(found if isinstance(found, list) else ()):
                for place, person in listed((*path, key, index, key_of_names), table(each).get(key_of_names)):
                    must_be(faults, place, person, people, "person")


def _check_receipts(faults: Faults, data: dict[str, Any], channels: dict[str, Any]) -> None:
    """Whoever waits for receipts can be reached by them: else every message would count as undelivered."""
    reachable = table(data.get("ingest")).get("base_url") is not None
    for name, each in channels.items():
        if table(each).get("undelivered_after") is not None and not reachable:
            words = "needs `ingest.base_url`: without it no receipt reaches us"
            faults.add(("channels", name, "undelivered_after"), words)


def _check_alerts(faults: Faults, data: dict[str, Any], policies: set[str]) -> None:
    """Who is told exists, so does who must be heard of, and a token belongs to one source."""
    section, known = table(data.get("alerts")), policies or {DEFAULT_POLICY}
    sources = {name: table(each) for name, each in table(section.get("sources")).items()}
    base: KeyPath = ("alerts", "sources")
    for name, each in sources.items():
        must_be(faults, (*base, name, "policy"), each.get("policy"), known, "policy")
    _must_differ(faults, "token", (((*base, name, "token"), each.get("token")) for name, each in sources.items()))
    said = section.get("watchdog")
    for index, each in enumerate(said if isinstance(said, list) else [said]):
        path: KeyPath = ("alerts", "watchdog", index) if isinstance(said, list) else ("alerts", "watchdog")
        must_be(faults, (*path, "source"), table(each).get("source"), sources, "source")
        must_be(faults, (*path, "policy"), table(each).get("policy"), known, "policy")


def rings(after: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, ...]]:
    """Ways that lead back to where they began, the first name again at the end; none is told twice."""
    done: set[str] = set()
    for start in after:
        way: dict[str, Iterator[str]] = {} if start in done else {start: iter(after[start])}
        while way:
            last = next(reversed(way))
            step = next(way[last], None)
            if step is None:
                del way[last]
                done.add(last)
            elif step in way:
                names = list(way)
                yield (*names[names.index(step) :], step)
            elif step in after and step not in done:
                way[step] = iter(after[step])


def _normal(token: object) -> object:
    """A UUID may be written in several ways."""
    try:
        return str(UUID(token)) if isinstance(token, str) else token
    except ValueError:
        return token


def _monitors(data: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    monitors = data.get("monitors")
    for index, each in enumerate(monitors if isinstance(monitors, list) else []):
        if isinstance(each, dict):
            yield index, each


def _fallbacks_of_policies(policies: dict[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    for name, policy in policies.items():
        yield from listed(("policies", name, "fallback"), table(policy).get("fallback"))


def _fallbacks(channels: dict[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    return ((("channels", name, "fallback"), table(each).get("fallback")) for name, each in channels.items())


def _check_circles(faults: Faults, channels: dict[str, Any]) -> None:
    """A fallback leads to the next channel, and that one's on: the way must end somewhere."""
    after = {name: table(each).get("fallback") for name, each in channels.items()}
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
    chosen = table(data.get("defaults")).get("policy")
    must_be(faults, ("defaults", "policy"), chosen, known, "policy")
    without = 0
    for index, each in _monitors(data):
        must_be(faults, ("monitors", index, "policy"), each.get("policy"), known, "policy")
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
