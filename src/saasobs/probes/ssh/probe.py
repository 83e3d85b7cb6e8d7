"""The ssh kind: options, and the check itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Failure, Reason, Result
from saasobs.options import Regex
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact
from saasobs.probes.net.matching import found
from saasobs.probes.net.options import ADDRESS_SEEN, CONNECTING, Host, NetworkOptions, Port, show_place
from saasobs.probes.net.stream import Stream
from saasobs.probes.ssh.exchange import Identification, Proven, exchange, identify
from saasobs.probes.ssh.host_key import ALGORITHMS, fingerprint, type_of
from saasobs.probes.verdict import Timed, Unmet, judge_time, short


def _fingerprint(value: str) -> str:
    """``SHA256:…`` or a line as in known_hosts or a .pub file. :raises ValueError:"""
    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", value):
        return value.rstrip("=")
    blob = next((word for word in value.split() if word.startswith("AAAA")), "")
    try:
        decoded = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not type_of(decoded):
        raise ValueError(
            f"{value[:60]!r} is no host key: write SHA256:… as `ssh-keygen -lf` shows it, or the line of its .pub file"
        )
    return fingerprint(decoded)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_KEY = {"type": "string", "minLength": 1}
HostKeys = Annotated[
    tuple[Annotated[str, AfterValidator(_fingerprint)], ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_KEY, {"type": "array", "items": _KEY}]}),
]


class SshExpect(Timed):
    """What the server must show."""

    banner: Regex | None = None
    """A regular expression that its identification must match, as in ^SSH-2.0-OpenSSH_9."""
    host_keys: HostKeys = ()
    """The host key must be one of these: SHA256:… as `ssh-keygen -lf` shows it, or the line of its .pub file."""


class SshOptions(NetworkOptions):
    """Greets an SSH server and has it prove its host key; never logs in."""

    example: ClassVar[str] = """\
name: bastion
kind: ssh
host: bastion.acme.example
expect:
  banner: ^SSH-2\\.0-OpenSSH_
  host_keys: [SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDqdeYvKuOIBWCAhJI]
"""
    phases: ClassVar[Mapping[str, str]] = {
        **CONNECTING,
        "banner": "waiting for the server's identification",
        "key_exchange": "the exchange in which it proves its host key",
    }
    observations: ClassVar[Mapping[str, str]] = {
        **ADDRESS_SEEN,
        "banner": "its identification",
        "host_key": "the fingerprint of its host key, as `ssh-keygen -lf` shows it",
        "host_key_type": "the type of that key",
        "key_exchange": "the exchange that was agreed on",
    }

    host_: Annotated[Host, Field(alias="host")]
    """The host to connect to."""
    port: Port = 22
    """Its port."""
    key_exchange: bool = True
    """Go through a key exchange, in which the server proves its host key. Without, only the banner is read."""
    key_type: Literal["any", "ed25519", "ecdsa", "rsa"] = "any"
    """Which of its host keys the server is to show. `any`: the first of ed25519, ecdsa and rsa that it has."""
    expect: SshExpect = SshExpect()
    """What the server must show."""

    @model_validator(mode="after")
    def _exchanged(self) -> Self:
        if self.expect.host_keys and not self.key_exchange:
            raise ValueError("expect.host_keys needs key_exchange: true")
        return self

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Those to ask for, the preferred one first."""
        types = ALGORITHMS if self.key_type == "any" else (self.key_type,)
        return tuple(algorithm for one in types for algorithm in ALGORITHMS[one])

    def target(self) -> str:
        return show_place(self.host_, self.port)

    def host(self) -> str:
        return self.host_


class SshProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: SshOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.host_, options.port, options)
        try:
            introduced = await _meet(inquiry, stream)
            if options.key_exchange:
                with inquiry.phase("key_exchange"):
                    proven = await exchange(stream, introduced, options.algorithms)
                inquiry.observations |= _key(proven)
                inquiry.unmet += _judge_key(options.expect, proven)
        finally:
            stream.close()
        inquiry.unmet += _judge_banner(options.expect, introduced)
        inquiry.unmet += judge_time(options.expect, inquiry.duration())


async def _meet(inquiry: Inquiry, stream: Stream) -> Identification:
    with inquiry.phase("banner"):
        introduced = await identify(stream)
    inquiry.said = "\n".join((*introduced.before, introduced.line))
    inquiry.observations["banner"] = short(introduced.line)
    if introduced.version not in ("2.0", "1.99"):
        seen = short(introduced.line)
        raise Trouble(Reason.VERSION_MISMATCH, f'expected SSH 2.0, it introduces itself as "{seen}"')
    return introduced


def _key(proven: Proven) -> dict[str, str]:
    return {
        "host_key": fingerprint(proven.blob),
        "host_key_type": type_of(proven.blob),
        "key_exchange": proven.exchange,
    }


def _judge_key(expect: SshExpect, proven: Proven) -> Iterator[Unmet]:
    seen = fingerprint(proven.blob)
    if expect.host_keys and seen not in expect.host_keys:
        wanted = ", ".join(expect.host_keys)
        failure = Failure("host_keys", wanted, seen, Reason.HOST_KEY_MISMATCH)
        yield Unmet(failure, f"the host key ({type_of(proven.blob)}) is {seen}, expected {wanted}")


def _judge_banner(expect: SshExpect, introduced: Identification) -> Iterator[Unmet]:
    if expect.banner is not None and not found(expect.banner, introduced.line):
        seen = short(introduced.line)
        failure = Failure("banner", expect.banner.pattern, seen, Reason.RESPONSE_MISMATCH)
        yield Unmet(failure, f'the banner is "{seen}", expected to match {expect.banner.pattern}')
