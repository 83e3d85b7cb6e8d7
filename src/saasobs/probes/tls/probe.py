"""The tls kind: the handshake itself, a second look where it failed, and the connections that must be refused."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any, Final

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Reason, Result
from saasobs.core.values import SECOND, isoformat
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.certificate import Certificate
from saasobs.probes.net.contact import Contact, Handshake, HandshakeFailed
from saasobs.probes.net.matching import bounded
from saasobs.probes.net.options import TLS_VERSIONS, TlsVersion
from saasobs.probes.net.starttls import negotiate
from saasobs.probes.net.stream import Stream, openssl_code
from saasobs.probes.net.tls import Offer
from saasobs.probes.tls.judge import disagreement, judge, mismatch, not_offered, read_leaf
from saasobs.probes.tls.options import TlsKindOptions
from saasobs.probes.verdict import Unmet, judge_certificate, judge_time, short

_SHOWN_CERTIFICATES: Final = 10
_SETTLING: Final = 0.1
"""Seconds, at least, in which a server may still refuse our certificate after a TLS 1.3 handshake."""


class TlsProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: TlsKindOptions = inquiry.monitor.options
        stream = await self._reach(inquiry)
        try:
            handshake = await self._shake(inquiry, stream)
            _observe(inquiry, handshake)
            if options.client_certificate is not None:
                await _hear_refusal(inquiry, stream)
        finally:
            stream.close()
        for version in options.expect.refused_versions:
            await self._must_refuse(inquiry, stream, version)
        inquiry.unmet += self._judge(options, handshake, inquiry.duration())

    def _judge(self, options: TlsKindOptions, handshake: Handshake, duration: int) -> Iterator[Unmet]:
        yield from bounded(judge, options.expect, handshake)
        yield from judge_time(options.expect, duration)
        yield from judge_certificate(options.expect, handshake.chain, self._tools.clock.now())

    async def _reach(self, inquiry: Inquiry) -> Stream:
        options: TlsKindOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.host_, options.reached_at, options)
        if options.starttls is None:
            return stream
        try:
            with inquiry.phase("starttls"):
                await negotiate(options.starttls, stream)
        except BaseException:
            stream.close()
            raise
        return stream

    async def _shake(self, inquiry: Inquiry, stream: Stream) -> Handshake:
        options: TlsKindOptions = inquiry.monitor.options
        try:
            return await self._contact.secure(inquiry, stream, options, offer=options.offer, again=self._reach)
        except HandshakeFailed as failed:
            if failed.seen is not None:
                _observe(inquiry, failed.seen)
                if failed.reason is Reason.TLS_FAILED and not_offered(options, failed.seen):
                    raise HandshakeFailed(Reason.TLS_MISMATCH, disagreement(options, failed.seen), None) from failed
            raise

    async def _must_refuse(self, inquiry: Inquiry, stream: Stream, version: TlsVersion) -> None:
        """:raises Trouble: it could not be asked."""
        only = Offer(versions=(TLS_VERSIONS[version], TLS_VERSIONS[version]))
        with inquiry.phase("refusals"):
            try:
                seen = await self._contact.look(inquiry, stream, inquiry.monitor.options, only, self._reach)
            except ssl.SSLError as error:
                if openssl_code(error) in ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"):
                    raise Trouble(Reason.UNSUPPORTED, f"OpenSSL here cannot offer TLS {version}") from error
                return
            except ConnectionError:
                return  # in the middle of the handshake: a refusal without words; `again` raises Trouble before it
        sentence = f"the server still speaks TLS {version} (with {seen.cipher}), which it must refuse"
        inquiry.unmet.append(mismatch("refused_versions", f"TLS {version} refused", f"TLS {version}", sentence))


async def _hear_refusal(inquiry: Inquiry, stream: Stream) -> None:
    """With TLS 1.3 the handshake is over for us before the server has judged our certificate (RFC 8446, 4.4.2.4).

    :raises Trouble: it was refused.
    """
    patience = max(_SETTLING, 2 * inquiry.phases.get("tls", 0) / SECOND)
    with inquiry.phase("tls"):
        try:
            async with asyncio.timeout(min(patience, inquiry.remaining() * 0.5)):
                said = await stream.some(1)
        except TimeoutError:
            return  # it waits for us to speak: we were let in
    if not said:
        raise Trouble(Reason.TLS_FAILED, "the server closed the connection when it had seen our certificate")


def _observe(inquiry: Inquiry, handshake: Handshake) -> None:
    observed = inquiry.observations
    if handshake.alpn:
        observed["alpn"] = short(handshake.alpn)
    leaf = read_leaf(handshake)
    if leaf is not None and leaf.pin:
        observed["public_key_sha256"] = leaf.pin
    if len(handshake.chain) > 1:
        observed["certificates"] = [_certificate(one) for one in handshake.chain[:_SHOWN_CERTIFICATES]]


def _certificate(one: Certificate) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "not_before": isoformat(one.not_before),
        "not_after": isoformat(one.not_after),
        "key": one.key,
        "signature": one.signature,
    }
