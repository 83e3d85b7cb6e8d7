"""smtp: what a client sees before it hands over a mail (RFC 5321): banner, EHLO, TLS, login. It never sends one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.core.monitor import Monitor
from saasobs.core.redact import MASK
from saasobs.core.result import Check, Failure, Reason, Result
from saasobs.options import Regex, SecretText
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact, Handshake
from saasobs.probes.net.matching import found
from saasobs.probes.net.options import (
    ADDRESS_SEEN,
    CONNECTING,
    TLS_SEEN,
    Host,
    NetworkOptions,
    Port,
    TlsOptions,
    show_place,
)
from saasobs.probes.net.replies import Reply, command
from saasobs.probes.net.starttls import greeting, hello_name
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import Certified, Timed, Unmet, judge_certificate, judge_time, short

_PORTS: Final = {"starttls": 587, "when_offered": 25, "tls": 465, "none": 25}
_QUIT_SECONDS: Final = 1.0
_STILL_TALKING: Final = frozenset({Reason.AUTHENTICATION_FAILED, Reason.RESPONSE_MISMATCH, Reason.NOT_SERVING})
"""What the server said in so many words, so that QUIT is in order."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_EXTENSION = {"type": "string", "minLength": 1, "examples": ["STARTTLS", "AUTH PLAIN", "8BITMIME"]}
Extensions = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[!-~]+( [!-~]+)*$", max_length=200)], ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_EXTENSION, {"type": "array", "items": _EXTENSION}]}),
]


class SmtpExpect(Timed, Certified):
    """What the server must say."""

    banner: Regex | None = None
    """A regular expression that the text of its greeting must match, as in ^mail\\.acme\\.example ESMTP."""
    capabilities: Extensions = ()
    """Extensions that its answer to EHLO must list, before or after TLS, as in STARTTLS, or AUTH PLAIN for one of
    several parameters."""


class SmtpOptions(NetworkOptions, TlsOptions):
    """Goes as far with a mail server as a client does before it hands over a mail, and no further."""

    example: ClassVar[str] = """\
name: outgoing-mail
kind: smtp
host: smtp.acme.example
security: starttls
username: monitor@acme.example
password: "${SMTP_PASSWORD}"
expect:
  capabilities: [PIPELINING]
  certificate_days: 21
"""
    phases: ClassVar[Mapping[str, str]] = {
        **CONNECTING,
        "banner": "waiting for the greeting",
        "ehlo": "EHLO and its answer, twice with STARTTLS",
        "starttls": "STARTTLS and its answer",
        "tls": "the TLS handshake",
        "auth": "the login",
    }
    observations: ClassVar[Mapping[str, str]] = {
        **ADDRESS_SEEN,
        "banner": "the first line of the greeting",
        **TLS_SEEN,
    }

    host_: Annotated[Host, Field(alias="host")]
    """The mail server."""
    port: Port | None = None
    """Its port. Default: 587 for `starttls`, 465 for `tls`, 25 otherwise."""
    security: Literal["starttls", "when_offered", "tls", "none"] = "when_offered"
    """`starttls`: TLS after EHLO, down without it; `when_offered`: the same, but well without it; `tls`: from the
    first byte; `none`: never."""
    username: Annotated[str, Field(max_length=500)] = ""
    """Log in under this name (AUTH PLAIN or LOGIN); a login that is refused is a failure."""
    password: SecretText | None = None
    """The password that goes with `username`."""
    expect: SmtpExpect = SmtpExpect()
    """What the server must say."""

    @model_validator(mode="after")
    def _login(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password go together")
        if self.username and self.security == "when_offered":
            raise ValueError("a login needs `security: starttls` or `tls`; `none` sends the password in the clear")
        return self

    @property
    def reached_at(self) -> int:
        """The port in force."""
        return self.port or _PORTS[self.security]

    def target(self) -> str:
        return show_place(self.host_, self.reached_at)

    def host(self) -> str:
        return self.host_


class SmtpProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: SmtpOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.host_, options.reached_at, options)
        try:
            handshake = await self._visit(inquiry, stream)
            await _quit(inquiry, stream)
        except Trouble as trouble:
            if trouble.reason in _STILL_TALKING:
                await _quit(inquiry, stream)
            raise
        finally:
            stream.close()
        inquiry.unmet += judge_time(options.expect, inquiry.duration())
        if handshake is not None:
            inquiry.unmet += judge_certificate(options.expect, handshake.chain, self._tools.clock.now())

    async def _visit(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        options: SmtpOptions = inquiry.monitor.options
        handshake = await self._contact.secure(inquiry, stream, options) if options.security == "tls" else None
        banner, extensions = await _introduce(inquiry, stream)
        listed = extensions
        if options.security == "starttls" or (options.security == "when_offered" and "STARTTLS" in extensions):
            handshake = await self._turn_to_tls(inquiry, stream, extensions)
            extensions = _extensions(await _hello(inquiry, stream))
        if options.username:
            await _log_in(inquiry, stream, extensions)
        inquiry.unmet += _judge(options.expect, banner, listed | extensions)
        return handshake

    async def _turn_to_tls(self, inquiry: Inquiry, stream: Stream, extensions: dict[str, str]) -> Handshake:
        options: SmtpOptions = inquiry.monitor.options

        async def again(aside: Inquiry) -> Stream:
            other = await self._contact.reach(aside, options.host_, options.reached_at, options)
            try:
                await _ask_for_tls(aside, other, (await _introduce(aside, other))[1])
            except BaseException:
                other.close()
                raise
            return other

        await _ask_for_tls(inquiry, stream, extensions)
        return await self._contact.secure(inquiry, stream, options, again=again)


async def _introduce(inquiry: Inquiry, stream: Stream) -> tuple[Reply, dict[str, str]]:
    """Banner and first EHLO. :raises Trouble:"""
    with inquiry.phase("banner"):
        banner = await greeting(stream)
    inquiry.said = f"{banner.code} {banner.text}"
    inquiry.observations["banner"] = short(banner.lines[0])
    return banner, _extensions(await _hello(inquiry, stream))


async def _hello(inquiry: Inquiry, stream: Stream) -> Reply:
    """EHLO, or HELO where the server knows no extensions. :raises Trouble:"""
    with inquiry.phase("ehlo"):
        name = hello_name(stream)
        reply = await command(stream, f"EHLO {name}")
        if reply.code in (500, 501, 502, 504):
            reply = await command(stream, f"HELO {name}")
    inquiry.said = f"{reply.code} {reply.text}"
    if reply.code != 250:
        raise Trouble(_refusal(reply), f'expected 250 to EHLO, it said "{reply}"')
    return reply


def _extensions(hello: Reply) -> dict[str, str]:
    """Parameters by extension, upper case (RFC 5321, 4.1.1.1)."""
    pairs = (line.upper().partition(" ") for line in hello.lines[1:])
    return {name: parameters.strip() for name, _, parameters in pairs}


async def _ask_for_tls(inquiry: Inquiry, stream: Stream, extensions: dict[str, str]) -> None:
    if "STARTTLS" not in extensions:
        raise Trouble(Reason.TLS_FAILED, "the server does not offer STARTTLS")
    with inquiry.phase("starttls"):
        reply = await command(stream, "STARTTLS")
    if reply.code != 220:
        raise Trouble(Reason.TLS_FAILED, f'expected 220 to STARTTLS, it said "{reply}"')


async def _log_in(inquiry: Inquiry, stream: Stream, extensions: dict[str, str]) -> None:
    """RFC 4954, by PLAIN (RFC 4616) or the older LOGIN. :raises Trouble:"""
    options: SmtpOptions = inquiry.monitor.options
    offered = extensions.get("AUTH", "").split()
    secret = options.password.reveal() if options.password else ""
    with inquiry.phase("auth"):
        if "PLAIN" in offered:
            reply = await command(stream, "AUTH PLAIN " + _base64(f"\0{options.username}\0{secret}"))
        elif "LOGIN" in offered:
            reply = await _log_in_by_halves(stream, options.username, secret)
        else:
            seen = short(" ".join(offered)) or "no login at all"
            raise Trouble(Reason.AUTHENTICATION_FAILED, f"it offers {seen}, expected PLAIN or LOGIN")
    reply = _without(reply, secret, _base64(secret), _base64(f"\0{options.username}\0{secret}"))
    inquiry.said = f"{reply.code} {reply.text}"
    if reply.code != 235:
        reason = Reason.AUTHENTICATION_FAILED if reply.code >= 500 else _refusal(reply)
        raise Trouble(reason, f'expected 235 to the login, it said "{reply}"')


async def _log_in_by_halves(stream: Stream, username: str, secret: str) -> Reply:
    reply = await command(stream, "AUTH LOGIN")
    for half in (username, secret):
        if reply.code != 334:
            return reply
        reply = await command(stream, _base64(half))
    return reply


def _without(reply: Reply, *secrets: str) -> Reply:
    """The reply of a server that may repeat what it was told."""
    lines = reply.lines
    for secret in secrets:
        lines = tuple(line.replace(secret, MASK) for line in lines)
    return Reply(reply.code, lines)


def _refusal(reply: Reply) -> Reason:
    return Reason.NOT_SERVING if 400 <= reply.code < 500 else Reason.RESPONSE_MISMATCH


def _judge(expect: SmtpExpect, banner: Reply, extensions: dict[str, str]) -> Iterator[Unmet]:
    if expect.banner is not None and not found(expect.banner, banner.text):
        failure = Failure("banner", expect.banner.pattern, short(banner.text), Reason.RESPONSE_MISMATCH)
        yield Unmet(failure, f'the banner is "{short(banner.text)}", expected to match {expect.banner.pattern}')
    for wanted in expect.capabilities:
        name, _, parameters = wanted.upper().partition(" ")
        if name in extensions and set(parameters.split()) <= set(extensions[name].split()):
            continue
        seen = short(f"{name} {extensions[name]}".strip() if name in extensions else ", ".join(sorted(extensions)))
        failure = Failure("capabilities", wanted, seen or "none", Reason.RESPONSE_MISMATCH)
        yield Unmet(failure, f"the server does not list {wanted}, but {seen or 'nothing at all'}")


async def _quit(inquiry: Inquiry, stream: Stream) -> None:
    """A polite end; what becomes of it says nothing about the service."""
    try:
        async with asyncio.timeout(min(_QUIT_SECONDS, inquiry.remaining() / 2)):
            await command(stream, "QUIT")
    except (Trouble, TimeoutError):
        return


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
