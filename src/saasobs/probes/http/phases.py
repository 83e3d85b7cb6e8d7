"""The phases of one request, in order, and their lengths from the moments at which they were over. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What a request passes through, in order."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Moments:
    """When each phase of a transfer was over, µs from its start; 0: it never was. DNS is timed apart."""

    connected: int
    secured: int
    first_byte: int
    ended: int


def phase_of(moments: Moments, *, secure: bool) -> Phase:
    """The phase that a transfer was in when it ended."""
    if not moments.connected:
        return Phase.CONNECT
    if secure and not moments.secured:
        return Phase.TLS
    return Phase.TRANSFER if moments.first_byte else Phase.FIRST_BYTE


def lengths(moments: Moments, *, secure: bool) -> dict[str, int]:
    """Each phase's length; they sum to the whole. The one in which a transfer failed has all that was left."""
    ends = {Phase.CONNECT: moments.connected, Phase.TLS: moments.secured, Phase.FIRST_BYTE: moments.first_byte}
    if not secure:
        del ends[Phase.TLS]
    last = phase_of(moments, secure=secure)
    phases: dict[str, int] = {}
    before = 0
    for phase, end in ends.items():
        if phase is last:
            break
        over = min(max(before, end), moments.ended)
        phases[phase.value] = over - before
        before = over
    phases[last.value] = max(0, moments.ended - before)
    return phases
