"""Places to look, from templates: ``https://grafana.example/d/x?var-service={service}``. Pure."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

PLACEHOLDERS: Final = ("service", "trace_id", "correlation_id", "monitor", "incident", "tenant")


def placeholders(template: str) -> tuple[str, ...]:
    """The names in braces. :raises ValueError: a brace that is not closed, or what stands in it is not one of ours."""
    names = []
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if name not in PLACEHOLDERS or form or conversion:
            raise ValueError(f"{{{name}}} is not known: there are {', '.join(f'{{{one}}}' for one in PLACEHOLDERS)}")
        names.append(name)
    return tuple(names)


def render(template: str, facts: Mapping[str, str]) -> str:
    """The URL, each fact encoded for it; empty when one of those it needs is not known."""
    names = placeholders(template)
    if not all(facts.get(name) for name in names):
        return ""
    return template.format_map({name: quote(facts[name], safe="") for name in names})
