"""TLS contexts, made once and shared: parsing a CA store costs 16 to 29 ms, more than any check."""

from __future__ import annotations

import os
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saasobs.probes.net.options import TrustOptions

_LEGACY: Final = "DEFAULT:@SECLEVEL=0"
"""What OpenSSL must be told before it speaks with the servers that one looks at without trusting them."""
_OLD: Final = frozenset({ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1})
"""They sign with SHA-1, which OpenSSL 3 does at security level 0 only."""

Versions = tuple[ssl.TLSVersion, ssl.TLSVersion]
"""The lowest and the highest."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client offers in its hello; by default what OpenSSL finds safe."""

    alpn: tuple[str, ...] = ()
    versions: Versions | None = None
    ciphers: str = ""
    """OpenSSL's list, for TLS 1.2 and before."""


EVERYTHING: Final = Offer(versions=(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3))
"""For a look at what a server would do, never for a verdict that all is well."""


class Contexts:
    """One context for each way to trust; made anew when one of its files has changed."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], tuple[tuple[object, ...], ssl.SSLContext]] = {}

    def of(self, options: TrustOptions, offer: Offer | None = None) -> ssl.SSLContext:
        """:raises OSError, ssl.SSLError: a file cannot be read."""
        offer = offer or Offer()
        files = (options.ca_file, options.client_certificate, options.client_key)
        key = (options.verify, files, offer)
        stamps = tuple(_stamp(file) for file in files)
        found = self._made.get(key)
        if found is None or found[0] != stamps:
            found = self._made[key] = (stamps, _make(options, offer))
        return found[1]


def _stamp(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    status = os.stat(file)  # noqa: PTH116 - once a check
    return status.st_mtime_ns, status.st_size


def _make(options: TrustOptions, offer: Offer) -> ssl.SSLContext:
    context = _trusting(options)
    old = offer.versions is not None and offer.versions[0] in _OLD
    if old or not options.verify:
        context.set_ciphers(_LEGACY)
        context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # named from Python 3.12 on
    if options.client_certificate is not None:
        # A key with a passphrase is an error; without a password given OpenSSL would ask for it at the terminal.
        context.load_cert_chain(options.client_certificate, options.client_key, password=lambda: b"")
    if offer.versions is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are, and are wanted here
            context.minimum_version, context.maximum_version = offer.versions
    if offer.ciphers:
        context.set_ciphers(f"{offer.ciphers}:@SECLEVEL=0" if old else offer.ciphers)
    if offer.alpn:
        context.set_alpn_protocols(list(offer.alpn))
    return context


def _trusting(options: TrustOptions) -> ssl.SSLContext:
    if options.verify:
        return ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the CA store, which is what costs
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
