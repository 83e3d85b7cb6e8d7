"""A question put to the world: (monitor, check) -> Result, within its timeout; it never raises.

Every kind that exists stands in KINDS. A new one is a file or folder here and a line there. A probe knows nothing of
schedules, states, incidents or storage: it says what one check saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.probes import heartbeat
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.probe import HttpProbe
from saasobs.probes.kind import Kind, Tools

KINDS: Final[Mapping[str, Kind]] = {
    "http": Kind("http", HttpOptions, HttpProbe, "Requests a URL and judges the answer."),
    "heartbeat": Kind(
        "heartbeat",
        heartbeat.HeartbeatOptions,
        heartbeat.HeartbeatProbe,
        "Expects a job to report in on time, and tells when it did not.",
        heartbeat.wake_at,
    ),
}

__all__ = ["KINDS", "Kind", "Tools"]
