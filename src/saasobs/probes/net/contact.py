"""Reaching a host: its addresses, the guard over them, a connection by TCP, and TLS over it; each a phase of the check.

For the kinds that speak on streams of their own. Whatever goes wrong is a `Trouble` with its reason; what was seen on
the way (the address, the certificate) is noted in the inquiry's observations, also when the check fails later.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from saasobs.core.addresses import refusal
from saasobs.core.monitor import Monitor
from saasobs.core.result import Reason
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.kind import Tools
from saasobs.probes.net.certificate import Certificate, describe, explain, read_der, what_is_wrong
from saasobs.probes.net.options import NetworkOptions, TlsOptions, show_place
from saasobs.probes.net.resolve import LookupFailed, known_addresses, lookup
from saasobs.probes.net.tls import Contexts
from saasobs.probes.verdict import short

STAGGER: Final = 0.25
"""Seconds after which the next address is tried beside the one that has not answered (RFC 8305, section 8)."""
LOOK_SECONDS: Final = 2.0
"""At most so long for a second look at a certificate that was refused."""
READ_LIMIT: Final = 256 * 1024
"""Bytes that a reader holds."""


@dataclass(slots=True)
class Stream:
    """One connection. Close it with `close` in a ``finally``."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    port: int
    address: str

    def close(self) -> None:
        """At once: nothing of a check outlives it, whatever the other side does."""
        self.writer.transport.abort()


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
        found = (options.address,) if options.address else await resolve(host, servers)
        return admitted(monitor, host, of_version(host, found, options.ip_version))

    async def secure(
        self,
        inquiry: Inquiry,
        stream: Stream,
        options: TlsOptions,
        *,
        alpn: tuple[str, ...] = (),
        again: Again | None = None,
    ) -> Handshake:
        """Phase tls: a handshake over the stream, which is encrypted from then on.

        :param again: makes another stream that has got as far as this one (after its STARTTLS), for a second look at
            a certificate that was refused; by default a new connection to the same address.
        :raises Trouble: with the certificate described in the observations, where there is one.
        """
        context = self._contexts.of(options, alpn)
        name = options.server_name or stream.host
        try:
            with inquiry.phase("tls"):
                await stream.writer.start_tls(context, server_hostname=name)
        except ssl.SSLCertVerificationError as error:
            chain = read_der(await self._second_look(inquiry, stream, options, again))
            self._note(inquiry, chain)
            reason = what_is_wrong(chain, name, error.verify_code, self._tools.clock.now())
            raise Trouble(reason, explain(reason, name, chain)) from error
        except ssl.SSLError as error:
            raise Trouble(Reason.TLS_FAILED, short(_openssl(error))) from error
        except OSError as error:
            raise Trouble(Reason.TLS_FAILED, "the connection was broken off") from error
        handshake = _handshake(stream.writer)
        self._note(inquiry, handshake.chain)
        inquiry.observations |= {"tls_version": handshake.version, "tls_cipher": handshake.cipher}
        return handshake

    async def _connect(self, inquiry: Inquiry, host: str, port: int, addresses: Sequence[str]) -> Stream:
        with inquiry.phase("connect"):
            try:
                stream = await _race(host, port, addresses)
            except OSError as error:
                refused = error.errno == errno.ECONNREFUSED
                reason = Reason.CONNECT_REFUSED if refused else Reason.CONNECT_FAILED
                tried = ", ".join(addresses)
                where = inquiry.place if tried == host else f"{inquiry.place} at {tried}"
                detail = "" if refused or not error.strerror else f": {error.strerror}"
                raise Trouble(reason, where + detail) from error
        inquiry.observations["address"] = stream.address
        if stream.address != host:
            inquiry.place = f"{inquiry.place} at {stream.address}"
        return stream

    async def _second_look(
        self, inquiry: Inquiry, stream: Stream, options: TlsOptions, again: Again | None
    ) -> tuple[bytes, ...]:
        """The certificates that were refused: shake hands once more without verifying, and send nothing."""
        blind = self._contexts.of(options.model_copy(update={"verify": False}))
        aside = Inquiry(inquiry.monitor, inquiry.check, inquiry.deadline)
        try:
            async with asyncio.timeout(min(inquiry.remaining(), LOOK_SECONDS)):
                look = await (again(aside) if again else _dial(stream.host, stream.port, stream.address))
                try:
                    await look.writer.start_tls(blind, server_hostname=options.server_name or stream.host)
                    return _presented(look.writer)
                finally:
                    look.close()
        except (OSError, TimeoutError, Trouble, asyncio.IncompleteReadError):
            return ()

    def _note(self, inquiry: Inquiry, chain: Sequence[Certificate]) -> None:
        if chain:
            inquiry.observations["certificate"] = describe(chain, self._tools.clock.now())


async def resolve(host: str, nameservers: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of a host, itself when it is one. :raises Trouble:"""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    if known := known_addresses(host):
        return known
    try:
        return await lookup(host, nameservers)
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


async def _race(host: str, port: int, addresses: Sequence[str]) -> Stream:
    """The first address that answers; each gets a head start over the next. :raises OSError: none did."""
    waiting = list(addresses)
    pending: set[asyncio.Task[Stream]] = set()
    failed: OSError | None = None
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.create_task(_dial(host, port, waiting.pop(0))))
            head_start = STAGGER if waiting else None
            done, _ = await asyncio.wait(pending, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                pending.discard(attempt)
                try:
                    return attempt.result()
                except OSError as error:
                    failed = failed or error
    finally:
        await _abandon(pending)
    raise failed or OSError(errno.EADDRNOTAVAIL, "no address")


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


def _handshake(writer: asyncio.StreamWriter) -> Handshake:
    found = writer.get_extra_info("ssl_object")
    der = _presented(writer)
    cipher = found.cipher()
    return Handshake(found.version() or "", cipher[0] if cipher else "", found.selected_alpn_protocol() or "",
                     read_der(der), der)  # fmt: skip


def _presented(writer: asyncio.StreamWriter) -> tuple[bytes, ...]:
    """Every certificate that the server sent, DER, leaf first; only the leaf where this Python cannot say more."""
    found = writer.get_extra_info("ssl_object")
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


def _openssl(error: ssl.SSLError) -> str:
    """OpenSSL's own words: ``tlsv1 alert protocol version``."""
    return (error.reason or str(error)).lower().replace("_", " ")
