"""What one check saw. The reason is from a closed set: metrics label it, people read the sentence beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The verdict of one check. `missed` and `unknown` say nothing about the target, only about us."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MISSED = "missed"
    """We were late by more than an interval: the check did not run."""
    UNKNOWN = "unknown"
    """The check could not be made or not be judged: our own fault, our own network."""


class Reason(StrEnum):
    """Why a result is not `up`. Closed: a new one is added here, with its sentence in REASONS."""

    DNS_NOT_FOUND = "dns_not_found"
    DNS_FAILED = "dns_failed"
    DNS_TIMEOUT = "dns_timeout"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    TLS_TIMEOUT = "tls_timeout"
    CERTIFICATE_INVALID = "certificate_invalid"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_WRONG_HOST = "certificate_wrong_host"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    RESPONSE_TIMEOUT = "response_timeout"
    TRANSFER_TIMEOUT = "transfer_timeout"
    CONNECTION_RESET = "connection_reset"
    EMPTY_RESPONSE = "empty_response"
    PROTOCOL_ERROR = "protocol_error"
    BODY_TRUNCATED = "body_truncated"
    BODY_TOO_LARGE = "body_too_large"
    BODY_ENCODING = "body_encoding"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    REDIRECT_REFUSED = "redirect_refused"
    STATUS_MISMATCH = "status_mismatch"
    HEADER_MISMATCH = "header_mismatch"
    BODY_MISMATCH = "body_mismatch"
    JSON_MISMATCH = "json_mismatch"
    TOO_SLOW = "too_slow"
    ADDRESS_REFUSED = "address_refused"
    PROXY_FAILED = "proxy_failed"
    AUTHENTICATION_FAILED = "authentication_failed"
    VERSION_MISMATCH = "version_mismatch"
    COMPRESSION_MISMATCH = "compression_mismatch"
    TLS_MISMATCH = "tls_mismatch"
    CERTIFICATE_MISMATCH = "certificate_mismatch"
    HOST_KEY_MISMATCH = "host_key_mismatch"
    RESPONSE_MISMATCH = "response_mismatch"
    DNS_MISMATCH = "dns_mismatch"
    PACKET_LOSS = "packet_loss"
    NOT_SERVING = "not_serving"
    QUERY_FAILED = "query_failed"
    VALUE_MISMATCH = "value_mismatch"
    METRIC_MISSING = "metric_missing"
    OUT_OF_BOUNDS = "out_of_bounds"
    INSUFFICIENT_DATA = "insufficient_data"
    DOMAIN_EXPIRING = "domain_expiring"
    DOMAIN_EXPIRED = "domain_expired"
    DOMAIN_HELD = "domain_held"
    DOMAIN_NOT_FOUND = "domain_not_found"
    MEMBERS_DOWN = "members_down"
    OWN_NETWORK = "own_network"
    CHANNEL_FAILING = "channel_failing"
    ERROR_BUDGET = "error_budget"
    FLAPPING = "flapping"
    UNSUPPORTED = "unsupported"
    HEARTBEAT_MISSING = "heartbeat_missing"
    HEARTBEAT_FAILED = "heartbeat_failed"
    HEARTBEAT_OVERRAN = "heartbeat_overran"
    REPORTED = "reported"
    SOURCE_SILENT = "source_silent"
    LATE = "late"
    INTERNAL = "internal"


REASONS: Mapping[Reason, str] = {
    Reason.DNS_NOT_FOUND: "the name does not exist",
    Reason.DNS_FAILED: "the name could not be resolved",
    Reason.DNS_TIMEOUT: "no answer from the name server in time",
    Reason.CONNECT_REFUSED: "the connection was refused: nothing listens there",
    Reason.CONNECT_FAILED: "the host could not be reached",
    Reason.CONNECT_TIMEOUT: "the host did not accept the connection in time",
    Reason.TLS_FAILED: "the TLS handshake failed",
    Reason.TLS_TIMEOUT: "the TLS handshake did not finish in time",
    Reason.CERTIFICATE_INVALID: "the certificate is not valid",
    Reason.CERTIFICATE_EXPIRED: "the certificate has expired",
    Reason.CERTIFICATE_NOT_YET_VALID: "the certificate is not valid yet",
    Reason.CERTIFICATE_WRONG_HOST: "the certificate is for another host",
    Reason.CERTIFICATE_UNTRUSTED: "the certificate's issuer is not trusted",
    Reason.CERTIFICATE_EXPIRING: "the certificate expires soon",
    Reason.RESPONSE_TIMEOUT: "no answer in time",
    Reason.TRANSFER_TIMEOUT: "the answer did not finish in time",
    Reason.CONNECTION_RESET: "the connection was broken off",
    Reason.EMPTY_RESPONSE: "the server closed the connection without an answer",
    Reason.PROTOCOL_ERROR: "the answer breaks the rules of its protocol",
    Reason.BODY_TRUNCATED: "the answer ended too early",
    Reason.BODY_TOO_LARGE: "the answer is larger than allowed",
    Reason.BODY_ENCODING: "the answer could not be decoded",
    Reason.TOO_MANY_REDIRECTS: "too many redirects",
    Reason.REDIRECT_REFUSED: "redirected to an address that may not be followed",
    Reason.STATUS_MISMATCH: "unexpected status code",
    Reason.HEADER_MISMATCH: "unexpected header",
    Reason.BODY_MISMATCH: "unexpected content",
    Reason.JSON_MISMATCH: "unexpected JSON value",
    Reason.TOO_SLOW: "too slow",
    Reason.ADDRESS_REFUSED: "its address may not be checked",
    Reason.PROXY_FAILED: "the proxy did not let the request through",
    Reason.AUTHENTICATION_FAILED: "the login was refused",
    Reason.VERSION_MISMATCH: "unexpected version of the protocol",
    Reason.COMPRESSION_MISMATCH: "unexpected compression",
    Reason.TLS_MISMATCH: "unexpected TLS version or cipher",
    Reason.CERTIFICATE_MISMATCH: "another certificate than expected",
    Reason.HOST_KEY_MISMATCH: "another host key than expected",
    Reason.RESPONSE_MISMATCH: "unexpected answer",
    Reason.DNS_MISMATCH: "unexpected DNS answer",
    Reason.PACKET_LOSS: "packets were lost",
    Reason.NOT_SERVING: "the service says that it is not serving",
    Reason.QUERY_FAILED: "the query failed",
    Reason.VALUE_MISMATCH: "unexpected value",
    Reason.METRIC_MISSING: "the metric is not there",
    Reason.OUT_OF_BOUNDS: "a figure is out of bounds",
    Reason.INSUFFICIENT_DATA: "too few requests to judge by",
    Reason.DOMAIN_EXPIRING: "the domain's registration expires soon",
    Reason.DOMAIN_EXPIRED: "the domain's registration has expired",
    Reason.DOMAIN_HELD: "the domain was taken out of the DNS",
    Reason.DOMAIN_NOT_FOUND: "the domain is not registered",
    Reason.MEMBERS_DOWN: "too few of its members are up",
    Reason.OWN_NETWORK: "our own network is down",
    Reason.CHANNEL_FAILING: "nothing gets through over it",
    Reason.ERROR_BUDGET: "the error budget burns too fast",
    Reason.FLAPPING: "it goes up and down all the time",
    Reason.UNSUPPORTED: "this machine cannot make this check",
    Reason.HEARTBEAT_MISSING: "the expected ping did not come",
    Reason.HEARTBEAT_FAILED: "the job reported a failure",
    Reason.HEARTBEAT_OVERRAN: "the job started but did not finish in time",
    Reason.REPORTED: "another system reported it",
    Reason.SOURCE_SILENT: "the system that reports it has gone silent",
    Reason.LATE: "this daemon was too busy to check in time",
    Reason.INTERNAL: "the check failed inside this daemon",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One execution of a monitor at one location. `attempt` 0 is the slot's own; others came out of turn."""

    monitor: str
    scheduled_at: int
    started_at: int
    location: str = "local"
    attempt: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met, in words: ``Failure("status", "200-299", "500")``."""

    expectation: str
    expected: str
    seen: str
    reason: Reason
    degraded: bool = False
    """True when this alone makes the target degraded rather than down."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check saw. Its key is (monitor, started_at, location). Durations are microseconds."""

    check: Check
    outcome: Outcome
    duration: int = 0
    reason: Reason | None = None
    message: str = ""
    """One sentence for a person; empty when up."""
    phases: Mapping[str, int] = field(default_factory=dict)
    """Microseconds by phase, in order: dns, connect, tls, first_byte, transfer for http."""
    observations: Mapping[str, Any] = field(default_factory=dict)
    """Facts by name, JSON-ready: status, address, http_version, certificate, redirects, server_timing …"""
    failures: tuple[Failure, ...] = ()
    excerpt: str = ""
    """A bounded, redacted piece of the answer; kept for failures only."""

    @property
    def conclusive(self) -> bool:
        """Whether this result says anything about the target."""
        return self.outcome in (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN)
