r"""What Django's resolver matched, as a template: `orders/<int:pk>/` is `/orders/{pk}/`.

`ResolverMatch.route` is the text of all patterns on the way, put together: of `path()`, of `re_path()` (regular
expressions), of included URLconfs and of a language prefix. Regular expressions are made readable: a group is its name
in braces, `{}` where it has none; anchors, quantifiers and look-arounds go; of alternatives the first stands for all.

Pure, and safe for any text: what it cannot read becomes braces, never an exception; what is too long is cut.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

TEMPLATE_LIMIT: Final = 300
_CONVERTER: Final = re.compile(r"<(?:[^<>:]+:)?([A-Za-z_]\w*)>")
_REGULAR: Final = re.compile(r"[\\^$()\[\]|]")
_NAMED: Final = re.compile(r"\(\?P<(\w+)>")
_PLAIN: Final = re.compile(r"\(\?[a-zA-Z-]*:|\(\?>")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_ANCHORS: Final = frozenset("AbBZ")
_ANYTHING: Final = "{}"
_DEPTH: Final = 20


@lru_cache(maxsize=4096)
def django_template(route: str) -> str:
    """The template of a matched route, a slash before it."""
    # A converter of a `path()` may stand before or after an expression, so the reader knows both.
    regular = _REGULAR.search(route)
    route = _Expression(route[: 4 * TEMPLATE_LIMIT]).read() if regular else _CONVERTER.sub(r"{\1}", route)
    route = route if route.startswith("/") else f"/{route}"
    return route if len(route) <= TEMPLATE_LIMIT else route[: TEMPLATE_LIMIT - 1] + "…"


class _Expression:
    """A reader of one regular expression, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self, depth: int = 0) -> str:
        """What the expression says until its group (or the text) ends; the closing parenthesis is read over."""
        parts: list[str] = []
        shown = True  # until the first `|`
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == ")":
                self._at += 1
                if depth:
                    break
                continue
            if letter == "|":
                self._at += 1
                shown = False
                continue
            part = self._quantified(self._part(letter, depth))
            if shown and part and not (parts and part == parts[-1] == _ANYTHING):
                parts.append(part)
        return "".join(parts)

    def _part(self, letter: str, depth: int) -> str:
        if letter == "(":
            return self._group(depth)
        if letter == "[":
            return self._set()
        if letter == "<":
            found = _CONVERTER.match(self._text, self._at)
            if found:
                self._at = found.end()
                return f"{{{found[1]}}}"
        self._at += 1
        if letter == "\\":
            return self._escape()
        return "" if letter in "^$?*+" else letter

    def _escape(self) -> str:
        letter = self._text[self._at : self._at + 1]
        self._at += 1
        if letter in _ANCHORS:
            return ""
        return _ANYTHING if letter.isalnum() else letter

    def _set(self) -> str:
        """`[0-9]`: a closing bracket that comes first is one of its letters."""
        self._at += 1
        first = True
        while self._at < len(self._text):
            letter = self._text[self._at]
            self._at += 2 if letter == "\\" else 1
            if letter == "]" and not first:
                break
            first = first and letter == "^"
        return _ANYTHING

    def _group(self, depth: int) -> str:
        named = _NAMED.match(self._text, self._at)
        plain = _PLAIN.match(self._text, self._at)
        extension = self._text.startswith("(?", self._at)
        self._at = (named or plain).end() if named or plain else self._at + 1  # type: ignore[union-attr]
        if depth >= _DEPTH:
            self._at = len(self._text)
            return _ANYTHING
        inside = self.read(depth + 1)
        if named:
            return f"{{{named[1]}}}"
        if plain:
            return inside
        return "" if extension else _ANYTHING

    def _quantified(self, part: str) -> str:
        """Read over what says how often; a dot that comes often is anything."""
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            return part
        self._at = found.end()
        return _ANYTHING if part == "." and found[0] != "?" else part
