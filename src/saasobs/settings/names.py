"""Names, lists of names, and numbers that no switch can stand for: field types that several groups of keys share."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

NAME_LENGTH: Final = 100


def valid_name(value: str) -> str:
    """The name of a monitor, a channel, a policy or a tag, in any alphabet. :raises ValueError:"""
    kinds = [unicodedata.category(letter)[0] for letter in value]
    if not value or len(value) > NAME_LENGTH:
        raise ValueError(f"a name has 1 to {NAME_LENGTH} characters")
    if kinds[0] not in "LN" or value[-1] == " " or unicodedata.normalize("NFC", value) != value:
        raise ValueError(f"{value!r} is no name: it begins with a letter or digit and ends without a space")
    if odd := next((a for a, kind in zip(value, kinds, strict=True) if kind not in "LMN" and a not in " ._/-"), None):
        raise ValueError(f"{value!r} is no name: it holds {odd!r}; take letters, digits, spaces and . _ / -")
    return value


Name = Annotated[
    str, AfterValidator(valid_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": NAME_LENGTH})
]


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One name, or a list of them."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"must be a whole number, not {str(value).lower()}")  # noqa: TRY004 - pydantic catches this
    return value


NOT_A_SWITCH: Final = BeforeValidator(_number)
