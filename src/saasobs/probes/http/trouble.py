"""Why there is no answer to judge, in words: the closed reason and one sentence that names what was seen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.core.redact import redact_text, redact_url
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import format_duration
from saasobs.probes.excerpt import visible
from saasobs.probes.http.curl import MAX_HEADER, Order, Transfer
from saasobs.probes.http.options import show_size
from saasobs.probes.http.reasons import TIMEOUTS
from saasobs.probes.http.target import Target
from saasobs.probes.net.certificate import Certificate, explain
from saasobs.probes.net.resolve import LookupFailed

_SHOWN: Final = 160
_TIMED_OUT: Final = frozenset(TIMEOUTS.values())
_CONNECTING: Final = frozenset({Reason.CONNECT_REFUSED, Reason.CONNECT_FAILED})
_REFUSED_CERTIFICATE: Final = frozenset({
    Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_NOT_YET_VALID, Reason.CERTIFICATE_WRONG_HOST,
    Reason.CERTIFICATE_UNTRUSTED, Reason.CERTIFICATE_INVALID,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer to judge."""

    reason: Reason
    sentence: str


def of_lookup(error: LookupFailed | TimeoutError, target: Target, waited: int) -> Trouble:
    """A name without an address."""
    if isinstance(error, LookupFailed):
        return Trouble(error.reason, f"{REASONS[error.reason]}: {target.host} ({error})")
    return Trouble(Reason.DNS_TIMEOUT, f"{REASONS[Reason.DNS_TIMEOUT]}: {target.host} ({format_duration(waited)})")


def of_redirect(error: ValueError, location: str) -> Trouble:
    """A Location that leads to nowhere."""
    said = f"{REASONS[Reason.REDIRECT_REFUSED]}: {error}"
    return Trouble(Reason.REDIRECT_REFUSED, f"{said} (Location: {_short(redact_url(location[:_SHOWN]))})")


def of_loop(limit: int, last: Target) -> Trouble:
    """One redirect too many."""
    said = f"{REASONS[Reason.TOO_MANY_REDIRECTS]}: more than {limit}, the last at {last.shown}"
    return Trouble(Reason.TOO_MANY_REDIRECTS, said)


def of_transfer(
    reason: Reason, order: Order, transfer: Transfer, chain: Sequence[Certificate], took: int, *, hop: int
) -> Trouble:
    """A request that failed. `took` is the whole check's time so far, µs."""
    where = f", after {hop} redirect{'s' * (hop > 1)} at {order.target.shown}" if hop else ""
    return Trouble(reason, f"{REASONS[reason]} ({_details(reason, order, transfer, chain, took)}){where}")


def _details(reason: Reason, order: Order, transfer: Transfer, chain: Sequence[Certificate], took: int) -> str:
    if transfer.overflow == "headers":
        return f"its header is larger than {show_size(MAX_HEADER)}"
    if reason is Reason.BODY_TOO_LARGE:
        return f"more than {show_size(order.max_body)}"
    if reason in _TIMED_OUT:
        return f"{_place(order, transfer)}, {format_duration(took)}"
    if reason in _CONNECTING:
        return _place(order, transfer)
    if reason in _REFUSED_CERTIFICATE and chain:
        return explain(reason, order.target.host, chain)
    return _short(transfer.error) or _place(order, transfer)


def _place(order: Order, transfer: Transfer) -> str:
    """host:port, and the addresses that were tried for the name."""
    tried = transfer.address or ", ".join(order.addresses)
    name = f"[{order.target.host}]" if ":" in order.target.host else order.target.host
    place = f"{name}:{order.target.port}"
    return place if not tried or tried == order.target.host else f"{place} at {tried}"


def _short(text: str) -> str:
    shown = visible(redact_text(text))
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
