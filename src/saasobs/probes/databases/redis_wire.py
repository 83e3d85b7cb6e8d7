"""RESP 2, https://redis.io/docs/latest/develop/reference/protocol-spec/: commands as arrays, and all kinds of reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from saasobs.core.result import Reason
from saasobs.core.values import Secret
from saasobs.probes.databases.answer import quoted
from saasobs.probes.databases.packet import Meter
from saasobs.probes.inquiry import Trouble

_MOST_NESTED: Final = 8
_INTEGER: Final = re.compile(rb"[+-]?[0-9]{1,19}")
_NOT_NOW: Final = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "DENIED", "TRYAGAIN", "ERR max number of clients")
_LOGIN: Final = ("WRONGPASS", "NOAUTH", "ERR invalid password", "ERR AUTH", "ERR Client sent AUTH")
_ELSEWHERE: Final = ("MOVED", "ASK")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that is an error, in the server's words."""

    words: str

    def trouble(self, reason: Reason = Reason.QUERY_FAILED, secret: Secret | None = None) -> Trouble:
        """:param reason: what it means when its first word does not say."""
        if self.words.startswith(_LOGIN):
            reason = Reason.AUTHENTICATION_FAILED
        elif self.words.startswith(_NOT_NOW):
            reason = Reason.NOT_SERVING
        more = "; another server of the cluster is never followed" if self.words.startswith(_ELSEWHERE) else ""
        return Trouble(reason, quoted(self.words, secret) + more)


def command(words: Sequence[str]) -> bytes:
    """As it goes over the wire."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


async def reply(meter: Meter) -> Any:
    """The next reply: text, number, None, a list, or a Refusal. :raises Trouble:"""
    return await _read(meter, 0)


async def _read(meter: Meter, depth: int) -> Any:
    if depth > _MOST_NESTED:
        raise Trouble(Reason.BODY_TOO_LARGE, f"a reply of more than {_MOST_NESTED} levels")
    line = await meter.line()
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest.decode("utf-8", "replace")
    if kind == b"-":
        return Refusal(rest.decode("utf-8", "replace"))
    if kind not in (b":", b"$", b"*") or not _INTEGER.fullmatch(rest):
        raise Trouble(Reason.PROTOCOL_ERROR, f'no Redis, but "{quoted(line.decode("utf-8", "backslashreplace"))}"')
    number = int(rest)
    if kind == b":":
        return number
    if number < 0:
        return None
    if kind == b"$":
        return (await meter.exactly(number + 2))[:-2].decode("utf-8", "replace")
    return [await _read(meter, depth + 1) for _ in range(number)]
