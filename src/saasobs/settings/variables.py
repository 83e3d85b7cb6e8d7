"""``${VAR}`` and ``${VAR:-default}`` in a text, taken from an environment that is handed in.

It works on values that the parser has already separated, so that a variable can never bring in YAML of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from saasobs.core.values import Secret

_VARIABLE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|)")
MASK = "***"


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A piece of a value that came from the environment, and may therefore be a secret."""

    variable: str
    value: Secret


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text with its variables filled in; `problems` are sentences, one for each that could not be."""

    text: str
    borrowed: tuple[Borrowed, ...] = ()
    problems: tuple[str, ...] = ()


def substitute(text: str, environ: Mapping[str, str]) -> Substituted:
    """Fill in every variable once; what a variable holds is not looked into again.

    A default (which applies to an unset and to an empty variable, as in a shell) stands in the file, so it counts
    as no secret. ``$${`` writes a literal ``${``.
    """
    borrowed: list[Borrowed] = []
    problems: list[str] = []

    def fill(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        if found["escaped"]:
            return "${"
        if not name:
            problems.append("`${` is not followed by a variable's name and `}`; for the text itself write `$${`")
            return ""
        value = environ.get(name)
        if value is None and default is None:
            problems.append(f"the environment variable {name} is not set; `${{{name}:-…}}` would give it a default")
            return ""
        if default is not None and not value:
            return default
        if not _is_text(value or ""):
            problems.append(f"the environment variable {name} holds something that is not UTF-8 text")
            return ""
        borrowed.append(Borrowed(name, Secret(value or "")))
        return value or ""

    return Substituted(_VARIABLE.sub(fill, text), tuple(borrowed), tuple(problems))


def _is_text(value: str) -> bool:
    """Python hands over undecodable bytes of the environment as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
