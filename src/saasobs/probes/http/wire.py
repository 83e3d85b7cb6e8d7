"""What only unusual monitors tell libcurl: the version to speak, a client certificate, a login, a proxy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import pycurl

from saasobs.probes.http.authentication import DigestAuthentication
from saasobs.probes.http.authorities import system_ca_file
from saasobs.probes.http.target import Target

if TYPE_CHECKING:
    from saasobs.probes.http.options import HttpOptions

Spoken = Literal["any", "1.0", "1.1", "2", "2-prior-knowledge", "3"]
VERSIONS: Final[Mapping[str, int]] = MappingProxyType({
    "1.0": pycurl.CURL_HTTP_VERSION_1_0,
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2_0,
    "2-prior-knowledge": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
    "3": pycurl.CURL_HTTP_VERSION_3ONLY,
})  # fmt: skip


def unable(version: str) -> str:
    """Why this libcurl cannot speak a version of HTTP; empty when it can."""
    needed = {"2": pycurl.VERSION_HTTP2, "2-prior-knowledge": pycurl.VERSION_HTTP2, "3": pycurl.VERSION_HTTP3}
    if version not in needed or pycurl.version_info()[4] & needed[version]:
        return ""
    return f"the libcurl of this machine ({pycurl.version_info()[1]}) was built without HTTP/{version[0]}"


Told = tuple[tuple[int, Any], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Unusual:
    """What libcurl is told, by how far it may be carried."""

    always: Told
    secure: Told
    """By TLS only."""
    at_home: Told
    """To the URL's own host, whatever its port."""
    at_origin: Told
    """To the URL's own scheme, host and port."""

    def settings(self, where: Target, target: Target) -> Told:
        """Those of one hop. :param where: the URL as configured."""
        told = self.always
        if target.scheme == "https":
            told += self.secure
            if target.host == where.host:
                told += self.at_home
        return told + self.at_origin if target.origin == where.origin else told


def unusual(options: HttpOptions) -> Unusual | None:
    """None for the plain majority, which pays nothing for all this."""
    always: list[tuple[int, Any]] = []
    secure: list[tuple[int, Any]] = []
    if options.proxy is not None:
        ca_file = str(options.ca_file) if options.ca_file else system_ca_file()
        always += options.proxy.settings(verify=options.verify, ca_file=ca_file)
    if options.http_version != "any":
        (secure if options.http_version == "3" else always).append(
            (pycurl.HTTP_VERSION, VERSIONS[options.http_version])
        )
    at_origin = options.auth.settings if isinstance(options.auth, DigestAuthentication) else ()
    at_home = _identity(options)
    if not (always or secure or at_home or at_origin):
        return None
    return Unusual(tuple(always), tuple(secure), at_home, at_origin)


def _identity(options: HttpOptions) -> Told:
    """libcurl reads the files for every connection, so that new ones are used from the next check on."""
    if options.client_certificate is None:
        return ()
    key = options.client_key or options.client_certificate
    return (
        (pycurl.SSLCERT, str(options.client_certificate)),
        (pycurl.SSLKEY, str(key)),
        (pycurl.KEYPASSWD, ""),  # without one OpenSSL would ask for it at the terminal
    )
