"""What a person may write for a monitor of kind http. The docstrings are the documentation."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.core.redact import redact_url
from saasobs.core.values import Secret
from saasobs.options import HttpUrl, KindOptions, Regex, SecretText, StatusSet
from saasobs.probes.conditions import Condition, JsonPath
from saasobs.probes.http.request import Request, lay_out
from saasobs.probes.http.target import Target, parse
from saasobs.probes.verdict import Certified, Timed

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZES: Final = {"": 1, "b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2}
MAX_BODY: Final = 64 * 1024**2


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name (RFC 9110): letters, digits and - only")
    return name


def _header_value(value: Secret) -> Secret:
    text = value.reveal()
    if any(letter < " " and letter != "\t" for letter in text) or "\x7f" in text:
        raise ValueError("a header value cannot hold line breaks or other control characters")
    if text != text.strip(" \t"):
        raise ValueError("a header value cannot begin or end with a space")
    return value


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d{1,12})\s*([a-z]*)", value.strip().lower())
    if found is None or found[2] not in _SIZES:
        raise ValueError(f"{value!r} is not a size: write a number and a unit, as in 512 KiB or 1 MiB")
    return int(found[1]) * _SIZES[found[2]]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | re.Pattern) else value


def _resolvable(url: str) -> str:
    parse(url)
    return url


def show_size(size: int) -> str:
    """Bytes as a person writes them."""
    if size % 1024**2 == 0:
        return f"{size // 1024**2} MiB"
    return f"{size // 1024} KiB" if size % 1024 == 0 else f"{size} B"


Url = Annotated[HttpUrl, AfterValidator(_resolvable), PlainSerializer(redact_url, return_type=str)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretText, AfterValidator(_header_value)]
Method = Annotated[str, Field(pattern=r"^[A-Z][A-Z-]{0,31}$", examples=["GET", "HEAD", "POST"])]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(gt=0, le=MAX_BODY),
    PlainSerializer(show_size, return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["512 KiB", "1 MiB"]}),
]
"""Bytes, written as ``1 MiB`` or ``64 KiB``."""
Text = Annotated[str, Field(min_length=1)]


def _one_or_more(inner: Any) -> Any:
    return {"anyOf": [inner, {"type": "array", "items": inner}]}


Texts = Annotated[
    tuple[Text, ...], BeforeValidator(_listed), WithJsonSchema(_one_or_more({"type": "string", "minLength": 1}))
]
Patterns = Annotated[
    tuple[Regex, ...], BeforeValidator(_listed), WithJsonSchema(_one_or_more({"type": "string", "format": "regex"}))
]


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


class HttpOptions(KindOptions):
    """Requests a URL, over a fresh connection each time, and judges the answer."""

    url: Annotated[Url, Field(repr=False)]
    """What to request. A login in it (https://user:password@host/) is sent as basic authentication and never shown."""
    method: Method = "GET"
    """The request's method."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Headers to send; they replace those that a check would send by itself. Their values are never shown."""
    body: SecretText | None = None
    """The request's body, sent as it stands; give its Content-Type under headers. It is never shown."""
    follow_redirects: bool = True
    """Follow redirects and judge the last answer; otherwise the redirect itself is judged."""
    max_redirects: Annotated[int, Field(ge=0, le=50)] = 10
    """More redirects than this are a failure."""
    max_body: Size = 1024**2
    """Reading stops here (decompressed bytes), and a larger answer is a failure."""
    verify: bool = True
    """Verify the certificate and the host's name in it. Without, anyone on the way may answer."""
    ca_file: Path | None = None
    """A file of CA certificates (PEM) to trust instead of the system's."""
    correlate: bool = True
    """Send X-Request-ID and traceparent, so that the target's logs and traces can be found from a failed check."""
    expect: Expect = Expect()
    """What the answer must be."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"ca_file: {self.ca_file} is not a file")
        if self.body is not None and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} request has no body: set method, as in method: POST")
        if self.method == "HEAD" and self.expect.reads_body:
            raise ValueError("the answer to HEAD has no body: expect nothing of it, or use GET")
        return self

    @cached_property
    def where(self) -> Target:
        """The URL, taken apart."""
        return parse(self.url)

    @cached_property
    def request(self) -> Request:
        """What the first hop sends, correlation headers apart."""
        headers = {name: value.reveal() for name, value in self.headers.items()}
        body = None if self.body is None else self.body.reveal().encode()
        return lay_out(self.where, self.method, headers, body)

    def target(self) -> str:
        return redact_url(self.url)

    def host(self) -> str:
        return self.where.host
