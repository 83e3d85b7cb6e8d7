"""domain: when the registration of a domain ends, and whether its registry has taken it out of service, by RDAP.

Registries are asked politely: an answer serves for six hours whatever the interval, and is judged anew at every check.

1. A registry that does not answer says nothing about the domain: what is known goes on being judged, and the next
   question waits (ten minutes at first, twice as long after each failure, at most six hours; or as long as a 429 or
   503 says in Retry-After).
2. What is known is forgotten when it could not be confirmed for a week; then, and before the first answer, the result
   is `unknown`.
3. A registry's "no such domain" (404) is an answer. For a domain that was known it must say so twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, ClassVar, Final, Self

import orjson
import structlog
from pydantic import AfterValidator, Field, model_validator

from saasobs.core.monitor import Monitor
from saasobs.core.redact import redact_url
from saasobs.core.result import REASONS, Check, Failure, Outcome, Reason, Result
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND, format_duration, isoformat
from saasobs.options import Options
from saasobs.probes.http.exchange import Seen
from saasobs.probes.http.fetcher import Fetcher
from saasobs.probes.http.options import HttpOptions, Url
from saasobs.probes.kind import Tools, broken
from saasobs.probes.net.options import NetworkOptions, ascii_host
from saasobs.probes.rdap import Registration, read, server_for
from saasobs.probes.verdict import Unmet, short, verdict

BOOTSTRAP: Final = "https://data.iana.org/rdap/dns.json"
"""IANA's list of registries (RFC 9224)."""
FRESH: Final = 6 * HOUR
"""How long an answer serves."""
KEPT: Final = 7 * DAY
"""How long it goes on serving while the registry cannot be asked."""
FIRST_PAUSE: Final = 10 * MINUTE
LIST_FRESH: Final = DAY
"""How long IANA's list serves."""
_LONGEST_PAUSE: Final = DAY
_MAX_BODY: Final = 2 * 1024**2

log = structlog.get_logger("saasobs.probes.domain")


def _domain(value: str) -> str:
    name = ascii_host(value.rstrip(".") if value.isascii() else _idna(value))
    if "." not in name or ":" in name or name.replace(".", "").isdigit():
        raise ValueError(f"{value!r} is not a domain that is registered, as in acme.example")
    return name


def _idna(value: str) -> str:
    """By IDNA 2008, as domains are registered: ``straße.example`` is no other spelling of ``strasse.example``."""
    import idna  # noqa: PLC0415 - tables that hardly any domain needs

    try:
        return idna.encode(value, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{value!r} is not a domain: {error}") from error


DomainName = Annotated[str, AfterValidator(_domain)]


class DomainExpect(Options, defer_build=True):
    """What the registration must be."""

    expires_days: Annotated[float, Field(ge=0)] = 30
    """Degraded when the registration ends within so many days; 0 switches it off."""
    expires_days_down: Annotated[float, Field(ge=0)] = 7
    """Down when the registration ends within so many days; 0 switches it off."""
    registrar: Annotated[str, Field(min_length=1)] | None = None
    """A text that must occur in the registrar's name, in any case."""
    name_servers: tuple[Annotated[str, AfterValidator(ascii_host)], ...] = ()
    """The name servers that it must be delegated to, all of them and no others, in any order."""
    transfer_lock: bool = False
    """Degraded unless a transfer to another registrar is prohibited."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expires_days and self.expires_days_down >= self.expires_days:
            raise ValueError("expires_days_down must be less than expires_days")
        return self


class DomainOptions(NetworkOptions, defer_build=True):
    """Asks the registry of a domain, by RDAP, when the registration ends and whether it is in force. At most one
    question in six hours; each check judges the last answer."""

    asks: ClassVar[bool] = False
    thresholds: ClassVar[dict[str, Any]] = {"fail_after": 1, "recover_after": 1}
    example: ClassVar[str] = """\
name: acme-domain
kind: domain
domain: acme.example
interval: 1h
expect: {expires_days: 45, registrar: Example Registrar, transfer_lock: true}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "Finding the registry's server; none when the last answer is judged.",
        "connect": "Connecting to it.",
        "tls": "The TLS handshake.",
        "first_byte": "Until its answer begins.",
        "transfer": "Until its answer is complete.",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "domain": "The domain, as it is asked for.",
        "expires_at": "When the registration ends.",
        "days_left": "Until then.",
        "registered_at": "When it began.",
        "registrar": "With whom.",
        "statuses": "The status codes, in RDAP's words.",
        "name_servers": "The name servers that it is delegated to.",
        "asked_at": "When the registry gave this answer.",
        "registry": "The registry's server.",
        "trouble": "Why the registry could not be asked since.",
    }

    domain: DomainName
    """The domain as it was registered, in any alphabet: acme.example, not www.acme.example."""
    rdap_url: Annotated[Url | None, Field(repr=False)] = None
    """The registry's RDAP server, as in https://rdap.example.net/v1. Default: the one that IANA lists."""
    expect: DomainExpect = DomainExpect()
    """What the registration must be."""

    @model_validator(mode="after")
    def _whose_address(self) -> Self:
        if self.address is not None and self.rdap_url is None:
            raise ValueError("address stands for the host of rdap_url: set that too")
        return self

    def target(self) -> str:
        return self.domain


HELD: Final[Mapping[str, tuple[Reason, str]]] = {
    "client hold": (Reason.DOMAIN_HELD, "the registrar has taken it out of the DNS"),
    "server hold": (Reason.DOMAIN_HELD, "the registry has taken it out of the DNS"),
    "redemption period": (Reason.DOMAIN_EXPIRED, "it was deleted and can only be restored, for a few weeks"),
    "pending delete": (Reason.DOMAIN_EXPIRED, "it is about to be free for anyone"),
}
"""Status codes (RFC 8056) of a domain that does not work, or soon will not."""


def judge(options: DomainOptions, seen: Registration, now: int) -> Iterator[Unmet]:
    """What of a registration is not as expected. Pure."""
    expect = options.expect
    for status in seen.statuses:
        if status in HELD:
            reason, meaning = HELD[status]
            failure = Failure("status", f"not {status}", status, reason)
            yield Unmet(failure, f"{options.domain} has the status {status}: {meaning}")
    yield from _judge_expiry(options, seen.expires_at, now)
    if expect.registrar is not None and expect.registrar.lower() not in seen.registrar.lower():
        failure = Failure("registrar", expect.registrar, seen.registrar or "not told", Reason.VALUE_MISMATCH)
        yield Unmet(failure, f"the registrar is {seen.registrar or 'not told'}, expected {expect.registrar}")
    wanted = tuple(sorted(set(expect.name_servers)))
    if wanted and wanted != seen.name_servers:
        told = short(", ".join(seen.name_servers)) or "none"
        failure = Failure("name_servers", short(", ".join(wanted)), told, Reason.VALUE_MISMATCH)
        yield Unmet(failure, f"it is delegated to {told}, expected {failure.expected}")
    if expect.transfer_lock and not any("transfer prohibited" in status for status in seen.statuses):
        failure = Failure("transfer_lock", "transfer prohibited", "no lock", Reason.VALUE_MISMATCH, degraded=True)
        yield Unmet(failure, "nothing prohibits a transfer to another registrar (degraded)")


def _judge_expiry(options: DomainOptions, expires_at: int, now: int) -> Iterator[Unmet]:
    if not expires_at:
        return
    expect, left, when = options.expect, (expires_at - now) / DAY, isoformat(expires_at)[:10]
    for key, days, degraded in (
        ("expires_days_down", expect.expires_days_down, False),
        ("expires_days", expect.expires_days, True),
    ):
        if days and left < days:
            expired = left <= 0
            reason = Reason.DOMAIN_EXPIRED if expired else Reason.DOMAIN_EXPIRING
            failure = Failure(key, f"at least {days:g} days left", f"{left:.1f} days left", reason, degraded)
            verb = f"expired {-left:.1f} days ago" if expired else f"expires in {left:.1f} days"
            note = " (degraded)" if degraded else ""
            yield Unmet(failure, f"{options.domain} {verb}, on {when}, expected at least {days:g} days{note}")
            return


@dataclass(slots=True)
class Record:
    """What is known of one domain, and when it may be asked for again (µs)."""

    known: Registration | None = None
    absent: bool = False
    """The registry said that there is no such domain."""
    asked_at: int = 0
    """When it last gave an answer; 0: never."""
    again_at: int = 0
    failures: int = 0
    trouble: str = "no answer yet"
    registry: str = ""
    asking: bool = False
    doubted: bool = False
    """The registry no longer knows a domain that it knew; it will be asked once more."""

    def answered(self, known: Registration | None, now: int) -> None:
        if known is None and self.known is not None and not self.doubted:
            self.doubted = True
            self.trouble, self.again_at = "it answers 404", now + FIRST_PAUSE
            return
        self.known, self.absent, self.doubted = known, known is None, False
        self.asked_at, self.again_at = now, now + FRESH
        self.failures, self.trouble = 0, ""

    def failed(self, trouble: str, now: int, pause: int = 0) -> None:
        """:param pause: the registry's own word for how long to wait, µs."""
        self.failures += 1
        doubled = FIRST_PAUSE * 2 ** min(self.failures - 1, 10)
        self.again_at = now + min(max(pause, min(doubled, FRESH)), _LONGEST_PAUSE)
        self.trouble = trouble
        if now - self.asked_at > KEPT:
            self.known, self.absent, self.doubted, self.asked_at = None, False, False, 0


class RegistryFailed(Exception):
    """A registry (or IANA) gave no answer to judge by; the text says why."""

    def __init__(self, why: str, pause: int = 0) -> None:
        super().__init__(why)
        self.pause = pause


class DomainProbe:
    """Implements core.ports.Probe. What registries answered is kept here, for all monitors together."""

    def __init__(self, tools: Tools, bootstrap: str = BOOTSTRAP) -> None:
        self._clock = tools.clock
        self._fetcher = Fetcher(tools)
        self._bootstrap = bootstrap
        self._records: dict[tuple[str, str], Record] = {}
        self._list: tuple[int, Any] = (0, None)
        """Until when it serves, and IANA's list."""

    async def check(self, monitor: Monitor, check: Check) -> Result:
        seen = Seen()
        options: DomainOptions = monitor.options
        record = self._records.setdefault((options.domain, options.rdap_url or ""), Record())
        try:
            if self._clock.now() >= record.again_at and not record.asking:
                await self._refresh(record, monitor, check, seen)
            return self._result(options, check, record, seen)
        except Exception as error:
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, seen.duration())

    async def close(self) -> None:
        self._fetcher.close()

    async def _refresh(self, record: Record, monitor: Monitor, check: Check, seen: Seen) -> None:
        options: DomainOptions = monitor.options
        ends = time.monotonic() + monitor.timeout / SECOND
        record.asking = True
        try:
            base = options.rdap_url or await self._registry(monitor, check)
            record.registry = redact_url(base)
            url = f"{base.rstrip('/')}/domain/{options.domain}"
            left = replace(monitor, timeout=max(1, round((ends - time.monotonic()) * SECOND)))
            known = await self._ask(url, left, check, seen)
        except RegistryFailed as failed:
            record.failed(str(failed), self._clock.now(), failed.pause)
        else:
            record.answered(known, self._clock.now())
        finally:
            record.asking = False

    async def _registry(self, monitor: Monitor, check: Check) -> str:
        """The base URL of the registry's server. :raises RegistryFailed:"""
        until, listed = self._list
        if self._clock.now() >= until:
            seen = Seen()
            try:
                listed = await self._document(self._bootstrap, monitor, check, seen)
            except RegistryFailed as failed:
                if listed is None:
                    raise RegistryFailed(
                        f"IANA's list of registries cannot be read: {failed}", failed.pause
                    ) from failed
                self._list = (self._clock.now() + HOUR, listed)
            else:
                self._list = (self._clock.now() + LIST_FRESH, listed)
        domain = monitor.options.domain
        if not (base := server_for(listed, domain)):
            ending = domain.rpartition(".")[2]
            raise RegistryFailed(f"IANA lists no RDAP server for .{ending}: if there is one, set rdap_url", FRESH)
        return base

    async def _ask(self, url: str, monitor: Monitor, check: Check, seen: Seen) -> Registration | None:
        """None: there is no such domain. :raises RegistryFailed:"""
        try:
            return read(await self._document(url, monitor, check, seen))
        except _NotFound:
            return None
        except ValueError as error:
            raise RegistryFailed(f"the answer makes no sense: {error}") from error

    async def _document(self, url: str, monitor: Monitor, check: Check, seen: Seen) -> Any:
        """JSON from a URL. :raises RegistryFailed: also when it says 404, then a _NotFound."""
        await self._fetcher.fetch(_question(url, monitor.options), monitor, check, seen)
        if seen.trouble is not None:
            raise RegistryFailed(seen.trouble.sentence)
        status = seen.hops[-1].status
        if status == 404:
            raise _NotFound("it answers 404")
        if status != 200:
            raise RegistryFailed(f"it answers {status}", _retry_after(seen, self._clock.now()))
        try:
            return orjson.loads(seen.body)
        except orjson.JSONDecodeError as error:
            raise RegistryFailed("its answer is not JSON") from error

    def _result(self, options: DomainOptions, check: Check, record: Record, seen: Seen) -> Result:
        now = self._clock.now()
        outcome, reason, sentence, unmet = _assess(options, record, now)
        failures = tuple(one.failure for one in unmet)
        phases = seen.phases() if seen.hops else {}
        observed = _observations(options, record, now)
        return Result(check, outcome, seen.duration(), reason, sentence, phases, observed, failures)


class _NotFound(RegistryFailed):
    """404: for a domain it is the answer that there is none."""


def _assess(options: DomainOptions, record: Record, now: int) -> tuple[Outcome, Reason | None, str, list[Unmet]]:
    if record.absent:
        failure = Failure("domain", "registered", "not registered", Reason.DOMAIN_NOT_FOUND)
        unmet = [Unmet(failure, f"{REASONS[Reason.DOMAIN_NOT_FOUND]}: its registry knows no {options.domain}")]
        return *verdict(unmet), unmet
    if record.known is None:
        again = format_duration(max(0, record.again_at - now))
        sentence = f"the registry could not be asked: {record.trouble} (the next try is in {again})"
        return Outcome.UNKNOWN, None, sentence, []
    unmet = list(judge(options, record.known, now))
    outcome, reason, sentence = verdict(unmet)
    expect = options.expect
    if outcome is Outcome.UP and not record.known.expires_at and (expect.expires_days or expect.expires_days_down):
        sentence = "the registry does not tell when the registration ends: set expires_days and expires_days_down to 0"
        return Outcome.UNKNOWN, Reason.UNSUPPORTED, sentence, []
    return outcome, reason, sentence, unmet


def _observations(options: DomainOptions, record: Record, now: int) -> dict[str, Any]:
    observed: dict[str, Any] = {"domain": options.domain}
    if (known := record.known) is not None:
        if known.expires_at:
            observed["expires_at"] = isoformat(known.expires_at)
            observed["days_left"] = round((known.expires_at - now) / DAY, 3)
        if known.registered_at:
            observed["registered_at"] = isoformat(known.registered_at)
        observed |= {"registrar": known.registrar, "statuses": list(known.statuses)}
        observed["name_servers"] = list(known.name_servers)
    if record.asked_at:
        observed["asked_at"] = isoformat(record.asked_at)
    if record.registry:
        observed["registry"] = record.registry
    if record.trouble:
        observed["trouble"] = record.trouble
    return observed


def _question(url: str, options: DomainOptions) -> HttpOptions:
    shared = {key: getattr(options, key) for key in NetworkOptions.model_fields if key in HttpOptions.model_fields}
    return HttpOptions.model_validate(
        {
            "url": url,
            "headers": {"Accept": "application/rdap+json, application/json"},
            "correlate": False,
            "max_body": _MAX_BODY,
            **shared,
        }
    )


def _retry_after(seen: Seen, now: int) -> int:
    """Of a 429 or 503, µs (RFC 9110 §10.2.3); 0 when it does not say."""
    said = next((value for name, value in seen.headers if name.lower() == "retry-after"), "")
    if said.isascii() and said.isdigit():
        return min(int(said[:9]) * SECOND, _LONGEST_PAUSE)
    try:
        when = parsedate_to_datetime(said)
        return max(0, min(round(when.timestamp() * SECOND) - now, _LONGEST_PAUSE))
    except (TypeError, ValueError, OverflowError):
        return 0
