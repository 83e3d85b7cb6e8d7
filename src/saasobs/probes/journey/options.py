"""What a person may write for a monitor of kind journey. The docstrings are the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from saasobs.core.values import Secret
from saasobs.options import Options, PositiveDuration, Regex, SecretText
from saasobs.probes.conditions import JsonPath
from saasobs.probes.http.options import Expect, HeaderName, HeaderValue, Method, Size, Url
from saasobs.probes.http.target import Target, parse
from saasobs.probes.journey.template import Template, has_placeholder, names_in
from saasobs.probes.net.options import NetworkOptions, TlsOptions, TrustOptions
from saasobs.probes.verdict import Timed

_STEP_NAME = re.compile(r"[^\W_](?:[\w ./+-]{0,58}[\w.+])?")


def _step_name(value: str) -> str:
    if not _STEP_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no step's name: 1 to 60 letters, digits, spaces and . _ / + -")
    return value


def _template(value: Secret) -> Secret:
    Template.parse(value.reveal())
    return value


def _json(value: object) -> object:
    if value is not None:
        names_in(value)
    return value


StepName = Annotated[str, AfterValidator(_step_name)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
SecretTemplate = Annotated[SecretText, AfterValidator(_template)]
HeaderTemplate = Annotated[HeaderValue, AfterValidator(_template)]
JsonBody = Annotated[
    Any, AfterValidator(_json), PlainSerializer(lambda value: value and "***"), WithJsonSchema({}), Field(repr=False)
]


class ExtractOptions(Options, defer_build=True):
    """Where a variable's value stands in the answer: `json`, `header` or `regex`; `header` with `regex` looks into that
    header. A bare `$.path` is short for `{json: $.path}`."""

    json_: JsonPath | None = Field(default=None, alias="json")
    """A JSONPath (RFC 9535) into the body; the first value that it selects, which keeps its type."""
    header: HeaderName | None = None
    """A header of the answer."""
    regex: Regex | None = None
    """A regular expression over the body (or the header); its first group, or all that it matched."""

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: object) -> object:
        return {"json": value} if isinstance(value, str) and value.startswith("$") else value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.json_ is not None and (self.header is not None or self.regex is not None):
            raise ValueError("json stands alone: take either json, or header and regex")
        if self.json_ is None and self.header is None and self.regex is None:
            raise ValueError("needs one of json, header and regex")
        return self

    def __str__(self) -> str:
        """For a sentence."""
        if self.json_ is not None:
            return str(self.json_)
        where = f"header {self.header}" if self.header else "body"
        return f"{self.regex.pattern} in the {where}" if self.regex else where

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": r"^\$"}, handler(schema)]}


class Step(Options, defer_build=True):
    """One request and what its answer must be. `{{ name }}` stands for a variable in `url`, the values of `headers` and
    `form`, `body`, `json` and, under `expect`, in the texts of `body_contains`, `body_not_contains` and `json`."""

    name: StepName
    """What the step is called in results and messages; no two steps share a name."""
    url: Template
    """What to request: a whole URL, or a path below `base_url`. Variables are percent-encoded, but for one at the very
    beginning, which is taken for a URL or path itself."""
    method: Method = "GET"
    """The request's method."""
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict)
    """Headers to send, beside the journey's own. Their values are never shown."""
    body: SecretTemplate | None = None
    """The request's body, as text; give its Content-Type under headers. It is never shown."""
    json_: JsonBody = Field(default=None, alias="json")
    """The request's body, as JSON. A variable that is alone in its text keeps its type: `"{{ id }}"` may be a number.
    It is never shown."""
    form: dict[str, SecretTemplate] | None = None
    """The request's body, as the fields of a form. Their values are never shown."""
    timeout: PositiveDuration | None = None
    """The step may take so long; by default as long as the journey has left."""
    follow_redirects: bool = True
    """Follow redirects and judge the last answer; otherwise the redirect itself is judged."""
    extract: dict[VariableName, ExtractOptions] = Field(default_factory=dict)
    """Variables for later steps, taken from the answer; the step fails when one is not there."""
    expect: Expect = Expect()
    """What the answer must be, as for the kind `http`; times are the step's own."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {"body": self.body, "json": self.json_, "form": self.form}
        bodies = [key for key, value in given.items() if value is not None]
        if len(bodies) > 1:
            raise ValueError(f"one body only: {' or '.join(bodies)}")
        if bodies and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} request has no body: set method, as in method: POST")
        if self.method == "HEAD" and self.expect.reads_body:
            raise ValueError("the answer to HEAD has no body: expect nothing of it, or use GET")
        fixed = [*self.expect.body_matches, *self.expect.body_not_matches, *self.expect.headers.values()]
        if any(has_placeholder(pattern.pattern) for pattern in fixed):
            raise ValueError("regular expressions take no variables: use body_contains or json")
        self.needs  # noqa: B018 - whatever is wrong with a placeholder is told with the step's place in the file
        return self

    @cached_property
    def needs(self) -> frozenset[str]:
        """The variables that it takes."""
        secrets = [*self.headers.values(), *(self.form or {}).values(), *([self.body] if self.body else [])]
        texts = [*(one.reveal() for one in secrets), *self.expect.body_contains, *self.expect.body_not_contains]
        wanted = [
            term.wanted for each in self.expect.json_.values() for term in each.terms if term.sign != "matches"
        ]  # fmt: skip
        return self.url.names.union(*(names_in(value) for value in (*texts, self.json_, *wanted)))


class JourneyExpect(Timed, defer_build=True):
    """How long the whole journey may take, the clean-up not counted."""


class JourneyOptions(NetworkOptions, TrustOptions, defer_build=True):
    """Several HTTP requests in a row (HTTP/1.1) that share cookies, variables and connections. It ends at the first
    step that fails; `cleanup` runs all the same. Its phases are its steps."""

    example: ClassVar[str] = """\
name: checkout
kind: journey
base_url: https://shop.acme.example
timeout: 20s
variables:
  user: probe@acme.example
  password: "${CHECKOUT_PASSWORD:-for-the-probe-only}"
steps:
  - name: sign in
    method: POST
    url: /login
    form: {user: "{{ user }}", password: "{{ password }}"}
    expect: {status: [200, 303]}
  - name: order
    method: POST
    url: /orders
    json: {sku: tea-500g, quantity: 1}
    extract: {order: $.id}
    expect: {status: 201, degraded_over: 2s}
  - name: pay
    method: POST
    url: /orders/{{ order }}/payment
    json: {card: test}
    expect: {json: {"$.order": "{{ order }}", "$.state": paid}}
cleanup:
  - name: cancel
    method: DELETE
    url: /orders/{{ order }}
"""
    observations: ClassVar[Mapping[str, str]] = {
        "steps": "Each step in turn: its name, outcome, duration and phases (µs), URL, status and address.",
        "failed_step": "The name of the step that decided the verdict.",
        "trace_id": "The trace that all steps belong to, where `correlate` is on.",
        "request_id": "X-Request-ID of the last answer.",
        "server_timing": "Server-Timing of the last answer.",
        "certificate": "Of all certificates met the one that expires first, or the one that was refused.",
    }

    base_url: Annotated[Url | None, Field(repr=False)] = None
    """Scheme, host and port of the steps that give a path only. A login in it (https://user:password@host) is sent as
    basic authentication and never shown."""
    variables: dict[VariableName, SecretText] = Field(default_factory=dict)
    """Values for every step, as from the environment (`"${SHOP_PASSWORD}"`). They count as secrets and are never
    shown."""
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict)
    """Headers that every step sends, unless it has its own of that name. Their values are never shown."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)]
    """The steps, in order."""
    cleanup: Annotated[tuple[Step, ...], Field(max_length=20)] = ()
    """Steps that run at the end whatever has happened: a fifth of the time-out is kept for them. One that needs a
    variable which the journey did not get to is left out. A failure here makes the journey degraded at most."""
    max_redirects: Annotated[int, Field(ge=0, le=50)] = 10
    """More redirects than this within one step are a failure."""
    max_body: Size = 1024**2
    """Reading an answer stops here (decompressed bytes), and a larger one is a failure."""
    correlate: bool = True
    """Send X-Request-ID and traceparent with every step, so that the target's logs and traces can be found."""
    expect: JourneyExpect = JourneyExpect()
    """What is expected of the journey as a whole."""

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        problems = [*self._base_problems(), *self._name_problems(), *self._variable_problems(), *self._url_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _base_problems(self) -> Iterator[str]:
        parts = urlsplit(self.base_url or "")
        if parts.path.strip("/") or parts.query or parts.fragment:
            yield "base_url is scheme, host and port only: write the path into each step's url"
        if self.address is not None and self.base_url is None:
            yield "address stands for the host of base_url: set that too"

    def _name_problems(self) -> Iterator[str]:
        names = [step.name for step in self.all_steps]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f'two steps are called "{name}"'

    def _variable_problems(self) -> Iterator[str]:
        known = set(self.variables)
        yield from _unknown("headers", frozenset[str]().union(*map(_names, self.headers.values())), known)
        for step in self.steps:
            yield from _unknown(f'step "{step.name}"', step.needs, known)
            known |= step.extract.keys()
        for step in self.cleanup:
            yield from _unknown(f'clean-up step "{step.name}"', step.needs, known)
            known |= step.extract.keys()

    def _url_problems(self) -> Iterator[str]:
        for step in self.all_steps:
            if step.url.leading:
                continue
            stand_in = step.url.fill(dict.fromkeys(step.url.names, "x"))
            if urlsplit(stand_in).scheme not in ("http", "https"):
                if self.base_url is None:
                    yield f'step "{step.name}": its url needs a base_url, or has to begin with http:// or https://'
                continue
            try:
                parse(stand_in)
            except ValueError as error:
                yield f'step "{step.name}": {error}'

    @property
    def all_steps(self) -> tuple[Step, ...]:
        return (*self.steps, *self.cleanup)

    @cached_property
    def base(self) -> Target | None:
        """`base_url`, taken apart."""
        return parse(self.base_url) if self.base_url else None

    @cached_property
    def trust(self) -> TlsOptions:
        """For every connection by TLS."""
        return TlsOptions(**{key: getattr(self, key) for key in TrustOptions.model_fields})

    @cached_property
    def elsewhere(self) -> Self:
        """For hosts other than that of `base_url`, which `address` is not for."""
        return self.model_copy(update={"address": None})

    def target(self) -> str:
        count = f"{len(self.steps)} step{'s' * (len(self.steps) > 1)}"
        first = self.base
        if first is None and not self.steps[0].url.leading:
            first = parse(self.steps[0].url.fill(dict.fromkeys(self.steps[0].url.names, "x")))
        return f"{count} at {first.scheme}://{urlsplit(first.shown).netloc}" if first else count

    def host(self) -> str:
        return self.base.host if self.base else ""


def _names(value: Secret) -> frozenset[str]:
    return names_in(value.reveal())


def _unknown(where: str, needed: frozenset[str], known: set[str]) -> Iterator[str]:
    for name in sorted(needed - known):
        hint = f"known here: {', '.join(sorted(known))}" if known else "none is known here"
        yield f"{where} takes {{{{ {name} }}}}, which neither variables nor an earlier step gives ({hint})"
