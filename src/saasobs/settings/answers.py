"""The keys about how people answer to incidents."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.options import Options, PositiveDuration

_SHORTEST: Final = 5 * MINUTE
_LONGEST: Final = 7 * DAY


def _lasting(value: int) -> int:
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError("must be from 5m to 7d: whoever comes by the message can answer for so long")
    return value


class AnswersOptions(Options):
    """How people answer to incidents."""

    link_lasts: Annotated[PositiveDuration, AfterValidator(_lasting)] = 24 * HOUR
    """How long the signed link of a text message or an e-mail can be used. There are such links where `ingest.base_url`
    (or `web.base_url`) says under which address telephones reach this daemon."""
