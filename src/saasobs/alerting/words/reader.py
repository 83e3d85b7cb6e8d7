"""Whoever reads a message: a language, and a wall with a clock on it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from saasobs.alerting.words.catalogue import Words
from saasobs.alerting.words.english import ENGLISH
from saasobs.alerting.words.portuguese import PORTUGUESE
from saasobs.alerting.words.sentences import Figures, Phrases, translate
from saasobs.alerting.words.spanish import SPANISH
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import SECOND, to_datetime

LANGUAGES: Final[Mapping[str, Words]] = MappingProxyType({"en": ENGLISH, "es": SPANISH, "pt": PORTUGUESE})
_LETTERS: Final = re.compile(r"[A-Z]{2,6}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Words, and times of one zone. Made by `reader`."""

    words: Words
    zone: tzinfo

    def clock(self, moment: int, now: int) -> str:
        """``14:03 UTC``; with the date when that is another day than `now`'s on this wall."""
        local = self._local(moment)
        return self.words.clock(local, zone_name(local), dated=local.date() != self._local(now).date())

    def dated(self, moment: int) -> str:
        """The same, always with the date."""
        local = self._local(moment)
        return self.words.clock(local, zone_name(local), dated=True)

    def span(self, micros: int) -> str:
        """For people: whole seconds."""
        if micros >= SECOND:
            return self.words.span(micros // SECOND * SECOND)
        return _LESS[self.words.code]

    def fine(self, micros: int) -> str:
        """The same of what is measured: milliseconds."""
        return self.words.span(micros)

    def reason(self, reason: Reason) -> str:
        """Its human sentence; English where this language misses it."""
        return self.words.reasons.get(reason) or REASONS[reason]

    def sentence(self, text: str, now: int) -> str:
        """A sentence of ours in this language, or as it is."""
        if not self.words.forms:
            return text
        return _translated(text, self.words.code, self, now // _MINUTE * _MINUTE)

    def _local(self, moment: int) -> datetime:
        try:
            return to_datetime(moment).astimezone(self.zone)
        except (OverflowError, ValueError):  # year 1 or 9999 is not on every wall
            return to_datetime(moment)


_MINUTE: Final = 60 * SECOND
_LESS: Final = {"en": "less than 1s", "es": "menos de 1 s", "pt": "menos de 1 s"}


def reader(language: str, timezone: str) -> Reader:
    """English for a language, and UTC for a zone, that is not known here."""
    return Reader(LANGUAGES.get(language, ENGLISH), _zone(timezone))


def zone_name(local: datetime) -> str:
    """``UTC``, ``EST``; most zones of Latin America have no letters in the tz database: ``UTC-5``."""
    name = local.tzname() or ""
    if _LETTERS.fullmatch(name):
        return name
    offset = local.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "") if minutes else "UTC"


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        return UTC


@cache
def _phrases(code: str) -> Phrases:
    words = LANGUAGES[code]
    reasons = {sentence: words.reasons.get(reason, sentence) for reason, sentence in REASONS.items()}
    return Phrases(words.forms, words.details, words.small, reasons)


@lru_cache(maxsize=2_048)
def _translated(text: str, code: str, who: Reader, now: int) -> str:
    """Storms bring the same sentence many times."""
    figures = Figures(
        number=lambda figure: who.words.decimal(figure if who.words.code == "en" else figure.removesuffix(".0")),
        span=who.fine,
        moment=lambda moment, dated: who.dated(moment) if dated else who.clock(moment, now),
    )
    return translate(text, _phrases(code), figures)
