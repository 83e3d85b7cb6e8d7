"""What a configuration comes to, once it is whole: the facts that the daemon is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saasobs.alerting.network import Anchors
from saasobs.alerting.oncall import Schedule
from saasobs.alerting.policy import Policy
from saasobs.alerting.received.source import Source, Watchdog
from saasobs.alerting.windows import Window
from saasobs.core.monitor import Monitor
from saasobs.core.people import Person, QuietHours
from saasobs.core.values import DAY, Secret
from saasobs.options import ChannelOptions
from saasobs.settings.source import KeyPath
from saasobs.settings.variables import Borrowed
from saasobs.storage import Retention


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen; `str` gives it as it is written: ``127.0.0.1:9110``, ``[::1]:9110``."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many checks run at a time, in all and against one host."""

    concurrency: int
    per_host: int


@dataclass(frozen=True, slots=True)
class OwnHeartbeat:
    """The daemon's own outgoing heartbeat, so that somebody notices when the daemon dies."""

    url: Secret
    """Whoever knows it can keep the watcher quiet, so it counts as a secret."""
    interval: int


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One configured channel."""

    name: str
    kind: str
    options: ChannelOptions


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """A whole configuration. Durations are microseconds; mappings are in the order of the file."""

    source: Path
    files: tuple[Path, ...]
    fingerprint: str
    store: str
    state_dir: Path
    web: Listener
    base_url: str
    """Without a slash at its end; what links in messages begin with."""
    ingest: Listener | None
    """None: the same listener as `web`."""
    location: str
    limits: Limits
    retention: Retention
    own_heartbeat: OwnHeartbeat | None
    nameservers: tuple[str, ...]
    network: Anchors | None
    """None: no guard over our own network."""
    maintenance: tuple[Window, ...]
    monitors: Mapping[str, Monitor]
    channels: Mapping[str, ChannelSettings]
    policies: Mapping[str, Policy]
    people: Mapping[str, Person] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    """Who is on call."""
    quiet_hours: QuietHours | None = None
    """Everybody's, where nobody says otherwise."""
    default_policy: str = "default"
    """The policy that takes what no other does."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Templates (alerting.links), by what they lead to."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Who may report alerts."""
    watchdogs: tuple[Watchdog, ...] = ()
    ingest_url: str = ""
    """Without a slash at its end; empty: the configuration does not say how others reach the ingest listener."""
    answer_url: str = ""
    """The same of what telephones reach; empty: messages have no links for answering."""
    link_lasting: int = DAY
    """How long such a link can be used."""
    borrowed: Mapping[KeyPath, tuple[Borrowed, ...]] = field(default_factory=dict)
    """What came from the environment, by where it was used: `description` takes it out again."""

    def __repr__(self) -> str:
        """Short, and without a value that came from the environment."""
        return f"Settings({str(self.source)!r}, {len(self.monitors)} monitors, {self.fingerprint[:12]})"


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The changed settings that a running daemon cannot take."""
    names = ("store", "state_dir", "web", "ingest", "location", "nameservers", "retention")
    return [name for name in names if getattr(old, name) != getattr(new, name)]
