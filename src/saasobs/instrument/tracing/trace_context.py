"""W3C Trace Context Level 2 (https://www.w3.org/TR/trace-context-2/), reading and writing. Pure.

What comes in was written by strangers: anything is possible in it, and nothing here raises. In short:

1. There is exactly one `traceparent`, or the trace begins anew. Version 00 is 55 characters exactly; a higher version
   may go on after a dash, and of its flags only `sampled` is known; version ff is none.
2. A `traceparent` that is not understood takes its `tracestate` along. The opposite is not true.
3. Several `tracestate` headers are one list, in their order. One member that breaks the grammar, a key that comes
   twice or a 33rd member, and the whole list is dropped; empty members are nothing.
4. `tracestate` is passed on as it came: none of it is ours. Beyond 512 characters whole members go, those of more than
   128 first, then from the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

SAMPLED: Final = 0x01
RANDOM: Final = 0x02
"""The trace ID's last seven bytes are random: goes on as it came, and is set on IDs of our own."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = re.compile(r"([a-z0-9][a-z0-9_\-*/@]{0,255})=([ -+\--<>-~]{0,255}[!-+\--<>-~])")
_OWS: Final = " \t"
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_TRACEPARENT_LIMIT: Final = 512
_MEMBERS: Final = 32
_LENGTH: Final = 512
_LONG_MEMBER: Final = 128
_READ_LIMIT: Final = 32 * (256 + 1 + 256) + 31 + 1024
"""Characters of the longest list there can be, with some room for white space."""


class Parent(NamedTuple):
    """The place in a trace that a caller says it calls from."""

    trace_id: str
    span_id: str
    flags: int
    """SAMPLED and RANDOM; unknown flags are gone."""
    tracestate: str = ""


def parse_parent(traceparent: Sequence[str], tracestate: Sequence[str] = ()) -> Parent | None:
    """The caller's place, from the values of each header as often as it came; None: begin a trace."""
    if len(traceparent) != 1:
        return None
    text = traceparent[0]
    if len(text) > _TRACEPARENT_LIMIT:
        return None
    found = _TRACEPARENT.fullmatch(text.strip(_OWS))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN or (more and version == "00"):
        return None
    known = SAMPLED | RANDOM if version == "00" else SAMPLED
    return Parent(trace_id, span_id, int(flags, 16) & known, parse_tracestate(tracestate) if tracestate else "")


def parse_tracestate(headers: Sequence[str]) -> str:
    """What goes on to those we call, from the values of every `tracestate` header; empty when it breaks the rules."""
    if sum(map(len, headers)) > _READ_LIMIT:
        return ""
    members: dict[str, str] = {}
    for text in ",".join(headers).split(","):
        member = text.strip(_OWS)
        if not member:
            continue
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in members or len(members) == _MEMBERS:
            return ""
        members[found[1]] = member
    return _shortened(list(members.values()))


def _shortened(members: list[str]) -> str:
    """The list, with whole members taken away until it is short enough."""
    length = sum(map(len, members)) + len(members) - 1
    for position in (*_from_the_end(members, long=True), *_from_the_end(members, long=False)):
        if length <= _LENGTH:
            break
        length -= len(members[position]) + 1
        members[position] = ""
    return ",".join(filter(None, members))


def _from_the_end(members: list[str], *, long: bool) -> list[int]:
    return [at for at in reversed(range(len(members))) if (len(members[at]) > _LONG_MEMBER) is long]


def format_traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """The header for those we call: always version 00."""
    return f"00-{trace_id}-{span_id}-{flags:02x}"
