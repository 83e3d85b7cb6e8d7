"""The daemon's YAML to typed settings: strict, whole, every fault at once with its file, line and path.

Not here: what a kind of monitor or a channel does with its options (they bring the options themselves), and when a
file is read again (the daemon's business).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from saasobs.core.errors import ConfigurationError, Fault
from saasobs.core.monitor import Monitor
from saasobs.probes import KINDS
from saasobs.settings.assembly import assemble, find_state_dir, monitor
from saasobs.settings.description import describe
from saasobs.settings.facts import ChannelSettings, Limits, Listener, OwnHeartbeat, Settings
from saasobs.settings.faults import Faults
from saasobs.settings.model import Common, Defaults
from saasobs.settings.schema import schema
from saasobs.settings.source import Document, Place, fingerprint, read

__all__ = [
    "ChannelSettings",
    "Limits",
    "Listener",
    "OwnHeartbeat",
    "Settings",
    "describe",
    "fingerprint",
    "for_url",
    "load",
    "schema",
    "state_dir",
]


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read a YAML file, or a folder of them, with `environ` for its variables.

    :raises ConfigurationError: with every fault, in the order of the files; never with a value from `environ`.
    """
    return assemble(read(path, environ), path)


def state_dir(path: Path, environ: Mapping[str, str]) -> Path:
    """Where the daemon of this configuration has its socket; variables of other keys need not be set.

    :raises ConfigurationError: the file cannot be read, or these keys are faulty.
    """
    return find_state_dir(read(path, environ))


def for_url(url: str) -> Monitor:
    """A monitor with no configuration at all. :raises ConfigurationError: this is no http or https URL."""
    document = Document(data={"url": url}, places={(): Place("command line", 0)})
    faults = Faults(document)
    options = faults.read(KINDS["http"].options, (), {"url": url})
    faults.raise_any()
    if options is None:  # pragma: no cover - then there was a fault
        raise ConfigurationError((Fault("", 0, "url", "not understood"),))
    return monitor(Common(name="url"), "http", options, Defaults())
