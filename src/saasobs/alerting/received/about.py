"""What an incident's alerts say about whether it may be told now, and about where to look. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting.received.naming import description, links, runbook, shared, tags
from saasobs.alerting.received.source import Source
from saasobs.core.alert import Alert
from saasobs.core.incident import Link

MONITOR_LABEL: Final = "monitor"
"""The label that names one of our own monitors."""


@dataclass(frozen=True, slots=True)
class About:
    """Of the alerts of one incident: those that fire, else all. Read off them when it is asked for."""

    alerts: tuple[Alert, ...] = ()
    origin: Source | None = None
    """None: it is no longer configured."""
    flapping: str = ""
    """The incident that tells that they come and go all the time; empty: they do not."""

    @property
    def shared(self) -> Mapping[str, str]:
        """The labels in which all agree."""
        return shared(self.alerts) if self.alerts else {}

    @property
    def source(self) -> str:
        return self.alerts[0].source if self.alerts else ""

    @property
    def monitor(self) -> str:
        """The monitor of ours that all of them name, if they do."""
        return self.shared.get(MONITOR_LABEL, "")

    @property
    def tags(self) -> tuple[str, ...]:
        return tags(self.shared, self.origin)

    @property
    def heard_at(self) -> int:
        """When the source last spoke of any of them (µs)."""
        return max((alert.updated_at for alert in self.alerts), default=0)

    @property
    def description(self) -> str:
        return description(self.alerts[0]) if self.alerts else ""

    def annotation(self, name: str, language: str) -> str:
        """What a rule says for readers of that language, as in ``summary_es``; empty: nothing of its own."""
        return self.alerts[0].annotations.get(f"{name}_{language}", "").strip() if self.alerts else ""

    @property
    def runbook(self) -> str:
        return runbook(self.alerts[0]) if self.alerts else ""

    @property
    def links(self) -> tuple[Link, ...]:
        return links(self.alerts[0]) if self.alerts else ()


def about(alerts: Sequence[Alert], source: Source | None, flapping: str = "") -> About:
    """:param source: None: it is no longer configured."""
    firing = tuple(alert for alert in alerts if alert.fires)
    return About(firing or tuple(alerts), source, flapping)
