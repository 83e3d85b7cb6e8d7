"""From a request to the last answer: find the way, transfer, follow redirects, all within one deadline.

What it returns says how far it got; judging the answer is `expect`'s work. The time of a check is the sum of its
phases, so that the waiting of this daemon's own loop between them is never held against the target.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock
from saasobs.core.result import Reason
from saasobs.core.values import SECOND
from saasobs.probes.http import trouble
from saasobs.probes.http.chains import Chains
from saasobs.probes.http.curl import Multi
from saasobs.probes.http.handle import Order, Transfer
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.phases import Phase, lengths
from saasobs.probes.http.reasons import reason_of
from saasobs.probes.http.request import REDIRECTS, Request, follow, traceparent
from saasobs.probes.http.target import Target
from saasobs.probes.http.trouble import Trouble
from saasobs.probes.http.way import STRAIGHT, Search, Way
from saasobs.probes.inquiry import Trouble as Refused
from saasobs.probes.net.certificate import Certificate, earliest, what_is_wrong
from saasobs.probes.net.resolve import LookupFailed

_LOOK_SECONDS: Final = 2.0
"""At most so long for a second look at a certificate that was refused."""

Headers = tuple[tuple[str, str], ...]


class Hop(NamedTuple):
    """One request of a check, and how long its phases took (µs). The URL is as it may be shown."""

    url: str
    phases: dict[str, int]
    status: int = 0
    address: str = ""
    http_version: str = ""
    secure: bool = False


@dataclass(slots=True)
class Seen:
    """How far an exchange got. Headers and body are the last hop's."""

    hops: list[Hop] = field(default_factory=list)
    trouble: Trouble | None = None
    header_lines: list[bytes] = field(default_factory=list)
    body: bytes = b""
    chain: tuple[Certificate, ...] = ()
    """Of all hops the one that expires first; after a certificate was refused, that one's."""
    notes: dict[str, Any] | None = None
    """Observations of the exchange's own."""
    trace_id: str = ""
    _headers: tuple[list[bytes], Headers] | None = None

    @property
    def headers(self) -> Headers:
        """Read when somebody asks for them."""
        if self._headers is None or self._headers[0] is not self.header_lines:
            self._headers = self.header_lines, read_headers(self.header_lines)
        return self._headers[1]

    def phases(self) -> dict[str, int]:
        """Summed over the hops, in order."""
        if len(self.hops) == 1:
            return self.hops[0].phases
        sums = ((phase.value, [hop.phases[phase] for hop in self.hops if phase in hop.phases]) for phase in Phase)
        return {phase: sum(found) for phase, found in sums if found}

    def duration(self) -> int:
        """Of the whole check, µs."""
        return sum([sum(hop.phases.values()) for hop in self.hops])

    def forget(self) -> None:
        """Begin again; notes stay."""
        self.hops, self.trouble, self.header_lines, self.body, self.chain = [], None, [], b"", ()


@dataclass(slots=True)
class Sender:
    """What every request of one check shares."""

    multi: Multi
    monitor: Monitor
    clock: Clock
    chains: Chains
    user_agent: bytes
    """The header's whole line."""
    nameservers: tuple[str, ...]
    correlation_id: str
    trace_id: str
    """Empty: nothing is sent to correlate by."""
    deadline: float
    """On the loop's clock, seconds."""


async def exchange(options: HttpOptions, request: Request, sender: Sender, seen: Seen) -> None:
    """Run one check's requests by the deadline, and fill `seen` as it goes: the target's failures are told there."""
    cookies: tuple[bytes, ...] | None = () if options.keep_cookies else None
    while True:
        transfer = await _hop(options, request, cookies, sender, seen)
        if transfer is None or not options.follow_redirects or transfer.status not in REDIRECTS:
            return
        location = _location(transfer)
        if not location:
            return
        if len(seen.hops) > options.max_redirects:
            seen.trouble = trouble.of_loop(options.max_redirects, request.target)
            return
        cookies = transfer.cookies
        try:
            request = follow(request, transfer.status, location)
        except ValueError as error:
            seen.trouble = trouble.of_redirect(error, location)
            return


async def _hop(
    options: HttpOptions, request: Request, cookies: tuple[bytes, ...] | None, sender: Sender, seen: Seen
) -> Transfer | None:
    """One request: adds its hop to `seen`; None when there was trouble, which `seen` tells."""
    target = request.target
    dns, way = 0, STRAIGHT
    if not (target.literal and options.straight) or sender.monitor.public_only:
        found = await _way(options, target, sender, seen)
        if found is None:
            return None
        dns, way = found
    order = _order(options, request, sender, way, len(seen.hops))
    order.cookies = cookies
    transfer = await sender.multi.perform(order)
    secure = target.scheme == "https"
    phases = lengths(dns, transfer.moments, secure=secure)
    seen.hops.append(Hop(target.shown, phases, transfer.status, transfer.address, transfer.http_version, secure))
    seen.header_lines, seen.body = transfer.header_lines, transfer.body
    chain = sender.chains.read(transfer.chain) if transfer.chain else ()
    if chain:
        seen.chain = _to_be_watched(seen.chain, chain)
    if not _failed(options, transfer):
        return transfer
    seen.trouble = await _trouble(options, order, transfer, chain, sender, seen)
    return None


def _failed(options: HttpOptions, transfer: Transfer) -> bool:
    if options.proxy is not None and transfer.status == trouble.LOGIN_AT_PROXY and not transfer.errno:
        return True
    if not transfer.errno:
        return False
    # The body of a redirect is nobody's business, however long it is.
    redirects = transfer.overflow == "body" and options.follow_redirects and transfer.status in REDIRECTS
    return not (redirects and _location(transfer))


async def _way(options: HttpOptions, target: Target, sender: Sender, seen: Seen) -> tuple[int, Way] | None:
    """How long it took (µs), and the way; None when there is none, which `seen` tells."""
    begun = time.monotonic()
    try:
        way = await Search(options, sender.monitor, sender.nameservers, sender.deadline).find(target)
    except (LookupFailed, TimeoutError, Refused) as error:
        waited = _micros(time.monotonic() - begun)
        seen.hops.append(Hop(target.shown, {Phase.DNS.value: waited}))
        seen.trouble = trouble.of_way(error, target, waited, hop=len(seen.hops) - 1)
        return None
    return _micros(time.monotonic() - begun), way


def _to_be_watched(before: tuple[Certificate, ...], now: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    if not before or not now:
        return now or before
    return min(before, now, key=lambda chain: earliest(chain).not_after)


def _order(options: HttpOptions, request: Request, sender: Sender, way: Way, hop: int) -> Order:
    unusual = options.unusual
    left = sender.deadline - asyncio.get_running_loop().time()  # uvloop's clock has whole milliseconds only
    return Order(
        request.target,
        request.method,
        _header_lines(request, sender, hop),
        request.body,
        _milliseconds(left),
        options.max_body,
        way,
        options.verify,
        () if unusual is None else unusual.settings(options.where, request.target),
        "" if options.proxy is None else options.proxy.scheme,
    )


def _header_lines(request: Request, sender: Sender, hop: int) -> list[bytes]:
    """The user's headers, and ours where they left room."""
    agent, correlation, trace = request.room
    lines = [*request.lines]
    if agent:
        lines.append(sender.user_agent)
    if sender.trace_id:
        if correlation:
            lines.append(b"X-Request-ID: " + sender.correlation_id.encode())
        if trace:
            lines.append(b"traceparent: " + traceparent(sender.trace_id, hop).encode())
    return lines


def _location(transfer: Transfer) -> str:
    """Where a redirect leads; empty when it does not say."""
    return next((value for name, value in read_headers(transfer.header_lines) if name.lower() == "location"), "")


def read_headers(lines: list[bytes]) -> Headers:
    """Names and values, in order."""
    try:
        text = b"".join(lines).decode()
    except UnicodeDecodeError:
        text = "".join(map(_text, lines))
    pairs = [line.partition(":") for line in text.split("\n")]
    return tuple([(name.strip(), value.strip()) for name, _, value in pairs if name])


def _text(line: bytes) -> str:
    """Header bytes as text: UTF-8 where they are, else Latin-1, which takes any byte."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


async def _trouble(
    options: HttpOptions,
    order: Order,
    transfer: Transfer,
    chain: tuple[Certificate, ...],
    sender: Sender,
    seen: Seen,
) -> Trouble:
    reason = reason_of(order, transfer)
    if reason is Reason.CERTIFICATE_INVALID:
        chain = seen.chain = chain or await _second_look(order, sender)
        reason = what_is_wrong(chain, order.target.host, transfer.verify_result, sender.clock.now())
    told = trouble.Told(order, transfer, chain, seen.duration(), len(seen.hops) - 1)
    return trouble.of_transfer(reason, told, "" if options.proxy is None else options.proxy.place)


async def _second_look(order: Order, sender: Sender) -> tuple[Certificate, ...]:
    """The certificates that were refused: shake hands once more without verifying, and send nothing."""
    left = min(sender.deadline - asyncio.get_running_loop().time(), _LOOK_SECONDS)
    if left <= 0:
        return ()
    look = replace(order, verify=False, handshake_only=True, headers=(), milliseconds=_milliseconds(left))
    return sender.chains.read((await sender.multi.perform(look)).chain)


def _micros(seconds: float) -> int:
    return max(0, round(seconds * SECOND))


def _milliseconds(seconds: float) -> int:
    """For libcurl, to whom 0 means for ever."""
    return max(1, round(seconds * 1000))
