"""What a person may write for a monitor of kind http. The docstrings are the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from saasobs.core.redact import redact_url
from saasobs.options import Regex, SecretText, StatusSet
from saasobs.probes.conditions import Condition, JsonPath
from saasobs.probes.http import content
from saasobs.probes.http.authentication import (
    Authentication,
    BasicAuthentication,
    BearerAuthentication,
    ClientCredentials,
)
from saasobs.probes.http.fields import (
    HeaderName,
    HeaderValue,
    Method,
    Patterns,
    QueryValue,
    Size,
    Texts,
    Url,
    listed,
    show_size,
)
from saasobs.probes.http.proxy import Proxy
from saasobs.probes.http.request import Request, lay_out
from saasobs.probes.http.target import Target, parse
from saasobs.probes.http.wire import Spoken, Unusual, unable, unusual
from saasobs.probes.net.options import NetworkOptions, TrustOptions
from saasobs.probes.verdict import Certified, Timed

__all__ = [
    "Expect", "HeaderName", "HeaderValue", "HttpExpect", "HttpOptions", "Method", "Patterns", "Size", "Texts", "Url",
    "show_size",
]  # fmt: skip


class Expect(Timed, Certified):
    """What the answer must be. Every expectation is judged; a failure names each one that was not met."""

    status: StatusSet = StatusSet.parse("200-299")
    """Status codes that are well: 200, 200-299, 2xx or a list of these."""
    headers: dict[HeaderName, Regex] = Field(default_factory=dict)
    """Headers that must be there, each with a regular expression that its value must match somewhere."""
    body_contains: Texts = ()
    """Texts that must occur in the body."""
    body_not_contains: Texts = ()
    """Texts that must not occur in the body."""
    body_matches: Patterns = ()
    """Regular expressions that must match somewhere in the body."""
    body_not_matches: Patterns = ()
    """Regular expressions that must match nowhere in the body."""
    json_: dict[JsonPath, Condition] = Field(default_factory=dict, alias="json")
    """JSONPath (RFC 9535) and what its values must be: a plain value, or operators ==, !=, <, <=, >, >=, contains,
    matches and exists. Types are strict; when a path selects several values, every one must hold."""

    @cached_property
    def reads_body(self) -> bool:
        """Whether judging needs the body's content."""
        return bool(
            self.body_contains or self.body_not_contains or self.body_matches or self.body_not_matches or self.json_
        )

    @cached_property
    def has_patterns(self) -> bool:
        """Whether a regular expression takes part, which may take any time."""
        in_json = any(path.has_patterns or condition.has_patterns for path, condition in self.json_.items())
        return bool(self.headers or self.body_matches or self.body_not_matches or in_json)


def _as_text(value: object) -> object:
    """YAML reads 1.1 and 2 as numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _version_texts(value: object) -> object:
    return tuple(_as_text(one) for one in (value if isinstance(value, list | tuple) else (value,)))


def _encodings(value: object) -> object:
    return listed(value) if value not in ("required", "forbidden") else value


Version = Literal["1.0", "1.1", "2", "3"]
Encoding = Literal["gzip", "deflate", "br", "zstd", "compress"]
Offered = Literal["gzip", "deflate", "br", "identity"]


class HttpExpect(Expect):
    """What the answer must be. Every expectation is judged; a failure names each one that was not met."""

    http_version: Annotated[
        tuple[Version, ...],
        BeforeValidator(_version_texts, json_schema_input_type=Version | float | list[Version | float]),
    ] = ()
    """The version of HTTP, or a list of them, that the last answer must come by: 1.0, 1.1, 2 or 3."""
    compression: Annotated[
        Literal["required", "forbidden"] | tuple[Encoding, ...] | None,
        BeforeValidator(
            _encodings, json_schema_input_type=Literal["required", "forbidden"] | Encoding | list[Encoding]
        ),
    ] = None
    """Whether the last answer must be compressed on its way: required, forbidden, or the encodings that are allowed
    (gzip, br, deflate, zstd, compress)."""

    @cached_property
    def of_wire(self) -> bool:
        """Whether anything is expected of how the answer comes, and not only of what it says."""
        return bool(self.http_version) or self.compression is not None


class HttpOptions(NetworkOptions, TrustOptions):
    """Requests a URL, over a fresh connection each time, and judges the answer."""

    example: ClassVar[str] = """\
name: orders-api
kind: http
url: https://api.acme.example/v1/orders
method: POST
query: {dry_run: true}
json: {sku: "health-check", quantity: 1}
auth:
  kind: oauth2
  token_url: https://login.acme.example/oauth/token
  client_id: saasobs
  client_secret: ${ORDERS_CLIENT_SECRET}
  scope: orders:write
expect: {status: 2xx, json: {"$.status": ok}, degraded_over: 1s, down_over: 5s}
"""
    phases: ClassVar[Mapping[str, str]] = {
        "dns": "asking for the address",
        "connect": "the TCP connection (QUIC with HTTP/3), the first of several addresses that answers",
        "tls": "the TLS handshake, what a proxy takes to open its tunnel included",
        "first_byte": "sending the request, and waiting for the answer to begin",
        "transfer": "reading the answer",
        "token": "in place of all others: there was no token to ask with (OAuth2)",
    }
    observations: ClassVar[Mapping[str, str]] = {
        "url": "the last URL asked, without secrets",
        "redirects": "how many redirects were followed",
        "hops": "after redirects: url, status, address and phases of each request",
        "status": "status code of the last answer",
        "http_version": "the version it came by: 1.0, 1.1, 2 or 3",
        "body_bytes": "size of its body, decompressed",
        "compression": "its Content-Encoding, when it has one",
        "address": "the address that was connected to, the proxy's where there is one",
        "proxy": "the proxy, without its login",
        "certificate": "of all certificates on the way, the chain that expires first",
        "insecure": "true when certificates were not verified: whoever answered may have been anybody",
        "token_us": "µs that it took to fetch a token (OAuth2); not part of the check's duration",
        "token_renewed": "true when the target refused the token that was kept, and took a new one's request",
        "trace_id": "the trace that the request was sent under",
        "server_timing": "the answer's Server-Timing",
        "request_id": "the answer's X-Request-ID",
    }

    url: Annotated[Url, Field(repr=False)]
    """What to request. A login in it (https://user:password@host/) is sent as basic authentication and never shown."""
    method: Method = "GET"
    """The request's method."""
    query: Annotated[dict[str, QueryValue], Field(repr=False), content.MASKED_QUERY] = Field(default_factory=dict)
    """Parameters for the URL's query: name and value, or a list of values. They replace those of the same name."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Headers to send; they replace those that a check would send by itself. Their values are never shown."""
    body: SecretText | None = None
    """The request's body, sent as it stands; give its Content-Type under headers. It is never shown."""
    json_: Annotated[content.Json, Field(alias="json", repr=False)] = None
    """The request's body, written as JSON with its Content-Type. It is never shown."""
    form: dict[str, content.FormValue] | None = None
    """The request's body, fields and values as a browser's form sends them. They are never shown."""
    body_file: Path | None = None
    """A file that is the request's body, read for every check; its Content-Type goes by its name. 16 MiB at most."""
    auth: Authentication | None = None
    """How to log in: kind basic, digest, bearer or oauth2. No login follows a redirect to another origin."""
    proxy: Proxy | None = None
    """A proxy to go through: its URL, or url, user and password. Those of the environment are never used."""
    http_version: Annotated[Spoken, BeforeValidator(_as_text, json_schema_input_type=Spoken | float)] = "any"
    """The version of HTTP to speak. `any`: 2 where TLS agrees on it, else 1.1. `2` also asks for it without TLS (and
    takes 1.1), `2-prior-knowledge` and `3` speak nothing else."""
    accept_encoding: (
        Annotated[tuple[Offered, ...], BeforeValidator(listed, json_schema_input_type=Offered | list[Offered])] | None
    ) = None
    """Compressions to offer: gzip, deflate, br, identity; none with []. Default: all that can be read."""
    follow_redirects: bool = True
    """Follow redirects and judge the last answer; otherwise the redirect itself is judged."""
    max_redirects: Annotated[int, Field(ge=0, le=50)] = 10
    """More redirects than this are a failure."""
    keep_cookies: bool = False
    """Send the cookies that a redirect sets to the hops after it (RFC 6265); they are forgotten after the check."""
    max_body: Size = 1024**2
    """Reading stops here (decompressed bytes), and a larger answer is a failure."""
    correlate: bool = True
    """Send X-Request-ID and traceparent, so that the target's logs and traces can be found from a failed check."""
    expect: HttpExpect = HttpExpect()
    """What the answer must be."""

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [key for key in ("body", "json", "form", "body_file") if self._given(key)]
        if len(given) > 1:
            raise ValueError(f"give one body: {' or '.join(given)}")
        if self.body_file is not None and not self.body_file.is_file():
            raise ValueError(f"body_file: {self.body_file} is not a file")
        if given and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} request has no body: set method, as in method: POST")
        if self.method == "CONNECT":
            raise ValueError("CONNECT is for proxies: set proxy, and the method that the target is to see")
        if self.method == "HEAD" and self.expect.reads_body:
            raise ValueError("the answer to HEAD has no body: expect nothing of it, or use GET")
        return self

    def _given(self, key: str) -> bool:
        return getattr(self, "json_" if key == "json" else key) is not None

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        named = {name.lower() for name in self.headers}
        if self.auth is not None and ("authorization" in named or self.where.login):
            other = "the header Authorization" if "authorization" in named else "the URL"
            raise ValueError(f"give the login under auth or in {other}, not both")
        if self.accept_encoding is not None and "accept-encoding" in named:
            raise ValueError("give accept_encoding or the header Accept-Encoding, not both")
        return self

    @model_validator(mode="after")
    def _speakable(self) -> Self:
        if why := unable(self.http_version):
            raise ValueError(f"http_version: {why}")
        if self.http_version == "3" and self.where.scheme != "https":
            raise ValueError("http_version: HTTP/3 is for https:// only")
        if self.http_version == "3" and self.proxy is not None:
            raise ValueError("http_version: HTTP/3 cannot go through a proxy")
        return self

    @cached_property
    def where(self) -> Target:
        """The URL, taken apart, its query whole."""
        return parse(content.merged(self.url, self.query))

    @cached_property
    def request(self) -> Request:
        """What the first hop sends, correlation headers, a fetched token and a file's content apart."""
        sent, content_type = self._content
        headers = {name: value.reveal() for name, value in self.headers.items()}
        if content_type and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = content_type
        if isinstance(self.auth, BasicAuthentication | BearerAuthentication):
            headers |= dict((self.auth.header,))
        if self.accept_encoding is not None:
            headers["Accept-Encoding"] = ", ".join(self.accept_encoding)
        return lay_out(self.where, self.method, headers, sent)

    @property
    def _content(self) -> tuple[bytes | None, str]:
        """The body, and the media type that goes without saying."""
        if self.body is not None:
            return self.body.reveal().encode(), ""
        if self.json_ is not None:
            return content.of_json(self.json_), content.JSON_TYPE
        if self.form is not None:
            return content.of_form(self.form), content.FORM_TYPE
        return (None, "") if self.body_file is None else (b"", content.type_of(self.body_file))

    @cached_property
    def unusual(self) -> Unusual | None:
        """What libcurl must be told beyond the plain; None for most monitors."""
        return unusual(self)

    @cached_property
    def straight(self) -> bool:
        """Whether a literal address can be connected to as it stands."""
        return self.proxy is None and self.address is None and self.ip_version == "any"

    @cached_property
    def by_secure_proxy(self) -> bool:
        """Whether TLS is spoken with a proxy, too."""
        return self.proxy is not None and self.proxy.scheme == "https"

    @cached_property
    def credentials(self) -> ClientCredentials | None:
        """What a token is to be fetched with."""
        return self.auth if isinstance(self.auth, ClientCredentials) else None

    @cached_property
    def token_request(self) -> HttpOptions:
        """Asks the token endpoint, by the same trust and the same way."""
        assert self.credentials is not None  # noqa: S101 - asked for by those only who fetch a token
        shared = (*TrustOptions.model_fields, "ip_version", "nameservers", "proxy")
        told: dict[str, Any] = {key: getattr(self, key) for key in shared} | self.credentials.request
        return HttpOptions.model_validate(
            told | {"follow_redirects": False, "correlate": False, "max_body": 64 * 1024, "expect": {}}
        )

    def target(self) -> str:
        return redact_url(content.merged(self.url, self.query))

    def host(self) -> str:
        return self.where.host
