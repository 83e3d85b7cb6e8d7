"""From an alert's labels and annotations to the words of an incident. Pure.

What strangers wrote goes through `hygiene` here, for it stands in names, timelines and messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting.hygiene import one_line
from saasobs.alerting.received.reports import read_url
from saasobs.alerting.received.source import Source
from saasobs.core.alert import Alert
from saasobs.core.incident import Link
from saasobs.core.monitor import Severity
from saasobs.core.values import digest_id, to_datetime

_NAME: Final = 100
_PART: Final = 60
_MESSAGE: Final = 500
_TENANT: Final = 100
_TAGS: Final = 30
_SENTENCES: Final = ("summary", "description", "message", "title")
_RUNBOOKS: Final = ("runbook_url", "runbook")
_LINKS: Final = {
    "dashboard_url": "Dashboard", "dashboard": "Dashboard", "panel_url": "Panel", "logs_url": "Logs",
    "trace_url": "Trace", "grafana_url": "Grafana",
}  # fmt: skip
"""Annotations that are places to look."""
_SOURCE_LINK: Final = "Source"


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of alerts that share an incident."""

    name: str
    severity: Severity
    message: str
    tenant: str


def words(alerts: Sequence[Alert], source: Source) -> Words:
    """Of those that fire; at least one."""
    severities = {severity(alert, source) for alert in alerts}
    sentence = one_line(_sentence(alerts[0]), _MESSAGE)
    return Words(
        name=name(shared(alerts), source),
        severity=Severity.CRITICAL if Severity.CRITICAL in severities else Severity.WARNING,
        message=sentence if len(alerts) == 1 else f"{len(alerts)} alerts, the first: {sentence}",
        tenant=one_line(shared(alerts).get(source.tenant_label, ""), _TENANT),
    )


def shared(alerts: Sequence[Alert]) -> Mapping[str, str]:
    """The labels in which all of them agree."""
    first, *others = (alert.labels for alert in alerts)
    if not others:
        return first
    return {label: value for label, value in first.items() if all(one.get(label) == value for one in others)}


def name(labels: Mapping[str, str], source: Source) -> str:
    """``HighErrorRate api``: the alert's name, and the labels that the source is told apart by."""
    said = (labels.get(label, "") for label in ("alertname", *source.name_labels))
    parts = [part for text in said if (part := one_line(text, _PART))]
    return one_line(" ".join(dict.fromkeys(parts)), _NAME) or f"alert of {source.name}"


def severity(alert: Alert, source: Source) -> Severity:
    said = alert.labels.get(source.severity_label, "").strip().lower()
    return Severity.CRITICAL if said in source.critical else Severity.WARNING


def group_key(fingerprint: str, labels: Mapping[str, str], source: Source) -> str:
    """Alerts with the same key share an incident."""
    if source.group_by is None:
        return fingerprint
    agreed = (part for label in source.group_by for part in (label, labels.get(label, "")))
    return digest_id("alerts", *agreed, length=12)


def tags(labels: Mapping[str, str], source: Source | None) -> tuple[str, ...]:
    """What policies and maintenance windows find it by: the source's own, and ``label=value`` for each label."""
    own = source.tags if source is not None else ()
    said = [one_line(f"{label}={value}", _NAME) for label, value in sorted(labels.items()) if label != "alertname"]
    return tuple(dict.fromkeys((*own, *said[:_TAGS])))


def description(alert: Alert) -> str:
    """What the sentence does not say already."""
    said = alert.annotations.get("description", "")
    return "" if said == _sentence(alert) else said


def runbook(alert: Alert) -> str:
    return next((found for key in _RUNBOOKS if (found := read_url(alert.annotations.get(key)))), "")


def links(alert: Alert) -> tuple[Link, ...]:
    """Where to look, each place once."""
    found: dict[str, Link] = {}
    for link in _links(alert):
        found.setdefault(link.url, link)
    return tuple(found.values())


def _links(alert: Alert) -> Iterator[Link]:
    for key, label in _LINKS.items():
        if address := read_url(alert.annotations.get(key)):
            yield Link(label, address)
    if alert.generator_url:
        yield Link(_SOURCE_LINK, alert.generator_url)


def silent(alerts: Sequence[Alert], source: str, sentence: str) -> str:
    """``no word from prometheus since 2026-11-22 14:03 UTC; it said last: …``."""
    since = to_datetime(max(alert.updated_at for alert in alerts)).strftime("%Y-%m-%d %H:%M UTC")
    return one_line(f"no word from {source} since {since}; it said last: {sentence}", _MESSAGE)


def _sentence(alert: Alert) -> str:
    found = next((text for key in _SENTENCES if (text := alert.annotations.get(key, "").strip())), "")
    return found or f"{alert.name or 'the alert'} fires"
