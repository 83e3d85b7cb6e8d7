"""Whom a connection trusts unless its monitor says otherwise."""

from __future__ import annotations

import ssl


def system_ca_file() -> str:
    """The system's CA certificates, or those that certifi carries; empty: libcurl's own place."""
    if found := ssl.get_default_verify_paths().cafile:
        return found
    try:
        import certifi  # noqa: PLC0415 - only machines without a CA store need it
    except ImportError:
        return ""
    return certifi.where()
