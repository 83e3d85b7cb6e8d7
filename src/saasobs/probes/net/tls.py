"""TLS contexts, made once and shared: parsing a CA store costs 16 to 29 ms, more than any check."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from saasobs.probes.net.options import TlsOptions

_LEGACY: Final = "DEFAULT:@SECLEVEL=0"
"""What OpenSSL must be told before it speaks with the servers that one looks at without trusting them."""


class Contexts:
    """One context for each way to trust; made anew when one of its files has changed."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], ssl.SSLContext] = {}

    def of(
        self,
        options: TlsOptions,
        alpn: tuple[str, ...] = (),
        versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
        ciphers: str = "",
    ) -> ssl.SSLContext:
        """:raises OSError, ssl.SSLError: a file cannot be read."""
        files = (options.ca_file, options.client_certificate, options.client_key)
        key = (options.verify, *(_stamp(file) for file in files), alpn, versions, ciphers)
        if key not in self._made:
            self._made[key] = _make(options, alpn, versions, ciphers)
        return self._made[key]


def _stamp(file: Path | None) -> tuple[str, int, int] | None:
    if file is None:
        return None
    status = os.stat(file)  # noqa: PTH116 - once a check
    return str(file), status.st_mtime_ns, status.st_size


def _make(
    options: TlsOptions,
    alpn: tuple[str, ...],
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None,
    ciphers: str,
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(_LEGACY)
    if options.client_certificate is not None:
        context.load_cert_chain(options.client_certificate, options.client_key)
    if versions is not None:
        context.minimum_version, context.maximum_version = versions
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context
