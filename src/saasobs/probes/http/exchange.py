"""From a request to the last answer: resolve, transfer, follow redirects, all within one deadline.

What it returns says how far it got; judging the answer is `expect`'s work. The time of a check is the sum of its
phases, so that the waiting of this daemon's own loop between them is never held against the target.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Final

import pycurl

from saasobs.core.result import Reason
from saasobs.core.values import SECOND
from saasobs.probes.http import trouble
from saasobs.probes.http.curl import Multi, Order, Transfer
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.phases import Moments, Phase, lengths, phase_of
from saasobs.probes.http.reasons import reason_for
from saasobs.probes.http.request import REDIRECTS, Request, follow, traceparent
from saasobs.probes.http.target import Target
from saasobs.probes.http.trouble import Trouble
from saasobs.probes.net.certificate import Certificate, earliest, read_chain, what_is_wrong
from saasobs.probes.net.resolve import LookupFailed, known_addresses, lookup

_LOOK_SECONDS: Final = 2.0
"""At most so long for a second look at a certificate that was refused."""

_GUARD_SECONDS: Final = 0.25
"""libcurl keeps the deadline itself; one that did not is stopped so much later."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a check, and how long its phases took (µs). The URL is as it may be shown."""

    url: str
    phases: dict[str, int]
    status: int = 0
    address: str = ""
    http_version: str = ""


@dataclass(slots=True)
class Seen:
    """How far an exchange got. Headers and body are the last hop's."""

    hops: list[Hop] = field(default_factory=list)
    trouble: Trouble | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chain: tuple[Certificate, ...] = ()
    """Of all hops the one that expires first; after a failure the failed hop's."""

    def phases(self) -> dict[str, int]:
        """Summed over the hops, in order."""
        if len(self.hops) == 1:
            return self.hops[0].phases
        sums = ((phase.value, [hop.phases[phase] for hop in self.hops if phase in hop.phases]) for phase in Phase)
        return {phase: sum(found) for phase, found in sums if found}

    def duration(self) -> int:
        """Of the whole check, µs."""
        return sum(sum(hop.phases.values()) for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Sender:
    """What every request of one check shares."""

    multi: Multi
    user_agent: str
    nameservers: tuple[str, ...]
    correlation_id: str
    trace_id: str
    """Empty: nothing is sent to correlate by."""
    deadline: float
    """On the loop's clock, seconds."""
    now: int


async def exchange(options: HttpOptions, sender: Sender, seen: Seen) -> None:
    """Run one check's requests by the deadline, and fill `seen` as it goes: the target's failures are told there."""
    request = options.request
    while True:
        transfer = await _hop(options, request, sender, seen)
        location = _location(transfer) if transfer is not None and options.follow_redirects else ""
        if transfer is None or not location:
            return
        if len(seen.hops) > options.max_redirects:
            seen.trouble = trouble.of_loop(options.max_redirects, request.target)
            return
        try:
            request = follow(request, transfer.status, location)
        except ValueError as error:
            seen.trouble = trouble.of_redirect(error, location)
            return


async def _hop(options: HttpOptions, request: Request, sender: Sender, seen: Seen) -> Transfer | None:
    """One request: adds its hop to `seen`; None when there was trouble, which `seen` tells."""
    target = request.target
    begun = time.monotonic()
    try:
        addresses = await _addresses(target, sender)
    except (LookupFailed, TimeoutError) as error:
        waited = _micros(time.monotonic() - begun)
        seen.hops.append(Hop(target.shown, {Phase.DNS.value: waited}))
        seen.trouble = trouble.of_lookup(error, target, waited)
        return None
    dns = _micros(time.monotonic() - begun)
    order = _order(options, request, sender, addresses, len(seen.hops))
    transfer = await _transfer(order, sender)
    phases = {Phase.DNS.value: dns, **lengths(transfer.moments, secure=target.scheme == "https")}
    seen.hops.append(Hop(target.shown, phases, transfer.status, transfer.address, transfer.http_version))
    seen.headers, seen.body = _headers(transfer), transfer.body
    chain = read_chain(transfer.chain)
    seen.chain = chain if transfer.errno else _to_be_watched(seen.chain, chain)
    if transfer.errno and not (transfer.overflow == "body" and options.follow_redirects and _location(transfer)):
        seen.trouble = await _trouble(order, transfer, sender, seen)
        return None
    return transfer


def _to_be_watched(before: tuple[Certificate, ...], now: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    if not before or not now:
        return now or before
    return min(before, now, key=lambda chain: earliest(chain).not_after)


async def _addresses(target: Target, sender: Sender) -> tuple[str, ...]:
    """What to connect to; nothing for a literal address."""
    if target.literal:
        return ()
    if known := known_addresses(target.host):
        return known
    async with asyncio.timeout_at(sender.deadline):
        return await lookup(target.host, sender.nameservers)


async def _transfer(order: Order, sender: Sender) -> Transfer:
    begun = time.monotonic()
    try:
        async with asyncio.timeout_at(sender.deadline + _GUARD_SECONDS):
            return await sender.multi.perform(order)
    except TimeoutError:
        moments = Moments(0, 0, 0, _micros(time.monotonic() - begun))
        return Transfer(pycurl.E_OPERATION_TIMEDOUT, "stopped", 0, 0, "", "", moments, [], b"", "", 0, ())


def _order(options: HttpOptions, request: Request, sender: Sender, addresses: tuple[str, ...], hop: int) -> Order:
    return Order(
        target=request.target,
        method=request.method,
        headers=_header_lines(request, sender, hop),
        body=request.body,
        addresses=addresses,
        milliseconds=_milliseconds(sender.deadline - _clock()),
        max_body=options.max_body,
        verify=options.verify,
    )


def _header_lines(request: Request, sender: Sender, hop: int) -> list[bytes]:
    """The user's headers, and ours where they left room; a bare ``Name:`` switches libcurl's own off."""
    own = [("User-Agent", sender.user_agent), ("Accept", "*/*")]
    if sender.trace_id:
        own += [("X-Request-ID", sender.correlation_id), ("traceparent", traceparent(sender.trace_id, hop))]
    given = {name.lower() for name, _ in request.headers}
    headers = [*request.headers, *(pair for pair in own if pair[0].lower() not in given)]
    lines = [f"{name}: {value}".encode() for name, value in headers]
    if request.body is not None:
        lines += [f"{name}:".encode() for name in ("Expect", "Content-Type") if name.lower() not in given]
    return lines


def _location(transfer: Transfer) -> str:
    """Where a redirect leads; empty for any other answer."""
    if transfer.status not in REDIRECTS:
        return ""
    return next((value for name, value in _headers(transfer) if name.lower() == "location"), "")


def _headers(transfer: Transfer) -> tuple[tuple[str, str], ...]:
    pairs = (_text(line).partition(":") for line in transfer.header_lines)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _text(line: bytes) -> str:
    """Header bytes as text: UTF-8 where they are, else Latin-1, which takes any byte."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


async def _trouble(order: Order, transfer: Transfer, sender: Sender, seen: Seen) -> Trouble:
    reason = reason_for(transfer, phase_of(transfer.moments, secure=order.target.scheme == "https"))
    if reason is Reason.CERTIFICATE_INVALID:
        seen.chain = seen.chain or await _second_look(order, sender)
        reason = what_is_wrong(seen.chain, order.target.host, transfer.verify_result, sender.now)
    return trouble.of_transfer(reason, order, transfer, seen.chain, seen.duration(), hop=len(seen.hops) - 1)


async def _second_look(order: Order, sender: Sender) -> tuple[Certificate, ...]:
    """The certificates that were refused: shake hands once more without verifying, and send nothing."""
    left = min(sender.deadline - _clock(), _LOOK_SECONDS)
    if left <= 0:
        return ()
    look = replace(order, verify=False, handshake_only=True, headers=(), milliseconds=_milliseconds(left))
    return read_chain((await _transfer(look, sender)).chain)


def _clock() -> float:
    """The loop's clock, for deadlines; uvloop's has whole milliseconds only, too coarse for phases."""
    return asyncio.get_running_loop().time()


def _micros(seconds: float) -> int:
    return max(0, round(seconds * SECOND))


def _milliseconds(seconds: float) -> int:
    """For libcurl, to whom 0 means for ever."""
    return max(1, round(seconds * 1000))
