"""Reaching a host: its addresses, the guard over them, a connection by TCP, and TLS over it; each a phase of the check.

For the kinds that speak on streams of their own. Whatever goes wrong is a `Trouble` with its reason; what was seen on
the way (the address, the certificate) is noted in the inquiry's observations, also when the check fails later.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain as chained
from itertools import zip_longest
from typing import Any, Final

from saasobs.core.addresses import refusal
from saasobs.core.monitor import Monitor
from saasobs.core.result import Reason
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.kind import Tools
from saasobs.probes.net.certificate import Certificate, describe, explain, read_der, what_is_wrong
from saasobs.probes.net.options import IpVersion, NetworkOptions, TlsOptions, show_place
from saasobs.probes.net.resolve import LookupFailed, known_addresses, lookup
from saasobs.probes.net.stream import READ_LIMIT, Stream, openssl_code, openssl_words
from saasobs.probes.net.tls import EVERYTHING, Contexts, Offer
from saasobs.probes.verdict import short

STAGGER: Final = 0.25
"""Seconds after which the next address is tried beside the one that has not answered (RFC 8305, section 8)."""
MOST_ADDRESSES: Final = 16
"""Addresses of one name that are tried; a name may have hundreds."""
LOOK_SECONDS: Final = 2.0
"""At most so long for a second look at a server that TLS failed with."""

Again = Callable[[Inquiry], Awaitable[Stream]]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What TLS agreed on."""

    version: str
    """As OpenSSL says it: ``TLSv1.3``."""
    cipher: str
    alpn: str
    chain: tuple[Certificate, ...]
    der: tuple[bytes, ...]
    """The certificates as they were presented, leaf first."""


class HandshakeFailed(Trouble):
    """TLS could not be agreed on, or its certificate was refused."""

    def __init__(self, reason: Reason, details: str, seen: Handshake | None) -> None:
        """:param seen: what a second look saw that trusts and allows everything; None when that failed as well."""
        super().__init__(reason, details)
        self.seen = seen


class Contact:
    """How one probe reaches hosts; holds the TLS contexts, nothing of any one check."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contexts = Contexts()

    async def reach(self, inquiry: Inquiry, host: str, port: int, options: NetworkOptions) -> Stream:
        """Phases dns and connect. :raises Trouble:"""
        inquiry.place = show_place(host, port)
        with inquiry.phase("dns"):
            addresses = await self.addresses(inquiry.monitor, host, options)
        return await self._connect(inquiry, host, port, addresses)

    async def addresses(self, monitor: Monitor, host: str, options: NetworkOptions) -> tuple[str, ...]:
        """What may be connected to for a host, in the order to try. :raises Trouble:"""
        servers = options.nameservers or self._tools.nameservers
        found = (options.address,) if options.address else await resolve(host, servers, options.ip_version)
        return admitted(monitor, host, of_version(host, found, options.ip_version))

    async def secure(
        self,
        inquiry: Inquiry,
        stream: Stream,
        options: TlsOptions,
        *,
        alpn: tuple[str, ...] = (),
        offer: Offer | None = None,
        again: Again | None = None,
    ) -> Handshake:
        """Phase tls: a handshake over the stream, which is encrypted from then on.

        :param offer: in place of `alpn`, where more than that is to be said.
        :param again: makes another stream that has got as far as this one (after its STARTTLS), for a second look at
            a server that TLS failed with; by default a new connection to the same address.
        :raises Trouble: a HandshakeFailed when it is the other side's fault, with the certificate described in the
            observations where there is one.
        """
        context = self._context(options, offer or Offer(alpn))
        name = _server_name(options, stream)
        try:
            with inquiry.phase("tls"):
                _nothing_yet(stream)
                # The deadline of the check ends it, not a clock of asyncio's own.
                await stream.writer.start_tls(
                    context, server_hostname=name, ssl_handshake_timeout=inquiry.remaining() + 60
                )
        except ssl.SSLCertVerificationError as error:
            raise await self._refused(inquiry, stream, options, again, error) from error
        except OSError as error:
            raise await self._disagreed(inquiry, stream, options, again, error) from error
        handshake = _handshake(stream.writer)
        self._note(inquiry, handshake)
        return handshake

    def _context(self, options: TlsOptions, offer: Offer) -> ssl.SSLContext:
        try:
            return self._contexts.of(options, offer)
        except (OSError, ssl.SSLError) as error:
            raise Trouble(Reason.INTERNAL, f"the files for its TLS cannot be used: {_file_fault(error)}") from error

    async def _connect(self, inquiry: Inquiry, host: str, port: int, addresses: Sequence[str]) -> Stream:
        with inquiry.phase("connect"):
            try:
                stream = await _race(host, port, addresses)
            except OSError as error:
                reason = _CONNECTING.get(error.errno or 0, Reason.CONNECT_FAILED)
                tried = ", ".join(addresses)
                where = inquiry.place if tried == host else f"{inquiry.place} at {short(tried)}"
                detail = f": {error.strerror}" if reason is Reason.CONNECT_FAILED and error.strerror else ""
                raise Trouble(reason, where + detail) from error
        inquiry.observations["address"] = stream.address
        inquiry.place = stream.place
        return stream

    async def _refused(
        self,
        inquiry: Inquiry,
        stream: Stream,
        options: TlsOptions,
        again: Again | None,
        error: ssl.SSLCertVerificationError,
    ) -> HandshakeFailed:
        seen = await self._second_look(inquiry, stream, options, again)
        chain, name = (seen.chain if seen else ()), _server_name(options, stream)
        if seen is not None:
            self._note(inquiry, seen)
        reason = what_is_wrong(chain, name, error.verify_code, self._tools.clock.now())
        words = error.verify_message if reason is Reason.CERTIFICATE_INVALID else ""
        return HandshakeFailed(reason, explain(reason, name, chain, words), seen)

    async def _disagreed(
        self, inquiry: Inquiry, stream: Stream, options: TlsOptions, again: Again | None, error: OSError
    ) -> HandshakeFailed:
        # Some servers break off without a word when they do not like what is offered.
        words, open_to_more = "the connection was broken off", True
        if isinstance(error, ssl.SSLError):
            words, open_to_more = openssl_words(error), openssl_code(error) in _NEGOTIATION
        seen = await self._second_look(inquiry, stream, options, again) if open_to_more else None
        if seen is not None:
            self._note(inquiry, seen)
            words = f"{words}; allowed anything, it agrees on {seen.version} with {seen.cipher}"
        return HandshakeFailed(Reason.TLS_FAILED, words, seen)

    async def look(
        self,
        inquiry: Inquiry,
        stream: Stream,
        options: TlsOptions,
        offer: Offer = EVERYTHING,
        again: Again | None = None,
    ) -> Handshake:
        """What the server agrees on with a client that trusts everybody, over another connection; nothing is sent.

        :raises ssl.SSLError, OSError, Trouble:
        """
        blind = TlsOptions(verify=False, client_certificate=options.client_certificate, client_key=options.client_key)
        aside = Inquiry(inquiry.monitor, inquiry.check, inquiry.deadline)
        other = await (again(aside) if again else _dial(stream.host, stream.port, stream.address))
        try:
            context = self._context(blind, offer)
            await other.writer.start_tls(context, server_hostname=_server_name(options, stream))
            return _handshake(other.writer)
        finally:
            other.close()

    async def _second_look(
        self, inquiry: Inquiry, stream: Stream, options: TlsOptions, again: Again | None
    ) -> Handshake | None:
        try:
            # The rest of the time is for telling what is known already.
            async with asyncio.timeout(min(inquiry.remaining() * 0.8, LOOK_SECONDS)):
                return await self.look(inquiry, stream, options, EVERYTHING, again)
        except (OSError, TimeoutError, Trouble):
            return None

    def _note(self, inquiry: Inquiry, handshake: Handshake) -> None:
        inquiry.observations |= {"tls_version": handshake.version, "tls_cipher": handshake.cipher}
        if handshake.chain:
            described = describe(handshake.chain, self._tools.clock.now())
            fingerprint = hashlib.sha256(handshake.der[0]).hexdigest()
            inquiry.observations["certificate"] = described | {"fingerprint_sha256": fingerprint}


_CONNECTING: Final = {errno.ECONNREFUSED: Reason.CONNECT_REFUSED, errno.ETIMEDOUT: Reason.CONNECT_TIMEOUT}
_NEGOTIATION: Final = frozenset({
    "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE", "DH_KEY_TOO_SMALL",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY", "WRONG_SIGNATURE_TYPE", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "WRONG_CIPHER_RETURNED", "NO_SUITABLE_SIGNATURE_ALGORITHM", "NO_CIPHERS_AVAILABLE", "NO_PROTOCOLS_AVAILABLE",
    "INTERNAL_ERROR", "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED", "EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "UNKNOWN_CIPHER_RETURNED",
})  # fmt: skip
"""OpenSSL's names for two sides that do not come together."""


async def resolve(host: str, nameservers: tuple[str, ...], version: IpVersion = "any") -> tuple[str, ...]:
    """The addresses of a host, itself when it is one. :raises Trouble:"""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    if known := known_addresses(host):
        return known
    try:
        return await lookup(host, nameservers, version)
    except LookupFailed as error:
        raise Trouble(error.reason, f"{host}: {error}") from error


def of_version(host: str, addresses: Sequence[str], version: str | int) -> tuple[str, ...]:
    """The addresses of one version of IP. :raises Trouble: there is none."""
    kept = tuple(one for one in addresses if version == "any" or (":" in one) == (version == 6))
    if not kept:
        raise Trouble(Reason.DNS_NOT_FOUND, f"{host} has no IPv{version} address")
    return kept


def admitted(monitor: Monitor, host: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """The SSRF guard: all addresses, or none when one of them is refused. :raises Trouble:"""
    if monitor.public_only:
        for address in addresses:
            if why := refusal(address):
                where = address if address == host else f"{host} is {address}"
                raise Trouble(Reason.ADDRESS_REFUSED, f"{where}, {why}")
    return tuple(addresses)


def in_turn(addresses: Sequence[str]) -> tuple[str, ...]:
    """The order to try: the versions of IP by turns, beginning with that of the first (RFC 8305, section 4)."""
    first = ":" in addresses[0] if addresses else False
    same = [one for one in addresses if (":" in one) == first]
    others = [one for one in addresses if (":" in one) != first]
    mixed = (one for one in chained.from_iterable(zip_longest(same, others)) if one is not None)
    return tuple(mixed)[:MOST_ADDRESSES]


async def _race(host: str, port: int, addresses: Sequence[str]) -> Stream:
    """The first address that answers; each gets a head start over the next. :raises OSError: none did."""
    waiting = list(in_turn(addresses))
    pending: set[asyncio.Task[Stream]] = set()
    failed: list[OSError] = []
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.create_task(_dial(host, port, waiting.pop(0))))
            head_start = STAGGER if waiting else None
            done, _ = await asyncio.wait(pending, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                try:
                    stream = attempt.result()
                except OSError as error:
                    pending.discard(attempt)
                    failed.append(error)
                else:
                    pending.discard(attempt)
                    return stream
    finally:
        await _abandon(pending)
    raise _worth_telling(failed)


def _worth_telling(failed: Sequence[OSError]) -> OSError:
    """A refusal came from the host itself; "no route" may mean that we have no IPv6."""
    refused = (error for error in failed if error.errno == errno.ECONNREFUSED)
    return next(refused, failed[0] if failed else OSError(errno.EADDRNOTAVAIL, "no address"))


async def _abandon(attempts: set[asyncio.Task[Stream]]) -> None:
    """End the attempts that lost; one that connected all the same is closed."""
    for attempt in attempts:
        attempt.cancel()
    for late in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(late, Stream):
            late.close()


async def _dial(host: str, port: int, address: str) -> Stream:
    """One connection to one literal address. :raises OSError:"""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bare, _, zone = address.partition("%")
    place: tuple[Any, ...] = (bare, port)
    if family == socket.AF_INET6:
        place = (bare, port, 0, socket.if_nametoindex(zone) if zone else 0)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - its only way
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, place)
        reader, writer = await asyncio.open_connection(sock=sock, limit=READ_LIMIT)
    except BaseException:
        sock.close()
        raise
    return Stream(reader, writer, host, port, address)


def _nothing_yet(stream: Stream) -> None:
    """:raises Trouble: something came before TLS, which must not be taken for said under its protection."""
    if stream.unread and not stream.heard:
        raise HandshakeFailed(Reason.TLS_FAILED, "what answered is not TLS: it speaks first", None)
    if stream.unread:
        raise Trouble(Reason.PROTOCOL_ERROR, "it sent something before the TLS handshake")


def _server_name(options: TlsOptions, stream: Stream) -> str:
    return options.server_name or stream.host.partition("%")[0]


def _handshake(writer: asyncio.StreamWriter) -> Handshake:
    found = writer.get_extra_info("ssl_object")
    der = _presented(found)
    cipher = found.cipher()
    return Handshake(found.version() or "", cipher[0] if cipher else "", found.selected_alpn_protocol() or "",
                     read_der(der), der)  # fmt: skip


def _presented(found: Any) -> tuple[bytes, ...]:
    """Every certificate that the server sent, DER, leaf first; only the leaf where this Python cannot say more."""
    public = getattr(found, "get_unverified_chain", None)  # Python 3.13 and later
    if public is not None:
        return tuple(public())
    private = getattr(getattr(found, "_sslobj", None), "get_unverified_chain", None)
    if private is not None:
        return tuple(one.public_bytes(_DER) for one in private() or ())
    leaf = found.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()


_DER: Final = 2
"""_ssl.ENCODING_DER"""


def _file_fault(error: OSError) -> str:
    """Without the path's contents: what OpenSSL or the file system says."""
    if isinstance(error, ssl.SSLError):
        return openssl_words(error)
    return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror or error)
