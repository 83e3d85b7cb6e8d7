"""What pydantic found, in sentences that say what to write instead. Pure: (error) -> sentence.

A message may quote the value it is about, except where that value is hidden because it came from the environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

_LOGIN = re.compile(r"(?<=://)[^/?#\s@]*@")
MASK: Final = "***"
_RUN: Final = 4  # so many letters in a row of a hidden value are a leak; fewer are a coincidence
_KNOWN_SHOWN: Final = 12
_TAG: Final = 40


def sentence(error: ErrorDetails, *, hidden: bool = False) -> str | None:
    """The sentence for one error; None when it can only be said by showing a value that must stay hidden."""
    write = _SENTENCES.get(error["type"])
    if write is not None:
        return write("" if hidden else _quoted(error["input"]), error.get("ctx") or {}, error["input"])
    if hidden:
        return None
    if error["type"] in ("value_error", "assertion_error"):
        said = str((error.get("ctx") or {}).get("error", ""))
        return said.partition("\n")[0] or error["msg"]
    return error["msg"]


def suggest(word: str, known: Iterable[str]) -> str:
    """``did you mean `timeout`?``, or else everything that it could have been."""
    names = sorted(set(known))
    if len(word) > 2 and (longer := [name for name in names if name.startswith(word.lower())]):
        return f"did you mean `{longer[0]}`?"
    if close := difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6):
        return f"did you mean `{close[0]}`?"
    if not names:
        return "none is known here"
    rest = f" and {len(names) - _KNOWN_SHOWN} more" if len(names) > _KNOWN_SHOWN else ""
    return f"known here: {', '.join(names[:_KNOWN_SHOWN])}{rest}"


def mask(message: str, secrets: Iterable[str]) -> str:
    """A message without any run of four letters of a secret (nor a shorter secret as a whole)."""
    folded = message.lower()
    hidden = [False] * len(folded)
    for secret in secrets:
        width = min(_RUN, len(secret))
        runs = {secret[i : i + width].lower() for i in range(len(secret) - width + 1)} - {""}
        for start in range(len(folded) - width + 1):
            if folded[start : start + width] in runs:
                hidden[start : start + width] = [True] * width
    if not any(hidden) or len(folded) != len(message):
        return MASK if any(hidden) else message
    letters = ((MASK if not (i and hidden[i - 1]) else "") if hidden[i] else letter for i, letter in enumerate(message))
    return "".join(letters)


def tidy(message: str) -> str:
    """One printable line of bounded length without a URL's password, whatever a value brought with it."""
    message = _LOGIN.sub(f"{MASK}@", message)
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)
    return line if len(line) <= 600 else f"{line[:600]}…"


def _quoted(value: object) -> str:
    """``, not 'abc'``: the end of a sentence, or nothing where the value is too large to help."""
    if value is None:
        return ", not left empty"
    if isinstance(value, dict):
        return ", not a mapping"
    if isinstance(value, list):
        return ", not a list"
    text = repr(value)
    return f", not {text}" if len(text) <= 80 else ""


_Write = Callable[[str, Mapping[str, Any], object], str]


def _text(quoted: str, _context: Mapping[str, Any], value: object) -> str:
    if isinstance(value, int | float):
        return f"must be text{quoted}: put it in quotes"
    return f"must be text{quoted}"


def _count(noun: str) -> _Write:
    def write(_quoted: str, context: Mapping[str, Any], _value: object) -> str:
        bound = context.get("min_length", context.get("max_length"))
        if bound == 1 and "min_length" in context:
            return "must not be empty"
        return f"must have at {'least' if 'min_length' in context else 'most'} {bound} {noun}"

    return write


def _always(words: str) -> _Write:
    return lambda quoted, _context, _value: f"{words}{quoted}"


def _bound(words: str, key: str) -> _Write:
    return lambda quoted, context, _value: f"{words} {_plain(context[key])}{quoted}"


def _plain(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _one_of(quoted: str, context: Mapping[str, Any], _value: object) -> str:
    expected = context["expected"].replace(" or ", ", ")
    return f"must be {'one of ' if ',' in expected else ''}{expected}{quoted}"


def _chosen(quoted: str, context: Mapping[str, Any], _value: object) -> str:
    """One of several groups of keys, by the value of one key."""
    shown = f", not '{context['tag']}'" if quoted and len(str(context["tag"])) <= _TAG else ""
    return f"{context['discriminator'].strip(chr(39))} must be one of {context['expected_tags']}{shown}"


_WHOLE = _always("must be a whole number")
_NUMBER = _always("must be a number")
_SWITCH = _always("must be true or false")
_MAPPING = _always("must be a mapping of keys to values")
_LIST = _always("must be a list")

_SENTENCES: Final[Mapping[str, _Write]] = {
    "union_tag_invalid": _chosen,
    "union_tag_not_found": lambda _quoted, context, _value: f"needs a {context['discriminator'].strip(chr(39))}",
    "missing": lambda _quoted, _context, _value: "is required",
    "string_type": _text,
    "string_sub_type": _text,
    "string_too_short": _count("characters"),
    "string_too_long": _count("characters"),
    "too_short": _count("entries"),
    "too_long": _count("entries"),
    "string_pattern_mismatch": _bound("must match", "pattern"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "literal_error": _one_of,
    "enum": _one_of,
    "greater_than_equal": _bound("must be at least", "ge"),
    "greater_than": _bound("must be more than", "gt"),
    "less_than_equal": _bound("must be at most", "le"),
    "less_than": _bound("must be less than", "lt"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
}
