"""A running configuration for people: JSON-ready, with nothing in it that may be a secret.

Hidden are: secrets, the values of headers, whatever has a secret's name or looks like one, and what came from the
environment, in whose place stands the variable's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from saasobs.alerting.received.source import Source
from saasobs.alerting.steps import Match, Policy, Step
from saasobs.core.monitor import Monitor
from saasobs.core.people import Contact, Person, QuietHours
from saasobs.core.redact import MASK, redact_text, redact_url, secret_name
from saasobs.core.values import format_duration
from saasobs.settings.facts import ChannelSettings, Settings
from saasobs.settings.source import KeyPath
from saasobs.settings.times_of_day import WEEKDAYS
from saasobs.settings.variables import Borrowed

_URL = re.compile("https?://")
_SECTIONS: Final = ("channels", "policies", "monitors")
_PART: Final = 4


def describe(settings: Settings) -> dict[str, Any]:
    """The whole configuration by the names of its keys, every default filled in, no secret shown."""
    described = {
        "files": [str(file) for file in settings.files],
        "fingerprint": settings.fingerprint,
        "store": settings.store,
        "state_dir": str(settings.state_dir),
        "web": {"bind": str(settings.web), "base_url": settings.base_url},
        "ingest": {"bind": str(settings.ingest or settings.web), "base_url": settings.ingest_url or None},
        "answers": {"link_lasts": format_duration(settings.link_lasting)},
        "location": settings.location,
        "nameservers": list(settings.nameservers),
        "limits": {"concurrency": settings.limits.concurrency, "per_host": settings.limits.per_host},
        "retention": {
            "raw": format_duration(settings.retention.raw),
            "hourly": format_duration(settings.retention.hourly),
        },
        "heartbeat": _own_heartbeat(settings),
        "alerts": {
            "sources": {name: _source(source) for name, source in settings.sources.items()},
            "watchdog": [
                {"alertname": one.alertname, "within": format_duration(one.within), "source": one.source or None}
                for one in settings.watchdogs
            ],
        },
        "channels": {name: _channel(channel) for name, channel in settings.channels.items()},
        "people": {name: _person(person) for name, person in settings.people.items()},
        "quiet_hours": _quiet(settings.quiet_hours),
        "links": {name: redact_url(template) for name, template in settings.links.items()},
        "policies": {name: _policy(policy) for name, policy in settings.policies.items()},
        "monitors": [_monitor(monitor) for monitor in settings.monitors.values()],
    }
    returned: dict[str, Any] = _Return(settings.borrowed)(described, ())
    return returned


def _own_heartbeat(settings: Settings) -> dict[str, str] | None:
    own = settings.own_heartbeat
    return {"url": str(own.url), "interval": format_duration(own.interval)} if own else None


def _source(source: Source) -> dict[str, Any]:
    return {
        "kind": source.kind.value,
        "policy": source.policy or None,
        "severity_label": source.severity_label,
        "critical": sorted(source.critical),
        "tenant_label": source.tenant_label,
        "name_labels": list(source.name_labels),
        "group_by": None if source.group_by is None else list(source.group_by),
        "drop_labels": sorted(source.drop_labels),
        "tags": list(source.tags),
        "stale_after": format_duration(source.stale_after) if source.stale_after else None,
        "silences": source.may_silence,
    }


def _channel(channel: ChannelSettings) -> dict[str, Any]:
    return {"kind": channel.kind, **_safe(channel.options.model_dump(mode="json", by_alias=True), _url)}


def _policy(policy: Policy) -> dict[str, Any]:
    repeat = policy.repeat
    return {
        "match": _match(policy.match) if policy.match else None,
        "steps": [_step(step) for step in policy.steps],
        "repeat": {"every": format_duration(repeat.every), "times": repeat.times} if repeat else None,
        "fallback": list(policy.fallback),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "notify": list(step.notify),
        "over": list(step.over),
        "after": format_duration(step.after),
        "unless": "acknowledged" if step.unless_acknowledged else None,
    }


def _match(match: Match) -> dict[str, Any]:
    hours = match.hours
    return {
        "tags": sorted(match.tags),
        "severity": match.severity.value if match.severity else None,
        "monitors": list(match.monitors),
        "tenants": sorted(match.tenants),
        "labels": dict(match.labels),
        "hours": f"{hours.begin:%H:%M}-{hours.end:%H:%M}" if hours else None,
        "days": [WEEKDAYS[day] for day in sorted(hours.days)] if hours else None,
        "timezone": match.timezone,
    }


def _person(person: Person) -> dict[str, Any]:
    """Addresses are personal: what is shown is who can be reached how."""
    return {
        "reached_by": [contact.value for contact in Contact if person.address(contact)],
        "language": person.language,
        "timezone": person.timezone,
        "contact": list(person.contact),
        "quiet_hours": _quiet(person.quiet_hours),
    }


def _quiet(quiet: QuietHours | None) -> dict[str, Any] | None:
    if quiet is None:
        return None
    days = [WEEKDAYS[day] for day in sorted(quiet.days)]
    return {"from": f"{quiet.begin:%H:%M}", "to": f"{quiet.end:%H:%M}", "days": days, "timezone": quiet.timezone}


def _monitor(monitor: Monitor) -> dict[str, Any]:
    return {
        "name": monitor.name,
        "kind": monitor.kind,
        "interval": format_duration(monitor.interval),
        "timeout": format_duration(monitor.timeout),
        "fail_after": monitor.thresholds.fail_after,
        "recover_after": monitor.thresholds.recover_after,
        "retry_interval": format_duration(monitor.thresholds.retry_interval),
        "severity": monitor.severity.value,
        "policy": monitor.policy or None,
        "tags": list(monitor.tags),
        "description": monitor.description,
        "runbook": monitor.runbook,
        **_safe(monitor.options.model_dump(mode="json", by_alias=True), _text),
    }


def _safe(value: Any, scrub: Callable[[str], str]) -> Any:
    """A kind's own options without what its types do not hide by themselves."""
    if isinstance(value, dict):
        return {key: _masked(each) if _is_hidden(key) else _safe(each, scrub) for key, each in value.items()}
    if isinstance(value, list):
        return [_safe(each, scrub) for each in value]
    return scrub(value) if isinstance(value, str) else value


def _is_hidden(key: str) -> bool:
    return key == "headers" or secret_name(key)


def _masked(value: Any) -> Any:
    return dict.fromkeys(value, MASK) if isinstance(value, dict) else value and MASK


def _url(text: str) -> str:
    return redact_url(text) if "://" in text else text


def _text(text: str) -> str:
    return redact_url(text) if _URL.match(text) else redact_text(text)


class _Return:
    """Puts variables back where their values came to stand.

    1. Wherever a value stands, in whole or in part, within the same monitor, channel or top-level keys.
    2. Where the variable stood in the file, whatever its value has been turned into.
    """

    def __init__(self, borrowed: Mapping[KeyPath, tuple[Borrowed, ...]]) -> None:
        self._borrowed = borrowed
        self._values: dict[KeyPath, dict[str, str]] = {}
        for path, pieces in borrowed.items():
            found = self._values.setdefault(_scope(path), {})
            found.update({piece.value.reveal(): _name(piece) for piece in pieces})

    def __call__(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self(each, (*path, index)) for index, each in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: KeyPath) -> str:
        changed = text
        values = self._values.get(_scope(path), {})
        for value in sorted(values, key=len, reverse=True):
            if value and (changed == value or len(value) >= _PART):
                changed = changed.replace(value, values[value])
        if changed != text or not text:
            return changed
        pieces = next(
            (self._borrowed[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._borrowed), ()
        )
        return "".join(_name(piece) for piece in pieces) or text


def _name(piece: Borrowed) -> str:
    return f"${{{piece.variable}}}"


def _scope(path: KeyPath) -> KeyPath:
    return path[:2] if path[0] in _SECTIONS else ()
