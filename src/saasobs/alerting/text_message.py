"""The layout of a text message: one GSM-7 segment, whatever has to go into it. Pure; the words come ready made.

``DOWN api: status 500, expected 200-299 14:01 UTC #k3v9m2xa https://alerts.acme.example/a/…``

Never cut: the state (in capitals, first, since it is what a lock screen shows), the incident's ID and the link that
acknowledges it. What gives way when it is too long, in this order:

1. what was seen, behind a reason: "the host did not accept the connection in time" stays;
2. name and sentence share what room there is: their middles go, the name keeps at least half;
3. the note that it comes late;
4. the time;
5. the sentence, then the name.

A link with a letter that the alphabet lacks, or so long that state and ID have no room beside it, is left out whole:
half a link opens nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting import gsm7

_LEGIBLE: Final = 24
"""Septets of a name, and of a sentence, that still say something."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The parts. None is folded yet."""

    state: str
    identity: str
    """``#`` and the ID."""
    name: str = ""
    sentence: str = ""
    plainer: str = ""
    """A shorter sentence, should there be no room for the whole of that one; empty: it is cut."""
    time: str = ""
    late: str = ""
    link: str = ""


def one_segment(parts: TextMessage) -> str:
    """At most 160 septets."""
    state, identity = gsm7.fold(parts.state), gsm7.fold(parts.identity)
    link = fitting_link(parts.link, gsm7.SEGMENT - gsm7.septets(f"{state} {identity} "))
    name, sentence, plainer = gsm7.fold(parts.name), gsm7.fold(parts.sentence), gsm7.fold(parts.plainer)
    time, late = gsm7.fold(parts.time), gsm7.fold(parts.late)
    wanted = min(gsm7.septets(name), _LEGIBLE) + (2 + min(gsm7.septets(sentence), _LEGIBLE) if sentence else 0)
    for kept in ((time, late), (time,), ()):
        tail = _joined(*kept, identity, link)
        room = gsm7.SEGMENT - gsm7.septets(f"{state}  {tail}")
        if room >= wanted:
            over = gsm7.septets(f"{name}: {sentence}") > room
            return _joined(state, _shared(name, plainer if over and plainer else sentence, room), tail)
    return _joined(state, gsm7.cut(name, max(0, room)), tail)


def with_names(parts: TextMessage, names: Sequence[str]) -> str:
    """The same about many: as many names as fit stand for name and sentence, and how many are left."""
    state, identity = gsm7.fold(parts.state), gsm7.fold(parts.identity)
    link = fitting_link(parts.link, gsm7.SEGMENT - gsm7.septets(f"{state} {identity} "))
    time, late = gsm7.fold(parts.time), gsm7.fold(parts.late)
    for kept in ((time, late), (time,), ()):
        tail = _joined(*kept, identity, link)
        room = gsm7.SEGMENT - gsm7.septets(f"{state}:  {tail}")
        if room >= _LEGIBLE:
            return f"{state}: {_named(names, room)} {tail}"
    return _joined(state, tail)


def fitting_link(link: str, room: int) -> str:
    """The link, or nothing when it cannot stand there whole."""
    good = set(link) <= (gsm7.BASIC | gsm7.EXTENDED) - {" ", "\n", "\r", "\f"}
    return link if good and gsm7.septets(link) <= room else ""


def _shared(name: str, sentence: str, room: int) -> str:
    if not sentence:
        return gsm7.cut(name, room)
    room -= 2
    name = gsm7.cut(name, max(room // 2, room - gsm7.septets(sentence)))
    return f"{name}: {gsm7.cut(sentence, room - gsm7.septets(name))}"


def _named(names: Sequence[str], room: int) -> str:
    every = [gsm7.fold(name) for name in names]
    for shown in range(min(len(every), room // 2), 1, -1):
        left = f" +{len(every) - shown}" if shown < len(every) else ""
        if gsm7.septets(text := ", ".join(every[:shown]) + left) <= room:
            return text
    left = f" +{len(every) - 1}" if len(every) > 1 else ""
    return gsm7.cut(every[0], room - len(left)) + left


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
