"""A dialogue over a stream: what is sent, what is expected, and what is said when it does not come.

How an expectation is met:
1. What arrives is kept as bytes, at most ANSWER_LIMIT after the last match.
2. The pattern is searched for in what came after the end of the previous step's match, whenever more has arrived;
   ``^`` and ``$`` match at every line. What follows the match stays for the next step, so that it makes no difference
   in which pieces an answer arrives.
3. A step that was not met in its time ends the check, and says what had arrived.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Final

from saasobs.core.redact import MASK
from saasobs.core.result import Failure, Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.matching import bounded
from saasobs.probes.net.stream import Stream
from saasobs.probes.tcp.options import Step
from saasobs.probes.verdict import Unmet, short

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes that may arrive without a match."""
_KEPT: Final = 2048
"""Bytes of what arrived that are kept for the excerpt."""
_WORTH_HIDING: Final = 6
"""Shorter texts than this are no secrets, and masking them would garble what is shown."""
_TELLING: Final = 0.05
"""Seconds before the deadline of the check in which a step gives up, so that its own sentence is told."""


class NotMet(Exception):
    """A step's expectation, which ends the dialogue."""

    def __init__(self, unmet: Unmet) -> None:
        super().__init__(unmet.sentence)
        self.unmet = unmet


@dataclass(slots=True)
class _Heard:
    """What arrived and has not been matched yet."""

    data: bytearray = field(default_factory=bytearray)
    at: int = 0
    """Where the last match ended. One byte before it is kept, so that ``^`` knows whether a line begins there."""

    def take(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the pattern matches now; if so, it goes on after the match. :raises Trouble:"""
        found = bounded(pattern.search, self.data, self.at)
        if found is None:
            return False
        self.at = found.end()
        del found  # it holds the buffer
        self._forget()
        return True

    def end_line(self) -> bool:
        """Whether the line that was matched in is over; if so, it goes on after it."""
        if self.at > 0 and self.data[self.at - 1 : self.at] == b"\n":
            return True
        end = self.data.find(b"\n", self.at) + 1
        if end == 0:
            return not self.rest
        self.at = end
        self._forget()
        return True

    def _forget(self) -> None:
        if self.at > 1:
            del self.data[: self.at - 1]
            self.at = 1

    @property
    def rest(self) -> bytes:
        return bytes(self.data[self.at :])


@dataclass(slots=True)
class Talk:
    """A dialogue under way."""

    inquiry: Inquiry
    stream: Stream
    steps: tuple[Step, ...]
    handshake: Handshake | None = None
    """Of TLS, once it has been turned to."""
    heard: _Heard = field(default_factory=_Heard)

    async def go(self, number: int, step: Step) -> None:
        """:raises NotMet, Trouble:"""
        if data := step.data():
            await self.stream.send(data)
        if step.expect is None:
            return
        rest = self.inquiry.remaining()
        rest -= min(_TELLING, rest / 10)
        patience = min(rest, step.timeout / SECOND) if step.timeout else rest
        try:
            async with asyncio.timeout(patience):
                end = await self._wait_for(step.expect)
        except TimeoutError:
            end = _End(Reason.RESPONSE_TIMEOUT, f"within {format_duration(round(patience * SECOND))}")
        if end is not None:
            raise self._not_met(number, step.expect, end)

    async def end_line(self) -> None:
        """Up to the end of the line that was matched in: what comes after it is TLS's. :raises Trouble:"""
        while not self.heard.end_line():
            if await self._hear() is not None:
                raise self.stream.ended()
        if self.heard.rest:
            raise Trouble(Reason.PROTOCOL_ERROR, "it sent something before the TLS handshake")

    async def _wait_for(self, pattern: re.Pattern[bytes]) -> _End | None:
        """Until it matches; otherwise, why it never can."""
        while True:
            begun = time.process_time()
            if self.heard.take(pattern):
                return None
            # Who sends byte by byte makes us search again and again: at most a tenth of the time goes into it.
            await asyncio.sleep(10 * (time.process_time() - begun))
            if end := await self._hear():
                return end

    async def _hear(self) -> _End | None:
        """Read more; why there is none."""
        try:
            more = await self.stream.some(ANSWER_LIMIT)
        except Trouble as trouble:
            if trouble.reason is not Reason.CONNECTION_RESET:
                raise
            return _End(Reason.CONNECTION_RESET, "before the connection was broken off")
        self.heard.data += more
        self.inquiry.said = self._shown(self.heard.rest[:_KEPT])
        if not more:
            return _End(self.stream.ended().reason, "before it closed the connection")
        if len(self.heard.data) - self.heard.at > ANSWER_LIMIT:
            return _End(Reason.RESPONSE_MISMATCH, f"in its first {ANSWER_LIMIT // 1024} KiB")
        return None

    def _not_met(self, number: int, pattern: re.Pattern[bytes], end: _End) -> Exception:
        wanted, rest = short(pattern.pattern.decode()), self.heard.rest
        if not rest:
            return Trouble(end.reason, f"{self.stream.place}, step {number}: expected {wanted} {end.words}")
        seen = short(self._shown(rest[:_KEPT]).replace("\r\n", r"\r\n").replace("\n", r"\n"))
        sentence = f'step {number}: expected {wanted} {end.words}, got "{seen}"'
        return NotMet(Unmet(Failure(f"step {number}", wanted, seen, Reason.RESPONSE_MISMATCH), sentence))

    def _shown(self, data: bytes) -> str:
        """As text, without what our steps send: the other side may repeat it."""
        for sent in (step.data().strip() for step in self.steps):
            if len(sent) >= _WORTH_HIDING:
                data = data.replace(sent, MASK.encode())
        return data.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class _End:
    """Why an expectation can no longer be met."""

    reason: Reason
    """When nothing had arrived."""
    words: str
