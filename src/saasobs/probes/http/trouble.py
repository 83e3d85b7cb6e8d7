"""Why there is no answer to judge, in words: the closed reason and one sentence that names what was seen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pycurl

from saasobs.core.redact import redact_text, redact_url
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import format_duration
from saasobs.probes.excerpt import visible
from saasobs.probes.http.fields import show_size
from saasobs.probes.http.handle import MAX_HEADER, Order, Transfer
from saasobs.probes.http.reasons import TIMEOUTS
from saasobs.probes.http.target import Target
from saasobs.probes.inquiry import Trouble as Refused
from saasobs.probes.net.certificate import Certificate, explain
from saasobs.probes.net.options import show_place
from saasobs.probes.net.resolve import LookupFailed

LOGIN_AT_PROXY: Final = 407
"""RFC 9110: the proxy wants another login."""

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


class Told(NamedTuple):
    """What is known of a request that failed."""

    order: Order
    transfer: Transfer
    chain: Sequence[Certificate]
    took: int
    """The whole check's time so far, µs."""
    hop: int


def of_way(error: LookupFailed | TimeoutError | Refused, target: Target, waited: int, *, hop: int) -> Trouble:
    """No way to the target: a name without an address, or an address that may not be used. `waited` in µs."""
    after = _after(hop, target)
    if isinstance(error, Refused):
        return Trouble(error.reason, error.sentence + after)
    if isinstance(error, LookupFailed):
        return Trouble(error.reason, f"{REASONS[error.reason]}: {target.host} ({error}){after}")
    said = f"{REASONS[Reason.DNS_TIMEOUT]}: {target.host} ({format_duration(waited)})"
    return Trouble(Reason.DNS_TIMEOUT, said + after)


def of_redirect(error: ValueError, location: str) -> Trouble:
    """A Location that leads to nowhere."""
    said = f"{REASONS[Reason.REDIRECT_REFUSED]}: {error}"
    return Trouble(Reason.REDIRECT_REFUSED, f"{said} (Location: {_short(redact_url(location[:_SHOWN]))})")


def of_loop(limit: int, last: Target) -> Trouble:
    """One redirect too many."""
    said = f"{REASONS[Reason.TOO_MANY_REDIRECTS]}: more than {limit}, the last at {last.shown}"
    return Trouble(Reason.TOO_MANY_REDIRECTS, said)


def of_file(error: Exception) -> Trouble:
    """The body's file cannot be read: our own fault."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Trouble(Reason.INTERNAL, f"{REASONS[Reason.INTERNAL]} (body_file: {said})")


def of_token(token_url: str, said: str) -> Trouble:
    """No token to ask with. `token_url` as it may be shown."""
    reason = Reason.AUTHENTICATION_FAILED
    return Trouble(reason, f"{REASONS[reason]} (no token from {token_url}: {said})")


def of_transfer(reason: Reason, told: Told, proxy: str = "") -> Trouble:
    """A request that failed. :param proxy: the one on its way, as it may be shown."""
    details = _at_proxy(proxy, told) if reason is Reason.PROXY_FAILED else _details(reason, told)
    return Trouble(reason, f"{REASONS[reason]} ({details}){_after(told.hop, told.order.target)}")


def _after(hop: int, target: Target) -> str:
    return f", after {hop} redirect{'s' * (hop > 1)} at {target.shown}" if hop else ""


def _at_proxy(proxy: str, told: Told) -> str:
    transfer = told.transfer
    code = transfer.proxy.code if transfer.proxy is not None else 0
    if LOGIN_AT_PROXY in (code, transfer.status):
        return f"{proxy}: it wants a login, or another one (407)"
    if code // 100 not in (0, 2):
        return f"{proxy}: it answered {code} to CONNECT"
    if transfer.errno == pycurl.E_OPERATION_TIMEDOUT:
        return f"{proxy}: no answer in time, {format_duration(told.took)}"
    if transfer.errno == pycurl.E_COULDNT_CONNECT and not transfer.moments.connected:
        tried = ", ".join(told.order.way.addresses)
        return f"{proxy}: it could not be reached" + (f" at {tried}" if tried and tried not in proxy else "")
    return f"{proxy}: {_short(transfer.error)}"


def _details(reason: Reason, told: Told) -> str:
    order, transfer = told.order, told.transfer
    if transfer.overflow == "headers":
        return f"its header is larger than {show_size(MAX_HEADER)}"
    if reason is Reason.BODY_TOO_LARGE:
        return f"more than {show_size(order.max_body)}"
    if reason in _TIMED_OUT:
        return f"{_place(order, transfer)}, {format_duration(told.took)}"
    if reason in _CONNECTING:
        return _place(order, transfer)
    if reason in _REFUSED_CERTIFICATE and told.chain:
        return explain(reason, order.target.host, told.chain)
    return _short(transfer.error) or _place(order, transfer)


def _place(order: Order, transfer: Transfer) -> str:
    """host:port, and the addresses that were tried for the name."""
    place = show_place(order.target.host, order.target.port)
    tried = transfer.address or ", ".join(order.way.addresses)
    if order.proxy:
        return place
    return place if not tried or tried == order.target.host else f"{place} at {tried}"


def _short(text: str) -> str:
    shown = visible(redact_text(text))
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
