"""The one door for libcurl's errors: (error number, phase) -> Reason, from a table that is complete by test. Pure.

What can only be our own misuse (bad option, out of memory, another protocol's error) is INTERNAL: it says nothing
about the target. A number that no table knows is still the target's failure, named by its phase: an outage must not
hide behind a new version of libcurl.
"""

from __future__ import annotations

import errno as os_errors
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pycurl

from saasobs.core.result import Reason
from saasobs.probes.http.handle import Order, Transfer
from saasobs.probes.http.phases import Phase, phase_of

TIMEOUTS: Final[Mapping[Phase, Reason]] = MappingProxyType({
    Phase.DNS: Reason.DNS_TIMEOUT,
    Phase.CONNECT: Reason.CONNECT_TIMEOUT,
    Phase.TLS: Reason.TLS_TIMEOUT,
    Phase.FIRST_BYTE: Reason.RESPONSE_TIMEOUT,
    Phase.TRANSFER: Reason.TRANSFER_TIMEOUT,
})  # fmt: skip

_BROKEN: Final[Mapping[Phase, Reason]] = MappingProxyType({
    Phase.DNS: Reason.DNS_FAILED,
    Phase.CONNECT: Reason.CONNECT_FAILED,
    Phase.TLS: Reason.TLS_FAILED,
    Phase.FIRST_BYTE: Reason.CONNECTION_RESET,
    Phase.TRANSFER: Reason.CONNECTION_RESET,
})  # fmt: skip
"""A connection that ended in the middle of a phase."""

_UNKNOWN: Final[Mapping[Phase, Reason]] = MappingProxyType(
    {**_BROKEN, Phase.FIRST_BYTE: Reason.PROTOCOL_ERROR, Phase.TRANSFER: Reason.PROTOCOL_ERROR}
)

CURL_REASONS: Final[Mapping[int, Reason | Mapping[Phase, Reason]]] = MappingProxyType({
    pycurl.E_UNSUPPORTED_PROTOCOL: Reason.PROTOCOL_ERROR,  # an answer that does not begin like HTTP, too
    pycurl.E_URL_MALFORMAT: Reason.INTERNAL,  # we have parsed it before
    pycurl.E_COULDNT_RESOLVE_PROXY: Reason.DNS_FAILED,
    pycurl.E_COULDNT_RESOLVE_HOST: Reason.DNS_FAILED,
    pycurl.E_COULDNT_CONNECT: Reason.CONNECT_FAILED,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: Reason.PROTOCOL_ERROR,  # CURLE_WEIRD_SERVER_REPLY, for HTTP as well
    pycurl.E_REMOTE_ACCESS_DENIED: Reason.PROTOCOL_ERROR,
    pycurl.E_HTTP2: Reason.PROTOCOL_ERROR,
    pycurl.E_PARTIAL_FILE: Reason.BODY_TRUNCATED,
    pycurl.E_WRITE_ERROR: Reason.BODY_TOO_LARGE,  # our own cap refused a piece; a bad encoding is told by 61
    pycurl.E_OPERATION_TIMEDOUT: TIMEOUTS,
    pycurl.E_RANGE_ERROR: Reason.PROTOCOL_ERROR,
    pycurl.E_HTTP_POST_ERROR: Reason.PROTOCOL_ERROR,
    pycurl.E_HTTP_RETURNED_ERROR: Reason.STATUS_MISMATCH,
    pycurl.E_SSL_CONNECT_ERROR: Reason.TLS_FAILED,
    pycurl.E_TOO_MANY_REDIRECTS: Reason.TOO_MANY_REDIRECTS,
    pycurl.E_GOT_NOTHING: Reason.EMPTY_RESPONSE,
    pycurl.E_SEND_ERROR: _BROKEN,
    pycurl.E_RECV_ERROR: _BROKEN,
    pycurl.E_SSL_CIPHER: Reason.TLS_FAILED,
    pycurl.E_PEER_FAILED_VERIFICATION: Reason.CERTIFICATE_INVALID,  # certificate.py looks closer
    pycurl.E_BAD_CONTENT_ENCODING: Reason.BODY_ENCODING,
    pycurl.E_FILESIZE_EXCEEDED: Reason.BODY_TOO_LARGE,
    pycurl.E_USE_SSL_FAILED: Reason.TLS_FAILED,
    pycurl.E_SSL_SHUTDOWN_FAILED: Reason.TLS_FAILED,
    pycurl.E_SSL_ISSUER_ERROR: Reason.CERTIFICATE_UNTRUSTED,
    pycurl.E_CHUNK_FAILED: Reason.PROTOCOL_ERROR,
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH: Reason.CERTIFICATE_INVALID,
    pycurl.E_SSL_INVALIDCERTSTATUS: Reason.CERTIFICATE_INVALID,
    92: Reason.PROTOCOL_ERROR,  # CURLE_HTTP2_STREAM: pycurl has no names for what came after 91
    94: Reason.PROTOCOL_ERROR,  # CURLE_AUTH_ERROR
    95: Reason.PROTOCOL_ERROR,  # CURLE_HTTP3
    96: Reason.CONNECT_FAILED,  # CURLE_QUIC_CONNECT_ERROR
    97: Reason.CONNECT_FAILED,  # CURLE_PROXY
    98: Reason.TLS_FAILED,  # CURLE_SSL_CLIENTCERT: the server wants a certificate of ours
    100: Reason.PROTOCOL_ERROR,  # CURLE_TOO_LARGE: header lines past libcurl's own limits
    101: Reason.TLS_FAILED,  # CURLE_ECH_REQUIRED
})  # fmt: skip
"""libcurl-errors(3): what the target may cause."""

OURS: Final = frozenset({
    pycurl.E_FAILED_INIT, pycurl.E_NOT_BUILT_IN, pycurl.E_FTP_ACCEPT_FAILED, pycurl.E_FTP_WEIRD_PASS_REPLY,
    pycurl.E_FTP_ACCEPT_TIMEOUT, pycurl.E_FTP_WEIRD_PASV_REPLY, pycurl.E_FTP_WEIRD_227_FORMAT,
    pycurl.E_FTP_CANT_GET_HOST, pycurl.E_FTP_COULDNT_SET_TYPE, pycurl.E_FTP_COULDNT_RETR_FILE,
    pycurl.E_FTP_WRITE_ERROR, pycurl.E_QUOTE_ERROR, pycurl.E_MALFORMAT_USER, pycurl.E_UPLOAD_FAILED,
    pycurl.E_READ_ERROR, pycurl.E_OUT_OF_MEMORY, pycurl.E_FTP_COULDNT_SET_ASCII, pycurl.E_FTP_PORT_FAILED,
    pycurl.E_FTP_COULDNT_USE_REST, pycurl.E_FTP_COULDNT_GET_SIZE, pycurl.E_BAD_DOWNLOAD_RESUME,
    pycurl.E_FILE_COULDNT_READ_FILE, pycurl.E_LDAP_CANNOT_BIND, pycurl.E_LDAP_SEARCH_FAILED,
    pycurl.E_LIBRARY_NOT_FOUND, pycurl.E_FUNCTION_NOT_FOUND, pycurl.E_ABORTED_BY_CALLBACK,
    pycurl.E_BAD_FUNCTION_ARGUMENT, pycurl.E_BAD_CALLING_ORDER, pycurl.E_INTERFACE_FAILED,
    pycurl.E_BAD_PASSWORD_ENTERED, pycurl.E_UNKNOWN_OPTION, pycurl.E_TELNET_OPTION_SYNTAX,
    pycurl.E_SSL_ENGINE_NOTFOUND, pycurl.E_SSL_ENGINE_SETFAILED, pycurl.E_SHARE_IN_USE, pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_LDAP_INVALID_URL, pycurl.E_SEND_FAIL_REWIND, pycurl.E_SSL_ENGINE_INITFAILED, pycurl.E_LOGIN_DENIED,
    pycurl.E_TFTP_NOTFOUND, pycurl.E_TFTP_PERM, pycurl.E_REMOTE_DISK_FULL, pycurl.E_TFTP_ILLEGAL,
    pycurl.E_TFTP_UNKNOWNID, pycurl.E_REMOTE_FILE_EXISTS, pycurl.E_TFTP_NOSUCHUSER, pycurl.E_CONV_FAILED,
    pycurl.E_CONV_REQD, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_REMOTE_FILE_NOT_FOUND, pycurl.E_SSH, pycurl.E_AGAIN,
    pycurl.E_SSL_CRL_BADFILE, pycurl.E_FTP_PRET_FAILED, pycurl.E_RTSP_CSEQ_ERROR, pycurl.E_RTSP_SESSION_ERROR,
    pycurl.E_FTP_BAD_FILE_LIST, pycurl.E_NO_CONNECTION_AVAILABLE, pycurl.E_CALL_MULTI_PERFORM,
    pycurl.E_ALREADY_COMPLETE, 93, 99,
})  # fmt: skip
"""Misuse, lack of memory, other protocols: 93 is CURLE_RECURSIVE_API_CALL, 99 CURLE_UNRECOVERABLE_POLL."""


def reason_of(order: Order, transfer: Transfer) -> Reason:
    """Why an order brought no answer to judge: as the transfer says, or the proxy's refusal that stands in for one."""
    if not transfer.errno or (transfer.errno not in OURS and at_proxy(order, transfer)):
        return Reason.PROXY_FAILED
    return reason_for(transfer, phase_of(transfer.moments, secure=order.target.scheme == "https"))


_CURLE_PROXY: Final = 97


def at_proxy(order: Order, transfer: Transfer) -> bool:
    """Whether a transfer failed before the proxy let it through.

    A plain request over an HTTP proxy is the proxy's to answer, so that nobody can tell its failures from the
    target's: only that the proxy itself was not reached.
    """
    seen = transfer.proxy
    if seen is None:
        return False
    if seen.certificate or transfer.errno in (pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_COULDNT_CONNECT, _CURLE_PROXY):
        return True
    secure = order.target.scheme == "https"
    if not transfer.moments.connected or transfer.moments.secured:
        return not transfer.moments.connected
    if order.proxy.startswith("socks"):
        # libcurl calls it a connection until the proxy has opened the way; OpenSSL's number is set once TLS begins.
        return transfer.error.startswith("Connection ") and not transfer.verify_result
    return (secure or bool(order.way.detour)) and seen.code // 100 != 2


def reason_for(transfer: Transfer, phase: Phase) -> Reason:
    """Why a transfer whose errno is not 0 failed."""
    if transfer.overflow == "headers":
        return Reason.PROTOCOL_ERROR
    if transfer.errno == pycurl.E_COULDNT_CONNECT and transfer.os_errno == os_errors.ECONNREFUSED:
        return Reason.CONNECT_REFUSED
    if transfer.errno in _BREAKS and transfer.moments.secured and "alert" in transfer.error.lower():
        # By TLS 1.3 a server refuses our certificate, or that there is none, when the handshake is over for us.
        return Reason.TLS_FAILED
    if transfer.errno == pycurl.E_RECV_ERROR and _malformed(transfer):
        return Reason.PROTOCOL_ERROR
    if transfer.errno in OURS:
        return Reason.INTERNAL
    found = CURL_REASONS.get(transfer.errno, _UNKNOWN)
    return found if isinstance(found, Reason) else found[phase]


_BREAKS: Final = (pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR)
_ABOUT_BYTES: Final = ("chunk", "hexadecimal", "header", "status line", "invalid", "http/", "nul byte")


def _malformed(transfer: Transfer) -> bool:
    """libcurl says 56 both for a broken connection and for bytes that are no HTTP; only the sentence tells."""
    text = transfer.error.lower()
    return any(word in text for word in _ABOUT_BYTES)
