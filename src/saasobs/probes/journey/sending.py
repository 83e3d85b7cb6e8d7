"""From a step and the variables to its request, and to its request line as people may see it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson

from saasobs.core.redact import redact_url
from saasobs.core.result import Reason
from saasobs.probes.http.request import Request, follow, lay_out
from saasobs.probes.http.target import parse
from saasobs.probes.inquiry import Trouble
from saasobs.probes.journey.options import JourneyOptions, Step
from saasobs.probes.journey.template import Template, as_text, fill_json
from saasobs.probes.journey.variables import Variables
from saasobs.probes.verdict import short

_KEEPS_ALL: Final = 307
"""The redirect that changes nothing about a request but where it goes."""


def prepare(options: JourneyOptions, step: Step, variables: Variables) -> tuple[Request, str]:
    """The request, and its line without secrets.

    A URL that an answer gave (a variable at its very beginning) is followed as a redirect would be: what may be a
    credential does not leave the origin of `base_url`.

    :raises Trouble: what an answer gave makes no request.
    """
    values = variables.values
    url = _url(step.url, values)
    body, content_type = _body(step, values)
    headers = _headers(options, step, values, content_type)
    try:
        if options.base is not None and step.url.leading in variables.extracted:
            request = follow(lay_out(options.base, step.method, headers, body), _KEEPS_ALL, url)
        else:
            whole = urljoin(options.base_url or "", url)
            request = lay_out(parse(whole), step.method, headers, body)
    except ValueError as error:
        raise Trouble(Reason.RESPONSE_MISMATCH, f"{step.url.text} makes no URL: {short(str(error))}") from error
    return request, f"{step.method} {_shown(options, step, variables.shown())}"


def _url(template: Template, values: Mapping[str, Any]) -> str:
    """Percent-encoded but for a variable at the very beginning."""
    first = as_text(values[template.leading]) if template.leading else ""
    rest = Template("", template.pieces[1:] if template.leading else template.pieces)
    return first + rest.fill(values, lambda text: quote(text, safe=""))


def _shown(options: JourneyOptions, step: Step, shown: Mapping[str, Any]) -> str:
    masked = {name: shown[name] for name in step.url.names}
    text = step.url.fill(masked)
    if not urlsplit(text).scheme and options.base is not None:
        text = urljoin(options.base.shown, text)
    return short(redact_url(text), 200)


def _body(step: Step, values: Mapping[str, Any]) -> tuple[bytes | None, str]:
    """The body, and its media type where the step need not say it."""
    if step.body is not None:
        return Template.parse(step.body.reveal()).fill(values).encode(), ""
    if step.json_ is not None:
        return orjson.dumps(fill_json(step.json_, values)), "application/json"
    if step.form is not None:
        fields = {name: Template.parse(value.reveal()).fill(values) for name, value in step.form.items()}
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    return None, ""


def _headers(options: JourneyOptions, step: Step, values: Mapping[str, Any], content_type: str) -> dict[str, str]:
    own = {name.lower() for name in step.headers}
    given = {name: value for name, value in options.headers.items() if name.lower() not in own} | step.headers
    filled = {name: Template.parse(value.reveal()).fill(values) for name, value in given.items()}
    for name, value in filled.items():
        if not value.isprintable() or value != value.strip():
            raise Trouble(Reason.RESPONSE_MISMATCH, f"a variable makes the header {name} invalid")
    if content_type and not any(name.lower() == "content-type" for name in filled):
        filled["Content-Type"] = content_type
    return filled
