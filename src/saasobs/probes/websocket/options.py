"""What a person may write for a monitor of kind websocket. The docstrings are the documentation."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.core.redact import redact_url
from saasobs.options import SecretText, require_driver
from saasobs.probes.conditions import Condition, JsonPath
from saasobs.probes.http.options import HeaderName, HeaderValue, Patterns, Size, Texts
from saasobs.probes.http.target import Target, parse
from saasobs.probes.net.options import NetworkOptions, TlsOptions
from saasobs.probes.verdict import Certified, Timed

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset({"connection", "upgrade", "origin", "content-length", "transfer-encoding"})


def _taken_apart(url: str) -> Target:
    """The Target of a ws or wss URL: the rules are those of http and https."""
    return parse("http" + url.removeprefix("ws"))


def _websocket_url(url: str) -> str:
    if not url.startswith(("ws://", "wss://")):
        raise ValueError(f"{redact_url(url)!r} must begin with ws:// or wss://")
    if any(letter.isspace() for letter in url):
        raise ValueError("a URL has no spaces in it")
    _taken_apart(url)
    return url


def _subprotocol(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a subprotocol (RFC 6455): letters, digits, - and . only")
    return name


def _header(name: str) -> str:
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise ValueError(f"{name} is set by the upgrade itself; subprotocols and origin have keys of their own")
    return name


def _origin(value: str) -> str:
    if not re.fullmatch(r"null|[a-z][a-z0-9+.-]*://[!-~]+", value):
        raise ValueError(f"{value!r} is not an origin: write https://app.example.com")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Url = Annotated[
    str,
    AfterValidator(_websocket_url),
    PlainSerializer(redact_url, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^wss?://.+"}),
]
Subprotocol = Annotated[str, AfterValidator(_subprotocol)]
Header = Annotated[HeaderName, AfterValidator(_header)]
Origin = Annotated[str, AfterValidator(_origin)]
_TEXT_SCHEMA: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "writeOnly": True}
Sent = Annotated[
    tuple[SecretText, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA}]}),
]


class WebsocketExpect(Timed, Certified):
    """What the connection must be like, and what the server must say over it."""

    subprotocol: Subprotocol | None = None
    """The subprotocol that the server must choose out of those offered."""
    message: bool = False
    """A message must come, whatever it says. Every expectation of the message's content implies it."""
    contains: Texts = ()
    """Texts that must occur in the message."""
    not_contains: Texts = ()
    """Texts that must not occur in the message."""
    matches: Patterns = ()
    """Regular expressions that must match somewhere in the message."""
    not_matches: Patterns = ()
    """Regular expressions that must match nowhere in the message."""
    json_: dict[JsonPath, Condition] = Field(default_factory=dict, alias="json")
    """JSONPath (RFC 9535) and what its values must be, as for kind http."""

    @cached_property
    def reads_message(self) -> bool:
        """Whether a message has to come."""
        content = self.contains or self.not_contains or self.matches or self.not_matches or self.json_
        return bool(self.message or content)


class WebsocketOptions(NetworkOptions, TlsOptions):
    """Opens a WebSocket, over a fresh connection each time, and judges what comes over it."""

    example: ClassVar[str] = """\
name: live-updates
kind: websocket
url: wss://live.acme.example/feed
subprotocols: [feed.v2]
send: '{"type": "hello"}'
expect: {subprotocol: feed.v2, json: {"$.type": welcome}, degraded_over: 1s}
"""

    url: Annotated[Url, Field(repr=False)]
    """Where to connect: ws://host/path, or wss:// for TLS. A login in it is sent as basic authentication and never
    shown. Redirects are not followed: a server that redirects has refused the upgrade."""
    headers: dict[Header, HeaderValue] = Field(default_factory=dict)
    """Headers to send with the upgrade. Their values are never shown."""
    subprotocols: tuple[Subprotocol, ...] = ()
    """Subprotocols to offer, the preferred one first."""
    origin: Origin | None = None
    """The Origin header, for servers that admit only pages of certain sites."""
    send: Sent = ()
    """A text, or several, to send after the upgrade, each as a message of its own. They are never shown."""
    messages: Annotated[int, Field(ge=1, le=100)] = 1
    """At most so many messages are read: the first that meets every expectation is enough, else the last is told."""
    max_message: Size = 1024**2
    """A larger message is a failure."""
    ping: bool = True
    """Send a ping and wait for its pong, which every server owes (RFC 6455): an upgrade alone can come from a proxy in
    front of a server that hangs. The round trip is observed as `ping_us`."""
    correlate: bool = True
    """Send X-Request-ID and traceparent, so that the target's logs and traces can be found from a failed check."""
    expect: WebsocketExpect = WebsocketExpect()
    """What the server must choose and say."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_driver("websockets", "daemon")
        wanted = self.expect.subprotocol
        if wanted is not None and wanted not in self.subprotocols:
            raise ValueError(f"expect.subprotocol {wanted} is not offered: add it to subprotocols")
        if len(set(self.subprotocols)) != len(self.subprotocols):
            raise ValueError("subprotocols names one of them twice")
        return self

    @cached_property
    def where(self) -> Target:
        """The URL, taken apart."""
        return _taken_apart(self.url)

    @property
    def secure(self) -> bool:
        return self.where.scheme == "https"

    def target(self) -> str:
        return redact_url(self.url)

    def host(self) -> str:
        return self.where.host
