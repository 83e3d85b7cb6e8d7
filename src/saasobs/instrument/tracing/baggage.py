"""W3C Baggage (https://www.w3.org/TR/baggage/), reading only: what a caller sent goes on, as far as it is valid. Pure.

Nothing of ours is ever put into it: baggage travels to everyone who is called from here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MEMBERS: Final = 64
BYTES: Final = 8192
"""The standard's own limits, which each hop has to let pass."""

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 - the grammar's word for a name
_VALUE: Final = r"[!#-+\--:<-\[\]-~]*+"
_OWS: Final = r"[ \t]*+"
_MEMBER = re.compile(rf"{_TOKEN}{_OWS}={_OWS}{_VALUE}{_OWS}(?:;{_OWS}{_TOKEN}{_OWS}(?:={_OWS}{_VALUE}{_OWS})?)*+")


def parse_baggage(headers: Sequence[str]) -> str:
    """What goes on to those we call, from the values of every `baggage` header; members that are not valid are not.

    Values stay percent-encoded as they came. Beyond the limits it ends with the last member that fits.
    """
    kept: list[str] = []
    length = -1
    for text in ",".join(headers)[: 2 * BYTES].split(","):
        member = text.strip(" \t")
        if not _MEMBER.fullmatch(member):
            continue
        length += len(member) + 1
        if length > BYTES or len(kept) == MEMBERS:
            break
        kept.append(member)
    return ",".join(kept)
