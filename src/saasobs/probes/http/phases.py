"""The phases of one request, in order, and their lengths from the moments at which they were over. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Phase(StrEnum):
    """What a request passes through, in order."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    TRANSFER = "transfer"


TOKEN: Final = "token"  # noqa: S105 - the name of a phase
"""Takes the place of all others when there was no token to ask with (OAuth2)."""


class Moments(NamedTuple):
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


def lengths(dns: int, moments: Moments, *, secure: bool) -> dict[str, int]:
    """Each phase's length, that of `dns` as given; the others sum to the transfer's whole.

    The phase in which a transfer failed has all that was left.
    """
    connected, secured, first_byte, ended = moments
    phases = {"dns": dns}
    if not connected:
        phases["connect"] = ended
        return phases
    before = phases["connect"] = min(connected, ended)
    if secure:
        if not secured:
            phases["tls"] = ended - before
            return phases
        over = min(max(before, secured), ended)
        phases["tls"] = over - before
        before = over
    if not first_byte:
        phases["first_byte"] = ended - before
        return phases
    over = min(max(before, first_byte), ended)
    phases["first_byte"] = over - before
    phases["transfer"] = ended - over
    return phases
